"""The ledger only grows, says nothing twice, and begins with what was lost before it."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store.ledger_parts import BASE_MS, entry, recounted

from monitor.core.ledger import (
    GENESIS,
    LedgerEntry,
    LedgerHead,
    LedgerKind,
    LedgerRow,
    Plain,
    chain,
)
from monitor.core.ledger_check import check
from monitor.store import schema
from monitor.store.ledger import LedgerFilter
from monitor.store.ledger_file import LedgerFile
from monitor.store.records import JournalRecord
from monitor.store.store import Store

GOLDEN = Path(__file__).with_name("golden")
LATER_MS = BASE_MS + 3_600_000
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


def rows(path: Path, wanted: LedgerFilter | None = None) -> list[LedgerRow]:
    with LedgerFile(path) as file:
        return list(file.rows(wanted))


def assert_whole(path: Path) -> None:
    with LedgerFile(path) as file:
        checked = check(file.rows(), file.head)
        assert checked.bad is None
        assert checked.head == file.head


def fill(*entries: LedgerEntry) -> list[LedgerRow]:
    head, made = LedgerHead(), []
    for one in entries:
        row = chain(head, one, LATER_MS)
        head = LedgerHead(row.n, row.hash, row.recorded_ms)
        made.append(row)
    return made


@given(st.lists(st.tuples(NAMES, NAMES, st.dictionaries(TEXT, VALUES, max_size=5)), max_size=5))
def test_the_chain_is_the_documented_one_whatever_is_written(
    told: list[tuple[str, str, dict[str, Plain]]],
) -> None:
    made = fill(*(LedgerEntry(BASE_MS, LedgerKind.ACTION, s, k, body) for s, k, body in told))
    before = hashlib.sha256(b"callcenter-monitor ledger 1").hexdigest()
    for row in made:
        assert row.hash == recounted(row, before)
        before = row.hash
    assert check(made, None).bad is None


def test_the_chain_of_another_version_of_this_program_is_the_same() -> None:
    """Hashes that were noted years ago have to hold."""
    assert [row.hash for row in fill(entry(0), entry(1))] == [
        "a8654418d5c94881192206de8bffbd36ff3fc10e459f135181f3e7596722817f",
        "1948e15f72fd4b1350e03a8a20b97c2336c767099ead5c069c9c762685f3450e",
    ]


@pytest.mark.parametrize("value", [0.5, float("nan"), 2**53, b"x", {1: 2}, {"x": {3}}])
def test_what_other_readers_of_json_would_read_differently_is_not_taken(value: object) -> None:
    with pytest.raises(AssertionError):
        LedgerEntry(0, LedgerKind.GAP, "a", "b", {"value": value})  # type: ignore[dict-item]


async def test_rows_are_kept_in_order_and_can_be_asked_for(path: Path) -> None:
    entries = [entry(n) for n in range(30)]
    async with Store.open(path) as store:
        assert store.ledger_head == LedgerHead()
        await store.append([], entries=entries[:10], recorded_ms=LATER_MS)
        await store.append([], entries=entries[10:], recorded_ms=LATER_MS + 1)
        head = store.ledger_head
        last = store.last_entry("gap", "contract/H0002")
    found = rows(path)
    assert [row.key for row in found] == [one.key for one in entries]
    assert [row.content for row in found] == [one.body for one in entries]
    assert (head.n, head.hash, head.recorded_ms) == (30, found[-1].hash, LATER_MS + 1)
    gaps = [row for row in found if row.kind == "gap"]
    assert rows(path, LedgerFilter(kind="gap")) == gaps
    assert last == next((row for row in reversed(gaps) if row.subject == "contract/H0002"), None)
    assert rows(path, LedgerFilter(subject="contract/H0003")) == found[3::7]
    assert rows(path, LedgerFilter(subject="contract/")) == found
    assert rows(path, LedgerFilter(subject="contract")) == []
    assert rows(path, LedgerFilter(from_ms=found[4].at_ms, to_ms=found[9].at_ms)) == found[4:9]
    async with Store.open(path) as store:
        assert store.ledger_head == head
    assert_whole(path)


async def test_what_is_replayed_is_not_appended_again(path: Path) -> None:
    async with Store.open(path) as store:
        await store.append([], entries=[entry(1), entry(2)], recorded_ms=LATER_MS)
        await store.append([], entries=[entry(1), entry(3), entry(2)], recorded_ms=LATER_MS + 9)
        assert store.ledger_conflicts == 0
    assert [row.key for row in rows(path)] == ["test/1", "test/2", "test/3"]
    assert [row.recorded_ms for row in rows(path)] == [LATER_MS, LATER_MS, LATER_MS + 9]


async def test_other_content_under_a_known_key_is_recorded_and_counted(path: Path) -> None:
    other = entry(1, cause="staffing")
    async with Store.open(path) as store:
        await store.append([], entries=[entry(1), entry(2)], recorded_ms=LATER_MS)
        for _ in range(2):
            await store.append([], entries=[other], recorded_ms=LATER_MS)
        assert store.ledger_conflicts == 2
    first, _, conflict = rows(path)
    assert first.content == entry(1).body
    assert (conflict.kind, conflict.subject) == ("gap", "ledger")
    assert conflict.content["why"] == "conflict"
    assert conflict.content["with_n"] == 1
    assert "staffing" in conflict.content["text"]
    assert_whole(path)


async def test_an_entry_is_on_the_disk_with_what_caused_it_or_not_at_all(path: Path) -> None:
    bad = JournalRecord(1, "pbx1", None, 1, b"")  # type: ignore[arg-type]
    async with Store.open(path) as store:
        with pytest.raises(sqlite3.IntegrityError):
            await store.append([bad], entries=[entry(1)], recorded_ms=LATER_MS)
        assert store.ledger_head.n == 0
    assert rows(path) == []


async def test_a_clock_that_was_set_back_makes_no_row_look_earlier(path: Path) -> None:
    async with Store.open(path) as store:
        await store.append([], entries=[entry(1)], recorded_ms=LATER_MS)
        await store.append([], entries=[entry(2)], recorded_ms=LATER_MS - 5_000)
    assert [row.recorded_ms for row in rows(path)] == [LATER_MS, LATER_MS]
    assert_whole(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET body = '{}' WHERE n = 2",
        "UPDATE ledger SET n = 9 WHERE n = 3",
        "DELETE FROM ledger WHERE n = 3",
        "DELETE FROM ledger",
        "INSERT OR REPLACE INTO ledger SELECT * FROM ledger WHERE n = 2",
        "INSERT OR REPLACE INTO ledger SELECT 4, 0, 0, kind, subject, key, body, hash FROM ledger",
        "INSERT INTO ledger SELECT 7, 0, 0, kind, subject, 'new', body, hash FROM ledger LIMIT 1",
        "UPDATE ledger_head SET n = 2",
        "UPDATE ledger_head SET hash = 'x'",
        "UPDATE ledger_head SET recorded_ms = 0",
        "INSERT OR REPLACE INTO ledger_head VALUES (1, 0, 'x', 0)",
        "DELETE FROM ledger_head",
    ],
)
async def test_the_ledger_cannot_be_rewritten(path: Path, statement: str) -> None:
    async with Store.open(path) as store:
        await store.append([], entries=[entry(n) for n in range(3)], recorded_ms=LATER_MS)
    before = rows(path)
    with closing(sqlite3.connect(path)) as other, pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)
    assert rows(path) == before
    assert_whole(path)


async def test_nothing_of_the_ledger_is_ever_pruned(path: Path) -> None:
    async with Store.open(path) as store:
        await store.append([], entries=[entry(n) for n in range(300)], recorded_ms=LATER_MS)
        await store.prune(2**50, 0, 0, 0, 0)
    assert len(rows(path)) == 300
    assert_whole(path)


def test_a_database_of_the_first_version_gets_a_ledger_and_keeps_its_rows(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((GOLDEN / "version1.sql").read_text(encoding="utf-8"))
    Store.open(path)._lock.release()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for table in ("journal", "alerts", "deliveries"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
        assert connection.execute("SELECT n, hash FROM ledger_head").fetchone() == (0, GENESIS)
        assert not schema.layout_differs(connection)
    assert not list(path.parent.glob("*.corrupt-*"))


# -- files that were set aside ------------------------------------------------------------------


async def filled(path: Path, count: int) -> LedgerHead:
    async with Store.open(path) as store:
        await store.append([], entries=[entry(n) for n in range(count)], recorded_ms=LATER_MS)
        return store.ledger_head


async def test_a_new_ledger_begins_with_where_the_old_one_is_and_how_it_ended(path: Path) -> None:
    head = await filled(path, 20)
    # A table that is missing is damage of the layout; the ledger in the file is sound.
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE deliveries")
    async with Store.open(path) as store:
        assert store.set_aside is not None
        assert store.ledger_head.n == 1
        await store.append([], entries=[entry(1)], recorded_ms=LATER_MS + 9)
    (gap, after) = rows(path)
    assert (gap.kind, gap.subject) == ("gap", "store")
    assert gap.content == {
        "from_ms": LATER_MS,
        "to_ms": None,
        "why": "history_set_aside",
        "file": store.set_aside.name,
        "last_good_n": 20,
        "last_good_hash": head.hash,
    }
    assert after.key == "test/1"
    assert_whole(path)
    # The old file still proves what it did.
    assert_whole(store.set_aside)


async def test_the_last_good_row_of_a_ledger_that_was_tampered_with_is_named(path: Path) -> None:
    await filled(path, 20)
    good = rows(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER ledger_no_update")
        connection.execute("UPDATE ledger SET subject = 'contract/H9999' WHERE n = 13")
        connection.commit()
    async with Store.open(path) as store:
        assert store.set_aside is not None
    content = rows(path)[0].content
    assert (content["last_good_n"], content["last_good_hash"]) == (12, good[11].hash)


def write_rubbish(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1_000)


async def test_a_file_whose_ledger_cannot_be_read_is_named_all_the_same(path: Path) -> None:
    write_rubbish(path)
    async with Store.open(path) as store:
        assert store.set_aside is not None
    content = rows(path)[0].content
    assert content["file"] == store.set_aside.name
    assert content["last_good_hash"] is None
    assert store.set_aside.read_bytes() == b"no database" * 1_000


async def test_a_kill_between_the_two_steps_begins_no_empty_history(path: Path) -> None:
    head = await filled(path, 5)
    shutil.move(path, path.with_name(f"{path.name}.corrupt-20260302T000000Z"))
    async with Store.open(path) as store:
        assert store.set_aside is None
    (gap,) = rows(path)
    assert gap.content["last_good_hash"] == head.hash
    async with Store.open(path) as store:
        assert store.ledger_head.n == 1
