"""Verdicts: each scope by its own standard, exact at the limit, silent on too few calls."""

from dataclasses import replace

import numpy as np
import pytest
from core.made_calls import BASE_MS, LAWS, happened, standard
from hypothesis import given
from hypothesis import strategies as st

from monitor.core import measures
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.plan import MINUTE_MS, SECOND_MS, ContractPlan, LinePlan, Plan
from monitor.core.snapshot import Snapshot, Verdict, VerdictState
from monitor.core.standards import Formula, Measure, Standard

WINDOWS_MS = (MINUTE_MS, 15 * MINUTE_MS)
STRICT, EARLY_IS_GOOD = standard(name="strict"), standard(formula=Formula.F1, name="early")
NONE = Standard("none", "None", None, ())


def plan(min_calls: int = 1) -> Plan:
    lines = (
        LinePlan("strict", "current-enrollee", ("S",), STRICT),
        LinePlan("early", "prospective", ("E",), EARLY_IS_GOOD),
        LinePlan("free", "provider", ("N",), NONE),
    )
    contract = ContractPlan("H1", "First", "Plan, Inc.", lines)
    return Plan("Org", STRICT, WINDOWS_MS, contracts=(contract,), min_calls=min_calls)


def told(
    queue: str, *, within: int = 0, late: int = 0, early: int = 0, cut: int = 0
) -> list[Event]:
    """Calls of one queue: answered in time, answered late, abandoned early, cut off on answer."""
    events = []
    stories = (
        *(("completed", 10, True) for _ in range(within)),
        *(("completed", 31, True) for _ in range(late)),
        *(("abandoned", 7, False) for _ in range(early)),
        *(("disconnected", 10, True) for _ in range(cut)),
    )
    for number, (end, wait_s, is_answered) in enumerate(stories):
        call = f"{queue}{number}"
        left_ms = BASE_MS + wait_s * SECOND_MS
        events.append(happened("queued", BASE_MS, call, queue))
        if is_answered:
            events.append(happened("answered", left_ms, call, queue))
        events.append(happened(end, left_ms + SECOND_MS * is_answered, call, queue))
    return events


def judged(min_calls: int, *events: Event) -> tuple[Engine, Snapshot]:
    engine = Engine(plan(min_calls))
    engine.on_tick(BASE_MS)
    engine.on_events(events, BASE_MS + 40 * SECOND_MS)
    engine.on_tick(BASE_MS + 41 * SECOND_MS)
    return engine, engine.snapshot()


def verdict(engine: Engine, snapshot: Snapshot, scope: str, measure: Measure) -> Verdict | None:
    row = next(found.row for found in snapshot.scopes if found.name == scope)
    found = [one for one in engine.judge.explain(snapshot, row) if one.measure is measure]
    assert not found or [one.window_ms for one in found] == list(WINDOWS_MS)
    return found[0] if found else None


def state(scope: str, measure: Measure, min_calls: int, *events: Event) -> VerdictState:
    engine, snapshot = judged(min_calls, *events)
    found = verdict(engine, snapshot, scope, measure)
    assert found is not None
    return found.state


def test_exactly_eighty_percent_in_time_is_met_and_one_less_is_breached() -> None:
    level = Measure.SERVICE_LEVEL
    assert state("queue/S", level, 1, *told("S", within=8, late=2)) is VerdictState.MET
    assert state("queue/S", level, 1, *told("S", within=79, late=21)) is VerdictState.BREACHED


def test_exactly_five_percent_disconnected_is_met_and_one_more_is_breached() -> None:
    ratio = Measure.DISCONNECT_RATIO
    assert state("queue/S", ratio, 1, *told("S", within=19, cut=1)) is VerdictState.MET
    assert state("queue/S", ratio, 1, *told("S", within=37, cut=2)) is VerdictState.BREACHED


@pytest.mark.parametrize(("wait_ms", "expected"), [(120_000, "MET"), (120_001, "BREACHED")])
def test_an_average_of_exactly_two_minutes_is_met(wait_ms: int, expected: str) -> None:
    answer = happened("answered", BASE_MS + SECOND_MS, "c", "S", wait_ms=wait_ms)
    assert state("queue/S", Measure.AVERAGE_HOLD, 1, answer) is VerdictState[expected]


@pytest.mark.parametrize(("calls", "expected"), [(4, "INSUFFICIENT"), (5, "BREACHED")])
def test_too_few_calls_are_neither_met_nor_breached(calls: int, expected: str) -> None:
    """The figure is shown all the same; it is only not judged."""
    engine, snapshot = judged(5, *told("S", late=calls))
    found = verdict(engine, snapshot, "queue/S", Measure.SERVICE_LEVEL)
    assert found is not None
    assert found.state is VerdictState[expected]
    assert (found.value, found.numerator, found.denominator) == (0.0, 0, calls)


def test_without_calls_there_is_no_value_and_no_interval() -> None:
    engine, snapshot = judged(1)
    for scope in snapshot.scopes:
        for found in engine.judge.explain(snapshot, scope.row):
            assert found.state is VerdictState.INSUFFICIENT
            assert found.value is None
            assert found.interval is None
            assert found.flipped_by == ()


def test_each_line_is_judged_by_its_own_formula() -> None:
    """70 of 100 in time, 10 gave up early: a miss by the letter, a success by the other."""
    stories = {"within": 70, "late": 20, "early": 10}
    engine, snapshot = judged(1, *told("S", **stories), *told("E", **stories))
    strict = verdict(engine, snapshot, "line/H1/strict", Measure.SERVICE_LEVEL)
    early = verdict(engine, snapshot, "line/H1/early", Measure.SERVICE_LEVEL)
    assert strict is not None
    assert early is not None
    assert (strict.formula, strict.state, strict.value) == (Formula.F3, VerdictState.BREACHED, 0.7)
    assert (early.formula, early.state, early.value) == (Formula.F1, VerdictState.MET, 0.8)
    assert strict.flipped_by == (Formula.F1,)
    assert early.flipped_by == (
        Formula.F2,
        Formula.F3,
        Formula.F4,
        Formula.F5,
        Formula.F6,
    )


def test_what_stands_above_lines_of_different_standards_has_the_organizations() -> None:
    table = Engine(plan()).table
    by_name = {scope.name: table.standards[scope.row].id for scope in table.scopes}
    assert by_name["contract/H1"] == by_name["organization"] == "strict"
    assert by_name["line/H1/early"] == by_name["queue/E"] == "early"
    assert by_name["line/H1/free"] == by_name["queue/N"] == "none"


def test_a_line_without_a_requirement_is_not_judged() -> None:
    engine, snapshot = judged(1, *told("N", late=5))
    row = next(scope.row for scope in snapshot.scopes if scope.name == "queue/N")
    assert list(engine.judge.explain(snapshot, row)) == []
    assert (snapshot.verdicts[:, :, row] == VerdictState.INSUFFICIENT).all()


def test_limit_value_and_clause_are_in_the_unit_of_the_reader() -> None:
    engine, snapshot = judged(1, *told("S", within=3, late=1))
    found = {measure: verdict(engine, snapshot, "queue/S", measure) for measure in Measure}
    hold, level, cut = (found[measure] for measure in Measure)
    assert hold is not None
    assert level is not None
    assert cut is not None
    assert (hold.limit, hold.value, hold.clause) == (120.0, (30 + 31) / 4, "(A)")
    assert (level.limit, level.value, level.clause) == (0.8, 0.75, "(B)")
    assert (cut.limit, cut.value, cut.clause) == (0.05, 0.0, "(C)")
    assert level.interval == measures.wilson_interval(3, 4)
    assert hold.interval is None
    assert (hold.formula, cut.formula) == (None, None)


@LAWS
@given(
    stories=st.fixed_dictionaries(
        {name: st.integers(0, 12) for name in ("within", "late", "early", "cut")}
    ),
    min_calls=st.integers(1, 10),
)
def test_arrays_explanations_and_figures_agree(stories: dict[str, int], min_calls: int) -> None:
    engine, snapshot = judged(min_calls, *told("S", **stories), *told("E", **stories))
    shown = (snapshot.average_hold_s, snapshot.service_level, snapshot.disconnect[1])
    for scope in snapshot.scopes:
        for found in engine.judge.explain(snapshot, scope.row):
            index = list(Measure).index(found.measure)
            window = WINDOWS_MS.index(found.window_ms)
            assert snapshot.verdicts[index, window, scope.row] == found.state
            value = np.nan if found.value is None else found.value
            np.testing.assert_allclose(shown[index][window, scope.row], value)
            if found.denominator < min_calls:
                assert found.state is VerdictState.INSUFFICIENT
            elif found.measure is Measure.SERVICE_LEVEL:
                is_met = found.numerator * 1_000 >= found.denominator * 800
                assert (found.state is VerdictState.MET) == is_met


def test_queue_that_is_admitted_later_is_judged_as_its_line() -> None:
    admitting = plan()
    lines = (replace(admitting.contracts[0].lines[1], queues=("E", "e-*")),)
    contract = replace(admitting.contracts[0], lines=lines)
    engine = Engine(replace(admitting, contracts=(contract,)))
    engine.on_tick(BASE_MS)
    engine.on_events(told("e-1", within=70, late=20, early=10), BASE_MS + 40 * SECOND_MS)
    engine.on_tick(BASE_MS + 41 * SECOND_MS)
    found = verdict(engine, engine.snapshot(), "queue/e-1", Measure.SERVICE_LEVEL)
    assert found is not None
    assert (found.formula, found.state) == (Formula.F1, VerdictState.MET)
