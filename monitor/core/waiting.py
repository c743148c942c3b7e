"""Who is in the queue now: how many, for how long in all, and the longest.

Whoever enters is put on one list; whoever leaves is not looked for, since the visit itself says
that it no longer waits. The figures are made when they are read, in one pass over those who are
left. That costs a tick less than keeping counts would cost every event.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator

import numpy as np

from monitor.core.calls import UNKNOWN, Call, Visit
from monitor.core.lifecycle import WAITING
from monitor.core.snapshot import IntArray

_CLEAN_FROM = 4_096


class WaitingRoom:
    """Calls in queue, by direct row.

    Args:
        rows: Direct rows at the start; `grow` adds more.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._entered: list[tuple[Call, Visit]] = []
        self._clean_at = _CLEAN_FROM

    def grow(self, rows: int) -> None:
        """Have room for `rows` direct rows."""
        self._rows = rows

    def enter(self, call: Call, visit: Visit) -> None:
        """The visit waits from now on, until its stage changes."""
        self._entered.append((call, visit))
        if len(self._entered) >= self._clean_at:
            self._clean()

    @property
    def total(self) -> int:
        """Calls in queue."""
        self._clean()
        return len(self._entered)

    def waiting_in(self, row: int) -> Iterator[tuple[Call, Visit]]:
        """Calls that wait in a direct row, in order of entry."""
        self._clean()
        for call, visit in self._entered:
            if visit.row == row:
                yield call, visit

    def counts(self) -> IntArray:
        """Calls in queue. Shape (direct rows,), int64."""
        return self.figures(0)[0]

    def figures(self, at_ms: int) -> tuple[IntArray, IntArray, IntArray]:
        """How many wait, how long all of them together have waited, and the longest.

        Args:
            at_ms: Now.

        Returns:
            Three arrays of shape (direct rows,), int64: calls; ms, >= 0; ms, -1 for nobody.
        """
        self._clean()
        visits = [visit for _, visit in self._entered]
        visits += [visit for visit in visits if visit.site_row != UNKNOWN]
        count = len(self._entered)
        rows = np.fromiter(
            (visit.row if index < count else visit.site_row for index, visit in enumerate(visits)),
            np.int64,
            len(visits),
        )
        waits_ms = at_ms - np.fromiter((visit.queued_ms for visit in visits), np.int64, len(visits))
        np.maximum(waits_ms, 0, out=waits_ms)
        waited_ms = np.zeros(self._rows, dtype=np.int64)
        np.add.at(waited_ms, rows, waits_ms)
        longest_ms = np.full(self._rows, UNKNOWN, dtype=np.int64)
        np.maximum.at(longest_ms, rows, waits_ms)
        return np.bincount(rows, minlength=self._rows), waited_ms, longest_ms

    def _clean(self) -> None:
        """Leave out whoever no longer waits."""
        self._entered = [entry for entry in self._entered if entry[1].stage == WAITING]
        self._clean_at = max(_CLEAN_FROM, 2 * len(self._entered))
