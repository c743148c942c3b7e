"""Periods are measured by the formulas of the regulation, of calls by their arrival."""

from dataclasses import replace

import numpy as np
import pytest
from core.made_calls import shared_plan, standard

from monitor.core.fields import FIELD_COUNT, FIELDS
from monitor.core.periods import Period, PeriodFigures, PeriodKind, measure, zone_of
from monitor.core.plan import ContractPlan, Plan
from monitor.core.scopes import ScopeTable
from monitor.core.snapshot import IntArray, VerdictState
from monitor.core.standards import Formula, Measure

DAY = Period(PeriodKind.DAY, "UTC", 0, 86_400_000)


def counted(**given: int) -> IntArray:
    counts = np.zeros(FIELD_COUNT, dtype=np.int64)
    for name, count in given.items():
        counts[FIELDS.index(name)] = count
    return counts


def figures(**given: int) -> PeriodFigures:
    return PeriodFigures(DAY, "organization", 0, None, counted(**given), Formula.F3, (), 0, ())


def states(min_calls: int = 20, **given: int) -> dict[Measure, VerdictState]:
    found = measure(counted(**given), standard(), DAY, min_calls)
    return {verdict.measure: verdict.state for verdict in found}


def test_disconnects_are_of_all_calls_made_and_exactly_five_percent_pass() -> None:
    made = figures(calls_made=400, ended=300, disconnected=20, disconnected_evident=8)
    assert made.disconnect_band == (8 / 400, 20 / 400, 20 / 400)
    assert states(calls_made=400, disconnected=20)[Measure.DISCONNECT_RATIO] == VerdictState.MET
    over = states(calls_made=400, disconnected=21)
    assert over[Measure.DISCONNECT_RATIO] == VerdictState.BREACHED


def test_service_level_and_hold_pass_exactly_at_their_limits() -> None:
    given = {"answered": 100, "wait_ms_sum": 12_000_000, "answered_within": 80, "late": 20}
    assert states(**given)[Measure.AVERAGE_HOLD] == VerdictState.MET
    assert states(**given)[Measure.SERVICE_LEVEL] == VerdictState.MET
    given |= {"wait_ms_sum": 12_000_001, "dequeued_within": 1}
    assert states(**given)[Measure.AVERAGE_HOLD] == VerdictState.BREACHED
    assert states(**given)[Measure.SERVICE_LEVEL] == VerdictState.BREACHED
    told = figures(**given)
    assert told.average_hold_s == pytest.approx(120.00001)
    assert told.service_level == pytest.approx(80 / 101)


def test_few_calls_are_insufficient_and_none_are_no_figure() -> None:
    assert set(states(calls_made=19, disconnected=19, answered=19).values()) == {
        VerdictState.INSUFFICIENT
    }
    nothing = figures()
    assert nothing.average_hold_s is None
    assert nothing.service_level is None
    assert nothing.disconnect_band == (None, None, None)
    (verdict, *_) = measure(counted(), standard(), DAY, 1)
    assert (verdict.state, verdict.value) == (VerdictState.INSUFFICIENT, None)


def test_visits_that_are_not_over_are_told_and_never_below_zero() -> None:
    given = {
        "answered": 5,
        "abandoned": 2,
        "dequeued": 1,
        "disconnected_waiting": 1,
        "ended_unknown_waiting": 1,
        # Of the answered, and of calls that were in no queue.
        "disconnected": 3,
        "ended_unknown": 4,
        "completed": 9,
        "ended": 17,
    }
    assert figures(offered=12, **given).in_progress == 2
    assert figures(offered=9, **given).in_progress == 0


def zoned_plan(*areas: tuple[str, ...]) -> Plan:
    plan = shared_plan()
    contracts = tuple(
        replace(contract, service_areas=zones)
        for contract, zones in zip(plan.contracts, areas, strict=True)
    )
    return replace(plan, contracts=contracts)


def zones(plan: Plan) -> dict[str, str]:
    return {scope.name: zone_of(plan, scope) for scope in ScopeTable(plan).scopes}


def test_the_zone_is_the_first_service_area_of_the_contract() -> None:
    found = zones(zoned_plan(("America/Los_Angeles", "America/Phoenix"), ("America/New_York",)))
    assert found["contract/H1"] == found["line/H1/members"] == "America/Los_Angeles"
    assert found["queue/A"] == "America/Los_Angeles"
    assert found["contract/S2"] == found["queue/C"] == "America/New_York"
    for shared in ("queue/B", "legal_entity/Plan, Inc.", "organization", "site/Fresno", "queue/"):
        assert found[shared] == "UTC"


def test_scopes_of_contracts_that_share_a_zone_have_it_and_without_any_it_is_utc() -> None:
    found = zones(zoned_plan(("America/Chicago",), ("America/Chicago", "UTC")))
    assert set(found.values()) == {"America/Chicago"}
    assert set(zones(zoned_plan((), ())).values()) == {"UTC"}
    other = ContractPlan("X", "Other", "Other, Inc.", (), service_areas=("Asia/Tokyo",))
    plan = zoned_plan(("America/Chicago",), ("America/Chicago",))
    found = zones(replace(plan, contracts=(*plan.contracts, other)))
    assert found["legal_entity/Plan, Inc."] == found["queue/B"] == "America/Chicago"
    assert found["organization"] == "UTC"
