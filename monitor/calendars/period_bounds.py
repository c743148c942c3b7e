"""Where a day, a month and a quarter begin and end in a time zone.

A period is the time between two midnights of its zone, so a day has 23 to 25 hours when the clocks
change.

Invariant: the periods of one kind and zone follow each other without gap or overlap.
Pure: time zones are read when they are first named, and nothing else is.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from monitor.calendars.wall_clock import midnight, on_the_wall, opens_ms
from monitor.core.periods import Period, PeriodKind

_MONTHS_OF_QUARTER: Final = 3
_MONTHS_OF_YEAR: Final = 12


def containing(kind: PeriodKind, at_ms: int, zone: str) -> Period:
    """The period that an instant lies in.

    Args:
        kind: Which kind.
        at_ms: Epoch ms, in the years 2 to 9998.
        zone: IANA name.

    Raises:
        ZoneInfoNotFoundError: There is no such zone.
    """
    clock = ZoneInfo(zone)
    first = _first_day(kind, on_the_wall(at_ms, clock).date())
    start_ms, after = _begins_ms(first, clock), _next(kind, first)
    # Where clocks go back over midnight a date comes twice: the first midnight bounds it.
    while (end_ms := _begins_ms(after, clock)) <= at_ms:
        start_ms, after = end_ms, _next(kind, after)
    return Period(kind, zone, start_ms, end_ms)


def previous(period: Period) -> Period:
    """The period that ends where this one begins."""
    return containing(period.kind, period.start_ms - 1, period.zone)


def _first_day(kind: PeriodKind, day: date) -> date:
    if kind is PeriodKind.DAY:
        return day
    month = day.month
    if kind is PeriodKind.QUARTER:
        month -= (month - 1) % _MONTHS_OF_QUARTER
    return date(day.year, month, 1)


def _next(kind: PeriodKind, first: date) -> date:
    """The first day of the next period."""
    if kind is PeriodKind.DAY:
        return first + timedelta(days=1)
    month = first.month + (1 if kind is PeriodKind.MONTH else _MONTHS_OF_QUARTER)
    return date(first.year + (month > _MONTHS_OF_YEAR), (month - 1) % _MONTHS_OF_YEAR + 1, 1)


@lru_cache(maxsize=1024)
def _begins_ms(day: date, clock: ZoneInfo) -> int:
    """When a day begins. A midnight that the clocks leap over is the instant of the leap."""
    return opens_ms(midnight(day), clock)
