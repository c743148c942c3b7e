"""The Federal holidays of the United States, by date.

5 U.S.C. 6103(a) names them. By (b) and Executive Order 11582 one that falls on a Saturday or Sunday
is observed on the Friday before or the Monday after; both dates are here. They are those of every
state and territory; local holidays are none of them.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import holidays

_NOVEMBER: Final = 11
_THURSDAY: Final = 3
# Counted from 0.
_FOURTH: Final = 3


@lru_cache(maxsize=256)
def federal_holidays(year: int) -> Mapping[date, str]:
    """The names of the Federal holidays of `year`, those observed on another day included."""
    found = holidays.country_holidays("US", years=year, observed=True, language="en_US")
    return MappingProxyType({day: name for day, name in found.items() if day.year == year})


def is_thanksgiving(day: date) -> bool:
    """Whether `day` is Thanksgiving Day, the fourth Thursday of November."""
    return day.month == _NOVEMBER and day.weekday() == _THURSDAY and (day.day - 1) // 7 == _FOURTH


def is_christmas(day: date) -> bool:
    """Whether `day` is Christmas Day itself; the day on which it may be observed instead is not."""
    return (day.month, day.day) == (12, 25)
