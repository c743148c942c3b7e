"""A tick with everything that follows it, and the longest time for which it holds the event loop.

An hour of calls fills the windows; then seconds of 5,000 events each are counted, and after each
comes what the daemon does once a second: the tick, the snapshot and the exposition. The daemon
gives way between the tick, the steps of the snapshot and the slices of the exposition, so the
longest of these is how long the loop stalls. The baseline is what running sums save: to sum all
windows anew from the buckets that they cover, where the tick adds the newest and takes away the
oldest.

    PYTHONPATH=.:tests python tests/benchmarks/bench_tick.py [--quick]
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from statistics import median
from time import perf_counter, process_time, thread_time
from typing import Any, Final

from figures import Figure, percentile, present
from workload import (
    BASE_S,
    EVENTS_A_CALL,
    Load,
    decoded,
    make_plan,
    received_events,
)

from monitor.core.daemon import DaemonView
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.plan import SECOND_MS
from monitor.core.ring import WindowRing
from monitor.core.snapshot import Snapshot
from monitor.sinks.prometheus import Exposition

TARGETS_MS: Final = {1_000: 8.0, 10_000: 80.0}
STALL_MS: Final = 20.0
_HISTORY_S: Final = 3_600
_HISTORY_EVENTS_PER_S: Final = 100
_EVENTS_PER_S: Final = 5_000
# Callers whose waits are drawn apart look to the watch like agents who let them wait, if they are
# long; a day without an outage is measured.
_HOLD_S: Final = 2.0
_TALK_S: Final = 43.0
# Until as many calls are under way as at that density.
_UNDER_WAY_S: Final = 60


class Stopwatch:
    """CPU times of steps.

    A step's time is that of this thread: what others do on the machine is not ours to shorten.
    """

    def __init__(self) -> None:
        self.laps_ms: list[float] = []
        self._from = thread_time()

    def lap(self) -> None:
        """A step has ended and the next one begins."""
        now = thread_time()
        self.laps_ms.append((now - self._from) * 1000)
        self._from = now


def tick(engine: Engine, exposition: Exposition, second: int) -> list[float]:
    """Do one tick; return how long the loop was held each time, ms of CPU."""
    watch = Stopwatch()
    engine.on_tick(second * SECOND_MS)
    watch.lap()
    snapshot = _each(engine.snapshot_steps(), watch)
    _drain(exposition.render_slices(snapshot, DaemonView(version="0", started_ms=0)), watch)
    return watch.laps_ms


def _each(steps: Generator[None, None, Snapshot], watch: Stopwatch) -> Snapshot:
    while True:
        try:
            next(steps)
        except StopIteration as done:
            watch.lap()
            snapshot: Snapshot = done.value
            return snapshot
        watch.lap()


def _drain(slices: Iterable[Any], watch: Stopwatch) -> None:
    for _ in slices:
        watch.lap()


def sum_anew(ring: WindowRing) -> None:
    """Sum all windows from the buckets."""
    for index, window in enumerate(ring.windows_s):
        ring.sums[index] = 0
        ring._sum_up(window, ring.sums[index])


def day_of(queues: int, history_s: int, seconds: int) -> list[Event]:
    """An hour of calls and, while they go on, seconds of many more."""
    quiet = Load(queues, _HISTORY_EVENTS_PER_S, hold_s=_HOLD_S, talk_s=_TALK_S)
    busy = replace(
        quiet,
        events_per_s=_EVENTS_PER_S,
        base_s=BASE_S + history_s,
        first_call=10_000_000,
    )
    told: list[tuple[float, dict[str, Any]]] = []
    for load, lasts_s in ((quiet, history_s + seconds), (busy, seconds + _UNDER_WAY_S)):
        told += received_events(int(load.events_per_s * lasts_s / EVENTS_A_CALL), load)
    told.sort(key=lambda one: one[0])
    return decoded([event for _, event in told])


def tell(engine: Engine, events: list[Event], on_second: Callable[[int], None]) -> None:
    """Have the events counted, second by second, with what comes after each."""
    batches: dict[int, list[Event]] = {}
    newest = 0
    for event in events:
        newest = max(newest, event.at_ms // SECOND_MS)
        batches.setdefault(newest, []).append(event)
    for second, batch in batches.items():
        engine.on_events(batch, second * SECOND_MS + SECOND_MS - 1)
        on_second(second + 1)


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 (the one argument of every benchmark)
    """Measure 1,000 and 10,000 queues."""
    history_s, seconds = (600, 15) if quick else (_HISTORY_S, 40)
    figures: list[Figure] = []
    for queues, target_ms in TARGETS_MS.items():
        engine, exposition = Engine(make_plan(queues)), Exposition()
        busy_s = BASE_S + history_s
        held: list[list[float]] = []
        walls_ms: list[float] = []
        anew_ms: list[float] = []
        first: list[float] = []

        def on_second(second: int) -> None:
            if not busy_s <= second <= busy_s + seconds:  # noqa: B023 (called at once)
                engine.on_tick(second * SECOND_MS)  # noqa: B023
                return
            begun = perf_counter()
            laps = tick(engine, exposition, second)  # noqa: B023
            if not first:  # noqa: B023
                # Labels and templates are made once, when the first page is asked for.
                first.extend(laps)  # noqa: B023
                return
            held.append(laps)  # noqa: B023
            walls_ms.append((perf_counter() - begun) * 1000)  # noqa: B023
            begun = process_time()
            sum_anew(engine.ring)  # noqa: B023
            anew_ms.append((process_time() - begun) * 1000)  # noqa: B023

        tell(engine, day_of(queues, history_s, seconds), on_second)
        figures += _figures(queues, target_ms, held, walls_ms, anew_ms, first)
    return figures


def _figures(
    queues: int,
    target_ms: float,
    held: list[list[float]],
    walls_ms: list[float],
    anew_ms: list[float],
    first: list[float],
) -> list[Figure]:
    name = f"{queues:,} queues x 6 windows"
    moved = median(laps[0] for laps in held)
    longest = [max(laps) for laps in held]
    return [
        Figure(
            "tick",
            f"{name}, tick + snapshot + exposition",
            median(map(sum, held)),
            "ms",
            target_ms,
            at_least=False,
            wall=median(walls_ms),
            note=f"p99 {percentile(map(sum, held), 99):.1f} ms",
        ),
        Figure(
            "tick",
            f"{name}, windows moved and rules judged",
            moved,
            "ms",
            at_least=False,
            baseline_name="sums anew",
            baseline=median(anew_ms),
        ),
        Figure(
            "tick",
            f"{name}, longest hold of the loop",
            max(longest),
            "ms",
            STALL_MS,
            at_least=False,
            note=f"median {median(longest):.1f} ms; of the first page {max(first):.1f} ms",
        ),
    ]


if __name__ == "__main__":
    present(measure)
