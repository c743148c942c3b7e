"""`/api/v1/ledger/head`: the end of the ledger, for whoever notes it elsewhere.

A head that is kept out of the reach of whoever can write the database is what makes a rewritten
ledger show: `callcenter-monitor ledger verify --head HASH`.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from monitor.core.ledger import LedgerHead

_ENCODER: Final = msgspec.json.Encoder()


class LedgerPage:
    """Answers for one ledger.

    Args:
        head: The end of the ledger, now.
    """

    def __init__(self, head: Callable[[], LedgerHead]) -> None:
        self._head = head

    @property
    def route(self) -> web.RouteDef:
        """Where it is asked for."""
        return web.get("/api/v1/ledger/head", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        if request.query:
            text = _ENCODER.encode({"error": "no filter is allowed here"}).decode()
            raise web.HTTPBadRequest(text=text, content_type="application/json")
        head = self._head()
        body = {
            "rows": head.n,
            "hash": head.hash,
            "recorded_ms": head.recorded_ms if head.n else None,
        }
        return web.Response(body=_ENCODER.encode(body), content_type="application/json")
