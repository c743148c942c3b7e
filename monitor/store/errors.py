"""What can go wrong with the disk, and which of it passes.

A full disk, a lock held by a backup, a quota or a share that is away pass: the writer waits and
tries again, and the sources are held back meanwhile. A failed fsync does not pass: the kernel may
have marked the pages clean, so a second fsync reports success for data that never reached the
disk. Neither does a damaged file. Both end the process, which verifies the file at its next start.
Anything else (a wrong statement, a value SQLite cannot hold) is a bug of ours.

Pure: no I/O, no clock.
"""

import enum
import sqlite3
from typing import Final


class StoreError(Exception):
    """The store cannot do its work; the message names the file and the remedy."""


class Severity(enum.Enum):
    """What to do about a failure."""

    PASSING = "passing"
    FATAL = "fatal"
    BUG = "bug"


_PRIMARY_MASK: Final = 0xFF
_PASSING: Final = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    )
)
_FATAL: Final = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_FATAL_EXTENDED: Final = frozenset(
    (
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_IOERR_DIR_FSYNC,
        sqlite3.SQLITE_IOERR_CORRUPTFS,
        sqlite3.SQLITE_READONLY_DBMOVED,
    )
)


def primary_code(fault: BaseException) -> int | None:
    """SQLite's primary result code of an exception, or None when SQLite did not raise it."""
    code = getattr(fault, "sqlite_errorcode", None)
    return None if code is None else int(code) & _PRIMARY_MASK


def severity(fault: BaseException) -> Severity:
    """Whether a failure of a transaction passes, is fatal, or is our own bug."""
    if isinstance(fault, MemoryError):
        return Severity.PASSING
    primary = primary_code(fault)
    if primary in _FATAL or getattr(fault, "sqlite_errorcode", None) in _FATAL_EXTENDED:
        return Severity.FATAL
    return Severity.PASSING if primary in _PASSING else Severity.BUG


def describe(fault: BaseException) -> str:
    """One line on a failure: SQLite's words and its error name, never a value that was stored."""
    name = getattr(fault, "sqlite_errorname", type(fault).__name__)
    return f"{fault} ({name})"
