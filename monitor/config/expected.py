"""How many calls a line usually gets, for as long as that has not been learned.

Pure: no I/O, no clock.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import Field

from monitor.config.hours import DAYS, HoursField, Span
from monitor.config.section import Finding, Section

_QUARTER_MIN: Final = 15
_DAY_MIN: Final = 24 * 60
_DAY_QUARTERS: Final = _DAY_MIN // _QUARTER_MIN


class Expected(Section):
    """Some hours of a usual week."""

    hours: HoursField
    """Which: always, or days and times, local to the contract's first service area."""
    calls_per_hour: float = Field(ge=0, le=1_000_000, allow_inf_nan=False, strict=False)
    """Calls that enter the line's queues in each of them."""

    def misfits(self) -> Iterator[Finding]:
        """A usual week goes by the clock and not by a rule."""
        if self.hours.calendar not in {None, "always"}:
            yield ("hours",), f"is {self.hours.calendar}, always or days and times are needed"


def overlaps(expected: Sequence[Expected]) -> Iterator[Finding]:
    """Parts of a week that say something of an hour of which another has spoken."""
    for at, one in enumerate(expected):
        for before, other in enumerate(expected[:at]):
            if any(
                start < until and begin < end
                for start, end in _spans(one)
                for begin, until in _spans(other)
            ):
                yield (at, "hours"), f"overlap with those of expected[{before}], give them apart"


def week_of(expected: Sequence[Expected]) -> tuple[float, ...]:
    """Expected calls of each quarter-hour of the week.

    Returns:
        672 numbers from Monday midnight, NaN where nothing is said; empty when nothing is at all.
    """
    if not expected:
        return ()
    told = [0] * (len(DAYS) * _DAY_QUARTERS)
    calls = [0.0] * len(told)
    for one in expected:
        for quarter, minutes in enumerate(_minutes(one)):
            told[quarter] += minutes
            calls[quarter] += one.calls_per_hour * minutes / 60
    return tuple(
        count * _QUARTER_MIN / minutes if minutes else math.nan
        for count, minutes in zip(calls, told, strict=True)
    )


def _minutes(one: Expected) -> list[int]:
    """How many minutes of each quarter-hour of the week are within the hours."""
    minutes = [0] * (len(DAYS) * _DAY_QUARTERS)
    for start, end in _spans(one):
        for quarter in range(start // _QUARTER_MIN, -(-end // _QUARTER_MIN)):
            first = quarter * _QUARTER_MIN
            minutes[quarter] += min(end, first + _QUARTER_MIN) - max(start, first)
    return minutes


def _spans(one: Expected) -> list[Span]:
    """The hours as minutes of the week."""
    if one.hours.calendar == "always":
        return [(0, len(DAYS) * _DAY_MIN)]
    return [
        (day * _DAY_MIN + start, day * _DAY_MIN + end)
        for day, spans in enumerate(one.hours.week)
        for start, end in spans
    ]
