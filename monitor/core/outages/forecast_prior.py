"""How long outages last when nothing else is known: the climatology of restorations.

A mixture of log-logistic laws, whose tails are heavy as those of repairs are: one for call centers
at large, which counts for `PRIOR_WEIGHT` restorations, and a narrower one around each restoration
that this operator has seen. So an operator without history has the general law, and one with much
of it has its own, smoothed.

Pure: no I/O, no clock.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

HOUR_MS: Final = 3_600_000
# Median and shape of all restorations; `tests/benchmarks/fit_forecast.py` estimates them.
PRIOR_MEDIAN_MS: Final = 58.0 * HOUR_MS
PRIOR_SHAPE: Final = 1.6
PRIOR_WEIGHT: Final = 10.0
# The width of the law around a restoration that was seen.
_SEEN_SHAPE: Final = 3.5
# The newest of them; the older ones tell little of today's house.
SEEN_MOST: Final = 200


class Climatology:
    """The law of the duration of outages.

    Args:
        past_ms: Durations of earlier outages, ms, > 0, the newest last; may be empty.
    """

    def __init__(self, past_ms: tuple[int, ...] = ()) -> None:
        seen = past_ms[-SEEN_MOST:]
        self._medians_ms = np.array([PRIOR_MEDIAN_MS, *seen], np.float64)
        self._shapes = np.array([PRIOR_SHAPE] + [_SEEN_SHAPE] * len(seen))
        weights = np.array([PRIOR_WEIGHT] + [1.0] * len(seen))
        self._weights = weights / weights.sum()

    def hazard(self, age_ms: FloatArray) -> FloatArray:
        """The cumulative hazard -log P(longer than `age_ms`) of each age, float (n,)."""
        ratio = np.maximum(age_ms, 1.0)[:, None] / self._medians_ms
        lasting = 1 / (1 + ratio**self._shapes)
        mixed: FloatArray = lasting @ self._weights
        return -np.log(np.maximum(mixed, 1e-300))
