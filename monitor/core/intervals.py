"""Intervals: what every quarter of an hour brought, by the arrival of the calls.

Calendar periods are sums of these. A visit counts in the interval in which it entered its queue,
with all that it counts for, once it has ended; a call that ended outside any queue counts its end
in the interval in which it was made. Two counts do not wait for the end, because they are of the
arrival itself: `calls_made` and `offered`. So the visits of an interval that are still in progress
are `offered` less those that ended, and nobody has to look for them.

At each boundary of a quarter everything that was booked since the one before leaves the book as
one set of differences, keyed by the boundary:

    book ... | 10:15  {9:45: +1 abandoned, 10:00: +212 offered ...} ... | 10:30  {10:00: ...}

The stored figures of an interval are the sum of its differences, whenever they came, and what came
long after its end is an amendment by its key alone. The sets follow from the inputs, so that a
replay after a crash makes the same ones again.

Events append to plain lists, as they do in the ring; lists that have grown long become arrays of
cells (`direct row * FIELD_COUNT + field`) and amounts, which are summed when they are read.

Pure: no I/O, no clock.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.core import fields
from monitor.core.block import Block, OpenSecond
from monitor.core.calls import UNKNOWN, Call, Visit, entered_ms
from monitor.core.fields import FIELD_COUNT, HOLD_BIN
from monitor.core.hierarchy import Hierarchy
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS
from monitor.core.scopes import ScopeTable
from monitor.core.settling import HOLD_EDGES_MS, outside_fields_of, settled_fields
from monitor.core.snapshot import IntArray

INTERVAL_MS: Final = 15 * MINUTE_MS
# A figure may have been told to somebody by then, and nearly every call is over.
AMENDED_AFTER_MS: Final = HOUR_MS
# How an ordinary visit is written as one number: the wait, the row, and one bit for late.
ROW_BITS: Final = 24
_ROW_MASK: Final = (1 << ROW_BITS) - 1
# About a millisecond of work, and a megabyte of lists.
_LISTED_MAX: Final = 20_000
_CELLS_OF_COMPLETED: Final = 6
_PARTS_MAX: Final = 64
# With this share of cells touched it is quicker to add up in an array of all of them than to sort.
_DENSE_SHARE: Final = 16
# Closed sets that are kept for readers after they were handed over.
_RECENT: Final = 16

Part = tuple[IntArray, IntArray]
"""Cells, which may repeat, and what is added to each. Shape (n,), int64, both."""


class OpenInterval(OpenSecond):
    """What has been added to one interval lately.

    Attributes:
        completed: One number for each visit that was queued, answered and completed in good order:
            `(wait_ms << ROW_BITS | direct row) << 1 | is late`. It stands for all that such a
            visit counts for, and spares the appends.
    """

    __slots__ = ("completed",)

    def __init__(self) -> None:
        super().__init__()
        self.completed: list[int] = []

    @property
    def size(self) -> int:
        """About how many cells the lists stand for."""
        one_by_one = len(self.plus) + len(self.minus) + len(self.cells)
        return one_by_one + _CELLS_OF_COMPLETED * len(self.completed)

    def part(self) -> Part:
        """The same as arrays."""
        plus, minus = _int_array(self.plus), _int_array(self.minus)
        cells, amounts = _completed(_int_array(self.completed))
        return (
            np.concatenate((plus, minus, _int_array(self.cells), cells)),
            np.concatenate(
                (np.ones_like(plus), -np.ones_like(minus), _int_array(self.amounts), amounts)
            ),
        )


@dataclass(frozen=True, slots=True)
class IntervalEntry:
    """A difference of the figures of one scope in one interval.

    Attributes:
        start_ms: Where the interval begins, epoch ms.
        scope: Name of the scope.
        counts: One for each of `fields.FIELDS`.
    """

    start_ms: int
    scope: str
    counts: Sequence[int]


@dataclass(frozen=True, slots=True)
class ClosedIntervals:
    """Everything that was booked up to one boundary; does not change any more.

    Attributes:
        recorded_ms: The boundary, epoch ms; no two sets of one engine share it.
        hierarchy: The rows as they were then.
        parts: What was added, by interval (its start / `INTERVAL_MS`).
    """

    recorded_ms: int
    hierarchy: Hierarchy
    parts: Mapping[int, Sequence[Part]]

    @property
    def size(self) -> int:
        """How many cells the parts have."""
        return sum(cells.size for parts in self.parts.values() for cells, _ in parts)

    def entries(self) -> Iterable[IntervalEntry]:
        """The differences of every scope, by interval; scopes without any are left out.

        Takes milliseconds for an interval of 10,000 queues; may be called on another thread.
        """
        hierarchy = self.hierarchy
        for interval, parts in sorted(self.parts.items()):
            direct = np.zeros((hierarchy.direct_count, FIELD_COUNT), dtype=np.int64)
            for cells, amounts in parts:
                np.add.at(direct.reshape(-1), cells, amounts)
            rolled = hierarchy.roll_up(direct)
            for row in np.flatnonzero(rolled.any(axis=1)).tolist():
                yield IntervalEntry(
                    interval * INTERVAL_MS, hierarchy.names[row], rolled[row].tolist()
                )

    def counts(self, scope: str, start_ms: int, end_ms: int) -> IntArray:
        """What was added to one scope in the intervals that begin in [start_ms, end_ms).

        Returns:
            Shape (fields,), int64.
        """
        return _counts(self.parts, self.hierarchy, scope, start_ms, end_ms)


class IntervalBook:
    """What has been booked since the last boundary.

    Args:
        table: The scopes.
        short_abandon_ms: An abandon before this is short.

    Attributes:
        opened: What is in lists, by interval; events append to it.
    """

    def __init__(self, table: ScopeTable, short_abandon_ms: int) -> None:
        self.opened: dict[int, OpenInterval] = {}
        self._table = table
        self._short_abandon_ms = short_abandon_ms
        self._parts: dict[int, list[Part]] = {}
        self._now = UNKNOWN  # the interval of the last tick
        self._closed: list[ClosedIntervals] = []

    def open(self, interval: int) -> OpenInterval:
        """Make room for additions to `interval`; call only when `opened` lacks it."""
        opened = self.opened[interval] = OpenInterval()
        return opened

    # -- booking ------------------------------------------------------------------------------

    def settle(self, visit: Visit, sign: int) -> None:
        """Book (1) or take back (-1) a visit that has ended, as it is known now."""
        found = settled_fields(visit, self._short_abandon_ms)
        wait_ms = 0 if visit.answered_ms == UNKNOWN else max(0, visit.wait_ms)
        self._book(entered_ms(visit), (visit.row, visit.site_row), found, sign, wait_ms)

    def settle_outside(self, call: Call, no_queue: int, sign: int) -> None:
        """Book or take back the end of a call outside any queue, if it has one.

        Args:
            call: It must be counted as made.
            no_queue: Direct row of calls that reached no queue.
            sign: 1 or -1.
        """
        assert call.made_ms != UNKNOWN
        self._book(call.made_ms, (no_queue, call.line_row), outside_fields_of(call), sign, 0)

    def arrive(self, second: int, block: Block) -> None:
        """Take from a block of the ring what is counted at the arrival.

        Args:
            second: A second (epoch s) of the interval in which all of the block happened.
            block: Any additions.
        """
        interval = second * SECOND_MS // INTERVAL_MS
        for cells, amounts in (block[:2], block[2:]):
            field = cells % FIELD_COUNT
            arrived = (field == fields.CALLS_MADE) | (field == fields.OFFERED)
            if arrived.any():
                part = cells[arrived].astype(np.int64), amounts[arrived].astype(np.int64)
                self._parts.setdefault(interval, []).append(part)

    def _book(
        self, at_ms: int, rows: tuple[int, int], counted: tuple[int, ...], sign: int, wait_ms: int
    ) -> None:
        if not counted:
            return
        interval = at_ms // INTERVAL_MS
        opened = self.opened.get(interval) or self.open(interval)
        cells = opened.plus if sign > 0 else opened.minus
        for row in rows:
            if row != UNKNOWN:
                base = row * FIELD_COUNT
                cells.extend([base + field for field in counted])
                if wait_ms:
                    opened.cells.append(base + fields.WAIT_MS_SUM)
                    opened.amounts.append(sign * wait_ms)

    # -- time ---------------------------------------------------------------------------------

    def tick(self, now_ms: int) -> None:
        """Close what was booked before the boundary if one has passed, and keep the rest small.

        Args:
            now_ms: Not before the last one; everything that was received before is booked.
        """
        now = now_ms // INTERVAL_MS
        if now != self._now:
            is_first, self._now = self._now == UNKNOWN, now
            if not is_first:
                self._close(now * INTERVAL_MS)
        if sum(opened.size for opened in self.opened.values()) > _LISTED_MAX:
            self._fold()
        for parts in self._parts.values():
            _shrink(parts)

    def next_close_ms(self) -> int | None:
        """The boundary at which there is something to close; None when nothing is booked."""
        if self._now == UNKNOWN or not (self.opened or self._parts):
            return None
        return (self._now + 1) * INTERVAL_MS

    def take(self) -> list[ClosedIntervals]:
        """The sets that were closed since this was called last, in order."""
        taken, self._closed = self._closed, []
        return taken

    def _close(self, boundary_ms: int) -> None:
        self._fold()
        if self._parts:
            hierarchy = self._table.hierarchy()
            self._closed.append(ClosedIntervals(boundary_ms, hierarchy, self._parts))
            self._parts = {}

    def _fold(self) -> None:
        """Turn the lists into arrays."""
        for interval, opened in self.opened.items():
            self._parts.setdefault(interval, []).append(opened.part())
        self.opened.clear()

    # -- reading ------------------------------------------------------------------------------

    def counts(self, scope: str, start_ms: int, end_ms: int) -> IntArray:
        """What was booked for one scope in the intervals that begin in [start_ms, end_ms).

        Returns:
            Shape (fields,), int64: what is here still, closed or not.
        """
        self._fold()
        counts = _counts(self._parts, self._table.hierarchy(), scope, start_ms, end_ms)
        for closed in self._closed:
            counts += closed.counts(scope, start_ms, end_ms)
        return counts

    # -- state --------------------------------------------------------------------------------

    def state(self) -> tuple[int, dict[int, tuple[Part, ...]]]:
        """The interval of the last tick, and the parts by interval; those never change."""
        self._fold()
        return self._now, {interval: tuple(parts) for interval, parts in self._parts.items()}

    def restore(self, now: int, parts: Mapping[int, Part]) -> None:
        """Take over what `state` gave, summed, for the rows of this book."""
        self._now = now
        self._parts = {interval: [part] for interval, part in parts.items() if part[0].size}


class IntervalOutbox:
    """Closed sets on their way into the store, and those that a reader may not find there yet.

    Attributes:
        pending: Not handed over yet, in order.
    """

    def __init__(self) -> None:
        self.pending: list[ClosedIntervals] = []
        self._recent: deque[ClosedIntervals] = deque(maxlen=_RECENT)

    def add(self, closed: Iterable[ClosedIntervals]) -> None:
        """Put in what a book has closed."""
        self.pending += closed

    def hand_over(self) -> list[ClosedIntervals]:
        """Everything that is pending, for a transaction that is insisted on."""
        taken, self.pending = self.pending, []
        self._recent += taken
        return taken

    def counts_since(
        self, recorded_ms: int, scope: str, start_ms: int, end_ms: int
    ) -> Iterable[IntArray]:
        """What sets recorded after `recorded_ms` add; see `ClosedIntervals.counts`."""
        for closed in (*self._recent, *self.pending):
            if closed.recorded_ms > recorded_ms:
                yield closed.counts(scope, start_ms, end_ms)


def merged(parts: Sequence[Part]) -> Part:
    """The sum of parts as one, each cell once, in order; zeros are left out."""
    if not parts:
        return _int_array([]), _int_array([])
    every = np.concatenate([cells for cells, _ in parts])
    added = np.concatenate([amounts for _, amounts in parts])
    span = int(every.max(initial=-1)) + 1
    if every.size * _DENSE_SHARE > span:
        dense = np.zeros(span, dtype=np.int64)
        np.add.at(dense, every, added)
        cells = np.flatnonzero(dense)
        return cells, dense[cells]
    cells, place = np.unique(every, return_inverse=True)
    amounts = np.zeros(cells.size, dtype=np.int64)
    np.add.at(amounts, place.reshape(-1), added)
    kept = amounts != 0
    return cells[kept], amounts[kept]


def _shrink(parts: list[Part]) -> None:
    """Sum parts up when they are many, or several times as large as the sum."""
    if len(parts) > 1:
        size = sum(cells.size for cells, _ in parts)
        if len(parts) > _PARTS_MAX or size > _LISTED_MAX + 2 * parts[0][0].size:
            parts[:] = [merged(parts)]


def _counts(
    held: Mapping[int, Sequence[Part]],
    hierarchy: Hierarchy,
    scope: str,
    start_ms: int,
    end_ms: int,
) -> IntArray:
    """Sums of the cells of one scope over some intervals."""
    counts = np.zeros(FIELD_COUNT, dtype=np.int64)
    is_member = np.zeros(hierarchy.direct_count, dtype=bool)
    is_member[hierarchy.members(scope)] = True
    for interval, parts in held.items():
        if start_ms <= interval * INTERVAL_MS < end_ms:
            for cells, amounts in parts:
                row, field = np.divmod(cells, FIELD_COUNT)
                chosen = is_member[row]
                np.add.at(counts, field[chosen], amounts[chosen])
    return counts


def _completed(packed: IntArray) -> Part:
    """What visits count for that were written as one number each."""
    is_late = (packed & 1).astype(bool)
    base = ((packed >> 1) & _ROW_MASK) * FIELD_COUNT
    wait_ms = packed >> (ROW_BITS + 1)
    measured = wait_ms != UNKNOWN
    in_bin = HOLD_BIN + np.searchsorted(HOLD_EDGES_MS, wait_ms[measured], side="left")
    once = np.concatenate(
        (
            base + fields.ANSWERED,
            base + fields.ENDED,
            base + fields.COMPLETED,
            base[measured] + in_bin,
            base[measured & is_late] + fields.LATE,
            base[measured & ~is_late] + fields.ANSWERED_WITHIN,
            base[~measured] + fields.ANSWERED_UNMEASURED,
        )
    )
    return (
        np.concatenate((once, base[measured] + fields.WAIT_MS_SUM)),
        np.concatenate((np.ones_like(once), wait_ms[measured])),
    )


def _int_array(values: Sequence[int]) -> IntArray:
    return np.array(values, dtype=np.int64)
