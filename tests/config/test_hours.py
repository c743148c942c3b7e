"""Opening hours are read as written and write themselves so that they read the same."""

import pytest

from monitor.config.hours import CALENDARS, DAYS, Hours, parse

FULL = ((480, 1_200),)


@pytest.mark.parametrize("calendar", CALENDARS)
def test_a_calendar_is_its_name(calendar: str) -> None:
    assert parse(calendar) == Hours(calendar)
    assert Hours(calendar).as_written() == calendar


def test_days_times_and_closed_days_make_a_week() -> None:
    hours = parse(
        {"mon-thu": "08:00-20:00", "fri": ("08:00-12:00", "13:00-24:00"), "sat": "closed"}
    )
    assert hours.calendar is None
    assert hours.week == (FULL, FULL, FULL, FULL, ((480, 720), (780, 1_440)), (), ())
    assert parse(hours.as_written()) == hours
    assert list(hours.as_written()) == list(DAYS)
