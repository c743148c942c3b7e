"""The rows of a scope table at one moment, frozen: what is called how, and what adds up to what.

The table grows while the daemon runs; whoever sums up later or on another thread needs the rows as
they were. A queue that serves several contracts counts once for each of them.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass, field

import numpy as np

from monitor.core.levels import Level, Rows, levels_of
from monitor.core.snapshot import IntArray


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Rows and their sums.

    Attributes:
        names: Name of each row, in row order.
        upper: How many rows, the first ones, are sums of others; the others are direct.
        below: For every upper row, the lowest level first, the rows that add up to it.
        levels: The same, level by level.
    """

    names: tuple[str, ...]
    upper: int
    below: tuple[tuple[int, Rows], ...]
    levels: tuple[Level, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", levels_of(self.below, len(self.names)))

    @property
    def direct_count(self) -> int:
        """How many rows take events."""
        return len(self.names) - self.upper

    def roll_up(self, direct: IntArray, out: IntArray | None = None) -> IntArray:
        """Counts of all rows from the counts of the direct ones.

        Args:
            direct: Shape (..., direct rows, fields), int64. It may have spare rows at the end, and
                rows that it lacks count as zero.
            out: Where to write them; None for a new array.

        Returns:
            Shape (..., rows, fields), int64.
        """
        rows = len(self.names)
        direct = direct[..., : self.direct_count, :]
        known = self.upper + direct.shape[-2]
        if out is None:
            out = np.empty((*direct.shape[:-2], rows, direct.shape[-1]), dtype=np.int64)
        out[..., : self.upper, :] = 0
        out[..., self.upper : known, :] = direct
        out[..., known:, :] = 0
        for level in self.levels:
            level.add_up(out)
        return out

    def highest(self, direct: IntArray) -> IntArray:
        """The highest of the direct rows below every row; -1 for rows with none.

        Args:
            direct: Shape (direct rows,), int64, >= -1.

        Returns:
            Shape (rows,), int64.
        """
        found = np.full(len(self.names), -1, dtype=np.int64)
        found[self.upper :] = direct
        for level in self.levels:
            level.find_highest(found)
        return found

    def members(self, name: str) -> IntArray:
        """Direct rows that count for a scope, ascending; none for a name that is not there.

        Returns:
            Shape (n,), int64.
        """
        if name not in self.names:
            return np.zeros(0, dtype=np.int64)
        every_row = np.arange(len(self.names), dtype=np.int64)
        below = {row: every_row[rows].tolist() for row, rows in self.below}
        found: set[int] = set()
        rows = [self.names.index(name)]
        while rows:
            row = rows.pop()
            if row < self.upper:
                rows += below[row]
            else:
                found.add(row - self.upper)
        return np.array(sorted(found), dtype=np.int64)
