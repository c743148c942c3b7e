"""A restart is invisible: an engine from a checkpoint goes on exactly as the one that went on.

The checkpoint is taken after any event, on a tick or between two, of histories that are told late,
twice and with holes; then both engines get the same rest and have to show the same.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from dataclasses import fields as attributes

import numpy as np
import pytest
from core.made_calls import (
    BASE_MS,
    LAWS,
    QUEUES,
    WINDOWS_MS,
    deliver,
    happened,
    histories,
    shared_plan,
    tell,
    watched_plan,
)
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.alerts import LiveAlert
from monitor.core.checkpoint import CheckpointError, restore, take
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.fields import CALLS_MADE, OFFERED
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS, Limits, Plan, RulePlan
from monitor.core.snapshot import AlertState, WatchView
from monitor.core.standards import Measure

RULES = tuple(
    RulePlan(
        f"{measure}-{window_ms}",
        measure,
        window_ms,
        for_ms=for_ms,
        clear_for_ms=2_000,
        severity="page",
        scopes=("*",),
        no_data_for_ms=30_000,
    )
    for measure, window_ms, for_ms in (
        (Measure.SERVICE_LEVEL, 5_000, 0),
        (Measure.DISCONNECT_RATIO, MINUTE_MS, 3_000),
        (Measure.AVERAGE_HOLD, HOUR_MS, 60_000),
    )
)
TIGHT = Limits(open_calls=3, ended_calls=2, ended_for_ms=60_000, call_age_ms=90_000, agents=2)


def plan(limits: Limits) -> Plan:
    return replace(shared_plan(), rules=RULES, min_calls=1, limits=limits)


def watched(limits: Limits) -> Plan:
    return replace(watched_plan(), rules=RULES, min_calls=1, limits=limits)


def parts_of(engine: Engine) -> dict[str, bytes]:
    return {
        name: part if isinstance(part, bytes) else part() for name, part in take(engine).items()
    }


def assert_same(one: Engine, other: Engine) -> None:
    first, second = one.snapshot(), other.snapshot()
    for attribute in attributes(first):
        left, right = getattr(first, attribute.name), getattr(second, attribute.name)
        if isinstance(left, WatchView):
            np.testing.assert_equal(asdict(left), asdict(right), err_msg=attribute.name)
        elif isinstance(left, np.ndarray):
            np.testing.assert_array_equal(left, right, err_msg=attribute.name)
        else:
            assert left == right, attribute.name


def other_events() -> st.SearchStrategy[Event]:
    at_ms = st.integers(BASE_MS, BASE_MS + 300_000)

    def made(kind: str, **given_: object) -> Event:
        told = happened("started", 0, queue=None)
        told.type, told.call_id = kind, None
        for name, value in given_.items():
            setattr(told, name, value)
        return told

    return st.one_of(
        st.builds(lambda at: made("source.reset", at_ms=at), at_ms),
        st.builds(
            lambda at, queue: made("queue.snapshot", at_ms=at, queue=queue, depth=0),
            at_ms,
            st.sampled_from(QUEUES),
        ),
        st.builds(
            lambda at, agent, state: made("agent.state", at_ms=at, agent=agent, state=state),
            at_ms,
            st.sampled_from(("a", "b", "c")),
            st.sampled_from(("available", "busy", "asleep")),
        ),
        st.builds(lambda at, seq: made("heartbeat", at_ms=at, seq=seq), at_ms, st.integers(0, 9)),
    )


@st.composite
def deliveries(draw: st.DrawFn) -> list[tuple[Event | None, int]]:
    """Events and ticks (None) with the instant of each: late, repeated, with gaps of any length."""
    events = draw(histories()) + draw(st.lists(other_events(), max_size=3))
    told = draw(st.lists(st.sampled_from(tell_any(events)), min_size=1, max_size=25))
    if draw(st.booleans()):
        told = tell_any(told)
    now_ms = BASE_MS
    delivered: list[tuple[Event | None, int]] = [(None, now_ms)]
    for one in told:
        if draw(st.integers(0, 2)) == 0:
            now_ms += draw(st.sampled_from((1, 1, 5, 40, 61, 95, 3_600, 15_000))) * SECOND_MS
            now_ms = now_ms // SECOND_MS * SECOND_MS
            delivered.append((None, now_ms))
        now_ms += draw(st.sampled_from((0, 0, 17)))
        now_ms = min(now_ms, now_ms // SECOND_MS * SECOND_MS + 999)
        delivered.append((one, now_ms))
    return delivered


def tell_any(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda told: told.at_ms)


def do(engine: Engine, one: Event | None, now_ms: int) -> None:
    if one is None:
        engine.on_tick(now_ms)
    else:
        engine.on_events([one], now_ms)


@LAWS
@given(
    delivered=deliveries(),
    cut=st.integers(0, 40),
    limits=st.sampled_from((Limits(), TIGHT)),
)
def test_restart_after_any_event_equals_no_restart(
    delivered: list[tuple[Event | None, int]], cut: int, limits: Limits
) -> None:
    stayed = Engine(plan(limits))
    for one, now_ms in delivered[:cut]:
        do(stayed, one, now_ms)
    restarted = restore(plan(limits), parts_of(stayed))
    if stayed.ring.closed_s >= 0:
        assert_same(stayed, restarted)
    for one, now_ms in delivered[cut:]:
        do(stayed, one, now_ms)
        do(restarted, one, now_ms)
    last_ms = max(delivered[-1][1] // SECOND_MS * SECOND_MS, stayed.ring.closed_s * SECOND_MS)
    for later_s in (1, 2, 3, 33, 70, 100, 3_700, 16_000, 90_000):
        changed = [engine.on_tick(last_ms + later_s * SECOND_MS) for engine in (stayed, restarted)]
        assert changed[0] == changed[1]
        assert_same(stayed, restarted)


def test_the_call_that_is_given_up_first_is_the_same_after_a_restart() -> None:
    stayed = Engine(replace(shared_plan(), limits=Limits(open_calls=2)))
    stayed.on_tick(BASE_MS)
    for kind, call, after_ms in (("queued", "1", 0), ("queued", "2", 10), ("answered", "1", 20)):
        stayed.on_events([happened(kind, BASE_MS + after_ms, call)], BASE_MS + after_ms)
    restarted = restore(stayed.plan, parts_of(stayed))
    for engine in (stayed, restarted):
        engine.on_events([happened("queued", BASE_MS + 30, "3")], BASE_MS + 30)
        engine.on_tick(BASE_MS + 60_000)
        calls = engine.tracker.register.calls()
        assert [call.call_id for call in calls if call.forget_ms < 0] == ["1", "3"]
    assert_same(stayed, restarted)


@LAWS
@given(events=histories(), at_s=st.integers(1, 400))
def test_checkpoint_of_a_restored_engine_restores_the_same_again(
    events: list[Event], at_s: int
) -> None:
    engine = Engine(plan(Limits()))
    deliver(engine, events, BASE_MS + at_s * SECOND_MS)
    first = parts_of(engine)
    again = restore(engine.plan, first)
    assert_same(engine, again)
    assert_same(again, restore(engine.plan, parts_of(again)))


# -- with another plan ----------------------------------------------------------------------------


def without_b(full: Plan) -> Plan:
    """The plan with queue B gone from every line."""
    return replace(
        full,
        contracts=tuple(
            replace(
                contract,
                lines=tuple(
                    replace(line, queues=tuple(key for key in line.queues if key != "B"))
                    for line in contract.lines
                ),
            )
            for contract in full.contracts
        ),
    )


def row_of(engine: Engine, name: str) -> int:
    return next(scope.row for scope in engine.table.scopes if scope.name == name)


@LAWS
@given(events=histories(), at_s=st.integers(1, 400))
def test_queue_that_is_not_configured_any_more_goes_on_as_unconfigured(
    events: list[Event], at_s: int
) -> None:
    engine = Engine(shared_plan())
    at_ms = BASE_MS + at_s * SECOND_MS
    deliver(engine, events, at_ms, jumps=True)
    restored = restore(without_b(engine.plan), parts_of(engine))
    rest = [told for told in events if told.at_ms >= at_ms]
    until_ms = at_ms + 400 * SECOND_MS
    deliver(engine, rest, until_ms, jumps=True)
    deliver(restored, rest, until_ms, jumps=True)
    before, after_ = engine.snapshot(), restored.snapshot()
    for old, new in (
        ("organization", "organization"),
        ("queue/A", "queue/A"),
        ("queue/C", "queue/C"),
        ("queue/", "queue/"),
        ("site/Fresno", "site/Fresno"),
        ("queue/B", "queue/unconfigured"),
        ("queue/A", "contract/H1"),
        ("queue/C", "contract/S2"),
    ):
        left, right = row_of(engine, old), row_of(restored, new)
        np.testing.assert_array_equal(before.counts[:, left], after_.counts[:, right], err_msg=new)
        np.testing.assert_array_equal(before.lifetime[left], after_.lifetime[right], err_msg=new)
        assert before.waiting[left] == after_.waiting[right]


@LAWS
@given(events=histories(), at_s=st.integers(1, 400))
def test_rows_find_their_counts_when_the_plan_is_turned_round(
    events: list[Event], at_s: int
) -> None:
    """Contracts and queues in another order, further queues and sites, and one site gone."""
    engine = Engine(shared_plan())
    at_ms = BASE_MS + at_s * SECOND_MS
    deliver(engine, events, at_ms, jumps=True)
    turned = replace(
        engine.plan,
        contracts=tuple(reversed(engine.plan.contracts)),
        queues=("new", "C", "B"),
        sites=("Reno", "Las Vegas"),
    )
    restored = restore(turned, parts_of(engine))
    rest = [told for told in events if told.at_ms >= at_ms]
    deliver(engine, rest, at_ms + 400 * SECOND_MS, jumps=True)
    deliver(restored, rest, at_ms + 400 * SECOND_MS, jumps=True)
    before, after_ = engine.snapshot(), restored.snapshot()
    rows = {scope.name: scope.row for scope in after_.scopes}
    for scope in before.scopes:
        if scope.name != "site/Fresno":
            row = rows[scope.name]
            np.testing.assert_array_equal(
                before.counts[:, scope.row], after_.counts[:, row], err_msg=scope.name
            )
            np.testing.assert_array_equal(before.lifetime[scope.row], after_.lifetime[row])
            assert before.longest_wait_ms[scope.row] == after_.longest_wait_ms[row]
    for name in ("site/Reno", "site/Las Vegas", "queue/new"):
        assert not after_.lifetime[rows[name]].any()


@LAWS
@given(events=histories(), at_s=st.integers(1, 400))
def test_window_that_is_new_is_summed_from_what_is_held(events: list[Event], at_s: int) -> None:
    engine = Engine(shared_plan())
    at_ms = BASE_MS + at_s * SECOND_MS
    deliver(engine, events, at_ms, jumps=True)
    windows_ms = (7 * SECOND_MS, MINUTE_MS, 10 * MINUTE_MS, 3 * HOUR_MS)
    changed = replace(engine.plan, windows_ms=windows_ms)
    restored, fresh = restore(changed, parts_of(engine)), Engine(changed)
    deliver(fresh, events, at_ms, jumps=True)
    for more_s in (0, 1, 60, 700, 10_900):
        for one in (restored, fresh):
            one.on_tick(at_ms + more_s * SECOND_MS)
        np.testing.assert_array_equal(restored.ring.sums, fresh.ring.sums)


def test_queues_that_a_pattern_admitted_keep_their_counts() -> None:
    pattern = replace(shared_plan(), queues=("q-*",))
    engine = Engine(pattern)
    engine.on_tick(BASE_MS)
    for turn, number in enumerate((3, 1, 2, 1)):
        told = happened("queued", BASE_MS, f"c{turn}", f"q-{number}")
        engine.on_events([told], BASE_MS)
    engine.on_tick(BASE_MS + SECOND_MS)
    restored = restore(pattern, parts_of(engine))
    assert_same(engine, restored)
    snapshot = restored.snapshot()
    for number, offered in ((1, 2), (2, 1), (3, 1)):
        row = row_of(restored, f"queue/q-{number}")
        assert snapshot.counts[0, row, OFFERED] == snapshot.waiting[row] == offered
    assert snapshot.counts[0, 0, CALLS_MADE] == 4


def test_alert_of_a_rule_that_is_gone_is_handed_back_and_no_other() -> None:
    engine = Engine(plan(Limits()))
    live = [
        LiveAlert(RULES[0].name, "queue/A", AlertState.FIRING, BASE_MS, BASE_MS),
        LiveAlert("gone", "queue/A", AlertState.FIRING, BASE_MS, BASE_MS),
        LiveAlert(RULES[0].name, "queue/gone", AlertState.PENDING, BASE_MS),
    ]
    assert engine.alert_book.restore(live) == live[1:]
    assert [alert.scope for alert in engine.alert_book.alerts()] == ["queue/A"]


# -- damage ---------------------------------------------------------------------------------------


def filled() -> Mapping[str, bytes]:
    engine = Engine(watched(Limits()))
    told = []
    for number in range(30):
        at_ms = BASE_MS + 900 * number
        told.append(happened("queued", at_ms, f"c{number}", QUEUES[number % 3]))
        told.append(happened("answered", at_ms + 40_000, f"c{number}", QUEUES[number % 3]))
        told.append(happened("completed", at_ms + 90_000, f"c{number}", QUEUES[number % 3]))
    deliver(engine, tell(told), BASE_MS + 5_000 * SECOND_MS)
    return parts_of(engine)


FILLED = filled()


@LAWS
@given(data=st.data(), name=st.sampled_from(sorted(FILLED)))
def test_damaged_parts_are_refused_or_give_an_engine_and_nothing_else_is_raised(
    data: st.DataObject, name: str
) -> None:
    body = bytearray(FILLED[name])
    if data.draw(st.booleans()):
        body = body[: data.draw(st.integers(0, len(body) - 1))]
    else:
        for place in data.draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=4)):
            body[place] = data.draw(st.integers(0, 255))
    try:
        restored = restore(watched(Limits()), {**FILLED, name: bytes(body)})
    except CheckpointError:
        return
    assert restored.plan == watched(Limits())


@pytest.mark.parametrize("name", sorted(FILLED))
def test_missing_or_empty_part_is_refused(name: str) -> None:
    parts = dict(FILLED)
    parts[name] = b""
    with pytest.raises(CheckpointError):
        restore(watched(Limits()), parts)
    del parts[name]
    with pytest.raises(CheckpointError):
        restore(watched(Limits()), parts)


def test_checkpoint_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.core.checkpoint._VERSION", 1)
    with pytest.raises(CheckpointError, match="another version"):
        restore(watched(Limits()), FILLED)


def test_every_window_of_the_plan_is_in_a_checkpoint_of_nothing() -> None:
    restored = restore(shared_plan(), parts_of(Engine(shared_plan())))
    restored.on_tick(BASE_MS)
    snapshot = restored.snapshot()
    assert snapshot.windows_ms == WINDOWS_MS
    assert not snapshot.counts.any()
