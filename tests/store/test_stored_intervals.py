"""What boundaries closed is stored once, is never changed, and adds up for anybody who asks."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from monitor.core import fields
from monitor.core.fields import FIELD_COUNT, FIELDS
from monitor.core.hierarchy import Hierarchy
from monitor.core.intervals import AMENDED_AFTER_MS, INTERVAL_MS, ClosedIntervals, Part
from monitor.store import schema
from monitor.store.interval_schema import COLUMNS
from monitor.store.store import Store

# A boundary of every unit in use here.
BASE_MS = 1_760_000_000_000 // 86_400_000 * 86_400_000
FOREVER = 2**60
# The organization is the sum of two queues.
ROWS = Hierarchy(("organization", "queue/A", "queue/B"), 1, ((0, slice(1, 3)),))


def part(row: int, **counts: int) -> Part:
    cells = [row * FIELD_COUNT + FIELDS.index(name) for name in counts]
    return np.array(cells, dtype=np.int64), np.array(list(counts.values()), dtype=np.int64)


def closed(boundary: int, **parts: Sequence[Part]) -> ClosedIntervals:
    """A set of the boundary with this number, with the parts of intervals `i0`, `i1`..."""
    held = {(BASE_MS // INTERVAL_MS) + int(name[1:]): given for name, given in parts.items()}
    return ClosedIntervals(BASE_MS + boundary * INTERVAL_MS, ROWS, held)


FIRST = closed(1, i0=[part(0, offered=3, abandoned=1), part(1, offered=1)])
SECOND = closed(2, i0=[part(0, answered=2, offered=-1)], i1=[part(0, offered=7)])
LATE = closed(6, i0=[part(1, dequeued=1)])


async def counts(store: Store, scope: str, first: int, last: int) -> dict[str, int]:
    start_ms, end_ms = BASE_MS + first * INTERVAL_MS, BASE_MS + last * INTERVAL_MS
    found = await store.period(scope, start_ms, end_ms, amendments=10)
    return {name: count for name, count in zip(FIELDS, found.counts, strict=True) if count}


def test_columns_are_the_counters_of_the_engine() -> None:
    assert COLUMNS == FIELDS


async def test_a_period_is_the_sum_of_all_that_was_added_to_its_intervals(store: Store) -> None:
    await store.append((), closed=[FIRST])
    assert await counts(store, "queue/A", 0, 1) == {"offered": 3, "abandoned": 1}
    await store.append((), closed=[SECOND, LATE])
    assert await counts(store, "queue/A", 0, 1) == {"offered": 2, "abandoned": 1, "answered": 2}
    assert await counts(store, "queue/A", 1, 2) == {"offered": 7}
    assert await counts(store, "queue/B", 0, 9) == {"offered": 1, "dequeued": 1}
    whole = {"offered": 10, "abandoned": 1, "answered": 2, "dequeued": 1}
    assert await counts(store, "organization", 0, 2) == whole
    assert await counts(store, "organization", 2, 9) == {}
    assert await counts(store, "organization", 2, 2) == {}
    assert await counts(store, "queue/none", 0, 9) == {}


async def test_what_was_recorded_long_after_its_interval_is_told_as_an_amendment(
    store: Store,
) -> None:
    await store.append((), closed=[FIRST, SECOND, LATE])
    end_ms = BASE_MS + INTERVAL_MS
    found = await store.period("queue/B", BASE_MS, end_ms, amendments=10)
    assert LATE.recorded_ms == end_ms + AMENDED_AFTER_MS + INTERVAL_MS
    (amendment,) = found.amendments
    assert (amendment.start_ms, amendment.recorded_ms) == (BASE_MS, LATE.recorded_ms)
    assert amendment.counts[fields.DEQUEUED] == sum(amendment.counts) == 1
    assert (found.recorded_ms, found.first_ms) == (LATE.recorded_ms, BASE_MS)
    on_time = closed(5, i0=[part(1, dequeued=1)])
    assert on_time.recorded_ms == end_ms + AMENDED_AFTER_MS
    await store.append((), closed=[on_time, closed(7, i0=[part(1, offered=1)])])
    found = await store.period("queue/B", BASE_MS, end_ms, amendments=1)
    assert found.amended_total == 2
    assert [one.recorded_ms for one in found.amendments] == [BASE_MS + 7 * INTERVAL_MS]


async def test_an_empty_store_has_nothing_to_tell(store: Store) -> None:
    found = await store.period("organization", 0, 10**12, amendments=10)
    assert not any(found.counts)
    assert (found.recorded_ms, found.first_ms, found.amended_total) == (0, None, 0)


async def test_the_first_set_of_a_boundary_stays_whatever_a_replay_makes_of_it(path: Path) -> None:
    async with Store.open(path) as store:
        await store.append((), closed=[FIRST])
    async with Store.open(path) as store:
        otherwise = closed(1, i0=[part(1, offered=4)], i3=[part(0, offered=1)])
        await store.append((), closed=[FIRST, otherwise, SECOND])
        await store.append((), closed=[SECOND])
        assert await counts(store, "organization", 0, 9) == {
            "offered": 10,
            "abandoned": 1,
            "answered": 2,
        }


async def test_anybody_can_read_them_with_plain_sql(path: Path) -> None:
    async with Store.open(path) as store:
        await store.append((), closed=[FIRST, SECOND, LATE])
    with closing(sqlite3.connect(path)) as other:
        found = other.execute(
            "SELECT start, offered, answered, amended FROM intervals"
            " WHERE scope = 'organization' ORDER BY start"
        ).fetchall()
        amended = other.execute(
            "SELECT start, recorded, dequeued FROM interval_amendments WHERE scope = 'queue/B'"
        ).fetchall()
    assert found == [
        ("2025-10-09 00:00:00", 3, 2, "2025-10-09 01:30:00"),
        ("2025-10-09 00:15:00", 7, 0, None),
    ]
    assert amended == [("2025-10-09 00:00:00", "2025-10-09 01:30:00", 1)]


async def test_old_intervals_are_forgotten_and_no_others(store: Store) -> None:
    sets = [
        closed(number + 1, **{f"i{number}": [part(0, offered=1), part(1, offered=1)]})
        for number in range(3_000)
    ]
    await store.append((), closed=sets)
    now_ms = BASE_MS + 3_000 * INTERVAL_MS
    await store.prune(now_ms, FOREVER, FOREVER, FOREVER, FOREVER)
    assert await counts(store, "queue/A", 0, 9_000) == {"offered": 3_000}
    deleted = await store.prune(now_ms, FOREVER, FOREVER, FOREVER, 1_000 * INTERVAL_MS)
    assert deleted == 3 * 2_000
    assert await counts(store, "queue/A", 0, 9_000) == {"offered": 1_000}
    assert await store.prune(now_ms, FOREVER, FOREVER, FOREVER, 0) == 3 * 1_000
    found = await store.period("queue/A", BASE_MS, now_ms, amendments=1)
    assert (found.recorded_ms, found.first_ms) == (now_ms, None)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE interval_entries SET late = 0",
        "DELETE FROM interval_entries",
        "INSERT OR REPLACE INTO interval_entries SELECT * FROM interval_entries",
        "UPDATE interval_scopes SET name = 'queue/C' WHERE name = 'queue/B'",
        "INSERT OR REPLACE INTO interval_scopes VALUES (1, 'queue/C')",
        "DELETE FROM interval_scopes",
        "UPDATE interval_retention SET from_s = from_s - 1",
        "INSERT OR REPLACE INTO interval_retention VALUES (1, 0)",
        "DELETE FROM interval_retention",
    ],
)
async def test_stored_figures_cannot_be_rewritten(path: Path, tampering: str) -> None:
    async with Store.open(path) as store:
        await store.append((), closed=[FIRST, SECOND])
    with closing(sqlite3.connect(path)) as other, pytest.raises(sqlite3.IntegrityError), other:
        other.execute(tampering)
    async with Store.open(path) as store:
        assert await counts(store, "queue/A", 0, 2) == {"offered": 9, "abandoned": 1, "answered": 2}


async def test_a_file_from_before_intervals_is_brought_up_to_date(path: Path) -> None:
    path.parent.mkdir()
    with closing(schema.connect(path)) as older:
        schema.migrate(older, schema.MIGRATIONS[:2])
    async with Store.open(path) as store:
        assert store.set_aside is None
        await store.append((), closed=[FIRST])
        assert await counts(store, "queue/B", 0, 1) == {"offered": 1}
