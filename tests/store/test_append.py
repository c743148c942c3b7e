"""What `append` promises: durable when it returns, in order, in shared commits."""

import asyncio
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from monitor.formats.normalized import NormalizedDecoder
from monitor.store.errors import StoreError
from monitor.store.records import AlertRecord, JournalRecord, QuarantineRecord
from monitor.store.store import Store


def record(n: int, size: int = 20) -> JournalRecord:
    return JournalRecord(1_000 + n, "pbx1", "events", n, f"{n}".encode().ljust(size, b"."))


async def test_a_restart_reads_what_was_appended_in_order(path: Path) -> None:
    async with Store.open(path) as store:
        assert await store.append([record(1), record(2)]) == 2
        assert await store.append([record(3, size=200_000)]) == 3
        assert await store.append([]) == 3
    async with Store.open(path) as store:
        found = list(store.journal_after(0))
        assert [r.id for r in found] == [1, 2, 3]
        assert [(r.received_ms, r.source, r.kind, r.count, r.body) for r in found] == [
            (r.received_ms, r.source, r.kind, r.count, r.body)
            for r in (record(1), record(2), record(3, size=200_000))
        ]
        assert [r.id for r in store.journal_after(2)] == [3]
        assert await store.append([record(4)]) == 4
        assert store.status.damaged_rows == 0
        assert store.set_aside is None


async def test_another_connection_sees_a_record_as_soon_as_append_returns(
    store: Store, path: Path
) -> None:
    other = sqlite3.connect(path)
    for n in range(1, 20):
        await store.append([record(n)])
        assert other.execute("SELECT max(id) FROM journal").fetchone() == (n,)
    other.close()


async def test_appends_that_wait_together_share_commits_and_keep_their_order(store: Store) -> None:
    ids = await asyncio.gather(*(store.append([record(n)]) for n in range(500)))
    assert ids == list(range(1, 501))
    assert [r.count for r in store.journal_after(0)] == list(range(500))
    assert store.status.rows_total == 500
    assert store.status.commits_total < 100


async def test_the_journal_is_streamed_while_it_is_written(store: Store) -> None:
    await store.append([record(n, size=5_000) for n in range(1_000)])
    walk = store.journal_after(0)
    assert next(walk).id == 1
    await store.append([record(1_000)])
    assert [r.id for r in walk] == list(range(2, 1_001))


async def test_one_value_that_sqlite_cannot_hold_fails_alone(store: Store) -> None:
    bad = JournalRecord(2**63, "pbx1", "events", 1, b"too late")
    broken = JournalRecord(1, "\ud800", "events", 1, b"half a character")
    results = await asyncio.gather(
        store.append([record(1)]),
        store.append([record(2), bad]),
        store.append([broken]),
        store.append([record(3)]),
        return_exceptions=True,
    )
    assert results[0] == 1
    assert isinstance(results[1], OverflowError)
    assert isinstance(results[2], UnicodeEncodeError)
    assert results[3] == 2
    assert [r.count for r in store.journal_after(0)] == [1, 3]
    assert not store.status.failing


async def test_a_caller_that_gives_up_harms_nobody(store: Store) -> None:
    task = asyncio.create_task(store.append([record(1)]))
    await asyncio.sleep(0)
    task.cancel()
    last_id = await store.append([record(2)])
    assert [r.count for r in store.journal_after(0)][-1] == 2
    assert last_id in {1, 2}


async def test_a_payload_in_quarantine_leaves_no_trace_of_its_content(path: Path) -> None:
    canary = b"+1-415-555-0137 Jane Example"
    async with Store.open(path) as store:
        (rejected,) = NormalizedDecoder("pbx1", b"key").decode(canary).rejected
        row = QuarantineRecord(5, "pbx1", *rejected)
        await store.append([], [row, QuarantineRecord(6, "pbx1", "bad-type", 2, "0b" * 32)])
        newest, older = await store.recent_quarantine(10)
        assert (newest.reason, newest.size) == ("bad-type", 2)
        assert (older.reason, older.size, older.digest) == ("bad_json", len(canary), row.digest)
        assert len(await store.recent_quarantine(1)) == 1
    for file in path.parent.iterdir():
        assert b"415-555" not in file.read_bytes()
        assert b"Jane" not in file.read_bytes()


async def test_alerts_are_read_newest_first_by_key_and_page(store: Store) -> None:
    for n in range(6):
        alert = AlertRecord(n, f"key{n % 2}", "hold", "queue/PS", "firing", "too long", '{"n":1}')
        await store.append([record(n)], alerts=[alert])
    assert [a.at_ms for a in await store.alert_history(10)] == [5, 4, 3, 2, 1, 0]
    assert [a.at_ms for a in await store.alert_history(2, key="key0")] == [4, 2]
    (second,) = await store.alert_history(1, before_id=6)
    assert (second.id, second.at_ms, second.body) == (5, 4, '{"n":1}')


async def test_the_last_acknowledged_state_of_each_alert_is_known_after_a_restart(
    path: Path,
) -> None:
    async with Store.open(path) as store:
        await store.mark_delivered("ops", "a", "firing", 1, "200")
        await store.mark_delivered("duty", "a", "firing", 2, "202")
        await store.mark_delivered("ops", "a", "resolved", 3, "200")
    async with Store.open(path) as store:
        assert store.delivered() == {("ops", "a"): "resolved", ("duty", "a"): "firing"}


async def test_only_this_user_can_read_the_files(path: Path) -> None:
    before = os.umask(0)
    try:
        async with Store.open(path) as store:
            await store.append([record(1)])
            names = {file.name for file in path.parent.iterdir()}
            assert {"monitor.db", "monitor.db-wal", "monitor.db.lock"} <= names
            for file in path.parent.iterdir():
                assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(before)


async def test_a_second_instance_is_refused_with_the_remedy_until_the_first_ends(
    path: Path,
) -> None:
    async with Store.open(path):
        with pytest.raises(StoreError, match=rf"process {os.getpid()}.*store\.path"):
            Store.open(path)
    await Store.open(path).close()


async def test_a_closed_store_refuses_and_can_be_closed_again(path: Path) -> None:
    store = Store.open(path)
    pending = [asyncio.create_task(store.append([record(n)])) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await store.close()
    assert [await task for task in pending] == list(range(1, 51))
    with pytest.raises(StoreError, match="closed"):
        await store.append([record(1)])


async def test_status_tells_commits_rows_time_and_sizes(store: Store) -> None:
    assert store.status.last_commit_ms is None
    await store.append([record(1), record(2)], [QuarantineRecord(1, "p", "r", 0, "")])
    status = store.status
    assert (status.commits_total, status.rows_total) == (1, 3)
    assert status.last_commit_ms is not None
    assert status.last_commit_ms > 0
    assert status.size_bytes > 4096
    assert status.free_bytes > 0
    assert not status.failing
    assert status.failing_ms is None
