"""Memory of the engine with everything that it feeds, over a day and more of steady traffic.

A process of its own for each number of queues: events of a call center with some 10,000 calls
under way, a tick for each second of the events' time, and a snapshot with its exposition every
minute. The day is made of ten minutes of events that are told again and again, with new call ids
and moved times; calls that are under way at their end go on in the next. The run is longer than a
day, so that the longest window is full and has begun to forget; from then on memory has to stay
flat. What the ten minutes of events themselves take is subtracted.

    PYTHONPATH=.:tests python tests/benchmarks/bench_memory.py [--quick]
"""

import gc
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from daemon_process import resident_mb
from figures import Figure, present
from workload import BASE_S, EVENTS_A_CALL, SOURCE, Load, make_plan, received_events

from monitor.core.daemon import DaemonView
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.plan import SECOND_MS
from monitor.formats.normalized import NormalizedDecoder
from monitor.sinks.prometheus import Exposition

TARGETS_MB: Final = {1_000: 250.0, 10_000: 1_000.0}
GROWTH: Final = 1.05
_BLOCK_S: Final = 600
_DAY_S: Final = 86_400
_EVENTS_PER_S: Final = 100
_UNDER_WAY: Final = 10_000
_LOOKED_EVERY_S: Final = 60


class Held(msgspec.Struct):
    """Memory over one run.

    Attributes:
        events: How many events there were.
        open_calls: Calls under way at the end.
        settled_mb: Once the longest window was full; after half of a run shorter than a day.
        end_mb: At the end.
        peak_mb: At most.
    """

    events: int
    open_calls: int
    settled_mb: float
    end_mb: float
    peak_mb: float


def block_of_events(queues: int) -> list[list[tuple[int, Event]]]:
    """For each second of the block its events, each with the blocks that it is late by."""
    decoder = NormalizedDecoder(SOURCE, b"benchmark")
    load = Load(queues, _EVENTS_PER_S, hold_s=15.0, talk_s=455.0)
    seconds: list[list[tuple[int, Event]]] = [[] for _ in range(_BLOCK_S)]
    calls = int(_EVENTS_PER_S * _BLOCK_S / EVENTS_A_CALL)
    for received_s, event in received_events(calls, load):
        blocks, second = divmod(int(received_s) - BASE_S, _BLOCK_S)
        (made,) = decoder.decode(msgspec.json.encode(event)).events
        seconds[second].append((blocks, made))
    return seconds


def events_of(second: list[tuple[int, Event]], block: int) -> Iterator[Event]:
    """The events of one second as they are told in a block."""
    for late, event in second:
        begun = block - late
        if begun >= 0:
            moved_ms = begun * _BLOCK_S * SECOND_MS
            told: dict[str, Any] = {"at_ms": event.at_ms + moved_ms}
            if event.queued_ms is not None:
                told["queued_ms"] = event.queued_ms + moved_ms
            yield msgspec.structs.replace(event, call_id=f"{event.call_id}-{begun}", **told)


def run(queues: int, events: int) -> Held:
    """Let the time pass; return what was held."""
    before_mb = resident_mb()
    block = block_of_events(queues)
    gc.collect()
    own_mb = resident_mb() - before_mb
    engine, exposition = Engine(make_plan(queues)), Exposition()
    seconds = events // _EVENTS_PER_S
    settled_at = _DAY_S + 3_600 if seconds > _DAY_S + 7_200 else seconds // 2
    samples_mb: list[float] = []
    count = 0
    for at_s in range(seconds):
        now_ms = (BASE_S + at_s) * SECOND_MS
        batch = list(events_of(block[at_s % _BLOCK_S], at_s // _BLOCK_S))
        engine.on_events(batch, now_ms + SECOND_MS - 1)
        count += len(batch)
        engine.on_tick(now_ms + SECOND_MS)
        # What goes to the store is handed over each second.
        engine.intervals.take()
        engine.happenings()
        if at_s % _LOOKED_EVERY_S == 0:
            daemon = DaemonView(version="0", started_ms=0)
            for _ in exposition.render_slices(engine.snapshot(), daemon):
                pass
            samples_mb.append(resident_mb() - own_mb)
    settled_mb = samples_mb[settled_at // _LOOKED_EVERY_S]
    open_calls = engine.snapshot().open_calls
    return Held(count, open_calls, settled_mb, samples_mb[-1], max(samples_mb))


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 (the one argument of every benchmark)
    """Measure 1,000 and 10,000 queues."""
    figures: list[Figure] = []
    for queues, target_mb in TARGETS_MB.items():
        # Ticks of 10,000 queues take most of the time, and memory settles the same way.
        events = 300_000 if quick else 10_000_000 if queues == min(TARGETS_MB) else 1_000_000
        command = [sys.executable, __file__, "--run", str(queues), str(events)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        held = msgspec.json.decode(done.stdout, type=Held)
        name = f"{queues:,} queues, {held.open_calls:,} open calls, {held.events:,} events"
        figures += [
            Figure("memory", name, held.peak_mb, "MB", target_mb, at_least=False),
            Figure(
                "memory",
                f"{queues:,} queues, end of the run to settled",
                held.end_mb / held.settled_mb,
                "x",
                GROWTH if events >= 10_000_000 else None,
                at_least=False,
                note=f"{held.settled_mb:.0f} MB, then {held.end_mb:.0f} MB",
            ),
        ]
    return figures


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        held = run(int(sys.argv[2]), int(sys.argv[3]))
        sys.stdout.write(msgspec.json.encode(held).decode())
    else:
        present(measure)
