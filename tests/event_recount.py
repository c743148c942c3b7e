"""The oracle for histories that a test makes up: from events to a window record's figures.

The definitions are those of `recount`; this part adds how events become facts, since a made-up
history may repeat, swap, or lack events. It asks every visit anew for every record, without any
index, so that it can be read in one go.

- Events are taken in the order of the list, and only those with ``at_ms < T``.
- A visit is found by source, call, queue and entry. Without an entry, an event belongs to the
  latest visit of the call to the queue; only a queueing later than that visit's end opens the next.
- Of each visit the first event of a kind counts, be it queueing, answer or end; the rest repeat it.
- When a visit was queued is said by its queueing, else by what its answer or end carries, else by
  their instant less the hold they state, else by nothing: then it is offered at its earliest event,
  an answer is unmeasured, and it is never late.
- A hold is what the answer states, else what the end states, else the difference; 5 s below zero
  at most, which is then zero. An answer further before its queueing is refused.
- An end may carry an answer that was not seen itself.
- An end without a queue is that of a call which reached none. A call of which no start was seen is
  made when it entered its first queue, or, if it reached none, when it ended.

A history should not contradict itself (answer an abandoned visit, complete one without an answer
seen or carried, end a queued call without naming the queue): the definitions leave open what that
means.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

ORGANIZATION: Final = "organization"
NO_QUEUE: Final = "queue/"
THRESHOLD_MS: Final = 30_000
SHORT_MS: Final = 5_000
BACKWARDS_MS: Final = 5_000
"""How far before its queueing an answer may lie, by the difference of two clocks."""

UNANSWERED_ENDS: Final = ("abandoned", "dequeued", "disconnected")
ENDS: Final = (*UNANSWERED_ENDS, "completed", "transferred")
EVIDENT: Final = frozenset(
    (
        "telecom", "error", "incompatible", "agent_dump", "timeout", "no_agents", "overflow",
        "closed", "queue_full", "flow", "barged",
    )
)  # fmt: skip
EVENT_COUNTS: Final = (
    "calls_made",
    "offered",
    "answered",
    "answered_within",
    "answered_unmeasured",
    "wait_ms_sum",
    "late",
    *(count for end in UNANSWERED_ENDS for count in (end, f"{end}_within")),
    "abandoned_short",
    "abandoned_suspicious",
    "disconnected_waiting",
    "disconnected_evident",
    "completed",
    "transferred",
    "ended",
)


class EventLike(Protocol):
    """What is read of an event; `monitor.core.events.Event` has it all."""

    @property
    def type(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def call_id(self) -> str | None: ...
    @property
    def queue(self) -> str | None: ...
    @property
    def entry(self) -> int | None: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def queued_ms(self) -> int | None: ...
    @property
    def answered_ms(self) -> int | None: ...
    @property
    def wait_ms(self) -> int | None: ...
    @property
    def ended_by(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...


@dataclass(slots=True)
class _Visit:
    queue: str
    queueing: EventLike | None = None
    answer: EventLike | None = None
    end: EventLike | None = None

    def take(self, event: EventLike) -> None:
        kind = event.type.removeprefix("call.")
        if kind == "queued":
            self.queueing = self.queueing or event
        elif kind == "answered":
            self.answer = self.answer or event
        elif kind in ENDS:
            self.end = self.end or event

    @property
    def entered_ms(self) -> int:
        """When it was queued; at its earliest event if nothing says so."""
        if self.queued_ms is not None:
            return self.queued_ms
        return min(event.at_ms for event in (self.queueing, self.answer, self.end) if event)

    @property
    def answered_ms(self) -> int | None:
        if self.answer is not None:
            return self.answer.at_ms
        if self.end is not None and self.end.type not in ("call.abandoned", "call.dequeued"):
            return self.end.answered_ms
        return None

    @property
    def queued_ms(self) -> int | None:
        if self.queueing is not None:
            return self.queueing.at_ms
        for event in (self.answer, self.end):
            if event is not None and event.queued_ms is not None:
                return event.queued_ms
        waited_until_ms = self.answered_ms
        if waited_until_ms is None and self.end is not None:
            waited_until_ms = self.end.at_ms
        hold_ms = self.stated_hold_ms
        if waited_until_ms is None or hold_ms is None:
            return None
        return waited_until_ms - hold_ms

    @property
    def stated_hold_ms(self) -> int | None:
        for event in (self.answer, self.end):
            if event is not None and event.wait_ms is not None:
                return event.wait_ms
        return None

    @property
    def hold_ms(self) -> int | None:
        """How long the caller was held until the answer or the unanswered end; None if unknown."""
        if self.stated_hold_ms is not None:
            return self.stated_hold_ms
        until_ms = self.answered_ms
        if until_ms is None and self.end is not None:
            until_ms = self.end.at_ms
        if until_ms is None or self.queued_ms is None:
            return None
        return max(0, until_ms - self.queued_ms)

    @property
    def unanswered_end(self) -> str | None:
        if self.end is None or self.answered_ms is not None:
            return None
        end = self.end.type.removeprefix("call.")
        return end if end in UNANSWERED_ENDS else None


@dataclass(slots=True)
class _Call:
    start: EventLike | None = None
    end: EventLike | None = None
    visits: dict[tuple[str, int], _Visit] = field(default_factory=dict)

    def take(self, event: EventLike) -> None:
        if event.type == "call.started":
            self.start = self.start or event
        elif event.queue is None:
            self.end = self.end or event
        elif not _is_refused(self.visits.get(self._key(event, event.queue)), event):
            key = self._key(event, event.queue)
            self.visits.setdefault(key, _Visit(event.queue)).take(event)

    def first_visit(self) -> _Visit | None:
        return min(self.visits.values(), key=lambda visit: visit.entered_ms, default=None)

    @property
    def made_ms(self) -> int | None:
        if self.start is not None:
            return self.start.at_ms
        first = self.first_visit()
        if first is not None:
            return first.entered_ms
        return None if self.end is None else self.end.at_ms

    def _key(self, event: EventLike, queue: str) -> tuple[str, int]:
        if event.entry is not None:
            return queue, event.entry
        entry = max((number for key, number in self.visits if key == queue), default=1)
        latest = self.visits.get((queue, entry))
        if event.type == "call.queued" and latest is not None and latest.end is not None:
            entry += event.at_ms > latest.end.at_ms
        return queue, entry


def _is_refused(visit: _Visit | None, event: EventLike) -> bool:
    if event.type != "call.answered" or event.wait_ms is not None:
        return False
    queued_ms = event.queued_ms
    if visit is not None and visit.queueing is not None:
        queued_ms = visit.queueing.at_ms
    return queued_ms is not None and event.at_ms - queued_ms < -BACKWARDS_MS


class EventRecount:
    """The figures of a made-up history, for any instant, window and scope.

    Args:
        events: in the order of delivery; all of a type other than ``call.*`` are passed over.
        threshold_ms: S.
        short_ms: an abandon after less than this is short.
        groups: further scopes (lines, contracts): the queues that each consists of.
    """

    def __init__(
        self,
        events: Iterable[EventLike],
        *,
        threshold_ms: int = THRESHOLD_MS,
        short_ms: int = SHORT_MS,
        groups: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self._events = [event for event in events if event.type.startswith("call.")]
        self._threshold_ms = threshold_ms
        self._short_ms = short_ms
        self._groups = groups or {}

    def record(self, at_ms: int, scope: str, window_ms: int) -> dict[str, int | float | None]:
        """Return one window record's figures and the further counts of `EVENT_COUNTS`.

        Args:
            at_ms: T.
            scope: `organization`, `queue/KEY`, `queue/` or one of the groups.
            window_ms: W.
        """
        counts = dict.fromkeys(EVENT_COUNTS, 0)
        waits_ms: list[int] = []
        for call in self._known(at_ms):
            first = call.first_visit()
            marks = [("calls_made", call.made_ms, 1)] if self._has(scope, first) else []
            if not call.visits and call.end is not None and self._has(scope, None):
                marks += self._end_marks(call.end)
            for visit in call.visits.values():
                if self._has(scope, visit):
                    marks += self._visit_marks(visit)
                    if _is_waiting(visit, at_ms):
                        waits_ms.append(at_ms - (visit.queued_ms or 0))
            for name, instant_ms, amount in marks:
                if instant_ms is not None and at_ms - window_ms <= instant_ms < at_ms:
                    counts[name] += amount
        return _with_ratios(counts, waits_ms)

    def lifetime(self, scope: str = ORGANIZATION) -> dict[str, int | float | None]:
        """Return the figures over all time, with everything known."""
        forever_ms = 2**60
        return self.record(forever_ms, scope, 2 * forever_ms)

    def _known(self, at_ms: int) -> Iterable[_Call]:
        calls: dict[tuple[str, str | None], _Call] = {}
        for event in self._events:
            if event.at_ms < at_ms:
                calls.setdefault((event.source, event.call_id), _Call()).take(event)
        return calls.values()

    def _has(self, scope: str, visit: _Visit | None) -> bool:
        if scope == ORGANIZATION:
            return True
        if visit is None:
            return scope == NO_QUEUE
        return scope == f"queue/{visit.queue}" or visit.queue in self._groups.get(scope, ())

    def _visit_marks(self, visit: _Visit) -> list[tuple[str, int | None, int]]:
        """The counts of a visit, each with the instant at which it counts and its amount."""
        queued_ms, answered_ms, hold_ms = visit.queued_ms, visit.answered_ms, visit.hold_ms
        marks: list[tuple[str, int | None, int]] = [("offered", visit.entered_ms, 1)]
        in_time = False
        if answered_ms is not None:
            in_time = hold_ms is not None and hold_ms <= self._threshold_ms
            marks.append(("answered", answered_ms, 1))
            marks.append(("answered_within", answered_ms, in_time))
            marks.append(("answered_unmeasured", answered_ms, hold_ms is None))
            marks.append(("wait_ms_sum", answered_ms, hold_ms or 0))
        if visit.end is not None:
            marks += self._end_marks(visit.end)
            end, end_ms = visit.unanswered_end, visit.end.at_ms
            if end is not None:
                in_time = hold_ms is not None and hold_ms < self._threshold_ms
                short = hold_ms is not None and hold_ms < self._short_ms
                marks.append((f"{end}_within", end_ms, in_time))
                marks.append(("abandoned_short", end_ms, end == "abandoned" and short))
                marks.append(("disconnected_waiting", end_ms, end == "disconnected"))
        if queued_ms is not None and not in_time:
            marks.append(("late", queued_ms + self._threshold_ms, 1))
        return marks

    def _end_marks(self, event: EventLike) -> list[tuple[str, int | None, int]]:
        end = event.type.removeprefix("call.")
        suspicious = event.ended_by in ("agent", "system", "third_party") or (
            event.reason not in (None, "abandon", "normal")
        )
        return [
            ("ended", event.at_ms, 1),
            (end, event.at_ms, 1),
            ("abandoned_suspicious", event.at_ms, end == "abandoned" and suspicious),
            (
                "disconnected_evident",
                event.at_ms,
                end == "disconnected" and event.reason in EVIDENT,
            ),
        ]


def _is_waiting(visit: _Visit, at_ms: int) -> bool:
    in_queue = visit.queued_ms is not None and visit.queued_ms < at_ms
    return in_queue and visit.answered_ms is None and visit.end is None


def _with_ratios(counts: dict[str, int], waits_ms: list[int]) -> dict[str, int | float | None]:
    measured = counts["answered"] - counts["answered_unmeasured"]
    hold_ms, within = counts["wait_ms_sum"], counts["answered_within"]
    unmet = sum(counts[f"{end}_within"] for end in UNANSWERED_ENDS)
    return counts | {
        "waiting": len(waits_ms),
        "longest_wait_ms": max(waits_ms, default=None),
        "average_hold_seconds": _ratio(hold_ms, measured * 1000),
        "hold_floor_seconds": _ratio(hold_ms + sum(waits_ms), (measured + len(waits_ms)) * 1000),
        "service_level_ratio": _ratio(within, within + counts["late"] + unmet),
        "disconnect_ratio": _ratio(counts["disconnected"], counts["ended"]),
    }


def _ratio(above: int, below: int) -> float | None:
    return above / below if below else None
