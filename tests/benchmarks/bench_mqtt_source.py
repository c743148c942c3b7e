"""How fast messages come in: a bare aiomqtt client against the source with its inbox.

Both receive the same number of messages with QoS 1 through one mosquitto, one event in each
message, from a publisher in a process of its own. The bare client counts in `async for` and lets
aiomqtt acknowledge at once; ours takes what is there, waits 2 ms as a commit would, and then
acknowledges. The order is bare, ours, bare, so that a drift of the machine is seen.

    PYTHONPATH=.:tests python tests/benchmarks/bench_mqtt_source.py [MESSAGES]
"""

import asyncio
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Final

import aiomqtt
import real_parts

from monitor.sources.inbox import Inbox
from monitor.sources.mqtt import MqttSource, SourceStatus
from monitor.sources.mqtt_settings import MqttSettings

_PAYLOAD: Final = (
    b'{"v":1,"type":"call.answered","source":"pbx1","ts":1763740800.123,"call_id":"c-%012d",'
    b'"queue":"member-en","agent":"a-0042","wait_s":17.25,"queued_at":1763740782.873,"site":"east"}'
)
_COMMIT_S: Final = 0.002
_SETTINGS: Final = (
    ("max_inflight_messages 0", "max_inflight_messages 0\nmax_queued_messages 0"),
    ("max_inflight_messages 20 (default)", "max_inflight_messages 20\nmax_queued_messages 0"),
)


def _text(value: bytes) -> bytes:
    return struct.pack("!H", len(value)) + value


def _packet(head: int, body: bytes) -> bytes:
    length = bytearray()
    rest = len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length.append(digit | (0x80 if rest else 0))
        if not rest:
            return bytes([head]) + bytes(length) + body


def publish(port: int, count: int) -> None:
    """Publish as fast as the broker takes it; returns when it has acknowledged everything."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        hello = _text(b"MQTT") + bytes([4, 2]) + struct.pack("!H", 60) + _text(b"bench-publisher")
        sock.sendall(_packet(0x10, hello))
        assert sock.recv(4) == b"\x20\x02\x00\x00"
        packets = bytearray()
        for number in range(count):
            mid = struct.pack("!H", number % 65_535 + 1)
            packets += _packet(0x32, _text(b"acd/pbx1/call/member-en") + mid + _PAYLOAD % number)

        def read_acknowledgements() -> None:
            missing = 4 * count
            while missing > 0:
                missing -= len(sock.recv(65_536))

        reader = threading.Thread(target=read_acknowledgements)
        reader.start()
        sock.sendall(packets)
        reader.join()


_Run = Coroutine[None, None, tuple[float, float]]


class _Stopwatch:
    def __init__(self) -> None:
        self._wall = self._cpu = 0.0

    def start(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self) -> tuple[float, float]:
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


async def _publisher(port: int, count: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--publish", str(port), str(count)
    )


async def _bare(port: int, count: int, version: aiomqtt.ProtocolVersion) -> tuple[float, float]:
    watch = _Stopwatch()
    async with aiomqtt.Client(
        "127.0.0.1", port, identifier="bench-bare", protocol=version
    ) as client:
        await client.subscribe("acd/#", qos=1)
        publisher = await _publisher(port, count)
        received = 0
        async for _ in client.messages:
            received += 1
            if received == 1:
                watch.start()
            if received == count:
                break
        spent = watch.stop()
        await publisher.wait()
    return spent


async def _ours(port: int, count: int, receive_maximum: int) -> tuple[float, float]:
    watch = _Stopwatch()
    inbox = Inbox()
    connected = asyncio.Event()

    def on_status(status: SourceStatus) -> None:
        if status.connected:
            connected.set()

    settings = MqttSettings(
        host="127.0.0.1",
        port=port,
        topics=("acd/#",),
        client_id="bench-ours",
        receive_maximum=receive_maximum,
    )
    source = asyncio.create_task(MqttSource("pbx1", settings, inbox, on_status).run())
    await connected.wait()
    publisher = await _publisher(port, count)
    received = 0
    while received < count:
        batch = await inbox.take(10_000, 2**24)
        if not received:
            watch.start()
        await asyncio.sleep(_COMMIT_S)
        inbox.acknowledge(batch)
        received += len(batch)
    spent = watch.stop()
    await publisher.wait()
    source.cancel()
    await asyncio.gather(source, return_exceptions=True)
    return spent


def _runs(port: int, count: int) -> list[tuple[str, Callable[[], _Run]]]:
    v311, v5 = aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5
    return [
        ("bare aiomqtt, MQTT 3.1.1", lambda: _bare(port, count, v311)),
        ("source and inbox, receive maximum 1000", lambda: _ours(port, count, 1_000)),
        ("source and inbox, receive maximum 250", lambda: _ours(port, count, 250)),
        ("source and inbox, receive maximum 20", lambda: _ours(port, count, 20)),
        ("bare aiomqtt, MQTT 5", lambda: _bare(port, count, v5)),
        ("bare aiomqtt, MQTT 3.1.1", lambda: _bare(port, count, v311)),
    ]


def main() -> None:
    """Print one table for each setting of the broker."""
    if sys.argv[1:2] == ["--publish"]:
        publish(int(sys.argv[2]), int(sys.argv[3]))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000
    for title, extra in _SETTINGS:
        quiet = f"{extra}\npersistence false\nlog_type error\n"
        with (
            tempfile.TemporaryDirectory() as folder,
            real_parts.mosquitto(Path(folder), quiet) as broker,
        ):
            size = len(_PAYLOAD % 0)
            print(f"\n{count} messages of {size} bytes, QoS 1, mosquitto with {title}")
            print(f"{'receiver':40} {'messages/s':>10} {'us CPU each':>11} {'x bare':>6}")
            bare_s = 0.0
            for name, run in _runs(broker.port, count):
                wall_s, cpu_s = asyncio.run(run())
                bare_s = bare_s or wall_s
                print(
                    f"{name:40} {count / wall_s:10.0f} {1e6 * cpu_s / count:11.1f}"
                    f" {bare_s / wall_s:6.2f}"
                )


if __name__ == "__main__":
    main()
