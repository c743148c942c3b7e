"""How many calls to expect: a robust memory of the same quarter of an hour in earlier weeks.

For each watched scope and each quarter-hour of the week the last eight counts are kept; the median
of them is expected, so that one week of trouble (or two) teaches nothing wrong. Until there are
three, what the configuration says stands in, and where that says nothing the last hour of today,
trusted less. Quarters that were not seen whole, on a holiday, outside required hours or within an
outage are not learned.

How sure that is, is a shape of the gamma distribution that the rate is drawn from: the mean squared
over the variance of what was seen, between 5 and 50.

Pure: no I/O, no clock.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from monitor.core.outages.facts import BoolArray
from monitor.core.plan import MINUTE_MS
from monitor.core.snapshot import FloatArray, IntArray

QUARTER_MS: Final = 15 * MINUTE_MS
SLOTS: Final = 7 * 24 * 4
_KEPT: Final = 8
_ENOUGH: Final = 3
_SPREAD_UNLEARNED: Final = 5.0
_SPREAD_MOST: Final = 50.0
_QUARTER_S: Final = QUARTER_MS / 1000
_NONE: Final = -1
# The scale factor that makes the median absolute deviation a standard deviation (normal case).
_MAD_SCALE: Final = 1.4826

Kept = npt.NDArray[np.int32]


class Expectation:
    """Expected calls of all watched scopes.

    Args:
        rows: Watched scopes.
        prior: Shape (rows, SLOTS), float64: calls in each quarter-hour as configured, NaN where
            nothing is; None for nothing at all.

    Attributes:
        kept: Shape (rows, SLOTS, 8), int32: the last counts, the newest first; -1 for none.
    """

    def __init__(self, rows: int, prior: FloatArray | None = None) -> None:
        self.kept: Kept = np.full((rows, SLOTS, _KEPT), _NONE, dtype=np.int32)
        self._prior = prior

    def learn(self, slot: int, counts: IntArray, whole: BoolArray) -> None:
        """Take up a quarter-hour that is over.

        Args:
            slot: Which of the week, 0 to SLOTS - 1; see `slot`.
            counts: Shape (rows,), int64: calls that entered a queue.
            whole: Shape (rows,), bool: whether it may be learned from.
        """
        assert 0 <= slot < SLOTS
        kept = self.kept[whole, slot]
        kept[:, 1:] = kept[:, :-1]
        kept[:, 0] = counts[whole]
        self.kept[whole, slot] = kept

    @staticmethod
    def slot(at_ms: int) -> int:
        """Quarter-hour of the week that holds an instant, from Monday midnight UTC."""
        # Epoch day 0 was a Thursday.
        return (at_ms // QUARTER_MS - 4 * 96) % SLOTS

    def week(self, row: int) -> FloatArray:
        """Expected calls of each quarter-hour of the week; NaN where that is not learned.

        Shape (SLOTS,), float64.
        """
        kept = self.kept[row].astype(np.float64)
        kept[kept < 0] = np.nan
        found = np.full(SLOTS, np.nan) if self._prior is None else self._prior[row].copy()
        learned = (~np.isnan(kept)).sum(axis=1) >= _ENOUGH
        if learned.any():
            found[learned] = np.nanmedian(kept[learned], axis=1)
        return found

    def per_second(self, slot: int, last_hour: IntArray) -> tuple[FloatArray, FloatArray]:
        """Expected calls a second, and how sure that is.

        Args:
            slot: The quarter-hour of the week.
            last_hour: Shape (rows,), int64: calls of the last hour that was well seen; -1 unknown.

        Returns:
            Two arrays of shape (rows,): calls a second, NaN where nothing can be said; and the
            shape of its gamma distribution, 5 to 50.
        """
        kept = self.kept[:, slot].astype(np.float64)
        kept[kept < 0] = np.nan
        learned = (~np.isnan(kept)).sum(axis=1) >= _ENOUGH
        rate = np.where(last_hour >= 0, last_hour / 4.0, np.nan)
        if self._prior is not None:
            told = self._prior[:, slot]
            rate = np.where(np.isnan(told), rate, told)
        spread = np.full(rate.size, _SPREAD_UNLEARNED)
        if learned.any():
            seen = kept[learned]
            median = np.nanmedian(seen, axis=1)
            deviation = _MAD_SCALE * np.nanmedian(np.abs(seen - median[:, None]), axis=1)
            # What chance alone adds to a count is no uncertainty of its rate.
            variance = np.maximum(deviation**2 - median, 1e-9)
            spread[learned] = np.clip(median**2 / variance, _SPREAD_UNLEARNED, _SPREAD_MOST)
            rate[learned] = median
        return rate / _QUARTER_S, spread
