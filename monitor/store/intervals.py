"""Statements on the intervals: adding what a boundary closed, summing up a period, forgetting.

A set is stored as a whole or not at all, and the first one of a boundary stays: a replay after a
crash makes it again, and what was stored then is what was told then, even if the configuration has
changed in between and the replay would put it elsewhere.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from monitor.core.intervals import INTERVAL_MS, ClosedIntervals
from monitor.core.periods import Amendment
from monitor.core.plan import SECOND_MS
from monitor.store.interval_schema import AMENDED, COLUMNS
from monitor.store.records import StoredPeriod

_ENTRY: Final = f"INSERT INTO interval_entries VALUES (?, ?, ?{', ?' * len(COLUMNS)})"  # noqa: S608
_SUMS: Final = ", ".join(f"coalesce(sum({name}), 0)" for name in COLUMNS)
# The key begins with the time: each interval of a period is looked up by itself.
_OF_PERIOD: Final = f"""
    WITH RECURSIVE moment (at_s) AS (
        SELECT :start UNION ALL SELECT at_s + {INTERVAL_MS // SECOND_MS} FROM moment
        WHERE at_s + {INTERVAL_MS // SECOND_MS} < :end
    )
    SELECT %s FROM moment CROSS JOIN interval_entries
    WHERE start_s = at_s AND scope_id = (SELECT id FROM interval_scopes WHERE name = :scope)
    AND :start < :end"""  # noqa: S608 (names of ours)
_AMENDMENTS: Final = f"start_s, recorded_s, {', '.join(COLUMNS)}"
_CHUNK: Final = 2_000


def add(connection: sqlite3.Connection, sets: Iterable[ClosedIntervals]) -> None:
    """Store sets whose boundaries are not stored yet."""
    for closed in sets:
        recorded_s = closed.recorded_ms // SECOND_MS
        fresh = connection.execute("INSERT OR IGNORE INTO interval_sets VALUES (?)", (recorded_s,))
        if fresh.rowcount:
            _add(connection, closed, recorded_s)


def period(
    connection: sqlite3.Connection, scope: str, start_ms: int, end_ms: int, amendments: int
) -> StoredPeriod:
    """What is stored of one scope in the intervals that begin in [start_ms, end_ms).

    Args:
        connection: Any.
        scope: Name of the scope.
        start_ms: The beginning of an interval.
        end_ms: After it.
        amendments: How many amendments to give at most, the newest ones.
    """
    values = {"scope": scope, "start": start_ms // SECOND_MS, "end": -(-end_ms // SECOND_MS)}
    connection.execute("BEGIN")
    try:
        counts = connection.execute(_OF_PERIOD % _SUMS, values).fetchone()
        amended_total = connection.execute(
            f"{_OF_PERIOD % 'count(*)'} AND {AMENDED}", values
        ).fetchone()[0]
        amended = connection.execute(
            f"{_OF_PERIOD % _AMENDMENTS} AND {AMENDED}"
            f" ORDER BY recorded_s DESC, start_s DESC LIMIT {amendments:d}",
            values,
        ).fetchall()
        recorded_s, first_s, kept_s = connection.execute(
            "SELECT (SELECT max(recorded_s) FROM interval_sets),"
            " (SELECT min(start_s) FROM interval_entries), (SELECT from_s FROM interval_retention)"
        ).fetchone()
    finally:
        connection.execute("COMMIT")
    return StoredPeriod(
        counts=tuple(counts),
        recorded_ms=0 if recorded_s is None else recorded_s * SECOND_MS,
        first_ms=None if first_s is None else max(first_s, kept_s) * SECOND_MS,
        amended_total=amended_total,
        amendments=tuple(
            Amendment(start_s * SECOND_MS, at_s * SECOND_MS, tuple(added))
            for start_s, at_s, *added in amended
        ),
    )


def prune(connection: sqlite3.Connection, before_ms: int) -> int:
    """Move the beginning up and delete some of what lies before; returns how many."""
    before_s = before_ms // SECOND_MS
    connection.execute("UPDATE interval_retention SET from_s = ?1 WHERE from_s < ?1", (before_s,))
    deleted = connection.execute(
        "DELETE FROM interval_entries WHERE (start_s, scope_id, recorded_s) IN"
        " (SELECT start_s, scope_id, recorded_s FROM interval_entries WHERE start_s < ? LIMIT ?)",
        (before_s, _CHUNK),
    ).rowcount
    # The newest boundary stays, whatever its age: it says up to where all is stored.
    connection.execute(
        "DELETE FROM interval_sets WHERE recorded_s < ?"
        " AND recorded_s < (SELECT max(recorded_s) FROM interval_sets)",
        (before_s,),
    )
    return deleted


def _add(connection: sqlite3.Connection, closed: ClosedIntervals, recorded_s: int) -> None:
    ids = dict(connection.execute("SELECT name, id FROM interval_scopes"))
    for start_ms, rows in _by_interval(closed):
        for scope in rows.keys() - ids.keys():
            added = connection.execute("INSERT INTO interval_scopes (name) VALUES (?)", (scope,))
            ids[scope] = added.lastrowid
        connection.executemany(
            _ENTRY,
            sorted(
                (start_ms // SECOND_MS, ids[scope], recorded_s, *counts)
                for scope, counts in rows.items()
            ),
        )


def _by_interval(closed: ClosedIntervals) -> Iterable[tuple[int, dict[str, Sequence[int]]]]:
    """The entries of a set, interval by interval, so that few are held at once."""
    start_ms, rows = 0, dict[str, Sequence[int]]()
    for entry in closed.entries():
        if entry.start_ms != start_ms and rows:
            yield start_ms, rows
            rows = {}
        start_ms = entry.start_ms
        rows[entry.scope] = entry.counts
    if rows:
        yield start_ms, rows
