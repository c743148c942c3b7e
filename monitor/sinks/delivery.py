"""One POST to one receiver: how it is made, what came of it, and the tally for operators.

All senders share this so that they treat a receiver alike: ten seconds for everything, redirects
are not followed (an alert must not wander to where nobody configured it), proxies of the
environment are not trusted, and at most a few hundred bytes of an answer are read. Every request
has its own connection: alerts are rare, and a connection that died unnoticed meanwhile must not
cost the one that matters. Invariant: nothing that the operator keeps secret (credentials, a path
that is itself a token) enters a message.

I/O over aiohttp; the wall's time is injected.
"""

import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import aiohttp

_log = logging.getLogger(__name__)

_ANSWER_BYTES_MAX: Final = 512


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How to talk to a receiver.

    Attributes:
        tls: For `https`; None verifies against the system's authorities.
        authorization: The whole value of the Authorization header, such as `Bearer ...`; None
            sends none. Never shown.
        timeout_s: For one request from the lookup of the name to the head of the answer.
    """

    tls: ssl.SSLContext | None = None
    authorization: str | None = field(default=None, repr=False)
    timeout_s: float = 10.0


class Result(Enum):
    """What a POST came to."""

    ACCEPTED = "accepted"  # 2xx
    FAILED = "failed"  # network, time, 429, 5xx: the same request may work later
    REFUSED = "refused"  # any other answer: the same request would be refused again


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one POST.

    Attributes:
        result: The classification.
        status: The HTTP status; None when no answer came.
        error: For people, without secrets; empty when accepted.
        retry_after_s: What the receiver asked for, >= 0; None when it asked for nothing.
    """

    result: Result
    status: int | None
    error: str = ""
    retry_after_s: float | None = None


@dataclass(slots=True)
class DeliveryStatus:
    """The tally of one receiver, read by metrics and the page.

    Attributes:
        target: The receiver, for people and as a label: without credentials and query.
        sent_total: Requests that the receiver accepted.
        failed_total: Requests that will be repeated.
        refused_total: Requests that the receiver refused.
        discarded_total: State changes that were never accepted and are no longer held: the
            receiver was away for so long that the bound was reached.
        outstanding: Alerts with a change that waits for delivery now.
        last_success_ms: When a request was last accepted (wall, epoch ms); None before.
        last_error: What went wrong last; None when the latest request was accepted.
    """

    target: str
    sent_total: int = 0
    failed_total: int = 0
    refused_total: int = 0
    discarded_total: int = 0
    outstanding: int = 0
    last_success_ms: int | None = None
    last_error: str | None = None

    def note(self, outcome: Outcome, wall_now_ms: int) -> None:
        """Count one outcome; say so in the log when the receiver's state changes."""
        match outcome.result:
            case Result.ACCEPTED:
                if self.last_error is not None:
                    _log.info("%s accepts alerts again", self.target)
                self.sent_total += 1
                self.last_success_ms = wall_now_ms
                self.last_error = None
                return
            case Result.FAILED:
                self.failed_total += 1
            case Result.REFUSED:
                self.refused_total += 1
        # An unchanged complaint is not repeated: a receiver can be away for a week.
        if outcome.error != self.last_error:
            _log.warning("%s: %s (%s)", self.target, outcome.error, outcome.result.value)
        self.last_error = outcome.error


def tally(channels: Mapping[str, Sequence[DeliveryStatus]]) -> dict[tuple[str, str], int]:
    """Attempts by channel and result, from the status of each channel's receivers."""
    return {
        (name, result): sum(getattr(status, f"{result}_total") for status in statuses)
        for name, statuses in channels.items()
        for result in ("sent", "failed", "refused")
    }


def open_session(options: SessionOptions) -> aiohttp.ClientSession:
    """A session for one receiver; the caller closes it. Needs a running event loop."""
    headers = {"User-Agent": "callcenter-monitor"}
    if options.authorization is not None:
        headers["Authorization"] = options.authorization
    connector = aiohttp.TCPConnector(
        ssl=True if options.tls is None else options.tls, force_close=True
    )
    return aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=options.timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


async def post_json(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes,
    *,
    wall_now_ms: Callable[[], int],
    headers: Mapping[str, str] | None = None,
) -> Outcome:
    """POST a JSON body and classify what happened.

    Never raises for what a network or a receiver can do. An accepted answer's body is not waited
    for: the head says it all.
    """
    sent = {"Content-Type": "application/json", **(headers or {})}
    try:
        async with session.post(url, data=body, headers=sent, allow_redirects=False) as response:
            status = response.status
            if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                return Outcome(Result.ACCEPTED, status)
            error = f"answered {status}{await _excerpt(response)}"
            if status != HTTPStatus.TOO_MANY_REQUESTS and status < HTTPStatus.INTERNAL_SERVER_ERROR:
                return Outcome(Result.REFUSED, status, error)
            wish_s = _retry_after_s(response.headers.get("Retry-After"), wall_now_ms())
            return Outcome(Result.FAILED, status, error, wish_s)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Outcome(Result.FAILED, None, _describe(error))


def public_url(url: str, *, with_path: bool) -> str:
    """The address without credentials, query and fragment, and without the path if asked."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return origin + parts.path if with_path else origin


async def _excerpt(response: aiohttp.ClientResponse) -> str:
    """The start of what the receiver said, in one printable line; empty when it says nothing."""
    try:
        said = await response.content.read(_ANSWER_BYTES_MAX)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return ""
    text = " ".join(said.decode("utf-8", "replace").split())
    printable = "".join(character for character in text if character.isprintable())
    return f": {printable}" if printable else ""


def _retry_after_s(value: str | None, wall_now_ms: int) -> float | None:
    """The header's wish in seconds; it is a number or a date, and anything else is ignored."""
    if value is None:
        return None
    if value.isascii() and value.strip().isdecimal():
        return float(value)
    try:
        instant = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if instant.tzinfo is None:  # a date "-0000" names no zone; the header means UTC
        instant = instant.replace(tzinfo=UTC)
    return max(0.0, instant.timestamp() - wall_now_ms / 1000)


def _describe(error: Exception) -> str:
    """What went wrong, from the kinds of errors and not from texts that may quote an address."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not trusted"
        case aiohttp.ClientConnectorDNSError():
            return "its name cannot be looked up"
        case aiohttp.ClientConnectorError(os_error=reason):
            return f"cannot connect: {reason.strerror or type(reason).__name__}"
        case aiohttp.ServerDisconnectedError():
            return "closed the connection without an answer"
        case _:
            return type(error).__name__
