"""Made-up calls for the tests of the core: a plan, strategies, and how to feed an engine.

A call is made from facts (when it queued, how long it waited, how it ended) and then told by
events that carry more or less of them, as sources do. `tell` puts the events of several calls in
order of time and rank; what a test does to that order, it does itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from monitor.core.engine import Engine
from monitor.core.events import RANK, Event
from monitor.core.fields import FIELDS
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS, ContractPlan, LinePlan, Plan
from monitor.core.snapshot import Snapshot
from monitor.core.standards import Formula, Measure, Requirement, Standard

LAWS: Final = settings(
    max_examples=100,
    deadline=None,
    print_blob=True,
    # Whether data are made fast enough is a question of the machine.
    suppress_health_check=[HealthCheck.too_slow],
)
BASE_MS: Final = 1_760_000_040_000  # a whole minute
WINDOWS_MS: Final = (5 * SECOND_MS, MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 24 * HOUR_MS)
GROUPS: Final = {
    "line/H1/members": ("A", "B"),
    "line/H1/pharmacy": ("B",),
    "line/S2/members": ("B", "C"),
    "contract/H1": ("A", "B"),
    "contract/S2": ("B", "C"),
    "legal_entity/Plan, Inc.": ("A", "B", "C"),
}
QUEUES: Final = ("A", "B", "C")
ANSWERED_ENDS: Final = ("completed", "transferred", "disconnected")
UNANSWERED_ENDS: Final = ("abandoned", "dequeued", "disconnected")


def standard(
    threshold_ms: int = 30_000, formula: Formula = Formula.F3, name: str = "test"
) -> Standard:
    """Hold at most 120 s, 80 % within the threshold, 5 % disconnected."""
    return Standard(
        name,
        name,
        None,
        (
            Requirement(Measure.AVERAGE_HOLD, 120_000, "(A)"),
            Requirement(Measure.SERVICE_LEVEL, 800, "(B)", threshold_ms, formula),
            Requirement(Measure.DISCONNECT_RATIO, 50, "(C)"),
        ),
    )


def shared_plan(threshold_ms: int = 30_000, windows_ms: tuple[int, ...] = WINDOWS_MS) -> Plan:
    """Two contracts, three lines, three queues of which B serves all of the lines.

    Nobody watches for outages: each second of that costs too much for laws that tick for hours.
    """
    held = standard(threshold_ms)
    return Plan(
        "Org",
        held,
        windows_ms,
        contracts=(
            ContractPlan(
                "H1",
                "First",
                "Plan, Inc.",
                (
                    LinePlan("members", "current-enrollee", ("A", "B"), held),
                    LinePlan("pharmacy", "pharmacy", ("B",), held),
                ),
            ),
            ContractPlan(
                "S2",
                "Second",
                "Plan, Inc.",
                (LinePlan("members", "current-enrollee", ("B", "C"), held, shared=True),),
            ),
        ),
        sites=("Fresno",),
        continuity=None,
    )


def watched_plan() -> Plan:
    """The same, watched for outages."""
    return replace(shared_plan(), continuity=ContinuityPlan())


def happened(
    kind: str, at_ms: int, call: str = "c", queue: str | None = "A", **given: object
) -> Event:
    """One `call.KIND` event of source `pbx`; `given` are further attributes of `Event`."""
    made = Event(f"call.{kind}", "pbx", at_ms / 1000, call_id=call, queue=queue, at_ms=at_ms)
    for name, value in given.items():
        setattr(made, name, value)
    return made


durations: Final = st.sampled_from(
    (0, 1, 999, 1_000, 4_999, 5_000, 5_001, 19_999, 20_000, 29_999, 30_000, 30_001, 61_000)
) | st.integers(0, 200_000)
_jitters: Final = st.sampled_from((0, 0, 0, -1_500, -1, 1, 700, 2_000))
_reasons: Final = st.sampled_from((None, "normal", "abandon", "telecom", "timeout", "unknown"))
_enders: Final = st.sampled_from((None, "caller", "agent", "system", "third_party", "unknown"))


@st.composite
def visit_events(
    draw: st.DrawFn,
    call: str,
    queue: str,
    queued_ms: int,
    entry: int | None,
    *,
    jitter: bool,
    may_stay_open: bool,
) -> tuple[list[Event], int]:
    """The events of one visit to a queue, and when it ended."""
    wait_ms = draw(durations)
    is_answered = draw(st.booleans())
    left_ms = queued_ms + wait_ms
    off_ms = draw(_jitters) if jitter else 0
    stated_ms = max(0, wait_ms + off_ms)
    site = draw(st.sampled_from((None, None, "Fresno", "elsewhere")))

    def maybe(value: int) -> int | None:
        return value if draw(st.booleans()) else None

    told = [happened("queued", queued_ms, call, queue, entry=entry, site=site)]
    ended_ms = left_ms
    stays_open = may_stay_open and draw(st.integers(0, 3)) == 0
    if is_answered:
        carried = {"queued_ms": maybe(queued_ms), "wait_ms": maybe(stated_ms)}
        told.append(happened("answered", left_ms, call, queue, entry=entry, site=site, **carried))
        ended_ms = left_ms + draw(durations)
    if not stays_open:
        kind = draw(st.sampled_from(ANSWERED_ENDS if is_answered else UNANSWERED_ENDS))
        end = happened(kind, ended_ms, call, queue, entry=entry, site=site)
        end.queued_ms, end.wait_ms = maybe(queued_ms), maybe(stated_ms)
        end.answered_ms = left_ms if is_answered else None
        end.reason, end.ended_by = draw(_reasons), draw(_enders)
        told.append(end)
    return told, ended_ms


@st.composite
def call_events(
    draw: st.DrawFn, call: str, *, with_entries: bool | None = None, jitter: bool = True
) -> list[Event]:
    """The events of one call in order: the IVR alone, or one to three visits to queues."""
    at_ms = BASE_MS + draw(st.integers(0, 240_000))
    told = []
    is_started = draw(st.booleans())
    if is_started:
        told.append(happened("started", at_ms, call, None))
        at_ms += draw(durations)
    visits = draw(st.integers(0, 3))
    if not visits:
        if not is_started or draw(st.booleans()):
            kind = draw(st.sampled_from(("completed", "disconnected")))
            told.append(happened(kind, at_ms, call, None, reason=draw(_reasons)))
        return told
    entries: dict[str, int] = {}
    counted = draw(st.booleans()) if with_entries is None else with_entries
    for number in range(visits):
        queue = draw(st.sampled_from(QUEUES))
        entries[queue] = entries.get(queue, 0) + 1
        is_last = number == visits - 1
        visited, ended_ms = draw(
            visit_events(
                call,
                queue,
                at_ms,
                entries[queue] if counted else None,
                jitter=jitter,
                may_stay_open=is_last,
            )
        )
        told += visited
        at_ms = ended_ms + 1 + draw(durations)
    return told


@st.composite
def histories(
    draw: st.DrawFn,
    *,
    calls: int = 6,
    with_entries: bool | None = None,
    jitter: bool = True,
) -> list[Event]:
    """The events of up to so many calls, in order of time and rank."""
    told: list[Event] = []
    for number in range(draw(st.integers(1, calls))):
        told += draw(call_events(f"c{number}", with_entries=with_entries, jitter=jitter))
    return tell(told)


def tell(events: Iterable[Event]) -> list[Event]:
    """Events in order of time and rank."""
    return sorted(events, key=lambda told: (told.at_ms, RANK[told.type]))


def whole(at_ms: int) -> int:
    """The first whole second that is not before `at_ms`."""
    return -(-at_ms // SECOND_MS) * SECOND_MS


def after(events: Sequence[Event]) -> int:
    """A whole second by which everything in `events`, and every threshold, has passed."""
    return whole(max(told.at_ms for told in events) + 35_000)


def deliver(
    engine: Engine,
    events: Sequence[Event],
    until_ms: int,
    *,
    sizes: Sequence[int] = (1,),
    jumps: bool = False,
) -> None:
    """Feed events as they happen, in batches of the given sizes in turn, and tick to `until_ms`.

    Args:
        engine: Is ticked at every whole second, or only when it asks for it.
        events: In order of time; those at or after `until_ms` are not fed.
        until_ms: A whole second.
        sizes: Largest sizes of the batches.
        jumps: Tick only at `next_tick_ms`.
    """
    due = [told for told in events if told.at_ms < until_ms]
    position = turn = 0
    now_ms = engine.ring.closed_s * SECOND_MS
    while position < len(due):
        at_ms = due[position].at_ms
        if now_ms < 0:
            now_ms = at_ms // SECOND_MS * SECOND_MS
        now_ms = tick_to(engine, now_ms, at_ms // SECOND_MS * SECOND_MS, jumps=jumps)
        batch = [told for told in due[position:] if told.at_ms < now_ms + SECOND_MS]
        batch = batch[: sizes[turn % len(sizes)]]
        engine.on_events(batch, batch[-1].at_ms)
        position, turn = position + len(batch), turn + 1
    tick_to(engine, max(now_ms, 0) or until_ms, until_ms, jumps=jumps)


def tick_to(engine: Engine, from_ms: int, until_ms: int, *, jumps: bool = False) -> int:
    """Tick at every second after `from_ms` (or when asked for) and at `until_ms`."""
    if jumps:
        while engine.next_tick_ms() < until_ms:
            engine.on_tick(max(engine.next_tick_ms(), from_ms))
    else:
        for second_ms in range(from_ms + SECOND_MS, until_ms, SECOND_MS):
            engine.on_tick(second_ms)
    engine.on_tick(until_ms)
    return until_ms


def figures(snapshot: Snapshot, scope: str, window_ms: int) -> dict[str, int | float | None]:
    """One window of one scope under the names of the recount."""
    row = next(found.row for found in snapshot.scopes if found.name == scope)
    window = snapshot.windows_ms.index(window_ms)
    found: dict[str, int | float | None] = {
        name: int(value) for name, value in zip(FIELDS, snapshot.counts[window, row], strict=True)
    }
    longest_ms = int(snapshot.longest_wait_ms[row])
    found["waiting"] = int(snapshot.waiting[row])
    found["longest_wait_ms"] = None if longest_ms < 0 else longest_ms
    ratios = {
        "average_hold_seconds": snapshot.average_hold_s[window, row],
        "hold_floor_seconds": snapshot.hold_floor_s[window, row],
        "service_level_ratio": snapshot.service_level[window, row],
        "disconnect_ratio": snapshot.disconnect[1, window, row],
    }
    return found | {
        name: None if np.isnan(value) else float(value) for name, value in ratios.items()
    }
