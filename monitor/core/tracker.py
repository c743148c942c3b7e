"""Follows every call from its first event to its end, whatever the feed does to the events.

Loss, duplication, disorder and re-entry are the normal case. A visit to a queue is known by source,
call, queue and entry; it may begin with any event; what was inferred is corrected by what comes;
the first end holds; ended calls are remembered for a while so that a late duplicate revives none.
What `lifecycle.TRANSITIONS` prescribes is done in `visits.py`, what it counts is in `booking.py`;
here calls are found, counted as made, and given up when nothing more comes.

Bounded by `register.py`; whatever a limit discards is counted by reason.

Pure: no I/O, no clock.
"""

from collections import Counter

from monitor.core.booking import UNBOOK, Books
from monitor.core.calls import UNKNOWN, Call, Visit, entered_ms, visits_of
from monitor.core.events import EVIDENT_REASONS, Event
from monitor.core.lifecycle import (
    ANSWERED,
    COMPLETED,
    DEQUEUED,
    DISCONNECTED,
    FINISHED,
    KIND_OF_TYPE,
    LAPSE,
    LEFT,
    NEW,
    QUEUED,
    TALKING,
    TRANSFERRED,
    WAITING,
)
from monitor.core.plan import Limits
from monitor.core.register import CallRegister, SourceCalls
from monitor.core.visits import ENDED, ENTERED, ENTERED_AND_ENDED, VisitKeeper
from monitor.core.waiting import WaitingRoom

# Direct rows of queue and site (or -1), service-level threshold in ms, the source's queue key.
Place = tuple[int, int, int, str]


class CallTracker:
    """All calls in flight and those that ended lately.

    Args:
        books: Where contributions are booked.
        waiting: Who is in the queue.
        limits: Bounds.
        no_queue: Direct row of calls that reached no queue.
        discards: Counts what was not counted, by reason.

    Attributes:
        register: The calls.
    """

    def __init__(
        self,
        books: Books,
        waiting: WaitingRoom,
        limits: Limits,
        no_queue: int,
        discards: Counter[str],
    ) -> None:
        self._books = books
        self._waiting = waiting
        self._visits = VisitKeeper(books, waiting, discards)
        self._steps = self._visits.steps
        self._no_queue = no_queue
        self._discards = discards
        self._most_open = limits.open_calls
        self.register = CallRegister(limits)

    # -- events -------------------------------------------------------------------------------

    def start(
        self, event: Event, calls: SourceCalls, at_ms: int, now_ms: int, line_row: int
    ) -> None:
        """The call reached the system.

        Args:
            event: The event.
            calls: Of its source.
            at_ms: Its instant on the engine's time.
            now_ms: When it was received.
            line_row: Direct row of calls to the dialled line that reach no queue, or UNKNOWN.
        """
        assert event.call_id is not None
        call = calls.get(event.call_id)
        if call is None:
            call = self._add(event.call_id, calls, now_ms)
            if line_row == UNKNOWN:
                call.started_ms = at_ms
                self._books.quick_start(call)
                return
        call.touched_ms = now_ms
        if call.started_ms != UNKNOWN:
            self._discards["duplicate"] += 1
            return
        call.started_ms = at_ms
        if call.made_ms == UNKNOWN:
            call.line_row = line_row
        first = _first_visit(call)
        self._books.made(call, self._no_queue if first is None else first.row, at_ms)

    def visit(
        self,
        kind: int,
        event: Event,
        calls: SourceCalls,
        at_ms: int,
        now_ms: int,
        place: Place,
    ) -> None:
        """Something happened to a visit.

        The ordinary steps of an ordinary call are taken here; all else goes through the table.

        Args:
            kind: A `Kind`.
            event: The event; it names a call and a queue.
            calls: Of its source.
            at_ms: Its instant on the engine's time (`event.at_ms` but for a skewed clock).
            now_ms: When it was received.
            place: Where it counts.
        """
        assert event.call_id is not None
        call = calls.get(event.call_id)
        if call is None:
            call = self._add(event.call_id, calls, now_ms)
        else:
            call.touched_ms = now_ms
        visit, entry = call.visit, event.entry
        if visit is None:
            if (
                kind == QUEUED
                and place[1] == call.line_row == call.assigned_row == UNKNOWN
                and not call.ended
            ):
                self._quick_enter(call, event, at_ms, place)
                return
        elif (
            call.older is None
            and visit.site_row == UNKNOWN
            and visit.queue == event.queue
            and (entry is None or entry == visit.entry)
        ):
            stage = visit.stage
            if stage == TALKING:
                if kind == COMPLETED and event.wait_ms is None and visit.queued_ms != UNKNOWN:
                    visit.stage, visit.end = FINISHED, COMPLETED
                    visit.ended_ms, visit.ended_ts = at_ms, event.at_ms
                    self._books.quick_complete(visit)
                    self.register.close(call, now_ms)
                    return
            elif stage == WAITING and kind == ANSWERED:
                wait_ms = event.wait_ms
                if wait_ms is not None:
                    visit.wait_given = True
                else:
                    wait_ms = event.at_ms - visit.queued_ts
                if wait_ms >= 0:
                    self._waiting.leave(visit)
                    visit.stage, visit.wait_ms = TALKING, wait_ms
                    visit.answered_ms, visit.answered_ts = at_ms, event.at_ms
                    self._books.quick_answer(visit)
                    return
        self._visit(kind, call, event, at_ms, now_ms, place)

    def _quick_enter(self, call: Call, event: Event, at_ms: int, place: Place) -> None:
        row, site_row, threshold_ms, queue = place
        entry = event.entry or 1
        call.visit = visit = Visit(
            queue, row, site_row, threshold_ms, call.call_id, entry,
            at_ms, WAITING, at_ms, event.at_ms,
        )  # fmt: skip
        self._books.quick_enter(call, visit)
        self._waiting.enter(visit)

    def _visit(
        self, kind: int, call: Call, event: Event, at_ms: int, now_ms: int, place: Place
    ) -> None:
        visit = call.visit
        entry = event.entry
        if visit is not None and (
            visit.queue != event.queue or (entry is not None and entry != visit.entry)
        ):
            visit = _find_visit(call, event)
        if visit is None:
            self._begin(kind, call, event, at_ms, now_ms, place, entry or 1)
            return
        if call.older is not None and entry is None and _is_repeated(call.older, kind, event):
            self._discards["duplicate" if kind == ANSWERED else "duplicate_end"] += 1
            return
        if (
            kind == QUEUED
            and visit.stage >= LEFT
            and entry is None
            and event.at_ms > visit.ended_ts
        ):
            self._begin(kind, call, event, at_ms, now_ms, place, visit.entry + 1)
            return
        self._act(kind, call, visit, event, at_ms, now_ms)

    def end_without_queue(
        self, kind: int, event: Event, calls: SourceCalls, at_ms: int, now_ms: int
    ) -> None:
        """An end that names no queue: that of the open visit, or of a call outside any queue."""
        call = self._call(event, calls, now_ms)
        visit = call.visit
        if visit is not None and visit.stage in (WAITING, TALKING):
            self._act(kind, call, visit, event, at_ms, now_ms)
            return
        # A call that was taken out of a queue or passed on lives on, and may still be cut off.
        cut_off = kind == DISCONNECTED and (
            visit is not None and visit.end in (DEQUEUED, TRANSFERRED)
        )
        if call.ended or not (visit is None or cut_off):
            self._discards["duplicate_end"] += 1
            return
        call.ended, call.outside, call.outside_ms = True, event, at_ms
        self._books.end_outside(call, kind, at_ms, evident=event.reason in EVIDENT_REASONS)
        if visit is None:
            self._count_unqueued(call, at_ms)
        self.register.close(call, now_ms)

    def reset(self, source: str, at_ms: int, now_ms: int) -> None:
        """The source restarted: what was open there has no known end."""
        for call in tuple(self.register.calls_of(source).values()):
            if call.forget_ms == UNKNOWN:
                self._lapse(call, at_ms, now_ms, "reset")

    def empty_queue(self, source: str, row: int, at_ms: int, now_ms: int) -> None:
        """The source says that nobody waits in this queue: whoever we still hold there is gone."""
        calls = self.register.calls_of(source)
        for visit in tuple(self._waiting.waiting_in(row)):
            call = calls.get(visit.call_id)
            # Another source may have a call of the same id in this queue.
            if call is not None and visit in visits_of(call) and visit.queued_ts < at_ms:
                self._lapse(call, at_ms, now_ms, "gone_from_snapshot")

    def expire(self, now_ms: int) -> None:
        """End calls that have been silent for too long and forget those that ended long ago."""
        for call in self.register.silent_too_long(now_ms):
            self._lapse(call, now_ms, now_ms, "expired")
        self.register.forget(now_ms)

    # -- state --------------------------------------------------------------------------------

    def restore(self, calls: list[Call], ended: list[Call]) -> None:
        """Take over what the register gave before."""
        for call in self.register.restore(calls, ended):
            for visit in visits_of(call):
                if visit.stage == WAITING:
                    self._waiting.enter(visit)

    # -- one call -----------------------------------------------------------------------------

    def _call(self, event: Event, calls: SourceCalls, now_ms: int) -> Call:
        assert event.call_id is not None
        call = calls.get(event.call_id)
        if call is None:
            return self._add(event.call_id, calls, now_ms)
        call.touched_ms = now_ms
        return call

    def _add(self, call_id: str, calls: SourceCalls, now_ms: int) -> Call:
        register = self.register
        call = register.add(calls, call_id, now_ms)
        if register.open_count > self._most_open:
            silent = register.longest_silent(call, now_ms)
            if silent is not None:
                self._lapse(silent, now_ms, now_ms, "too_many_open_calls")
        return call

    def _begin(
        self,
        kind: int,
        call: Call,
        event: Event,
        at_ms: int,
        now_ms: int,
        place: Place,
        entry: int,
    ) -> None:
        """Begin a visit with whatever event is the first that is seen of it."""
        row, site_row, threshold_ms, queue = place
        visit = Visit(queue, row, site_row, threshold_ms, call.call_id, entry, at_ms)
        if call.visit is not None:
            call.older = [*(call.older or ()), call.visit]
        call.visit = visit
        self.register.reopen(call)
        outside = call.outside
        overtaken = outside is not None and event.at_ms <= outside.at_ms
        if overtaken:
            self._take_back_outside(call)
        self._act(kind, call, visit, event, at_ms, now_ms)
        if overtaken and visit.stage in (WAITING, TALKING):
            assert outside is not None
            ending = KIND_OF_TYPE[outside.type]
            self._act(ending, call, visit, outside, at_ms - event.at_ms + outside.at_ms, now_ms)

    def _take_back_outside(self, call: Call) -> None:
        """The end that named no queue had overtaken the visit that it is the end of."""
        outside = call.outside
        assert outside is not None
        self._books.end_outside(
            call,
            KIND_OF_TYPE[outside.type],
            call.outside_ms,
            evident=outside.reason in EVIDENT_REASONS,
            sign=UNBOOK,
        )
        call.ended, call.outside, call.outside_ms = False, None, UNKNOWN

    def _act(
        self, kind: int, call: Call, visit: Visit, event: Event, at_ms: int, now_ms: int
    ) -> None:
        step = self._steps[visit.stage][kind]
        if visit.queued_ms == UNKNOWN and visit.stage != NEW:
            before_ms = visit.first_ms
            self._visits.learn(visit, event, at_ms)
            outcome = step(kind, call, visit, event, at_ms)
            if entered_ms(visit) != before_ms:
                outcome = ENTERED_AND_ENDED if outcome == ENDED else ENTERED
        else:
            outcome = step(kind, call, visit, event, at_ms)
        if outcome == ENDED:
            if call.older is None or not _is_open(call):
                self.register.close(call, now_ms)
        elif outcome == ENTERED:
            if visit.end == UNKNOWN:
                self.register.reopen(call)
            self._count_call(call)
        elif outcome == ENTERED_AND_ENDED:
            self._count_call(call)
            if not _is_open(call):
                self.register.close(call, now_ms)

    def _count_call(self, call: Call) -> None:
        """Count the call as made, and as belonging to the queue that it entered first."""
        first = call.visit if call.older is None else _first_visit(call)
        assert first is not None
        entered = first.queued_ms if first.queued_ms != UNKNOWN else first.first_ms
        made_ms = entered if call.started_ms == UNKNOWN else call.started_ms
        if call.made_ms != made_ms or call.made_row != first.row:
            self._books.made(call, first.row, made_ms)
        self._books.assigned(call, first.row, entered)

    def _count_unqueued(self, call: Call, at_ms: int) -> None:
        if call.made_ms == UNKNOWN:
            self._books.made(call, self._no_queue, at_ms)
        self._books.assigned(call, self._no_queue, at_ms)

    def _lapse(self, call: Call, at_ms: int, now_ms: int, reason: str) -> None:
        """End a call of which no end is known."""
        self._discards[reason] += 1
        for visit in visits_of(call):
            if visit.stage in (WAITING, TALKING):
                self._visits.lapse(visit, at_ms)
        if call.visit is None:
            call.ended = True
            self._books.end_outside(call, LAPSE, at_ms, evident=False)
            self._count_unqueued(call, at_ms)
        self.register.close(call, now_ms)


def _is_open(call: Call) -> bool:
    return any(visit.stage in (WAITING, TALKING) for visit in visits_of(call))


def _first_visit(call: Call) -> Visit | None:
    """The visit that began first."""
    if call.older is None:
        return call.visit
    return min(visits_of(call), key=entered_ms)


def _is_repeated(older: list[Visit], kind: int, event: Event) -> bool:
    """Whether an event without an entry tells again what is known of an earlier visit.

    Without this, an end that is delivered twice would end the next visit to the same queue.
    """
    return any(
        visit.queue == event.queue
        and (
            (kind == ANSWERED and visit.answered_ts == event.at_ms)
            or (kind == visit.end and visit.ended_ts == event.at_ms)
        )
        for visit in older
    )


def _find_visit(call: Call, event: Event) -> Visit | None:
    """The visit that an event belongs to; the latest of its queue when it does not count."""
    found = None
    for visit in visits_of(call):
        if visit.queue == event.queue and event.entry in (None, visit.entry):
            found = visit
    return found
