"""Follows how many calls come, quarter-hour by quarter-hour, and says how many to expect now.

Each quarter that was seen whole, open and without trouble is learned. The mean of the last four of
today stands in until enough was learned: if they lie within the last three hours, so that a quarter
that was not seen, or in which nobody called although some should have, does not make the others
worthless. Such a silent quarter is not among them. It is what has to be noticed: who takes it for
the new custom expects nothing after an hour of silence and never finds it.

A contract expects no more than its lines that have to be open: when the members' line closes in the
evening, the last hour of the contract tells nothing of the pharmacy's night.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from monitor.core import fields
from monitor.core.outages.expectation import Expectation
from monitor.core.outages.facts import BoolArray, Facts
from monitor.core.outages.week_clock import QUARTER_MS
from monitor.core.snapshot import FloatArray, IntArray

_RECENT: Final = 4
_ENOUGH: Final = 2
_RECENT_FOR: Final = 12
_QUARTER_S: Final = QUARTER_MS / 1000
# A silent quarter less likely than this is none to go by (-ln of the probability).
_SILENT: Final = float(np.log(50))
_NONE: Final = -1


class Demand:
    """The calls of all watched scopes, and what is expected of them.

    Args:
        expectation: What earlier weeks have taught; is taught here.
        rows: Watched scopes.
        below: Rows of contracts and what is above them, the contracts first, each with the rows
            that it expects the calls of.

    Attributes:
        expected_per_s: Shape (rows,), float64: calls a second now; NaN where nothing can be said.
        spread: Shape (rows,), float64: how sure that is; see `expectation.py`.
        quarter: Which quarter-hour it is (epoch); -1 before the first.
        offered: Shape (rows,), int64: calls (lifetime) when it began.
        is_open: Shape (rows,), bool: what had to be open when that was last said.
        is_whole: Shape (rows,), bool: whether it can be learned so far.
        recent: Shape (rows, 4), int64: calls of the last quarters to go by, the newest first.
        recent_quarter: Shape (rows, 4), int64: which those are; -1 for none.
    """

    # What a restart must not lose, besides `quarter`.
    STATE: Final = ("offered", "is_open", "is_whole", "recent", "recent_quarter")

    def __init__(
        self, expectation: Expectation, rows: int, below: Mapping[int, tuple[int, ...]]
    ) -> None:
        self._expectation = expectation
        self._below = below
        self.quarter = _NONE
        self.offered: IntArray = np.zeros(rows, dtype=np.int64)
        self.is_open: BoolArray = np.zeros(rows, dtype=np.bool_)
        self.is_whole: BoolArray = np.zeros(rows, dtype=np.bool_)
        self.recent: IntArray = np.full((rows, _RECENT), _NONE, dtype=np.int64)
        self.recent_quarter: IntArray = np.full((rows, _RECENT), _NONE, dtype=np.int64)
        self.expected_per_s: FloatArray = np.full(rows, np.nan)
        self.spread: FloatArray = np.ones(rows)

    def go_on(self, quarter: int) -> None:
        """Go on in a quarter-hour, once the arrays of `STATE` are those of before."""
        self.quarter = quarter
        if quarter != _NONE:
            self._expect()

    def update(self, facts: Facts, is_bad: BoolArray) -> None:
        """Take up a second.

        Args:
            facts: The second.
            is_bad: Shape (rows,), bool: where something speaks against this being an ordinary time.
        """
        quarter = facts.at_ms // QUARTER_MS
        well = facts.is_seen & facts.is_open & ~is_bad
        if quarter != self.quarter:
            offered = facts.lifetime[:, fields.OFFERED]
            if quarter == self.quarter + 1:
                # A second that ends with the quarter still belongs to it.
                self._learn(facts.at_ms - 1, offered - self.offered, self.is_whole & facts.is_seen)
            self.offered, self.is_whole = offered.copy(), well
        if quarter != self.quarter or not np.array_equal(facts.is_open, self.is_open):
            self.quarter, self.is_open = quarter, facts.is_open.copy()
            self._expect()
        self.is_whole = self.is_whole & well

    def _learn(self, at_ms: int, counts: IntArray, whole: BoolArray) -> None:
        self._expectation.learn(at_ms, counts, whole)
        expected = np.nan_to_num(self.expected_per_s) * _QUARTER_S
        is_silent = (counts == 0) & (self.spread * np.log1p(expected / self.spread) > _SILENT)
        kept = whole & ~is_silent
        for line_up in (self.recent, self.recent_quarter):
            line_up[kept, 1:] = line_up[kept, :-1]
        self.recent[kept, 0], self.recent_quarter[kept, 0] = counts[kept], self.quarter

    def _expect(self) -> None:
        is_recent = self.recent_quarter >= max(0, self.quarter - _RECENT_FOR)
        count = is_recent.sum(axis=1)
        total = np.where(is_recent, self.recent, 0).sum(axis=1)
        mean = np.where(count >= _ENOUGH, total / np.maximum(count, 1), np.nan)
        expected, self.spread = self._expectation.per_second(self.quarter * QUARTER_MS, mean)
        for row, below in self._below.items():
            parts = expected[[one for one in below if self.is_open[one]]]
            if not np.isnan(parts).any():
                expected[row] = np.fmin(expected[row], parts.sum())
        self.expected_per_s = expected
