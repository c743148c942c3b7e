"""Simulated weeks: the same again from a seed, conserving every call, and as demanded."""

from collections import Counter, defaultdict
from functools import cache
from hashlib import sha256
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from monitor.core import events as ev
from monitor.core.events import Event
from monitor.formats.normalized import NormalizedDecoder
from monitor.formats.writing import to_wire
from monitor.simulation.account import IN_ALL
from monitor.simulation.course import DAY_MS, Course
from monitor.simulation.operation import HEARTBEAT_MS
from monitor.simulation.scenario_library import load_scenario, shipped
from monitor.simulation.scenario_model import ScenarioFile
from monitor.simulation.simulate import Simulated, simulate
from monitor.simulation.truth import Truth

SEED = 7
HEARD = [name for name in shipped() if name != "feed_lost"]
ENDS = {ev.CALL_ABANDONED, ev.CALL_DEQUEUED, ev.CALL_COMPLETED, ev.CALL_DISCONNECTED}
OUTCOMES = {
    ev.CALL_STARTED: "calls_made",
    ev.CALL_QUEUED: "offered",
    ev.CALL_ANSWERED: "answered",
    ev.CALL_ABANDONED: "abandoned",
    ev.CALL_DEQUEUED: "dequeued",
    ev.CALL_DISCONNECTED: "disconnected",
    ev.CALL_COMPLETED: "completed",
}
# Two queues and ten hours that a test can survey.
SMALL = """\
name: small
title: Small
start: {date: 2025-01-27, zone: America/New_York}
duration: 12h
contracts:
  - id: H0001
    name: Example
    service_areas: [America/New_York]
    lines:
      - {name: members, kind: current-enrollee, queues: [en, es], hours: always}
profiles:
  flat: {mon-sun: {"00:00": 1, "24:00": 1}}
queues:
  - {key: en, dnis: "8005550101", calls_per_day: 2400, profile: flat, talk: 4m}
  - {key: es, dnis: "8005550102", calls_per_day: 600, profile: flat, talk: 4m}
sites:
  - name: harbor
    source: pbx1
    calls: 0.7
    staff:
      - {queue: en, agents: 8, shift: always}
      - {queue: es, agents: 4, shift: always}
  - name: mesa
    source: pbx2
    calls: 0.3
    staff:
      - {queue: en, agents: 4, shift: always}
"""


def scenario(name: str) -> ScenarioFile:
    return load_scenario(shipped()[name])


def small(folder: Path, *happenings: str) -> ScenarioFile:
    file = folder / "small.yaml"
    lines = "".join(f"  - {{{happening}}}\n" for happening in happenings)
    file.write_text(SMALL + (f"happenings:\n{lines}" if lines else ""))
    return load_scenario(file)


def digest(simulated: Simulated) -> str:
    found = sha256()
    for received_ms, event in simulated.deliveries:
        found.update(b"%d " % received_ms + to_wire(event))
    return found.hexdigest()


def at_s(course: Course, seconds: float) -> int:
    return course.start_ms + round(seconds * 1000)


@cache
def truth_of(name: str) -> Truth:
    simulated = simulate(scenario(name), SEED)
    for _ in simulated.deliveries:
        pass
    return simulated.truth


# -- the same again -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["quiet_sunday", "trunk_failure", "feed_lost"])
def test_a_seed_gives_the_same_bytes_and_the_same_truth_again(name: str) -> None:
    course = Course.of(scenario(name))
    one, other = simulate(course, 3), simulate(course, 3)
    assert digest(one) == digest(other)
    assert one.truth == other.truth


def test_another_seed_gives_another_day() -> None:
    course = Course.of(scenario("quiet_sunday"))
    assert len({digest(simulate(course, seed)) for seed in range(5)}) == 5


def test_what_happens_later_changes_nothing_before(tmp_path: Path) -> None:
    calm = small(tmp_path)
    course = Course.of(calm)
    stopped = small(tmp_path, "kind: stop_answering, at: 6h, until: 7h")
    until_ms = at_s(course, 6 * 3600)
    before = [
        [event for received_ms, event in simulate(one, SEED).deliveries if received_ms < until_ms]
        for one in (calm, stopped)
    ]
    assert before[0] == before[1]


# -- conservation -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HEARD)
def test_every_call_begins_once_and_ends_once_or_is_still_in_progress(name: str) -> None:
    stages: dict[str, str] = {}
    counts: Counter[str] = Counter()
    simulated = simulate(scenario(name), SEED)
    for _, event in simulated.deliveries:
        if event.call_id is None:
            continue
        before, kind = stages.get(event.call_id), event.type
        counts[
            "contained" if kind == ev.CALL_COMPLETED and event.queue is None else OUTCOMES[kind]
        ] += 1
        if kind == ev.CALL_STARTED:
            assert before is None, event
        elif kind == ev.CALL_QUEUED:
            assert before == ev.CALL_STARTED, event
        elif kind in (ev.CALL_ANSWERED, ev.CALL_ABANDONED, ev.CALL_DEQUEUED):
            assert before == ev.CALL_QUEUED, event
        elif kind == ev.CALL_COMPLETED:
            assert before == (ev.CALL_STARTED if event.queue is None else ev.CALL_ANSWERED), event
        else:
            assert before not in ENDS | {None}, event
        stages[event.call_id] = kind
    in_progress = sum(stage not in ENDS for stage in stages.values())
    told = simulated.truth.counts[IN_ALL]
    assert told["in_progress"] == in_progress
    assert {key: told.get(key, 0) for key in counts} == dict(counts)
    ended = sum(told.get(key, 0) for key in ("contained", *(OUTCOMES[kind] for kind in ENDS)))
    assert told["calls_made"] == ended + in_progress


@pytest.mark.parametrize("name", ["typhoon", "slow_recovery", "enrolment_peak"])
def test_an_agent_has_one_call_at_a_time_and_is_seen_to_take_and_leave_it(name: str) -> None:
    states: dict[str, str] = {}
    calls: dict[str, str | None] = {}
    queues: dict[str, set[object]] = defaultdict(set)
    for _, event in simulate(scenario(name), SEED).deliveries:
        agent = event.agent
        if agent is None:
            continue
        if event.type == ev.AGENT_STATE:
            assert event.state is not None
            assert states.get(agent) != event.state, event
            assert (event.state == "busy") == (calls.get(agent) is not None), event
            states[agent] = event.state
        elif event.type == ev.CALL_ANSWERED:
            assert calls.get(agent) is None, event
            assert states[agent] in ("available", "wrapup", "offline"), event
            calls[agent] = event.call_id
        else:
            assert calls[agent] == event.call_id, event
            calls[agent] = None
        queues[agent].add(event.queue if event.skill is None else event.skill[0])
    assert all(len(of_agent) == 1 for of_agent in queues.values())


def test_nobody_waits_while_an_agent_is_free(tmp_path: Path) -> None:
    states: dict[str, tuple[str, str]] = {}
    waiting: Counter[str] = Counter()
    last_ms = 0
    for _, event in simulate(small(tmp_path), SEED).deliveries:
        if event.at_ms > last_ms:
            for queue, count in waiting.items():
                free = [agent for agent, state in states.items() if state == ("available", queue)]
                assert not (count and free), (event, queue)
            last_ms = event.at_ms
        if event.type == ev.AGENT_STATE:
            assert event.agent is not None
            assert event.state is not None
            assert isinstance(event.skill, list)
            states[event.agent] = (event.state, event.skill[0])
        elif event.queue is not None:
            if event.type == ev.CALL_QUEUED:
                waiting[event.queue] += 1
            elif event.type == ev.CALL_ANSWERED or event.answered_ms is None:
                waiting[event.queue] -= 1


def test_a_queue_is_served_in_the_order_of_arrival(tmp_path: Path) -> None:
    queued_ms: dict[str, int] = {}
    for _, event in simulate(
        small(tmp_path, "kind: demand_times, times: 2, at: 1h, until: 5h"), SEED
    ).deliveries:
        if event.type == ev.CALL_ANSWERED:
            assert event.queue is not None
            assert event.queued_ms is not None
            assert event.queued_ms >= queued_ms.get(event.queue, 0)
            queued_ms[event.queue] = event.queued_ms


# -- what the events look like ------------------------------------------------------------------


def test_the_wire_form_of_every_event_decodes_to_the_same_event() -> None:
    decoder = NormalizedDecoder("pbx1", b"key of the test")
    one = scenario("trunk_failure").model_copy(update={"duration": 4 * DAY_MS})
    for _, event in islice(simulate(one, SEED).deliveries, 60_000, None):
        decoded = decoder.decode(to_wire(event))
        assert not decoded.rejected
        (back,) = decoded.events
        # The agent's key is hashed again on the way in.
        back.agent = event.agent
        assert back == event


def test_each_source_counts_its_events_and_beats_every_ten_seconds(tmp_path: Path) -> None:
    one = small(tmp_path)
    events: dict[str, list[Event]] = defaultdict(list)
    for received_ms, event in simulate(one, SEED).deliveries:
        assert received_ms == event.at_ms
        events[event.source].append(event)
    assert set(events) == {"pbx1", "pbx2"}
    for its in events.values():
        assert [event.seq for event in its] == list(range(len(its)))
        assert all(before.at_ms <= after.at_ms for before, after in pairwise(its))
        beats = [event.at_ms for event in its if event.type == ev.HEARTBEAT]
        start_ms = one.start.at_ms
        assert beats == list(range(start_ms, start_ms + one.duration, HEARTBEAT_MS))


# -- demand -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HEARD)
def test_calls_follow_the_demand_in_every_quarter_hour(name: str) -> None:
    """Chi-square of the counts in stretches; five standard deviations, so by chance one in 10^6."""
    simulated = simulate(scenario(name), SEED)
    of_dnis = {queue.dnis: queue.key for queue in scenario(name).queues}
    made: dict[str, list[int]] = defaultdict(list)
    for _, event in simulated.deliveries:
        if event.type == ev.CALL_STARTED:
            assert event.dnis is not None
            made[of_dnis[event.dnis]].append(event.at_ms)
    truth = simulated.truth
    squares, freedom = 0.0, 0
    for key, expected in truth.expected.items():
        edges = np.array([*expected.starts_ms, truth.end_ms])
        means = np.array(expected.made)
        for span in truth.silent:
            if span.queue == key:
                means[(edges[:-1] >= span.from_ms) & (edges[:-1] < span.until_ms)] = 0
        counts = np.histogram(made[key], edges)[0]
        assert counts[means == 0].sum() == 0
        # Small stretches together: the approximation wants some calls in each bin.
        bins = np.floor(np.cumsum(means) / 10).astype(int)
        for number in np.unique(bins):
            mean = means[bins == number].sum()
            if mean >= 5:
                squares += (counts[bins == number].sum() - mean) ** 2 / mean
                freedom += 1
    assert freedom >= 5
    assert abs(squares - freedom) <= 5 * np.sqrt(2 * freedom) + 5, (squares, freedom)


def test_a_peak_brings_as_many_times_the_calls_as_it_says(tmp_path: Path) -> None:
    one = small(tmp_path, "kind: demand_times, times: 4, queue: en, at: 3h, until: 6h")
    expected = simulate(one, SEED).truth.expected
    usual, made = np.array(expected["en"].usual), np.array(expected["en"].made)
    assert made.sum() / usual.sum() == pytest.approx((9 + 3 * 4) / 12)
    assert expected["es"].usual == expected["es"].made
    assert usual.sum() == pytest.approx(1200)


def test_calls_that_do_not_reach_the_acd_are_those_that_were_expected() -> None:
    truth = truth_of("acd_silent")
    expected = 0.0
    for span in truth.silent:
        of_queue = truth.expected[span.queue]
        expected += sum(
            mean
            for start_ms, mean in zip(of_queue.starts_ms, of_queue.made, strict=True)
            if span.from_ms <= start_ms < span.until_ms
        )
    assert abs(truth.counts[IN_ALL]["unreached"] - expected) < 5 * np.sqrt(expected)


def test_every_day_of_an_ordinary_week_meets_the_standards() -> None:
    one = scenario("normal_week")
    answered: dict[int, list[int]] = defaultdict(list)
    outcomes: Counter[tuple[int, str]] = Counter()
    for _, event in simulate(one, SEED).deliveries:
        day = (event.at_ms - one.start.at_ms) // DAY_MS
        if event.queue is not None:
            outcomes[day, event.type] += 1
        if event.type == ev.CALL_ANSWERED:
            assert event.wait_ms is not None
            answered[day].append(event.wait_ms)
    assert set(answered) == set(range(7))
    for day, waits_ms in answered.items():
        offered = outcomes[day, ev.CALL_QUEUED]
        assert sum(waits_ms) / len(waits_ms) < 60_000
        assert sum(wait_ms <= 30_000 for wait_ms in waits_ms) / offered > 0.85
        assert outcomes[day, ev.CALL_DISCONNECTED] / offered < 0.02
