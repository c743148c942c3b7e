"""An alert while the deadline is in danger: one for each outage, as severe as the forecast."""

from dataclasses import replace
from itertools import pairwise

import pytest
from core.made_calls import BASE_MS, shared_plan
from hypothesis import given
from hypothesis import strategies as st

from monitor.core import checkpoint
from monitor.core.engine import Engine
from monitor.core.outages import threat as threats
from monitor.core.outages.continuity import FORECAST_THRESHOLDS, ContinuityPlan
from monitor.core.outages.forecast import Forecast, forecast
from monitor.core.outages.forecast_course import Course
from monitor.core.outages.inputs import Declared, LinkChanged, RestoredByHand
from monitor.core.outages.outage import UNKNOWN, Risk, Threat
from monitor.core.outages.risk import LOWER_AFTER_MS, MARGIN_PPM, risks_after, standing
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS
from monitor.core.snapshot import Alert, AlertState

PLAN = replace(shared_plan(), sources=("pbx1",), rules=(), continuity=ContinuityPlan())
RULE = "CallCenterDeadlineAtRisk"
PPM = 1_000_000
SEVERITIES = {one.miss_ppm: one.severity for one in FORECAST_THRESHOLDS} | {UNKNOWN: None}


def threat(miss_ppm: int, told_ppm: int, low_since_ms: int = UNKNOWN, at_ms: int = 0) -> Threat:
    return Threat(
        at_ms=at_ms,
        miss_ppm=miss_ppm,
        climatology_ppm=0,
        p10_ms=None,
        p50_ms=None,
        p90_ms=None,
        agents_more=None,
        agents_from_ms=None,
        drivers={},
        version="1",
        told_ppm=told_ppm,
        low_since_ms=low_since_ms,
    )


def followed(course_ppm: list[int]) -> list[tuple[int, Threat, tuple[Risk, ...]]]:
    """Instant, threat and risks of every minute of a course of probabilities."""
    found: list[tuple[int, Threat, tuple[Risk, ...]]] = []
    before: Threat | None = None
    risks: tuple[Risk, ...] = ()
    for minute, miss_ppm in enumerate(course_ppm):
        at_ms = minute * MINUTE_MS
        told_ppm, low_since_ms = standing(miss_ppm, before, FORECAST_THRESHOLDS, at_ms)
        stood = UNKNOWN if before is None else before.told_ppm
        risks = risks_after(risks, stood, told_ppm, FORECAST_THRESHOLDS, at_ms)
        before = threat(miss_ppm, told_ppm, low_since_ms, at_ms)
        found.append((at_ms, before, risks))
    return found


@given(st.lists(st.integers(2_000, 998_000), min_size=1, max_size=60))
def test_a_threshold_is_passed_at_once_and_left_only_after_a_margin_and_a_time(
    course_ppm: list[int],
) -> None:
    minutes = followed(course_ppm)
    for at_ms, now, risks in minutes:
        reached = [one for one in SEVERITIES if 0 < one <= now.miss_ppm]
        assert now.told_ppm >= max(reached, default=UNKNOWN)
        going_on = [risk for risk in risks if risk.until_ms == UNKNOWN]
        assert [risk.severity for risk in going_on] == [
            severity for severity in [SEVERITIES[now.told_ppm]] if severity
        ]
        assert going_on == list(risks[-1:]) or not going_on
        for earlier, later in pairwise(risks):
            assert later.ordinal == earlier.ordinal + 1
            assert earlier.since_ms < earlier.until_ms <= later.since_ms <= at_ms
    for index, ((_, before, _), (at_ms, now, _)) in enumerate(pairwise(minutes), start=1):
        if now.told_ppm < before.told_ppm:
            lately = [
                one.miss_ppm
                for then_ms, one, _ in minutes[: index + 1]
                if at_ms - then_ms <= LOWER_AFTER_MS
            ]
            assert max(lately) < before.told_ppm - MARGIN_PPM
            assert at_ms >= LOWER_AFTER_MS


def test_what_hovers_about_a_threshold_is_told_once() -> None:
    hovering = [480_000, 505_000, 460_000, 499_000] * 20
    risks = followed(hovering)[-1][2]
    assert [(risk.severity, risk.reason) for risk in risks] == [("info", "raised"), ("warning", "")]


def test_thresholds_of_another_configuration_are_the_nearest_below() -> None:
    assert standing(600_000, threat(600_000, 600_000), FORECAST_THRESHOLDS, 0)[0] == 500_000
    assert standing(600_000, threat(600_000, 600_000), (), 0) == (UNKNOWN, UNKNOWN)
    # An outage of an older checkpoint stands at a threshold and has no risk yet.
    (risk,) = risks_after((), 500_000, 500_000, FORECAST_THRESHOLDS, 7)
    assert (risk.ordinal, risk.severity, risk.since_ms) == (1, "warning", 7)


class Said:
    """What the forecast says, in place of what it finds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.miss = 0.1
        monkeypatch.setattr(threats, "forecast", self)

    def __call__(self, course: Course) -> Forecast:
        return replace(forecast(course), miss_probability=self.miss)


def failed() -> Engine:
    engine = Engine(PLAN)
    engine.on_input(LinkChanged("pbx1", is_linked=True), BASE_MS)
    engine.on_tick(BASE_MS + SECOND_MS)
    engine.on_input(Declared("H1", BASE_MS, "ann", "the trunk is down"), BASE_MS + 1_500)
    go_on(engine, BASE_MS + 2 * SECOND_MS)
    return engine


def go_on(engine: Engine, until_ms: int) -> list[Alert]:
    return [alert for _, changed in engine.advance(until_ms) for alert in changed]


def restarted(engine: Engine) -> Engine:
    parts = {
        name: part() if callable(part) else part for name, part in checkpoint.take(engine).items()
    }
    return checkpoint.restore(PLAN, parts)


def told(alerts: list[Alert]) -> list[tuple[str, AlertState, str]]:
    assert all(one.rule == RULE for one in alerts)
    return [(one.severity, one.state, one.reason) for one in alerts]


def test_one_alert_rises_with_the_forecast_and_survives_every_restart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said, engine = Said(monkeypatch), failed()
    firing, resolved = AlertState.FIRING, AlertState.RESOLVED
    expected = [
        (0.10, []),
        (0.30, [("info", firing, "likely")]),
        (0.49, []),
        (0.60, [("info", resolved, "raised"), ("warning", firing, "likely")]),
        (0.95, [("warning", resolved, "raised"), ("critical", firing, "likely")]),
        (0.80, []),
    ]
    keys, ledger = set(), []
    for minute, (said.miss, changes) in enumerate(expected, start=1):
        alerts = go_on(engine, BASE_MS + minute * MINUTE_MS + 10 * SECOND_MS)
        assert told(alerts) == changes
        ledger += [one.figures for one in engine.happenings() if one.kind == "forecast"]
        before = engine.alerts()
        engine = restarted(engine)
        assert engine.alerts() == before
        live = [one for one in before if one.rule == RULE and one.state is firing]
        assert len(live) == (said.miss >= 0.25)
        keys |= {one.key for one in live}
        assert all(one.notice and one.notice.threat for one in live)
    onset = f"{PLAN.organization}/{RULE}/contract/H1/{BASE_MS}"
    assert keys == {f"{onset}/{ordinal}" for ordinal in (1, 2, 3)}
    said.miss = 0.1
    assert told(go_on(engine, BASE_MS + 30 * MINUTE_MS)) == [("critical", resolved, "lowered")]
    ledger += [one.figures for one in engine.happenings() if one.kind == "forecast"]
    assert [one["told_ppm"] for one in ledger] == [250_000, 500_000, 900_000, UNKNOWN]


def test_what_is_restored_is_in_danger_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    said, engine = Said(monkeypatch), failed()
    said.miss = 0.8
    go_on(engine, BASE_MS + 5 * MINUTE_MS)
    outage = engine.snapshot().outages[0]
    at_ms = BASE_MS + 5 * MINUTE_MS + 500
    engine.on_input(RestoredByHand(outage.id, at_ms, "ann", "back"), at_ms)
    over = go_on(engine, BASE_MS + 6 * MINUTE_MS)
    assert {(one.rule, one.state, one.reason) for one in over} == {
        (name, AlertState.RESOLVED, "restored") for name in ("CallCenterOutage", RULE)
    }
    go_on(engine, BASE_MS + 30 * MINUTE_MS)
    assert engine.alerts() == ()


def test_a_missed_deadline_takes_the_place_of_the_danger(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Said(monkeypatch)
    said.miss = 0.95
    engine = failed()
    deadline_ms = BASE_MS + 72 * HOUR_MS
    assert told(go_on(engine, BASE_MS + 2 * MINUTE_MS)) == [
        ("critical", AlertState.FIRING, "likely")
    ]
    assert engine.on_tick(deadline_ms - SECOND_MS) == []
    changed = engine.on_tick(deadline_ms + SECOND_MS)
    assert {(one.rule, one.state, one.reason) for one in changed} == {
        ("CallCenterDeadlineMissed", AlertState.FIRING, "passed"),
        (RULE, AlertState.RESOLVED, "missed"),
    }
    later = go_on(engine, deadline_ms + 30 * MINUTE_MS)
    assert later == []
    assert {one.rule for one in engine.alerts()} == {"CallCenterOutage", "CallCenterDeadlineMissed"}
