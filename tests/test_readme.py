"""The README tells the truth: its commands, options, files, metrics and settings are real ones."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from outage_parts import watched
from real_parts import find_program, mosquitto
from snapshots import QueueLoad, loaded_snapshot, make_alert, small_scopes
from typer.testing import CliRunner

from monitor.cli import _app
from monitor.config.load import load
from monitor.core.daemon import DaemonView
from monitor.formats.normalized import NormalizedDecoder
from monitor.sinks.prometheus import Exposition

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS: dict[str, Any] = typer.main.get_command(_app).commands  # type: ignore[attr-defined]


def blocks(language: str) -> list[str]:
    """The README's code blocks in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands_told() -> Iterator[list[str]]:
    """The commands of the README, word by word, continued lines joined."""
    for block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            line_words = line.partition(" #")[0].split()
            if line_words and not line.startswith("#"):
                yield line_words


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(_app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    assert f"callcenter-monitor {command}" in README


def test_the_readme_names_commands_and_options_that_exist() -> None:
    told = [line[1:] for line in commands_told() if line[0].endswith("callcenter-monitor")]
    assert told
    for command, *given in told:
        if command == "--version":
            continue
        found = COMMANDS[command]
        while hasattr(found, "commands"):
            found = found.commands[given.pop(0)]
        known = {option for one in found.params for option in one.opts}
        assert {word for word in given if word.startswith("-")} <= known, (command, given)


def test_the_readme_names_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= targets
    assert set(re.findall(r"`make ([a-z-]+)`", README)) <= targets
    assert {line[1] for line in commands_told() if line[0] == "make"} <= targets


def test_the_configurations_in_the_readme_are_sound(tmp_path: Path) -> None:
    configurations = [block for block in blocks("yaml") if block.startswith("organization:")]
    assert configurations
    for configuration in configurations:
        path = tmp_path / "config.yaml"
        path.write_text(configuration, encoding="utf-8")
        load(path)


def test_the_files_that_the_readme_names_exist() -> None:
    folders = "monitor|config|grafana|tests"
    for name in set(re.findall(rf"[(`]((?:{folders})/[\w./-]+)[)`]", README)):
        # Written by `make bench`, which not every checkout has run.
        assert name.endswith("RESULTS.md") or (ROOT / name).exists(), name


def test_the_readme_names_metrics_that_are_exported() -> None:
    snapshot = loaded_snapshot(
        small_scopes(),
        lambda _: QueueLoad(3.0, 75.0, 82.0),
        alerts=(make_alert(),),
        discards={"duplicate": 1},
        agents={"available": 4},
    )
    snapshot = watched(snapshot)
    daemon = DaemonView(
        version="1",
        started_ms=1,
        sources_up={"pbx1": True},
        quarantined={"malformed": 2},
        deliveries={("ops", "sent"): 5},
        broker_discarded={"pbx1": 0},
    )
    slices = Exposition().render_slices(snapshot, daemon)
    text = b"".join(piece for pieces in slices for piece in pieces).decode()
    exported = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    told = set(re.findall(r"\bcallcenter_\w*[a-z]\b", README))
    assert told - exported == set()
    assert {name for name in exported if not name.startswith("callcenter_monitor_")} <= told


def test_the_event_in_the_readme_is_one() -> None:
    decoder = NormalizedDecoder("pbx1", b"0123456789abcdef")
    for block in blocks("json"):
        decoded = decoder.decode(block.replace("\n", " ").encode(), topic="acd/pbx1/call/member-en")
        assert [event.type for event in decoded.events] == ["call.queued"]
        assert not decoded.rejected


@pytest.mark.real
@pytest.mark.parametrize(("check", "begins"), [("config", "scrape_configs:"), ("rules", "groups:")])
def test_prometheus_accepts_what_the_readme_tells_it(
    check: str, begins: str, tmp_path: Path
) -> None:
    (block,) = [one for one in blocks("yaml") if one.startswith(begins)]
    file = tmp_path / "prometheus.yml"
    file.write_text(block, encoding="utf-8")
    result = subprocess.run(
        [find_program("promtool"), "check", check, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "SUCCESS" in result.stdout


@pytest.mark.real
def test_mosquitto_accepts_what_the_readme_tells_it(tmp_path: Path) -> None:
    (block,) = blocks("conf")
    with mosquitto(tmp_path, block) as broker:
        complaints = re.findall(r"^\d+: (Warning|Error): (.*)$", broker.log_text(), re.MULTILINE)
    # The tests may run as root, a broker should not.
    assert [text for _, text in complaints if "root" not in text] == []
