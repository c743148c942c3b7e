"""The life of the alerts about outages and blindness: opened, over a restart, restored."""

from dataclasses import replace

from core.made_calls import BASE_MS, shared_plan

from monitor.core import checkpoint
from monitor.core.engine import Engine
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.inputs import Declared, LinkChanged, RestoredByHand
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS
from monitor.core.snapshot import Alert, AlertState, ScopeKind, VerdictState

PLAN = replace(shared_plan(), sources=("pbx1", "pbx2"), rules=(), continuity=ContinuityPlan())
ONSET_MS = BASE_MS - 5 * MINUTE_MS
BROKEN = Declared("H1", ONSET_MS, "ann", "the trunk is down")


def linked() -> Engine:
    """Both sources are linked, and one second has passed."""
    engine = Engine(PLAN)
    link(engine, BASE_MS, is_linked=True)
    engine.on_tick(BASE_MS + SECOND_MS)
    return engine


def link(engine: Engine, at_ms: int, *, is_linked: bool) -> None:
    for source in PLAN.sources:
        engine.on_input(LinkChanged(source, is_linked), at_ms)


def go_on(engine: Engine, until_ms: int) -> list[Alert]:
    return [alert for _, changed in engine.advance(until_ms) for alert in changed]


def restarted(engine: Engine) -> Engine:
    parts = {
        name: part() if callable(part) else part for name, part in checkpoint.take(engine).items()
    }
    return checkpoint.restore(PLAN, parts)


def changes(alerts: list[Alert]) -> list[tuple[str, str, str]]:
    return [(one.rule, one.scope, str(one.state)) for one in alerts]


def test_an_outage_fires_from_its_onset_and_is_the_same_on_every_replica() -> None:
    told = []
    for engine in (linked(), linked()):
        engine.on_input(BROKEN, BASE_MS + 1_500)
        told.append(go_on(engine, BASE_MS + MINUTE_MS))
    assert told[0] == told[1]
    (alert,) = told[0]
    assert alert.key == f"{PLAN.organization}/CallCenterOutage/contract/H1/{ONSET_MS}"
    assert (alert.severity, alert.scope, alert.state) == (
        "critical",
        "contract/H1",
        AlertState.FIRING,
    )
    assert (alert.breached_ms, alert.resolved_ms) == (ONSET_MS, None)
    assert (alert.measure, alert.window_ms, alert.value, alert.limit) == (None, None, None, None)
    assert "outage" not in alert.labels
    assert alert.labels["contract"] == "H1"
    assert alert.notice is not None
    assert alert.notice.deadline_ms == ONSET_MS + 72 * HOUR_MS


def test_a_restart_tells_nothing_twice_and_loses_nothing() -> None:
    engine = linked()
    engine.on_input(BROKEN, BASE_MS + 1_500)
    # The checkpoint is taken before the outage was told.
    assert changes(go_on(restarted(engine), BASE_MS + 10_000)) == [
        ("CallCenterOutage", "contract/H1", "firing")
    ]
    go_on(engine, BASE_MS + 10_000)
    again = restarted(engine)
    assert again.alerts() == engine.alerts()
    assert [one.rule for one in again.alerts()] == ["CallCenterOutage"]
    assert go_on(again, BASE_MS + 20_000) == []
    outage = again.snapshot().outages[0]
    again.on_input(RestoredByHand(outage.id, BASE_MS + 15_000, "ann", "back"), BASE_MS + 20_500)
    (over,) = go_on(restarted(again), BASE_MS + 30_000)
    assert (over.key, over.state) == (engine.alerts()[0].key, AlertState.RESOLVED)
    assert (over.resolved_ms, over.breached_ms) == (BASE_MS + 20_500, ONSET_MS)
    assert over.notice is not None
    assert over.notice.restored_ms == BASE_MS + 15_000


def test_what_was_restored_is_forgotten_after_a_quarter_of_an_hour() -> None:
    engine = linked()
    engine.on_input(BROKEN, BASE_MS + 1_500)
    go_on(engine, BASE_MS + 10_000)
    outage = engine.snapshot().outages[0]
    engine.on_input(RestoredByHand(outage.id, BASE_MS, "ann", "back"), BASE_MS + 10_000)
    go_on(engine, BASE_MS + 14 * MINUTE_MS)
    assert [one.state for one in engine.alerts()] == [AlertState.RESOLVED]
    go_on(engine, BASE_MS + 16 * MINUTE_MS)
    assert engine.alerts() == ()
    assert [step.kind for step in engine.snapshot().watch.courses[outage.id]][-1] == "restored"  # type: ignore[union-attr]


def test_an_outage_restored_to_its_onset_by_hand_does_not_silence_the_next() -> None:
    engine = linked()
    engine.on_input(BROKEN, BASE_MS + 1_500)
    (first,) = go_on(engine, BASE_MS + 2_000)
    outage = engine.snapshot().outages[0]
    engine.on_input(RestoredByHand(outage.id, ONSET_MS, "ann", "wrong"), BASE_MS + 2_500)
    engine.on_input(BROKEN, BASE_MS + 3_500)
    told = go_on(engine, BASE_MS + 4_000)
    assert {one.state for one in told} == {AlertState.RESOLVED, AlertState.FIRING}
    assert len({one.key for one in (first, *told)}) == 2


def test_a_deadline_that_is_missed_has_an_alert_of_its_own() -> None:
    plan = replace(
        PLAN,
        continuity=ContinuityPlan(restore_within_ms=HOUR_MS, ladder_ms=(), forecast_thresholds=()),
    )
    engine = Engine(plan)
    link(engine, BASE_MS, is_linked=True)
    engine.on_tick(BASE_MS + SECOND_MS)
    engine.on_input(BROKEN, BASE_MS + 1_500)
    engine.on_tick(ONSET_MS + HOUR_MS)
    assert [one.rule for one in engine.alerts()] == ["CallCenterOutage"]
    (missed,) = engine.on_tick(ONSET_MS + HOUR_MS + SECOND_MS)
    assert (missed.rule, missed.severity) == ("CallCenterDeadlineMissed", "critical")
    assert missed.key.endswith(f"/contract/H1/{ONSET_MS}")
    assert missed.breached_ms == ONSET_MS + HOUR_MS


def test_blind_is_told_only_after_its_time_and_ends_when_we_see_again() -> None:
    engine = linked()
    lost_ms = BASE_MS + MINUTE_MS
    assert go_on(engine, lost_ms) == []
    engine.on_input(LinkChanged("pbx2", is_linked=False), lost_ms)
    after_ms = PLAN.continuity.blind_after_ms if PLAN.continuity else 0
    assert go_on(engine, lost_ms + after_ms + SECOND_MS) == []
    told = go_on(engine, lost_ms + after_ms + 2 * SECOND_MS)
    assert changes(told) == [
        ("CallCenterBlind", f"contract/{name}", "firing") for name in ("H1", "S2")
    ]
    assert {one.severity for one in told} == {"warning"}
    assert told[0].notice is not None
    assert told[0].notice.sources == ("pbx2",)
    again = restarted(engine)
    assert go_on(again, lost_ms + 5 * MINUTE_MS) == []
    assert len(again.alerts()) == 2
    again.on_input(LinkChanged("pbx2", is_linked=True), lost_ms + 5 * MINUTE_MS)
    over = go_on(again, lost_ms + 6 * MINUTE_MS)
    assert [(one.key, one.state) for one in over] == [
        (one.key, AlertState.RESOLVED) for one in told
    ]


def test_going_blind_is_found_however_seldom_somebody_looks() -> None:
    each, asked = linked(), linked()
    for engine in (each, asked):
        link(engine, BASE_MS + 2_500, is_linked=False)
    for second in range(2, 600):
        each.on_tick(BASE_MS + second * SECOND_MS)
    go_on(asked, BASE_MS + 599 * SECOND_MS)
    assert each.alerts() == asked.alerts()
    assert len(each.alerts()) == 2


def test_what_is_not_seen_is_neither_met_nor_an_outage() -> None:
    engine = linked()
    link(engine, BASE_MS + 1_500, is_linked=False)
    engine.on_tick(BASE_MS + 2_000)
    snapshot = engine.snapshot()
    assert (snapshot.verdicts == VerdictState.BLIND).all()
    assert snapshot.outages == ()
    assert snapshot.watch is not None
    assert not any(snapshot.watch.sources_seen.values())
    engine.on_input(LinkChanged("pbx1", is_linked=True), BASE_MS + 2_500)
    engine.on_tick(BASE_MS + 3_000)
    snapshot = engine.snapshot()
    for scope in snapshot.scopes:
        is_blind = scope.kind in (ScopeKind.CONTRACT, ScopeKind.LINE)
        assert (snapshot.verdicts[:, :, scope.row] == VerdictState.BLIND).all() == is_blind
