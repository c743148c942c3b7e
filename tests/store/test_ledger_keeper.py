"""A clock behind the ledger is refused, and what a start has missed is written down first."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.clock import Clock
from monitor.core.ledger import LedgerEntry
from monitor.ledger_keeper import BEHIND_TOLERATED_MS, LedgerKeeper
from monitor.sources.mqtt import SourceStatus
from monitor.store.ledger_file import LedgerFile
from monitor.store.records import JournalRecord
from monitor.store.store import Store
from monitor.store.writer import Work

T = 1_760_000_000_000
HASHES = ("aa" * 32, "bb" * 32)

Set = Callable[[int], None]


def _lose_the_second(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM journal WHERE id = 2")


@pytest.fixture
def set_wall(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Has time pass until the wall clock says this, epoch ms; or be set back to it."""
    latest_ms = T

    def set_to(at_ms: int) -> None:
        nonlocal latest_ms
        latest_ms = max(latest_ms, at_ms)
        monkeypatch.setattr(Clock, "_read", staticmethod(lambda: at_ms))
        monkeypatch.setattr(Clock, "_read_steady", staticmethod(lambda: latest_ms))

    set_to(T)
    return set_to


def bodies(path: Path, kind: str) -> list[dict[str, object]]:
    with LedgerFile(path) as file:
        return [row.content for row in file.rows() if row.kind == kind]


def clock_at(at_ms: int) -> Clock:
    clock = Clock()
    clock.not_before(at_ms)
    return clock


def test_a_clock_says_by_how_much_it_would_be_behind(set_wall: Set) -> None:
    clock = Clock()
    assert clock.behind_ms() == 0
    assert clock.now_ms() == T
    clock.not_before(T + 5_000)
    assert (clock.now_ms(), clock.behind_ms()) == (T + 5_000, 5_000)
    set_wall(T + 4_000)
    assert (clock.now_ms(), clock.behind_ms()) == (T + 5_000, 1_000)
    set_wall(T + 6_000)
    assert (clock.now_ms(), clock.behind_ms()) == (T + 6_000, 0)
    set_wall(T - 1_000)
    assert (clock.now_ms(), clock.behind_ms(), clock.off_ms()) == (T + 6_000, 0, -7_000)


def test_a_fast_clock_is_behind_in_its_own_time(set_wall: Set) -> None:
    clock = Clock(60.0)
    clock.not_before(T + 60_000)
    set_wall(T + 500)
    assert clock.behind_ms() == 30_000


async def test_a_clock_behind_the_ledger_is_refused_until_it_has_caught_up(
    path: Path, store: Store, set_wall: Set, caplog: pytest.LogCaptureFixture
) -> None:
    reached_ms = T + BEHIND_TOLERATED_MS + 1
    keeper = LedgerKeeper(store, clock_at(reached_ms), None)
    await keeper.begin(HASHES[0], ["pbx1"])
    assert "behind the ledger" in caplog.text
    (reason,) = keeper.unreadiness()
    assert "set the clock" in reason
    set_wall(T + 1)
    assert keeper.unreadiness() == []
    (body,) = bodies(path, "clock")
    assert body == {"what": "behind_ledger", "ledger_ms": reached_ms, "clock_ms": T}


async def test_a_clock_within_the_tolerance_is_taken(
    path: Path, store: Store, set_wall: Set, caplog: pytest.LogCaptureFixture
) -> None:
    set_wall(T)
    keeper = LedgerKeeper(store, clock_at(T + BEHIND_TOLERATED_MS), None)
    await keeper.begin(HASHES[0], ["pbx1"])
    assert keeper.unreadiness() == []
    assert bodies(path, "clock") == []
    assert caplog.text == ""


async def test_the_first_start_has_missed_nothing(path: Path, store: Store, set_wall: Set) -> None:
    set_wall(T)
    await LedgerKeeper(store, Clock(), None).begin(HASHES[0], ["pbx1"])
    assert bodies(path, "gap") == []
    (config,) = bodies(path, "config")
    assert (config["old_hash"], config["new_hash"]) == (None, HASHES[0])


async def test_a_configuration_is_told_when_it_has_changed(path: Path, set_wall: Set) -> None:
    for start, given in enumerate((HASHES[0], HASHES[0], HASHES[1])):
        set_wall(T + start * 60_000)
        async with Store.open(path) as store:
            await LedgerKeeper(store, Clock(), None).begin(given, ["pbx1"])
    told = [(body["old_hash"], body["new_hash"]) for body in bodies(path, "config")]
    assert told == [(None, HASHES[0]), (HASHES[0], HASHES[1])]
    # The newest instant of the ledger is the last sign of life.
    gaps = [(body["from_ms"], body["to_ms"]) for body in bodies(path, "gap")]
    assert gaps == [(T, T + 60_000), (T + 60_000, T + 120_000)]


async def test_rows_of_the_journal_that_are_gone_are_a_gap(
    path: Path, store: Store, set_wall: Set
) -> None:
    set_wall(T)
    await store.append([JournalRecord(T, "pbx1", "events", 1, b"x") for _ in range(3)])
    await store._writer.submit(Work(_lose_the_second, 0, 0))
    assert len(list(store.journal_after(0))) == 2
    await LedgerKeeper(store, Clock(), T - 5_000).begin(HASHES[0], [])
    down, damaged = bodies(path, "gap")
    assert (down["why"], down["from_ms"]) == ("daemon_down", T - 5_000)
    assert (damaged["why"], damaged["count"]) == ("journal_damaged", 1)


async def test_a_source_that_was_known_before_the_start_has_missed_what_was_not_kept(
    path: Path, set_wall: Set
) -> None:
    async with Store.open(path) as store:
        await LedgerKeeper(store, Clock(), None).begin(HASHES[0], ["pbx1"])
    set_wall(T + 60_000)
    async with Store.open(path) as store:
        keeper = LedgerKeeper(store, Clock(), None)
        await keeper.begin(HASHES[1], ["pbx1", "pbx2"])
        noted: list[LedgerEntry] = []
        keeper.attach(noted.append, {})
        set_wall(T + 61_000)
        for name in ("pbx1", "pbx2"):
            keeper.see(SourceStatus(name, connected=True, session_present=False))
        (lost,) = noted
        assert (lost.subject, lost.body["why"]) == ("source/pbx1", "session_lost")
        assert (lost.body["from_ms"], lost.body["to_ms"]) == (T, T + 61_000)
