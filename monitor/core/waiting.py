"""Who is in the queue now: how many, for how long in all, and the longest.

Counts, the sum of the instants of entry and the instant of the first change with the event, so
that reading them costs the same however many wait. Who is first then is found in a line-up per row
that is kept in order of entry; whoever has left stays in it until those before have left as well.

Pure: no I/O, no clock.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from monitor.core.calls import UNKNOWN, Visit
from monitor.core.hierarchy import Hierarchy
from monitor.core.lifecycle import WAITING
from monitor.core.snapshot import IntArray

_CLEAN_FROM = 64


@dataclass(frozen=True, slots=True)
class Waiters:
    """Who waits in each row of a hierarchy at one instant.

    Attributes:
        at_ms: The instant.
        counts: Calls in queue. Shape (rows,), int64.
        waited_ms: How long all of them together have waited. Shape (rows,), int64, ms, >= 0.
        longest_ms: How long the first of them has. Shape (rows,), int64, ms; -1 for nobody.
    """

    at_ms: int
    counts: IntArray
    waited_ms: IntArray
    longest_ms: IntArray


class WaitingRoom:
    """Calls in queue, by direct row.

    Args:
        rows: Direct rows at the start; `grow` adds more.
    """

    def __init__(self, rows: int) -> None:
        self._counts = [0] * rows
        self._queued_sums = [0] * rows
        self._first_ms = [UNKNOWN] * rows  # when who waits longest entered
        self._line_ups: list[deque[Visit]] = [deque() for _ in range(rows)]

    def grow(self, rows: int) -> None:
        """Have room for `rows` direct rows."""
        more = rows - len(self._counts)
        self._counts += [0] * more
        self._queued_sums += [0] * more
        self._first_ms += [UNKNOWN] * more
        self._line_ups += [deque() for _ in range(more)]

    def enter(self, visit: Visit) -> None:
        """The visit begins to wait at its `queued_ms`."""
        self._join(visit.row, visit)
        if visit.site_row != UNKNOWN:
            self._join(visit.site_row, visit)

    def leave(self, visit: Visit) -> None:
        """The visit waits no longer; its stage is about to change."""
        self._part(visit.row, visit)
        if visit.site_row != UNKNOWN:
            self._part(visit.site_row, visit)

    def waiting_in(self, row: int) -> Iterator[Visit]:
        """Visits that wait in a direct row, longest first; read them before any of them changes."""
        return filter(_still_waits, self._line_ups[row])

    def counts(self) -> IntArray:
        """Calls in queue. Shape (direct rows,), int64."""
        return np.array(self._counts, dtype=np.int64)

    def waiters(self, hierarchy: Hierarchy, at_ms: int) -> Waiters:
        """Who waits in all rows.

        Args:
            hierarchy: The rows.
            at_ms: Now.
        """
        counts = self.counts()
        waited_ms = counts * at_ms - np.array(self._queued_sums, dtype=np.int64)
        first_ms = np.array(self._first_ms, dtype=np.int64)
        longest_ms = np.where(counts > 0, np.maximum(at_ms - first_ms, 0), UNKNOWN)
        both = np.stack((counts, np.maximum(waited_ms, 0)), axis=-1)
        rolled = hierarchy.roll_up(both)
        return Waiters(at_ms, rolled[:, 0], rolled[:, 1], hierarchy.highest(longest_ms))

    def _join(self, row: int, visit: Visit) -> None:
        queued_ms = visit.queued_ms
        counts, first_ms, line_up = self._counts, self._first_ms, self._line_ups[row]
        if not counts[row]:
            line_up.clear()
            first_ms[row] = queued_ms
        elif queued_ms < first_ms[row]:
            first_ms[row] = queued_ms
        counts[row] += 1
        self._queued_sums[row] += queued_ms
        if line_up and line_up[-1].queued_ms > queued_ms:
            waiting = (*filter(_still_waits, line_up), visit)
            self._line_ups[row] = deque(sorted(waiting, key=_entry))
        else:
            line_up.append(visit)

    def _part(self, row: int, visit: Visit) -> None:
        counts, queued_ms, line_up = self._counts, visit.queued_ms, self._line_ups[row]
        count = counts[row] = counts[row] - 1
        assert count >= 0
        self._queued_sums[row] -= queued_ms
        if count and queued_ms == self._first_ms[row]:
            first = line_up[0]
            while first is visit or first.stage != WAITING:
                line_up.popleft()
                first = line_up[0]
            self._first_ms[row] = first.queued_ms
        if len(line_up) > 2 * count + _CLEAN_FROM:
            self._line_ups[row] = deque(filter(_still_waits, line_up))


def _entry(visit: Visit) -> int:
    return visit.queued_ms


def _still_waits(visit: Visit) -> bool:
    return visit.stage == WAITING
