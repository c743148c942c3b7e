"""What a source says it has sent against what has come, whatever happens on the way."""

from dataclasses import replace

import pytest
from core.made_calls import BASE_MS, LAWS, watched_plan
from hypothesis import given
from hypothesis import strategies as st

from monitor.core import checkpoint
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.outages.inputs import LinkChanged
from monitor.core.plan import SECOND_MS
from monitor.core.sent_check import SentCheck

BEAT_MS = 10 * SECOND_MS

# Between two heartbeats: events sent, how many of them are lost, how many are late by one
# heartbeat, and how many come twice.
rounds = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


@LAWS
@given(rounds=rounds, begun=st.integers(0, 10**6))
def test_no_more_is_missing_than_was_lost_or_is_late(
    rounds: list[tuple[int, int, int, int]], begun: int
) -> None:
    check, told, came, lost, late = SentCheck(), begun, 0, 0, 0
    check.beat(told, came)
    for sent, dropped, delays, twice in rounds:
        losses = min(sent, dropped)
        came += late
        late = min(sent - losses, delays)
        came += sent - losses - late + twice
        lost, told = lost + losses, told + sent
        check.beat(told, came)
        assert check.missing <= lost + late
        assert check.missing <= check.missing_total


@LAWS
@given(losses=st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_all_that_was_lost_is_told_three_heartbeats_later(losses: list[int]) -> None:
    check, told, came = SentCheck(), 0, 0
    check.beat(told, came)
    for lost in (*losses, 0, 0):
        told, came = told + lost + 1, came + 1
        check.beat(told, came)
    assert check.missing == check.missing_total == sum(losses)


def test_a_source_that_counts_anew_is_compared_anew() -> None:
    check = SentCheck()
    for told, came in ((100, 0), (110, 5), (120, 15), (130, 25)):
        check.beat(told, came)
    assert check.missing == 5
    for told in (3, 5, 7, 9):
        check.beat(told, 25 + told)
        assert check.missing == 0
    assert check.missing_total == 5


def told_of(engine: Engine, beats: list[tuple[int, int]]) -> None:
    """Heartbeats, each with what it tells and how many calls came since the one before."""
    plan = engine.plan
    at_ms, number = max(BASE_MS, engine.ring.closed_s * SECOND_MS), 0
    for told, calls in beats:
        batch = [
            Event("call.queued", plan.sources[0], 0.0, call_id=f"{at_ms}-{n}", queue="A")
            for n in range(calls)
        ]
        batch.append(Event("heartbeat", plan.sources[0], 0.0, events_total=told))
        for event in batch:
            event.at_ms = at_ms
        engine.on_events(batch, at_ms)
        number += calls
        at_ms += BEAT_MS
        for _ in engine.advance(at_ms):
            pass


def seen(engine: Engine) -> bool:
    assert engine.watch is not None
    return bool(engine.watch.seen(engine.ring.closed_s * SECOND_MS)[0].all())


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_source_of_which_only_heartbeats_come_is_not_seen(is_restarted: bool) -> None:  # noqa: FBT001
    engine = Engine(replace(watched_plan(), sources=("pbx",)))
    engine.on_input(LinkChanged(engine.plan.sources[0], is_linked=True), BASE_MS)
    told_of(engine, [(0, 0), (5, 5), (9, 4), (9, 0), (9, 0), (9, 0), (9, 0)])
    assert seen(engine)  # nobody calls, and it says so
    told_of(engine, [(11, 0), (14, 0)])
    if is_restarted:
        parts = checkpoint.take(engine).items()
        told = {name: part() if callable(part) else part for name, part in parts}
        engine = checkpoint.restore(engine.plan, told)
    assert seen(engine)
    told_of(engine, [(15, 0)])
    assert not seen(engine)
    (source,) = engine.snapshot().sources
    assert source.missing == 2  # as two heartbeats ago, when three more were not sent yet
    told_of(engine, [(17, 2)])
    assert seen(engine)
    told_of(engine, [(17, 0), (17, 0)])
    (source,) = engine.snapshot().sources
    assert source.missing == 6
