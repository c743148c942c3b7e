"""What the forecast has to beat: climatology and the straight line, each given more than is fair.

The climatology is the distribution of all the *other* outages that are judged (several hundred of
the very same population, where the forecast gets twenty), among those that lasted at least as long.
The straight line is drawn through the hold floor (over its limit) and through the share of answered
calls over the last hours, and says that it is over where both lines reach their limits. As it has
no law of its own, it is also judged with the errors that it made on the outages that the forecast
was fitted on: "dressed".
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from outage_courses import DEADLINE, HOUR, MINUTES, Made

Floats = NDArray[np.float64]

QUANTILES: Final = (0.10, 0.50, 0.90)
_WINDOW: Final = 4 * HOUR
_BIN: Final = 10
_LIMIT_MS: Final = 120_000
_LIMIT_SHARE: Final = 0.8
# Nothing is surer than this; it costs a bare line less than 0 and 1 would.
_SUREST: Final = 0.02


class Told(NamedTuple):
    """A forecast: probability to miss and quantiles of the restoration, minutes since the onset."""

    miss: float
    quantiles: tuple[float, float, float]


def climatology(durations: Floats, age: int) -> Told:
    """Of those that lasted so long, how many missed and how long they took.

    Args:
        durations: Of all other outages, minutes.
        age: Minutes since the onset.
    """
    lasted = durations[durations > age]
    if not lasted.size:
        return Told(float(age >= DEADLINE), (float(MINUTES),) * 3)
    found = np.quantile(lasted, QUANTILES)
    miss = (np.count_nonzero(lasted > DEADLINE) + 0.5) / (lasted.size + 1)
    return Told(float(miss), (float(found[0]), float(found[1]), float(found[2])))


def straight_line(made: Made, age: int) -> float:
    """The minute at which both lines reach their limits; never is ten days."""
    first = max(0, age - _WINDOW)
    open_minutes = np.zeros(age, np.bool_)
    for start, end in made.spans:
        open_minutes[max(start, 0) : min(end, age)] = True
    of = np.flatnonzero(open_minutes)
    of = of[-min(_WINDOW, of.size) :] if first == 0 or not (of >= first).any() else of[of >= first]
    if of.size < 2 * _BIN:
        return float(MINUTES)
    floor = made.minutes["hold_floor_ms"][of].astype(float)
    floor[floor < 0] = np.nan
    answered, abandoned = (made.minutes[name][of] for name in ("answered", "abandoned"))
    bins = np.arange(of.size) // _BIN
    many = np.bincount(bins)
    share = np.bincount(bins, answered) / np.maximum(np.bincount(bins, answered + abandoned), 1)
    at = np.bincount(bins, of) / many
    known = np.bincount(bins, ~np.isnan(floor))
    hold = np.bincount(bins, np.nan_to_num(floor)) / np.maximum(known, 1)
    return max(
        _reaches(at[known > 0], hold[known > 0], _LIMIT_MS, age, rising=False),
        _reaches(at, share, _LIMIT_SHARE, age, rising=True),
    )


def _reaches(at: Floats, values: Floats, limit: float, age: int, *, rising: bool) -> float:
    if at.size < 2:
        return float(MINUTES)
    slope, level = np.polyfit(at - age, values, 1)
    if (level >= limit) if rising else (level <= limit):
        return float(age)
    if slope == 0 or (slope > 0) != rising:
        return float(MINUTES)
    return float(min(age + (limit - level) / slope, MINUTES))


def bare(reached: float) -> Told:
    """The line taken at its word."""
    miss = 1 - _SUREST if reached > DEADLINE else _SUREST
    return Told(miss, (reached, reached, reached))


class Dressed:
    """The line with the errors that it made elsewhere, by what it said.

    Args:
        ages: At which it was drawn, minutes, (n,).
        reached: What it said, minutes, (n,).
        actual: How long it took, minutes, (n,).
    """

    def __init__(self, ages: Floats, reached: Floats, actual: Floats) -> None:
        self._ages, self._reached, self._actual = ages, reached, actual

    def told(self, age: int, reached: float) -> Told:
        """The law of the 150 most similar cases: of like age, and of like lead by the line."""
        like = np.abs(np.log((self._ages + HOUR) / (age + HOUR)))
        lead = np.log((self._reached - self._ages + HOUR) / (reached - age + HOUR))
        near = np.argsort(like + np.abs(lead), kind="stable")[:150]
        times = (self._actual[near] - self._ages[near]) + age
        found = np.quantile(times, QUANTILES)
        miss = (np.count_nonzero(times > DEADLINE) + 0.5) / (times.size + 1)
        return Told(float(miss), (float(found[0]), float(found[1]), float(found[2])))
