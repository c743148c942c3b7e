"""Follows every call from its first event to its end, whatever the feed does to the events.

Loss, duplication, disorder and re-entry are the normal case. A visit to a queue is known by source,
call, queue and entry; it may begin with any event; what was inferred is corrected by what comes;
the first end holds; ended calls are remembered for a while so that a late duplicate revives none.
What `lifecycle.TRANSITIONS` prescribes is done in `visits.py`, what it counts is in `booking.py`;
here calls are found, counted as made, expired and forgotten.

Bounded: open calls, remembered calls and their age have limits, and whatever a limit discards is
counted by reason.

Pure: no I/O, no clock.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator

from monitor.core.booking import Books
from monitor.core.calls import UNKNOWN, Call, Visit, entered_ms, visits_of
from monitor.core.events import EVIDENT_REASONS, Event
from monitor.core.lifecycle import (
    ANSWERED,
    COMPLETED,
    DEQUEUED,
    DISCONNECTED,
    FINISHED,
    LAPSE,
    LEFT,
    NEW,
    QUEUED,
    TALKING,
    TRANSFERRED,
    WAITING,
)
from monitor.core.plan import SECOND_MS, Limits
from monitor.core.visits import ENDED, ENTERED, ENTERED_AND_ENDED, VisitKeeper
from monitor.core.waiting import WaitingRoom

# Direct row of the queue, direct row of the site or -1, service-level threshold in ms.
Place = tuple[int, int, int]


class CallTracker:
    """All calls in flight and those that ended lately.

    Args:
        books: Where contributions are booked.
        waiting: Who is in the queue now.
        limits: Bounds.
        no_queue: Direct row of calls that reached no queue.
        discards: Counts what was not counted, by reason.
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
        self._limits = limits
        self._no_queue = no_queue
        self._discards = discards
        self._calls: dict[str, dict[str, Call]] = {}
        self._due: dict[int, list[Call]] = {}  # by the second in which to look
        # By serial, in the order in which they are forgotten; each ended call once, no open one.
        self._ended: OrderedDict[int, Call] = OrderedDict()
        self._looked_s = UNKNOWN
        self._silent: list[tuple[int, int, Call]] = []  # who to give up next is last
        self._lined_up_ms = UNKNOWN
        self._serial = 0
        self.open_count = 0

    @property
    def ended_count(self) -> int:
        """Ended calls that are remembered."""
        return len(self._ended)

    # -- events -------------------------------------------------------------------------------

    def calls_of(self, source: str) -> dict[str, Call]:
        """The calls of a source, to be handed in with its events."""
        found = self._calls.get(source)
        if found is None:
            found = self._calls[source] = {}
        return found

    def start(
        self, event: Event, calls: dict[str, Call], at_ms: int, now_ms: int, line_row: int
    ) -> None:
        """The call reached the system.

        Args:
            event: The event.
            calls: Of its source.
            at_ms: Its instant on the engine's time.
            now_ms: When it was received.
            line_row: Direct row of calls to the dialled line that reach no queue, or UNKNOWN.
        """
        call = self._call(event, calls, now_ms)
        if call.started_ms != UNKNOWN:
            self._discards["duplicate"] += 1
            return
        call.started_ms = at_ms
        first = _first_visit(call)
        if first is None and call.made_ms == line_row == UNKNOWN:
            self._books.quick_start(call)
        else:
            if call.made_ms == UNKNOWN:
                call.line_row = line_row
            self._books.made(call, self._no_queue if first is None else first.row, at_ms)

    def visit(
        self,
        kind: int,
        event: Event,
        calls: dict[str, Call],
        at_ms: int,
        now_ms: int,
        place: Place,
    ) -> None:
        """Something happened to a visit.

        The ordinary steps of an ordinary call are taken here in one go; all else goes through the
        transition table, which would do the same.

        Args:
            kind: A `Kind`.
            event: The event; it names a call and a queue.
            calls: Of its source.
            at_ms: Its instant on the engine's time (`event.at_ms` but for a skewed clock).
            now_ms: When it was received.
            place: Where it counts.
        """
        call = calls.get(event.call_id)  # type: ignore[arg-type]
        if call is None:
            call = self._call(event, calls, now_ms)
        else:
            call.touched_ms = now_ms
        visit = call.visit
        if visit is None:
            if (
                kind == QUEUED
                and place[1] == call.line_row == UNKNOWN
                and not (call.ended or call.assigned)
            ):
                self._quick_enter(call, event, at_ms, place)
                return
        elif call.older is None and visit.site_row == UNKNOWN and visit.queue == event.queue:
            stage = visit.stage
            if stage == TALKING:
                if (
                    kind == COMPLETED
                    and event.entry is None
                    and event.wait_ms is None
                    and visit.queued_ms != UNKNOWN
                ):
                    visit.stage, visit.end = FINISHED, COMPLETED
                    visit.ended_ms, visit.ended_ts = at_ms, event.at_ms
                    self._books.quick_complete(visit)
                    self._close(call, now_ms)
                    return
            elif stage == WAITING and kind == ANSWERED and event.entry is None:
                wait_ms = event.wait_ms
                if wait_ms is not None:
                    visit.wait_given = True
                else:
                    wait_ms = event.at_ms - visit.queued_ts
                if wait_ms >= 0:
                    visit.stage, visit.wait_ms = TALKING, wait_ms
                    visit.answered_ms, visit.answered_ts = at_ms, event.at_ms
                    self._books.quick_answer(visit)
                    return
        self._visit(kind, call, event, at_ms, now_ms, place)

    def _quick_enter(self, call: Call, event: Event, at_ms: int, place: Place) -> None:
        assert event.queue is not None
        visit = Visit(
            event.queue, event.entry or 1, place[0], UNKNOWN, place[2], at_ms, WAITING, at_ms,
            event.at_ms,
        )  # fmt: skip
        call.visit = visit
        self._books.quick_enter(call, visit)
        self._waiting.enter(call, visit)

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
        self, kind: int, event: Event, calls: dict[str, Call], at_ms: int, now_ms: int
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
        call.ended = True
        self._books.end_outside(call, kind, at_ms, evident=event.reason in EVIDENT_REASONS)
        if visit is None:
            self._count_unqueued(call, at_ms)
        self._close(call, now_ms)

    def reset(self, source: str, at_ms: int, now_ms: int) -> None:
        """The source restarted: what was open there has no known end."""
        for call in tuple(self._calls.get(source, {}).values()):
            if call.forget_ms == UNKNOWN:
                self._lapse(call, at_ms, now_ms, "reset")

    def empty_queue(self, source: str, row: int, at_ms: int, now_ms: int) -> None:
        """The source says that nobody waits in this queue: whoever we still hold there is gone."""
        for call, visit in tuple(self._waiting.waiting_in(row)):
            if call.source == source and visit.queued_ts < at_ms:
                self._lapse(call, at_ms, now_ms, "gone_from_snapshot")

    def expire(self, now_ms: int) -> None:
        """End calls that have been silent for too long and forget those that ended long ago."""
        now_s = now_ms // SECOND_MS
        for second in self._seconds_due(now_s):
            for call in sorted(self._due.pop(second), key=_serial):
                if call.forget_ms != UNKNOWN:
                    continue
                if call.touched_ms + self._limits.call_age_ms <= now_ms:
                    self._lapse(call, now_ms, now_ms, "expired")
                else:
                    self._look_later(call)
        self._looked_s = now_s
        ended = self._ended
        while ended:
            call = next(iter(ended.values()))
            if call.forget_ms > now_ms and len(ended) <= self._limits.ended_calls:
                break
            del ended[call.serial], self._calls[call.source][call.call_id]

    def _seconds_due(self, now_s: int) -> list[int]:
        first_s = self._looked_s + 1
        if now_s - first_s < len(self._due):
            return [second for second in range(first_s, now_s + 1) if second in self._due]
        return sorted(second for second in self._due if second <= now_s)

    def next_due_ms(self) -> int | None:
        """When `expire` will have something to do if nothing more arrives; None for never."""
        candidates = [min(self._due) * SECOND_MS] if self._due else []
        if self._ended:
            candidates.append(next(iter(self._ended.values())).forget_ms)
        return min(candidates, default=None)

    # -- state --------------------------------------------------------------------------------

    def calls(self) -> Iterator[Call]:
        """All calls that are held, open and ended."""
        for of_source in self._calls.values():
            yield from of_source.values()

    def remembered(self) -> list[Call]:
        """Ended calls in the order in which they are forgotten."""
        return list(self._ended.values())

    def restore(self, calls: list[Call], ended: list[Call]) -> None:
        """Take over what `calls` and `remembered` gave before."""
        for call in sorted(calls, key=lambda call: call.serial):
            self._calls.setdefault(call.source, {})[call.call_id] = call
            self._serial = max(self._serial, call.serial + 1)
            if call.forget_ms == UNKNOWN:
                self.open_count += 1
                self._look_later(call)
            for visit in visits_of(call):
                if visit.stage == WAITING:
                    self._waiting.enter(call, visit)
        self._ended.update((call.serial, call) for call in ended)

    # -- one call -----------------------------------------------------------------------------

    def _call(self, event: Event, calls: dict[str, Call], now_ms: int) -> Call:
        call_id = event.call_id
        assert call_id is not None
        call = calls.get(call_id)
        if call is not None:
            call.touched_ms = now_ms
            return call
        call = calls[call_id] = Call(event.source, call_id, self._serial, now_ms)
        self._look_later(call)
        self._serial += 1
        self.open_count += 1
        if self.open_count > self._limits.open_calls:
            self._evict(call, now_ms)
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
        assert event.queue is not None
        visit = Visit(event.queue, entry, place[0], place[1], place[2], at_ms)
        if call.visit is not None:
            call.older = [*(call.older or ()), call.visit]
        call.visit = visit
        self._reopen(call)
        self._act(kind, call, visit, event, at_ms, now_ms)

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
                self._close(call, now_ms)
        elif outcome == ENTERED:
            if visit.end == UNKNOWN:
                self._reopen(call)
            self._count_call(call)
        elif outcome == ENTERED_AND_ENDED:
            self._count_call(call)
            if not _is_open(call):
                self._close(call, now_ms)

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

    def _close(self, call: Call, now_ms: int) -> None:
        """The call is over unless something still comes."""
        if call.forget_ms == UNKNOWN:
            self.open_count -= 1
        else:
            del self._ended[call.serial]
        call.forget_ms = now_ms + self._limits.ended_for_ms
        self._ended[call.serial] = call

    def _reopen(self, call: Call) -> None:
        if call.forget_ms == UNKNOWN:
            return
        call.forget_ms = UNKNOWN
        if call.touched_ms == self._lined_up_ms:
            self._silent.clear()
        del self._ended[call.serial]
        self.open_count += 1
        self._look_later(call)

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
        self._close(call, now_ms)

    def _look_later(self, call: Call) -> None:
        """Look at the call again when it may have been silent for too long."""
        second = -(-(call.touched_ms + self._limits.call_age_ms) // SECOND_MS)
        due = self._due.get(second)
        if due is None:
            self._due[second] = [call]
        else:
            due.append(call)

    def _evict(self, newcomer: Call, now_ms: int) -> None:
        """Give up the call that has been silent for longest; of two, the one seen first."""
        call = self._next_silent(now_ms)
        if call is None:
            self._line_up(newcomer, now_ms)
            call = self._next_silent(now_ms)
        if call is not None:
            self._lapse(call, now_ms, now_ms, "too_many_open_calls")

    def _line_up(self, newcomer: Call, now_ms: int) -> None:
        """Line up open calls, the longest silent last; those heard of now only if there are none.

        Whatever is heard of after that is younger than everything in the line, so the line gives
        the same calls as one that is made anew, as after a restart.
        """
        open_calls = (call for call in self.calls() if call.forget_ms == UNKNOWN)
        found = [
            (call.touched_ms, call.serial, call) for call in open_calls if call is not newcomer
        ]
        older = [place for place in found if place[0] < now_ms]
        self._silent = sorted(older or found, reverse=True, key=lambda place: place[:2])
        self._lined_up_ms = now_ms

    def _next_silent(self, now_ms: int) -> Call | None:
        while self._silent:
            touched_ms, _, call = self._silent.pop()
            is_same = call.forget_ms == UNKNOWN and call.touched_ms == touched_ms
            if is_same and (touched_ms < self._lined_up_ms or now_ms == self._lined_up_ms):
                return call
        return None


def _serial(call: Call) -> int:
    return call.serial


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
