"""Rolling windows: exact counts of every direct row over the last W seconds, for several W.

Seconds that are still open are plain Python lists: an event appends the numbers of the cells that
it adds one to, which is the cheapest thing that Python can do. When a second closes, one pass of
numpy turns its lists into a block (`block.py`), adds it to the running sum of every window and
keeps it until it has left the longest one:

    sums[w] += block of the second that closes
    sums[w] -= blocks that leave window w

so a tick costs what happened in those few seconds and not the length of the windows. Blocks are
kept by the second for an hour and then by the minute. Windows up to one hour forget by the second,
longer ones by the minute (between whole minutes they cover up to 59 s more than W). A dense array
of one hour of seconds for 1,000 queues would take 1 GB; blocks take what happened.

Windows that nobody reads by the queue are kept by the bundle of queues (`bundles.py`).

Everything is an integer that is added and subtracted, so the order of arrival is of no account: an
event that comes late, or ahead of its time, goes to its own second, and one that is taken back is
subtracted there. The sums equal a recount always.

Pure: no I/O, no clock.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.core import block as blocks
from monitor.core.block import Block, OpenSecond
from monitor.core.bundles import BundledWindows
from monitor.core.fields import FIELD_COUNT
from monitor.core.plan import HOUR_MS, SECOND_MS
from monitor.core.snapshot import IntArray

_HOUR_S: Final = HOUR_MS // SECOND_MS
_MINUTE_S: Final = 60
# A second that is still amended from time to time is not worth a new block each time.
_AMENDED_FOR_S: Final = 300
_QUARTER_S: Final = 15 * _MINUTE_S


@dataclass(slots=True)
class RingState:
    """The contents of a ring, for a checkpoint. Attributes as in `WindowRing`."""

    windows_s: tuple[int, ...]
    closed_s: int
    first_minute: int
    beyond: int
    sums: IntArray
    lifetime: IntArray
    seconds: dict[int, Block]
    minutes: dict[int, Block]
    opened: dict[int, OpenSecond]
    amended: dict[int, OpenSecond]


class WindowRing:
    """Counts of all direct rows over several rolling windows.

    Args:
        windows_ms: Lengths, ms; multiples of 1 s up to 1 h, of 1 min beyond.
        rows: Direct rows at the start; `grow` adds more.
        closing: Told of all additions as they are closed: a block, and a second (epoch s) of the
            quarter of an hour in which all of it happened.
        bundled: Windows to keep by the bundle, which hold nothing yet; None for no such windows.

    Attributes:
        bundled: As given.
        opened: Additions since the last tick, by second (epoch s): to seconds that are open, that
            lie ahead, or that were closed before.
        sums: Shape (windows, rows, fields), int64: counts over [closed_s - W, closed_s).
        lifetime: Shape (rows, fields), int64: everything that was ever closed.
        closed_s: All seconds before this one are closed; -1 before the first tick.
        beyond: Seconds with additions that came after they had left every window.
    """

    def __init__(
        self,
        windows_ms: tuple[int, ...],
        rows: int,
        closing: Callable[[int, Block], None] = lambda _second, _block: None,
        bundled: BundledWindows | None = None,
    ) -> None:
        self.windows_s = tuple(window // SECOND_MS for window in windows_ms)
        self.bundled = bundled
        # Those by the bundle come after those by the row.
        self._lengths_s = (*self.windows_s, *(() if bundled is None else bundled.windows_s))
        self._short_s = sorted({length for length in self._lengths_s if length <= _HOUR_S})
        self._closing = closing
        longest = max(self._lengths_s)
        self._minute_span = longest if longest > _HOUR_S else 0
        self._second_span = _HOUR_S if self._minute_span else longest
        self.opened: dict[int, OpenSecond] = {}
        self.sums: IntArray = np.zeros((len(windows_ms), rows, FIELD_COUNT), dtype=np.int64)
        self.lifetime: IntArray = np.zeros((rows, FIELD_COUNT), dtype=np.int64)
        self.closed_s = -1
        self.beyond = 0
        self._seconds: dict[int, Block] = {}
        self._amended: dict[int, OpenSecond] = {}
        self._minutes: dict[int, Block] = {}
        self._first_minute = 0  # all seconds before this minute have become minutes

    def open(self, second: int) -> OpenSecond:
        """Make room for additions to `second` (epoch s); call only when `opened` lacks it."""
        opened = self.opened[second] = OpenSecond()
        return opened

    def grow(self, rows: int) -> None:
        """Have room for `rows` direct rows; the new ones are zero."""
        more = rows - self.lifetime.shape[0]
        if more > 0:
            self.sums = np.pad(self.sums, ((0, 0), (0, more), (0, 0)))
            self.lifetime = np.pad(self.lifetime, ((0, more), (0, 0)))

    def advance(self, to_s: int) -> bool:
        """Close all seconds before `to_s` and move the windows there.

        Returns:
            Whether any sum has changed.
        """
        assert to_s >= self.closed_s
        from_s = self.closed_s
        changed = self._expire_seconds(from_s, to_s)
        self._to_minutes(to_s)
        changed |= self._expire_minutes(from_s, to_s)
        self.closed_s = to_s
        due = sorted(second for second in self.opened if second < to_s)
        amendments: dict[tuple[int, int], OpenSecond] = {}
        newest_s: dict[tuple[int, int], int] = {}
        recent_s = to_s - min(max(self._lengths_s), _HOUR_S)
        for second in due:
            opened = self.opened.pop(second)
            if second >= from_s:
                self._close(second, opened)
            elif second >= recent_s:
                # Those of one quarter of an hour that the same windows cover are counted as one.
                age = bisect_left(self._short_s, to_s - second)
                key = (second // _QUARTER_S * _QUARTER_S, age)
                amendments.setdefault(key, OpenSecond()).extend(opened)
                newest_s[key] = second
                self._amend(second, opened)
            else:
                block = blocks.close(opened, self.lifetime.size)
                self._closing(second, block)
                self._count(second, block)
                self._amend(second, opened)
        for key, opened in amendments.items():
            block = blocks.close(opened, self.lifetime.size)
            self._closing(key[0], block)
            self._count(newest_s[key], block)
        return changed or bool(due)

    def next_change_s(self) -> int | None:
        """The first second at whose tick a sum changes if nothing more arrives; None for never."""
        candidates = [second + 1 for second in self.opened]
        for window in self._lengths_s:
            if window <= _HOUR_S:
                held = (*self._seconds, *self._amended)
                leaving = [second + window + 1 for second in held]
            else:
                seconds = (*self._seconds, *self._amended)
                minutes = {*self._minutes, *(second // _MINUTE_S for second in seconds)}
                leaving = [(minute + 1) * _MINUTE_S + window for minute in minutes]
            candidates.extend(second for second in leaving if second > self.closed_s)
        return min(candidates, default=None)

    def state(self) -> "RingState":
        """Everything that a restart must not lose. Blocks are shared, the rest is copied."""
        return RingState(
            windows_s=self.windows_s,
            closed_s=self.closed_s,
            first_minute=self._first_minute,
            beyond=self.beyond,
            sums=self.sums.copy(),
            lifetime=self.lifetime.copy(),
            seconds=dict(self._seconds),
            minutes=dict(self._minutes),
            opened={second: opened.copy() for second, opened in self.opened.items()},
            amended={second: opened.copy() for second, opened in self._amended.items()},
        )

    def restore(self, state: "RingState") -> None:
        """Take over what `state` gave, for the same rows; windows may have been added."""
        assert state.lifetime.shape == self.lifetime.shape
        self.closed_s = state.closed_s
        # A new window by the second may reach back further than any that there was.
        held_from = (self.closed_s - self._second_span) // _MINUTE_S
        self._first_minute = min(state.first_minute, held_from)
        self.beyond, self.lifetime = state.beyond, state.lifetime
        self._seconds, self._minutes = state.seconds, state.minutes
        self.opened.update(state.opened)
        self._amended = state.amended
        for index, window in enumerate(self.windows_s):
            if window in state.windows_s:
                self.sums[index] = state.sums[state.windows_s.index(window)]
            else:
                self._sum_up(window, self.sums[index])
        if self.bundled is not None:
            self.bundled.set_to(None, self.lifetime)
            for index, window in enumerate(self.bundled.windows_s):
                direct = np.zeros_like(self.lifetime)
                self._sum_up(window, direct)
                self.bundled.set_to(index, direct)

    def _sum_up(self, window: int, found: IntArray) -> None:
        """Add up a window from what is held. `found`: shape (rows, fields), zero."""
        sums = found.reshape(-1)
        size = self.lifetime.size
        start = self.closed_s - window
        if window > _HOUR_S:
            start = start // _MINUTE_S * _MINUTE_S
            for minute, block in self._minutes.items():
                if minute * _MINUTE_S >= start:
                    blocks.add(sums, block)
        for second, block in self._seconds.items():
            if second >= start:
                blocks.add(sums, block)
        for second, opened in self._amended.items():
            if second >= start:
                blocks.add(sums, blocks.close(opened, size))

    # -- adding -------------------------------------------------------------------------------

    def _close(self, second: int, opened: OpenSecond) -> None:
        block = blocks.close(opened, self.lifetime.size)
        self._closing(second, block)
        self._count(second, block)
        self._keep(second, block)

    def _count(self, second: int, block: Block) -> None:
        """Add a block to the lifetime and to every window that covers its second."""
        blocks.add(self.lifetime.reshape(-1), block)
        if self.bundled is not None:
            self.bundled.add_for_good(block)
        covered = False
        for index, window in enumerate(self._lengths_s):
            start = self.closed_s - window
            if window <= _HOUR_S:
                covers = second >= start
            else:
                covers = second // _MINUTE_S >= start // _MINUTE_S
            if covers:
                covered = True
                self._add(index, block)
        self.beyond += not covered

    def _add(self, index: int, block: Block) -> None:
        if index < len(self.windows_s):
            blocks.add(self.sums[index].reshape(-1), block)
        else:
            assert self.bundled is not None
            self.bundled.add(index - len(self.windows_s), block)

    def _subtract(self, index: int, block: Block) -> None:
        if index < len(self.windows_s):
            blocks.subtract(self.sums[index].reshape(-1), block)
        else:
            assert self.bundled is not None
            self.bundled.subtract(index - len(self.windows_s), block)

    def _amend(self, second: int, opened: OpenSecond) -> None:
        """Keep an addition to a closed second with it."""
        if second < self.closed_s - _AMENDED_FOR_S:
            self._keep(second, blocks.close(opened, self.lifetime.size))
        elif second in self._amended:
            self._amended[second].extend(opened)
        else:
            self._amended[second] = opened

    def _keep(self, second: int, block: Block) -> None:
        minute = second // _MINUTE_S
        if minute >= self._first_minute:
            held, key = self._seconds, second
        elif minute >= (self.closed_s - self._minute_span) // _MINUTE_S and self._minute_span:
            held, key = self._minutes, minute
        else:
            return
        previous = held.get(key)
        size = self.lifetime.size
        held[key] = block if previous is None else blocks.merge((previous, block), size)

    # -- forgetting ---------------------------------------------------------------------------

    def _expire_seconds(self, from_s: int, to_s: int) -> bool:
        changed = False
        for index, window in enumerate(self._lengths_s):
            if window > _HOUR_S:
                continue
            for held in (self._seconds, self._amended):
                for second in _keys_between(held, from_s - window, to_s - window):
                    self._settle(second)
                    self._subtract(index, self._seconds[second])
                    changed = True
        return changed

    def _expire_minutes(self, from_s: int, to_s: int) -> bool:
        changed = False
        for index, window in enumerate(self._lengths_s):
            if window <= _HOUR_S:
                continue
            first, last = (from_s - window) // _MINUTE_S, (to_s - window) // _MINUTE_S
            for minute in _keys_between(self._minutes, first, last):
                self._subtract(index, self._minutes[minute])
                changed = True
        gone = (to_s - self._minute_span) // _MINUTE_S
        if self._minute_span and (from_s - self._minute_span) // _MINUTE_S < gone:
            for minute in [minute for minute in self._minutes if minute < gone]:
                del self._minutes[minute]
        return changed

    def _settle(self, second: int) -> None:
        """Make one block of a second and what amended it."""
        opened = self._amended.pop(second, None)
        if opened is not None:
            self._keep(second, blocks.close(opened, self.lifetime.size))

    def _to_minutes(self, to_s: int) -> None:
        """Turn seconds that no window by the second can need any more into minutes."""
        first, last = self._first_minute, (to_s - self._second_span) // _MINUTE_S
        settled = to_s - _AMENDED_FOR_S
        for second in [second for second in self._amended if second < settled]:
            self._settle(second)
        if last <= first:
            return
        gone: dict[int, list[Block]] = {}
        for second in _keys_between(self._seconds, first * _MINUTE_S, last * _MINUTE_S):
            gone.setdefault(second // _MINUTE_S, []).append(self._seconds.pop(second))
        if self._minute_span:
            for minute, parts in gone.items():
                self._minutes[minute] = blocks.merge(parts, self.lifetime.size)
        self._first_minute = last


def _keys_between(held: Mapping[int, object], first: int, last: int) -> Iterable[int]:
    if last - first <= len(held):
        return [key for key in range(first, last) if key in held]
    return [key for key in held if first <= key < last]
