"""Outages over restarts and reloads: a restart at any second changes nothing that is told."""

from dataclasses import replace

import numpy as np
import pytest
from core.outages_book.made_day import PLAN, T0_MS, Day, events_of, happenings_of, reborn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.core.engine import Engine
from monitor.core.outages.inputs import Declared
from monitor.core.outages.week_clock import QUARTER_MS
from monitor.core.plan import ContractPlan

STOPPED = Day(seed=11, seconds=3_000, stops=((900, 1_500),))


def test_a_stop_is_one_outage_of_one_contract_from_onset_to_restoration() -> None:
    told = happenings_of(STOPPED)
    assert {one.contract for one in told} == {"H1"}
    opened = next(one for one in told if one.kind == "opened")
    restored = next(one for one in told if one.kind == "restored")
    # It was told as soon as chance allows with six calls a minute, and dated back to the stop.
    assert 900 <= (opened.at_ms - T0_MS) / 1_000 <= 1_080
    assert 840 <= (opened.figures["onset_ms"] - T0_MS) / 1_000 <= 960
    assert 1_480 <= (restored.figures["restored_ms"] - T0_MS) / 1_000 <= 1_620
    assert restored.at_ms - restored.figures["restored_ms"] >= 300_000
    assert len({one.outage for one in told}) == 1
    assert [one.key for one in told] == [f"outage/{opened.outage}/{at}" for at in range(len(told))]


def test_a_day_without_trouble_tells_nothing() -> None:
    assert happenings_of(Day(seed=12, seconds=3_000)) == []


def test_nothing_is_opened_while_nothing_is_heard() -> None:
    # Blind over the whole stop, and a little beyond.
    day = replace(STOPPED, blind=((880, 1_700),))
    assert all(one.at_ms > T0_MS + 1_700_000 for one in happenings_of(day))


@settings(
    max_examples=6, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    seed=st.integers(0, 10_000),
    begin=st.integers(600, 900),
    lasts=st.integers(120, 500),
    again=st.integers(60, 400),
    restarts=st.lists(st.integers(0, 2_400), min_size=1, max_size=30),
)
def test_restarts_at_any_second_change_nothing_that_is_told(
    seed: int, begin: int, lasts: int, again: int, restarts: list[int]
) -> None:
    second = begin + lasts + again
    day = Day(
        seed=seed,
        seconds=2_400,
        stops=((begin, begin + lasts), (second, second + 200)),
        blind=((second + 50, second + 120),),
    )
    assert happenings_of(day, restarts) == happenings_of(day)


def test_what_is_expected_of_this_quarter_hour_survives_a_restart() -> None:
    engine = Engine(PLAN)
    at_ms = (T0_MS // QUARTER_MS + 1) * QUARTER_MS - 5_000
    assert engine.watch is not None
    engine.watch.expectation.kept[:, :, :4] = 90
    for second in range(10):
        engine.on_tick(at_ms + second * 1_000)
    after = reborn(engine, PLAN)
    assert after.watch is not None
    for found in (engine, after):
        found.on_tick(at_ms + 10_000)
    before_facts, facts = engine.watch.facts, after.watch.facts
    assert before_facts is not None
    assert facts is not None
    assert (before_facts.expected_per_s == 90 / 900).all()
    assert np.array_equal(facts.expected_per_s, before_facts.expected_per_s)
    assert np.array_equal(facts.spread, before_facts.spread)


def test_a_reload_that_takes_a_source_away_does_not_blind_what_it_fed() -> None:
    plan = replace(PLAN, sources=("pbx", "old"))
    engine = Engine(plan)
    for event in events_of(Day(seed=1, seconds=60)):
        engine.on_events([event], event.at_ms)
        event.source = "old"
        engine.on_events([event], event.at_ms)
    engine.on_tick(T0_MS + 60_000)
    assert engine.watch is not None
    engine.watch.sight.link("old", T0_MS + 60_000, is_linked=False)
    engine.on_tick(T0_MS + 61_000)
    facts = engine.watch.facts
    assert facts is not None
    assert not facts.is_seen.any()
    after = reborn(engine, PLAN)
    assert after.watch is not None
    assert set(after.watch.sight.sources) == {"pbx"}
    after.on_tick(T0_MS + 62_000)
    facts = after.watch.facts
    assert facts is not None
    assert facts.is_seen.all()


def test_an_outage_survives_a_reload_that_changes_rows() -> None:
    day = replace(STOPPED, seconds=1_300)
    more = replace(PLAN, contracts=(*reversed(PLAN.contracts), third()), queues=("overflow",))
    engine = Engine(PLAN)
    batch = events_of(day)
    for second in range(1_200):
        now_ms = T0_MS + second * 1_000
        engine.on_events([one for one in batch if now_ms - 1_000 <= one.at_ms < now_ms], now_ms)
        engine.on_tick(now_ms)
    assert engine.watch is not None
    (before,) = engine.watch.outages()
    engine = reborn(engine, more)
    for second in range(1_200, 1_260):
        now_ms = T0_MS + second * 1_000
        engine.on_events([one for one in batch if now_ms - 1_000 <= one.at_ms < now_ms], now_ms)
        engine.on_tick(now_ms)
    assert engine.watch is not None
    (after,) = engine.watch.outages()
    assert (after.id, after.onset_ms, after.deadline_ms) == (
        before.id,
        before.onset_ms,
        before.deadline_ms,
    )
    assert after.state == before.state
    assert set(engine.watch.book.open) == {"H1"}


def test_a_queue_that_a_reload_moves_to_another_line_is_no_call_there() -> None:
    """The calls that it had before are neither answers nor arrivals of the moment."""
    first, second = PLAN.contracts
    moved = replace(first.lines[0], queues=("q-H1", "q-H2"))
    left = replace(second.lines[0], queues=("q-new",))
    plan = replace(PLAN, contracts=(replace(first, lines=(moved,)), replace(second, lines=(left,))))
    engine = Engine(PLAN)
    for event in events_of(Day(seed=3, seconds=600)):
        engine.on_events([event], event.at_ms)
    engine.on_tick(T0_MS + 660_000)
    assert engine.watch is not None
    before = engine.watch.facts
    after = reborn(engine, plan)
    after.on_tick(T0_MS + 661_000)
    assert after.watch is not None
    facts = after.watch.facts
    assert before is not None
    assert facts is not None
    assert np.array_equal(facts.lifetime, before.lifetime)
    assert np.array_equal(facts.last_answered_ms, before.last_answered_ms)
    assert np.array_equal(facts.last_offered_ms, before.last_offered_ms)
    again = reborn(after, plan)
    again.on_tick(T0_MS + 662_000)
    assert again.watch is not None
    assert again.watch.facts is not None
    assert np.array_equal(again.watch.facts.lifetime, before.lifetime)


def third() -> ContractPlan:
    one = PLAN.contracts[0]
    line = replace(one.lines[0], queues=("q-H3",))
    return replace(one, id="H3", name="H3", legal_entity="H3", lines=(line,))


@pytest.mark.parametrize("is_declared", [False, True])
def test_what_passes_unseen_is_told_alike_with_few_ticks_and_with_all(is_declared: bool) -> None:  # noqa: FBT001
    """After a day without the daemon nobody waits for 86,400 ticks; the clocks have gone on."""
    day = replace(STOPPED, seconds=1_400, stops=((900, 1_400),))
    engine = Engine(PLAN)
    for event in events_of(day):
        for _ in engine.advance(event.at_ms):
            pass
        engine.on_events([event], event.at_ms)
    for _ in engine.advance(T0_MS + 1_400_000):
        pass
    if is_declared:
        engine.on_input(
            Declared("H2", T0_MS + 1_399_000, "ann", "phones are dead"), T0_MS + 1_400_000
        )
    engine.happenings()
    later_ms = T0_MS + 3 * 3_600_000
    found = []
    for each in (False, True):
        again = reborn(engine, PLAN)
        again.on_resume(later_ms)
        ticks = 0
        told: list[tuple[int, str, object]] = []
        if each:
            for now_ms in range(T0_MS + 1_401_000, later_ms + 1, 1_000):
                told += [(now_ms, one.key, one.state) for one in again.on_tick(now_ms)]
                ticks += 1
        else:
            for now_ms, changed in again.advance(later_ms):
                told += [(now_ms, one.key, one.state) for one in changed]
                ticks += 1
        found.append((again.happenings(), told, again.alerts()))
        assert each or ticks < 2_500
    few, every = found
    assert few == every
    assert {"ladder", "missed"} <= {one.kind for one in few[0]}
    assert not any("Blind" in key for _, key, _ in few[1])
