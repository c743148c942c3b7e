"""Who is in the queue now: how many, for how long in all, and the longest.

Counts and the sum of the instants of entry change with the event, so that reading them costs the
same however many wait. The longest wait is found when it is read, at the head of a line-up per row
that is kept in order of entry; whoever has left stays in it until the reader comes past.

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
_CLEAN_FROM = 64


class WaitingRoom:
    """Calls in queue, by direct row.

    Args:
        rows: Direct rows at the start; `grow` adds more.
    """

    def __init__(self, rows: int) -> None:
        self._counts = [0] * rows
        self._queued_sums = [0] * rows
        self._line_ups: list[deque[_Place]] = [deque() for _ in range(rows)]
        self.total = 0

    def grow(self, rows: int) -> None:
        """Have room for `rows` direct rows."""
        more = rows - len(self._counts)
        self._counts += [0] * more
        self._queued_sums += [0] * more
        self._line_ups += [deque() for _ in range(more)]

    def enter(self, call: Call, visit: Visit) -> None:
        """The visit begins to wait at its `queued_ms`."""
        self.total += 1
        place = (visit.queued_ms, call.serial, call, visit)
        self._join(visit.row, place)
        if visit.site_row != UNKNOWN:
            self._join(visit.site_row, place)

    def leave(self, visit: Visit) -> None:
        """The visit waits no longer; its stage is about to change."""
        self.total -= 1
        self._part(visit.row, visit.queued_ms)
        if visit.site_row != UNKNOWN:
            self._part(visit.site_row, visit.queued_ms)
        assert self.total >= 0

    def waiting_in(self, row: int) -> Iterator[tuple[Call, Visit]]:
        """Calls that wait in a direct row, longest first."""
        for place in tuple(self._line_ups[row]):
            if _still_waits(place):
                yield place[2], place[3]

    def counts(self) -> IntArray:
        """Calls in queue. Shape (direct rows,), int64."""
        return np.array(self._counts, dtype=np.int64)

    def figures(self, at_ms: int) -> tuple[IntArray, IntArray, IntArray]:
        """How many wait, how long all of them together have waited, and the longest.

        Args:
            at_ms: Now.

        Returns:
            Three arrays of shape (direct rows,), int64: calls; ms, >= 0; ms, -1 for nobody.
        """
        counts = self.counts()
        waited_ms = counts * at_ms - np.array(self._queued_sums, dtype=np.int64)
        longest_ms = np.full(counts.size, UNKNOWN, dtype=np.int64)
        for row in counts.nonzero()[0].tolist():
            line_up = self._line_ups[row]
            while not _still_waits(line_up[0]):
                line_up.popleft()
            longest_ms[row] = max(0, at_ms - line_up[0][0])
        return counts, np.maximum(waited_ms, 0), longest_ms

    def _join(self, row: int, place: _Place) -> None:
        queued_ms = place[0]
        self._counts[row] += 1
        self._queued_sums[row] += queued_ms
        line_up = self._line_ups[row]
        if line_up and line_up[-1][0] > queued_ms:
            in_order = list(line_up)
            insort(in_order, place, key=_entry)
            self._line_ups[row] = deque(in_order)
        else:
            line_up.append(place)

    def _part(self, row: int, queued_ms: int) -> None:
        count = self._counts[row] = self._counts[row] - 1
        self._queued_sums[row] -= queued_ms
        line_up = self._line_ups[row]
        if len(line_up) > 2 * count + _CLEAN_FROM:
            self._line_ups[row] = deque(filter(_still_waits, line_up))


def _entry(place: _Place) -> tuple[int, int]:
    return place[0], place[1]


def _still_waits(place: _Place) -> bool:
    return place[3].stage == WAITING
