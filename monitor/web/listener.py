"""The socket: how many connections, and how long one may stay silent.

aiohttp bounds neither. Without this, whoever can reach the port could hold every file descriptor
of the process with connections that never ask for anything, and the sources would go without.

aiohttp logs a request that it cannot parse together with what is wrong in it, which may be a
caller's number. Such a request is answered with 400 and not logged.
"""

import asyncio
import logging
import ssl
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

_LOG = logging.getLogger(__name__)
_MAX_CONNECTIONS: Final = 256
_FIRST_REQUEST_WITHIN_S: Final = 10.0
_KEEPALIVE_S: Final = 30.0
_BACKLOG: Final = 128


class Listener:
    """Accepts connections for an application.

    Args:
        app: What answers.
        max_connections: Further ones are closed at once.
        first_request_within_s: A connection that has not asked by then is closed.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        max_connections: int = _MAX_CONNECTIONS,
        first_request_within_s: float = _FIRST_REQUEST_WITHIN_S,
    ) -> None:
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=_KEEPALIVE_S,
            shutdown_timeout=1.0,
            logger=_LOG,
            # A few kilobytes can hold gigabytes; who wants compressed bodies unpacks with a bound.
            auto_decompress=False,
        )
        self._max_connections = max_connections
        self._first_request_within_s = first_request_within_s
        self._silent: dict[RequestHandler, asyncio.TimerHandle] = {}
        self._server: asyncio.Server | None = None
        app.middlewares.insert(0, self._note_request)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen; return the port.

        Raises:
            OSError: The address cannot be listened on.
        """
        await self._runner.setup()
        self._server = await asyncio.get_running_loop().create_server(
            self._accept,
            host,
            port,
            ssl=tls,
            backlog=_BACKLOG,
            ssl_handshake_timeout=_FIRST_REQUEST_WITHIN_S if tls else None,
        )
        taken: int = self._server.sockets[0].getsockname()[1]
        return taken

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._server is not None:
            self._server.close()
        for timer in self._silent.values():
            timer.cancel()
        self._silent.clear()
        await self._runner.cleanup()

    def _accept(self) -> asyncio.Protocol:
        server = self._runner.server
        assert server is not None, "set up before it listens"
        if len(server.connections) >= self._max_connections:
            return _Refusal()
        connection = server()
        self._silent[connection] = asyncio.get_running_loop().call_later(
            self._first_request_within_s, self._close_silent, connection
        )
        return connection

    def _close_silent(self, connection: RequestHandler) -> None:
        self._silent.pop(connection, None)
        if connection.transport is not None:
            connection.transport.abort()

    @web.middleware
    async def _note_request(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        timer = self._silent.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        return await handler(request)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a record of aiohttp's tells of a fault of ours, and not of what a client sent."""
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


_LOG.addFilter(_is_ours)


class _Refusal(asyncio.Protocol):
    """Closes a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
