"""Who is served: the one place that every request passes before anything answers it.

Readers on this machine are served without credentials; everybody else needs TLS and credentials.
A request that a proxy on this machine hands on comes from elsewhere and needs credentials, too.
Two abuses of a local reader's browser are refused: a stranger's page that reaches us under its own
host name (DNS rebinding), and one that makes the browser send us a command.

Pure but for the credentials' check; no clock.
"""

import asyncio
import ipaddress
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from monitor.web.credentials import Credentials, TooBusyError, user_of

USER: Final = web.RequestKey("user", str)
"""Key of a request: the name of the user who has signed in; absent when nobody has."""

_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
_READS: Final = frozenset(("GET", "HEAD"))
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "callcenter-monitor",
}


class Gate:
    """The middleware that refuses.

    Args:
        names: Host names, besides those of loopback, that local readers may use.
        credentials: None when nobody has any.
        is_tls: Whether this server speaks TLS.
        max_body_bytes: Larger requests are refused.
        timeout_s: No request takes longer.

    Attributes:
        credentials: The same; others hold from the next request on.
        guarded: Routes that ask for credentials of their own and bound what they read; the others'
            are no use there. They are served over TLS or to this machine only, as the rest.
        signed: Routes that keep something under the name of who asks: where there are users, these
            have to sign in on this machine as well.
    """

    def __init__(
        self,
        *,
        names: tuple[str, ...],
        credentials: Credentials | None,
        is_tls: bool,
        max_body_bytes: int,
        timeout_s: float = 30.0,
    ) -> None:
        self._names = frozenset(name.lower() for name in (*names, "localhost"))
        self.credentials = credentials
        self.guarded: frozenset[web.AbstractRoute] = frozenset()
        self.signed: frozenset[web.AbstractRoute] = frozenset()
        self._is_tls = is_tls
        self._max_body_bytes = max_body_bytes
        self._timeout_s = timeout_s

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse the request or hand it on."""
        is_guarded = request.match_info.route in self.guarded
        if (request.content_length or 0) > self._max_body_bytes and not is_guarded:
            raise web.HTTPRequestEntityTooLarge(self._max_body_bytes, request.content_length or 0)
        if request.method not in _READS and self._is_foreign_page(request):
            raise web.HTTPForbidden(text="refused: sent by the page of another site\n")
        if is_guarded:
            self._check_privacy(request)
        else:
            is_local = _is_local(request)
            is_signed = request.match_info.route in self.signed and self.credentials is not None
            if is_local:
                self._check_name(request)
            if is_signed or not is_local:
                await self._check_credentials(request)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await handler(request)
        except TimeoutError:
            raise web.HTTPServiceUnavailable(text="took too long\n") from None

    @staticmethod
    async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
        """Signal handler: what every answer says to browsers."""
        response.headers.update(_HEADERS)

    def _check_name(self, request: web.Request) -> None:
        host = request.headers.get("Host")
        # A browser always sends it; a bare probe may not.
        if host is not None and not self._is_our_name(host):
            raise web.HTTPMisdirectedRequest(text="this server is not known under this name\n")

    async def _check_credentials(self, request: web.Request) -> None:
        credentials = self.credentials
        if credentials is None:
            raise _unprotected()
        self._check_privacy(request)
        try:
            is_allowed = await credentials.allow(request.headers.get("Authorization", ""))
        except TooBusyError:
            raise web.HTTPServiceUnavailable(
                text="too many checks of passwords\n", headers={"Retry-After": "5"}
            ) from None
        if not is_allowed:
            raise web.HTTPUnauthorized(
                text="name and password are needed\n",
                headers={"WWW-Authenticate": 'Basic realm="callcenter-monitor", charset="UTF-8"'},
            )
        user = user_of(request.headers.get("Authorization", ""))
        assert user is not None
        request[USER] = user

    def _check_privacy(self, request: web.Request) -> None:
        """Credentials are not to cross a network in the clear."""
        if not (self._is_tls or _is_loopback_peer(request)):
            raise _unprotected()

    @staticmethod
    def _is_foreign_page(request: web.Request) -> bool:
        origin = request.headers.get("Origin")
        if origin is not None:
            return urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower()
        return request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")

    def _is_our_name(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._names or is_loopback(name)


def _unprotected() -> web.HTTPForbidden:
    return web.HTTPForbidden(
        text="only readers on this machine are served: TLS and users are not configured\n"
    )


def is_loopback(address: str) -> bool:
    """Whether it is the numeric address of this machine's loopback, IPv4-mapped included."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def _is_loopback_peer(request: web.Request) -> bool:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return peer is not None and is_loopback(peer[0])


def _is_local(request: web.Request) -> bool:
    is_forwarded = any(name in request.headers for name in _FORWARDED)
    return _is_loopback_peer(request) and not is_forwarded
