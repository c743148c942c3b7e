"""The body of a request, plain or gzipped, of bounded size.

A few kilobytes of gzip can hold gigabytes. So the server's own decompression is off, and here no
more is ever unpacked than one byte beyond the bound.

Invariant: a body is returned whole or not at all; one that breaks off or is damaged is refused.

Reads from the network through aiohttp; no clock.
"""

import zlib
from collections.abc import Callable
from typing import Final

from aiohttp import ClientError, web

_GZIP_WINDOW: Final = 31  # 15 bits of window, and gzip's header
# A gzip file may consist of several. Each costs its own decompressor, empty ones as well.
_MEMBERS_MAX: Final = 64


class TooLargeError(Exception):
    """The body has more bytes than are allowed."""


class BrokenBodyError(Exception):
    """The body is not what its headers say; the text says in which way."""


def is_gzip(request: web.Request) -> bool:
    """Whether the body is gzipped.

    Raises:
        BrokenBodyError: It is compressed in another way.
    """
    coding = ",".join(request.headers.getall("Content-Encoding", [])).strip().lower()
    if coding in ("", "identity"):
        return False
    if coding in ("gzip", "x-gzip"):
        return True
    raise BrokenBodyError("the body has to be plain or gzip")


async def read_body(request: web.Request, max_bytes: int, *, gzip: bool) -> bytes:
    """The body, unpacked.

    Args:
        request: Nothing of its body has been read.
        max_bytes: The most that the body may have, as it comes and unpacked; > 0.
        gzip: Whether it is gzipped.

    Raises:
        TooLargeError: It has more.
        BrokenBodyError: It broke off, or is no gzip.
    """
    if (request.content_length or 0) > max_bytes:
        raise TooLargeError
    unpacked = _Gunzip(max_bytes) if gzip else None
    take: Callable[[bytes], None]
    body = bytearray() if unpacked is None else unpacked.body
    take = body.extend if unpacked is None else unpacked.feed
    read_bytes = 0
    try:
        while chunk := await request.content.readany():
            read_bytes += len(chunk)
            if read_bytes > max_bytes:
                raise TooLargeError
            take(chunk)
    except (web.RequestPayloadError, ClientError, ConnectionError) as error:
        raise BrokenBodyError("the body broke off") from error
    except zlib.error as error:
        raise BrokenBodyError("the body is no gzip") from error
    if unpacked is not None and not unpacked.is_complete:
        raise BrokenBodyError("the gzip of the body is cut off")
    return bytes(body)


class _Gunzip:
    """Unpacks gzip, one member after another, up to a bound.

    Attributes:
        body: What was unpacked.
    """

    def __init__(self, max_bytes: int) -> None:
        self.body = bytearray()
        self._max_bytes = max_bytes
        self._members = 1
        self._decompressor = zlib.decompressobj(_GZIP_WINDOW)

    @property
    def is_complete(self) -> bool:
        """Whether the last member has come to its end."""
        return self._decompressor.eof

    def feed(self, chunk: bytes) -> None:
        """Unpack more.

        Raises:
            TooLargeError: That is more than allowed.
            zlib.error: It is no gzip.
            BrokenBodyError: It has too many members.
        """
        while chunk:
            if self._decompressor.eof:
                self._members += 1
                if self._members > _MEMBERS_MAX:
                    raise BrokenBodyError(f"the gzip has more than {_MEMBERS_MAX} members")
                self._decompressor = zlib.decompressobj(_GZIP_WINDOW)
            room = self._max_bytes + 1 - len(self.body)
            self.body += self._decompressor.decompress(chunk, room)
            if len(self.body) > self._max_bytes:
                raise TooLargeError
            chunk = self._decompressor.unused_data
