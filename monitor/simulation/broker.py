"""An MQTT broker of our own for `demo` and for tests, in a child process.

A child, because a broker written in Python would take turns with the daemon on one event loop and
falsify what is shown. It never outlives us: it holds the other end of its stdin and stops when
that ends, which happens even when we are killed.
"""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import monitor

_STARTS_WITHIN_S: Final = 30.0
_STOPS_WITHIN_S: Final = 5.0


class EmbeddedBroker:
    """A running broker, as an async context manager.

    MQTT 3.1.1, QoS 0 and 1, everybody is admitted, 127.0.0.1 only. An MQTT 5 client is refused
    with the code 132 (unsupported protocol version). A message that was delivered and not
    acknowledged before the subscriber went away is not delivered again.

    Args:
        port: Port on 127.0.0.1; 0 lets the system choose.

    Attributes:
        port: The port that is listened on; final once entered.
        pid: Process id of the child; None before it is started.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.pid: int | None = None
        self._child: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"mqtt://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        """Start the child and wait until it listens.

        Raises:
            RuntimeError: It ended or did not listen in time; with what it wrote to stderr.
        """
        # The child must import the package we run from, also out of a checkout.
        path = os.pathsep.join(
            (str(Path(monitor.__file__).parent.parent), os.environ.get("PYTHONPATH", ""))
        )
        self._child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor.simulation.mqtt_server"),
            *("--port", str(self.port), "--until-stdin-ends"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
            # Ctrl-C is for us; we then stop the child, after the clients.
            start_new_session=True,
        )
        self.pid = self._child.pid
        try:
            self.port = await self._listening_port(self._child)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the child."""
        await self.stop()

    @staticmethod
    async def _listening_port(child: asyncio.subprocess.Process) -> int:
        assert child.stdout is not None
        assert child.stderr is not None
        try:
            async with asyncio.timeout(_STARTS_WITHIN_S):
                line = await child.stdout.readline()
        except TimeoutError as fault:
            raise RuntimeError("the embedded MQTT broker did not start in time") from fault
        if not line:
            told = (await child.stderr.read()).decode(errors="replace").strip()
            raise RuntimeError(f"the embedded MQTT broker did not start: {told}")
        return int(line.rpartition(b":")[2])

    async def stop(self) -> None:
        """End the child: SIGTERM, and SIGKILL when that does not help. Harmless when it is gone."""
        child, self._child = self._child, None
        if child is None:
            return
        with suppress(ProcessLookupError):
            child.terminate()
        try:
            # Reads the pipes to their end: a child that cannot write does not end either.
            async with asyncio.timeout(_STOPS_WITHIN_S):
                await child.communicate()
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
