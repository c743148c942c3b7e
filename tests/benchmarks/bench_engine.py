"""What the engine costs, per event, beside the same events through a dict of lists.

The events are made beforehand. The first half brings the engine to its steady state (calls under
way, ended calls remembered) and is not measured. The baseline keeps a list for each open call and
a flat list of sums, as a script would: no duplicates, no disorder, no windows, no rules; it shows
what the interpreter itself takes for the look-ups that cannot be left out.

    PYTHONPATH=.:tests python tests/benchmarks/bench_engine.py [--quick]
"""

from collections.abc import Callable
from time import perf_counter, process_time
from typing import Final

from figures import Figure, Spent, in_turns, present
from workload import Load, decoded, make_plan, wire_events

from monitor.core import events as types
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.plan import SECOND_MS
from monitor.garbage import calm_collector

BATCH: Final = 1_000
TARGET: Final = 400_000.0
MANY_QUEUES_SHARE: Final = 0.7


class DictOfLists:
    """The baseline: counts and waits of each queue, nothing else."""

    def __init__(self) -> None:
        self.calls: dict[str | None, list[int]] = {}
        self.rows: dict[str | None, int] = {}
        self.sums: list[int] = []

    def on_events(self, batch: list[Event], _now_ms: int) -> None:
        """Count a batch."""
        calls, rows, sums = self.calls, self.rows, self.sums
        for event in batch:
            kind = event.type
            if kind == types.CALL_STARTED:
                calls[event.call_id] = [event.at_ms, 0, 0]
                continue
            row = rows.get(event.queue)
            if row is None:
                row = rows[event.queue] = len(sums)
                sums.extend((0, 0, 0, 0))
            call = calls.get(event.call_id)
            if call is None:
                call = calls[event.call_id] = [0, event.at_ms, 0]
            if kind == types.CALL_QUEUED:
                call[1] = event.at_ms
                sums[row] += 1
            elif kind == types.CALL_ANSWERED:
                call[2] = event.at_ms
                sums[row + 1] += 1
                sums[row + 2] += event.at_ms - call[1]
            else:
                sums[row + 3] += 1
                del calls[event.call_id]


Apply = Callable[[list[Event], int], object]


def drive(apply: Apply, tick: Callable[[int], object] | None, events: list[Event]) -> Spent:
    """Apply all events in batches; return what the second half took.

    Args:
        apply: Takes a batch and the instant of receipt.
        tick: Called at each whole second of the events' time; None for no ticks.
        events: In order of receipt.
    """
    batches = [events[at : at + BATCH] for at in range(0, len(events), BATCH)]
    measured_from = len(batches) // 2
    now_ms = events[0].at_ms
    second = now_ms // SECOND_MS
    wall_s = cpu_s = 0.0
    for number, batch in enumerate(batches):
        if number == measured_from:
            wall_s, cpu_s = perf_counter(), process_time()
        now_ms = max(now_ms, batch[-1].at_ms)
        if tick is not None:
            while second < now_ms // SECOND_MS:
                second += 1
                tick(second * SECOND_MS)
        apply(batch, now_ms)
    return Spent(perf_counter() - wall_s, process_time() - cpu_s)


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 (the one argument of every benchmark)
    """Measure 1,000 and 10,000 queues."""
    count, rounds = (200_000, 3) if quick else (600_000, 5)
    figures: list[Figure] = []
    for queues in (1_000, 10_000):
        events = decoded(wire_events(count, Load(queues)))
        plan = make_plan(queues)
        calm_collector()  # as the daemon does when it has been built up

        def alone(events: list[Event] = events) -> Spent:
            return drive(Engine(plan).on_events, None, events)  # noqa: B023 (called at once)

        def ticked(events: list[Event] = events) -> Spent:
            engine = Engine(plan)  # noqa: B023 (called at once)
            return drive(engine.on_events, engine.on_tick, events)

        def bare(events: list[Event] = events) -> Spent:
            return drive(DictOfLists().on_events, None, events)

        spent = in_turns({"alone": alone, "ticked": ticked, "bare": bare}, rounds)
        half = count - count // BATCH // 2 * BATCH
        target = TARGET if not figures else MANY_QUEUES_SHARE * figures[0].value
        figures += [
            Figure(
                "engine",
                f"{queues:,} queues, {title}",
                half / spent[name].cpu_s,
                "events/s",
                target=target if name == "alone" else None,
                baseline_name="dict of lists",
                baseline=half / spent["bare"].cpu_s,
                wall=half / spent[name].wall_s,
            )
            for name, title in (("alone", "events alone"), ("ticked", "with a tick each second"))
        ]
    return figures


if __name__ == "__main__":
    present(measure)
