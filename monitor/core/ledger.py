r"""The ledger's entries, and the chain of hashes that makes every change to them show.

What a plan has to prove years later (an outage, its deadline, who did what and when, what could
not be seen) is written once, in order, and each row's hash covers the row before it. So whoever
changes, removes, inserts or moves a row has to rewrite every later hash, and whoever has noted one
of those hashes elsewhere sees that. The chain alone does not show that rows at its end are gone,
nor that all of it was written anew: compare it with a head that was noted elsewhere.

The chain, for an auditor who wants to recompute it without this program:

- `hash_0` = SHA-256 of the ASCII text `callcenter-monitor ledger 1` (`GENESIS`).
- `hash_n` = SHA-256 of the 32 bytes of `hash_(n-1)` followed by the canonical text of row n.
- The canonical text of a row is one JSON object with the members `at_ms`, `body`, `key`, `kind`,
  `n`, `recorded_ms` and `subject`: UTF-8, members sorted by code points at every depth, no white
  space outside of strings; in strings only the quotation mark, the backslash and the characters
  below U+0020 are escaped, as `\"`, `\\`, `\b`, `\t`, `\n`, `\f`, `\r` or `\u00xx`.
- Numbers are integers of at most 53 bits (as in RFC 7493, so that every reader of JSON has them
  exactly). There are no floats, whose text differs between programs: durations are in
  milliseconds, ratios and probabilities in millionths (`_ppm`) or as two counts.

An entry's key is made from its inputs alone, so that a journal that is replayed after a crash
makes the same key again, and the store appends nothing twice.

Pure: no I/O, no clock.
"""

import enum
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from json.encoder import encode_basestring
from typing import Any, Final

GENESIS: Final = hashlib.sha256(b"callcenter-monitor ledger 1").hexdigest()
_INTEGER_MAX: Final = 2**53 - 1
_NAME_MAX: Final = 512
_BODY_BYTES_MAX: Final = 65_536

Plain = bool | int | str | Sequence["Plain"] | Mapping[str, "Plain"] | None
"""What a body may hold; floats are not among it."""


class LedgerKind(enum.StrEnum):
    """What an entry tells of; the list is closed."""

    OUTAGE = "outage"
    TRANSITION = "transition"
    FORECAST = "forecast"
    LADDER = "ladder"
    ACTION = "action"
    GAP = "gap"
    CONFIG = "config"
    CLOCK = "clock"
    VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Something to be remembered for good.

    Attributes:
        at_ms: When it happened or begins to hold, epoch ms.
        kind: What it tells of.
        subject: Whom it is about, such as `contract/H0001`, `source/pbx1`, `daemon`.
        key: Unique, and the same whenever it is made again from the same inputs, such as
            `outage/H0001/1760000000000/3`.
        body: The rest, of plain values; at most 64 KiB as text.
    """

    at_ms: int
    kind: LedgerKind
    subject: str
    key: str
    body: Mapping[str, Plain]

    def __post_init__(self) -> None:
        for name in (self.subject, self.key):
            assert 0 < len(name) <= _NAME_MAX, name
            assert "\0" not in name, name
        assert abs(self.at_ms) <= _INTEGER_MAX, self.at_ms
        assert _is_plain(self.body), self.key
        assert len(self.text.encode()) <= _BODY_BYTES_MAX, self.key

    @property
    def text(self) -> str:
        """The body as canonical text."""
        return json.dumps(self.body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row as it is stored; whether it is as it was written, only the chain tells.

    Attributes:
        n: Place in the ledger, from 1, without holes.
        at_ms: As in the entry.
        recorded_ms: When it was appended, epoch ms; never before that of the row before.
        kind: As in the entry; text, because a later version may know more kinds.
        subject: As in the entry.
        key: As in the entry.
        body: Canonical text of the entry's body.
        hash: 64 lower-case hexadecimal digits.
    """

    n: int
    at_ms: int
    recorded_ms: int
    kind: str
    subject: str
    key: str
    body: str
    hash: str

    @property
    def content(self) -> Any:  # noqa: ANN401 (JSON)
        """The body as values.

        Raises:
            ValueError: The body is no JSON, so the row is damaged.
        """
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """The end of the ledger: noted elsewhere, it proves that nothing before it was rewritten.

    Attributes:
        n: How many rows there are.
        hash: Of the last one; `GENESIS` when there is none.
        recorded_ms: When the last one was appended, epoch ms; 0 when there is none.
    """

    n: int = 0
    hash: str = GENESIS
    recorded_ms: int = 0


def chain(head: LedgerHead, entry: LedgerEntry, recorded_ms: int) -> LedgerRow:
    """The row that `entry` becomes behind `head`.

    Args:
        head: The end of the ledger.
        entry: What is appended.
        recorded_ms: When, epoch ms. A clock that was set back makes no row look earlier than the
            one before.
    """
    row = LedgerRow(
        n=head.n + 1,
        at_ms=entry.at_ms,
        recorded_ms=max(recorded_ms, head.recorded_ms),
        kind=str(entry.kind),
        subject=entry.subject,
        key=entry.key,
        body=entry.text,
        hash="",
    )
    return replace(row, hash=hash_of(head.hash, row, row.n))


def hash_of(before: str, row: LedgerRow, n: int) -> str:
    """The hash that `row` has as number `n` behind the hash `before`; its own is not looked at.

    The text is unambiguous whatever the body is, since no quoted string holds a bare quotation
    mark: read from its end, it falls into its members in one way only.
    """
    text = (
        f'{{"at_ms":{row.at_ms},"body":{row.body},"key":{encode_basestring(row.key)},'
        f'"kind":{encode_basestring(row.kind)},"n":{n},"recorded_ms":{row.recorded_ms},'
        f'"subject":{encode_basestring(row.subject)}}}'
    )
    return hashlib.sha256(bytes.fromhex(before) + text.encode()).hexdigest()


def _is_plain(value: object) -> bool:
    if value is None or isinstance(value, bool | str):
        return True
    if isinstance(value, int):
        return abs(value) <= _INTEGER_MAX
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(held) for key, held in value.items())
    return isinstance(value, list | tuple) and all(_is_plain(held) for held in value)
