"""The child process behind `broker.py`: `python -m monitor.simulation.mqtt_server --port N`.

amqtt is an MQTT broker in Python, so `demo` needs nothing but this package. It speaks MQTT 3.1.1
only and turns an MQTT 5 client away with the code 132. It is fit for a demonstration and for
tests, not for more: a message that a subscriber has not acknowledged within five seconds, or when
its connection ends, is not sent again.

We listen ourselves and hand the connections over. That lets the system choose the port, tells the
parent when the port is open, and binds to loopback and nothing else. The address is the first and
only line on stdout.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from dataclasses import dataclass
from typing import Final

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BaseContext
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

_LISTENER: Final = "default"
_STDIN: Final = 0


class AdmitEverybody(BaseAuthPlugin):
    """Lets every client in, with or without a name.

    amqtt's own anonymous access forgets the session of a client that goes away; this one keeps
    the messages for a client that asked for a persistent session.
    """

    async def authenticate(self, *, session: Session) -> bool:
        """Admit the client; only loopback reaches us."""
        del session
        return True

    @dataclass
    class Config:
        """amqtt expects a configuration; there is nothing to configure."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)


async def serve(port: int, *, until_stdin_ends: bool) -> None:
    """Run the broker until it is told to stop.

    Args:
        port: Port on 127.0.0.1; 0 lets the system choose.
        until_stdin_ends: Also stop when stdin ends, as it does when the parent process dies.

    Raises:
        OSError: The port is taken.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_stdin_ends:
        loop.add_reader(_STDIN, _stop_at_end, loop, stop)
    plugin = f"{AdmitEverybody.__module__}.{AdmitEverybody.__qualname__}"
    broker = Broker({"listeners": {_LISTENER: {"type": "external"}}, "plugins": {plugin: {}}})
    await broker.start()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await broker.external_connected(
            StreamReaderAdapter(reader), StreamWriterAdapter(writer), _LISTENER
        )

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    sys.stdout.write(f"127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()
    await broker.shutdown()


def _stop_at_end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Stop when stdin has ended; whatever is written to it is ignored."""
    if not os.read(_STDIN, 4096):
        loop.remove_reader(_STDIN)
        stop.set()


def main() -> None:
    """Run the child process."""
    parser = argparse.ArgumentParser(prog="python -m monitor.simulation.mqtt_server")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: any")
    parser.add_argument("--until-stdin-ends", action="store_true", help="stop with the parent")
    options = parser.parse_args()
    # A client that goes away is a warning to amqtt; whoever watches the demo has no use for it.
    logging.basicConfig(level=logging.CRITICAL)
    asyncio.run(serve(options.port, until_stdin_ends=options.until_stdin_ends))


if __name__ == "__main__":
    main()
