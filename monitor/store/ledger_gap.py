"""The first row of a ledger that had to begin anew: where the one before it is, and how it ended.

A damaged file is set aside and never deleted, but what it proves is then in another place than
where one looks for it. So the new ledger names the file and the last hash in it that still
follows from all before it. That is looked up from the files beside the database and not from what
happened just now: a process that is killed between the two steps must not begin an empty history
without a word.

The invariant: no ledger begins in silence beside a file that was set aside.
"""

import sqlite3
from pathlib import Path

from monitor.core.ledger import LedgerEntry, LedgerHead, LedgerKind
from monitor.store import ledger
from monitor.store.files import set_aside_files


def declare(connection: sqlite3.Connection, path: Path) -> LedgerHead:
    """Begin an empty ledger with the gap in the history, if there is one.

    Args:
        connection: That can write, in no transaction.
        path: The database.

    Returns:
        The ledger's end after that.

    Raises:
        sqlite3.Error: It cannot be read or written.
    """
    head = ledger.read_head(connection)
    before = set_aside_files(path)
    if head.n or not before:
        return head
    newest = before[-1]
    # The store reads no clock: the gap begins when the old file was last written.
    at_ms = newest.stat().st_mtime_ns // 1_000_000
    end = ledger.last_good_head(newest)
    entry = LedgerEntry(
        at_ms,
        LedgerKind.GAP,
        "store",
        f"gap/store/{newest.name}",
        {
            "from_ms": at_ms if end is None or not end.n else end.recorded_ms,
            "to_ms": None,
            "why": "history_set_aside",
            "file": newest.name,
            "last_good_n": None if end is None else end.n,
            "last_good_hash": None if end is None else end.hash,
        },
    )
    connection.execute("BEGIN IMMEDIATE")
    try:
        head = ledger.append(connection, [entry], at_ms).head
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return head
