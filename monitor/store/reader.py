"""Reading while others write: a connection that cannot write, in a thread of its own.

WAL lets it read the state of the last commit without waiting for the writer. Its open connection
has a second use: SQLite copies the log into the database when the last connection closes, which
must not happen after a failed fsync, so it outlives the writer's.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from monitor.store import intervals
from monitor.store.errors import StoreError, describe
from monitor.store.records import AlertRecord, QuarantineRecord, StoredPeriod
from monitor.store.schema import connect_read_only

_Result = TypeVar("_Result")


class Reader:
    """Reads for the status page and the API.

    Args:
        path: The database, checked and migrated.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = connect_read_only(path)
        # The first read opens the log; until then the connection would not hold it.
        self._connection.execute("SELECT 1 FROM retention").fetchone()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-reader")

    async def recent_quarantine(self, limit: int) -> tuple[QuarantineRecord, ...]:
        """The newest `limit` rows of the quarantine, newest first.

        Raises:
            StoreError: The file cannot be read now.
        """
        return await self._run(
            lambda connection: tuple(
                QuarantineRecord(*row)
                for row in connection.execute(
                    "SELECT received_ms, source, reason, size, sha256, id FROM quarantine"
                    " ORDER BY id DESC LIMIT ?",
                    (limit,),
                )
            )
        )

    async def alert_history(
        self, limit: int, key: str | None, before_id: int | None
    ) -> tuple[AlertRecord, ...]:
        """The newest `limit` changes of alerts, newest first; see `Store.alert_history`.

        Raises:
            StoreError: The file cannot be read now.
        """
        wanted = "key = :key AND" if key is not None else ""
        statement = (
            "SELECT at_ms, key, rule, scope, state, reason, body, id FROM alerts"  # noqa: S608
            f" WHERE {wanted} id < :before ORDER BY id DESC LIMIT :limit"
        )
        before = 2**63 - 1 if before_id is None else before_id
        values = {"key": key, "before": before, "limit": limit}
        return await self._run(
            lambda connection: tuple(
                AlertRecord(*row) for row in connection.execute(statement, values)
            )
        )

    async def period(self, scope: str, start_ms: int, end_ms: int, amendments: int) -> StoredPeriod:
        """What is stored of one scope over some time; see `Store.period`.

        Raises:
            StoreError: The file cannot be read now.
        """
        return await self._run(
            lambda connection: intervals.period(connection, scope, start_ms, end_ms, amendments)
        )

    async def close(self) -> None:
        """Wait for what is being read, then close."""
        await asyncio.to_thread(self._executor.shutdown)
        self._connection.close()

    async def _run(self, read: Callable[[sqlite3.Connection], _Result]) -> _Result:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, read, self._connection)
        except sqlite3.Error as fault:
            raise StoreError(f"{self._path} cannot be read: {describe(fault)}") from fault
