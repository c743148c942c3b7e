"""What is owed on one day in one place: Medicare's rule for call centers, or a week of hours.

42 CFR 422.111(h)(1)(i)(B), and 423.128(d)(1)(i)(A) for Part D, want a customer call center open "at
least from 8:00 a.m. to 8:00 p.m. in all service areas served". From October 1 to March 31 it may be
closed on Thanksgiving Day and Christmas Day only; from April 1 to September 30 on any Federal
holiday, Saturday or Sunday; each time on condition that it records messages and returns them within
one business day.

Read so: the rule holds in each time zone by that zone's own dates, and a line owes what any of its
zones asks. The winter clause says "Christmas Day" and no more, so a Friday or Monday on which
Federal offices observe it is an ordinary day; the summer clause says "any Federal holiday", which
the day of observance is. The rule binds for coverage from January 1, 2022; earlier days are read by
it too.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from monitor.calendars.federal_holidays import federal_holidays, is_christmas, is_thanksgiving
from monitor.core.calendar import Duty

# Minutes from midnight, [open, close).
Span = tuple[int, int]

MEDICARE_CLAUSE: Final = "42 CFR 422.111(h)(1)(i)(B), 423.128(d)(1)(i)(A)"
PHARMACY_CLAUSE: Final = "42 CFR 423.128(d)(1)(i)(B)"
DAY_NAMES: Final = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)
_FROM_8_TO_20: Final = ((8 * 60, 20 * 60),)
_SATURDAY: Final = 5
# April to September; the rest of the year is enrollment's.
_SUMMER: Final = range(4, 10)


@dataclass(frozen=True, slots=True)
class LocalDay:
    """What is owed on one day in one place.

    Attributes:
        spans: When, on the wall; empty when never.
        duty: What is owed within them; outside nothing is.
        reason: Why, in words.
    """

    spans: tuple[Span, ...]
    duty: Duty
    reason: str


@dataclass(frozen=True, slots=True)
class MedicareHours:
    """The hours of a Medicare call center in one time zone.

    Attributes:
        zone: Its name in the tz database.
    """

    zone: str

    def on(self, day: date) -> LocalDay:
        """What is owed on `day`."""
        if day.month in _SUMMER:
            holiday = federal_holidays(day.year).get(day)
            if holiday is not None:
                return _permitted(f"{holiday}, a Federal holiday from April to September")
            if day.weekday() >= _SATURDAY:
                return _permitted(f"a {DAY_NAMES[day.weekday()]} from April to September")
            return LocalDay(_FROM_8_TO_20, Duty.REQUIRED, "a weekday from April to September")
        if is_thanksgiving(day):
            return _permitted("Thanksgiving Day")
        if is_christmas(day):
            return _permitted("Christmas Day")
        return LocalDay(_FROM_8_TO_20, Duty.REQUIRED, "any day from October to March")


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Hours that repeat every week in one time zone, holidays or not.

    Attributes:
        zone: Its name in the tz database.
        week: For each day from Monday the spans, ascending; none crosses midnight.
    """

    zone: str
    week: tuple[tuple[Span, ...], ...]

    def on(self, day: date) -> LocalDay:
        """What is owed on `day`."""
        spans = self.week[day.weekday()]
        name = DAY_NAMES[day.weekday()]
        reason = f"{name}'s hours" if spans else f"closed on a {name}"
        return LocalDay(spans, Duty.REQUIRED, reason)


LocalHours = MedicareHours | WeeklyHours


def _permitted(reason: str) -> LocalDay:
    return LocalDay(_FROM_8_TO_20, Duty.PERMITTED, reason)
