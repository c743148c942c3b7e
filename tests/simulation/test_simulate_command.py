"""`simulate` as an operator runs it, and the demo's rehearsal of a scenario."""

import json
from pathlib import Path

import pytest
from commands import run

from monitor.config.load import load
from monitor.core import events as ev
from monitor.formats.recordings import read_recording
from monitor.simulation.rehearsal import Rehearsal
from monitor.simulation.scenario_library import load_scenario, shipped


def test_events_and_truth_are_written_side_by_side_and_the_seed_is_told(tmp_path: Path) -> None:
    output = tmp_path / "week.ndjson"
    result = run("simulate", "acd-silent", "--days", "4", "--seed", "3", "--output", output)
    assert (result.returncode, result.stdout) == (0, "")
    first, counts, *outages = result.stderr.splitlines()
    assert first == "scenario acd_silent, seed 3"
    assert "events of" in counts
    assert len(outages) == 4
    assert "Thu 2025-01-30 13:10:00 to Thu 2025-01-30 15:25:00 (2.2 h)" in outages[0]
    truth = json.loads((tmp_path / "week.truth.json").read_text())
    assert truth["seed"] == 3
    assert len(truth["outages"]) == 4
    events = list(read_recording("normalized", [output]))
    assert len(events) == truth["counts"]["*"]["delivered"]
    started = sum(event.type == ev.CALL_STARTED for event in events)
    assert started == truth["counts"]["*"]["calls_made"]


def test_the_same_seed_gives_the_same_files_compressed_or_not(tmp_path: Path) -> None:
    for name in ("one.ndjson.gz", "two.ndjson.gz"):
        output = tmp_path / name
        assert run("simulate", "quiet_sunday", "--seed", "3", "-o", output).returncode == 0
    one, two = (tmp_path / f"{name}.ndjson.gz" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert (tmp_path / "one.truth.json").read_bytes() == (tmp_path / "two.truth.json").read_bytes()
    plain = run("simulate", "quiet_sunday", "--seed", "3")
    assert len(plain.stdout.splitlines()) == len(list(read_recording("normalized", [one])))


def test_what_ships_is_listed() -> None:
    result = run("simulate", "--list")
    assert (result.returncode, result.stderr) == (0, "")
    assert [line.split()[0] for line in result.stdout.splitlines()] == list(shipped())


@pytest.mark.parametrize("given", [[], ["nothing-of-the-kind"]])
def test_what_is_no_scenario_leaves_with_2_and_names_those_that_are(given: list[str]) -> None:
    result = run("simulate", *given)
    assert (result.returncode, result.stdout) == (2, "")
    assert "typhoon" in result.stderr


def test_a_faulty_file_leaves_with_2_and_every_fault_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nlike: normal_week\nduration: long\nsped: 2\n")
    result = run("simulate", file)
    assert (result.returncode, result.stdout) == (2, "")
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [
        f"{file}:1", f"{file}:3", f"{file}:4",
    ]  # fmt: skip


def test_an_output_that_cannot_be_written_leaves_with_1(tmp_path: Path) -> None:
    result = run("simulate", "quiet_sunday", "-o", tmp_path / "nowhere" / "day.ndjson")
    assert (result.returncode, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr


def test_the_demo_takes_a_scenario_or_a_recording(tmp_path: Path) -> None:
    both = run("demo", "--scenario", "typhoon", "--recording", tmp_path / "day.ndjson")
    assert (both.returncode, both.stdout) == (2, "")
    unknown = run("demo", "--scenario", "tyfoon")
    assert unknown.returncode == 2


# -- the rehearsal ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped())
def test_a_rehearsal_has_a_sound_configuration_in_which_all_lines_are_open(
    name: str, tmp_path: Path
) -> None:
    scenario = load_scenario(shipped()[name])
    file = tmp_path / "demo.yaml"
    text = Rehearsal(scenario, 1).config_yaml("mqtt://127.0.0.1:1", "127.0.0.1:0", "demo.db")
    file.write_text(text, encoding="utf-8")
    config = load(file)
    assert [contract.id for contract in config.contracts] == ["H0001", "H0002"]
    assert all(line.hours.is_always for contract in config.contracts for line in contract.lines)


def test_a_rehearsal_begins_an_hour_before_anything_happens_with_every_agent_known() -> None:
    scenario = load_scenario(shipped()["feed_lost"])
    rehearsal = Rehearsal(scenario, 1)
    at_ms = scenario.start.at_ms + 2 * 86_400_000 + (9 * 60 + 40) * 60_000
    assert rehearsal.first_ms == at_ms - 3_600_000
    told: list[str] = []
    last_ms = 0
    for event in rehearsal.events():
        due_ms = rehearsal.due_ms(event)
        assert due_ms >= last_ms
        last_ms = due_ms
        if event.type == ev.AGENT_STATE and due_ms == rehearsal.first_ms:
            assert event.agent is not None
            told.append(event.agent)
    assert len(set(told)) == len(told) >= 20
