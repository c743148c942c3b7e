"""How long a daemon that was killed needs until it is ready again.

Killed as by a power cut, with events in its journal that no checkpoint holds yet: the daemon
starts, reads the last checkpoint, replays the journal since it through the engine with every
tick, and connects. The figure is the whole time from starting the process to readiness, Python's
own start included; a daemon with an empty journal shows how much of it is that.

    PYTHONPATH=.:tests python tests/benchmarks/bench_startup.py [--quick]
"""

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

import real_parts
from bench_daemon import _journalled as journalled
from daemon_process import BROKER_SETTINGS, Daemon, running, write_config
from figures import Figure, present
from publisher import Publisher, prepare
from workload import Load

QUEUES: Final = 1_000
_EVENTS_A_MESSAGE: Final = 100


async def _fill(folder: Path, port: int, monitor: Daemon, events: int) -> None:
    prepared = prepare(folder, Load(QUEUES, 50_000), events, _EVENTS_A_MESSAGE)
    async with Publisher(port, prepared) as publisher:
        publisher.go()
        await journalled(monitor, prepared)
        await publisher.sent_ns()


def _started_s(config: Path, rounds: int) -> float:
    taken_s: list[float] = []
    for _ in range(rounds):
        begun_s = time.monotonic()
        with running(config) as monitor:
            taken_s.append(time.monotonic() - begun_s)
            # Killed before it saves its state, so that the next start replays the same.
            monitor.kill()
    return median(taken_s)


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 (the one argument of every benchmark)
    """Measure a start with an empty journal, and with a full one."""
    events, rounds = (50_000, 1) if quick else (500_000, 3)
    with (
        tempfile.TemporaryDirectory() as folder,
        real_parts.mosquitto(Path(folder), BROKER_SETTINGS) as broker,
    ):
        config = write_config(Path(folder), broker.port, QUEUES)
        empty_s = _started_s(config, rounds)
        with running(config) as monitor:
            asyncio.run(_fill(Path(folder), broker.port, monitor, events))
            monitor.kill()
        full_s = _started_s(config, rounds)
    return [
        Figure("start", "to readiness, empty journal", empty_s, "s", at_least=False),
        Figure(
            "start",
            f"to readiness, {events:,} events to replay",
            full_s,
            "s",
            at_least=False,
            note="" if quick else f"{events / (full_s - empty_s):,.0f} events/s replayed",
        ),
    ]


if __name__ == "__main__":
    present(measure)
