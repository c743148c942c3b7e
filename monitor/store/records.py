"""What the store keeps, as immutable rows.

Bodies are opaque: the store neither parses nor changes them, so a new format of event needs no
migration. Ids are given by the store; a record that is not stored yet has id 0. The invariant:
no record carries the raw content of a payload that could not be read, since it may hold a
caller's number.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.core.periods import Amendment

_MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One batch as one source delivered it: what the engine replays after a restart.

    Attributes:
        received_ms: When it was received, epoch ms.
        source: The adapter instance that received it.
        kind: What the body holds, `events` for a batch of events.
        count: How many events the body holds.
        body: The batch as its writer encoded it; opaque here.
        id: Place in the journal, from 1, increasing; 0 when not stored yet.
    """

    received_ms: int
    source: str
    kind: str
    count: int
    body: bytes
    id: int = 0


@dataclass(frozen=True, slots=True)
class QuarantineRecord:
    """That a payload could not be used, without the payload.

    Attributes:
        received_ms: When it was received, epoch ms.
        source: The adapter instance that received it.
        reason: A word of ours for what was wrong, never text of the payload; <= 200 characters.
        size: Length of the payload in bytes.
        digest: Keyed digest of the payload in hexadecimal, to find it again at its origin.
        id: Number of the row; 0 when not stored yet.
    """

    received_ms: int
    source: str
    reason: str
    size: int
    digest: str
    id: int = 0

    def __post_init__(self) -> None:
        assert len(self.reason) <= _MAX_REASON


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One change of state of one alert; the history only grows.

    Attributes:
        at_ms: When the state changed, epoch ms.
        key: The alert's deterministic key.
        rule: Name of the rule.
        scope: Scope it is about, such as `queue/KEY`.
        state: The state entered.
        reason: Why, in words for a human.
        body: Everything else, JSON text.
        id: Place in the history, from 1, increasing; 0 when not stored yet.
    """

    at_ms: int
    key: str
    rule: str
    scope: str
    state: str
    reason: str
    body: str
    id: int = 0


@dataclass(frozen=True, slots=True)
class StoredPeriod:
    """The intervals of one scope over some time, summed up.

    Attributes:
        counts: One for each of the engine's fields.
        recorded_ms: The newest boundary that is stored, of whatever scope; 0 when there is none.
        first_ms: Where the stored intervals begin, of whatever scope; None when there are none.
        amended_total: How many amendments are in the counts.
        amendments: The newest of them, the newest first.
    """

    counts: tuple[int, ...]
    recorded_ms: int
    first_ms: int | None
    amended_total: int
    amendments: tuple[Amendment, ...]


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """The engine's state as of one place in the journal.

    Attributes:
        journal_id: The last journal record that the state contains; 0 for none.
        at_ms: The engine's time of the state, epoch ms.
        config_hash: Digest of the configuration under which the state was made.
        parts: Named parts of the state, decompressed.
    """

    journal_id: int
    at_ms: int
    config_hash: str
    parts: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How the store is doing; a view of one instant.

    Attributes:
        commits_total: Transactions committed since the start.
        rows_total: Rows committed since the start: journal, quarantine, alerts and deliveries.
        last_commit_ms: How long the last commit took, from its begin to the disk, in ms; None
            before the first.
        failing: Whether the last attempt to write failed; sources are being held back.
        failing_ms: For how long that has been so; None when not failing.
        failures_total: Failed attempts since the start.
        last_error: The last failure in words, kept after it passed; None when there was none.
        fatal: Whether the store has given up, so that only a restart helps.
        size_bytes: Size of the database and its log on disk, as of the last attempt to write.
        free_bytes: Space left to us on that file system, likewise.
        damaged_checkpoints: Checkpoints that failed their digest when they were read.
        damaged_rows: Journal rows that failed their checksum when they were read, left out.
    """

    commits_total: int = 0
    rows_total: int = 0
    last_commit_ms: float | None = None
    failing: bool = False
    failing_ms: int | None = None
    failures_total: int = 0
    last_error: str | None = None
    fatal: bool = False
    size_bytes: int = 0
    free_bytes: int = 0
    damaged_checkpoints: int = 0
    damaged_rows: int = 0
