"""A publisher in a process of its own that is never the bottleneck: its packets are made before.

It reads messages from a file, connects, tells that it is ready, waits for a line on stdin, and
sends everything with QoS 1, as fast as the broker takes it or at a given rate. Then it writes to
its output when each message was sent (monotonic nanoseconds, which all processes of a machine
share).

    python tests/benchmarks/publisher.py PORT MESSAGES.msgpack RATE
"""

import asyncio
import socket
import sys
import threading
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from bench_mqtt_source import _packet as packet
from bench_mqtt_source import _text as text
from workload import SOURCE, Load, wire_events

from monitor.clock import Clock

TOPIC: Final = f"acd/{SOURCE}/call/all"
_IN_FLIGHT_IDS: Final = 65_535
# The publisher sends what is due this often, as many adapters together would.
_EVERY_S: Final = 0.001
# From making the events to the first being sent.
_AHEAD_S: Final = 2.0


class Prepared(msgspec.Struct):
    """Messages for one run.

    Attributes:
        path: Their file.
        messages: How many there are.
        events: How many events they hold.
    """

    path: Path
    messages: int
    events: int


def prepare(folder: Path, load: Load, events: int, each: int) -> Prepared:
    """Write messages whose events happen about when they will be sent.

    Args:
        folder: Where to.
        load: How the day is; its `base_s` is replaced by now.
        events: How many.
        each: Events in one message.
    """
    wire = [{**event, "seq": seq} for seq, event in enumerate(wire_events(events, load))]
    # Encoding takes some microseconds an event; only then can they be sent.
    shift_s = Clock().now_ms() / 1000 + _AHEAD_S + events * 5e-6 - load.base_s
    for event in wire:
        for name in ("ts", "queued_at"):
            if name in event:
                event[name] = round(event[name] + shift_s, 3)
    encoded = [_encode(wire[at : at + each]) for at in range(0, events, each)]
    path = folder / f"messages-{each}.msgpack"
    path.write_bytes(msgspec.msgpack.encode(encoded))
    return Prepared(path, len(encoded), events)


def _encode(events: list[dict[str, Any]]) -> bytes:
    return msgspec.json.encode(events[0] if len(events) == 1 else events)


class Publisher:
    """A publisher's process.

    Use as an asynchronous context manager; `go` once, then `sent_ns`.
    """

    def __init__(self, port: int, prepared: Prepared, rate: float = 0.0) -> None:
        self._arguments = (str(port), str(prepared.path), str(rate))
        self._process: Process

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, *self._arguments, stdin=PIPE, stdout=PIPE, limit=2**28
        )
        assert self._process.stdout is not None
        assert await self._process.stdout.readline() == b"ready\n"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def go(self) -> None:
        """Begin to send."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")

    async def sent_ns(self) -> list[int]:
        """When each message was sent; returns when the broker has acknowledged all."""
        assert self._process.stdout is not None
        sent: list[int] = msgspec.json.decode(await self._process.stdout.readline())
        await self._process.wait()
        return sent


def main() -> None:
    """Publish."""
    port, path, rate = int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    payloads = msgspec.msgpack.decode(path.read_bytes(), type=list[bytes])
    topic = text(TOPIC.encode())
    packets = [
        packet(0x32, topic + (at % _IN_FLIGHT_IDS + 1).to_bytes(2, "big") + payload)
        for at, payload in enumerate(payloads)
    ]
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hello = text(b"MQTT") + bytes([4, 2, 0, 60]) + text(b"bench-publisher")
        sock.sendall(packet(0x10, hello))
        assert sock.recv(4) == b"\x20\x02\x00\x00"
        reader = threading.Thread(target=_read_acknowledgements, args=(sock, len(packets)))
        reader.start()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        sent = _send_at_rate(sock, packets, rate) if rate else _send_all(sock, packets)
        reader.join()
        sys.stdout.write(msgspec.json.encode(sent).decode() + "\n")


def _read_acknowledgements(sock: socket.socket, messages: int) -> None:
    missing = 4 * messages
    while missing > 0:
        missing -= len(sock.recv(65_536))


def _send_all(sock: socket.socket, packets: list[bytes]) -> list[int]:
    sent: list[int] = []
    for at in range(0, len(packets), 100):
        some = packets[at : at + 100]
        sent += [time.monotonic_ns()] * len(some)
        sock.sendall(b"".join(some))
    return sent


def _send_at_rate(sock: socket.socket, packets: list[bytes], rate: float) -> list[int]:
    sent: list[int] = []
    begun_ns = time.monotonic_ns()
    while len(sent) < len(packets):
        now_ns = time.monotonic_ns()
        due = min(int((now_ns - begun_ns) / 1e9 * rate) + 1, len(packets))
        if due > len(sent):
            some = packets[len(sent) : due]
            sent += [now_ns] * len(some)
            sock.sendall(b"".join(some))
        time.sleep(_EVERY_S)
    return sent


if __name__ == "__main__":
    main()
