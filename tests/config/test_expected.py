"""What the file says of a usual week reaches the plan, quarter-hour by quarter-hour."""

import math
from dataclasses import replace

import numpy as np
from core.made_calls import LAWS, watched_plan
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.expected import Expected, overlaps, week_of
from monitor.config.hours import DAYS, parse
from monitor.core.engine import Engine

MINUTES = 7 * 24 * 60

spans = st.tuples(st.integers(0, 1_438), st.integers(1, 1_439)).filter(lambda one: one[0] < one[1])
# In and about one quarter of an hour.
nearby = st.tuples(st.integers(480, 500), st.integers(1, 9)).map(lambda one: (one[0], sum(one)))
parts = st.lists(
    st.tuples(st.sampled_from(DAYS[:2]), spans | nearby, st.integers(0, 900)),
    min_size=1,
    max_size=5,
)


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def made(day: str, span: tuple[int, int], calls: float) -> Expected:
    hours = parse({day: f"{clock(span[0])}-{clock(span[1])}"})
    return Expected(hours=hours, calls_per_hour=calls)


@LAWS
@given(parts=parts)
def test_each_quarter_has_the_mean_rate_of_its_minutes_that_are_told(
    parts: list[tuple[str, tuple[int, int], int]],
) -> None:
    rates: list[float | None] = [None] * MINUTES
    expected: list[Expected] = []
    for day, (start, end), calls in parts:
        minutes = range(DAYS.index(day) * 1_440 + start, DAYS.index(day) * 1_440 + end)
        one = made(day, (start, end), calls)
        is_apart = all(rates[minute] is None for minute in minutes)
        assert is_apart == (
            not any(at == len(expected) for (at, _), _ in overlaps([*expected, one]))
        )
        if is_apart:
            expected.append(one)
            for minute in minutes:
                rates[minute] = calls
    for quarter, found in enumerate(week_of(expected)):
        told = [rate for rate in rates[quarter * 15 : quarter * 15 + 15] if rate is not None]
        if told:
            assert math.isclose(found, sum(told) / len(told) / 4, abs_tol=1e-9)
        else:
            assert math.isnan(found)


def test_who_says_nothing_expects_nothing() -> None:
    assert week_of(()) == ()


def test_a_contract_expects_what_its_lines_do_if_all_of_them_say_it() -> None:
    plan = watched_plan()
    week = week_of([Expected(hours=parse("always"), calls_per_hour=120.0)])
    told = tuple(
        replace(
            contract,
            lines=tuple(
                replace(line, expected_calls=week if contract.id == "H1" or at else ())
                for at, line in enumerate(contract.lines)
            ),
        )
        for contract in plan.contracts
    )
    engine = Engine(replace(plan, contracts=told))
    watch = engine.watch
    assert watch is not None
    nobody = np.full(len(watch.names), np.nan)
    rate, spread = watch.expectation.per_second(1_760_000_040_000, nobody)
    found = dict(zip(watch.names, (rate * 3_600).tolist(), strict=True))
    lines = len(plan.contracts[0].lines)
    assert found["line/H1/members"] == 120
    is_shared = any(line.shared for line in plan.contracts[0].lines)
    assert is_shared or found["contract/H1"] == 120 * lines
    assert math.isnan(found["contract/S2"])
    assert math.isnan(found["organization"])
    assert (spread == 5.0).all()
