"""A damaged file is recognised, kept, and told about; sound records are never changed by it."""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.store import schema
from monitor.store.errors import StoreError
from monitor.store.files import open_or_set_aside
from monitor.store.records import JournalRecord, StoredCheckpoint
from monitor.store.store import Store

ROUNDS = 60


def record(n: int) -> JournalRecord:
    return JournalRecord(1_000 + n, "pbx1", "events", n, bytes(random.Random(n).randbytes(n * 9)))


async def fill(store: Store, count: int) -> None:
    for n in range(count):
        last_id = await store.append([record(n)])
        if n % 50 == 40:
            await store.save_checkpoint(last_id, n, "hash", {"state": b"state" * 5_000})


def read(store: Store) -> list[JournalRecord]:
    found = list(store.journal_after(0))
    for r in found:
        sound = record(r.count)
        assert (r.id, r.received_ms, r.source, r.kind, r.body) == (
            r.count + 1,
            sound.received_ms,
            sound.source,
            sound.kind,
            sound.body,
        )
    return found


@pytest.fixture
def chance() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 (repeats the damage)
    return random.Random(seed)


def flip(file: Path, chance: random.Random) -> bytes:
    content = bytearray(file.read_bytes())
    for _ in range(chance.randint(1, 8)):
        content[chance.randrange(len(content))] ^= chance.randint(1, 255)
    file.write_bytes(content)
    return bytes(content)


async def test_flipped_bytes_are_told_and_never_become_false_records(
    tmp_path: Path, chance: random.Random
) -> None:
    sound = tmp_path / "sound" / "monitor.db"
    async with Store.open(sound) as store:
        await fill(store, 120)
    fates: dict[str, int] = {}
    for n in range(ROUNDS):
        path = tmp_path / f"round{n}" / "monitor.db"
        path.parent.mkdir()
        shutil.copyfile(sound, path)
        damaged = flip(path, chance)
        fate = await open_and_judge(path, damaged)
        fates[fate] = fates.get(fate, 0) + 1
        shutil.rmtree(path.parent)
    print(fates)  # noqa: T201 (shows that the damage met every branch)
    assert fates["set aside"] > 0


async def open_and_judge(path: Path, damaged: bytes) -> str:
    try:
        store = Store.open(path)
    except StoreError:
        return "refused"
    async with store:
        if store.set_aside is not None:
            assert store.set_aside.read_bytes() == damaged
            assert read(store) == []
            assert await store.append([record(0)]) == 1
            return "set aside"
        try:
            found = read(store)
            store.load_checkpoint()
        except StoreError:
            return "unreadable"
        status = store.status
        if status.damaged_rows:
            return "rows missing"
        assert len(found) == 120, "records are gone and nothing says so"
        return "checkpoint damaged" if status.damaged_checkpoints else "harmless"


async def test_a_damaged_log_leaves_a_prefix_of_the_truth(
    tmp_path: Path, chance: random.Random
) -> None:
    """SQLite ends the log at the first frame that fails its checksum, as after a torn write."""
    sound = tmp_path / "sound"
    store = Store.open(sound / "monitor.db")
    await fill(store, 60)
    copy = tmp_path / "copy"
    shutil.copytree(sound, copy)
    await store.close()
    for n in range(20):
        path = tmp_path / f"round{n}" / "monitor.db"
        shutil.copytree(copy, path.parent)
        (path.parent / "monitor.db-shm").unlink()
        flip(path.with_name("monitor.db-wal"), chance)
        async with Store.open(path) as store:
            found = read(store)
            assert [r.id for r in found] == list(range(1, len(found) + 1))
            last_id = len(found)
            assert await store.append([record(last_id)]) == last_id + 1


def write_rubbish(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"no database" * 1_000)
    path.with_name(path.name + "-wal").write_bytes(b"its log")
    os.utime(path, (1_700_000_000, 1_700_000_000))


async def test_a_file_that_is_no_database_is_set_aside_with_its_log_under_a_free_name(
    path: Path,
) -> None:
    names: set[Path] = set()
    for n in range(3):
        write_rubbish(path)
        async with Store.open(path) as store:
            assert store.set_aside is not None
            assert store.set_aside.name.startswith("monitor.db.corrupt-20231114T221320Z")
            assert store.set_aside.read_bytes().startswith(b"no database")
            log = store.set_aside.with_name(store.set_aside.name + "-wal")
            assert log.read_bytes() == b"its log"
            names.add(store.set_aside)
            await store.append([record(n)])
    assert len(names) == 3


@pytest.mark.parametrize(
    ("damage", "left"),
    [
        ("UPDATE checkpoint_part SET body = zeroblob(length(body)) WHERE checkpoint_id = 3", 2),
        ("UPDATE checkpoint_part SET name = 'x' || name WHERE checkpoint_id = 3", 2),
        ("DELETE FROM checkpoint_part WHERE checkpoint_id = 3 AND name = 'rings'", 2),
        ("UPDATE checkpoint SET journal_id = 2 WHERE id = 3", 2),
        ("UPDATE checkpoint SET config_hash = 'other' WHERE id = 3", 2),
        ("UPDATE checkpoint SET sha256 = x'00'", None),
        ("DELETE FROM checkpoint", None),
    ],
)
async def test_a_torn_newest_checkpoint_gives_way_to_the_older_one(
    path: Path, damage: str, left: int | None
) -> None:
    async with Store.open(path) as store:
        for n in (1, 2, 3):
            await store.append([record(n)])
            parts: dict[str, bytes | Callable[[], bytes]] = {
                "calls": f"calls {n}".encode(),
                "rings": lambda n=n: bytes([n]) * 100_000,  # type: ignore[misc]
            }
            assert await store.save_checkpoint(n, 10 * n, f"config {n}", parts)
        assert store.load_checkpoint() == StoredCheckpoint(
            3, 30, "config 3", {"calls": b"calls 3", "rings": bytes([3]) * 100_000}
        )
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT count(*) FROM checkpoint").fetchone() == (2,)
        assert other.execute("SELECT count(*) FROM checkpoint_part").fetchone() == (4,)
        other.execute(damage)
    other.close()
    async with Store.open(path) as store:
        found = store.load_checkpoint()
        assert (found and found.journal_id) == left
        if found is not None:
            assert found.parts == {"calls": b"calls 2", "rings": bytes([2]) * 100_000}
            assert [r.count for r in store.journal_after(found.journal_id)] == [3]
            assert store.status.damaged_checkpoints == 1


async def test_a_checkpoint_whose_parts_cannot_be_made_fails_alone(store: Store) -> None:
    await store.append([record(1)])

    def broken() -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.save_checkpoint(1, 1, "hash", {"state": broken})
    assert await store.append([record(2)]) == 2
    assert store.load_checkpoint() is None
    assert not store.status.failing


async def test_ids_never_start_again_below_a_checkpoint(path: Path) -> None:
    async with Store.open(path) as store:
        await store.append([record(n) for n in range(9)])
        await store.save_checkpoint(4, 1, "hash", {})
        await store.save_checkpoint(9, 2, "hash", {})
    with sqlite3.connect(path) as other:
        other.execute("DELETE FROM journal WHERE id > 4")
    other.close()
    async with Store.open(path) as store:
        assert [r.id for r in store.journal_after(0)] == [1, 2, 3, 4]
        assert store.status.damaged_rows == 5
        assert await store.append([record(9)]) == 10


def content(path: Path) -> bytes:
    return path.read_bytes()


async def test_a_file_of_a_later_version_is_refused_and_left_as_it_is(path: Path) -> None:
    async with Store.open(path) as store:
        await store.append([record(1)])
    with sqlite3.connect(path) as other:
        other.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    before = content(path)
    with pytest.raises(StoreError, match=r"newer version.*store\.path"):
        Store.open(path)
    assert content(path) == before
    assert not list(path.parent.glob("*.corrupt-*"))


async def test_a_database_of_another_program_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE dashboard (id)")
    other.close()
    before = content(path)
    with pytest.raises(StoreError, match="another program"):
        Store.open(path)
    assert content(path) == before


def test_a_step_of_the_migration_that_fails_leaves_the_step_before(path: Path) -> None:
    path.parent.mkdir()
    connection, _ = open_or_set_aside(path)
    steps = (*schema.MIGRATIONS, ("CREATE TABLE extra (id)", "CREATE NONSENSE"))
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection, steps)
    assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)
    assert connection.execute(
        "SELECT count(*) FROM sqlite_schema WHERE name = 'extra'"
    ).fetchone() == (0,)
    schema.migrate(connection, (*schema.MIGRATIONS, ("CREATE TABLE extra (id)",)))
    assert connection.execute("PRAGMA user_version").fetchone() == (schema.VERSION + 1,)
    connection.close()


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file cannot be made"):
        Store.open(tmp_path / "file" / "monitor.db")
    (tmp_path / "monitor.db").mkdir()
    with pytest.raises(StoreError, match=r"monitor\.db cannot be opened"):
        Store.open(tmp_path / "monitor.db")
