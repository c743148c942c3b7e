"""The rows of a scope table at one moment, frozen: what is called how, and what adds up to what.

The table grows while the daemon runs; whoever sums up later or on another thread needs the rows as
they were. A queue that serves several contracts counts once for each of them.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.core.snapshot import IntArray

Rows = npt.NDArray[np.intp] | slice


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Rows and their sums.

    Attributes:
        names: Name of each row, in row order.
        upper: How many rows, the first ones, are sums of others; the others are direct.
        below: For every upper row, the lowest level first, the rows that add up to it.
    """

    names: tuple[str, ...]
    upper: int
    below: tuple[tuple[int, Rows], ...]

    @property
    def direct_count(self) -> int:
        """How many rows take events."""
        return len(self.names) - self.upper

    def roll_up(self, direct: IntArray) -> IntArray:
        """Counts of all rows from the counts of the direct ones.

        Args:
            direct: Shape (..., direct rows, fields), int64. It may have spare rows at the end, and
                rows that it lacks count as zero.

        Returns:
            Shape (..., rows, fields), int64.
        """
        rows = len(self.names)
        direct = direct[..., : self.direct_count, :]
        known = self.upper + direct.shape[-2]
        rolled = np.empty((*direct.shape[:-2], rows, direct.shape[-1]), dtype=np.int64)
        rolled[..., self.upper : known, :] = direct
        rolled[..., known:, :] = 0
        for row, below in self.below:
            rolled[..., row, :] = rolled[..., below, :].sum(axis=-2)
        return rolled

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
