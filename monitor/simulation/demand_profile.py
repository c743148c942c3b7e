"""How the calls of a week are spread over its quarter-hours.

A profile gives, day by day, weights at times of the day; between them the weight runs in a straight
line, before the first and after the last it is 0, and a day that is not named has no calls. Only
the ratios matter: the weights are scaled so that the average day of the week adds up to 1.

Pure: no I/O, no clock.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

import numpy as np
from pydantic import PlainValidator

from monitor.config.hours import DAYS
from monitor.config.section import Finding, Misfit
from monitor.config.wording import told

QUARTERS: Final = 96
QUARTER_MINUTES: Final = 15
_WEEK_DAYS: Final = len(DAYS)
_TIME: Final = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])", re.ASCII)
_DAY_MINUTES: Final = 24 * 60
_HEAVIEST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Profile:
    """Shares of a queue's `calls_per_day`.

    Attributes:
        week: For each day from Monday the share of each quarter-hour from midnight, (7, 96); adds
            up to 7.
    """

    week: tuple[tuple[float, ...], ...]


def parse_profile(value: object) -> Profile:
    """The profile that a scenario gives.

    Raises:
        ValueError: It is none; a `Misfit` for findings about days and times.
    """
    if not isinstance(value, dict) or not value:
        raise ValueError(
            f'is {told(value)}, days and weights such as {{mon-fri: {{"08:00": 1, "20:00": 0.5}}}} '
            "are needed"
        )
    days: dict[int, tuple[float, ...]] = {}
    findings: list[Finding] = []
    for key, points in value.items():
        findings += _put(days, str(key), points)
    if findings:
        raise Misfit(findings)
    week = np.array([days.get(day, (0.0,) * QUARTERS) for day in range(_WEEK_DAYS)])
    total = week.sum()
    if total <= 0:
        raise ValueError("has no weight above 0, so no call would ever come")
    return Profile(tuple(map(tuple, (week * (_WEEK_DAYS / total)).tolist())))


def _put(days: dict[int, tuple[float, ...]], key: str, points: object) -> Iterator[Finding]:
    first, dash, last = key.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        yield (key,), "is no day, a day such as mon, or days such as mon-fri, are needed"
        return
    named = range(DAYS.index(first), DAYS.index(last if dash else first) + 1)
    if not named:
        yield (key,), "runs over the end of the week, give the days of its two parts"
    again = [day for day in named if day in days]
    if again:
        yield (key,), f"gives {DAYS[again[0]]} again, each day may be given once"
        return
    findings: list[Finding] = []
    weights = _weights(key, points, findings)
    yield from findings
    days.update((day, weights) for day in named)


def _weights(key: str, points: object, findings: list[Finding]) -> tuple[float, ...]:
    """The weight of each quarter-hour, taken in its middle."""
    if not isinstance(points, dict) or not points:
        findings.append(((key,), f'is {told(points)}, weights such as {{"08:00": 1}} are needed'))
        return (0.0,) * QUARTERS
    minutes: list[int] = []
    weights: list[float] = []
    for time, weight in points.items():
        found = _TIME.fullmatch(str(time))
        minute = int(found[1]) * 60 + int(found[2]) if found else -1
        if not 0 <= minute <= _DAY_MINUTES:
            findings.append(((key, str(time)), 'is no time of the day, "08:00" is one'))
        elif minutes and minute <= minutes[-1]:
            findings.append(((key, str(time)), "comes before an earlier line, give them in order"))
        elif isinstance(weight, bool) or not isinstance(weight, int | float):
            findings.append(((key, str(time)), f"is {told(weight)}, a number is needed"))
        elif not 0 <= weight <= _HEAVIEST:
            findings.append(((key, str(time)), f"is {weight}, 0 to {_HEAVIEST} is allowed"))
        else:
            minutes.append(minute)
            weights.append(float(weight))
    if not minutes:
        return (0.0,) * QUARTERS
    middles = (np.arange(QUARTERS) + 0.5) * QUARTER_MINUTES
    return tuple(np.interp(middles, minutes, weights, left=0.0, right=0.0).tolist())


ProfileField = Annotated[Profile, PlainValidator(parse_profile)]
