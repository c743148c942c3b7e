"""The daemon behind a real mosquitto with QoS 1, beside a bare client that only counts.

Both get the same messages from the same publisher, in turns. The bare client is aiomqtt's
`async for` and nothing else; aiomqtt acknowledges for it at once. The daemon decodes, commits each
event to its journal on the disk before it acknowledges, counts it, ticks and judges 1,000 queues
each second. Time runs from the first message sent until the last event is in the journal and the
daemon's own metric says so; CPU time is that of the receiving process alone.

Broker, publisher and receiver share the machine; on two cores the receiver has about one.

    PYTHONPATH=.:tests python tests/benchmarks/bench_daemon.py [--quick]
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import aiomqtt
import msgspec
import real_parts
from daemon_process import BROKER_SETTINGS, Daemon, cpu_s, peak_mb, running, write_config
from figures import Figure, present
from publisher import Prepared, Publisher, prepare
from workload import Load

QUEUES: Final = 1_000
SHARE: Final = 0.9
BATCHED_TARGET: Final = 150_000.0
_WITHIN_S: Final = 600.0
_POLL_S: Final = 0.01
# About as fast as the events will be taken, so that their times and the clock's go together.
_EXPECTED_PER_S: Final = {1: 15_000.0, 100: 150_000.0}


class Run(NamedTuple):
    """What one receiver took: on the wall, of CPU, and at most of memory."""

    wall_s: float
    cpu_s: float
    peak_mb: float


async def bare(folder: Path, port: int, load: Load, events: int, each: int) -> Run:
    """Let the bare client receive everything."""
    prepared = prepare(folder, load, events, each)
    receiver = await asyncio.create_subprocess_exec(
        sys.executable,
        __file__,
        "--receive",
        str(port),
        str(prepared.messages),
        stdout=asyncio.subprocess.PIPE,
    )
    assert receiver.stdout is not None
    assert await receiver.stdout.readline() == b"ready\n"
    before_s = cpu_s(receiver.pid)
    async with Publisher(port, prepared) as publisher:
        publisher.go()
        ended_ns, spent_s, peak = msgspec.json.decode(await receiver.stdout.readline())
        begun_ns = (await publisher.sent_ns())[0]
    await receiver.wait()
    return Run((ended_ns - begun_ns) / 1e9, spent_s - before_s, peak)


async def receive(port: int, messages: int) -> None:
    """Be the bare client."""
    async with aiomqtt.Client("127.0.0.1", port, identifier="bench-bare") as client:
        await client.subscribe("acd/#", qos=1)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        received = 0
        async for _ in client.messages:
            received += 1
            if received == messages:
                break
        figures = (time.monotonic_ns(), time.process_time(), peak_mb())
    sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")


async def daemon(folder: Path, port: int, load: Load, events: int, each: int) -> Run:
    """Let a fresh daemon receive everything."""
    home = Path(tempfile.mkdtemp(dir=folder))
    with running(write_config(home, port, load.queues)) as monitor:
        prepared = prepare(folder, load, events, each)
        before_s = cpu_s(monitor.pid)
        async with Publisher(port, prepared) as publisher:
            publisher.go()
            ended_ns = await _journalled(monitor, prepared)
            begun_ns = (await publisher.sent_ns())[0]
        await real_parts.wait_until_async(
            lambda: _counted(monitor) == events, _WITHIN_S, "the daemon's own count"
        )
        return Run((ended_ns - begun_ns) / 1e9, cpu_s(monitor.pid) - before_s, peak_mb(monitor.pid))


async def _journalled(monitor: Daemon, prepared: Prepared) -> int:
    """Wait until all events are on the disk; one row of the journal is a batch of events."""
    reader = sqlite3.connect(f"file:{monitor.store}?mode=ro", uri=True)
    try:
        held = 0
        deadline_s = time.monotonic() + _WITHIN_S
        while time.monotonic() < deadline_s:
            (held,) = reader.execute("SELECT coalesce(sum(count), 0) FROM journal").fetchone()
            if held == prepared.events:
                return time.monotonic_ns()
            await asyncio.sleep(_POLL_S)
    finally:
        reader.close()
    raise TimeoutError(f"{held} of {prepared.events} events came; status: {monitor.status()}")


def _counted(monitor: Daemon) -> int:
    (source,) = monitor.status()["sources"]
    return int(source["events_total"])


async def compare(folder: Path, events: int, each: int, rounds: int) -> list[Figure]:
    """Let both receive in turns; return the figures of the daemon."""
    load = Load(QUEUES, _EXPECTED_PER_S[each])
    bares: list[Run] = []
    ours: list[Run] = []
    for _ in range(rounds):
        with real_parts.mosquitto(folder, BROKER_SETTINGS) as broker:
            bares.append(await bare(folder, broker.port, load, events, each))
        with real_parts.mosquitto(folder, BROKER_SETTINGS) as broker:
            ours.append(await daemon(folder, broker.port, load, events, each))
    title = "1 event a message" if each == 1 else f"{each} events a message"
    by_wall = [events / median(run.wall_s for run in runs) for runs in (ours, bares)]
    by_cpu = [events / median(run.cpu_s for run in runs) for runs in (ours, bares)]
    peak = max(run.peak_mb for run in ours)
    return [
        Figure(
            "daemon",
            f"{title}, by the wall",
            by_wall[0],
            "events/s",
            target=BATCHED_TARGET if each > 1 else None,
            baseline_name="bare client",
            baseline=by_wall[1],
            ratio_target=SHARE if each == 1 else None,
            note=f"at most {peak:.0f} MB; bare client {max(run.peak_mb for run in bares):.0f} MB",
        ),
        Figure(
            "daemon",
            f"{title}, by CPU time",
            by_cpu[0],
            "events/s",
            baseline_name="bare client",
            baseline=by_cpu[1],
        ),
    ]


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 (the one argument of every benchmark)
    """Measure one event in each message, and a hundred."""
    sizes = ((20_000, 1), (100_000, 100)) if quick else ((100_000, 1), (600_000, 100))
    rounds = 1 if quick else 3
    with tempfile.TemporaryDirectory() as folder:
        return [
            figure
            for events, each in sizes
            for figure in asyncio.run(compare(Path(folder), events, each, rounds))
        ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--receive"]:
        asyncio.run(receive(int(sys.argv[2]), int(sys.argv[3])))
    else:
        present(measure)
