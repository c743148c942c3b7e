"""The ledger's statements: appended within the writer's transaction, read by anybody.

A key that is there already with the same content is passed over, because a journal that is
replayed makes the same entries again. One with other content means that the same inputs gave
another result, which must never be silent: the ledger keeps what it has, and the other content is
recorded behind it as a conflict, once.

Each row follows from the one before, so there is one writer; a reading is one transaction, so that
a row that is appended meanwhile cannot disturb it.
"""

import dataclasses
import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from monitor.core.ledger import LedgerEntry, LedgerHead, LedgerKind, LedgerRow, chain
from monitor.core.ledger_check import check
from monitor.store.schema import connect_read_only

_COLUMNS: Final = "n, at_ms, recorded_ms, kind, subject, key, body, hash"
_SAME: Final = "SELECT n, at_ms, kind, subject, body FROM ledger WHERE key = ?"
_INSERT: Final = f"INSERT INTO ledger ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_TERMS: Final = {
    "kind": "kind = :kind",
    "subject": "(subject = :subject OR (substr(:subject, -1) = '/'"
    " AND substr(subject, 1, length(:subject)) = :subject))",
    "from_ms": "at_ms >= :from_ms",
    "to_ms": "at_ms < :to_ms",
}
_DIGEST_DIGITS: Final = 16
_TEXT_SHOWN: Final = 1_000


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of entries that were handed over.

    Attributes:
        head: The ledger's end after them.
        rows: How many were appended, conflicts among them.
        conflicts: How many had the key of an earlier row and other content.
    """

    head: LedgerHead
    rows: int = 0
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which rows are wanted; None for all.

    Attributes:
        kind: Of this kind.
        subject: About this subject, or about those below it when it ends with a slash.
        from_ms: That happened at this instant (epoch ms) or later.
        to_ms: That happened before this instant (epoch ms).
    """

    kind: str | None = None
    subject: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


def append(
    connection: sqlite3.Connection, entries: Sequence[LedgerEntry], recorded_ms: int
) -> Appended:
    """Append what is not there yet.

    Args:
        connection: In a transaction.
        entries: In their order.
        recorded_ms: Now, epoch ms.
    """
    head = before = read_head(connection)
    conflicts = 0
    for entry in entries:
        found = connection.execute(_SAME, (entry.key,)).fetchone()
        if found is None:
            head = _insert(connection, head, entry, recorded_ms)
            continue
        n, *held = found
        if held == [entry.at_ms, str(entry.kind), entry.subject, entry.text]:
            continue
        conflicts += 1
        conflict = _conflict(n, entry)
        if connection.execute(_SAME, (conflict.key,)).fetchone() is None:
            head = _insert(connection, head, conflict, recorded_ms)
    return Appended(head, head.n - before.n, conflicts)


def read_head(connection: sqlite3.Connection) -> LedgerHead:
    """The end of the ledger as it is noted beside it."""
    return LedgerHead(
        *connection.execute("SELECT n, hash, recorded_ms FROM ledger_head").fetchone()
    )


def read_rows(
    connection: sqlite3.Connection,
    wanted: LedgerFilter | None = None,
    *,
    newest_first: bool = False,
) -> Iterator[LedgerRow]:
    """The rows that are wanted, in their order, read as they are asked for."""
    values = dataclasses.asdict(wanted or LedgerFilter())
    where = " AND ".join(term for name, term in _TERMS.items() if values[name] is not None)
    order = "DESC" if newest_first else "ASC"
    statement = f"SELECT {_COLUMNS} FROM ledger WHERE {where or '1'} ORDER BY n {order}"  # noqa: S608
    for row in connection.execute(statement, values):
        yield LedgerRow(*row)


def last_good_head(path: Path) -> LedgerHead | None:
    """The last row of the ledger in a damaged file up to which all is well.

    Returns:
        None when no ledger can be read there; the file is not changed.
    """
    if not path.stat().st_size:
        return None  # SQLite would remove the log of an empty database
    try:
        connection = connect_read_only(path)
    except sqlite3.Error:
        return None
    try:
        return check(_readable(connection), None).head
    except (sqlite3.Error, UnicodeDecodeError):
        return None
    finally:
        connection.close()


def _readable(connection: sqlite3.Connection) -> Iterator[LedgerRow]:
    """The rows up to the first that cannot be read.

    Raises:
        sqlite3.Error: Not even the first can.
    """
    is_first = True
    try:
        for row in read_rows(connection):
            yield row
            is_first = False
    except sqlite3.Error:
        if is_first:
            raise


def _insert(
    connection: sqlite3.Connection, head: LedgerHead, entry: LedgerEntry, recorded_ms: int
) -> LedgerHead:
    row = chain(head, entry, recorded_ms)
    connection.execute(
        _INSERT,
        (row.n, row.at_ms, row.recorded_ms, row.kind, row.subject, row.key, row.body, row.hash),
    )
    return LedgerHead(row.n, row.hash, row.recorded_ms)


def _conflict(n: int, entry: LedgerEntry) -> LedgerEntry:
    """That `entry` has the key of row `n` and says something else."""
    said = f"{entry.at_ms}|{entry.kind}|{entry.subject}|{entry.text}"
    digest = hashlib.sha256(said.encode()).hexdigest()
    return LedgerEntry(
        entry.at_ms,
        LedgerKind.GAP,
        "ledger",
        f"conflict/{n}/{digest[:_DIGEST_DIGITS]}",
        {
            "why": "conflict",
            "with_n": n,
            "kind": str(entry.kind),
            "subject": entry.subject,
            "sha256": digest,
            "text": entry.text[:_TEXT_SHOWN],
        },
    )
