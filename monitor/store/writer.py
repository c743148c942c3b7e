"""The one thread that writes, and what it does when the disk will not take it.

Callers on the event loop hand over work and wait; the loop itself never touches the disk. Work
that has gathered while the last commit ran goes into the next one together, so that the cost of
an fsync is shared by all who wait for it, and nobody waits for a timer.

When the disk is full, locked or away, the same work is tried again until it succeeds: nobody is
told that something is stored when it is not, so the sources stop acknowledging and the broker
keeps the events. After a failed fsync nothing is tried again, see `errors`.

The invariant: an answer is given only after the commit that holds the work has returned.
"""

import asyncio
import logging
import queue
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Generic, TypeVar, cast

from monitor.store.errors import Severity, StoreError, describe, severity
from monitor.store.files import free_bytes, size_bytes
from monitor.store.records import StoreStatus

logger = logging.getLogger(__name__)

# A group is closed at this size so that one transaction cannot grow with the backlog.
_GROUP_BYTES: Final = 8 << 20
_GROUP_WORKS: Final = 4096
# The log is copied into the database after this much, about SQLite's own 1,000 pages; each
# transaction writes some three pages beside what it carries.
_LOG_BYTES: Final = 4 << 20
_TRANSACTION_BYTES: Final = 3 * 4096
_RETRY_FIRST_S: Final = 0.05
_RETRY_CAP_S: Final = 5.0

_Outcome = tuple["asyncio.Future[object]", object, BaseException | None]
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Work(Generic[_Result]):
    """Something to do in a transaction on the writer's thread.

    Attributes:
        apply: Does it; may be called again after a rollback, so it keeps nothing of its own.
        rows: How many rows it writes.
        weight_bytes: About how much it writes.
        insist: True: retried until it succeeds, and may share a transaction with others. False:
            tried once, alone; a passing failure raises `PassingError`.
    """

    apply: Callable[[sqlite3.Connection], _Result]
    rows: int
    weight_bytes: int
    insist: bool = True


class PassingError(StoreError):
    """Work that is not insisted on could not be done now; the store goes on."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    work: Work[object]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[object]"


class Writer:
    """Owns the writing connection and the thread that uses it.

    Args:
        connection: Opened, checked and migrated; from now on it belongs to the thread.
        path: The database, for its size and for messages.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._status = StoreStatus(size_bytes=size_bytes(path), free_bytes=free_bytes(path))
        self._failing_since: float | None = None
        self._log_bytes = 0
        self._closed = False
        self._flush_until: float | None = None
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def status(self) -> StoreStatus:
        """How writing goes, as of now."""
        since = self._failing_since
        if since is None:
            return self._status
        return replace(self._status, failing_ms=int((time.monotonic() - since) * 1000))

    async def submit(self, work: Work[_Result]) -> _Result:
        """Have work done; returns what `apply` returned once that is on disk.

        A caller that is cancelled meanwhile does not undo the work: it is then usually stored.

        Raises:
            PassingError: The disk does not take it now, and it is not insisted on.
            StoreError: The store has failed for good or is closed; the work is not known to be
                stored.
        """
        if self._closed:
            raise StoreError(f"{self._path} is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        self._queue.put(_Waiting(cast("Work[object]", work), loop, future))
        return cast("_Result", await future)

    async def close(self, flush_s: float) -> None:
        """Finish what was handed over, for at most `flush_s` when the disk will not take it.

        Raises:
            StoreError: An fsync failed at the end; what was acknowledged is still in the log.
        """
        if not self._closed:
            self._closed = True
            self._flush_until = time.monotonic() + flush_s
            self._queue.put(None)
            self._wake.set()
        failed_before = self._status.fatal
        await asyncio.to_thread(self._thread.join)
        if self._status.fatal and not failed_before:
            raise StoreError(f"{self._path}: {self._status.last_error}")

    def _run(self) -> None:
        open_ended = True
        while open_ended:
            group, alone, open_ended = self._gather()
            if group:
                self._store(group)
            if alone is not None:
                self._store([alone])
            if self._log_bytes >= _LOG_BYTES:
                self._copy_log()
        self._finish()

    def _gather(self) -> tuple[list[_Waiting], _Waiting | None, bool]:
        """Wait for work, then take what else has gathered, in order.

        Returns:
            The works that share a transaction, the one after them that wants its own, and
            whether there may be more.
        """
        group: list[_Waiting] = []
        weight_bytes = 0
        waiting = self._queue.get()
        while waiting is not None:
            if not waiting.work.insist:
                return group, waiting, True
            group.append(waiting)
            weight_bytes += waiting.work.weight_bytes
            if weight_bytes >= _GROUP_BYTES or len(group) >= _GROUP_WORKS:
                return group, None, True
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                return group, None, True
        return group, None, False

    def _store(self, group: Sequence[_Waiting]) -> None:
        """Commit a group and answer those who wait for it."""
        attempt = 0
        while not self._status.fatal:
            started = time.perf_counter()
            try:
                results = self._transaction([waiting.work for waiting in group])
            except Exception as fault:  # noqa: BLE001 (whatever it is, those who wait are told)
                kind = severity(fault)
                if kind is Severity.BUG:
                    self._isolate(group, fault)
                    return
                self._note_failure(fault, fatal=kind is Severity.FATAL)
                if kind is Severity.PASSING and not self._may_retry(group, attempt):
                    break
                attempt += 1
            else:
                self._note_success(group, time.perf_counter() - started)
                _answer([(w, r, None) for w, r in zip(group, results, strict=True)])
                return
        kind_of_error = StoreError if self._status.fatal else PassingError
        message = f"{self._path}: not stored: {self._status.last_error}"
        _answer([(waiting, None, kind_of_error(message)) for waiting in group])

    def _isolate(self, group: Sequence[_Waiting], fault: Exception) -> None:
        """Find the work that SQLite cannot hold, so that the innocent ones beside it are stored."""
        if len(group) == 1:
            _answer([(group[0], None, fault)])
            return
        for waiting in group:
            self._store([waiting])

    def _transaction(self, works: Sequence[Work[object]]) -> list[object]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            results = [work.apply(connection) for work in works]
            connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise
        return results

    def _note_success(self, group: Sequence[_Waiting], took_s: float) -> None:
        before = self._status
        if before.failing:
            logger.warning("%s takes writes again", self._path)
        self._failing_since = None
        self._log_bytes += _TRANSACTION_BYTES + sum(w.work.weight_bytes for w in group)
        self._status = replace(
            self._measured(),
            commits_total=before.commits_total + 1,
            rows_total=before.rows_total + sum(waiting.work.rows for waiting in group),
            last_commit_ms=took_s * 1000,
            failing=False,
        )

    def _note_failure(self, fault: BaseException, *, fatal: bool) -> None:
        before = self._status
        if fatal:
            logger.critical("%s failed for good: %s", self._path, describe(fault))
        elif not before.failing:
            logger.error("%s does not take writes: %s", self._path, describe(fault))
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        self._status = replace(
            self._measured(),
            failing=True,
            fatal=fatal,
            failures_total=before.failures_total + 1,
            last_error=describe(fault),
        )

    def _measured(self) -> StoreStatus:
        """The status with the sizes of now; with the old ones when they cannot be told."""
        try:
            return replace(
                self._status, size_bytes=size_bytes(self._path), free_bytes=free_bytes(self._path)
            )
        except OSError:
            return self._status

    def _may_retry(self, group: Sequence[_Waiting], attempt: int) -> bool:
        """Wait before the next attempt; False when there is to be none.

        There is none for work that is not insisted on, nor when the store is closing and out of
        time.
        """
        if not group[0].work.insist:
            return False
        ceiling_s = min(_RETRY_CAP_S, _RETRY_FIRST_S * 2 ** min(attempt, 16))
        # Spread over the upper half, so that replicas on one full share do not beat in step.
        wait_s = ceiling_s * random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
        if self._flush_until is None:
            self._wake.wait(wait_s)
        if self._flush_until is not None:
            left_s = self._flush_until - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(wait_s, left_s))
        # A log that has been copied is written again from its start: on a full disk that alone
        # may make room.
        self._copy_log()
        return True

    def _copy_log(self, mode: str = "PASSIVE") -> None:
        """Copy the log into the database, without waiting for readers."""
        self._log_bytes = 0
        try:
            self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except (sqlite3.Error, MemoryError) as fault:
            self._note_failure(fault, fatal=severity(fault) is Severity.FATAL)

    def _finish(self) -> None:
        if not self._status.fatal:
            self._copy_log("TRUNCATE")
        try:
            self._connection.close()
        except sqlite3.Error as fault:
            self._note_failure(fault, fatal=severity(fault) is Severity.FATAL)


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite has rolled back by itself after some failures; a rollback that fails as well is
    # covered by the next BEGIN, which fails too.
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error as fault:
            logger.warning("rollback failed: %s", describe(fault))


def _answer(outcomes: Sequence[tuple[_Waiting, object, BaseException | None]]) -> None:
    """Wake those who wait, with one call into each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for waiting, result, error in outcomes:
        by_loop.setdefault(waiting.loop, []).append((waiting.future, result, error))
    for loop, settled in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, settled)
        except RuntimeError:
            # The loop was closed without waiting for us: nobody is left to tell.
            logger.warning("%d answers came after the end of their loop", len(settled))


def _settle(settled: Sequence[_Outcome]) -> None:
    for future, result, error in settled:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
