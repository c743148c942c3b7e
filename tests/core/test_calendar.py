"""A calendar answers every question as a walk over its stretches, one by one, does."""

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.calendar import (
    ALWAYS,
    FIRST_YEAR,
    LAST_YEAR,
    Calendar,
    Duty,
    Stretches,
    year_bounds_ms,
)

MINUTE_MS = 60_000
YEARS = (2023, 2024, 2025)
FROM_MS, TO_MS = year_bounds_ms(YEARS[0])[0], year_bounds_ms(YEARS[-1])[1]

# Where each duty begins, from the beginning of 2023; elsewhere nothing is owed.
changes = st.dictionaries(
    st.integers(0, (TO_MS - FROM_MS) // MINUTE_MS - 1).map(lambda m: FROM_MS + m * MINUTE_MS),
    st.sampled_from(Duty),
    max_size=12,
).map(lambda found: sorted(found.items()))
instants = st.integers(FROM_MS, TO_MS - 1)


def walked(found: list[tuple[int, Duty]], at_ms: int) -> Duty:
    """The duty at an instant, by going through all changes."""
    duty = Duty.CLOSED
    for start_ms, begun in found:
        if start_ms <= at_ms < TO_MS:
            duty = begun
    return duty if at_ms < TO_MS else Duty.CLOSED


def calendar_of(found: list[tuple[int, Duty]]) -> Calendar:
    def source(year: int) -> Stretches:
        start_ms, end_ms = year_bounds_ms(year)
        starts_ms, duties = [start_ms], [walked(found, start_ms)]
        for at_ms, duty in found:
            if start_ms < at_ms < end_ms and duty is not duties[-1]:
                starts_ms.append(at_ms)
                duties.append(duty)
        return Stretches(np.array(starts_ms, np.int64), np.array(duties, np.int8))

    return Calendar(source)


def stretched(found: list[tuple[int, Duty]], from_ms: int, to_ms: int) -> list[tuple[int, int]]:
    """The required spans of [from_ms, to_ms), by going through all changes."""
    edges = [from_ms, *(at for at, _ in found if from_ms < at < to_ms), to_ms]
    spans: list[tuple[int, int]] = []
    for start_ms, end_ms in pairwise(edges):
        if start_ms >= end_ms or walked(found, start_ms) is not Duty.REQUIRED:
            continue
        if spans and spans[-1][1] == start_ms:
            spans[-1] = (spans[-1][0], end_ms)
        else:
            spans.append((start_ms, end_ms))
    return spans


@settings(deadline=None)
@given(found=changes, picked=st.lists(instants, min_size=1, max_size=20))
def test_the_duty_of_an_instant_is_that_of_the_last_change_before_it(
    found: list[tuple[int, Duty]], picked: list[int]
) -> None:
    calendar = calendar_of(found)
    edges = [at + shift for at, _ in found for shift in (-1, 0, 1) if at + shift >= FROM_MS]
    asked = picked + edges
    expected = [walked(found, at) for at in asked]
    assert [calendar.duty(at) for at in asked] == expected
    assert calendar.duties(np.array(asked, np.int64)).tolist() == expected
    assert [calendar.is_required(at) for at in asked] == [one is Duty.REQUIRED for one in expected]


@settings(deadline=None)
@given(found=changes, first=instants, second=instants)
def test_spans_and_open_time_agree_with_a_walk(
    found: list[tuple[int, Duty]], first: int, second: int
) -> None:
    calendar = calendar_of(found)
    from_ms, to_ms = min(first, second), max(first, second)
    expected = stretched(found, from_ms, to_ms)
    assert calendar.required_spans(from_ms, to_ms) == expected
    assert calendar.required_ms(from_ms, to_ms) == sum(end - start for start, end in expected)
    assert calendar.required_ms(to_ms, from_ms) == 0
    middle_ms = (from_ms + to_ms) // 2
    assert calendar.required_ms(from_ms, to_ms) == (
        calendar.required_ms(from_ms, middle_ms) + calendar.required_ms(middle_ms, to_ms)
    )


@settings(deadline=None)
@given(found=changes, after_ms=instants)
def test_nothing_changes_before_the_next_change_and_something_at_it(
    found: list[tuple[int, Duty]], after_ms: int
) -> None:
    calendar = calendar_of(found)
    duty = walked(found, after_ms)
    later = [at for at, _ in found if at > after_ms] + [TO_MS]
    expected = next((at for at in later if walked(found, at) is not duty), None)
    assert calendar.next_change(after_ms) == expected


@settings(deadline=None)
@given(found=changes, deadline_ms=st.integers(FROM_MS + 1, TO_MS))
def test_the_effective_deadline_ends_the_last_required_time_before_it(
    found: list[tuple[int, Duty]], deadline_ms: int
) -> None:
    spans = stretched(found, FROM_MS, deadline_ms)
    expected = spans[-1][1] if spans else None
    assert calendar_of(found).last_open_before(deadline_ms) == expected


def test_a_line_that_is_always_open_never_changes() -> None:
    now_ms = int(datetime(2026, 5, 1, tzinfo=UTC).timestamp() * 1_000)
    assert ALWAYS.is_required(now_ms)
    assert ALWAYS.next_change(now_ms) is None
    assert ALWAYS.required_ms(0, now_ms) == now_ms
    assert ALWAYS.required_spans(0, now_ms) == [(0, now_ms)]
    assert ALWAYS.last_open_before(now_ms) == now_ms


def test_a_line_that_is_never_open_has_no_last_open_time() -> None:
    never = calendar_of([])
    assert never.last_open_before(FROM_MS) is None
    assert never.next_change(FROM_MS) is None


def test_each_year_is_asked_for_once_and_only_when_needed() -> None:
    asked: list[int] = []

    def source(year: int) -> Stretches:
        asked.append(year)
        start_ms, _ = year_bounds_ms(year)
        return Stretches(np.array([start_ms], np.int64), np.array([year % 2 * 2], np.int8))

    calendar = Calendar(source)
    for at_ms in range(FROM_MS, TO_MS, 30 * 24 * 60 * MINUTE_MS):
        calendar.is_required(at_ms)
        calendar.duties(np.array([at_ms], np.int64))
    assert asked == list(YEARS)


def test_the_years_reach_from_the_first_to_the_last() -> None:
    assert year_bounds_ms(FIRST_YEAR)[0] == 0
    assert year_bounds_ms(LAST_YEAR)[1] == datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp() * (
        1_000
    )


def test_duties_are_told_in_words() -> None:
    assert [duty.word for duty in Duty] == ["closed", "permitted-alternative", "required"]
