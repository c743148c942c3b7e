"""The statements behind the store's tables other than the checkpoints.

Each writes within a transaction that its caller holds, and may run again after a rollback.
Deletions are bounded per call, so that no transaction is long. Journal rows carry a checksum:
SQLite notices damage to its own structure, not to what is in the rows.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from typing import Final

from monitor.store.records import AlertRecord, JournalRecord, QuarantineRecord

QUARANTINE_ROWS: Final = 100_000

_JOURNAL: Final = "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)"
_QUARANTINE: Final = (
    "INSERT INTO quarantine (received_ms, source, reason, size, sha256) VALUES (?, ?, ?, ?, ?)"
)
_ALERT: Final = (
    "INSERT INTO alerts (at_ms, key, rule, scope, state, reason, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_CHUNK: Final = 200


def append(
    connection: sqlite3.Connection,
    records: Sequence[JournalRecord],
    quarantined: Sequence[QuarantineRecord],
    alerts: Sequence[AlertRecord],
) -> int:
    """Add rows; returns the id of the journal's last record, 0 when it has none."""
    last_id = last_journal_id(connection)
    rows = [
        (last_id + n, r.received_ms, r.source, r.kind, r.count, _checksum(r), r.body)
        for n, r in enumerate(records, 1)
    ]
    connection.executemany(_JOURNAL, rows)
    if quarantined:
        connection.executemany(
            _QUARANTINE,
            [(q.received_ms, q.source, q.reason, q.size, q.digest) for q in quarantined],
        )
        # Here and not in `prune`, so that a flood of rubbish is bounded at every instant.
        connection.execute(
            "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?",
            (QUARANTINE_ROWS,),
        )
    if alerts:
        connection.executemany(
            _ALERT, [(a.at_ms, a.key, a.rule, a.scope, a.state, a.reason, a.body) for a in alerts]
        )
    return last_id + len(rows)


def last_journal_id(connection: sqlite3.Connection) -> int:
    """The id of the journal's last record; 0 when there was never one.

    A checkpoint that knows of later records than are left also counts: an id below it that was
    given again would be passed over by the next replay.
    """
    in_journal, in_checkpoints = connection.execute(
        "SELECT (SELECT max(id) FROM journal), (SELECT max(journal_id) FROM checkpoint)"
    ).fetchone()
    return max(in_journal or 0, in_checkpoints or 0)


def journal_after(
    connection: sqlite3.Connection, journal_id: int
) -> Iterator[JournalRecord | None]:
    """The journal's records after `journal_id` in order; None in the place of a damaged one.

    Ids have no holes except where pruning made them, so a hole is damage too.
    """
    connection.execute("BEGIN")
    oldest, last = connection.execute(
        "SELECT coalesce(min(journal_id), 0), coalesce(max(journal_id), 0) FROM checkpoint"
    ).fetchone()
    cursor = connection.execute(
        "SELECT received_ms, source, kind, count, body, id, crc32 FROM journal"
        " WHERE id > ? ORDER BY id",
        (journal_id,),
    )
    expected = max(journal_id, oldest) + 1
    for *fields, crc32 in cursor:
        record = JournalRecord(*fields)
        for _ in range(expected, record.id):
            yield None
        expected = max(expected, record.id + 1)
        yield record if crc32 == _checksum(record) else None
    for _ in range(expected, last + 1):
        yield None


def mark_delivered(
    connection: sqlite3.Connection, channel: str, key: str, state: str, at_ms: int, status: str
) -> None:
    """Set what the receiver behind `channel` has acknowledged for `key`."""
    connection.execute(
        "INSERT INTO deliveries VALUES (?, ?, ?, ?, ?) ON CONFLICT (channel, key) DO UPDATE"
        " SET state = excluded.state, at_ms = excluded.at_ms, status = excluded.status",
        (channel, key, state, at_ms, status),
    )


def prune_journal(connection: sqlite3.Connection, before_ms: int) -> int:
    """Delete some old records that no kept checkpoint needs; returns how many.

    The newest record stays whatever its age: the next id is counted from it.
    """
    return connection.execute(
        "DELETE FROM journal WHERE received_ms < ?1 AND id IN (SELECT id FROM journal"
        " WHERE received_ms < ?1 AND id <= (SELECT min(journal_id) FROM checkpoint)"
        " AND id < (SELECT max(id) FROM journal) LIMIT ?2)",
        (before_ms, _CHUNK),
    ).rowcount


def prune_quarantine(connection: sqlite3.Connection, before_ms: int) -> int:
    """Delete some old rows from the front of the quarantine; returns how many."""
    return connection.execute(
        "DELETE FROM quarantine WHERE received_ms < ? AND id IN"
        " (SELECT id FROM quarantine ORDER BY id LIMIT ?)",
        (before_ms, _CHUNK),
    ).rowcount


def prune_alerts(connection: sqlite3.Connection, before_ms: int) -> int:
    """Move the history's beginning up and delete some of what lies before; returns how many."""
    connection.execute(
        "UPDATE retention SET alerts_from_ms = ?1 WHERE alerts_from_ms < ?1", (before_ms,)
    )
    return connection.execute(
        "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE at_ms < ? LIMIT ?)",
        (before_ms, _CHUNK),
    ).rowcount


def prune_deliveries(connection: sqlite3.Connection, before_ms: int) -> int:
    """Delete some deliveries as old as alerts that are forgotten; returns how many."""
    return connection.execute(
        "DELETE FROM deliveries WHERE (channel, key) IN"
        " (SELECT channel, key FROM deliveries WHERE at_ms < ? LIMIT ?)",
        (before_ms, _CHUNK),
    ).rowcount


def _checksum(record: JournalRecord) -> int:
    head = f"{record.received_ms}|{record.source}|{record.kind}|{record.count}|"
    return zlib.crc32(record.body, zlib.crc32(head.encode()))
