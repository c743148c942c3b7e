"""Causes are kept: with what opened in the ledger, and over a restart."""

from core.outages_book.made_day import PLAN, T0_MS, Day, events_of, happenings_of, reborn

from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.plan import MINUTE_MS

STOP = Day(seed=11, seconds=2_400, calls_per_minute=12.0, stops=((1_500, 2_300),))


def test_the_ledger_keeps_what_spoke_for_which_cause_at_the_opening_and_each_step() -> None:
    told = happenings_of(STOP)
    assert {"opened", "ladder"} <= {one.kind for one in told if "causes" in one.figures}
    for one in told:
        if one.kind == "opened":
            causes = one.figures["causes"]
            assert causes["at_ms"] == one.at_ms
            assert causes["technology"]["figures"]["waiting"] > 0
            # Nobody says how many agents there are.
            assert causes["staffing"] is None
    assert all("causes" not in one.figures for one in told if one.kind in ("recovering", "partial"))


def test_restarts_change_no_cause() -> None:
    assert happenings_of(STOP, restarts=(60, 1_490, 1_600, 1_700)) == happenings_of(STOP)


def test_agents_of_before_are_known_after_a_restart() -> None:
    engine, agents = Engine(PLAN), [f"agent-{number}" for number in range(8)]
    engine.on_events(events_of(Day(seed=3, seconds=5)), T0_MS)
    for name in agents:
        state = Event("agent.state", "pbx", 0.0, agent=name, state="available")
        state.at_ms = T0_MS
        engine.on_events([state], T0_MS)
    for second in range(0, 11 * 60, 10):
        beat = Event("heartbeat", "pbx", second)
        beat.at_ms = T0_MS + second * 1_000
        engine.on_events([beat], beat.at_ms)
        engine.on_tick(beat.at_ms)
    assert engine.watch is not None
    before = [(at_ms, agents.tolist()) for at_ms, agents in engine.watch.causes.agents]
    assert [at_ms for at_ms, _ in before] == [T0_MS + minute * MINUTE_MS for minute in (0, 5, 10)]
    assert before[-1][1][0] == 8
    again = reborn(engine, PLAN).watch
    assert again is not None
    assert [(at_ms, agents.tolist()) for at_ms, agents in again.causes.agents] == before
