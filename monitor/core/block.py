"""Blocks: the counts of one closed second or minute, sparse and as narrow as their values allow.

A block is four arrays: the cells of small amounts and the amounts, the cells of large ones (sums of
milliseconds) and those amounts. The cells of one block are distinct, so adding it to a running sum
is plain indexing, and exact.

Pure: no I/O, no clock.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from monitor.core.snapshot import IntArray

Narrow = npt.NDArray[np.integer[Any]]
Block = tuple[Narrow, Narrow, Narrow, Narrow]

# Below this share of touched cells a dictionary of the few beats counting over all.
_SPARSE_SHARE: Final = 16
_NOTHING: Final[Narrow] = np.zeros(0, dtype=np.int8)


class OpenSecond:
    """What has been added to one second and is not in a block yet.

    Attributes:
        plus: Cells to add one to (`direct row * FIELD_COUNT + field`), once for each time.
        minus: Cells to take one from.
        cells: Cells of larger amounts...
        amounts: ...and the amounts, of the same length.
    """

    __slots__ = ("amounts", "cells", "minus", "plus")

    def __init__(self) -> None:
        self.plus: list[int] = []
        self.minus: list[int] = []
        self.cells: list[int] = []
        self.amounts: list[int] = []

    def copy(self) -> "OpenSecond":
        """The same additions, apart."""
        copied = OpenSecond()
        copied.extend(self)
        return copied

    def extend(self, other: "OpenSecond") -> None:
        """Add all that is in `other`."""
        self.plus += other.plus
        self.minus += other.minus
        self.cells += other.cells
        self.amounts += other.amounts


def close(opened: OpenSecond, size: int) -> Block:
    """The block of an open second, for arrays of `size` cells."""
    touched = len(opened.plus) + len(opened.minus) + len(opened.cells)
    if touched * _SPARSE_SHARE < size:
        return _from_few(opened)
    dense = np.bincount(np.array(opened.plus, dtype=np.int64), minlength=size)
    if opened.minus:
        dense -= np.bincount(np.array(opened.minus, dtype=np.int64), minlength=size)
    if opened.cells:
        np.add.at(dense, np.array(opened.cells, np.int64), np.array(opened.amounts, np.int64))
    return from_dense(dense)


def merge(blocks: Iterable[Block], size: int) -> Block:
    """The sum of several blocks, for arrays of `size` cells."""
    parts = tuple(blocks)
    if sum(cells.size + wide.size for cells, _, wide, _ in parts) * _SPARSE_SHARE < size:
        return _merge_few(parts, size)
    dense = np.zeros(size, dtype=np.int64)
    for block in parts:
        add(dense, block)
    return from_dense(dense)


def add(flat: IntArray, block: Block) -> None:
    """Add a block to running sums of shape (cells,)."""
    cells, amounts, wide_cells, wide_amounts = block
    flat[cells] += amounts
    if wide_cells.size:
        flat[wide_cells] += wide_amounts


def subtract(flat: IntArray, block: Block) -> None:
    """Take a block from running sums of shape (cells,)."""
    cells, amounts, wide_cells, wide_amounts = block
    flat[cells] -= amounts
    if wide_cells.size:
        flat[wide_cells] -= wide_amounts


def from_dense(dense: IntArray) -> Block:
    """The block of counts of shape (cells,)."""
    cells = np.flatnonzero(dense)
    return _narrow(cells, dense[cells], dense.size)


def _merge_few(parts: tuple[Block, ...], size: int) -> Block:
    touched = [cells for part in parts for cells in part[::2]]
    added = [amounts for part in parts for amounts in part[1::2]]
    cells, places = np.unique(np.concatenate(touched), return_inverse=True)
    amounts = np.zeros(cells.size, dtype=np.int64)
    np.add.at(amounts, places, np.concatenate(added, dtype=np.int64))
    kept = amounts != 0
    return _narrow(cells[kept].astype(np.int64), amounts[kept], size)


def _from_few(opened: OpenSecond) -> Block:
    totals: dict[int, int] = {}
    for cell in opened.plus:
        totals[cell] = totals.get(cell, 0) + 1
    for cell in opened.minus:
        totals[cell] = totals.get(cell, 0) - 1
    for cell, amount in zip(opened.cells, opened.amounts, strict=True):
        totals[cell] = totals.get(cell, 0) + amount
    cells = np.fromiter(totals.keys(), np.int64, len(totals))
    amounts = np.fromiter(totals.values(), np.int64, len(totals))
    kept = amounts != 0
    if not kept.all():
        cells, amounts = cells[kept], amounts[kept]
    return _narrow(cells, amounts, int(cells.max(initial=0)) + 1)


def _narrow(cells: IntArray, amounts: IntArray, size: int) -> Block:
    cell_type = np.uint16 if size <= np.iinfo(np.uint16).max + 1 else np.uint32
    small = np.abs(amounts) <= np.iinfo(np.int8).max
    if small.all():
        return cells.astype(cell_type), amounts.astype(np.int8), _NOTHING, _NOTHING
    wide = amounts[~small]
    fits = np.abs(wide).max() <= np.iinfo(np.int32).max
    return (
        cells[small].astype(cell_type),
        amounts[small].astype(np.int8),
        cells[~small].astype(cell_type),
        wide.astype(np.int32 if fits else np.int64),
    )
