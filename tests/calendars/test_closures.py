"""A closure takes from a line's hours what the rule that binds the line does not ask for."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.calendars.required_hours import Closure, HoursRule, RequiredHours, calendar
from monitor.calendars.rules import MedicareHours, WeeklyHours
from monitor.core.calendar import Duty

ZONE = "America/New_York"
MEDICARE = HoursRule("cms", "", (MedicareHours(ZONE),))
ALWAYS = HoursRule("always", "")
OFFICE = HoursRule("days", "", (WeeklyHours(ZONE, (((9 * 60, 17 * 60),),) * 7),))
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def at(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1_000)


def duty(hours: RequiredHours, text: str) -> Duty:
    return calendar(hours).duty(at(text))


def closed(rule: HoursRule, floor: HoursRule | None, start: str, end: str) -> RequiredHours:
    return RequiredHours(rule, floor, (Closure(at(start), at(end), "why"),), (ZONE,))


# A weekday in summer, all of its hours on the wall of New York: 04:00 UTC to 04:00 UTC.
DAY = ("2026-07-15T04:00", "2026-07-16T04:00")


def test_no_closure_excuses_what_the_regulation_requires() -> None:
    hours = closed(MEDICARE, MEDICARE, *DAY)
    day_ms = (at(DAY[0]), at(DAY[1]))
    assert calendar(hours).required_spans(*day_ms) == [
        (at("2026-07-15T12:00"), at("2026-07-16T00:00"))
    ]


def test_hours_beyond_the_regulation_s_are_the_plan_s_to_close() -> None:
    hours = closed(ALWAYS, MEDICARE, *DAY)
    day_ms = (at(DAY[0]), at(DAY[1]))
    assert calendar(hours).required_spans(*day_ms) == [
        (at("2026-07-15T12:00"), at("2026-07-16T00:00"))
    ]
    assert duty(hours, "2026-07-15T05:00") is Duty.CLOSED
    assert duty(hours, "2026-07-15T03:59") is Duty.REQUIRED
    assert duty(hours, "2026-07-16T04:00") is Duty.REQUIRED


def test_a_day_that_may_be_closed_owes_the_return_of_messages() -> None:
    hours = closed(ALWAYS, MEDICARE, "2026-07-18T04:00", "2026-07-19T04:00")
    assert duty(hours, "2026-07-18T16:00") is Duty.PERMITTED
    assert duty(hours, "2026-07-18T05:00") is Duty.CLOSED


def test_a_closure_adds_no_hours() -> None:
    hours = closed(OFFICE, MEDICARE, *DAY)
    assert duty(hours, "2026-07-15T12:30") is Duty.CLOSED
    assert duty(hours, "2026-07-15T13:30") is Duty.REQUIRED


def test_where_no_rule_binds_a_closure_takes_all() -> None:
    hours = closed(OFFICE, None, *DAY)
    assert calendar(hours).required_spans(at(DAY[0]), at(DAY[1])) == []


def test_a_crisis_line_is_never_excused() -> None:
    hours = closed(ALWAYS, ALWAYS, *DAY)
    assert calendar(hours).required_ms(at(DAY[0]), at(DAY[1])) == 24 * HOUR_MS


def test_a_closure_may_run_over_the_end_of_a_year() -> None:
    hours = closed(ALWAYS, None, "2026-12-31T20:00", "2027-01-01T05:00")
    assert calendar(hours).next_change(at("2026-12-31T19:00")) == at("2026-12-31T20:00")
    assert calendar(hours).next_change(at("2026-12-31T20:00")) == at("2027-01-01T05:00")
    assert calendar(hours).last_open_before(at("2027-01-01T03:00")) == at("2026-12-31T20:00")


@pytest.mark.parametrize("rule", [MEDICARE, ALWAYS, OFFICE], ids=lambda rule: rule.name)
@pytest.mark.parametrize("floor", [MEDICARE, ALWAYS, None], ids=["cms", "always", "none"])
@settings(deadline=None, max_examples=25)
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 9 * 24 * 60), st.integers(1, 3 * 24 * 60)), min_size=1, max_size=5
    )
)
def test_every_minute_owes_the_lesser_of_rule_and_floor_within_closures(
    rule: HoursRule, floor: HoursRule | None, cuts: list[tuple[int, int]]
) -> None:
    start_ms = at("2026-12-27T00:00")
    closures = tuple(
        Closure(start_ms + first * MINUTE_MS, start_ms + (first + length) * MINUTE_MS, "why")
        for first, length in cuts
    )
    at_ms = start_ms + np.arange(-24 * 60, 13 * 24 * 60, dtype=np.int64) * MINUTE_MS
    owed = calendar(RequiredHours(rule)).duties(at_ms).tolist()
    bound = (
        [Duty.CLOSED] * len(owed)
        if floor is None
        else calendar(RequiredHours(floor)).duties(at_ms).tolist()
    )
    within = [
        any(closure.start_ms <= minute < closure.end_ms for closure in closures)
        for minute in at_ms.tolist()
    ]
    expected = [min(a, b) if shut else a for a, b, shut in zip(owed, bound, within, strict=True)]
    found = calendar(RequiredHours(rule, floor, closures)).duties(at_ms).tolist()
    assert found == expected


def test_equal_hours_are_one_calendar() -> None:
    assert calendar(closed(ALWAYS, MEDICARE, *DAY)) is calendar(closed(ALWAYS, MEDICARE, *DAY))
    assert calendar(closed(ALWAYS, MEDICARE, *DAY)) != calendar(RequiredHours(ALWAYS))
