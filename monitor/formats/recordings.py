"""Recorded days: the registry of file formats, and the one way to read them.

Invariant: what is in a file becomes an event or a counted discard; only a file that cannot be read
at all is an error. Reads files; no clock.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from monitor.core.events import Event
from monitor.formats.anonymous_bank import read_anonymous_bank
from monitor.formats.lines import LINE_BYTES_MAX, RecordingError, check_readable, read_lines
from monitor.formats.normalized import NormalizedDecoder
from monitor.formats.pseudonyms import KEY_BYTES_MAX, Pseudonyms

__all__ = ["RECORDING_FORMATS", "RecordingError", "read_recording"]

# One decode for many lines is three times as fast as one for each.
_BATCH_BYTES: Final = 65_536


class RecordingReader(Protocol):
    """Reads files of one format; the arguments are those of `read_recording`."""

    def __call__(
        self,
        paths: Iterable[Path],
        *,
        discards: Counter[str],
        agent_key: bytes,
        source: str | None,
        progress: Callable[[int], None] | None,
    ) -> Iterator[Event]:
        """Yield the events of the files."""


def read_recording(
    format_name: str,
    paths: Sequence[Path],
    progress: Callable[[int], None] | None = None,
    *,
    discards: Counter[str] | None = None,
    agent_key: bytes | None = None,
    source: str | None = None,
) -> Iterator[Event]:
    """Read recorded files into events.

    Args:
        format_name: A key of `RECORDING_FORMATS`.
        paths: The files, in order of time; `.gz` is decompressed on the way.
        progress: Told how many more bytes of the files have been read; the sum is their sizes.
        discards: Counts, by reason, what was refused.
        agent_key: Secret for the stand-ins of agents' names; a random one by default.
        source: The source that every event must name (normalized), or that it is given
            (anonymous-bank). None accepts any, or gives the format's own.

    Returns:
        The events: of `normalized` in the order of the files, of `anonymous-bank` in order.

    Raises:
        RecordingError: At once when the format is unknown or a file cannot be opened; while
            reading when a file turns out to be damaged or of another format.
    """
    reader = RECORDING_FORMATS.get(format_name)
    if reader is None:
        known = ", ".join(sorted(RECORDING_FORMATS))
        raise RecordingError(f"unknown recording format {format_name!r}: choose one of {known}")
    for path in paths:
        check_readable(path)
    return reader(
        paths,
        discards=Counter() if discards is None else discards,
        agent_key=secrets.token_bytes(KEY_BYTES_MAX) if agent_key is None else agent_key,
        source=source,
        progress=progress,
    )


def _read_normalized(
    paths: Iterable[Path],
    *,
    discards: Counter[str],
    agent_key: bytes,
    source: str | None,
    progress: Callable[[int], None] | None,
) -> Iterator[Event]:
    decoder = NormalizedDecoder(source, agent_key)
    for path in paths:
        for batch in _batches(read_lines(path, progress)):
            decoded = decoder.decode(batch)
            discards.update(one.reason for one in decoded.rejected)
            yield from decoded.events


def _batches(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines into messages; a line that alone is too long for one stays alone."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if len(line) <= LINE_BYTES_MAX and not line.strip():
            continue
        if batch and size + len(line) > _BATCH_BYTES:
            yield b"\n".join(batch)
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield b"\n".join(batch)


def _read_anonymous_bank(
    paths: Iterable[Path],
    *,
    discards: Counter[str],
    agent_key: bytes,
    source: str | None,
    progress: Callable[[int], None] | None,
) -> Iterator[Event]:
    return read_anonymous_bank(
        paths,
        discards=discards,
        pseudonyms=Pseudonyms(agent_key),
        source=source,
        progress=progress,
    )


RECORDING_FORMATS: Final[Mapping[str, RecordingReader]] = MappingProxyType(
    {"normalized": _read_normalized, "anonymous-bank": _read_anonymous_bank}
)
