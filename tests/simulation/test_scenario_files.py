"""Scenario files: those that ship are right, and every fault of a wrong one is told."""

from pathlib import Path

import pytest

from monitor.config.faults import ConfigError
from monitor.simulation.scenario_library import find_scenario, load_scenario, shipped

FAULTY = """\
name: faulty
title: Everything is wrong
start: {date: 2025-02-30, zone: Mars/Base}
duration: 7 days
speed: 3
contracts:
  - id: H0001
    name: Example
    lines:
      - {name: members, kind: membres, queues: [en, "es-*"]}
profiles:
  day: {mon-fry: {"08:00": 1}, sat: {"25:00": 1, "09:00": -1}}
queues:
  - {key: en, dnis: "800", calls_per_day: 0, profile: nights, contained: 2, talks: 3m}
  - {key: en, dnis: "800", calls_per_day: 10, profile: day}
  - {key: lonely, dnis: "801", calls_per_day: 10, profile: day}
sites:
  - name: harbor
    staff:
      - {queue: fr, agents: 0, shift: {mon: "20:00-08:00"}}
happenings:
  - {kind: typhoon, at: 1h, until: 2h}
  - {kind: site_closed, site: habor, at: soon, until: 2h}
  - {kind: demand_times, at: 2h, until: 2h, line: providers}
  - {kind: agents_times, at: 2h, until: 3h, share: 2, sight: harbor}
  - {kind: feed_lost, at: 2h, until: 3h, events: lately, source: pbx9}
  - {kind: trunk_failure, at: 2h, until: 3h, flaps: {up: 1m, down: 0s, times: 0}}
  - {at: 2h, until: 3h}
  - storm
"""
TOLD = [
    (3, "start.date", 'is "2025-02-30", a day of the calendar is needed'),
    (3, "start.zone", 'is "Mars/Base", a time zone'),
    (4, "duration", 'is "7 days", a duration'),
    (5, "speed", "is an unknown key"),
    (10, "contracts[0].lines[0].kind", 'is "membres"'),
    (10, "contracts[0].lines[0].queues[1]", "a pattern is not"),
    (12, "profiles.day.mon-fry", "is no day"),
    (12, 'profiles.day.sat["25:00"]', "is no time of the day"),
    (12, 'profiles.day.sat["09:00"]', "is -1, 0 to 1000000 is allowed"),
    (14, "queues[0].calls_per_day", "is 0, at least 0.1 is needed"),
    (14, "queues[0].profile", 'is "nights"'),
    (14, "queues[0].contained", "is 2, a share from 0 to 1 is needed"),
    (14, "queues[0].talks", "is an unknown key, did you mean talk"),
    (15, "queues[1].key", 'is "en", as in queues[0]'),
    (16, "queues[2].key", "which no line of a contract has"),
    (20, "sites[0].staff[0].queue", 'is "fr"'),
    (20, "sites[0].staff[0].agents", "is 0, at least 1 is needed"),
    (20, "sites[0].staff[0].shift.mon", "the end must come after the start"),
    (22, "happenings[0].kind", 'is "typhoon"'),
    (23, "happenings[1].at", 'is "soon", a local time'),
    (23, "happenings[1].site", 'is "habor", did you mean harbor'),
    (24, "happenings[2].times", "is missing"),
    (24, "happenings[2].line", 'is "providers"'),
    (25, "happenings[3].share", "is 2, a share"),
    (25, "happenings[3].sight", "is an unknown key, did you mean site"),
    (26, "happenings[4].events", 'is "lately", did you mean late'),
    (26, "happenings[4].source", 'is "pbx9"'),
    (27, "happenings[5].flaps.down", "is 0s, 1s to 366d is allowed"),
    (27, "happenings[5].flaps.times", "is 0, at least 1 is needed"),
    (28, "happenings[6].kind", "is missing"),
    (29, "happenings[7]", 'is "storm", a mapping'),
]
LIKE = """\
name: mine
title: Mine
like: normal_week
duration: 24h
happenings:
"""


def faults_of(folder: Path, text: str) -> list[tuple[int, str, str]]:
    file = folder / "scenario.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_scenario(file)
    assert all(fault.file == str(file) for fault in raised.value.faults)
    return [(fault.line, fault.where, fault.message) for fault in raised.value.faults]


def test_every_fault_is_told_with_its_line_in_one_go(tmp_path: Path) -> None:
    found = faults_of(tmp_path, FAULTY)
    missing = [
        expected
        for expected in TOLD
        if not any(
            (line, where) == expected[:2] and expected[2] in message
            for line, where, message in found
        )
    ]
    assert missing == [], found
    places = {expected[:2] for expected in TOLD}
    assert [fault for fault in found if fault[:2] not in places] == []


@pytest.mark.parametrize(
    ("happening", "where", "message"),
    [
        ("{kind: acd_silent, at: 3h, until: 2h}", "happenings[0].until", "is not after at"),
        ("{kind: acd_silent, at: 24h, until: 25h}", "happenings[0].at", "is outside of the 24h"),
        (
            "{kind: acd_silent, at: 2025-01-26 23:59, until: 2h}",
            "happenings[0].at",
            "is outside of the 24h from 2025-01-27",
        ),
        (
            "{kind: acd_silent, at: 2025-01-27 09:00, until: 8h}",
            "happenings[0].until",
            "is not after at",
        ),
        ("{kind: acd_silent, at: 2025-01-27 9:00, until: 8h}", "happenings[0].at", "a local time"),
        (
            "{kind: acd_silent, at: 2025-01-27 24:30, until: 30h}",
            "happenings[0].at",
            "a local time",
        ),
    ],
)
def test_times_out_of_order_are_told(
    tmp_path: Path, happening: str, where: str, message: str
) -> None:
    ((line, found, told),) = faults_of(tmp_path, f"{LIKE}  - {happening}\n")
    assert (line, found) == (6, where)
    assert message in told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty, a mapping with the keys of a scenario"),
        ("- a\n", "is a list, a mapping with the keys of a scenario"),
        ("a: [\n", "is no YAML"),
        ("name: &here x\n", "uses an anchor"),
        ("like: normal_weak\n", 'is "normal_weak", did you mean normal_week'),
        ("like: typhoon\n", "which is like normal_week itself: name that"),
    ],
)
def test_what_is_no_scenario_is_told(tmp_path: Path, text: str, message: str) -> None:
    assert any(message in told for _, _, told in faults_of(tmp_path, text))


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_scenario(tmp_path / "nowhere.yaml")


def test_what_a_scenario_does_not_say_is_as_in_the_one_that_it_is_like(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"{LIKE}  - {{kind: demand_times, times: 3, at: 1h, until: 2h}}\n")
    mine, base = load_scenario(file), load_scenario(shipped()["normal_week"])
    assert (mine.name, mine.title, mine.duration) == ("mine", "Mine", 86_400_000)
    assert mine.queues == base.queues
    assert mine.sites == base.sites
    assert mine.start == base.start


@pytest.mark.parametrize("name", shipped())
def test_a_scenario_that_ships_is_right_and_bears_the_name_of_its_file(name: str) -> None:
    assert load_scenario(shipped()[name]).name == name


def test_the_seven_scenarios_and_two_quiet_times_ship() -> None:
    assert set(shipped()) == {
        "typhoon", "enrolment_peak", "trunk_failure", "acd_silent", "feed_lost",
        "flapping_recovery", "slow_recovery", "normal_week", "quiet_sunday",
    }  # fmt: skip


def test_a_scenario_is_found_by_its_name_however_joined_or_as_a_file(tmp_path: Path) -> None:
    assert find_scenario("slow-recovery") == find_scenario("slow_recovery") is not None
    assert find_scenario("unheard-of") is None
    file = tmp_path / "mine.yaml"
    file.touch()
    assert find_scenario(str(file)) == file
