"""The formulas against worked examples, against each other, and at the edges of arithmetic."""

import math

import numpy as np
import pytest
from core.made_calls import LAWS
from hypothesis import given
from hypothesis import strategies as st

from monitor.core import fields, measures
from monitor.core.fields import FIELD_COUNT, FIELDS
from monitor.core.snapshot import IntArray
from monitor.core.standards import Formula, Measure
from monitor.core.verdict import passing

HUGE = 2**53


def counts(**given_: int) -> IntArray:
    """One row of counts; what is not named is 0."""
    row = np.zeros(FIELD_COUNT, dtype=np.int64)
    for name, value in given_.items():
        row[FIELDS.index(name)] = value
    return row


def level(formula: Formula, row: IntArray) -> float:
    return float(measures.ratio(*measures.service_level(formula, row)))


# 1000 answered, 860 of them in time; 60 abandoned: 20 in time, 40 later, 10 within 5 s.
EXAMPLE = counts(
    answered=1_000,
    answered_within=860,
    late=140 + 40,
    abandoned=60,
    abandoned_within=20,
    abandoned_short=10,
)
# 70 answered in time, 10 abandoned in time, 20 exceeded.
CISCO = counts(answered=90, answered_within=70, late=20, abandoned=10, abandoned_within=10)


@pytest.mark.parametrize(
    ("formula", "percent"),
    [
        (Formula.F1, 83.0),
        (Formula.F2, 86.0),
        (Formula.F3, 81.1),
        (Formula.F4, 82.7),
        (Formula.F5, 82.1),
        (Formula.F6, 81.9),
    ],
)
def test_each_formula_gives_its_figure_of_the_worked_example(
    formula: Formula, percent: float
) -> None:
    assert round(100 * level(formula, EXAMPLE), 1) == percent


@pytest.mark.parametrize(
    ("formula", "percent"), [(Formula.F1, 80.0), (Formula.F3, 70.0), (Formula.F4, 77.8)]
)
def test_one_set_of_calls_meets_eighty_percent_under_one_variant_only(
    formula: Formula, percent: float
) -> None:
    assert round(100 * level(formula, CISCO), 1) == percent


@pytest.mark.parametrize("formula", Formula)
def test_nothing_decided_is_no_number_and_no_zero(formula: Formula) -> None:
    assert math.isnan(level(formula, counts()))


def test_dequeued_and_disconnected_in_time_are_decided_and_missed() -> None:
    row = counts(answered_within=6, answered=6, dequeued_within=3, disconnected_within=1)
    assert level(Formula.F3, row) == level(Formula.F1, row) == level(Formula.F4, row) == 0.6


def test_answers_of_unknown_hold_are_in_no_average() -> None:
    row = counts(answered=5, answered_unmeasured=2, wait_ms_sum=90_000)
    assert [int(part) for part in measures.average_hold(row)] == [90_000, 3]
    nobody_known = counts(answered=2, answered_unmeasured=2)
    assert np.isnan(measures.ratio(*measures.average_hold(nobody_known)))


def test_hold_floor_counts_those_who_still_wait() -> None:
    rows = np.stack((counts(answered=2, wait_ms_sum=10_000), counts(), counts()))
    waiting, waited_ms = np.array([1, 4, 0]), np.array([50_000, 600_000, 0])
    floor = measures.ratio(*measures.hold_floor(rows, waiting, waited_ms))
    np.testing.assert_array_equal(floor, [20_000.0, 150_000.0, np.nan])


def test_ratio_keeps_its_shape_and_is_no_number_where_nothing_is_below() -> None:
    top, below = np.array([[1, 0], [3, 5]]), np.array([[2, 0], [4, 0]])
    np.testing.assert_array_equal(measures.ratio(top, below), [[0.5, np.nan], [0.75, np.nan]])


# -- laws -----------------------------------------------------------------------------------------


@st.composite
def rows(draw: st.DrawFn) -> IntArray:
    """Counts as calls can make them: parts are never more than what they are part of."""
    some = st.integers(0, 40)
    within, late = draw(some), draw(some)
    early = draw(some)
    # Every late call is answered late, left late, or still waits.
    answered_late = draw(st.integers(0, late))
    left_late = draw(st.integers(0, late - answered_late))
    disconnected = draw(some)
    return counts(
        answered=within + answered_late,
        answered_within=within,
        late=late,
        abandoned=early + left_late,
        abandoned_within=early,
        abandoned_short=draw(st.integers(0, early)),
        abandoned_suspicious=draw(st.integers(0, early + left_late)),
        dequeued_within=draw(some),
        disconnected_within=draw(st.integers(0, disconnected)),
        disconnected=disconnected,
        disconnected_evident=draw(st.integers(0, disconnected)),
        ended_unknown=draw(some),
        ended=disconnected + within + early + draw(some),
    )


@LAWS
@given(row=rows())
def test_the_letter_of_the_rule_is_the_strictest_of_all_variants(row: IntArray) -> None:
    strict, denominator = measures.service_level(Formula.F3, row)
    for other in Formula:
        lenient, below = measures.service_level(other, row)
        assert 0 <= lenient <= below
        if below:
            # F3 <= other, without a division.
            assert strict * below <= lenient * denominator


@LAWS
@given(row=rows())
def test_disconnects_are_a_band_from_low_to_high(row: IntArray) -> None:
    band, ended = measures.disconnects(row)
    assert band.shape == (3,)
    assert band[measures.LOW] <= band[measures.DEFAULT] <= band[measures.HIGH]
    assert band[measures.DEFAULT] == row[fields.DISCONNECTED]
    assert ended == row[fields.ENDED]


@LAWS
@given(some=st.lists(rows(), min_size=1, max_size=5))
def test_whole_arrays_are_measured_as_their_rows_are(some: list[IntArray]) -> None:
    stacked = np.stack(some)[np.newaxis]
    for formula in Formula:
        above, below = measures.service_level(formula, stacked)
        assert above.shape == below.shape == (1, len(some))
        for index, row in enumerate(some):
            pair = measures.service_level(formula, row)
            assert (above[0, index], below[0, index]) == pair
    band, ended = measures.disconnects(stacked)
    assert (band.shape, ended.shape) == ((3, 1, len(some)), (1, len(some)))


# -- limits ---------------------------------------------------------------------------------------


def keeps(measure: Measure, numerator: int, denominator: int, limit: int) -> bool:
    return bool(passing(measure, np.int64(numerator), np.int64(denominator), np.int64(limit)))


@pytest.mark.parametrize("calls", [5, 20, 1_000, 999_995, HUGE // 1_000 // 20 * 20])
def test_exactly_at_the_limit_passes_and_one_beyond_it_fails(calls: int) -> None:
    level_, drops = calls * 4 // 5, calls // 20 * 20
    assert keeps(Measure.SERVICE_LEVEL, level_, calls, 800)
    assert not keeps(Measure.SERVICE_LEVEL, level_ - 1, calls, 800)
    if drops:
        assert keeps(Measure.DISCONNECT_RATIO, drops // 20, drops, 50)
        assert not keeps(Measure.DISCONNECT_RATIO, drops // 20 + 1, drops, 50)
    assert keeps(Measure.AVERAGE_HOLD, calls * 120_000, calls, 120_000)
    assert not keeps(Measure.AVERAGE_HOLD, calls * 120_000 + 1, calls, 120_000)


@LAWS
@given(
    measure=st.sampled_from(Measure),
    numerator=st.integers(0, HUGE),
    denominator=st.integers(0, HUGE // 1_000),
    limit=st.integers(0, 1_000),
)
def test_no_rounding_decides_near_the_limit_of_a_float(
    measure: Measure, numerator: int, denominator: int, limit: int
) -> None:
    """Against Python's own integers, which have no limit."""
    for near in (numerator, denominator * limit, denominator * limit // 1_000):
        for above in (near - 1, near, near + 1):
            expected = {
                Measure.SERVICE_LEVEL: above * 1_000 >= denominator * limit,
                Measure.DISCONNECT_RATIO: above * 1_000 <= denominator * limit,
                Measure.AVERAGE_HOLD: above <= denominator * limit,
            }[measure]
            assert keeps(measure, above, denominator, limit) == expected


# -- the interval ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # As in R. G. Newcombe, Statistics in Medicine 17 (1998), table I, without continuity.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (9, 10, 0.5958, 0.9821),
    ],
)
def test_the_interval_has_its_published_values(
    successes: int, trials: int, low: float, high: float
) -> None:
    assert measures.wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


@LAWS
@given(trials=st.integers(1, 10**7), data=st.data())
def test_the_ends_of_the_interval_are_where_the_score_test_just_does_not_reject(
    trials: int, data: st.DataObject
) -> None:
    successes = data.draw(st.integers(0, trials))
    found = measures.wilson_interval(successes, trials)
    assert found is not None
    share = successes / trials
    assert 0.0 <= found[0] <= share + 1e-12
    assert share - 1e-12 <= found[1] <= 1.0
    for end in found:
        if 1e-9 < end < 1 - 1e-9:
            score = (share - end) / math.sqrt(end * (1 - end) / trials)
            assert abs(score) == pytest.approx(1.959964, rel=1e-3)


@pytest.mark.parametrize("trials", [0, -1])
def test_without_trials_there_is_no_interval(trials: int) -> None:
    assert measures.wilson_interval(0, trials) is None
