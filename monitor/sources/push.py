"""The push intake: `POST /api/v1/events/{source}`, for adapters that speak HTTP and no MQTT.

A body is one message of the source and is treated as one over MQTT: the same decoder, the same
quarantine, the same reasons. It is answered only after the journal holds it, so whoever gets no
answer sends again; the engine knows events that it has already counted.

Each source has a token of its own, which is asked for on this machine as well, because what comes
in here decides what is counted. A token opens its own source alone.

Invariants: nothing of a request is read before its token is known. Nothing of a message that is
not answered with 200 is known to be taken, and nothing of it is taken half.

Answers HTTP through aiohttp; no clock.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, Final

import msgspec
from aiohttp import web

from monitor.formats import rejection
from monitor.formats.normalized import MESSAGE_BYTES_MAX
from monitor.sources.desk import ClosedError, Desk, FullError
from monitor.sources.inbox import Inbox
from monitor.sources.request_body import BrokenBodyError, TooLargeError, is_gzip, read_body

_ENCODER: Final = msgspec.json.Encoder()
_FULL_RETRY_S: Final = 1
_UNREADY_RETRY_S: Final = 5


@dataclass(frozen=True, slots=True)
class PushSettings:
    """One source that pushes.

    Attributes:
        token: What its requests have to show; never shown.
        max_unacknowledged_bytes: How many bytes may wait for the journal.
    """

    token: str = field(repr=False)
    max_unacknowledged_bytes: int


class PushIntake:
    """Takes events from all sources that push.

    Args:
        inbox: Where messages go.
        unready: Why nothing can be taken now; None when it can.
        max_bytes: The most that a body may have, unpacked.

    Attributes:
        refused: Bodies of known sources that could not be read, by reason; they are not in the
            quarantine, because they never were messages.
    """

    def __init__(
        self,
        inbox: Inbox,
        unready: Callable[[], str | None],
        *,
        max_bytes: int = MESSAGE_BYTES_MAX,
    ) -> None:
        self.refused: Counter[str] = Counter()
        self._inbox = inbox
        self._unready = unready
        self._max_bytes = max_bytes
        self._tokens: dict[str, bytes] = {}
        self._desks: dict[str, Desk] = {}

    @property
    def names(self) -> Collection[str]:
        """The sources that push."""
        return self._desks.keys()

    @property
    def route(self) -> web.RouteDef:
        """Where requests come in; it asks for credentials itself."""
        return web.post("/api/v1/events/{source}", self._answer)

    def configure(self, settings: Mapping[str, PushSettings]) -> None:
        """Serve these sources from now on; what others have handed in is answered still."""
        self._tokens = {name: pushes.token.encode() for name, pushes in settings.items()}
        desks = {}
        for name, pushes in settings.items():
            desk = self._desks.get(name) or Desk(name, self._inbox, 0)
            desk.max_bytes = pushes.max_unacknowledged_bytes
            desks[name] = desk
        self._desks = desks

    def close(self) -> None:
        """Nothing will be committed any more: tell those who wait."""
        for desk in self._desks.values():
            desk.close()

    async def _answer(self, request: web.Request) -> web.Response:
        desk = self._desks[self._permitted(request)]
        reason = self._unready()
        if reason is not None:
            raise _unready(reason)
        try:
            gzip = is_gzip(request)
        except BrokenBodyError as error:
            self.refused[rejection.BAD_BODY] += 1
            raise _refusal(
                web.HTTPUnsupportedMediaType, str(error), {"Accept-Encoding": "gzip"}
            ) from None
        try:
            with desk.room(self._max_bytes):
                body = await read_body(request, self._max_bytes, gzip=gzip)
            receipt = await desk.hand_in(body)
        except FullError:
            raise _refusal(
                web.HTTPTooManyRequests,
                "too much waits for the journal: send this again",
                {"Retry-After": str(_FULL_RETRY_S)},
            ) from None
        except TooLargeError:
            self.refused[rejection.TOO_LARGE] += 1
            text = _error(f"a body may have {self._max_bytes} bytes at most, unpacked")
            raise web.HTTPRequestEntityTooLarge(
                self._max_bytes, 0, text=text, content_type="application/json"
            ) from None
        except BrokenBodyError as error:
            self.refused[rejection.BAD_BODY] += 1
            raise _refusal(web.HTTPBadRequest, str(error)) from None
        except ClosedError:
            raise _unready("the daemon ends") from None
        if receipt.events is None:
            raise _refusal(web.HTTPNotFound, "the source has just been removed")
        answer = {"accepted": receipt.events, "refused": receipt.refused}
        return web.Response(body=_ENCODER.encode(answer), content_type="application/json")

    def _permitted(self, request: web.Request) -> str:
        """The source that the request speaks for."""
        scheme, _, said = request.headers.get("Authorization", "").partition(" ")
        token = said.strip().encode(errors="surrogateescape")
        owners = [name for name, known in self._tokens.items() if compare_digest(known, token)]
        if scheme.lower() != "bearer" or not owners:
            raise _refusal(
                web.HTTPUnauthorized,
                "a token is needed: Authorization: Bearer TOKEN",
                {"WWW-Authenticate": 'Bearer realm="callcenter-monitor"'},
            )
        source = request.match_info["source"]
        if source not in self._desks:
            raise _refusal(web.HTTPNotFound, "no source of this name sends its events by HTTP")
        if source not in owners:
            raise _refusal(web.HTTPForbidden, "this token is of another source")
        return source


def _unready(reason: str) -> web.HTTPException:
    return _refusal(
        web.HTTPServiceUnavailable,
        f"{reason}: send this again",
        {"Retry-After": str(_UNREADY_RETRY_S)},
    )


def _refusal(
    kind: type[web.HTTPError], text: str, headers: dict[str, str] | None = None
) -> web.HTTPError:
    more: dict[str, Any] = {} if headers is None else {"headers": headers}
    return kind(text=_error(text), content_type="application/json", **more)


def _error(text: str) -> str:
    return _ENCODER.encode({"error": text}).decode()
