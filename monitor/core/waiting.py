"""Who is in the queue now: how many, for how long in all, and the longest.

Counts change with the event; the longest wait is found when it is read, from a line-up per row that
is kept in order of queueing. Whoever has left stays in the line-up until the reader comes past.

Pure: no I/O, no clock.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterator

import numpy as np

from monitor.core.calls import UNKNOWN, Call, Visit
from monitor.core.lifecycle import WAITING
from monitor.core.snapshot import IntArray

_Place = tuple[int, int, Call, Visit]  # queued_ms, serial of the call, and who it is


def _order(place: _Place) -> tuple[int, int]:
    return place[0], place[1]


class WaitingRoom:
    """Calls in queue, by direct row.

    Args:
        rows: Direct rows at the start; `grow` adds more.
    """

    def __init__(self, rows: int) -> None:
        self._count = [0] * rows
        self._queued_sum = [0] * rows
        self._line_ups: list[deque[_Place]] = [deque() for _ in range(rows)]
        self.total = 0

    def grow(self, rows: int) -> None:
        """Have room for `rows` direct rows."""
        for _ in range(rows - len(self._count)):
            self._count.append(0)
            self._queued_sum.append(0)
            self._line_ups.append(deque())

    def enter(self, call: Call, visit: Visit) -> None:
        """The visit begins to wait at its `queued_ms`."""
        self.total += 1
        place = (visit.queued_ms, call.serial, call, visit)
        for row in (visit.row, visit.site_row) if visit.site_row != UNKNOWN else (visit.row,):
            self._count[row] += 1
            self._queued_sum[row] += visit.queued_ms
            line_up = self._line_ups[row]
            if line_up and line_up[-1][0] > visit.queued_ms:
                self._insert(row, place)
            else:
                line_up.append(place)

    def leave(self, visit: Visit) -> None:
        """The visit no longer waits. Call it before `queued_ms` is changed."""
        self.total -= 1
        for row in (visit.row, visit.site_row) if visit.site_row != UNKNOWN else (visit.row,):
            self._count[row] -= 1
            self._queued_sum[row] -= visit.queued_ms
            if len(self._line_ups[row]) > 2 * self._count[row] + 64:
                self._line_ups[row] = deque(filter(_still_waits, self._line_ups[row]))
        assert self.total >= 0

    def waiting_in(self, row: int) -> Iterator[tuple[Call, Visit]]:
        """Calls that wait in a direct row, longest first."""
        for place in tuple(self._line_ups[row]):
            if _still_waits(place):
                yield place[2], place[3]

    def counts(self) -> IntArray:
        """Calls in queue. Shape (direct rows,), int64."""
        return np.array(self._count, dtype=np.int64)

    def waited_sums_ms(self, at_ms: int) -> IntArray:
        """Time waited so far by all of them. Shape (direct rows,), int64, >= 0."""
        sums = self.counts() * at_ms - np.array(self._queued_sum, dtype=np.int64)
        return np.maximum(sums, 0)

    def first_queued_ms(self) -> IntArray:
        """When the longest waiting entered. Shape (direct rows,), int64; -1 when nobody waits."""
        first = np.full(len(self._count), UNKNOWN, dtype=np.int64)
        for row, count in enumerate(self._count):
            line_up = self._line_ups[row]
            if count:
                while not _still_waits(line_up[0]):
                    line_up.popleft()
                first[row] = line_up[0][0]
            elif line_up:
                line_up.clear()
        return first

    def _insert(self, row: int, place: _Place) -> None:
        in_order = list(self._line_ups[row])
        insort(in_order, place, key=_order)
        self._line_ups[row] = deque(in_order)


def _still_waits(place: _Place) -> bool:
    return place[3].stage == WAITING and place[3].queued_ms == place[0]
