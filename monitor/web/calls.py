"""`/api/v1/calls`: which calls wait in a queue now, longest first, for whoever runs the floor.

A call is shown under a stand-in that is the same as long as the call lasts, so that a supervisor
can follow it from one look to the next, and that tells nothing of the caller.

The invariant: an answer is bounded, and so is the work for it.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from aiohttp import web

from monitor.core.live_calls import LiveCall
from monitor.formats.pseudonyms import Pseudonyms
from monitor.web.refusal import check_given_once, error_text, wrong

CallsOf = Callable[[str, int], Sequence[LiveCall] | None]
"""The calls that wait in a scope, longest first, up to a limit; None for an unknown scope."""

LIMIT_MAX: Final = 500
_LIMIT: Final = 100
_FILTERS: Final = ("scope", "state", "limit")
_ENCODER: Final = msgspec.json.Encoder()


class CallsPage:
    """Answers for one engine.

    Args:
        calls_of: The calls that wait.
        now_ms: The engine's time.
        pseudonyms: Makes the stand-ins.
    """

    def __init__(
        self, calls_of: CallsOf, now_ms: Callable[[], int], pseudonyms: Pseudonyms
    ) -> None:
        self._calls_of = calls_of
        self._now_ms = now_ms
        self._pseudonyms = pseudonyms

    @property
    def route(self) -> web.RouteDef:
        """Where it is asked for."""
        return web.get("/api/v1/calls", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        """Filters: `scope` (required), `state` (only `waiting` is known), `limit`."""
        check_given_once(request, _FILTERS)
        scope = request.query.get("scope")
        if scope is None:
            raise wrong("scope is missing, queue/KEY or site/NAME is needed")
        if request.query.get("state", "waiting") != "waiting":
            raise wrong("state: only waiting is known")
        limit = _limit(request.query.get("limit", str(_LIMIT)))
        # One more than is shown tells whether that is all.
        calls = self._calls_of(scope, limit + 1)
        if calls is None:
            raise web.HTTPNotFound(
                text=error_text(f"scope: {scope!r} is no queue and no site"),
                content_type="application/json",
            )
        at_ms = self._now_ms()
        body = {
            "at_ms": at_ms,
            "scope": scope,
            "is_complete": len(calls) <= limit,
            "calls": [
                {
                    "id": self._pseudonyms.handle(call.call_id),
                    "queue": call.queue,
                    "stage": "waiting",
                    "entry": call.entry,
                    "queued_ms": call.queued_ms,
                    "waited_ms": max(0, at_ms - call.queued_ms),
                }
                for call in calls[:limit]
            ],
        }
        return web.Response(body=_ENCODER.encode(body), content_type="application/json")


def _limit(text: str) -> int:
    limit = int(text) if re.fullmatch(r"[0-9]{1,3}", text) else 0
    if not 1 <= limit <= LIMIT_MAX:
        raise wrong(f"limit: {text!r} is no number of 1 to {LIMIT_MAX}")
    return limit
