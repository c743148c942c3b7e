"""What the signals of an outage say, and how often chance alone makes them say it."""

import math
from typing import Any

import numpy as np
import pytest
from core.outages_book.made_facts import T0, make_facts

from monitor.core import fields
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.facts import Facts
from monitor.core.outages.signals import SignalKind, Signals
from monitor.core.plan import HOUR_MS, MINUTE_MS

OPEN_S_A_YEAR = 365 * 12 * 3600
NOBODY = SignalKind.NO_ANSWER
SILENCE = SignalKind.SILENCE


def hostile(at_ms: int, **given: Any) -> Facts:  # noqa: ANN401 (attributes of facts)
    """Everything is wrong at once: nobody is answered, calls are cut off, no call comes."""
    rows = 1
    facts = make_facts(
        at_ms,
        rows,
        **{
            "waiting": np.array([50]),
            "waited_ms": np.array([50 * 600_000]),
            "longest_wait_ms": np.array([600_000]),
            "last_answered_ms": np.array([T0 - HOUR_MS]),
            "last_offered_ms": np.array([T0 - HOUR_MS]),
            "expected_per_s": np.array([0.1]),
            "spread": np.array([50.0]),
            "staffed": np.array([0]),
            "burst": np.array([20]),
            **given,
        },
    )
    for counts in (facts.last_minute, facts.five_minutes, facts.quarter, facts.hour):
        counts[:, fields.LATE] = counts[:, fields.DISCONNECTED] = counts[:, fields.ENDED] = 60
    return facts


def no(**given: bool) -> dict[str, Any]:
    return {name: np.array([value]) for name, value in given.items()}


def test_all_that_is_wrong_is_told_when_it_is_seen_and_open() -> None:
    signals = Signals(ContinuityPlan(), 1)
    signals.update(hostile(T0, staffed=np.array([40])))
    for second in range(1, 400):
        signals.update(hostile(T0 + second * 1_000))
    assert signals.is_active.all()


@pytest.mark.parametrize("blind", [no(is_seen=False), no(is_open=False)])
def test_nothing_is_told_of_what_is_not_seen_or_not_open(blind: dict[str, Any]) -> None:
    signals = Signals(ContinuityPlan(), 1)
    signals.update(hostile(T0, staffed=np.array([40]), **blind))
    for second in range(1, 4_000):
        signals.update(hostile(T0 + second * 1_000, **blind))
        assert not signals.is_active.any()
        assert (signals.since_ms < 0).all()


def test_what_was_told_stands_while_nothing_is_seen() -> None:
    signals = Signals(ContinuityPlan(), 1)
    for second in range(400):
        signals.update(hostile(T0 + second * 1_000))
    before = {name: array.copy() for name, array in signals.state().items()}
    for second in range(400, 800):
        facts = make_facts(T0 + second * 1_000, 1, **no(is_seen=False))
        signals.update(facts)
    assert (signals.is_active == before["is_active"]).all()
    assert (signals.onset_ms == before["onset_ms"]).all()
    assert (signals.since_ms == before["since_ms"]).all()


def silent(at_ms: int, *, is_beating: bool) -> Facts:
    return make_facts(
        at_ms,
        1,
        last_offered_ms=np.array([T0]),
        last_answered_ms=np.array([T0]),
        expected_per_s=np.array([0.2]),
        spread=np.array([50.0]),
        **no(is_beating=is_beating),
    )


def test_silence_is_told_of_a_source_with_heartbeats_only() -> None:
    found = {}
    for is_beating in (True, False):
        signals = Signals(ContinuityPlan(), 1)
        active = []
        for second in range(1, 1_800):
            signals.update(silent(T0 + second * 1_000, is_beating=is_beating))
            active.append(bool(signals.is_active[SILENCE, 0]))
        found[is_beating] = active
        if is_beating:
            assert signals.onset_ms[SILENCE, 0] == T0  # when the last call came
    assert not any(found[False])
    assert found[True][-1]
    assert not any(found[True][:59])


@pytest.mark.parametrize("per_s", [0.02, 0.1, 0.5])
def test_chance_feigns_no_more_stops_of_answers_than_is_allowed(per_s: float) -> None:
    # Answers come as a Poisson process while callers wait all the time.
    seed, rows, seconds = 20_260_302, 600, 3_600
    a_year = 3_000.0
    # The clamp below half a minute must not be what decides here.
    assert math.log(per_s * OPEN_S_A_YEAR / a_year) / per_s >= 10.0
    plan = ContinuityPlan(false_per_year=a_year)
    print(f"seed {seed}, {per_s} answers a second")  # noqa: T201 (how to repeat it)
    chance = np.random.default_rng(seed)
    signals = Signals(plan, rows)
    answered_ms, answers = np.full(rows, T0), np.zeros(rows, dtype=np.int64)
    false, before = 0, np.zeros(rows, dtype=np.bool_)
    for second in range(1, seconds + 1):
        at_ms = T0 + second * 1_000
        comes = chance.random(rows) < 1 - math.exp(-per_s)
        answered_ms, answers = np.where(comes, at_ms, answered_ms), answers + comes
        facts = make_facts(
            at_ms,
            rows,
            waiting=np.full(rows, 20),
            longest_wait_ms=np.full(rows, 60_000),
            waited_ms=np.full(rows, 20 * 30_000),
            last_answered_ms=answered_ms,
        )
        facts.quarter[:, fields.ANSWERED] = round(per_s * 900)
        facts.hour[:, fields.ANSWERED] = round(per_s * 3600)
        facts.lifetime[:, fields.ANSWERED] = answers
        signals.update(facts)
        active = signals.is_active[NOBODY]
        false += int((active & ~before).sum())
        before = active.copy()
    allowed = a_year * rows * seconds / OPEN_S_A_YEAR
    # Whole seconds make the signal wait a little longer than it has to; never less.
    assert false <= allowed + 4 * math.sqrt(allowed)
    if per_s * 30 < math.log(per_s * OPEN_S_A_YEAR / a_year):
        assert false >= 0.4 * allowed - 4 * math.sqrt(allowed)


@pytest.mark.parametrize("per_s", [0.05, 0.2])
def test_chance_feigns_no_more_silence_than_is_allowed(per_s: float) -> None:
    seed, rows, seconds = 20_260_303, 600, 3_600
    a_year = 3_000.0
    print(f"seed {seed}, {per_s} calls a second")  # noqa: T201 (how to repeat it)
    chance = np.random.default_rng(seed)
    signals = Signals(ContinuityPlan(false_per_year=a_year), rows)
    offered_ms = np.full(rows, T0)
    false, before = 0, np.zeros(rows, dtype=np.bool_)
    for second in range(1, seconds + 1):
        at_ms = T0 + second * 1_000
        offered_ms = np.where(chance.random(rows) < 1 - math.exp(-per_s), at_ms, offered_ms)
        signals.update(
            make_facts(
                at_ms,
                rows,
                last_offered_ms=offered_ms,
                expected_per_s=np.full(rows, per_s),
                spread=np.full(rows, 50.0),
            )
        )
        active = signals.is_active[SILENCE]
        false += int((active & ~before).sum())
        before = active.copy()
    allowed = a_year * rows * seconds / OPEN_S_A_YEAR
    assert false <= allowed + 4 * math.sqrt(allowed)


def well(at_ms: int, answered: int = 30) -> Facts:
    facts = make_facts(at_ms, 1, last_answered_ms=np.array([at_ms]))
    for counts in (facts.five_minutes, facts.quarter, facts.hour):
        counts[:, fields.ANSWERED] = counts[:, fields.ANSWERED_WITHIN] = answered
    return facts


def test_it_is_not_well_before_the_last_that_was_wrong() -> None:
    signals = Signals(ContinuityPlan(), 1)
    # Long ago callers were answered late; then all was well.
    late = well(T0)
    for counts in (late.last_minute, late.five_minutes):
        counts[:, fields.LATE] = counts[:, fields.ANSWERED_WITHIN] = 20
    signals.update(late)
    for second in range(1, 1_200):
        signals.update(well(T0 + second * 1_000))
    assert 0 <= signals.well_since_ms[0] < T0 + MINUTE_MS
    # Now calls are cut off for a while, answered in time as they are.
    for second in range(1_200, 1_500):
        cut = well(T0 + second * 1_000)
        for counts in (cut.last_minute, cut.five_minutes):
            counts[:, fields.DISCONNECTED] = counts[:, fields.ENDED] = 20
        cut.lifetime[:, fields.DISCONNECTED] = second
        signals.update(cut)
    assert signals.is_active[SignalKind.DROPS, 0]
    assert signals.well_since_ms[0] == -1
    for second in range(1_500, 1_600):
        signals.update(well(T0 + second * 1_000))
    assert T0 + 1_499_000 <= signals.well_since_ms[0] <= T0 + 1_500_000


def test_a_share_of_calls_that_are_cut_off_that_wavers_is_one_signal() -> None:
    """It ends when the last quarter of an hour was well, and is dated to the last call cut off."""
    signals, told, counted = Signals(ContinuityPlan(), 1), [], 0
    for second in range(2_400):
        facts, is_cutting = well(T0 + second * 1_000), second < 1_200
        # Every other minute nine of thirty, or five; over fifteen minutes seven.
        share = (9 if second // 60 % 2 else 5) if is_cutting else 0
        for counts, cut in ((facts.five_minutes, share), (facts.last_minute, share)):
            counts[:, fields.DISCONNECTED], counts[:, fields.ENDED] = cut, 30
        facts.quarter[:, fields.ENDED] = 90
        facts.quarter[:, fields.DISCONNECTED] = max(0, 21 - max(0, second - 1_200) // 40)
        counted += is_cutting and second % 10 == 0
        facts.lifetime[:, fields.DISCONNECTED] = counted
        signals.update(facts)
        told.append(bool(signals.is_active[SignalKind.DROPS, 0]))
    begun = told.index(True)
    ended = told.index(False, begun)
    assert 60 <= begun <= 80
    assert 1_500 <= ended <= 1_600
    assert not any(told[ended:])
    assert T0 + 1_180_000 <= signals.well_since_ms[0] <= T0 + 1_200_000


def test_signals_go_on_from_what_is_kept_of_them() -> None:
    whole, parted = Signals(ContinuityPlan(), 1), Signals(ContinuityPlan(), 1)
    for second in range(900):
        at_ms = T0 + second * 1_000
        facts = hostile(at_ms) if second % 300 < 200 else well(at_ms)
        whole.update(facts)
        parted.update(facts)
        if second % 7 == 0:
            kept = {name: array.copy() for name, array in parted.state().items()}
            parted = Signals(ContinuityPlan(), 1)
            parted.restore(kept, at_ms)
        for name, array in whole.state().items():
            assert np.array_equal(array, parted.state()[name], equal_nan=array.dtype.kind == "f")
