"""The simulated day: reproducible, conserving every call, and bad in the way that it promises."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise

import pytest

from monitor.core import events as ev
from monitor.core.events import Event
from monitor.formats.normalized import NormalizedDecoder
from monitor.formats.writing import to_wire
from monitor.simulation.bad_day import (
    BAD_DAY,
    BAD_DAY_QUEUES,
    BAD_DAY_SITES,
    STAFF_LOSS,
    TRUNK_FAILURE,
    simulate_bad_day,
)

START_MS = 1_700_000_000_000
SEEDS = (1, 2, 3)
ENDS = {
    ev.CALL_ABANDONED,
    ev.CALL_DEQUEUED,
    ev.CALL_TRANSFERRED,
    ev.CALL_COMPLETED,
    ev.CALL_DISCONNECTED,
}


@cache
def day(seed: int) -> list[Event]:
    return simulate_bad_day(seed, START_MS)


def between(seed: int, from_min: float, until_min: float) -> list[Event]:
    """Events of queues in a part of the day, minutes from its start."""
    from_ms, until_ms = START_MS + from_min * 60_000, START_MS + until_min * 60_000
    return [e for e in day(seed) if e.queue is not None and from_ms <= e.at_ms < until_ms]


def average_hold_ms(events: Iterable[Event]) -> float:
    waits = [e.wait_ms for e in events if e.type == ev.CALL_ANSWERED]
    return sum(wait for wait in waits if wait is not None) / len(waits)


def service_level(events: list[Event]) -> float:
    """Answered within 30 s of all answered or ended unanswered: a plain recount by the end."""
    answered = [e for e in events if e.type == ev.CALL_ANSWERED]
    unanswered = [e for e in events if e.type in ENDS and e.answered_ms is None]
    within = sum(e.wait_ms is not None and e.wait_ms <= 30_000 for e in answered)
    return within / (len(answered) + len(unanswered))


def disconnect_ratio(events: Iterable[Event]) -> float:
    ended = Counter(e.type for e in events if e.type in ENDS)
    return ended[ev.CALL_DISCONNECTED] / ended.total()


def test_a_seed_gives_the_same_day_again() -> None:
    assert simulate_bad_day(7, START_MS) == simulate_bad_day(7, START_MS)


def test_another_seed_gives_other_calls_with_other_ids() -> None:
    one, two = ({e.call_id for e in day(seed)} - {None} for seed in (1, 2))
    assert one
    assert not one & two


def test_another_start_moves_every_instant_and_nothing_else() -> None:
    def moved(event: Event) -> tuple[object, ...]:
        return (event.type, event.call_id, event.at_ms + 5_000, event.wait_ms, event.talk_ms)

    later = simulate_bad_day(1, START_MS + 5_000)
    assert [moved(e) for e in day(1)] == [
        (e.type, e.call_id, e.at_ms, e.wait_ms, e.talk_ms) for e in later
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_day_has_thousands_of_calls_on_every_queue_and_site(seed: int) -> None:
    started = [e for e in day(seed) if e.type == ev.CALL_STARTED]
    assert 6_000 <= len(started) <= 15_000
    assert {e.site for e in started} == set(BAD_DAY_SITES)
    offered = Counter(e.queue for e in day(seed) if e.type == ev.CALL_QUEUED)
    assert set(offered) == {queue.key for queue in BAD_DAY_QUEUES}
    assert min(offered.values()) > 500


@pytest.mark.parametrize("seed", SEEDS)
def test_every_visit_to_a_queue_ends_exactly_once(seed: int) -> None:
    visits: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for event in day(seed):
        if event.queue is not None and event.call_id is not None:
            visits[event.call_id, event.queue, event.entry].append(event.type)
    for key, types in visits.items():
        assert types[0] == ev.CALL_QUEUED, key
        assert types[1:-1] in ([], [ev.CALL_ANSWERED]), key
        assert types[-1] in ENDS, key
        unanswered = types[-1] in {ev.CALL_ABANDONED, ev.CALL_DEQUEUED}
        assert not (unanswered and ev.CALL_ANSWERED in types), key
        if types[-1] in {ev.CALL_COMPLETED, ev.CALL_TRANSFERRED}:
            assert ev.CALL_ANSWERED in types, key


@pytest.mark.parametrize("seed", SEEDS)
def test_every_call_starts_once_and_says_nothing_after_its_end(seed: int) -> None:
    calls: dict[str, list[Event]] = defaultdict(list)
    for event in day(seed):
        if event.call_id is not None:
            calls[event.call_id].append(event)
    for call_id, its in calls.items():
        assert [e.type for e in its].count(ev.CALL_STARTED) == 1, call_id
        assert its[0].type == ev.CALL_STARTED, call_id
        for one, following in pairwise(its):
            if one.type in ENDS:
                assert (one.type, following.type) == (ev.CALL_TRANSFERRED, ev.CALL_QUEUED), call_id
        assert its[-1].type in ENDS - {ev.CALL_TRANSFERRED}, call_id


@pytest.mark.parametrize("seed", SEEDS)
def test_an_agent_has_one_call_at_a_time_and_only_calls_of_own_skill(seed: int) -> None:
    engaged: dict[str, str | None] = {}
    skills = {e.agent: e.skill for e in day(seed) if e.type == ev.AGENT_STATE}
    for event in day(seed):
        if event.agent is None or event.call_id is None:
            continue
        if event.type == ev.CALL_ANSWERED:
            assert engaged.get(event.agent) is None, event
            engaged[event.agent] = event.call_id
            assert event.queue in (skills[event.agent] or []), event
        elif event.type in ENDS:
            assert engaged.pop(event.agent) == event.call_id, event


@pytest.mark.parametrize("seed", SEEDS)
def test_agents_are_seen_to_vanish_and_to_return(seed: int) -> None:
    def present(at_s: float) -> int:
        states: dict[str | None, str | None] = {}
        for event in day(seed):
            if event.at_ms > START_MS + at_s * 1000:
                break
            if event.type == ev.AGENT_STATE and event.site == STAFF_LOSS.site:
                states[event.agent] = event.state
        return sum(state != "offline" for state in states.values())

    before = present(STAFF_LOSS.at_s - 1)
    # An hour later the last conversation of those who left is over.
    assert present(STAFF_LOSS.at_s + 3600) == pytest.approx(before / 3, abs=1)
    assert present(STAFF_LOSS.until_s + STAFF_LOSS.return_s + 60) >= before - 2


@pytest.mark.parametrize("seed", SEEDS)
def test_events_are_complete_and_explain_themselves(seed: int) -> None:
    events = day(seed)
    assert [e.seq for e in events] == list(range(len(events)))
    assert all(one.at_ms <= following.at_ms for one, following in pairwise(events))
    for event in events:
        assert event.type in (*ev.CALL_TYPES, ev.AGENT_STATE, ev.HEARTBEAT)
        assert event.ts == event.at_ms / 1000
        if event.type in ENDS:
            assert event.ended_by in ev.ENDED_BY
            assert event.reason in ev.REASONS
        if event.queued_ms is not None and event.type != ev.CALL_QUEUED:
            until_ms = event.at_ms if event.answered_ms is None else event.answered_ms
            assert event.wait_ms == until_ms - event.queued_ms
        if event.answered_ms is not None and event.type in ENDS:
            assert event.talk_ms == event.at_ms - event.answered_ms


def test_the_wire_form_of_every_event_decodes_to_the_same_event() -> None:
    decoder = NormalizedDecoder("pbx1", b"key of the test")
    for event in day(1):
        decoded = decoder.decode(to_wire(event))
        assert not decoded.rejected
        (back,) = decoded.events
        # The agent's key is hashed again on the way in.
        back.agent = event.agent
        assert back == event


@pytest.mark.parametrize("seed", SEEDS)
def test_the_source_shows_that_it_is_alive_every_ten_seconds(seed: int) -> None:
    beats = [e.at_ms for e in day(seed) if e.type == ev.HEARTBEAT]
    assert {later - earlier for earlier, later in pairwise(beats)} == {10_000}
    assert beats[-1] == START_MS + BAD_DAY.duration_s * 1000


@pytest.mark.parametrize("seed", range(1, 9))
@pytest.mark.parametrize(
    ("from_min", "until_min", "measure", "is_bad"),
    [
        pytest.param(0, 30, lambda e: average_hold_ms(e) > 120_000, False, id="morning hold"),
        pytest.param(0, 30, lambda e: service_level(e) < 0.8, False, id="morning level"),
        pytest.param(0, 45, lambda e: disconnect_ratio(e) > 0.05, False, id="morning drops"),
        pytest.param(50, 60, lambda e: service_level(e) < 0.8, True, id="level after loss"),
        pytest.param(180, 230, lambda e: average_hold_ms(e) > 120_000, True, id="hold by noon"),
        pytest.param(60, 115, lambda e: disconnect_ratio(e) > 0.05, False, id="no drops yet"),
        pytest.param(120, 150, lambda e: disconnect_ratio(e) > 0.05, True, id="trunk drops"),
        pytest.param(270, 480, lambda e: average_hold_ms(e) > 120_000, False, id="evening hold"),
        pytest.param(270, 480, lambda e: service_level(e) < 0.8, False, id="evening level"),
        pytest.param(270, 480, lambda e: disconnect_ratio(e) > 0.05, False, id="evening drops"),
    ],
)
def test_the_day_fails_and_recovers_when_it_says(
    seed: int,
    from_min: float,
    until_min: float,
    measure: Callable[[list[Event]], bool],
    is_bad: bool,  # noqa: FBT001
) -> None:
    assert measure(between(seed, from_min, until_min)) is is_bad


@pytest.mark.parametrize("seed", SEEDS)
def test_the_trunk_failure_hits_only_its_site_and_comes_in_bursts(seed: int) -> None:
    # Between bursts a call is cut off now and then; a burst takes many at one instant.
    cut = Counter((e.at_ms, e.site) for e in day(seed) if e.type == ev.CALL_DISCONNECTED)
    bursts = [(at_ms, site) for (at_ms, site), count in cut.items() if count > 5]
    assert len(bursts) >= 3
    for at_ms, site in bursts:
        assert site == TRUNK_FAILURE.site
        at_s = (at_ms - START_MS) / 1000
        assert TRUNK_FAILURE.at_s <= at_s <= TRUNK_FAILURE.until_s
    dropped = [e for e in day(seed) if e.type == ev.CALL_DISCONNECTED]
    assert all(e.reason == "telecom" for e in dropped)
    assert any(e.answered_ms is None and e.queue is not None for e in dropped)
