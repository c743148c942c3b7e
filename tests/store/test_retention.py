"""What is forgotten, and what never is."""

import sqlite3
from pathlib import Path

import pytest

from monitor.store import rows
from monitor.store.records import AlertRecord, JournalRecord, QuarantineRecord
from monitor.store.store import Store

FOREVER = 2**60


def record(at_ms: int) -> JournalRecord:
    return JournalRecord(at_ms, "pbx1", "events", 1, b"body")


def alert(at_ms: int) -> AlertRecord:
    return AlertRecord(at_ms, "key", "hold", "organization", "firing", "too long", "{}")


async def ids_after_prune(store: Store, now_ms: int, keep_events_ms: int) -> list[int]:
    await store.prune(now_ms, keep_events_ms, FOREVER, FOREVER, FOREVER)
    return [r.id for r in store.journal_after(0)]


async def test_without_a_checkpoint_nothing_of_the_journal_is_pruned(store: Store) -> None:
    await store.append([record(n) for n in range(10)])
    assert await ids_after_prune(store, 1_000, 0) == list(range(1, 11))


async def test_the_journal_is_pruned_up_to_the_older_checkpoint_at_most(store: Store) -> None:
    await store.append([record(n) for n in range(1_000)])
    await store.save_checkpoint(600, 1, "hash", {})
    await store.save_checkpoint(900, 2, "hash", {})
    assert await ids_after_prune(store, 1_000, 600) == list(range(401, 1_001))
    assert await ids_after_prune(store, 10_000, 0) == list(range(601, 1_001))
    assert store.status.damaged_rows == 0


async def test_the_newest_record_stays_so_that_ids_go_on(path: Path) -> None:
    async with Store.open(path) as store:
        await store.append([record(n) for n in range(5)])
        await store.save_checkpoint(5, 1, "hash", {})
        assert await ids_after_prune(store, 1_000, 0) == [5]
    async with Store.open(path) as store:
        assert await store.append([record(6)]) == 6
        assert store.status.damaged_rows == 0


async def test_a_record_of_a_wrong_clock_does_not_stop_the_pruning_of_others(store: Store) -> None:
    await store.append([record(10**15), *(record(n) for n in range(500)), record(9)])
    await store.save_checkpoint(502, 1, "hash", {})
    assert await ids_after_prune(store, 1_000, 0) == [1, 502]


async def test_pruning_goes_on_between_the_appends_of_others(store: Store) -> None:
    await store.append([record(n) for n in range(2_000)])
    await store.save_checkpoint(2_000, 1, "hash", {})
    before = store.status.commits_total
    assert await store.prune(10_000, 0, FOREVER, FOREVER, FOREVER) == 1_999
    assert store.status.commits_total - before >= 10


async def test_the_quarantine_is_bounded_in_time_and_in_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "QUARANTINE_ROWS", 300)
    for n in range(0, 1_000, 50):
        batch = [QuarantineRecord(n + i, "pbx1", "bad-json", 1, "0a") for i in range(50)]
        await store.append([], batch)
        assert len(await store.recent_quarantine(10_000)) <= 300
    assert [q.received_ms for q in await store.recent_quarantine(10_000)] == [*range(999, 699, -1)]
    assert await store.prune(1_000, FOREVER, 100, FOREVER, FOREVER) == 200
    assert [q.received_ms for q in await store.recent_quarantine(10_000)] == [*range(999, 899, -1)]


async def test_alerts_and_their_deliveries_go_when_they_are_old(store: Store) -> None:
    await store.append([], alerts=[alert(n) for n in range(500)])
    await store.mark_delivered("ops", "old", "resolved", 10, "200")
    await store.mark_delivered("ops", "new", "firing", 450, "200")
    assert await store.prune(500, FOREVER, FOREVER, 100, FOREVER) == 401
    assert [a.at_ms for a in await store.alert_history(1_000)] == [*range(499, 399, -1)]
    assert store.delivered() == {("ops", "new"): "firing"}


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE alerts SET state = 'resolved' WHERE id = 2",
        "DELETE FROM alerts WHERE id = 2",
        "DELETE FROM alerts",
        "INSERT OR REPLACE INTO alerts SELECT * FROM alerts WHERE id = 2",
        "UPDATE retention SET alerts_from_ms = alerts_from_ms - 1",
        "INSERT OR REPLACE INTO retention VALUES (1, 0)",
        "DELETE FROM retention",
    ],
)
async def test_the_alert_history_cannot_be_rewritten(path: Path, tampering: str) -> None:
    async with Store.open(path) as store:
        await store.append([], alerts=[alert(n) for n in (5, 6, 7)])
        await store.prune(10, FOREVER, FOREVER, 8, FOREVER)
    with sqlite3.connect(path) as other, pytest.raises(sqlite3.IntegrityError):
        other.execute(tampering)
    other.close()
    async with Store.open(path) as store:
        assert [a.at_ms for a in await store.alert_history(10)] == [7, 6, 5]
