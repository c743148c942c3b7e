"""The tables, and the numbered steps that lead to them.

Each step runs in one transaction together with the number it sets, so a crash in between leaves
the file at a whole step. A file of a later program is refused, not guessed at.

Why the alert history is guarded by triggers and yet can be pruned: history that any statement
can rewrite proves nothing, and history that nothing can shorten fills the disk. So no row is ever
changed or replaced, and only rows older than the boundary in `retention` can be deleted. Moving
the boundary is an act of its own that remains in the file and says where the history begins; it
only moves forward. The ledger has no such boundary: nothing of it is ever changed or deleted.

Tables are STRICT so that the check at the start also finds a value whose type damage has changed.

The invariant: ids of the journal never start again, because its newest row is never pruned.
"""

import contextlib
import sqlite3
from pathlib import Path
from typing import Final

from monitor.core.ledger import GENESIS
from monitor.store import interval_schema
from monitor.store.errors import StoreError

# "CCMS": tells our files from any other program's.
APPLICATION_ID: Final = 0x43434D53

_FIRST: Final = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    """CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        received_ms INTEGER NOT NULL,
        source TEXT NOT NULL,
        kind TEXT NOT NULL,
        count INTEGER NOT NULL,
        crc32 INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX journal_by_time ON journal (received_ms)",
    """CREATE TABLE checkpoint (
        id INTEGER PRIMARY KEY,
        journal_id INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        config_hash TEXT NOT NULL,
        sha256 BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE checkpoint_part (
        checkpoint_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (checkpoint_id, name)
    ) STRICT""",
    """CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY,
        received_ms INTEGER NOT NULL,
        source TEXT NOT NULL,
        reason TEXT NOT NULL,
        size INTEGER NOT NULL,
        sha256 TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE alerts (
        id INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        key TEXT NOT NULL,
        rule TEXT NOT NULL,
        scope TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX alerts_by_key ON alerts (key, id)",
    "CREATE INDEX alerts_by_time ON alerts (at_ms)",
    """CREATE TABLE retention (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        alerts_from_ms INTEGER NOT NULL
    ) STRICT""",
    # The smallest integer there is: nothing was ever pruned.
    "INSERT INTO retention VALUES (1, -9223372036854775808)",
    """CREATE TRIGGER retention_forward BEFORE UPDATE ON retention
        WHEN NEW.alerts_from_ms < OLD.alerts_from_ms
        BEGIN SELECT RAISE(ABORT, 'retention only moves forward'); END""",
    """CREATE TRIGGER retention_single BEFORE INSERT ON retention
        BEGIN SELECT RAISE(ABORT, 'retention has one row'); END""",
    """CREATE TRIGGER retention_stays BEFORE DELETE ON retention
        BEGIN SELECT RAISE(ABORT, 'retention stays'); END""",
    """CREATE TRIGGER alerts_no_update BEFORE UPDATE ON alerts
        BEGIN SELECT RAISE(ABORT, 'the alert history is append-only'); END""",
    """CREATE TRIGGER alerts_no_replace BEFORE INSERT ON alerts
        WHEN EXISTS (SELECT 1 FROM alerts WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'the alert history is append-only'); END""",
    """CREATE TRIGGER alerts_no_delete BEFORE DELETE ON alerts
        WHEN OLD.at_ms >= coalesce((SELECT alerts_from_ms FROM retention), OLD.at_ms)
        BEGIN SELECT RAISE(ABORT, 'the alert history is append-only'); END""",
    """CREATE TABLE deliveries (
        channel TEXT NOT NULL,
        key TEXT NOT NULL,
        state TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        status TEXT NOT NULL,
        PRIMARY KEY (channel, key)
    ) STRICT, WITHOUT ROWID""",
)
_LEDGER: Final = (
    """CREATE TABLE ledger (
        n INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        recorded_ms INTEGER NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        key TEXT NOT NULL UNIQUE,
        body TEXT NOT NULL,
        hash TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX ledger_by_kind ON ledger (kind, subject, n)",
    # How long the ledger is, beside it: rows that are gone at its end leave no trace in a chain.
    """CREATE TABLE ledger_head (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        n INTEGER NOT NULL,
        hash TEXT NOT NULL,
        recorded_ms INTEGER NOT NULL
    ) STRICT""",
    f"INSERT INTO ledger_head VALUES (1, 0, '{GENESIS}', 0)",  # noqa: S608
    """CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    # A row that replaces another by its key would delete it without the trigger above.
    """CREATE TRIGGER ledger_at_end BEFORE INSERT ON ledger
        WHEN NEW.n IS NOT (SELECT n + 1 FROM ledger_head)
            OR EXISTS (SELECT 1 FROM ledger WHERE key = NEW.key)
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_grows AFTER INSERT ON ledger
        BEGIN UPDATE ledger_head
            SET n = NEW.n, hash = NEW.hash, recorded_ms = NEW.recorded_ms; END""",
    """CREATE TRIGGER ledger_head_forward BEFORE UPDATE ON ledger_head
        WHEN NOT EXISTS (SELECT 1 FROM ledger WHERE n = NEW.n AND n = OLD.n + 1
            AND hash = NEW.hash AND recorded_ms = NEW.recorded_ms
            AND recorded_ms >= OLD.recorded_ms AND NEW.one = 1)
        BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
    """CREATE TRIGGER ledger_head_single BEFORE INSERT ON ledger_head
        BEGIN SELECT RAISE(ABORT, 'the ledger has one head'); END""",
    """CREATE TRIGGER ledger_head_stays BEFORE DELETE ON ledger_head
        BEGIN SELECT RAISE(ABORT, 'the ledger has one head'); END""",
)
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_FIRST, _LEDGER, interval_schema.STEP)
VERSION: Final = len(MIGRATIONS)

_BUSY_TIMEOUT_S: Final = 5.0


def connect(path: Path) -> sqlite3.Connection:
    """A connection that can write, for one thread at a time.

    Transactions are begun and ended by hand, so that it is plain where each fsync happens.
    """
    connection = sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous = FULL")
    # SQLite's own checkpoint runs inside a commit and keeps its errors to itself, a failed fsync
    # among them. The writer runs it instead, after the answers are out, and looks at the result.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    # Deleted cells are overwritten where their page is written anyway; wiping whole free pages
    # would double what every checkpoint writes.
    connection.execute("PRAGMA secure_delete = FAST")
    return connection


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, for one thread at a time.

    Text that damage has made invalid is read with replacement characters: one bad letter in a
    row must not make all others unreadable.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.text_factory = _lenient
    return connection


def require_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse another program's database and one of a later version of this program.

    Raises:
        StoreError: It is one of those; nothing was changed.
    """
    version = _number(connection, "PRAGMA user_version")
    if version > VERSION:
        raise StoreError(
            f"{path} was written by a newer version of this program (schema {version}, this one"
            f" knows {VERSION}): start the newer version, or give this one another store.path"
        )
    application_id = _number(connection, "PRAGMA application_id")
    tables = _number(connection, "SELECT count(*) FROM sqlite_schema")
    if tables and application_id != APPLICATION_ID:
        raise StoreError(
            f"{path} is a database of another program: give this one another store.path"
        )


def migrate(connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...]) -> None:
    """Bring the file to the last of `migrations`, one transaction for each step.

    Raises:
        sqlite3.Error: A step failed; the file is as it was before that step.
    """
    for number, statements in enumerate(migrations, 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _number(connection, "PRAGMA user_version") < number:
                for statement in statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def layout_differs(connection: sqlite3.Connection) -> bool:
    """Whether anything is missing or altered that the file's version has created.

    Damage to the text of the schema passes SQLite's own check when it still parses.
    """
    version = _number(connection, "PRAGMA user_version")
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as sound:
        migrate(sound, MIGRATIONS[:version])
        return not _layout(sound) <= _layout(connection)


def _layout(connection: sqlite3.Connection) -> set[tuple[bytes, bytes, bytes]]:
    # As bytes, because damaged text cannot be read as text.
    return set(
        connection.execute(
            "SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema"
        )
    )


def _number(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


def _lenient(text: bytes) -> str:
    return text.decode("utf-8", "replace")
