"""Sums of rows, level by level: the rows of one level are summed in one pass of numpy.

Rows that add up others lie in levels, so that none of a level adds to another of it. Where all that
a level adds up lies side by side, as queues do that no two lines share, it is read where it is.

Pure: no I/O, no clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.core.snapshot import IntArray

RowArray = npt.NDArray[np.intp]
Rows = RowArray | slice


@dataclass(frozen=True, slots=True)
class Level:
    """Rows that are summed together.

    Attributes:
        rows: Where the sums go, ascending.
        parts: What they add up, one row's after the other's; at least one for each.
        starts: Where in `parts` each row's begin, shape (rows,).
    """

    rows: Rows
    parts: Rows
    starts: RowArray

    def add_up(self, counts: IntArray) -> None:
        """Write the sums. `counts`: shape (..., rows, fields), int64."""
        parts = counts[..., self.parts, :]
        counts[..., self.rows, :] = np.add.reduceat(parts, self.starts, axis=-2)

    def find_highest(self, found: IntArray) -> None:
        """Write the highest instead of the sum. `found`: shape (rows,), int64."""
        found[self.rows] = np.maximum.reduceat(found[self.parts], self.starts)


def levels_of(below: Iterable[tuple[int, Rows]], count: int) -> tuple[Level, ...]:
    """Put rows into levels.

    Args:
        below: Each row that adds up others, and those; a row after all that it adds up. Rows with
            nothing to add up are left out.
        count: How many rows there are.
    """
    every_row = np.arange(count, dtype=np.intp)
    levels: list[dict[int, RowArray]] = [{}]
    for row, rows in below:
        parts = every_row[rows]
        if not parts.size:
            continue
        if not levels[-1].keys().isdisjoint(parts.tolist()):
            levels.append({})
        levels[-1][row] = parts
    return tuple(_level(sorted(level.items())) for level in levels if level)


def _level(parts_of: list[tuple[int, RowArray]]) -> Level:
    sizes = [parts.size for _, parts in parts_of]
    return Level(
        rows=as_slice(np.array([row for row, _ in parts_of], dtype=np.intp)),
        parts=as_slice(np.concatenate([parts for _, parts in parts_of])),
        starts=np.cumsum([0, *sizes[:-1]], dtype=np.intp),
    )


def as_slice(rows: npt.NDArray[Any]) -> Rows:
    """The same rows, as a slice where they lie side by side: that needs no copy."""
    if rows.size and (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows
