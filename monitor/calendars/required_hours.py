"""When a line has to be open: the hours of its places, less the closures that the rules allow.

A line owes at every instant the most that any of its places asks, so "8:00 to 20:00 in all service
areas" is the union of the days of all zones. It is no more than that: between the evening in one
zone and the morning in a far one nothing is owed.

A closure is the plan's own word and does not change the law. Within one a line still owes what its
`floor`, the rule that binds a line of its kind, asks of its hours: a member line that is open
around the clock may close at night for maintenance, and on a Monday at noon it may not.

Each source is plain data that compares and hashes by value, so that lines with the same hours share
one calendar. Pure: no I/O, no clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from monitor.calendars.rules import LocalDay, LocalHours
from monitor.calendars.wall_clock import closes_ms, midnight, opens_ms
from monitor.core.calendar import Calendar, Duty, Stretches, around_the_clock, year_bounds_ms

# No zone is more than 14 hours from UTC: a day on each side is enough.
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class HoursRule:
    """Hours without closures; a `YearSource`.

    Attributes:
        name: The word for it in the configuration: always, cms, cms-pharmacy or days and times.
        clause: Where it stands, or what it rests on.
        places: The hours of each place; empty means around the clock.
    """

    name: str
    clause: str
    places: tuple[LocalHours, ...] = ()

    def __call__(self, year: int) -> Stretches:
        """The stretches of `year`."""
        return _stretches(self.places, year) if self.places else around_the_clock(year)

    def on(self, day: date) -> Iterator[tuple[LocalHours, LocalDay]]:
        """What each place owes on `day`, by its own date."""
        for place in self.places:
            yield place, place.on(day)


@dataclass(frozen=True, slots=True)
class Closure:
    """A time in which the plan says that the line is closed.

    Attributes:
        start_ms: UTC epoch ms.
        end_ms: UTC epoch ms, after `start_ms`; no longer part of it.
        reason: For people.
    """

    start_ms: int
    end_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class RequiredHours:
    """The required hours of a line; a `YearSource`.

    Attributes:
        rule: Its hours.
        floor: What no closure takes away from them; None when a closure takes all.
        closures: Closures of the contract and the line; they may overlap.
        zones: Names of the contract's time zones; the first one's dates are the contract's days.
    """

    rule: HoursRule
    floor: HoursRule | None = None
    closures: tuple[Closure, ...] = ()
    zones: tuple[str, ...] = ()

    def __call__(self, year: int) -> Stretches:
        """The stretches of `year`."""
        start_ms, end_ms = year_bounds_ms(year)
        own = self.rule(year)
        spans = np.array(
            [
                (closure.start_ms, closure.end_ms)
                for closure in self.closures
                if closure.start_ms < end_ms and closure.end_ms > start_ms
            ],
            np.int64,
        ).reshape(-1, 2)
        if not len(spans):
            return own
        bound = _never(year) if self.floor is None else self.floor(year)
        spans = spans.clip(start_ms, end_ms)
        edges = np.unique(np.concatenate([own.starts_ms, bound.starts_ms, spans.ravel()]))
        edges = edges[edges < end_ms]
        owed = _sampled(own, edges)
        closed = _covered(edges, spans)
        owed[closed] = np.minimum(owed, _sampled(bound, edges))[closed]
        return _merged(edges, owed)


@lru_cache(maxsize=4_096)
def calendar(hours: RequiredHours) -> Calendar:
    """The calendar of `hours`; the same object for equal hours, so that its years are kept once."""
    return Calendar(hours)


@lru_cache(maxsize=1_024)
def _stretches(places: tuple[LocalHours, ...], year: int) -> Stretches:
    """The union of what all places ask in `year`; what is more wins."""
    start_ms, end_ms = year_bounds_ms(year)
    spans = {Duty.PERMITTED: [(start_ms, start_ms)], Duty.REQUIRED: [(start_ms, start_ms)]}
    for place in places:
        zone = ZoneInfo(place.zone)
        day = date(year, 1, 1) - _DAY
        while day <= date(year, 12, 31) + _DAY:
            owed = place.on(day)
            spans[owed.duty] += local_spans_ms(owed, day, zone)
            day += _DAY
    of_duty = {
        duty: np.array(found, np.int64).clip(start_ms, end_ms) for duty, found in spans.items()
    }
    edges = np.unique(np.concatenate([found.ravel() for found in of_duty.values()]))
    edges = edges[edges < end_ms]
    owed_at = np.full(len(edges), Duty.CLOSED, np.int8)
    for duty, found in of_duty.items():
        owed_at[_covered(edges, found)] = duty
    return _merged(edges, owed_at)


def local_spans_ms(owed: LocalDay, day: date, zone: ZoneInfo) -> list[tuple[int, int]]:
    """The spans of a day as instants, UTC epoch ms; one that the clock jumps over is left out."""
    start = midnight(day)
    found = []
    for opens, closes in owed.spans:
        open_ms = opens_ms(start + timedelta(minutes=opens), zone)
        close_ms = closes_ms(start + timedelta(minutes=closes), zone)
        if open_ms < close_ms:
            found.append((open_ms, close_ms))
    return found


def _never(year: int) -> Stretches:
    """A year in which nothing is owed."""
    start_ms, _ = year_bounds_ms(year)
    return Stretches(np.array([start_ms], np.int64), np.array([Duty.CLOSED], np.int8))


def _covered(edges: NDArray[np.int64], spans: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which edges lie in any of the spans [start, end), whose own ends are edges or beyond."""
    depth = np.zeros(len(edges) + 1, np.int64)
    np.add.at(depth, np.searchsorted(edges, spans[:, 0]), 1)
    np.add.at(depth, np.searchsorted(edges, spans[:, 1]), -1)
    return np.cumsum(depth)[:-1] > 0


def _sampled(stretches: Stretches, edges: NDArray[np.int64]) -> NDArray[np.int8]:
    """The duty at each edge."""
    at = np.searchsorted(stretches.starts_ms, edges, side="right") - 1
    return stretches.duties[at]


def _merged(edges: NDArray[np.int64], owed: NDArray[np.int8]) -> Stretches:
    """Stretches that differ from their neighbours."""
    kept = np.concatenate([[True], owed[1:] != owed[:-1]])
    return Stretches(edges[kept], owed[kept])
