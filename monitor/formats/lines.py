"""Lines of a recorded file, plain or gzipped, of bounded length.

Invariant: memory does not depend on the file, and whatever the system says about a file becomes a
`RecordingError` of one line that names it and what to do. Reads files; no clock.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

LINE_BYTES_MAX: Final = 1_048_576
_PROGRESS_LINES: Final = 1_000
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class RecordingError(Exception):
    """A recording that cannot be read; the text is one line: file, fault, remedy."""


def check_readable(path: Path) -> None:
    """Make sure that `path` can be opened, so that the third file's fault shows before the first.

    Raises:
        RecordingError: When it is missing, a directory, or not readable.
    """
    try:
        with path.open("rb"):
            pass
    except OSError as fault:
        raise _unreadable(path, fault) from fault


def read_lines(path: Path, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """Yield the lines of a file without their ends; `.gz` is decompressed on the way.

    Args:
        path: The file.
        progress: Told now and then how many more bytes of the file, as it lies on the disk, have
            been read; the sum is the file's size.

    Yields:
        A line; of one longer than `LINE_BYTES_MAX` only its first `LINE_BYTES_MAX` + 1 bytes.

    Raises:
        RecordingError: When the file cannot be opened, read or decompressed.
    """
    told = 0
    number = 0
    try:
        with path.open("rb") as stored:
            for number, line in enumerate(_bounded_lines(_decompressed(path, stored)), 1):
                yield line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
                if progress is not None and number % _PROGRESS_LINES == 0:
                    progress(stored.tell() - told)
                    told = stored.tell()
            if progress is not None:
                progress(stored.tell() - told)
    except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
        raise RecordingError(
            f"{path}:{number + 1}: the compressed data is damaged ({fault}): "
            "copy the file again, or decompress what is left of it first"
        ) from fault
    except OSError as fault:
        raise _unreadable(path, fault) from fault


def _decompressed(path: Path, stored: BinaryIO) -> BinaryIO | gzip.GzipFile:
    return gzip.open(stored) if path.suffix == ".gz" else stored


def _bounded_lines(readable: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    while line := readable.readline(LINE_BYTES_MAX + 1):
        rest = line
        while len(rest) > LINE_BYTES_MAX and not rest.endswith(b"\n"):
            rest = readable.readline(LINE_BYTES_MAX + 1)
        yield line.rstrip(b"\r\n")


def _unreadable(path: Path, fault: OSError) -> RecordingError:
    remedy = "give the path of a recording that this user may read"
    return RecordingError(f"{path}: {fault.strerror or fault}: {remedy}")
