"""The engine against a hostile world: all is counted or discarded by name, and bounded."""

from dataclasses import asdict, replace
from dataclasses import fields as attributes

import numpy as np
import pytest
from core.made_calls import (
    BASE_MS,
    LAWS,
    deliver,
    figures,
    happened,
    histories,
    shared_plan,
    standard,
    tick_to,
)
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.fields import CALLS_MADE, DISCONNECTED, ENDED, ENDED_UNKNOWN, OFFERED
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS, Limits, Plan, RulePlan
from monitor.core.snapshot import AlertState, WatchView
from monitor.core.standards import Measure

DAY_MS = 24 * HOUR_MS


def running(limits: Limits | None = None, plan: Plan | None = None) -> Engine:
    engine = Engine(replace(plan or shared_plan(), limits=limits or Limits()))
    engine.on_tick(BASE_MS)
    return engine


def other(kind: str, at_ms: int = BASE_MS, **given_: object) -> Event:
    made = happened("started", at_ms, "c", None)
    made.type, made.call_id = kind, None
    for name, value in given_.items():
        setattr(made, name, value)
    return made


def lifetime(engine: Engine, name: str, field: int) -> int:
    rolled = engine.table.roll_up(engine.ring.lifetime)
    row = next(scope.row for scope in engine.table.scopes if scope.name == name)
    return int(rolled[row, field])


# -- instants -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("off_ms", "reason"),
    [
        (-7 * DAY_MS - 1, "bad_time"),
        (-7 * DAY_MS, None),
        (0, None),
        (5 * MINUTE_MS, None),
        (5 * MINUTE_MS + 1, "skewed"),
        (DAY_MS, "skewed"),
        (DAY_MS + 1, "bad_time"),
        (10**14, "bad_time"),
        (-(10**14), "bad_time"),
    ],
)
def test_event_far_from_the_present_is_refused_or_counts_when_it_was_received(
    off_ms: int, reason: str | None
) -> None:
    engine = running()
    engine.on_events([happened("queued", BASE_MS + off_ms)], BASE_MS)
    assert engine.discards == ({} if reason is None else {reason: 1})
    engine.on_tick(BASE_MS + HOUR_MS)
    assert lifetime(engine, "queue/A", OFFERED) == (reason != "bad_time")
    if reason == "skewed":
        seen = next(engine.tracker.register.calls()).visit
        assert seen is not None
        assert seen.queued_ms == BASE_MS


def test_clock_that_is_hours_ahead_still_gives_true_durations() -> None:
    ahead_ms = 2 * HOUR_MS
    engine = running()
    engine.on_events([happened("queued", BASE_MS + ahead_ms)], BASE_MS + 3)
    engine.on_tick(BASE_MS + 20_000)
    engine.on_events([happened("answered", BASE_MS + ahead_ms + 12_000)], BASE_MS + 20_000)
    engine.on_tick(BASE_MS + 60_000)
    row = figures(engine.snapshot(), "queue/A", MINUTE_MS)
    assert (row["wait_ms_sum"], row["answered_within"], row["late"]) == (12_000, 1, 0)
    assert engine.discards == {"skewed": 2}


# -- names ----------------------------------------------------------------------------------------


def test_unknown_sources_types_and_queues_are_discarded_by_name() -> None:
    engine = running(plan=replace(shared_plan(), sources=("pbx",)))
    foreign = happened("queued", BASE_MS)
    foreign.source = "nobody"
    nameless = happened("queued", BASE_MS, "n")
    nameless.source = ""
    engine.on_events(
        [
            foreign,
            nameless,
            other("call.teleported"),
            other("tty.connected"),
            other("heartbeat"),
            happened("queued", BASE_MS, "c1", "invented"),
            happened("queued", BASE_MS, "c2", None),
            other("call.queued", queue="A"),
            other("call.started"),
        ],
        BASE_MS,
    )
    engine.on_tick(BASE_MS + SECOND_MS)
    assert engine.discards == {
        "unknown_source": 2,
        "unknown_type": 1,
        "unknown_queue": 1,
        "no_queue": 1,
        "no_call_id": 2,
    }
    assert lifetime(engine, "queue/unconfigured", OFFERED) == 1
    assert lifetime(engine, "organization", OFFERED) == 1
    assert [(source.name, source.events_total) for source in engine.snapshot().sources] == [
        ("pbx", 7)
    ]


def test_names_of_the_acd_become_ours() -> None:
    plan = replace(shared_plan(), aliases={"pbx": {"7001": "A"}})
    engine = running(plan=plan)
    engine.on_events([happened("queued", BASE_MS, queue="7001")], BASE_MS)
    engine.on_tick(BASE_MS + SECOND_MS)
    assert lifetime(engine, "queue/A", OFFERED) == 1


def test_a_flood_of_invented_names_and_calls_stays_within_the_limits() -> None:
    limits = Limits(open_calls=500, ended_calls=300, queues=50, agents=20)
    engine = running(limits, replace(shared_plan(), queues=("q-*",)))
    calls = 100_000
    for first in range(0, calls, 10_000):
        now_ms = BASE_MS + first // 10
        batch = []
        for number in range(first, first + 10_000):
            name = f"q-{number}" if number % 2 else f"x-{number}"
            batch.append(happened("queued", now_ms, f"c{number}", name))
        batch += [other("agent.state", agent=f"a{first + n}", state="busy") for n in range(100)]
        engine.on_events(batch, now_ms)
        engine.on_tick(now_ms // SECOND_MS * SECOND_MS + SECOND_MS)
        snapshot = engine.snapshot()
        assert snapshot.open_calls <= 500
        assert snapshot.ended_calls <= 300
        assert len(snapshot.scopes) == len(shared_plan().contracts) + 11 + 50
        assert sum(snapshot.agents.values()) == 20
        assert snapshot.waiting[0] == snapshot.open_calls
    assert engine.discards["too_many_open_calls"] == calls - 500
    assert engine.discards["too_many_agents"] == 1_000 - 20
    assert engine.discards["unknown_queue"] == calls - 50
    assert lifetime(engine, "organization", OFFERED) == calls
    assert lifetime(engine, "organization", ENDED_UNKNOWN) == calls - 500
    assert sum(1 for _ in engine.tracker.register.calls()) <= 800


# -- the end of calls -----------------------------------------------------------------------------


def test_restart_of_a_source_ends_its_open_calls_and_no_others() -> None:
    engine = running()
    foreign = happened("queued", BASE_MS, "theirs")
    foreign.source = "other"
    ours = [
        happened("queued", BASE_MS, "waits"),
        happened("queued", BASE_MS, "talks"),
        happened("answered", BASE_MS + 1_000, "talks"),
        happened("started", BASE_MS, "ivr", None),
        other("agent.state", agent="x", state="busy"),
        other("heartbeat", seq=900),
    ]
    engine.on_events([foreign, *ours], BASE_MS + 2_000)
    reset = [other("source.reset", BASE_MS + 5_000), other("heartbeat", BASE_MS + 6_000, seq=3)]
    engine.on_events(reset, BASE_MS + 6_000)
    engine.on_tick(BASE_MS + 10_000)
    snapshot = engine.snapshot()
    assert (snapshot.open_calls, snapshot.waiting[0]) == (1, 1)
    assert lifetime(engine, "organization", ENDED_UNKNOWN) == 3
    assert lifetime(engine, "queue/", ENDED_UNKNOWN) == 1
    assert snapshot.discards == {"reset": 3}
    assert not any(snapshot.agents.values())
    assert [source.gaps_total for source in snapshot.sources] == [0, 0]


def test_snapshot_of_an_empty_queue_ends_who_is_held_there() -> None:
    engine = running()
    events = [
        happened("queued", BASE_MS, "gone"),
        happened("queued", BASE_MS + 9_000, "later"),
        happened("queued", BASE_MS, "elsewhere", "B"),
    ]
    engine.on_events(events, BASE_MS + 9_000)
    for depth in (3, None, 0):
        shown = other("queue.snapshot", BASE_MS + 5_000, queue="A", depth=depth)
        engine.on_events([shown], BASE_MS + 9_000)
    engine.on_tick(BASE_MS + 10_000)
    row = figures(engine.snapshot(), "queue/A", MINUTE_MS)
    assert (row["waiting"], row["ended_unknown_waiting"]) == (1, 1)
    assert figures(engine.snapshot(), "queue/B", MINUTE_MS)["waiting"] == 1
    assert engine.discards == {"gone_from_snapshot": 1}


def test_a_call_of_which_nothing_more_is_heard_is_given_up_in_its_time() -> None:
    engine = running(Limits(call_age_ms=60_000))
    engine.on_events([happened("queued", BASE_MS + 500)], BASE_MS + 500)
    engine.on_events([happened("queued", BASE_MS + 500)], BASE_MS + 30_500)
    engine.on_tick(BASE_MS + 90_000)
    assert engine.tracker.register.open_count == 1
    engine.on_tick(BASE_MS + 91_000)
    assert engine.tracker.register.open_count == 0
    assert engine.discards == {"duplicate": 1, "expired": 1}
    # It was only silent: what still comes puts everything right.
    engine.on_events([happened("answered", BASE_MS + 20_000)], BASE_MS + 92_000)
    engine.on_tick(BASE_MS + 93_000)
    row = figures(engine.snapshot(), "queue/A", HOUR_MS)
    assert (row["answered_within"], row["late"], row["ended_unknown"]) == (1, 0, 0)
    assert engine.tracker.register.open_count == 1


def test_late_duplicates_revive_no_call_as_long_as_it_is_remembered() -> None:
    story = [happened("queued", BASE_MS), happened("abandoned", BASE_MS + 2_000)]
    engine = running(Limits(ended_for_ms=60_000))
    engine.on_events([*story, *story], BASE_MS + 2_000)
    engine.on_tick(BASE_MS + 61_000)
    engine.on_events(story, BASE_MS + 61_500)
    engine.on_tick(BASE_MS + 62_000)
    assert lifetime(engine, "queue/A", OFFERED) == lifetime(engine, "queue/A", ENDED) == 1
    assert engine.snapshot().ended_calls == 0
    engine.on_events(story, BASE_MS + 62_500)
    engine.on_tick(BASE_MS + 63_000)
    assert lifetime(engine, "queue/A", OFFERED) == 2


def test_call_that_ends_twice_is_remembered_once_and_its_id_can_be_used_again() -> None:
    engine = running(Limits(ended_for_ms=60_000, ended_calls=1))
    first = [
        happened("queued", BASE_MS),
        happened("dequeued", BASE_MS + 1_000),
        happened("disconnected", BASE_MS + 1_000, queue=None),
    ]
    engine.on_events(first, BASE_MS + 1_000)
    engine.on_tick(BASE_MS + 2_000)
    assert engine.snapshot().ended_calls == 1
    engine.on_events([*_one_more("d"), *_one_more("e")], BASE_MS + 2_000)
    engine.on_tick(BASE_MS + 3_000)
    engine.on_events([happened("queued", BASE_MS + 3_000)], BASE_MS + 3_000)
    engine.on_tick(BASE_MS + 70_000)
    engine.on_events([happened("answered", BASE_MS + 60_000)], BASE_MS + 70_000)
    engine.on_tick(BASE_MS + 71_000)
    row = figures(engine.snapshot(), "organization", HOUR_MS)
    assert (row["offered"], row["answered"], row["answered_unmeasured"]) == (4, 1, 0)
    assert (row["ended"], row["disconnected"], row["waiting"]) == (4, 1, 0)


def _one_more(call: str) -> list[Event]:
    return [happened(kind, BASE_MS + 2_000, call) for kind in ("queued", "abandoned")]


def test_end_without_a_queue_ends_the_visit_that_is_open() -> None:
    engine = running()
    engine.on_events([happened("queued", BASE_MS), happened("answered", BASE_MS + 1)], BASE_MS + 1)
    cut = happened("disconnected", BASE_MS + 9_000, queue=None, reason="telecom")
    engine.on_events([cut, cut], BASE_MS + 9_000)
    engine.on_tick(BASE_MS + 10_000)
    assert lifetime(engine, "queue/A", DISCONNECTED) == 1
    assert lifetime(engine, "organization", ENDED) == lifetime(engine, "organization", CALLS_MADE)
    assert engine.discards == {"duplicate_end": 1}


def test_sequence_numbers_that_never_came_are_counted() -> None:
    engine = running()
    for seq in (5, 6, 9, 7, 9, 20):
        engine.on_events([other("heartbeat", seq=seq)], BASE_MS)
    engine.on_tick(BASE_MS + SECOND_MS)
    assert [source.gaps_total for source in engine.snapshot().sources] == [2 + 10]


def test_agents_are_counted_in_their_newest_known_state() -> None:
    engine = running()
    for at_s, agent, state in ((1, "x", "busy"), (0, "x", "paused"), (1, "y", "flying")):
        engine.on_events(
            [other("agent.state", BASE_MS + at_s, agent=agent, state=state)], BASE_MS + 1_000
        )
    engine.on_tick(BASE_MS + 2_000)
    assert {state: n for state, n in engine.snapshot().agents.items() if n} == {"busy": 1}
    assert engine.discards == {"bad_agent_state": 1}


# -- ticks and snapshots --------------------------------------------------------------------------

RULE = RulePlan("r", Measure.SERVICE_LEVEL, MINUTE_MS, 3_000, 2_000, "page", ("*",))


@LAWS
@given(
    events=histories(calls=4),
    extra_s=st.sampled_from((0, 61, 3_700)),
    with_rules=st.booleans(),
    limits=st.sampled_from((Limits(), Limits(call_age_ms=45_000, ended_for_ms=50_000))),
)
def test_quiet_ticks_change_nothing(
    events: list[Event], extra_s: int, limits: Limits, *, with_rules: bool
) -> None:
    plan = replace(shared_plan(), rules=(RULE,) if with_rules else (), min_calls=1)
    each, asked = running(limits, plan), running(limits, plan)
    until_ms = BASE_MS + (300 + extra_s) * SECOND_MS
    deliver(each, events, until_ms)
    deliver(asked, events, until_ms, jumps=True)
    first, second = each.snapshot(), asked.snapshot()
    for attribute in attributes(first):
        left, right = getattr(first, attribute.name), getattr(second, attribute.name)
        if isinstance(left, WatchView):
            left, right = asdict(left), asdict(right)
        np.testing.assert_equal(left, right, err_msg=attribute.name)


def test_a_queue_that_is_admitted_while_a_snapshot_is_made_does_not_tear_it() -> None:
    engine = running(plan=Plan("Org", standard(), queues=("q-*",), rules=()))
    engine.on_events([happened("queued", BASE_MS, "c1", "q-1")], BASE_MS)
    engine.on_tick(BASE_MS + SECOND_MS)
    whole = engine.snapshot()
    steps, torn = engine.snapshot_steps(), None
    try:
        for number in range(100):
            next(steps)
            told = happened("queued", BASE_MS + SECOND_MS, f"n{number}", f"q-{number + 2}")
            engine.on_events([told], BASE_MS + SECOND_MS)
    except StopIteration as done:
        torn = done.value
    assert torn is not None
    for attribute in ("scopes", "counts", "waiting", "verdicts", "hold_floor_s", "lifetime"):
        np.testing.assert_equal(getattr(torn, attribute), getattr(whole, attribute))


def test_snapshot_does_not_change_when_the_engine_goes_on() -> None:
    engine = running()
    engine.on_events([happened("queued", BASE_MS)], BASE_MS)
    engine.on_tick(BASE_MS + SECOND_MS)
    taken = engine.snapshot()
    before = (taken.counts.copy(), taken.lifetime.copy(), taken.waiting.copy(), taken.discards)
    engine.on_events([happened("abandoned", BASE_MS + 1_500)] * 2, BASE_MS + 1_500)
    tick_to(engine, BASE_MS + SECOND_MS, BASE_MS + 100_000)
    engine.snapshot()
    after = (taken.counts, taken.lifetime, taken.waiting, taken.discards)
    np.testing.assert_equal(after, before)


def test_alerts_of_an_engine_come_from_its_events() -> None:
    engine = running(plan=replace(shared_plan(), rules=(RULE,), min_calls=1))
    engine.on_events([happened("queued", BASE_MS)], BASE_MS)
    changed = [alert for s in range(1, 61) for alert in engine.on_tick(BASE_MS + s * SECOND_MS)]
    fired = [alert.fired_ms for alert in changed if alert.state is AlertState.FIRING]
    # Late at 30 s, seen when that second is over, and held for three more.
    assert fired == [BASE_MS + 34_000] * 5


def test_call_that_was_taken_up_again_is_given_up_once() -> None:
    engine = running(Limits(call_age_ms=60_000))
    for kind, after_s in (("queued", 0), ("dequeued", 5), ("queued", 10)):
        engine.on_events([happened(kind, BASE_MS + after_s * 1_000)], BASE_MS + after_s * 1_000)
    engine.on_tick(BASE_MS + 300_000)
    assert engine.discards == {"expired": 1}
    assert engine.snapshot().open_calls == 0
    assert engine.snapshot().ended_calls == 1
