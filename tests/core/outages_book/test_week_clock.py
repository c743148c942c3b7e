"""Which quarter-hour of the week it is for whom, and what is expected of it."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from core.made_calls import LAWS, shared_plan
from hypothesis import given
from hypothesis import strategies as st

from monitor.calendars.local_quarter import local_quarter
from monitor.core.outages.expectation import Expectation
from monitor.core.outages.week_clock import QUARTER_MS, SLOTS, WeekClock
from monitor.core.plan import Plan, utc_quarter
from monitor.core.scopes import ScopeTable

ZONES = ("America/New_York", "America/Phoenix", "Pacific/Honolulu", "America/Puerto_Rico")
CHRISTMAS = date(2026, 12, 25)
WEEK = timedelta(days=7)

instants = st.integers(0, 4_000_000_000).map(lambda second: second * 1_000)


def plan(first: str, second: str) -> Plan:
    """A plan of two contracts in two zones."""
    plain = shared_plan()
    one, two = plain.contracts
    contracts = (
        replace(one, service_areas=(first, second)),
        replace(two, service_areas=(second,)),
    )
    return replace(plain, contracts=contracts, local_quarter=local_quarter)


def clock_of(of: Plan) -> tuple[WeekClock, list[str]]:
    table = ScopeTable(of)
    scopes = table.scopes[: table.upper]
    return WeekClock(of, scopes), [scope.name for scope in scopes]


def at(day: date, hour: int, minute: int, zone: str) -> int:
    wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
    return int(wall.timestamp()) * 1_000


@LAWS
@given(at_ms=instants, zone=st.sampled_from(ZONES))
def test_the_quarter_is_that_of_the_wall(at_ms: int, zone: str) -> None:
    wall = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))
    monday = datetime.combine(wall.date() - timedelta(days=wall.weekday()), datetime.min.time())
    passed = wall.replace(tzinfo=None) - monday
    assert local_quarter(zone, at_ms)[0] == passed // timedelta(minutes=15)


@LAWS
@given(at_ms=instants)
def test_who_knows_no_zones_goes_by_utc(at_ms: int) -> None:
    assert utc_quarter("America/New_York", at_ms) == (local_quarter("UTC", at_ms)[0], False)


@pytest.mark.parametrize("change", [date(2026, 3, 8), date(2026, 11, 1)])
def test_nine_in_the_morning_is_the_same_quarter_on_both_sides_of_a_clock_change(
    change: date,
) -> None:
    for zone in ZONES:
        before, after = (at(day, 9, 0, zone) for day in (change - WEEK, change))
        assert local_quarter(zone, before) == local_quarter(zone, after)


def test_each_contract_goes_by_its_own_wall_and_what_is_above_several_by_utc() -> None:
    of = plan("America/New_York", "Pacific/Honolulu")
    clock, names = clock_of(of)
    at_ms = at(date(2026, 7, 6), 12, 0, "UTC")  # a Monday
    slots, is_holiday = clock.now(at_ms)
    found = dict(zip(names, slots.tolist(), strict=True))
    assert found["contract/H1"] == found["line/H1/members"] == 8 * 4
    assert found["contract/S2"] == found["line/S2/members"] == 2 * 4
    assert found["organization"] == 12 * 4
    assert not is_holiday.any()


@LAWS
@given(start=st.integers(1_900_000, 2_200_000), count=st.integers(1, 900), row=st.integers(0, 4))
def test_a_course_is_one_quarter_after_the_other(start: int, count: int, row: int) -> None:
    clock, _ = clock_of(plan("America/New_York", "America/Phoenix"))
    course = clock.course(row, start * QUARTER_MS, count)
    alone = [int(clock.now((start + n) * QUARTER_MS)[0][row]) for n in range(count)]
    assert course.tolist() == alone


def test_a_week_that_was_learned_in_winter_is_expected_in_summer_and_holidays_teach_nothing() -> (
    None
):
    of = plan("America/New_York", "America/New_York")
    clock, names = clock_of(of)
    expectation, row = Expectation(clock), names.index("line/H1/members")
    whole, unknown = np.ones(len(names), dtype=np.bool_), np.full(len(names), np.nan)
    friday = date(2026, 2, 6)
    for week in range(5):
        counts = np.full(len(names), 90 + week)
        expectation.learn(at(friday + week * WEEK, 9, 5, "America/New_York"), counts, whole)
    summer_ms = at(friday + 20 * WEEK, 9, 10, "America/New_York")
    rate, _ = expectation.per_second(summer_ms, unknown)
    assert rate[row] * 900 == pytest.approx(92)
    holiday_ms = at(CHRISTMAS, 9, 5, "America/New_York")
    for _ in range(8):
        expectation.learn(holiday_ms, np.zeros(len(names), dtype=np.int64), whole)
    assert np.isnan(expectation.per_second(holiday_ms, unknown)[0]).all()
    rate, spread = expectation.per_second(holiday_ms, np.full(len(names), 10.0))
    assert rate[row] * 900 == pytest.approx(10)
    assert spread[row] == 15.0
    assert expectation.per_second(summer_ms, unknown)[0][row] * 900 == pytest.approx(92)
    course = expectation.course(row, summer_ms // QUARTER_MS * QUARTER_MS, 2 * SLOTS)
    assert course[0] == course[SLOTS] == 92
    assert np.isnan(course).sum() == 2 * (SLOTS - 1)
