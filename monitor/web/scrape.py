"""`/metrics`: written once for each snapshot and form, however many ask, and sent in pieces.

Rendering gives the loop back after each slice. Compression runs in one thread, where it releases
the interpreter. All who ask for one form at the same time wait for the same work. The bytes are
shared; what one slow reader holds of them is a socket's buffer, and only for a bounded time. When
no new snapshot comes, as while the clock is refused, the daemon's own figures still change: what
was written is then written again after a while.

The invariant: nothing here holds the event loop for more than a slice.
"""

import asyncio
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from monitor.core.snapshot import Snapshot
from monitor.web.board import Board, RenderSlices
from monitor.web.negotiation import OPENMETRICS_TYPE, takes_gzip, wants_openmetrics

_PIECE_BYTES: Final = 65_536
# Ticks come every second; without one the figures of the daemon itself still change.
_FRESH_S: Final = 2.0
_GZIP_WINDOW: Final = 31  # 15 bits of window, and gzip's header instead of zlib's
_CONTENT_TYPES: Final = {
    False: "text/plain; version=0.0.4; charset=utf-8",
    True: f"{OPENMETRICS_TYPE}; version=1.0.0; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class _Body:
    pieces: list[bytes]
    size: int


class MetricsPage:
    """Answers scrapes.

    Args:
        board: Where the newest snapshot hangs.
        render: Writes the exposition.
        max_readers: Scrapes that may be under way at once; more get 503.
        timeout_s: A reader that has not taken everything by then is cut off.
    """

    def __init__(
        self,
        board: Board,
        render: RenderSlices,
        *,
        max_readers: int = 64,
        timeout_s: float = 15.0,
    ) -> None:
        self._board = board
        self._render = render
        self._max_readers = max_readers
        self._timeout_s = timeout_s
        self._readers = 0
        self._snapshot: Snapshot | None = None
        self._bodies: dict[tuple[bool, bool], asyncio.Task[_Body]] = {}
        self._stale_s = 0.0
        self._compressor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gzip")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Handle GET and HEAD."""
        if self._readers >= self._max_readers:
            raise web.HTTPServiceUnavailable(
                text="too many scrapes at once\n", headers={"Retry-After": "1"}
            )
        self._readers += 1
        try:
            return await self._send(request)
        finally:
            self._readers -= 1

    def close(self) -> None:
        """Let go of the thread."""
        self._compressor.shutdown(wait=False, cancel_futures=True)

    async def _send(self, request: web.Request) -> web.StreamResponse:
        openmetrics = wants_openmetrics(request.headers.get("Accept", ""))
        gzip = takes_gzip(request.headers.get("Accept-Encoding", ""))
        # Shielded: one reader that goes away must not end the work for the others.
        body = await asyncio.shield(self._body(openmetrics=openmetrics, gzip=gzip))
        response = web.StreamResponse(
            headers={"Content-Type": _CONTENT_TYPES[openmetrics], "Vary": "Accept, Accept-Encoding"}
        )
        if gzip:
            response.headers["Content-Encoding"] = "gzip"
        response.content_length = body.size
        await response.prepare(request)
        if request.method != "HEAD":
            try:
                async with asyncio.timeout(self._timeout_s):
                    for piece in body.pieces:
                        await response.write(piece)
            except TimeoutError:
                if request.transport is not None:
                    request.transport.abort()
        return response

    def _body(self, *, openmetrics: bool, gzip: bool) -> asyncio.Task[_Body]:
        snapshot, now_s = self._board.snapshot, asyncio.get_running_loop().time()
        if snapshot is None or snapshot is not self._snapshot or now_s >= self._stale_s:
            self._snapshot, self._stale_s = snapshot, now_s + _FRESH_S
            self._bodies = {}
        key = (openmetrics, gzip)
        if key not in self._bodies:
            work = (
                self._compress(self._body(openmetrics=openmetrics, gzip=False))
                if gzip
                else self._write(snapshot, openmetrics=openmetrics)
            )
            self._bodies[key] = asyncio.create_task(work)
        return self._bodies[key]

    async def _write(self, snapshot: Snapshot | None, *, openmetrics: bool) -> _Body:
        pieces: list[bytes] = []
        small: list[bytes] = []
        small_bytes = 0
        for part in self._render(snapshot, self._board.daemon, openmetrics=openmetrics):
            # Sending each header of a family by itself would be a system call for a line.
            for piece in part:
                small.append(piece)
                small_bytes += len(piece)
                if small_bytes >= _PIECE_BYTES:
                    pieces.append(b"".join(small))
                    small.clear()
                    small_bytes = 0
            await asyncio.sleep(0)
        pieces.append(b"".join(small))
        return _Body(pieces, sum(map(len, pieces)))

    async def _compress(self, plain: asyncio.Task[_Body]) -> _Body:
        body = await plain
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._compressor, _gzip, body.pieces)


def _gzip(pieces: Iterable[bytes]) -> _Body:
    compressor = zlib.compressobj(level=1, wbits=_GZIP_WINDOW)
    whole = b"".join([*map(compressor.compress, pieces), compressor.flush()])
    cut = [whole[start : start + _PIECE_BYTES] for start in range(0, len(whole), _PIECE_BYTES)]
    return _Body(cut, len(whole))
