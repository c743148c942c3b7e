"""`ledger verify` and `ledger list`, as an auditor runs them on a file."""

import asyncio
import json
import signal
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from commands import records
from config_files import SHORT
from store.ledger_parts import BASE_MS, entry, recounted, tamper
from typer.testing import CliRunner

from monitor import cli
from monitor.core.ledger import GENESIS, LedgerEntry, LedgerKind, LedgerRow
from monitor.store.store import Store

ROWS = 12


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(*given: str | Path) -> Done:
    """A command within this process, because each process takes seconds to start."""
    on_broken_pipe = signal.getsignal(signal.SIGPIPE)
    try:
        done = CliRunner().invoke(cli._app, [str(one) for one in given])
    finally:
        signal.signal(signal.SIGPIPE, on_broken_pipe)
    return Done(done.exit_code, done.stdout, done.stderr)


async def fill(path: Path) -> None:
    hostile = LedgerEntry(
        BASE_MS + 99_000, LedgerKind.ACTION, "contract/\x1b[2J", "hostile", {"why": "\u202e\x9b"}
    )
    async with Store.open(path) as store:
        await store.append([], entries=[entry(n) for n in range(ROWS)], recorded_ms=BASE_MS)
        await store.append([], entries=[hostile], recorded_ms=BASE_MS + 99_000)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "monitor.db"
    asyncio.run(fill(path))
    return path


@pytest.fixture
def damaged(sound: Path, tmp_path: Path) -> Path:
    """A copy whose seventh row is changed."""
    copy = tmp_path / "monitor.db"
    copy.write_bytes(sound.read_bytes())
    tamper(copy, "UPDATE ledger SET body = replace(body, '6', '7') WHERE n = 7")
    return copy


def test_a_whole_ledger_is_told_with_its_length_and_head(sound: Path) -> None:
    done = run("ledger", "verify", "--store", sound)
    assert done.returncode == 0, done.stderr
    told = records(run("ledger", "list", "--store", sound, "--format", "json").stdout)
    assert done.stdout == f"{ROWS + 1} rows, head {told[-1]['hash']}\n"
    assert done.stderr == ""


def test_an_auditor_can_recompute_the_chain_from_the_list(sound: Path) -> None:

    before = GENESIS
    for told in records(run("ledger", "list", "--store", sound, "--format", "json").stdout):
        row = LedgerRow(**{**told, "body": json.dumps(told["body"])})
        before = recounted(row, before)
        assert told["hash"] == before


def test_the_first_bad_row_is_named(damaged: Path) -> None:
    done = run("ledger", "verify", "--store", damaged)
    assert done.returncode == 1
    assert done.stdout == ""
    at = "2025-10-09T08:53:26.000Z"
    assert done.stderr == f"ledger row 7 (config, contract/H0006, {at}): changed\n"


def test_rows_that_are_gone_are_named(sound: Path, tmp_path: Path) -> None:
    copy = tmp_path / "monitor.db"
    copy.write_bytes(sound.read_bytes())
    tamper(copy, "DELETE FROM ledger WHERE n = 5")
    done = run("ledger", "verify", "--store", copy)
    assert (done.returncode, done.stderr) == (1, "ledger row 5: missing (row 6 follows)\n")
    tamper(copy, "DELETE FROM ledger WHERE n >= 5")
    done = run("ledger", "verify", "--store", copy)
    assert (done.returncode, done.stderr) == (1, "ledger row 5: missing\n")


def test_a_head_that_was_noted_elsewhere_is_looked_for(sound: Path) -> None:
    told = records(run("ledger", "list", "--store", sound, "--format", "json").stdout)
    for noted in (GENESIS, told[3]["hash"], told[-1]["hash"].upper()):
        assert run("ledger", "verify", "--store", sound, "--head", noted).returncode == 0
    done = run("ledger", "verify", "--store", sound, "--head", "ab" * 32)
    assert done.returncode == 1
    assert "none of its hashes" in done.stderr
    assert run("ledger", "verify", "--store", sound, "--head", "abcd").returncode == 2


def test_rows_can_be_chosen(sound: Path) -> None:
    def numbers(*options: str) -> list[int]:
        done = run("ledger", "list", "--store", sound, "--format", "json", *options)
        assert done.returncode == 0, done.stderr
        return [row["n"] for row in records(done.stdout)]

    assert numbers("--kind", "transition") == [2, 11]
    assert numbers("--subject", "contract/H0003") == [4, 11]
    assert numbers("--from", "2025-10-09T08:53:28Z", "--to", "2025-10-09T10:53:30+02:00") == [9, 10]
    assert numbers("--from", "2025-10-10") == []
    assert len(numbers("--to", "2025-10-10")) == ROWS + 1
    assert run("ledger", "list", "--store", sound, "--from", "yesterday").returncode == 2
    assert run("ledger", "list", "--store", sound, "--kind", "gossip").returncode == 2


def test_the_list_for_people_steers_no_terminal(sound: Path) -> None:
    lines = run("ledger", "list", "--store", sound).stdout.splitlines()
    assert len(lines) == ROWS + 1
    assert lines[1].split()[:4] == ["2", "2025-10-09T08:53:21.000Z", "transition", "contract/H0001"]
    assert all(line.isprintable() for line in lines)


def test_a_damaged_ledger_is_still_listed(damaged: Path) -> None:
    told = records(run("ledger", "list", "--store", damaged, "--format", "json").stdout)
    assert [row["n"] for row in told] == list(range(1, ROWS + 2))


def test_what_is_no_ledger_is_said_in_one_line(tmp_path: Path) -> None:
    rubbish, other = tmp_path / "rubbish.db", tmp_path / "other.db"
    rubbish.write_bytes(b"no database" * 1_000)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE dashboard (id)")
    for path in (tmp_path / "none.db", rubbish, other):
        for command in ("verify", "list"):
            done = run("ledger", command, "--store", path)
            assert done.returncode == 1
            assert done.stdout == ""
            assert len(done.stderr.splitlines()) == 1
            assert str(path) in done.stderr


def test_the_store_of_the_configuration_is_taken(sound: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"{SHORT}store: {{path: {sound}}}\n", encoding="utf-8")
    assert run("ledger", "verify", "--config", config).returncode == 0
    config.write_text(f"{SHORT}store: {{path: 5}}\n", encoding="utf-8")
    assert run("ledger", "verify", "--config", config).returncode == 2
