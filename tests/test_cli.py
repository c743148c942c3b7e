"""The commands as an operator runs them: exit codes, stdout for data, stderr for talk."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commands import (
    ANSWERS_WITHIN_S,
    RECORDING,
    ROOT,
    arguments,
    environment,
    fetch,
    is_ready,
    records,
    run,
    running,
    write_recording,
)
from real_parts import free_port, mosquitto, wait_until

from monitor import __version__

COMMANDS = ("run", "demo", "check-config", "calendar", "replay", "publish", "user")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "recording.ndjson")


# -- usage --------------------------------------------------------------------------------------


def test_the_version_is_data() -> None:
    result = run("--version")
    assert (result.returncode, result.stdout) == (0, f"callcenter-monitor {__version__}\n")
    assert result.stderr == ""


def test_help_names_every_command() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert all(re.search(rf"^  {command} ", result.stdout, re.MULTILINE) for command in COMMANDS)


@pytest.mark.parametrize(
    "given",
    [
        ("reply",),
        ("run", "--confg", "x"),
        ("replay", "x"),
        ("replay", "-f", "morse", "x"),
        ("replay", "-f", "normalized", "--every", "banana", "x"),
        ("replay", "-f", "normalized", "--every", "0s", "x"),
        ("publish", "-f", "normalized", "--broker", "http://127.0.0.1", "x"),
        ("demo", "--speed", "0"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_on_stderr_and_leaves_with_2(given: tuple[str, ...]) -> None:
    result = run(*given)
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Usage:" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_user_is_made_from_stdin_and_the_password_is_not_told() -> None:
    made = run("user", "prometheus", stdin="correct horse\n")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("prometheus:scrypt$")
    assert "horse" not in made.stdout
    assert run("user", "prometheus", stdin="\n").returncode == 2


# -- check-config -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["example.yaml", "minimal.yaml"])
def test_the_configurations_that_ship_are_fine_and_explained_ones_load_again(
    name: str, tmp_path: Path
) -> None:
    file = ROOT / "config" / name
    checked = run("check-config", file)
    assert (checked.returncode, checked.stdout) == (0, "")
    assert "is fine" in checked.stderr
    explained = run("check-config", "--explain", file)
    assert (explained.returncode, explained.stderr) == (0, "")
    again = tmp_path / "again.yaml"
    again.write_text(explained.stdout, encoding="utf-8")
    assert run("check-config", "--explain", again).stdout == explained.stdout


def test_every_fault_is_told_with_its_line_and_leaves_with_2(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("organization: 7\ncontracts: []\nsources: []\nwindow: [1m]\n")
    result = run("check-config", file)
    assert (result.returncode, result.stdout) == (2, "")
    told = result.stderr.splitlines()
    assert len(told) >= 4
    assert all(re.match(rf"{re.escape(str(file))}:\d+: ", line) for line in told)


def test_a_talk_line_is_one_line_however_long(tmp_path: Path) -> None:
    folder = tmp_path / ("long-" * 20)
    folder.mkdir()
    file = folder / "config.yaml"
    file.write_text((ROOT / "config" / "minimal.yaml").read_text())
    assert len(run("check-config", file).stderr.splitlines()) == 1


# -- run ----------------------------------------------------------------------------------------


def test_the_daemon_refuses_a_faulty_configuration_with_2(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("organization: Example Health\n")
    result = run("run", "--config", file)
    assert (result.returncode, result.stdout) == (2, "")
    assert all(line.startswith(f"{file}:") for line in result.stderr.splitlines())


def test_a_store_that_cannot_be_opened_leaves_with_1(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file = tmp_path / "config.yaml"
    minimal = (ROOT / "config" / "minimal.yaml").read_text()
    file.write_text(f"{minimal}store: {{path: file/monitor.db}}\nhttp: {{listen: 127.0.0.1:0}}\n")
    result = run("run", "--config", file)
    assert (result.returncode, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr


@pytest.mark.real
def test_a_published_recording_is_counted_and_signals_are_obeyed(
    tmp_path: Path, recording: Path
) -> None:
    with mosquitto(tmp_path) as broker:
        file = tmp_path / "config.yaml"
        text = (ROOT / "config" / "minimal.yaml").read_text()
        text = text.replace("mqtt://127.0.0.1:1883", broker.url).replace("member-en", "members")
        file.write_text(f"{text}store: {{path: monitor.db}}\nhttp: {{listen: 127.0.0.1:0}}\n")
        start = str(time.time() - 600)  # noqa: TID251 (the daemon's own clock is the wall's)
        with running(tmp_path / "run", "run", "--config", file) as daemon:
            url = daemon.url()
            wait_until(lambda: is_ready(url), ANSWERS_WITHIN_S, "the daemon to be ready")
            published = run(
                "publish", "-f", "normalized", "--broker", broker.url, "--start", start, recording
            )
            assert (published.returncode, published.stdout) == (0, "")
            assert f"{len(RECORDING)} events published" in published.stderr
            counted = f"{url}api/v1/windows?scope=organization&window=1h"

            def offered() -> int:
                found: int = json.loads(fetch(counted))["windows"][0]["offered"]
                return found

            wait_until(lambda: offered() == 4, ANSWERS_WITHIN_S, "four calls to be counted")
            file.write_text("organization: 7\n")
            daemon.tell(signal.SIGHUP)
            wait_until(
                lambda: "the old one stays in force" in daemon.stderr,
                ANSWERS_WITHIN_S,
                "a faulty configuration to be refused",
            )
            assert offered() == 4
            assert daemon.end(signal.SIGTERM) == 0
            assert daemon.stdout == ""
            assert "Traceback" not in daemon.stderr


# -- replay -------------------------------------------------------------------------------------


def test_replay_writes_the_figures_to_stdout_and_nothing_else(recording: Path) -> None:
    result = run("replay", "-f", "normalized", recording)
    assert (result.returncode, result.stderr) == (0, "")
    *windows, summary = records(result.stdout)
    last = [one for one in windows if one["scope"] == "organization" and one["window"] == "15m"][-1]
    assert last == {
        "record": "window",
        "at": "2026-03-02T15:15:00Z",
        "scope": "organization",
        "window": "15m",
        "calls_made": 4,
        "offered": 4,
        "answered": 2,
        "answered_within": 1,
        "late": 2,
        "abandoned": 1,
        "abandoned_within": 1,
        "dequeued": 0,
        "dequeued_within": 0,
        "disconnected": 1,
        "disconnected_within": 0,
        "ended": 3,
        "wait_ms_sum": 60_000,
        "waiting": 1,
        "longest_wait_ms": 600_000,
        "average_hold_seconds": 30.0,
        "hold_floor_seconds": 220.0,
        "service_level_ratio": 0.25,
        "disconnect_ratio": 1 / 3,
    }
    assert summary["record"] == "summary"
    assert (summary["events"], summary["open_calls"]) == (len(RECORDING), 1)
    assert summary["discarded"] == {}


def test_replay_writes_the_same_into_a_file(recording: Path, tmp_path: Path) -> None:
    output = tmp_path / "figures.ndjson"
    result = run("replay", "-f", "normalized", "--every", "1m", "-o", output, recording)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (
        output.read_text() == run("replay", "-f", "normalized", "--every", "1m", recording).stdout
    )


def test_replay_judges_by_a_configuration(recording: Path, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text((ROOT / "config" / "minimal.yaml").read_text().replace("member-en", "members"))
    result = run("replay", "-f", "normalized", "--config", file, recording)
    assert (result.returncode, result.stderr) == (0, "")
    scopes = {one["scope"] for one in records(result.stdout) if one["record"] == "window"}
    assert {"contract/H0001", "line/H0001/member-services", "queue/members"} <= scopes
    file.write_text("organization: 7\n")
    refused = run("replay", "-f", "normalized", "--config", file, recording)
    assert (refused.returncode, refused.stdout) == (2, "")


def test_lines_that_cannot_be_read_are_counted_and_the_rest_goes_on(recording: Path) -> None:
    with recording.open("a") as file:
        file.write("this is no event\n")
    result = run("replay", "-f", "normalized", recording)
    assert result.returncode == 0
    summary = records(result.stdout)[-1]
    assert summary["events"] == len(RECORDING)
    assert sum(summary["discarded"].values()) == 1


@pytest.mark.parametrize("command", ["replay", "publish", "demo"])
def test_a_recording_that_is_not_there_leaves_with_1(command: str, tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    given: dict[str, list[str | Path]] = {
        "replay": [absent],
        "publish": ["--broker", f"mqtt://127.0.0.1:{free_port()}", absent],
        "demo": ["--listen", "127.0.0.1:0", "--recording", absent],
    }
    result = run(command, "-f", "normalized", *given[command])
    assert (result.returncode, result.stdout) == (1, "")
    assert "absent" in result.stderr.replace("\n", "")
    assert "Traceback" not in result.stderr


def test_a_reader_that_has_seen_enough_is_no_crash(tmp_path: Path) -> None:
    recording = write_recording(tmp_path / "recording.ndjson")
    with subprocess.Popen(
        arguments("replay", "-f", "normalized", "--every", "1s", recording),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
        assert "Exception ignored" not in process.stderr.read()
