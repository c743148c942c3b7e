"""Carries out the transition table on one visit: facts in, bookings out.

Ordinary steps book what they add. Whatever overturns known facts goes through `_amend`: unbook all
that the visit contributes, change the facts, book it all anew; so there is no correction that
could forget one of the counts.

Times: `at_ms` is the engine's instant of an event and decides the second in which it counts;
`event.at_ms` is the source's own clock and serves for durations. They differ only for a source
whose clock is far off.

Pure: no I/O, no clock.
"""

from collections import Counter
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from monitor.core.booking import BOOK, UNBOOK, Books
from monitor.core.calls import UNKNOWN, Call, Visit
from monitor.core.events import EVIDENT_REASONS, Event
from monitor.core.lifecycle import (
    ABANDONED,
    ACTIONS,
    COMPLETED,
    DEQUEUED,
    DISCONNECTED,
    FINISHED,
    LAPSE,
    LAPSED,
    LEFT,
    NEW,
    QUEUED,
    TALKING,
    TRANSFERRED,
    WAITING,
    Action,
)
from monitor.core.plan import MINUTE_MS
from monitor.core.settling import is_late
from monitor.core.waiting import WaitingRoom

# Clocks of one source differ by seconds between its parts: a wait that comes out slightly negative
# is zero; one that comes out far below is an error of the feed.
_SLACK_MS: Final = 5_000
# How far from its event an instant may lie that the event carries.
_CARRIED_BEFORE_MS: Final = 7 * 24 * 60 * MINUTE_MS
_CARRIED_AFTER_MS: Final = 5 * MINUTE_MS
_ORDINARY_ABANDON: Final = frozenset((None, "abandon", "normal"))
_NOT_THE_CALLER: Final = frozenset(("agent", "system", "third_party"))


class Outcome(IntEnum):
    """What a step means for the call."""

    REFUSED = 0  # nothing has changed; the reason is counted
    KEPT = 1
    ENTERED = 2  # the visit has begun, or its beginning has moved
    ENDED = 3
    ENTERED_AND_ENDED = 4


REFUSED, KEPT, ENTERED, ENDED, ENTERED_AND_ENDED = Outcome

# Carries out an action: (kind, call, visit, event, instant of the event on the engine's time).
Step = Callable[[int, Call, Visit, Event, int], Outcome]


class VisitKeeper:
    """Applies events to visits.

    Args:
        books: Where contributions are booked.
        waiting: Who is in the queue now.
        discards: Counts what was not counted, by reason.

    Attributes:
        steps: What to call, by stage and kind: the transition table with its actions filled in.
            `REENTER` stands for an event of the same visit; the caller begins a new one.
    """

    def __init__(self, books: Books, waiting: WaitingRoom, discards: Counter[str]) -> None:
        self._books = books
        self._waiting = waiting
        self._discards = discards
        steps: dict[Action, Step] = {
            Action.ENTER: self._enter,
            Action.ANSWER: self._answer,
            Action.LEAVE: self._end_of_waiting,
            Action.FINISH: self._finish,
            Action.ANSWER_AND_FINISH: self._end_of_waiting,
            Action.CONFIRM: self._confirm,
            Action.REENTER: self._confirm,
            Action.AMEND_ANSWER: self._overtaken_answer,
            Action.AMEND_END: self._real_end,
            Action.REVIVE: self._revive,
            Action.CONTRADICT: self._contradict,
            Action.DUPLICATE: self._duplicate,
            Action.LAPSE: self._duplicate,  # not an event: see `lapse`
        }
        self.steps = tuple(tuple(steps[action] for action in row) for row in ACTIONS)

    def learn(self, visit: Visit, event: Event, at_ms: int) -> None:
        """Take from any further event what it tells of a beginning that is unknown."""

        def facts() -> None:
            visit.first_ms = min(visit.first_ms, at_ms)
            if _carried(event.queued_ms, event.at_ms):
                assert event.queued_ms is not None
                self._set_queued(visit, event.queued_ms, at_ms - event.at_ms + event.queued_ms)

        self._amend(visit, facts)

    def lapse(self, visit: Visit, at_ms: int) -> None:
        """End an open visit of which no end is known."""
        if visit.stage == WAITING:
            self._waiting.leave(visit)

        def facts() -> None:
            visit.stage, visit.end, visit.ended_ms = LAPSED, LAPSE, at_ms
            visit.ended_ts = at_ms
            visit.waited_ms = max(0, at_ms - visit.queued_ms)

        self._amend(visit, facts)

    # -- ordinary steps -----------------------------------------------------------------------

    def _enter(self, _kind: int, _call: Call, visit: Visit, event: Event, at_ms: int) -> Outcome:
        visit.queued_ms, visit.queued_ts = at_ms, event.at_ms
        visit.stage = WAITING
        self._books.visit(visit, BOOK)
        self._waiting.enter(visit)
        return ENTERED

    def _answer(self, _kind: int, _call: Call, visit: Visit, event: Event, at_ms: int) -> Outcome:
        begins = visit.stage == NEW
        if begins:
            wait_ms = event.wait_ms
            self._infer_queued(visit, event, at_ms, event.at_ms, wait_ms)
        elif event.wait_ms is None and event.at_ms - visit.queued_ts < -_SLACK_MS:
            return self._refuse("bad_time")
        else:
            self._waiting.leave(visit)
        self._set_answer(visit, event, at_ms)
        if begins:
            self._books.visit(visit, BOOK)
            return ENTERED
        if not is_late(visit):
            self._books.late(visit, UNBOOK)
        self._books.answer(visit, BOOK)
        return KEPT

    def _finish(self, kind: int, _call: Call, visit: Visit, event: Event, at_ms: int) -> Outcome:
        if event.wait_ms is not None and not visit.wait_given:
            self._amend(visit, lambda: self._measure(visit, event.wait_ms))
        self._set_end(kind, visit, event, at_ms)
        self._books.end(visit, BOOK)
        return ENDED

    def _end_of_waiting(
        self, kind: int, _call: Call, visit: Visit, event: Event, at_ms: int
    ) -> Outcome:
        """An end of a visit that was new or waiting: unanswered, or its answer was not seen."""
        answered = kind in (COMPLETED, TRANSFERRED) or (
            kind == DISCONNECTED and _carried(event.answered_ms, event.at_ms)
        )
        begins = visit.stage == NEW
        if not begins:
            if event.at_ms - visit.queued_ts < -_SLACK_MS:
                return self._refuse("bad_time")
            self._waiting.leave(visit)
            self._books.visit(visit, UNBOOK)
        self._set_inferred_end(kind, visit, event, at_ms, answered=answered)
        self._books.visit(visit, BOOK)
        return ENTERED_AND_ENDED if begins else ENDED

    # -- corrections --------------------------------------------------------------------------

    def _confirm(self, kind: int, _call: Call, visit: Visit, event: Event, at_ms: int) -> Outcome:
        """Fill in what was inferred; what was known already is a duplicate."""
        if kind == QUEUED:
            if not visit.queued_inferred:
                return self._refuse("duplicate")
            visit.queued_inferred = False
            if visit.queued_ms == at_ms:
                return KEPT
            self._amend(visit, lambda: self._set_queued(visit, event.at_ms, at_ms))
            return ENTERED
        if visit.answered_inferred:
            self._amend(visit, lambda: self._set_answer(visit, event, at_ms))
            return KEPT
        if visit.wait_ms == UNKNOWN and event.wait_ms is not None:
            self._amend(visit, lambda: self._measure(visit, event.wait_ms))
            return KEPT
        return self._refuse("duplicate")

    def _overtaken_answer(
        self, _kind: int, _call: Call, visit: Visit, event: Event, at_ms: int
    ) -> Outcome:
        """The answer of a call that was disconnected comes after its end."""
        if visit.end != DISCONNECTED or event.at_ms > visit.ended_ts:
            return self._refuse("contradictory")

        def facts() -> None:
            if visit.waited_given:
                visit.wait_ms, visit.wait_given = visit.waited_ms, True
            visit.stage, visit.waited_ms, visit.waited_given = FINISHED, UNKNOWN, False
            self._set_answer(visit, event, at_ms)

        self._amend(visit, facts)
        return KEPT

    def _revive(self, _kind: int, _call: Call, visit: Visit, event: Event, at_ms: int) -> Outcome:
        """A visit that we had given up is answered after all."""
        if visit.answered_ms != UNKNOWN:
            return self._refuse("duplicate")

        def facts() -> None:
            visit.end = visit.ended_ms = visit.ended_ts = visit.waited_ms = UNKNOWN
            self._set_answer(visit, event, at_ms)

        self._amend(visit, facts)
        return ENTERED

    def _real_end(self, kind: int, _call: Call, visit: Visit, event: Event, at_ms: int) -> Outcome:
        """The end of a visit that we had given up."""
        was_answered = visit.answered_ms != UNKNOWN
        if was_answered and kind in (ABANDONED, DEQUEUED):
            return self._refuse("contradictory")
        answered = was_answered or kind in (COMPLETED, TRANSFERRED)

        def facts() -> None:
            visit.end = visit.waited_ms = UNKNOWN
            self._set_inferred_end(kind, visit, event, at_ms, answered=answered)

        self._amend(visit, facts)
        return KEPT

    def _amend(self, visit: Visit, facts: Callable[[], None]) -> None:
        self._books.visit(visit, UNBOOK)
        facts()
        self._books.visit(visit, BOOK)

    def _contradict(self, *_args: object) -> Outcome:
        return self._refuse("contradictory")

    def _duplicate(self, *_args: object) -> Outcome:
        return self._refuse("duplicate_end")

    def _refuse(self, reason: str) -> Outcome:
        self._discards[reason] += 1
        return REFUSED

    # -- facts --------------------------------------------------------------------------------

    def _set_queued(self, visit: Visit, queued_ts: int, queued_ms: int) -> None:
        visit.queued_ts, visit.queued_ms = queued_ts, queued_ms
        if visit.answered_ms != UNKNOWN:
            self._measure(visit, visit.wait_ms if visit.wait_given else None)
        elif visit.end != UNKNOWN and not visit.waited_given:
            visit.waited_ms = max(0, visit.ended_ts - queued_ts)

    def _set_answer(self, visit: Visit, event: Event, at_ms: int) -> None:
        if visit.stage != FINISHED:
            visit.stage = TALKING
        visit.answered_ms, visit.answered_ts = at_ms, event.at_ms
        visit.answered_inferred = False
        given = visit.wait_ms if visit.wait_given else event.wait_ms
        self._measure(visit, given if event.wait_ms is None else event.wait_ms)

    def _set_end(self, kind: int, visit: Visit, event: Event, at_ms: int) -> None:
        answered = visit.answered_ms != UNKNOWN
        visit.stage = FINISHED if answered else LEFT
        visit.end, visit.ended_ms, visit.ended_ts = kind, at_ms, event.at_ms
        if kind == DISCONNECTED:
            visit.evident = event.reason in EVIDENT_REASONS
        elif kind == ABANDONED:
            visit.suspicious = (
                event.ended_by in _NOT_THE_CALLER or event.reason not in _ORDINARY_ABANDON
            )
        if not answered:
            visit.waited_given = event.wait_ms is not None
            if event.wait_ms is not None:
                visit.waited_ms = event.wait_ms
            elif visit.queued_ms != UNKNOWN:
                visit.waited_ms = max(0, event.at_ms - visit.queued_ts)

    def _set_inferred_end(
        self, kind: int, visit: Visit, event: Event, at_ms: int, *, answered: bool
    ) -> None:
        """Set an end and everything before it that was not seen, from what the end carries."""
        if answered and visit.answered_ms == UNKNOWN:
            self._infer_answer(visit, event, at_ms)
        elif visit.stage == NEW:
            self._infer_queued(visit, event, at_ms, event.at_ms, event.wait_ms)
        self._set_end(kind, visit, event, at_ms)

    def _infer_answer(self, visit: Visit, event: Event, at_ms: int) -> None:
        """When was it answered, if only the end was seen? At the end when nothing else is known."""
        answered_ts, wait_ms = event.at_ms, event.wait_ms
        known = True
        if _carried(event.answered_ms, event.at_ms):
            assert event.answered_ms is not None
            answered_ts = event.answered_ms
        elif wait_ms is not None and visit.queued_ms != UNKNOWN:
            answered_ts = visit.queued_ts + wait_ms
        elif event.talk_ms is not None:
            answered_ts = event.at_ms - event.talk_ms
        else:
            known = False
        if visit.stage == NEW:
            self._infer_queued(visit, event, at_ms, answered_ts if known else None, wait_ms)
        # Without any hint the end is no measure of the hold, whenever the queueing may be told.
        visit.answered_ts = answered_ts if known or wait_ms is not None else UNKNOWN
        visit.answered_ms = at_ms - event.at_ms + answered_ts
        visit.answered_inferred = True
        if wait_ms is not None or known:
            self._measure(visit, wait_ms)

    def _infer_queued(
        self, visit: Visit, event: Event, at_ms: int, left_ts: int | None, wait_ms: int | None
    ) -> None:
        """When did it enter the queue, if that was not seen?

        Args:
            visit: A new visit.
            event: Its first event.
            at_ms: The event's instant on the engine's time.
            left_ts: When it left the queue on the source's clock; None when unknown.
            wait_ms: How long it had waited then; None when unknown.
        """
        visit.queued_inferred = True
        if _carried(event.queued_ms, event.at_ms):
            assert event.queued_ms is not None
            visit.queued_ts = event.queued_ms
        elif left_ts is not None and wait_ms is not None:
            visit.queued_ts = left_ts - wait_ms
        else:
            return
        visit.queued_ms = at_ms - event.at_ms + visit.queued_ts

    def _measure(self, visit: Visit, given_ms: int | None) -> None:
        """Set the wait of an answered visit: what the source says, else the difference."""
        if given_ms is not None:
            visit.wait_ms, visit.wait_given = given_ms, True
            if visit.queued_ms == UNKNOWN:
                visit.queued_ts = visit.answered_ts - given_ms
                visit.queued_ms = visit.answered_ms - given_ms
                visit.queued_inferred = True
            return
        visit.wait_given = False
        visit.wait_ms = UNKNOWN
        if UNKNOWN not in (visit.queued_ms, visit.answered_ts):
            difference = visit.answered_ts - visit.queued_ts
            if difference >= -_SLACK_MS:
                visit.wait_ms = max(0, difference)


def _carried(instant_ms: int | None, at_ms: int) -> bool:
    """Whether an event carries an instant that can be believed."""
    return (
        instant_ms is not None
        and at_ms - _CARRIED_BEFORE_MS <= instant_ms <= at_ms + _CARRIED_AFTER_MS
    )
