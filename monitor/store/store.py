"""The store: what must outlive the process, in one SQLite file.

The journal holds every batch as it was received; a checkpoint holds the engine's state as of one
place in it; a restart is the newest sound checkpoint and a replay of what follows. Beside them:
that payloads were refused (never their content), the history of alerts, what each receiver has
acknowledged, and the ledger, of which nothing is ever deleted.

The event loop never waits for the disk: `append` hands over to the writer's thread and comes back
when the commit is on disk. The readings at the start (`load_checkpoint`, `journal_after`,
`delivered`) are plain calls, made before there is anything to hold up.

The invariant: what `append` has returned for survives a crash of the process or of the machine.
"""

import contextlib
import dataclasses
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from monitor.core.intervals import ClosedIntervals
from monitor.core.ledger import LedgerEntry, LedgerHead, LedgerRow
from monitor.store import checkpoints, intervals, ledger, ledger_gap, rows
from monitor.store.checkpoints import PartSource
from monitor.store.errors import StoreError, describe
from monitor.store.files import InstanceLock, open_or_set_aside, prepare_directory
from monitor.store.ledger import Appended, LedgerFilter
from monitor.store.reader import Reader
from monitor.store.records import (
    AlertRecord,
    JournalRecord,
    QuarantineRecord,
    StoredCheckpoint,
    StoredPeriod,
    StoreStatus,
)
from monitor.store.schema import connect_read_only
from monitor.store.writer import PassingError, Work, Writer

_ROW_BYTES: Final = 100
_CELL_BYTES: Final = 8  # of an interval, with its share of the row
# Makes the log be copied after each checkpoint, which is most of what the log then holds.
_CHECKPOINT_BYTES: Final = 8 << 20
_PRUNE_BYTES: Final = 1 << 20


class Store:
    """One open store; made by `Store.open`.

    Attributes:
        path: The database.
        set_aside: Where a damaged file was moved at the start, so that this store began empty:
            a gap in the history, which the ledger declares. None when nothing was wrong.
        ledger_head: The end of the ledger.
        ledger_conflicts: Entries since the start that had the key of an earlier one and said
            something else.
    """

    def __init__(
        self,
        path: Path,
        set_aside: Path | None,
        writer: Writer,
        reader: Reader,
        lock: InstanceLock,
        head: LedgerHead,
    ) -> None:
        self.path = path
        self.set_aside = set_aside
        self.ledger_head = head
        self.ledger_conflicts = 0
        self._writer = writer
        self._reader = reader
        self._lock = lock
        self._damaged_checkpoints = 0
        self._damaged_rows = 0
        self._closed = False

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the store at `path`, made when it is not there, for this process alone.

        The whole file is checked, which takes about a second for each gigabyte or two.

        Raises:
            StoreError: Another instance uses it, it is another program's or of a later version,
                or the disk does not let us; the message says what to do.
        """
        prepare_directory(path)
        lock = InstanceLock(path)
        try:
            connection, set_aside = open_or_set_aside(path)
            try:
                head = ledger_gap.declare(connection, path)
                reader = Reader(path)
            except sqlite3.Error as fault:
                connection.close()
                raise StoreError(f"{path} cannot be read: {describe(fault)}") from fault
        except BaseException:
            lock.release()
            raise
        return cls(path, set_aside, Writer(connection, path), reader, lock, head)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def status(self) -> StoreStatus:
        """How the store is doing now; cheap, and never waits for the disk."""
        return dataclasses.replace(
            self._writer.status,
            damaged_checkpoints=self._damaged_checkpoints,
            damaged_rows=self._damaged_rows,
        )

    async def append(
        self,
        records: Sequence[JournalRecord],
        quarantined: Sequence[QuarantineRecord] = (),
        alerts: Sequence[AlertRecord] = (),
        entries: Sequence[LedgerEntry] = (),
        recorded_ms: int = 0,
        closed: Sequence[ClosedIntervals] = (),
    ) -> int:
        """Store rows in one transaction; durable when this returns.

        Waits for as long as the disk is full or locked: that is the back-pressure. Ids are given
        in the order of the calls.

        Args:
            records: For the journal.
            quarantined: What was refused.
            alerts: Changes of alerts.
            entries: For the ledger; those whose keys it has are passed over.
            recorded_ms: Now, epoch ms; of use for the entries alone.
            closed: Sets of intervals; those whose boundaries it has are passed over.

        Returns:
            The journal's last id after these records.

        Raises:
            StoreError: The store failed for good or was closed; not known to be stored.
        """
        assert recorded_ms or not entries
        count = len(records) + len(quarantined) + len(alerts) + len(entries)
        weight_bytes = (
            count * _ROW_BYTES
            + sum(len(record.body) for record in records)
            + sum(len(alert.body) for alert in alerts)
            + sum(len(entry.text) for entry in entries)
            + sum(one.size * _CELL_BYTES for one in closed)
        )

        def apply(connection: sqlite3.Connection) -> tuple[int, Appended | None]:
            last_id = rows.append(connection, records, quarantined, alerts)
            intervals.add(connection, closed)
            return last_id, ledger.append(connection, entries, recorded_ms) if entries else None

        last_id, appended = await self._writer.submit(Work(apply, count, weight_bytes))
        if appended is not None:
            self.ledger_head = appended.head
            self.ledger_conflicts += appended.conflicts
        return last_id

    async def save_checkpoint(
        self, journal_id: int, at_ms: int, config_hash: str, parts: Mapping[str, PartSource]
    ) -> bool:
        """Store the engine's state as of `journal_id`; the newest two are kept.

        Parts that are callables are called on the writer's thread, which also compresses, while
        the loop goes on; what they read must no longer change. Appends wait meanwhile.

        Returns:
            False when the disk would not take it now. Nothing is lost by that, a restart only
            replays more; a checkpoint is not insisted on because it would hold up the appends,
            which are smaller and may still fit.

        Raises:
            StoreError: The store failed for good or was closed.
        """

        def apply(connection: sqlite3.Connection) -> None:
            assert journal_id <= rows.last_journal_id(connection)
            packed = checkpoints.compress(parts)
            checkpoints.insert(connection, journal_id, at_ms, config_hash, packed)

        try:
            await self._writer.submit(Work(apply, 1, _CHECKPOINT_BYTES, insist=False))
        except PassingError:
            return False
        return True

    async def mark_delivered(
        self, channel: str, key: str, state: str, at_ms: int, status: str
    ) -> None:
        """Store that the receiver behind `channel` acknowledged `state` of the alert `key`.

        Args:
            channel: Name of the channel.
            key: The alert's key.
            state: What was acknowledged; replaces what was acknowledged before.
            at_ms: When, epoch ms.
            status: The receiver's answer in a word, such as `200`.

        Raises:
            StoreError: The store failed for good or was closed.
        """
        await self._writer.submit(
            Work(
                lambda connection: rows.mark_delivered(
                    connection, channel, key, state, at_ms, status
                ),
                1,
                _ROW_BYTES,
            )
        )

    async def prune(
        self,
        now_ms: int,
        keep_events_ms: int,
        keep_quarantine_ms: int,
        keep_alerts_ms: int,
        keep_calls_ms: int,
    ) -> int:
        """Delete what is older than its keeping time, in short transactions between others' work.

        Journal records that a kept checkpoint does not contain stay, whatever their age.
        Deliveries go with the alerts, intervals with the calls. The file does not shrink; its space
        is used again.

        Returns:
            How many rows were deleted; fewer than there were to delete when the disk would not
            let us now.

        Raises:
            StoreError: The store failed for good or was closed.
        """
        deleted = 0
        for delete, keep_ms in (
            (rows.prune_journal, keep_events_ms),
            (rows.prune_quarantine, keep_quarantine_ms),
            (rows.prune_alerts, keep_alerts_ms),
            (rows.prune_deliveries, keep_alerts_ms),
            (intervals.prune, keep_calls_ms),
        ):
            try:
                deleted += await self._delete(delete, now_ms - keep_ms)
            except PassingError:
                break
        return deleted

    def load_checkpoint(self) -> StoredCheckpoint | None:
        """The newest sound checkpoint, or None; damaged ones are counted in the status.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._reading() as connection:
            for found in checkpoints.newest_first(connection):
                if found is not None:
                    return found
                self._damaged_checkpoints += 1
        return None

    def journal_after(self, journal_id: int) -> Iterator[JournalRecord]:
        """The records after `journal_id` in order, read as they are asked for.

        Damaged records are left out and counted in the status: a gap, to be declared.

        Raises:
            StoreError: The file cannot be read further.
        """
        with self._reading() as connection:
            for record in rows.journal_after(connection, journal_id):
                if record is None:
                    self._damaged_rows += 1
                else:
                    yield record

    def delivered(self) -> Mapping[tuple[str, str], str]:
        """The last acknowledged state by (channel, alert key).

        Raises:
            StoreError: The file cannot be read.
        """
        with self._reading() as connection:
            found = connection.execute("SELECT channel, key, state FROM deliveries")
            return {(channel, key): state for channel, key, state in found}

    def last_entry(self, kind: str, subject: str) -> LedgerRow | None:
        """The newest row of the ledger of this kind about this subject; None when there is none.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._reading() as connection:
            wanted = LedgerFilter(kind=kind, subject=subject)
            return next(ledger.read_rows(connection, wanted, newest_first=True), None)

    async def recent_quarantine(self, limit: int) -> tuple[QuarantineRecord, ...]:
        """The newest `limit` refused payloads, newest first.

        Raises:
            StoreError: The file cannot be read now.
        """
        return await self._reader.recent_quarantine(limit)

    async def alert_history(
        self, limit: int, *, key: str | None = None, before_id: int | None = None
    ) -> tuple[AlertRecord, ...]:
        """The newest changes of state of alerts, newest first.

        Args:
            limit: At most so many.
            key: Only this alert's; None for all.
            before_id: Only those before this id, for the next page; None for the newest.

        Raises:
            StoreError: The file cannot be read now.
        """
        return await self._reader.alert_history(limit, key, before_id)

    async def period(
        self, scope: str, start_ms: int, end_ms: int, *, amendments: int
    ) -> StoredPeriod:
        """What is stored of one scope in the intervals that begin in [start_ms, end_ms).

        Args:
            scope: Name of the scope; one that never was gives zeros.
            start_ms: Epoch ms.
            end_ms: Epoch ms.
            amendments: How many amendments to give at most, the newest ones.

        Raises:
            StoreError: The file cannot be read now.
        """
        return await self._reader.period(scope, start_ms, end_ms, amendments)

    async def close(self, *, flush_s: float = 5.0) -> None:
        """Store what was handed over, copy the log into the database, let the lock go.

        Args:
            flush_s: For how long to go on trying when the disk will not take it, seconds; those
                who then still wait get a StoreError.

        Raises:
            StoreError: An fsync failed at the end.
        """
        if self._closed:
            return
        self._closed = True
        try:
            await self._writer.close(flush_s)
        finally:
            await self._reader.close()
            self._lock.release()

    async def _delete(
        self, delete: Callable[[sqlite3.Connection, int], int], before_ms: int
    ) -> int:
        total = 0
        while True:
            count = await self._writer.submit(
                Work(
                    lambda connection: delete(connection, before_ms), 0, _PRUNE_BYTES, insist=False
                )
            )
            if not count:
                return total
            total += count

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(connect_read_only(self.path)) as connection:
                yield connection
        except sqlite3.Error as fault:
            raise StoreError(f"{self.path} cannot be read: {describe(fault)}") from fault
