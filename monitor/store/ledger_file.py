"""The ledger of a database that another process may be writing, for whoever checks or reads it.

Nothing is locked, made or changed: the connection cannot write. All readings are of one instant,
so a daemon that appends meanwhile does not disturb them.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from monitor.core.ledger import LedgerHead, LedgerRow
from monitor.store import ledger
from monitor.store.errors import StoreError, describe
from monitor.store.ledger import LedgerFilter
from monitor.store.schema import connect_read_only, require_ours


class LedgerFile:
    """One ledger, as of the instant at which the context is entered.

    Args:
        path: The database.

    Attributes:
        head: The end of the ledger as it is noted beside the rows.

    Raises:
        StoreError: There is no such file, or no ledger in it; on entering the context.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self.head = LedgerHead()

    def __enter__(self) -> Self:
        if not self._path.is_file():
            raise StoreError(f"{self._path} is no file: name the database with --store or --config")
        try:
            connection = self._connection = connect_read_only(self._path)
            connection.execute("BEGIN")
            require_ours(connection, self._path)
            _require_ledger(connection, self._path)
            self.head = ledger.read_head(connection)
        except sqlite3.Error as fault:
            self._close()
            raise self._unreadable(fault) from fault
        except StoreError:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def rows(self, wanted: LedgerFilter | None = None) -> Iterator[LedgerRow]:
        """The rows that are wanted, in their order.

        Raises:
            StoreError: The file cannot be read further.
        """
        assert self._connection is not None
        try:
            yield from ledger.read_rows(self._connection, wanted)
        except sqlite3.Error as fault:
            raise self._unreadable(fault) from fault

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _unreadable(self, fault: sqlite3.Error) -> StoreError:
        return StoreError(f"{self._path} cannot be read: {describe(fault)}")


def _require_ledger(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'ledger_head'")
    if found.fetchone() is None:
        raise StoreError(f"{path} has no ledger yet: the daemon makes one at its next start")
