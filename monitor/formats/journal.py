"""Events as the journal keeps them: a version byte and msgpack of the decoded structs.

Decoded events are kept rather than the bytes that came in: those may name a caller, and decoding
them a second time would judge them by the configuration of another day.

Invariant: `decode(encode(events)) == events`, the `_ms` fields included. Pure: no I/O, no clock.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from monitor.core.events import Event

_VERSION: Final = b"\x01"
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(list[Event])


class JournalError(ValueError):
    """A body of the journal that this version cannot read: damaged, or written by a later one."""


def encode(events: Sequence[Event]) -> bytes:
    """Write events that came out of a decoder."""
    return _VERSION + _ENCODER.encode(events)


def decode(body: bytes) -> list[Event]:
    """Read what `encode` wrote.

    Raises:
        JournalError: When `body` is damaged or of another version.
    """
    if body[:1] != _VERSION:
        found = f"version {body[0]}" if body else "nothing"
        raise JournalError(f"expected a body of version {_VERSION[0]}, found {found}")
    try:
        return _DECODER.decode(memoryview(body)[1:])
    except (ValueError, RecursionError) as fault:
        raise JournalError(f"the body is damaged: {fault}") from fault
