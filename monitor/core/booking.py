"""What a visit adds to the counts, and where: the rules of `settling.py` put to their instants.

Everything that a visit contributes is a function of what is known of it, in four parts: that it was
offered, that it was late, how it was answered, how it ended. Each part can be booked (+1) and
unbooked (-1). An ordinary event books one more part; anything that overturns what was known
unbooks the old parts, changes the visit and books them anew. So the order in which events arrive
cannot matter, and no rule is written twice.

`late` is booked ahead of time, into the second in which the threshold will pass, as soon as a call
enters a queue, and unbooked when the call is answered or leaves before; no timer has to fire.

Pure: no I/O, no clock.
"""

from bisect import bisect_left
from typing import Final

from monitor.core import fields
from monitor.core.calls import UNKNOWN, Call, Visit
from monitor.core.fields import FIELD_COUNT, HOLD_BIN
from monitor.core.intervals import INTERVAL_MS, ROW_BITS, IntervalBook
from monitor.core.ring import WindowRing
from monitor.core.settling import (
    HOLD_EDGES_MS,
    answer_fields,
    end_fields,
    is_late,
    outside_fields,
)

_OFFERED: Final = (fields.OFFERED,)
_LATE: Final = (fields.LATE,)
BOOK: Final = 1
UNBOOK: Final = -1


class Books:
    """Books what calls and visits contribute into the ring, and into the intervals once settled.

    Args:
        ring: Where the counts of the windows are kept.
        intervals: Where those by arrival are kept.
        no_queue: Direct row of calls that reached no queue.
        short_abandon_ms: An abandon before this is short (formulas F5 and F6).
    """

    def __init__(
        self, ring: WindowRing, intervals: IntervalBook, no_queue: int, short_abandon_ms: int
    ) -> None:
        self._intervals = intervals
        self._settled = intervals.opened
        self._opened = ring.opened
        self._open = ring.open
        self._no_queue = no_queue
        self._short_abandon_ms = short_abandon_ms

    def visit(self, visit: Visit, sign: int) -> None:
        """Book or unbook all that is known of a visit."""
        self.offered(visit, sign)
        if is_late(visit):
            self.late(visit, sign)
        if visit.answered_ms != UNKNOWN:
            self.answer(visit, sign)
        if visit.end != UNKNOWN:
            self.end(visit, sign)

    # The four steps of an ordinary call, each in one go. They book what the general parts below
    # would; `tests/core/test_booking.py` holds them to it.

    def quick_start(self, call: Call) -> None:
        """A call that is not counted yet has reached the system."""
        at_ms = call.made_ms = call.started_ms
        no_queue = call.made_row = self._no_queue
        second = at_ms // 1000
        opened = self._opened.get(second) or self._open(second)
        opened.plus.append(no_queue * FIELD_COUNT + fields.CALLS_MADE)

    def quick_enter(self, call: Call, visit: Visit) -> None:
        """The first visit of a call begins to wait."""
        find, row = self._opened.get, visit.row
        base, at_ms = row * FIELD_COUNT, visit.queued_ms
        second = at_ms // 1000
        plus = (find(second) or self._open(second)).plus
        plus.append(base + fields.OFFERED)
        plus.append(base + fields.CALLS_ASSIGNED)
        call.assigned_ms, call.assigned_row = at_ms, row
        second = (at_ms + visit.threshold_ms) // 1000
        (find(second) or self._open(second)).plus.append(base + fields.LATE)
        made_ms = call.started_ms
        if made_ms == UNKNOWN:
            made_ms = at_ms
        second = made_ms // 1000
        opened = find(second) or self._open(second)
        if call.made_ms != UNKNOWN:
            opened.minus.append(call.made_row * FIELD_COUNT + fields.CALLS_MADE)
        opened.plus.append(base + fields.CALLS_MADE)
        call.made_ms, call.made_row = made_ms, row

    def quick_answer(self, visit: Visit) -> None:
        """A visit that waited, and was booked as late to come, is answered."""
        find, wait_ms, at_ms = self._opened.get, visit.wait_ms, visit.answered_ms
        base = visit.row * FIELD_COUNT
        second = at_ms // 1000
        opened = find(second) or self._open(second)
        plus = opened.plus
        plus.append(base + fields.ANSWERED)
        plus.append(base + HOLD_BIN + bisect_left(HOLD_EDGES_MS, wait_ms))
        if wait_ms:
            opened.cells.append(base + fields.WAIT_MS_SUM)
            opened.amounts.append(wait_ms)
        if wait_ms <= visit.threshold_ms:
            plus.append(base + fields.ANSWERED_WITHIN)
            second = (visit.queued_ms + visit.threshold_ms) // 1000
            (find(second) or self._open(second)).minus.append(base + fields.LATE)

    def quick_complete(self, visit: Visit) -> None:
        """An answered visit ends as it should."""
        base = visit.row * FIELD_COUNT
        second = visit.ended_ms // 1000
        plus = (self._opened.get(second) or self._open(second)).plus
        plus.append(base + fields.ENDED)
        plus.append(base + fields.COMPLETED)
        interval, wait_ms = visit.queued_ms // INTERVAL_MS, visit.wait_ms
        opened = self._settled.get(interval) or self._intervals.open(interval)
        opened.completed.append(
            (wait_ms << ROW_BITS | visit.row) << 1 | (wait_ms > visit.threshold_ms)
        )

    # The general parts.

    def offered(self, visit: Visit, sign: int) -> None:
        """Entered the queue; at the first event when the instant of queueing is unknown."""
        at_ms = visit.first_ms if visit.queued_ms == UNKNOWN else visit.queued_ms
        self._count(at_ms, visit, _OFFERED, sign)

    def late(self, visit: Visit, sign: int) -> None:
        """The threshold passed without an answer."""
        self._count(visit.queued_ms + visit.threshold_ms, visit, _LATE, sign)

    def answer(self, visit: Visit, sign: int) -> None:
        """Reached a live person."""
        wait_ms = visit.wait_ms
        self._count(visit.answered_ms, visit, answer_fields(visit), sign)
        if wait_ms > 0:
            second = visit.answered_ms // 1000
            opened = self._opened.get(second) or self._open(second)
            opened.cells.append(visit.row * FIELD_COUNT + fields.WAIT_MS_SUM)
            opened.amounts.append(sign * wait_ms)
            if visit.site_row != UNKNOWN:
                opened.cells.append(visit.site_row * FIELD_COUNT + fields.WAIT_MS_SUM)
                opened.amounts.append(sign * wait_ms)

    def end(self, visit: Visit, sign: int) -> None:
        """Ended, answered or not; with that the visit is settled."""
        self._count(visit.ended_ms, visit, end_fields(visit, self._short_abandon_ms), sign)
        self._intervals.settle(visit, sign)

    def end_outside(
        self, call: Call, kind: int, at_ms: int, *, evident: bool, sign: int = BOOK
    ) -> None:
        """Book or unbook the end of a call that is in no queue.

        Args:
            call: The call, marked as ended.
            kind: A `Kind`.
            at_ms: When it ended.
            evident: Whether a disconnect has positive evidence.
            sign: BOOK or UNBOOK.
        """
        for field in outside_fields(kind, evident=evident):
            self.cell(at_ms, self._no_queue, field, sign)
            if call.line_row != UNKNOWN:
                self.cell(at_ms, call.line_row, field, sign)
        if call.made_ms != UNKNOWN:
            self._intervals.settle_outside(call, self._no_queue, sign)

    def made(self, call: Call, row: int, at_ms: int) -> None:
        """Count a call as made at `at_ms` in direct row `row`, moving it if it was elsewhere.

        Its end outside a queue, if that has come, goes with it to the interval of the arrival.
        """
        if call.made_ms != UNKNOWN:
            self._made(call, UNBOOK)
            self._intervals.settle_outside(call, self._no_queue, UNBOOK)
        call.made_ms, call.made_row = at_ms, row
        self._made(call, BOOK)
        self._intervals.settle_outside(call, self._no_queue, BOOK)

    def _made(self, call: Call, sign: int) -> None:
        self.cell(call.made_ms, call.made_row, fields.CALLS_MADE, sign)
        if call.line_row != UNKNOWN and call.made_row == self._no_queue:
            self.cell(call.made_ms, call.line_row, fields.CALLS_MADE, sign)

    def assigned(self, call: Call, row: int, at_ms: int) -> None:
        """Count a call in the lifetime total of the queue that it is now known to belong to.

        Unlike `made` this waits until the queue is known, so that a counter never goes down.
        """
        if call.assigned_row == row:
            return
        if call.assigned_row != UNKNOWN:
            self.cell(call.assigned_ms, call.assigned_row, fields.CALLS_ASSIGNED, UNBOOK)
        call.assigned_ms, call.assigned_row = at_ms, row
        self.cell(at_ms, row, fields.CALLS_ASSIGNED, BOOK)

    def cell(self, at_ms: int, row: int, field: int, sign: int) -> None:
        """Add one to (or take one from) one field of one direct row."""
        second = at_ms // 1000
        opened = self._opened.get(second) or self._open(second)
        (opened.plus if sign > 0 else opened.minus).append(row * FIELD_COUNT + field)

    def _count(self, at_ms: int, visit: Visit, counted: tuple[int, ...], sign: int) -> None:
        second = at_ms // 1000
        opened = self._opened.get(second) or self._open(second)
        add = opened.plus.append if sign > 0 else opened.minus.append
        base = visit.row * FIELD_COUNT
        for field in counted:
            add(base + field)
        if visit.site_row != UNKNOWN:
            base = visit.site_row * FIELD_COUNT
            for field in counted:
                add(base + field)
