"""Who is in the queue now: how many, for how long in all, and the longest.

Whoever enters is put on one list; whoever leaves is not looked for, since the visit itself says
that it no longer waits. The figures are made when they are read, in one pass over those who are
left. That costs a tick less than keeping counts would cost every event.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator
from itertools import compress

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
        # Row, row of the site, queued_ms: of those on the list at the last reading.
        self._places: IntArray = np.zeros((0, 3), dtype=np.int64)
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
        places = self._places
        waits_ms = np.maximum(at_ms - places[:, 2], 0)
        rows, sites = places[:, 0], places[:, 1]
        at_site = sites != UNKNOWN
        if at_site.any():
            rows = np.concatenate((rows, sites[at_site]))
            waits_ms = np.concatenate((waits_ms, waits_ms[at_site]))
        waited_ms = np.zeros(self._rows, dtype=np.int64)
        np.add.at(waited_ms, rows, waits_ms)
        longest_ms = np.full(self._rows, UNKNOWN, dtype=np.int64)
        np.maximum.at(longest_ms, rows, waits_ms)
        return np.bincount(rows, minlength=self._rows), waited_ms, longest_ms

    def _clean(self) -> None:
        """Leave out whoever no longer waits."""
        entered = self._entered
        fresh = [
            (visit.row, visit.site_row, visit.queued_ms)
            for _, visit in entered[len(self._places) :]
        ]
        if fresh:
            self._places = np.concatenate((self._places, np.array(fresh, dtype=np.int64)))
        waits = np.fromiter(
            (visit.stage == WAITING for _, visit in entered), np.bool_, len(entered)
        )
        if not waits.all():
            self._entered = list(compress(entered, waits.tolist()))
            self._places = self._places[waits]
        self._clean_at = max(_CLEAN_FROM, 2 * len(self._entered))
