"""A receiver of webhooks on loopback that answers as a test wants, or does not answer at all."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from real_parts import free_port


@dataclass
class Request:
    """What one POST held; `change` is the alert and state it told of."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def change(self) -> tuple[str, str]:
        return self.json["alerts"][0]["annotations"]["dedup_key"], self.json["status"]


Mood = Callable[[Request], web.Response | str]


@dataclass
class Receiver:
    """A receiver whose mood decides each answer: a response, or `stall` or `hang-up`."""

    mood: Mood = lambda _: web.Response()
    seen: list[Request] = field(default_factory=list)
    accepted: list[tuple[str, str]] = field(default_factory=list)
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/path-token"

    async def handle(self, http: web.Request) -> web.Response:
        request = Request(dict(http.headers), await http.read())
        self.seen.append(request)
        answer = self.mood(request)
        if answer == "stall":
            await asyncio.sleep(3600)
        if isinstance(answer, str):
            assert http.transport is not None
            http.transport.abort()
            return web.Response()
        if 200 <= answer.status < 300:
            self.accepted.append(request.change)
        return answer

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        application = web.Application()
        application.router.add_post("/hook/path-token", self.handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()
