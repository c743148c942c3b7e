"""Checkpoints: the engine's state as rows, with a digest that tells a damaged one.

The newest two are kept. A restart that cannot trust the newest takes the older one and replays
more of the journal, which is why the journal is pruned only up to the older one.

The digest covers the compressed parts, their names and everything else of the checkpoint, each
with its length before it, so that no two checkpoints share the text that is hashed.
"""

import hashlib
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from monitor.store.records import StoredCheckpoint

PartSource = bytes | Callable[[], bytes]

_KEEP: Final = 2
# Level 1 halves the time of the default and state is mostly zeros, which any level removes.
_LEVEL: Final = 1


def insert(
    connection: sqlite3.Connection,
    journal_id: int,
    at_ms: int,
    config_hash: str,
    parts: Mapping[str, bytes],
) -> None:
    """Add a checkpoint of compressed parts and remove all but the newest two."""
    digest = _digest(journal_id, at_ms, config_hash, parts)
    cursor = connection.execute(
        "INSERT INTO checkpoint (journal_id, at_ms, config_hash, sha256) VALUES (?, ?, ?, ?)",
        (journal_id, at_ms, config_hash, digest),
    )
    connection.executemany(
        "INSERT INTO checkpoint_part (checkpoint_id, name, body) VALUES (?, ?, ?)",
        [(cursor.lastrowid, name, body) for name, body in parts.items()],
    )
    connection.execute(
        "DELETE FROM checkpoint WHERE id NOT IN"
        " (SELECT id FROM checkpoint ORDER BY id DESC LIMIT ?)",
        (_KEEP,),
    )
    connection.execute(
        "DELETE FROM checkpoint_part WHERE checkpoint_id NOT IN (SELECT id FROM checkpoint)"
    )


def compress(parts: Mapping[str, PartSource]) -> dict[str, bytes]:
    """Make and compress the parts; callables are called here, in order."""
    return {
        name: zlib.compress(part if isinstance(part, bytes) else part(), _LEVEL)
        for name, part in parts.items()
    }


def newest_first(connection: sqlite3.Connection) -> Iterator[StoredCheckpoint | None]:
    """The stored checkpoints from the newest on; None in the place of a damaged one."""
    heads = connection.execute(
        "SELECT id, journal_id, at_ms, config_hash, sha256 FROM checkpoint ORDER BY id DESC"
    ).fetchall()
    for row_id, journal_id, at_ms, config_hash, digest in heads:
        try:
            parts = dict(
                connection.execute(
                    "SELECT name, body FROM checkpoint_part WHERE checkpoint_id = ? ORDER BY rowid",
                    (row_id,),
                )
            )
            sound = digest == _digest(journal_id, at_ms, config_hash, parts)
        except sqlite3.DatabaseError:
            # A page of it cannot be read; the older one may lie elsewhere.
            sound, parts = False, {}
        if not sound:
            yield None
            continue
        unpacked = {name: zlib.decompress(body) for name, body in parts.items()}
        yield StoredCheckpoint(journal_id, at_ms, config_hash, unpacked)


def _digest(journal_id: int, at_ms: int, config_hash: str, parts: Mapping[str, bytes]) -> bytes:
    digest = hashlib.sha256()
    fields = [str(journal_id).encode(), str(at_ms).encode(), config_hash.encode()]
    for name in sorted(parts):
        fields += [name.encode(), parts[name]]
    for field in fields:
        digest.update(len(field).to_bytes(8, "big"))
        digest.update(field)
    return digest.digest()
