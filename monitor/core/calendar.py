"""When a line has to be open, as plain numbers: the duty of every instant, and when it changes.

What a regulation asks at an instant depends on time zones, holidays and closures. None of that is
here: a source gives, year by year, the sorted instants at which the duty changes, and this module
searches them. So the engine neither reads time zones nor has to look every second: it asks once and
is told until when the answer holds.

Years are those of UTC, `FIRST_YEAR` to `LAST_YEAR`; each is asked for once and kept. Spans are half
open: a line that has to be open from 8:00 to 20:00 has to be at 8:00 and no longer at 20:00.

Invariant: within a year the stretches touch, begin with the year and differ from their neighbours.
Pure: no I/O, no clock.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2100
_SECOND_MS: Final = 1_000
# Where each year begins, and where the last one ends.
_YEARS_MS: Final = tuple(
    int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * _SECOND_MS
    for year in range(FIRST_YEAR, LAST_YEAR + 2)
)


class Duty(IntEnum):
    """What is owed at an instant; more is greater.

    Attributes:
        CLOSED: Nothing.
        PERMITTED: The line may be closed if it records messages and returns them in time: for
            Medicare within one business day, 42 CFR 422.111(h)(1)(i)(B)(1) and (2).
        REQUIRED: The line has to be open.
    """

    CLOSED = 0
    PERMITTED = 1
    REQUIRED = 2

    @property
    def word(self) -> str:
        """How it is told: closed, permitted-alternative or required."""
        return ("closed", "permitted-alternative", "required")[self]


@dataclass(frozen=True, slots=True)
class Stretches:
    """A year in stretches of one duty each.

    Attributes:
        starts_ms: Where they begin, UTC epoch ms, int64 (n,), ascending; the first is where the
            year begins, the last stretch ends with it.
        duties: The `Duty` of each, int8 (n,); neighbours differ.
    """

    starts_ms: NDArray[np.int64]
    duties: NDArray[np.int8]


# From a year of UTC to its stretches; the same year gives the same stretches.
YearSource = Callable[[int], Stretches]


def year_bounds_ms(year: int) -> tuple[int, int]:
    """Where `year` begins and ends in UTC, epoch ms."""
    assert FIRST_YEAR <= year <= LAST_YEAR, year
    at = year - FIRST_YEAR
    return _YEARS_MS[at], _YEARS_MS[at + 1]


class _Year:
    """One year, ready for searching."""

    __slots__ = ("array", "before_ms", "duties", "end_ms", "required_ms", "start_ms", "starts_ms")

    def __init__(self, year: int, array: Stretches) -> None:
        self.start_ms, self.end_ms = year_bounds_ms(year)
        self.array = array
        self.starts_ms: list[int] = array.starts_ms.tolist()
        self.duties = [Duty(duty) for duty in array.duties.tolist()]
        assert self.starts_ms[0] == self.start_ms
        assert self.starts_ms[-1] < self.end_ms
        lengths_ms = np.diff(array.starts_ms, append=self.end_ms)
        assert (lengths_ms > 0).all()
        lengths_ms[array.duties != Duty.REQUIRED] = 0
        totals_ms = np.cumsum(lengths_ms)
        # Required time of the year before each stretch.
        self.before_ms: list[int] = (totals_ms - lengths_ms).tolist()
        self.required_ms = int(totals_ms[-1])

    def at(self, instant_ms: int) -> int:
        """Which stretch holds `instant_ms`."""
        return bisect_right(self.starts_ms, instant_ms) - 1

    def ends_ms(self, at: int) -> int:
        """Where the stretch ends."""
        return self.starts_ms[at + 1] if at + 1 < len(self.starts_ms) else self.end_ms

    def required_before_ms(self, instant_ms: int) -> int:
        """Required time from the beginning of the year to `instant_ms`."""
        at = self.at(instant_ms)
        required_ms = self.before_ms[at]
        if self.duties[at] is Duty.REQUIRED:
            required_ms += instant_ms - self.starts_ms[at]
        return required_ms


class Calendar:
    """Required hours, searchable. Instants are UTC epoch ms from 1970 up to the end of 2100.

    Two calendars are equal when their sources are.
    """

    __slots__ = ("_source", "_year", "_years")

    def __init__(self, source: YearSource) -> None:
        self._source = source
        self._years: dict[int, _Year] = {}
        self._year: _Year | None = None

    def __eq__(self, other: object) -> bool:
        return self._source == other._source if isinstance(other, Calendar) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._source)

    def __repr__(self) -> str:
        return f"Calendar({self._source!r})"

    @property
    def source(self) -> YearSource:
        """Where the years come from."""
        return self._source

    def duty(self, at_ms: int) -> Duty:
        """What is owed at `at_ms`."""
        year = self._year_at(at_ms)
        return year.duties[year.at(at_ms)]

    def is_required(self, at_ms: int) -> bool:
        """Whether the line has to be open at `at_ms`."""
        return self.duty(at_ms) is Duty.REQUIRED

    def duties(self, at_ms: NDArray[np.int64]) -> NDArray[np.int8]:
        """What is owed at each of many instants, int64 (n,) in any order, as `Duty` int8 (n,)."""
        found = np.empty(at_ms.shape, np.int8)
        years = np.searchsorted(_YEARS_MS, at_ms, side="right") - 1 + FIRST_YEAR
        for number in np.unique(years).tolist():
            stretches = self._load(number).array
            of_year = years == number
            at = np.searchsorted(stretches.starts_ms, at_ms[of_year], side="right") - 1
            found[of_year] = stretches.duties[at]
        return found

    def next_change(self, after_ms: int) -> int | None:
        """The first instant after `after_ms` at which another duty begins.

        None when none does before the end of `LAST_YEAR`: a line that is always or never required.
        """
        year = self._year_at(after_ms)
        at = year.at(after_ms)
        duty = year.duties[at]
        change_ms = year.ends_ms(at)
        while change_ms == year.end_ms:
            if change_ms == _YEARS_MS[-1]:
                return None
            year = self._year_at(change_ms)
            if year.duties[0] is not duty:
                break
            change_ms = year.ends_ms(0)
        return change_ms

    def stretches(self, from_ms: int, to_ms: int) -> Iterator[tuple[int, int, Duty]]:
        """The stretches of [from_ms, to_ms) as start, end and duty; they touch and alternate."""
        start_ms = from_ms
        while start_ms < to_ms:
            change_ms = self.next_change(start_ms)
            end_ms = to_ms if change_ms is None else min(change_ms, to_ms)
            yield start_ms, end_ms, self.duty(start_ms)
            start_ms = end_ms

    def required_spans(self, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """The spans [start, end) of [from_ms, to_ms) in which the line has to be open."""
        return [
            (start_ms, end_ms)
            for start_ms, end_ms, duty in self.stretches(from_ms, to_ms)
            if duty is Duty.REQUIRED
        ]

    def required_ms(self, from_ms: int, to_ms: int) -> int:
        """How much of [from_ms, to_ms) lies in required hours; 0 when it is empty or reversed."""
        if to_ms <= from_ms:
            return 0
        # The end belongs to the year of the last instant, which need not be that of `to_ms`.
        first, last = self._year_at(from_ms), self._year_at(to_ms - 1)
        required_ms = -first.required_before_ms(from_ms)
        year = first
        while year is not last:
            required_ms += year.required_ms
            year = self._year_at(year.end_ms)
        return required_ms + last.required_before_ms(to_ms)

    def last_open_before(self, deadline_ms: int) -> int | None:
        """The end of the last required time before `deadline_ms`; at most `deadline_ms` itself.

        That is the effective deadline: what has to be shown to callers by `deadline_ms` can be
        shown up to this instant. None when the line never had to be open before.
        """
        year = self._year_at(deadline_ms - 1)
        at = year.at(deadline_ms - 1)
        while True:
            while at >= 0:
                if year.duties[at] is Duty.REQUIRED:
                    return min(deadline_ms, year.ends_ms(at))
                at -= 1
            if year.start_ms == _YEARS_MS[0]:
                return None
            year = self._year_at(year.start_ms - 1)
            at = len(year.starts_ms) - 1

    def _year_at(self, at_ms: int) -> _Year:
        """The year that holds `at_ms`; nearly always the one of the last question."""
        year = self._year
        if year is None or not year.start_ms <= at_ms < year.end_ms:
            year = self._load(bisect_right(_YEARS_MS, at_ms) - 1 + FIRST_YEAR)
            self._year = year
        return year

    def _load(self, number: int) -> _Year:
        assert FIRST_YEAR <= number <= LAST_YEAR, number
        year = self._years.get(number)
        if year is None:
            year = self._years[number] = _Year(number, self._source(number))
        return year


def around_the_clock(year: int) -> Stretches:
    """The year of a line that always has to be open."""
    start_ms, _ = year_bounds_ms(year)
    return Stretches(np.array([start_ms], np.int64), np.array([Duty.REQUIRED], np.int8))


# What nobody said otherwise about.
ALWAYS: Final = Calendar(around_the_clock)
