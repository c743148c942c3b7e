"""The shipped standards are well-formed data, and the Medicare one says what the rule says."""

from datetime import date

import pytest

from monitor.core.fields import HOLD_EDGES_S
from monitor.core.presets import PRESETS
from monitor.core.standards import Formula, Measure, Standard

each_preset = pytest.mark.parametrize("standard", PRESETS.values(), ids=PRESETS.keys())


def test_the_medicare_preset_holds_the_three_limits_of_the_regulation() -> None:
    standard = PRESETS["cms-ma-partd"]
    hold, level, drops = standard.requirements
    assert (hold.measure, hold.limit) == (Measure.AVERAGE_HOLD, 120_000)
    assert (level.measure, level.limit) == (Measure.SERVICE_LEVEL, 800)
    assert (level.threshold_ms, level.formula) == (30_000, Formula.F3)
    assert (drops.measure, drops.limit) == (Measure.DISCONNECT_RATIO, 50)
    assert standard.effective == date(2022, 1, 1)
    for requirement, letter in zip(standard.requirements, "ABC", strict=True):
        assert requirement.clause == (
            f"42 CFR 422.111(h)(1)(ii)({letter}), 423.128(d)(1)(ii)({letter})"
        )


def test_every_preset_is_found_under_its_own_name() -> None:
    assert all(name == standard.id for name, standard in PRESETS.items())


@each_preset
def test_no_measure_is_limited_twice(standard: Standard) -> None:
    measures = [requirement.measure for requirement in standard.requirements]
    assert len(measures) == len(set(measures))


@each_preset
def test_every_limit_is_a_whole_number_that_can_be_met_and_missed(standard: Standard) -> None:
    for requirement in standard.requirements:
        assert isinstance(requirement.limit, int)
        if requirement.measure is Measure.AVERAGE_HOLD:
            assert 1_000 <= requirement.limit <= 600_000
        else:
            assert 0 < requirement.limit < 1_000


@each_preset
def test_only_a_service_level_has_a_threshold_and_the_histogram_has_an_edge_for_it(
    standard: Standard,
) -> None:
    for requirement in standard.requirements:
        is_level = requirement.measure is Measure.SERVICE_LEVEL
        assert (requirement.threshold_ms is not None) == is_level
        if requirement.threshold_ms is not None:
            # "Less than five seconds" is 4,999 ms: it shares the edge at five.
            assert -(-requirement.threshold_ms // 1_000) in HOLD_EDGES_S


@each_preset
def test_every_preset_tells_its_title_source_and_doubts(standard: Standard) -> None:
    assert standard.title
    assert standard.note
    assert all(requirement.clause for requirement in standard.requirements)
    if standard.id != "cms-ma-partd" and standard.requirements:
        assert "verify" in standard.note.lower()
