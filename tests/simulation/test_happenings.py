"""Each kind of happening does what it says, to whom it says, for as long as it says."""

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.core import events as ev
from monitor.core.events import Event
from monitor.simulation.course import Course
from monitor.simulation.scenario_library import load_scenario
from monitor.simulation.simulate import simulate

SEED = 5
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
# Twenty hours by the clock of the start, open all the time, the demand always the same.
PLAIN = """\
name: plain
title: Plain
start: {date: 2025-01-27, zone: America/New_York}
duration: 20h
contracts:
  - id: H0001
    name: Example
    service_areas: [America/New_York]
    lines:
      - {name: members, kind: current-enrollee, queues: [en], hours: always}
      - {name: others, kind: current-enrollee, queues: [es], hours: always}
profiles:
  flat: {mon-sun: {"00:00": 1, "24:00": 1}}
queues:
  - {key: en, dnis: "8005550101", calls_per_day: 2400, profile: flat, talk: 4m, dropped: 0}
  - {key: es, dnis: "8005550102", calls_per_day: 1200, profile: flat, talk: 4m, dropped: 0}
sites:
  - name: harbor
    calls: 0.7
    staff:
      - {queue: en, agents: 10, shift: always}
      - {queue: es, agents: 8, shift: always}
  - name: mesa
    calls: 0.3
    staff:
      - {queue: en, agents: 8, shift: always}
happenings:
"""

Play = Callable[[str], list[Event]]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Play the plain scenario with one happening; its events, instants from its start."""

    def played(happening: str) -> list[Event]:
        file = tmp_path / "plain.yaml"
        file.write_text(f"{PLAIN}  - {{{happening}}}\n")
        course = Course.of(load_scenario(file))
        events = [event for _, event in simulate(course, SEED).deliveries]
        for event in events:
            event.at_ms -= course.start_ms
        return events

    return played


def during(
    events: list[Event], kind: str, from_h: float, until_h: float, **fields: object
) -> list[Event]:
    return [
        event
        for event in events
        if event.type == kind
        and from_h * HOUR_MS <= event.at_ms < until_h * HOUR_MS
        and all(getattr(event, name) == value for name, value in fields.items())
    ]


def present(events: list[Event], at_h: float, **fields: object) -> int:
    """Agents who are there at an instant, those in a conversation included."""
    states: dict[str | None, str | None] = {}
    for event in during(events, ev.AGENT_STATE, 0, at_h, **fields):
        states[event.agent] = event.state
    return sum(state != "offline" for state in states.values())


def test_a_site_that_closes_cuts_off_its_conversations_and_takes_no_calls(play: Play) -> None:
    events = play("kind: site_closed, site: harbor, at: 5h, until: 9h")
    cut = during(events, ev.CALL_DISCONNECTED, 0, 20)
    assert {event.at_ms for event in cut} == {5 * HOUR_MS}
    assert present(events, 4.9, site="harbor") == 18
    assert present(events, 5.001, site="harbor") == present(events, 8.9, site="harbor") == 0
    assert present(events, 9.001, site="harbor") == 18
    assert not during(events, ev.CALL_STARTED, 5, 9, site="harbor")
    assert during(events, ev.CALL_STARTED, 9, 9.5, site="harbor")
    assert len(during(events, ev.CALL_STARTED, 5, 9, site="mesa")) > 400
    assert not during(events, ev.CALL_ANSWERED, 5, 9, queue="es")
    assert during(events, ev.CALL_ANSWERED, 5, 9, queue="en")


def test_a_site_that_closes_for_one_queue_goes_on_with_the_others(play: Play) -> None:
    events = play("kind: site_closed, site: harbor, queue: en, at: 5h, until: 9h")
    assert present(events, 5.5, site="harbor", skill=["en"]) == 0
    assert present(events, 5.5, site="harbor", skill=["es"]) == 8
    assert during(events, ev.CALL_STARTED, 5, 9, site="harbor")


def test_agents_who_go_finish_their_calls_and_come_back_at_an_even_pace(play: Play) -> None:
    events = play("kind: agents_times, queue: en, share: 0.5, at: 5h, until: 9h, returns: 4h")
    assert not during(events, ev.CALL_DISCONNECTED, 0, 20)
    numbers = [present(events, at_h, skill=["en"]) for at_h in (4.9, 8, 10.1, 11.1, 12.1, 13.1)]
    assert numbers[0] == 18
    assert numbers[1] == 9
    assert numbers[-1] == 18
    assert numbers == [18, *sorted(numbers[1:])]
    assert 12 <= numbers[3] <= 14
    assert present(events, 8, skill=["es"]) == 8


@pytest.mark.parametrize("target", ["", "site: mesa, ", "line: others, ", "queue: en, "])
def test_who_stops_answering_stays_and_finishes_the_conversation(play: Play, target: str) -> None:
    events = play(f"kind: stop_answering, {target}at: 5h, until: 6h")
    assert present(events, 5.9) == 26
    assert not during(events, ev.CALL_DISCONNECTED, 0, 20)
    answered = Counter(event.queue for event in during(events, ev.CALL_ANSWERED, 5, 6))
    assert bool(answered["en"]) == (target in {"site: mesa, ", "line: others, "})
    assert bool(answered["es"]) == (target in {"site: mesa, ", "queue: en, "})
    assert len(during(events, ev.CALL_COMPLETED, 5, 5.2, queue="en")) >= 1
    assert {event.queue for event in during(events, ev.CALL_ANSWERED, 6, 6.5)} == {"en", "es"}


def test_a_recovery_that_flaps_comes_and_goes(play: Play) -> None:
    events = play("kind: stop_answering, at: 5h, until: 6h, flaps: {up: 20m, down: 40m, times: 2}")
    for from_h, until_h, is_up in (
        (5, 6, False), (6, 6 + 1 / 3, True), (6 + 1 / 3, 7, False), (7, 7 + 1 / 3, True),
        (7 + 1 / 3, 8, False), (8, 9, True),
    ):  # fmt: skip
        assert bool(during(events, ev.CALL_ANSWERED, from_h, until_h)) == is_up, from_h


def test_a_silent_acd_hears_of_no_call_and_beats_on(play: Play) -> None:
    events = play("kind: acd_silent, queue: en, at: 5h, until: 7h")
    assert not during(events, ev.CALL_STARTED, 5, 7, dnis="8005550101")
    assert during(events, ev.CALL_STARTED, 5, 7, dnis="8005550102")
    assert len(during(events, ev.HEARTBEAT, 5, 7)) == 720
    assert during(events, ev.CALL_STARTED, 7, 7.2, dnis="8005550101")


def test_a_failing_trunk_hits_its_own_calls_alone(play: Play) -> None:
    events = play("kind: trunk_failure, site: mesa, at: 5h, until: 8h, new_calls: 0.5, after: 12s")
    cut = during(events, ev.CALL_DISCONNECTED, 0, 20)
    assert {event.site for event in cut} == {"mesa"}
    assert {event.wait_ms for event in cut} == {12_000}
    offered = during(events, ev.CALL_QUEUED, 5, 8, site="mesa")
    assert 0.35 < len(cut) / len(offered) < 0.65


def test_bursts_take_their_share_of_the_calls_in_progress(play: Play) -> None:
    events = play("kind: trunk_failure, at: 5h, until: 6h, burst_every: 10m, burst: 1")
    cut: dict[int, int] = defaultdict(int)
    for event in during(events, ev.CALL_DISCONNECTED, 0, 20):
        cut[event.at_ms] += 1
    assert set(cut) == {5 * HOUR_MS + minutes * MINUTE_MS for minutes in (10, 20, 30, 40, 50)}
    assert sum(cut.values()) >= 20


def test_some_systems_take_a_call_that_is_cut_off_for_abandoned(play: Play) -> None:
    events = play(
        "kind: trunk_failure, at: 5h, until: 8h, new_calls: 0.5, after: 12s, told_as: abandoned"
    )
    assert not during(events, ev.CALL_DISCONNECTED, 0, 20)
    waits = Counter(event.wait_ms for event in during(events, ev.CALL_ABANDONED, 5, 8))
    assert waits.most_common(1)[0][0] == 12_000
    assert waits[12_000] > 50


def test_two_happenings_at_once_both_count(tmp_path: Path) -> None:
    file = tmp_path / "plain.yaml"
    file.write_text(
        f"{PLAIN}"
        "  - {kind: agents_times, queue: en, share: 0.5, at: 5h, until: 9h}\n"
        "  - {kind: agents_times, site: mesa, share: 0.5, at: 7h, until: 11h}\n"
    )
    course = Course.of(load_scenario(file))
    mesa = next(group for group in course.groups if group.site.name == "mesa")
    assert [
        ((level.at_ms - course.start_ms) // HOUR_MS, level.present) for level in mesa.levels
    ] == [(0, 8), (5, 4), (7, 2), (9, 4), (11, 8)]


def test_lines_are_closed_at_night_and_the_machine_takes_the_calls(tmp_path: Path) -> None:
    file = tmp_path / "plain.yaml"
    text = PLAIN.replace("queues: [en], hours: always", "queues: [en]")
    file.write_text(text.replace("happenings:\n", ""))
    events = [event for _, event in simulate(load_scenario(file), SEED).deliveries]
    start_ms = load_scenario(file).start.at_ms
    queued = [
        event.at_ms - start_ms
        for event in events
        if event.type == ev.CALL_QUEUED and event.queue == "en"
    ]
    assert 8 * HOUR_MS <= min(queued) < 8.2 * HOUR_MS
    assert max(queued) > 19.8 * HOUR_MS
    contained = [
        event
        for event in events
        if event.type == ev.CALL_COMPLETED and event.queue is None and event.dnis == "8005550101"
    ]
    assert sum(event.at_ms - start_ms < 8 * HOUR_MS for event in contained) > 600
