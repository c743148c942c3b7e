"""The work that all benchmarks share: a plan with many queues, and a day of events for it.

Calls arrive evenly over all queues; 76 in 100 are answered and completed, the others abandon, are
taken out of the queue, are cut off or passed on. As a real feed does, it tells one event in a
hundred twice, and one in a hundred up to three seconds late.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import numpy as np
from figures import SEED

from monitor.core import events as types
from monitor.core.events import Event
from monitor.core.plan import MINUTE_MS, ContractPlan, LinePlan, Plan
from monitor.core.presets import PRESETS
from monitor.formats.normalized import NormalizedDecoder
from monitor.replay import default_plan

SOURCE: Final = "pbx1"
BASE_S: Final = 1_760_000_000
QUEUES_A_LINE: Final = 20
LINES_A_CONTRACT: Final = 4
EVENTS_A_CALL: Final = 3.86
HOLD_S: Final = 15.0
_AGENTS: Final = 2_000


def queue_name(index: int) -> str:
    """The key of a queue."""
    return f"queue-{index:05d}"


def make_plan(queues: int) -> Plan:
    """A plan with so many queues in lines and contracts, judged and watched by three rules."""
    standard = PRESETS["cms-ma-partd"]
    lines = [
        LinePlan(
            name=f"line-{start // QUEUES_A_LINE % LINES_A_CONTRACT}",
            kind="current-enrollee",
            queues=tuple(
                queue_name(index) for index in range(start, min(start + QUEUES_A_LINE, queues))
            ),
            standard=standard,
        )
        for start in range(0, queues, QUEUES_A_LINE)
    ]
    contracts = tuple(
        ContractPlan(f"H{n:04d}", f"Plan {n}", "Example, Inc.", tuple(lines[at : at + 4]))
        for n, at in enumerate(range(0, len(lines), LINES_A_CONTRACT))
    )
    rules = tuple(
        replace(rule, scopes=("organization", "contract/*", "line/*"), for_ms=MINUTE_MS)
        for rule in default_plan().rules
    )
    return Plan(
        organization="Example Health",
        standard=standard,
        contracts=contracts,
        rules=rules,
        sources=(SOURCE,),
    )


@dataclass(frozen=True, slots=True)
class Load:
    """How the day is.

    Attributes:
        queues: Over how many queues the calls go.
        events_per_s: Density in the events' own time.
        base_s: When the first call arrives (epoch seconds).
        hold_s: Mean wait in the queue; None for 15 s, less above 5,000 events a second, so that no
            more calls are under way than at that density.
        talk_s: Mean conversation; None for twice as long as the wait.
        first_call: Number of the first call, for several days that follow each other.
    """

    queues: int
    events_per_s: float = 5_000
    base_s: float = BASE_S
    hold_s: float | None = None
    talk_s: float | None = None
    first_call: int = 0

    @property
    def mean_hold_s(self) -> float:
        """Mean wait in the queue."""
        return HOLD_S * min(1.0, 5_000 / self.events_per_s) if self.hold_s is None else self.hold_s

    @property
    def mean_talk_s(self) -> float:
        """Mean conversation."""
        return 2 * self.mean_hold_s if self.talk_s is None else self.talk_s


@dataclass(frozen=True, slots=True)
class _Call:
    """What is drawn of one call."""

    number: int
    queue: str
    at_s: float
    hold_s: float
    talk_s: float
    fate: float


def received_events(calls: int, load: Load) -> list[tuple[float, dict[str, Any]]]:
    """Make all events of so many calls, each with the second of receipt, in that order."""
    rng = np.random.default_rng(SEED + load.first_call)
    gaps = rng.exponential(EVENTS_A_CALL / load.events_per_s, calls)
    drawn = zip(
        rng.integers(0, load.queues, calls).tolist(),
        (load.base_s + np.cumsum(gaps)).tolist(),
        rng.exponential(load.mean_hold_s, calls).tolist(),
        rng.exponential(load.mean_talk_s, calls).tolist(),
        rng.random(calls).tolist(),
        strict=True,
    )
    told: list[tuple[float, dict[str, Any]]] = []
    for number, (queue, at_s, hold_s, talk_s, fate) in enumerate(drawn, load.first_call):
        call = _Call(number, queue_name(queue), at_s, hold_s, talk_s, fate)
        told += [(event["ts"], event) for event in _story(call)]
    odd = rng.random(len(told)).tolist()
    delays = (rng.random(len(told)) * 3).tolist()
    for at, (kind, delay) in enumerate(zip(odd, delays, strict=True)):
        received_s, event = told[at]
        if kind < 0.01:
            told.append((received_s + delay, event))
        elif kind < 0.02:
            told[at] = (received_s + delay, event)
    told.sort(key=lambda one: one[0])
    return told


def wire_events(count: int, load: Load) -> list[dict[str, Any]]:
    """Make so many events in the order of receipt; calls that are under way at the end are cut."""
    # Of the last calls only the first events are told, so some more are begun.
    under_way = (load.mean_hold_s + load.mean_talk_s) * load.events_per_s / EVENTS_A_CALL
    calls = int(count / EVENTS_A_CALL + under_way) + 10
    return [event for _, event in received_events(calls, load)[:count]]


def _story(call: _Call) -> list[dict[str, Any]]:
    queued_at = round(call.at_s + 0.5, 3)
    ended_hold = round(queued_at + call.hold_s, 3)
    head: dict[str, Any] = {"v": 1, "source": SOURCE, "call_id": f"c-{call.number:08d}-5f1e"}
    in_queue = {**head, "queue": call.queue, "entry": 1}
    wait = {"queued_at": queued_at, "wait_s": round(call.hold_s, 3)}
    story = [
        {**head, "type": types.CALL_STARTED, "ts": round(call.at_s, 3), "dnis": "18005550100"},
        {**in_queue, "type": types.CALL_QUEUED, "ts": queued_at},
    ]
    if call.fate < 0.12:
        unanswered, reason = types.CALL_ABANDONED, "abandon"
    elif call.fate < 0.17:
        unanswered, reason = types.CALL_DEQUEUED, "overflow"
    elif call.fate < 0.18:
        unanswered, reason = types.CALL_DISCONNECTED, "unknown"
    else:
        agent = {"agent": f"agent-{call.number % _AGENTS}"}
        story.append({**in_queue, **wait, **agent, "type": types.CALL_ANSWERED, "ts": ended_hold})
        last = types.CALL_COMPLETED if call.fate < 0.94 else types.CALL_TRANSFERRED
        end = {"type": last, "ts": round(ended_hold + call.talk_s, 3), "ended_by": "caller"}
        return [*story, {**in_queue, **agent, "talk_s": round(call.talk_s, 3), **end}]
    return [*story, {**in_queue, **wait, "type": unanswered, "ts": ended_hold, "reason": reason}]


def decoded(wire: list[dict[str, Any]]) -> list[Event]:
    """The events as the engine gets them."""
    decoder = NormalizedDecoder(SOURCE, b"benchmark")
    events: list[Event] = []
    for at in range(0, len(wire), 1_000):
        found = decoder.decode(msgspec.json.encode(wire[at : at + 1_000]))
        assert not found.rejected
        events += found.events
    return events
