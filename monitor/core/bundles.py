"""Direct rows that add up to the same rows above, taken together as one.

Who looks at lines and contracts alone need not know which queue of a line a call was in. All
queues with the same rows above them are a bundle, and so are the other direct rows (sites, calls
that reached no queue); windows by the bundle are a fraction of those by the queue, and what is
above is summed up from them.

    direct row:   0   1   2   3   4   5           bundle 0: rows 0, 1, 2 (line A)
    lines:        A   A   A   A+B B   B           bundle 1: row 3 (lines A and B); bundle 2: 4, 5

A row's bundle never changes, and new bundles come last, so a row that is added moves nothing.

Pure: no I/O, no clock.
"""

import numpy as np

from monitor.core.block import Block
from monitor.core.fields import FIELD_COUNT
from monitor.core.hierarchy import Hierarchy
from monitor.core.levels import as_slice
from monitor.core.snapshot import IntArray, ScopeKind


class Bundles:
    """The bundles of the direct rows of a hierarchy.

    Args:
        hierarchy: The rows; give a later one of the same table to `follow`.

    Attributes:
        count: How many bundles there are.
        is_queue: Shape (bundles,), bool: those of queues.
    """

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._bundle_of_rows: dict[tuple[bool, tuple[int, ...]], int] = {}
        self.count = 0
        self.follow(hierarchy)

    def follow(self, hierarchy: Hierarchy) -> None:
        """Take up rows that were added."""
        self._of = hierarchy
        bundle_of = self._bundle_of_rows
        names = hierarchy.names[hierarchy.upper :]
        bundles = [
            bundle_of.setdefault((_is_queue(name), above), len(bundle_of))
            for name, above in zip(names, _rows_above(hierarchy), strict=True)
        ]
        self.count = len(bundle_of)
        self.is_queue = np.array([is_queue for is_queue, _ in bundle_of], dtype=np.bool_)
        cells = np.array(bundles, dtype=np.int64)[:, None] * FIELD_COUNT + np.arange(FIELD_COUNT)
        self._cell_of: IntArray = cells.reshape(-1)
        upper = hierarchy.upper
        rows = np.concatenate([np.arange(upper), upper + np.array(bundles, dtype=np.int64)])
        self._hierarchy = Hierarchy(
            names=tuple(map(str, range(upper + self.count))),
            upper=upper,
            below=tuple((row, as_slice(np.unique(rows[parts]))) for row, parts in hierarchy.below),
        )

    def fits(self, hierarchy: Hierarchy) -> bool:
        """Whether `follow` was given this one last."""
        return self._of is hierarchy

    def fold(self, block: Block) -> IntArray:
        """A block of the direct rows by the bundle. Shape (bundles, fields), int64."""
        cells, amounts, wide_cells, wide_amounts = block
        size = self.count * FIELD_COUNT
        found = np.bincount(self._cell_of[cells], weights=amounts, minlength=size).astype(np.int64)
        if wide_cells.size:
            np.add.at(found, self._cell_of[wide_cells], wide_amounts)
        return found.reshape(self.count, FIELD_COUNT)

    def fold_rows(self, direct: IntArray) -> IntArray:
        """Counts of the direct rows by the bundle.

        Args:
            direct: Shape (rows, fields), int64; may have spare rows at the end, which are zero.
        """
        found = np.zeros((self.count, direct.shape[-1]), dtype=np.int64)
        bundles = self._cell_of[::FIELD_COUNT] // FIELD_COUNT
        np.add.at(found, bundles, direct[: bundles.size])
        return found

    def roll_up(self, bundled: IntArray) -> IntArray:
        """Counts of the rows above from those of the bundles.

        Args:
            bundled: Shape (..., bundles, fields), int64.

        Returns:
            Shape (..., upper rows, fields), int64.
        """
        return self._hierarchy.roll_up(bundled)[..., : self._hierarchy.upper, :]


class BundledWindows:
    """Running sums by the bundle, over several windows and since the beginning.

    The ring that has the blocks adds and takes away; `monitor.core.ring`.

    Args:
        windows_s: Lengths of the windows, s.
        bundles: The bundles.

    Attributes:
        bundles: As given.
        sums: Shape (windows, bundles, fields), int64.
        lifetime: Shape (bundles, fields), int64: everything that was ever closed.
    """

    def __init__(self, windows_s: tuple[int, ...], bundles: Bundles) -> None:
        self.windows_s = windows_s
        self.bundles = bundles
        self.sums: IntArray = np.zeros((len(windows_s), bundles.count, FIELD_COUNT), dtype=np.int64)
        self.lifetime: IntArray = np.zeros((bundles.count, FIELD_COUNT), dtype=np.int64)
        # A block goes into several windows, one after the other.
        self._folded: tuple[Block | None, IntArray] = (None, self.lifetime)

    def follow(self, hierarchy: Hierarchy) -> None:
        """Have room for what rows that were added make of the bundles.

        A hierarchy that is known already costs nothing.
        """
        if self.bundles.fits(hierarchy):
            return
        self.bundles.follow(hierarchy)
        more = self.bundles.count - self.lifetime.shape[0]
        self.sums = np.pad(self.sums, ((0, 0), (0, more), (0, 0)))
        self.lifetime = np.pad(self.lifetime, ((0, more), (0, 0)))
        self._folded = (None, self.lifetime)

    def add(self, index: int, block: Block) -> None:
        """Add a block to a window."""
        self.sums[index] += self._fold(block)

    def subtract(self, index: int, block: Block) -> None:
        """Take a block from a window."""
        self.sums[index] -= self._fold(block)

    def add_for_good(self, block: Block) -> None:
        """Add a block to what there ever was."""
        self.lifetime += self._fold(block)

    def set_to(self, index: int | None, direct: IntArray) -> None:
        """Set a window, or None for what there ever was, to counts of shape (rows, fields)."""
        target = self.lifetime if index is None else self.sums[index]
        target[:] = self.bundles.fold_rows(direct)

    def upper(self) -> tuple[IntArray, IntArray]:
        """The windows and the lifetime of the rows above.

        Returns:
            Shapes (windows, upper rows, fields) and (upper rows, fields), int64.
        """
        found = self.bundles.roll_up(np.concatenate((self.sums, self.lifetime[None])))
        return found[:-1], found[-1]

    def _fold(self, block: Block) -> IntArray:
        if self._folded[0] is not block:
            self._folded = (block, self.bundles.fold(block))
        return self._folded[1]


def _is_queue(name: str) -> bool:
    kind, _, key = name.partition("/")
    return kind == ScopeKind.QUEUE and key != ""


def _rows_above(hierarchy: Hierarchy) -> list[tuple[int, ...]]:
    """For every direct row the upper rows that it counts for, ascending."""
    every_row = np.arange(len(hierarchy.names))
    upper = hierarchy.upper
    direct_below: dict[int, set[int]] = {}
    for row, parts in hierarchy.below:
        found: set[int] = set()
        for part in every_row[parts].tolist():
            if part < upper:
                found |= direct_below[part]
            else:
                found.add(part - upper)
        direct_below[row] = found
    above: list[list[int]] = [[] for _ in range(hierarchy.direct_count)]
    for row in sorted(direct_below):
        for direct in direct_below[row]:
            above[direct].append(row)
    return [tuple(rows) for rows in above]
