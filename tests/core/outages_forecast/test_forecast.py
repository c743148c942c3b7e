"""The forecast of a restoration keeps its laws on any course; without one, it is climatology."""

import ast
import math
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.outages.erlang import agents_needed
from monitor.core.outages.forecast import SUREST, Forecast, forecast
from monitor.core.outages.forecast_course import (
    HORIZON_MS,
    QUARTER_MS,
    UNKNOWN,
    Course,
    Ordinary,
    Samples,
)
from monitor.core.outages.forecast_prior import (
    PRIOR_MEDIAN_MS,
    PRIOR_SHAPE,
    Climatology,
)

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
ONSET_MS = 20_000 * DAY_MS + 9 * HOUR_MS
DAYS = tuple(
    (20_000 * DAY_MS + day * DAY_MS + 8 * HOUR_MS, 20_000 * DAY_MS + day * DAY_MS + 20 * HOUR_MS)
    for day in range(16)
)
QUARTERS = 16 * 96


def course(
    *,
    age_min: int = 600,
    share: float = 0.3,
    end_share: float | None = None,
    calls: float = 10.0,
    usual: int = 50,
    work: float = 1.0,
    lines: float = 1.0,
    **changes: Any,  # noqa: ANN401 (fields of a course)
) -> Course:
    """A center of so many agents and calls a minute that has lost some of them; no noise."""
    minutes = np.arange(1, age_min + 1)
    shares = np.linspace(share, share if end_share is None else end_share, age_min)
    agents = np.round(usual * shares).astype(np.int64)
    offered = np.full(age_min, round(calls), np.int64)
    answered = np.minimum(offered, agents * work / 5).astype(np.int64)
    waits = answered < offered
    made = Course(
        at_ms=ONSET_MS + age_min * MINUTE_MS,
        onset_ms=ONSET_MS,
        deadline_ms=ONSET_MS + 72 * HOUR_MS,
        samples=Samples(
            at_ms=ONSET_MS + minutes * MINUTE_MS,
            offered=offered,
            answered=answered,
            abandoned=offered - answered,
            waiting=np.where(waits, 20, 0),
            hold_floor_ms=np.where(waits, 400_000, 10_000),
            agents=agents,
            lines_back=np.full(age_min, lines),
        ),
        ordinary=Ordinary(
            start_ms=20_000 * DAY_MS,
            calls=np.full(QUARTERS, calls * 15),
            spread=np.full(QUARTERS, 0.1),
            agents=np.full(QUARTERS, float(usual)),
        ),
        handle_ms=300_000,
        patience_ms=180_000,
        open_spans=DAYS,
    )
    return replace(made, **changes)


def with_samples(given: Course, **changes: Any) -> Course:  # noqa: ANN401 (fields of the samples)
    return replace(given, samples=replace(given.samples, **changes))


def unknown(age_min: int, **changes: Any) -> Course:  # noqa: ANN401 (fields of a course)
    return course(
        age_min=age_min,
        **{"samples": Samples.none(), "ordinary": Ordinary.unknown(), "open_spans": (), **changes},
    )


def sure(said: Forecast) -> list[float]:
    return [math.inf if one is None else one for one in (said.p10_ms, said.p50_ms, said.p90_ms)]


# -- any course -----------------------------------------------------------------------------------


@st.composite
def courses(draw: st.DrawFn) -> Course:
    """Anything that the types allow, the odd and the impossible included."""
    age_min = draw(st.integers(0, 80 * 60))
    seen = draw(st.integers(0, min(age_min, 200)))
    count = st.one_of(st.just(0), st.integers(0, 60), st.integers(0, 10**6))

    def column(values: st.SearchStrategy[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
        # A few values, each for a while.
        few = draw(st.lists(values, min_size=1, max_size=4))
        return np.resize(np.repeat(np.array(few, np.int64), 17), seen)

    lines = draw(st.lists(st.one_of(st.just(math.nan), st.floats(0, 1)), min_size=1, max_size=3))
    quarter = st.one_of(st.just(math.nan), st.just(0.0), st.floats(0, 5_000))
    usual = draw(st.lists(quarter, min_size=1, max_size=5))
    calls = draw(st.lists(quarter, min_size=1, max_size=5))
    quarters = draw(st.sampled_from([0, 7, QUARTERS]))
    is_well = draw(st.booleans()) and age_min > 0
    at_ms = ONSET_MS + age_min * MINUTE_MS
    ends_ms = at_ms - np.arange(seen - 1, -1, -1) * MINUTE_MS
    return Course(
        at_ms=at_ms,
        onset_ms=ONSET_MS,
        deadline_ms=ONSET_MS + draw(st.sampled_from([1, 24, 72])) * HOUR_MS,
        samples=Samples(
            at_ms=ends_ms,
            offered=column(count),
            answered=column(count),
            abandoned=column(count),
            waiting=column(count),
            hold_floor_ms=column(st.integers(-1, 10**9)),
            agents=column(st.integers(-1, 10**4)),
            lines_back=np.resize(np.array(lines), seen),
        ),
        ordinary=Ordinary(
            start_ms=20_000 * DAY_MS,
            calls=np.resize(np.array(calls), quarters),
            spread=np.full(quarters, math.nan),
            agents=np.resize(np.array(usual), quarters),
        ),
        handle_ms=draw(st.sampled_from([1_000.0, 300_000.0, 7_200_000.0])),
        patience_ms=draw(st.sampled_from([1_000.0, 180_000.0, 1e9])),
        open_spans=draw(
            st.sampled_from([(), DAYS, DAYS[:2], ((ONSET_MS, ONSET_MS + 30 * DAY_MS),)])
        ),
        past_ms=tuple(draw(st.lists(st.integers(1, 10**10), max_size=5))),
        well_since_ms=at_ms - draw(st.integers(0, age_min)) * MINUTE_MS if is_well else UNKNOWN,
        well_ms=draw(st.integers(0, 2 * HOUR_MS)) if is_well else 0,
        relapses=draw(st.integers(0, 50)),
    )


@settings(max_examples=120, deadline=None)
@given(courses())
def test_any_course_has_a_forecast_that_can_be_true(given: Course) -> None:
    said = forecast(given)
    assert SUREST <= said.miss_probability <= 1 - SUREST
    assert 0 < said.climatology < 1
    assert sure(said) == sorted(sure(said))
    spans = given.open_spans or ((given.at_ms, given.at_ms + HORIZON_MS),)
    for instant in (said.p10_ms, said.p50_ms, said.p90_ms):
        assert instant is None or instant == given.well_since_ms or instant >= given.at_ms
        if instant is not None and instant != given.well_since_ms:
            assert any(start <= instant <= end for start, end in spans)
    for needed in (said.needed, said.latest):
        if needed is not None:
            assert needed.agents >= 0
            assert given.at_ms < needed.from_ms < needed.restored_ms <= given.deadline_ms
            assert needed.miss_probability <= said.miss_probability
    assert all(-1 <= driver.effect <= 1 for driver in said.drivers)
    assert all(math.isfinite(x) for driver in said.drivers for x in driver.figures.values())
    assert forecast(given) == said


@settings(max_examples=60, deadline=None)
@given(courses(), st.integers(1, 15), st.integers(1, 2_000))
def test_agents_who_come_never_make_it_less_likely(given: Course, last: int, more: int) -> None:
    agents = given.samples.agents.copy()
    known = agents[-last:] != UNKNOWN
    agents[-last:][known] += more
    before, after = forecast(given), forecast(with_samples(given, agents=agents))
    assert after.miss_probability <= before.miss_probability + 1e-12
    assert all(a <= b + 1 for a, b in zip(sure(after), sure(before), strict=True))


@settings(max_examples=60, deadline=None)
@given(courses(), st.floats(0, 1))
def test_lines_that_work_again_now_never_make_it_less_likely(given: Course, part: float) -> None:
    # Only now: lines that had worked before would be another outage, with another trend.
    lines = given.samples.lines_back.copy()
    lines[-1:] += (1 - lines[-1:]) * part
    before, after = forecast(given), forecast(with_samples(given, lines_back=lines))
    assert after.miss_probability <= before.miss_probability + 1e-12
    assert all(a <= b + 1 for a, b in zip(sure(after), sure(before), strict=True))


@settings(max_examples=40, deadline=None)
@given(courses(), st.integers(1, 100))
def test_a_later_deadline_is_not_missed_more_often(given: Course, hours: int) -> None:
    later = replace(given, deadline_ms=given.deadline_ms + hours * HOUR_MS)
    assert forecast(later).miss_probability <= forecast(given).miss_probability + 1e-9


# -- what it rests on -----------------------------------------------------------------------------


@pytest.mark.parametrize("age_min", [0, 5, 600, 4_000])
def test_with_nothing_known_it_is_the_climatology_of_what_has_lasted_so_long(age_min: int) -> None:
    def lasting(age_ms: float) -> float:
        return 1 / (1 + math.pow(max(age_ms, 1) / PRIOR_MEDIAN_MS, PRIOR_SHAPE))

    said = forecast(unknown(age_min))
    left = lasting(age_min * MINUTE_MS)
    assert said.miss_probability == pytest.approx(lasting(72 * HOUR_MS) / left, rel=1e-6)
    assert said.miss_probability == said.climatology
    assert said.p50_ms is not None
    assert lasting(said.p50_ms - ONSET_MS) / left == pytest.approx(0.5, abs=0.002)
    assert said.needed is None
    assert said.drivers == ()


def test_what_falls_into_closed_hours_shows_when_they_are_over() -> None:
    # The deadline lies in open time, so what counts until then is the same.
    always, by_day = forecast(unknown(60)), forecast(unknown(60, open_spans=DAYS))
    assert by_day.miss_probability == pytest.approx(always.miss_probability, rel=1e-9)
    closed = replace(unknown(60), open_spans=((ONSET_MS + 80 * HOUR_MS, ONSET_MS + 99 * HOUR_MS),))
    said = forecast(closed)
    assert said.miss_probability == 1 - SUREST
    assert said.p10_ms is not None
    assert said.p10_ms >= ONSET_MS + 80 * HOUR_MS


def test_earlier_restorations_are_believed_the_more_there_are() -> None:
    quick = [forecast(unknown(60, past_ms=(5 * HOUR_MS,) * n)).miss_probability for n in (0, 5, 99)]
    assert quick == sorted(quick, reverse=True)
    slow = [forecast(unknown(60, past_ms=(99 * HOUR_MS,) * n)).miss_probability for n in (0, 5, 99)]
    assert slow == sorted(slow)


@given(st.lists(st.integers(1, 10**10), max_size=300))
def test_the_climatology_is_a_law(past_ms: list[int]) -> None:
    hazard = Climatology(tuple(past_ms)).hazard(np.geomspace(1, 1e12, 60))
    assert np.isfinite(hazard).all()
    assert (hazard >= 0).all()
    assert (np.diff(hazard) >= 0).all()


def test_after_the_deadline_it_is_missed_unless_the_good_period_began_before() -> None:
    late = course(age_min=73 * 60)
    assert forecast(late).miss_probability == 1 - SUREST
    assert forecast(late).needed is None
    well = course(age_min=73 * 60, share=1.0, well_ms=50 * MINUTE_MS)
    in_time = replace(well, well_since_ms=late.deadline_ms - MINUTE_MS)
    too_late = replace(well, well_since_ms=late.deadline_ms + MINUTE_MS)
    assert forecast(in_time).miss_probability < 0.5
    assert forecast(too_late).miss_probability == 1 - SUREST


def test_the_longer_it_is_well_the_more_likely_it_stays_so() -> None:
    def said(minutes: int) -> Forecast:
        since_ms = ONSET_MS + (600 - minutes) * MINUTE_MS
        return forecast(course(share=1.0, well_since_ms=since_ms, well_ms=minutes * MINUTE_MS))

    misses = [said(minutes).miss_probability for minutes in (1, 15, 30, 45, 59)]
    assert misses == sorted(misses, reverse=True)
    # The restoration is dated to the start of the good period.
    assert said(59).p50_ms == ONSET_MS + 541 * MINUTE_MS


def test_agents_on_their_way_back_bring_it_forward() -> None:
    gone, halved, returning = (
        forecast(course(age_min=1_800, share=0.2, end_share=end)) for end in (0.2, 0.5, 0.9)
    )
    assert gone.miss_probability > halved.miss_probability > returning.miss_probability
    assert gone.p50_ms is not None
    assert returning.p50_ms is not None
    assert returning.p50_ms < gone.p50_ms
    names = {driver.name: driver.effect for driver in returning.drivers}
    assert names["agents"] < 0


def test_a_surge_of_calls_makes_it_less_likely() -> None:
    calm = course(age_min=1_200, share=0.95)
    surge = with_samples(calm, offered=calm.samples.offered * 2)
    assert forecast(surge).miss_probability > forecast(calm).miss_probability


# -- what is needed -------------------------------------------------------------------------------


def test_needed_agents_are_what_erlang_a_lacks() -> None:
    # 10 calls a minute, 300 s each: flat all day, and 20 of 50 agents are there and stay.
    given = course(share=0.4)
    given = with_samples(given, waiting=np.zeros_like(given.samples.waiting))
    said = forecast(given)
    whole = int(agents_needed(10 / MINUTE_MS, 300_000, 180_000))
    assert said.needed is not None
    # The straight line between two rates of the table is at most two agents off.
    assert said.needed.agents == pytest.approx(whole - 20, abs=2)
    assert said.needed.from_ms % QUARTER_MS == 0
    assert said.needed.from_ms - given.at_ms >= 30 * MINUTE_MS
    assert said.needed.miss_probability < said.miss_probability
    assert said.latest is not None
    assert said.latest.agents <= said.needed.agents
    assert said.latest.from_ms >= said.needed.from_ms


def test_callers_who_wait_take_agents_of_their_own() -> None:
    given = course(share=0.4)
    few, many = (
        forecast(with_samples(given, waiting=np.full_like(given.samples.waiting, waiting))).needed
        for waiting in (6, 60)
    )
    assert few is not None
    assert many is not None
    # 54 callers more, 300 s each, within half an hour: nine agents.
    assert many.agents - few.agents == 9


def test_more_agents_are_not_the_answer_where_agents_are_there() -> None:
    said = forecast(course(share=1.0, work=0.1, lines=0.0))
    assert said.needed is None
    assert said.latest is None


def test_enough_agents_on_their_way_need_no_more() -> None:
    said = forecast(course(age_min=700, share=0.1, end_share=1.0))
    assert said.latest is not None
    assert said.latest.agents == 0


# -- what it costs --------------------------------------------------------------------------------


def test_a_forecast_of_ten_days_costs_less_than_a_million_steps_of_python() -> None:
    given = course(age_min=10 * 24 * 60, deadline_ms=ONSET_MS + 20 * DAY_MS)

    def steps() -> float:
        begun = process_time()
        total = 0
        for number in range(1_000_000):
            total += number & 7
        return process_time() - begun

    def ours(turn: int) -> float:
        # Other mean times each turn, so that no table of before serves.
        fresh = replace(given, handle_ms=300_000.0 + turn)
        begun = process_time()
        forecast(fresh)
        return process_time() - begun

    turns = [(ours(turn), steps()) for turn in range(7)]
    assert min(one for one, _ in turns) < 1.5 * min(other for _, other in turns)


# -- how it is judged -----------------------------------------------------------------------------


def test_what_makes_the_outages_to_judge_by_knows_nothing_of_the_forecast() -> None:
    folder = Path(__file__).parents[2] / "benchmarks"
    imported = set()
    for name in ("outage_courses.py", "outage_ranges.py"):
        for node in ast.walk(ast.parse((folder / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    assert "numpy" in imported
    assert not [one for one in imported if one.split(".")[0] == "monitor"]
