"""`outage show` tells what spoke for which cause in words, and what it does not know as it is."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from outage_parts import DEADLINE_MS, ONSET_MS, make_causes
from typer.testing import CliRunner

from monitor import cli
from monitor.core.ledger import LedgerEntry, LedgerKind
from monitor.store.store import Store


def entry(at_ms: int, what: str, causes: Any) -> LedgerEntry:  # noqa: ANN401 (any value)
    body = {"what": what, "outage": "H0001/call_center/1", "onset_ms": ONSET_MS, "causes": causes}
    body["deadline_ms"] = DEADLINE_MS
    return LedgerEntry(
        at_ms, LedgerKind.OUTAGE, "contract/H0001", f"outage/H0001/call_center/1/{at_ms}", body
    )


def shown(path: Path, *given: str) -> str:
    on_broken_pipe = signal.getsignal(signal.SIGPIPE)
    try:
        done = CliRunner().invoke(
            cli._app, ["outage", "show", "H0001", "--store", str(path), *given]
        )
    finally:
        signal.signal(signal.SIGPIPE, on_broken_pipe)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def store(tmp_path: Path) -> Path:
    async def fill() -> None:
        causes = msgspec.to_builtins(make_causes())
        later = {"at_ms": 1, "weather": {"wind": "\x1b[2J"}}
        figures = [
            entry(ONSET_MS, "opened", causes),
            entry(ONSET_MS + 1, "ladder", later),
            entry(ONSET_MS + 2, "missed", None),
        ]
        async with Store.open(tmp_path / "monitor.db") as opened:
            await opened.append([], entries=figures, recorded_ms=ONSET_MS)

    asyncio.run(fill())
    return tmp_path / "monitor.db"


def test_causes_are_told_in_words_below_what_they_were_kept_with(store: Path) -> None:
    lines = shown(store).splitlines()
    at = next(number for number, line in enumerate(lines) if "opened" in line)
    assert "causes" not in lines[at]
    words = "14 agents there, 60 before it began (23 %), 0 free (pharmacy, H0001)"
    assert lines[at + 1] == f"    staffing    {words}"
    assert lines[at + 2].startswith("    technology  2 of 96 calls cut off (2 %)")


def test_causes_of_another_version_are_shown_as_they_are_and_steer_no_terminal(store: Path) -> None:
    text = shown(store)
    assert '"weather": {"wind": "\\u001b[2J"}' in text
    assert "\x1b" not in text
    story = json.loads(shown(store, "--format", "json"))
    assert story["happenings"][0]["causes"]["staffing"]["figures"]["agents"] == 14
