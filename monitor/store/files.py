"""The files of the store: who holds them, who may read them, and what becomes of a damaged one.

A file that cannot be trusted is never deleted and never silently replaced: it is renamed, with
its log, so that it can be examined, and the caller is told. The database itself is only ever
opened by SQLite, because closing any other descriptor of it would release SQLite's locks.

The invariant: one process per database, held by an `flock` that ends with the process however
it ends.
"""

import contextlib
import fcntl
import glob
import logging
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from monitor.store.errors import StoreError, describe, primary_code
from monitor.store.schema import MIGRATIONS, connect, layout_differs, migrate, require_ours

logger = logging.getLogger(__name__)

_SUFFIXES = ("", "-wal", "-shm")


class InstanceLock:
    """That this process and no other uses the database at `path`.

    Args:
        path: The database; the lock is a file beside it, `NAME.lock`.

    Raises:
        StoreError: Another process holds it, or the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        lock_path = path.with_name(path.name + ".lock")
        try:
            self._descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as fault:
            raise StoreError(f"{lock_path} cannot be opened: {fault.strerror}") from fault
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise StoreError(
                f"{path} is in use by another instance (process {holder or 'unknown'}):"
                " stop that one, or give this one another store.path"
            ) from fault
        except OSError as fault:
            os.close(self._descriptor)
            raise StoreError(
                f"{lock_path} cannot be locked: {fault.strerror}: use a local file system"
            ) from fault
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process have it. The file stays: removing it would race with a taker."""
        os.close(self._descriptor)


def prepare_directory(path: Path) -> None:
    """Make the directory of the database at `path`, for this user alone, when it is not there.

    Raises:
        StoreError: It cannot be made.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise StoreError(f"{path.parent} cannot be made: {fault.strerror}") from fault


def open_or_set_aside(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """Open the database at `path`, checked and migrated; set a damaged one aside first.

    Returns:
        The connection, and where a damaged file was moved, or None when nothing was wrong.

    Raises:
        StoreError: The file is another program's or of a later version, is locked by another
            program, or the disk does not let us.
    """
    try:
        try:
            return _open(path), None
        except sqlite3.Error as fault:
            if not _is_damage(fault):
                raise
            moved, finding = _set_aside(path), describe(fault)
        logger.error("%s is damaged: %s; moved to %s, starting anew", path, finding, moved)
        return _open(path), moved
    except sqlite3.Error as fault:
        raise StoreError(
            f"{path} cannot be opened: {describe(fault)}:"
            " free the disk or end the program that locks the file, then start again"
        ) from fault
    except OSError as fault:
        raise StoreError(f"{path} cannot be opened: {fault.strerror}") from fault


def set_aside_files(path: Path) -> list[Path]:
    """The databases that were set aside in favour of the one at `path`, the newest last."""
    found = path.parent.glob(f"{glob.escape(path.name)}.corrupt-*")
    files = [file for file in found if not file.name.endswith(("-wal", "-shm"))]
    return sorted(files, key=lambda file: (file.stat().st_mtime_ns, file.name))


def size_bytes(path: Path) -> int:
    """What the database and its log take on disk; missing files count 0."""
    total = 0
    for suffix in _SUFFIXES:
        try:
            total += path.with_name(path.name + suffix).stat().st_size
        except FileNotFoundError:
            continue
    return total


def free_bytes(path: Path) -> int:
    """Space left to this user on the file system of `path`."""
    space = os.statvfs(path.parent)
    return space.f_bavail * space.f_frsize


def _open(path: Path) -> sqlite3.Connection:
    # Made here and not by SQLite, which would leave it readable to all; the log takes its mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)
    with _telling_damage():
        connection = connect(path)
    try:
        with _telling_damage():
            _examine(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection, MIGRATIONS)
        _sync_directory(path.parent)
    except BaseException:
        connection.close()
        raise
    return connection


class _DamageError(sqlite3.DatabaseError):
    """The check found the file damaged."""


@contextlib.contextmanager
def _telling_damage() -> Iterator[None]:
    """For statements that work on every sound file, whatever it holds: if not, it is damaged."""
    try:
        yield
    except UnicodeDecodeError as fault:
        # SQLite quotes damaged text in its message, which Python then cannot read.
        raise _DamageError("its schema is not text") from fault
    except sqlite3.Error as fault:
        if primary_code(fault) == sqlite3.SQLITE_ERROR:
            raise _DamageError(describe(fault)) from fault
        raise


def _examine(connection: sqlite3.Connection, path: Path) -> None:
    """Raise StoreError for a file that is not ours to open, `_DamageError` for a damaged one."""
    require_ours(connection, path)
    finding = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if finding != "ok":
        raise _DamageError(finding)
    if layout_differs(connection):
        raise _DamageError("its tables are not those of its version")


def _is_damage(fault: sqlite3.Error) -> bool:
    # Any other failure (a full disk, a step of the migration that this SQLite does not know)
    # is no reason to put sound data out of use.
    return isinstance(fault, _DamageError) or primary_code(fault) in {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }


def _set_aside(path: Path) -> Path:
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    stem = f"{path.name}.corrupt-{written:%Y%m%dT%H%M%SZ}"
    target = path.with_name(stem)
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{stem}-{number}")
    # The database first: a log without it is discarded by SQLite, while a database without its
    # log would pass for a sound, older one if we were stopped in between.
    for suffix in _SUFFIXES:
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(target.with_name(target.name + suffix))
    _sync_directory(path.parent)
    return target


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
