"""How many calls to expect: a robust memory of the same quarter of an hour in earlier weeks.

For each watched scope and each quarter-hour of its week the last eight counts are kept; the median
of them is expected, so that one week of trouble (or two) teaches nothing wrong. Until there are
three, the last hour of today stands in, and where that is not known what the configuration says,
each trusted less. Quarters that were not seen whole, on a holiday, outside required hours or within
an outage are not learned, and of a holiday nothing is expected but what its last hour was like.

How sure that is, is a shape of the gamma distribution that the rate is drawn from: the mean squared
over the variance of what was seen, between 5 and 50.

Pure: no I/O, no clock.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from monitor.core.outages.facts import BoolArray
from monitor.core.outages.week_clock import SLOTS, WeekClock
from monitor.core.snapshot import FloatArray, IntArray

_KEPT: Final = 8
_ENOUGH: Final = 3
_SPREAD_UNLEARNED: Final = 5.0
# From the mean of the hour before it was 36 in a real bank's call center (722 open quarter-hours of
# August 1999); others may be less steady.
_SPREAD_LATELY: Final = 15.0
_SPREAD_MOST: Final = 50.0
_QUARTER_S: Final = 15 * 60.0
_NONE: Final = -1
# The scale factor that makes the median absolute deviation a standard deviation (normal case).
_MAD_SCALE: Final = 1.4826

Kept = npt.NDArray[np.int32]


class Expectation:
    """Expected calls of all watched scopes.

    Args:
        clock: Knows the week of each watched scope.
        prior: Shape (rows, SLOTS), float64: calls in each quarter-hour as configured, NaN where
            nothing is; None for nothing at all.

    Attributes:
        kept: Shape (rows, SLOTS, 8), int32: the last counts, the newest first; -1 for none.
    """

    def __init__(self, clock: WeekClock, prior: FloatArray | None = None) -> None:
        self._clock = clock
        self.kept: Kept = np.full((clock.rows, SLOTS, _KEPT), _NONE, dtype=np.int32)
        self._prior = prior

    def learn(self, at_ms: int, counts: IntArray, whole: BoolArray) -> None:
        """Take up a quarter-hour that is over.

        Args:
            at_ms: An instant within it.
            counts: Shape (rows,), int64: calls that entered a queue.
            whole: Shape (rows,), bool: whether it may be learned from.
        """
        slots, is_holiday = self._clock.now(at_ms)
        rows = np.flatnonzero(whole & ~is_holiday)
        kept = self.kept[rows, slots[rows]]
        kept[:, 1:] = kept[:, :-1]
        kept[:, 0] = counts[rows]
        self.kept[rows, slots[rows]] = kept

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

    def course(self, row: int, start_ms: int, count: int) -> FloatArray:
        """Expected calls of quarter-hours that follow each other; NaN where that is not learned.

        Args:
            row: Of the scope.
            start_ms: Where the first one begins, epoch ms; a whole quarter of an hour.
            count: How many.

        Returns:
            Shape (count,), float64.
        """
        return self.week(row)[self._clock.course(row, start_ms, count)]

    def per_second(self, at_ms: int, lately: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Expected calls a second, and how sure that is.

        Args:
            at_ms: Now, epoch ms.
            lately: Shape (rows,), float64: calls in a quarter-hour of today; NaN where that is not
                known.

        Returns:
            Two arrays of shape (rows,): calls a second, NaN where nothing can be said; and the
            shape of its gamma distribution, 5 to 50.
        """
        slots, is_holiday = self._clock.now(at_ms)
        every_row = np.arange(slots.size)
        kept = self.kept[every_row, slots].astype(np.float64)
        kept[(kept < 0) | is_holiday[:, None]] = np.nan
        learned = (~np.isnan(kept)).sum(axis=1) >= _ENOUGH
        rate = lately.copy()
        is_told = np.isnan(rate) & ~is_holiday
        spread = np.where(np.isnan(rate), _SPREAD_UNLEARNED, _SPREAD_LATELY)
        if self._prior is not None:
            rate[is_told] = self._prior[is_told, slots[is_told]]
        if learned.any():
            seen = kept[learned]
            median = np.nanmedian(seen, axis=1)
            deviation = _MAD_SCALE * np.nanmedian(np.abs(seen - median[:, None]), axis=1)
            # What chance alone adds to a count is no uncertainty of its rate.
            variance = np.maximum(deviation**2 - median, 1e-9)
            spread[learned] = np.clip(median**2 / variance, _SPREAD_UNLEARNED, _SPREAD_MOST)
            rate[learned] = median
        return rate / _QUARTER_S, spread
