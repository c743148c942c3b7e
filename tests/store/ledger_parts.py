"""Entries for the tests of the ledger, and a recount of the chain that shares no code with it."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from monitor.core.ledger import LedgerEntry, LedgerKind, LedgerRow

BASE_MS = 1_760_000_000_000
TRIGGERS = "SELECT name FROM sqlite_schema WHERE type = 'trigger'"


def entry(n: int, **body: Any) -> LedgerEntry:  # noqa: ANN401 (JSON)
    """The same entry for the same arguments."""
    return LedgerEntry(
        BASE_MS + n * 1_000,
        list(LedgerKind)[n % len(LedgerKind)],
        f"contract/H{n % 7:04}",
        f"test/{n}",
        {"number": n, "said": 'Zoë "said"\n\u0007 so \U0001f514', "more": [None, True, {}], **body},
    )


def recounted(row: LedgerRow, before: str) -> str:
    """The hash of a row as the documentation tells an auditor to make it."""
    told = {
        "n": row.n,
        "at_ms": row.at_ms,
        "recorded_ms": row.recorded_ms,
        "kind": row.kind,
        "subject": row.subject,
        "key": row.key,
        "body": json.loads(row.body),
    }
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(bytes.fromhex(before) + text.encode()).hexdigest()


def tamper(path: Path, *statements: str, values: dict[str, Any] | None = None) -> None:
    """Run statements as somebody does who owns the file and has removed its guards."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # It has to last no longer than the test.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("BEGIN")
        for (name,) in connection.execute(TRIGGERS).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement, values or {})
        connection.execute("COMMIT")
