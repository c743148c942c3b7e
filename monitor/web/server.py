"""The web server: metrics, health, JSON API and the status page, on the daemon's own event loop.

It reads a board on which the newest frozen snapshot hangs and never touches the engine. What it
needs of the rest of the program is handed to it, so that it knows neither the sinks nor the runner.

No answer holds the loop for more than a few milliseconds: see `scrape.py` and `api.py`.
"""

import asyncio
from collections.abc import Sequence
from importlib import resources
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from monitor.web.api import Api
from monitor.web.board import Board, Readiness, Reload, RenderSlices, VerdictsOf
from monitor.web.gate import USER, Gate
from monitor.web.identity import Handshakes, Identity
from monitor.web.listener import Listener
from monitor.web.scrape import MetricsPage
from monitor.web.settings import WebSettings

_MEDIA: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_ICON: Final = "image/svg+xml"


class WebServer:
    """Serves one board.

    Args:
        settings: Where to listen and whom to serve.
        board: Where the newest snapshot hangs.
        render: Writes the exposition (`Exposition.render_slices`).
        verdicts_of: All verdicts of one row of a snapshot.
        readiness: Why the daemon is not ready.
        reload: Loads the configuration anew.
        extra_routes: Of other parts, behind the same gate.
        guarded_routes: Of other parts that ask for credentials of their own.
        signed_routes: Of other parts that keep something under the name of who asks.

    Raises:
        SecretError: A file of users, of a certificate or of its key cannot be used.
    """

    def __init__(
        self,
        settings: WebSettings,
        board: Board,
        *,
        render: RenderSlices,
        verdicts_of: VerdictsOf,
        readiness: Readiness,
        reload: Reload,
        extra_routes: Sequence[web.AbstractRouteDef] = (),
        guarded_routes: Sequence[web.AbstractRouteDef] = (),
        signed_routes: Sequence[web.AbstractRouteDef] = (),
    ) -> None:
        self._settings = settings
        self._readiness = readiness
        self._reload = reload
        identity = Identity.read(settings)
        self._handshakes = None if identity.tls is None else Handshakes(identity.tls)
        self._metrics = MetricsPage(board, render)
        gate = self._gate = Gate(
            names=(settings.host, *settings.names),
            credentials=identity.credentials,
            is_tls=identity.tls is not None,
            max_body_bytes=settings.max_body_bytes,
        )
        app = web.Application(
            middlewares=(gate.middleware,), client_max_size=settings.max_body_bytes
        )
        app.on_response_prepare.append(gate.add_headers)
        app.add_routes(self._routes(Api(board, verdicts_of, readiness)))
        app.add_routes(extra_routes)
        gate.guarded = frozenset(app.add_routes(guarded_routes))
        gate.signed = frozenset(app.add_routes(signed_routes))
        self._listener = Listener(app)
        self._port = settings.port

    @property
    def url(self) -> str:
        """The address of the page; right after `start`."""
        scheme = "http" if self._handshakes is None else "https"
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return f"{scheme}://{host}:{self._port}/"

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address cannot be listened on.
        """
        tls = None if self._handshakes is None else self._handshakes.context
        self._port = await self._listener.start(self._settings.host, self._settings.port, tls)

    async def read_identity(self) -> Identity:
        """Certificate, key and users as they are on the disk now; changes nothing.

        Raises:
            SecretError: One of the files cannot be used.
        """
        return await asyncio.to_thread(Identity.read, self._settings)

    def assume(self, identity: Identity) -> None:
        """Serve with another identity of the same files from the next connection on."""
        self._gate.credentials = identity.credentials
        if self._handshakes is not None and identity.tls is not None:
            self._handshakes.current = identity.tls

    async def stop(self) -> None:
        """Close the socket and every connection."""
        await self._listener.stop()
        self._metrics.close()

    def _routes(self, api: Api) -> list[web.RouteDef]:
        return [
            web.get("/metrics", self._metrics.answer),
            web.get("/-/healthy", self._healthy),
            web.get("/-/ready", self._ready),
            web.post("/-/reload", self._answer_reload),
            web.get("/api/v1/status", api.status),
            web.get("/api/v1/windows", api.windows),
            web.get("/api/v1/verdicts", api.verdicts),
            web.get("/api/v1/alerts", api.alerts),
            web.get("/api/v1/outages", api.outages),
            *_page_routes(),
        ]

    async def _healthy(self, _request: web.Request) -> web.Response:
        return web.Response(text="healthy\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        reasons = self._readiness()
        if reasons:
            return web.Response(status=503, text="".join(f"{reason}\n" for reason in reasons))
        return web.Response(text="ready\n")

    async def _answer_reload(self, request: web.Request) -> web.Response:
        faults = await self._reload(request.get(USER))
        if faults:
            return web.Response(status=422, text="".join(f"{fault}\n" for fault in faults))
        return web.Response(text="reloaded\n")


def _page_routes() -> list[web.RouteDef]:
    """The status page's files, read once; nothing of a path ever reaches the file system."""
    routes = []
    for file in resources.files("monitor.web").joinpath("static").iterdir():
        suffix = file.name.rpartition(".")[2]
        handler = _constant(file.read_bytes(), _MEDIA.get(suffix, _ICON))
        path = "/" if file.name == "index.html" else f"/static/{file.name}"
        routes.append(web.get(path, handler))
    return routes


def _constant(body: bytes, content_type: str) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type, charset="utf-8")

    return answer
