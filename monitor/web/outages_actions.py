"""`POST /api/v1/outages`: what people say about outages: they declare them, note, and restore them.

    {"action": "declare", "contract": "H0001", "why": TEXT, "onset": RFC 3339}
    {"action": "note", "outage": ID, "text": TEXT}
    {"action": "restore", "outage": ID, "why": TEXT, "restored_at": RFC 3339}

Each is kept for good under the name of whoever says it: the user who has signed in or, where there
are no users, `who` of the body. An answer of 200 means that it is on the disk and in the engine.
What looks like a telephone number is refused, because what the ledger has it never forgets.

Answers HTTP through aiohttp; no clock.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import web

from monitor.core.outages.book import OutageBook
from monitor.core.outages.inputs import Declared, Input, Noted, RestoredByHand
from monitor.core.outages.outage import UNKNOWN, Outage
from monitor.core.plan import HOUR_MS
from monitor.formats.instants import rfc3339_ms
from monitor.web.gate import USER

_ENCODER: Final = msgspec.json.Encoder()
_BODY_BYTES_MAX: Final = 16_384
_TEXT_MAX: Final = 2_000
_NAME_MAX: Final = 128
_LONGEST_BACK_MS: Final = 366 * 24 * HOUR_MS
# Clocks of people and ours may differ by so much.
_AHEAD_MS: Final = 60_000
_WAITING_MAX: Final = 16
_COMMITTED_WITHIN_S: Final = 20.0
# Dates and instants are no telephone numbers. Ten or eleven digits are one wherever they stand;
# other long numbers are names of tickets when letters lead into them.
_INSTANT: Final = re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d(?::?\d\d){1,2})?\b")
_SEPARATOR: Final = r"[\s().+/_-]{0,3}"
_NUMBERS: Final = (
    re.compile(rf"(?<!\d)\d(?:{_SEPARATOR}\d){{9,10}}(?!\d)"),
    re.compile(rf"(?<![A-Za-z\d])\d(?:{_SEPARATOR}\d){{6,}}"),
)


class _Declare(msgspec.Struct, tag="declare", tag_field="action", forbid_unknown_fields=True):
    contract: str
    why: str
    onset: str | None = None
    who: str | None = None


class _Note(msgspec.Struct, tag="note", tag_field="action", forbid_unknown_fields=True):
    outage: str
    text: str
    who: str | None = None


class _Restore(msgspec.Struct, tag="restore", tag_field="action", forbid_unknown_fields=True):
    outage: str
    why: str
    restored_at: str | None = None
    who: str | None = None


_Action = _Declare | _Note | _Restore
_DECODER: Final = msgspec.json.Decoder(_Action)
_Said = Declared | Noted | RestoredByHand


@dataclass(frozen=True, slots=True)
class Hands:
    """What an action works on.

    Attributes:
        book: The outages; None where none are watched for.
        hand_in: Has an input taken up; done when it is on the disk and in the engine.
        now_ms: The engine's time.
        unready: Why nothing can be taken now; None when it can.
    """

    book: Callable[[], OutageBook | None]
    hand_in: Callable[[Input], Awaitable[None]]
    now_ms: Callable[[], int]
    unready: Callable[[], str | None]


class OutageActions:
    """Takes up what people say.

    Args:
        hands: What it works on.
    """

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._waiting = 0

    @property
    def route(self) -> web.RouteDef:
        """Where it is said; it needs to know who says it."""
        return web.post("/api/v1/outages", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        action = await _read(request)
        reason = self._hands.unready()
        if reason is not None:
            raise _refusal(web.HTTPServiceUnavailable, f"{reason}: send this again")
        book = self._hands.book()
        if book is None:
            raise _refusal(web.HTTPNotFound, "no outages are watched for")
        given = self._input(action, _who(request, action.who), book)
        await self._commit(given)
        # The engine may be another one by now: the configuration can have been loaded anew.
        book = self._hands.book() or book
        if isinstance(given, Declared):
            outage = book.open.get(given.contract) or _newest_of(book, given.contract)
        else:
            outage = book.find(given.outage)
        if outage is None:
            raise _refusal(web.HTTPConflict, "the outage has been given up meanwhile")
        if isinstance(given, RestoredByHand) and outage.restored_by != given.who:
            raise _refusal(web.HTTPConflict, f"{outage.id} was restored by another meanwhile")
        body = _ENCODER.encode(outage_answer(outage))
        return web.Response(body=body, content_type="application/json")

    def _input(self, action: _Action, who: str, book: OutageBook) -> _Said:
        now_ms = self._hands.now_ms()
        if isinstance(action, _Declare):
            if action.contract not in book.contracts:
                known = ", ".join(sorted(book.contracts)[:10])
                raise _refusal(
                    web.HTTPNotFound, f"contract: {action.contract[:64]!r} is none of {known}"
                )
            onset_ms = _instant("onset", action.onset, now_ms)
            closed = [one for one in book.closed if one.contract == action.contract]
            restored_ms = max((one.restored_ms for one in closed), default=UNKNOWN)
            if action.contract not in book.open and onset_ms < restored_ms:
                raise _wrong("onset: lies before the restoration of the last outage")
            return Declared(action.contract, onset_ms, who, _text("why", action.why))
        outage = book.find(action.outage) or book.open.get(action.outage)
        if outage is None:
            raise _refusal(
                web.HTTPNotFound,
                f"outage: {action.outage[:200]!r} is not known; give its id, or a contract with an"
                " open one",
            )
        if isinstance(action, _Note):
            return Noted(outage.id, who, _text("text", action.text))
        if not outage.is_open:
            raise _refusal(web.HTTPConflict, f"outage: {outage.id} is restored already")
        restored_ms = _instant("restored_at", action.restored_at, now_ms)
        if restored_ms < outage.onset_ms:
            raise _wrong("restored_at: lies before the onset")
        return RestoredByHand(outage.id, restored_ms, who, _text("why", action.why))

    async def _commit(self, given: Input) -> None:
        if self._waiting >= _WAITING_MAX:
            raise _refusal(web.HTTPTooManyRequests, "too much waits for the journal")
        self._waiting += 1
        try:
            async with asyncio.timeout(_COMMITTED_WITHIN_S):
                await self._hands.hand_in(given)
        except TimeoutError:
            raise _refusal(
                web.HTTPServiceUnavailable,
                "the store does not answer: this may be taken up later, look before you say it"
                " again",
            ) from None
        finally:
            self._waiting -= 1


def outage_answer(outage: Outage) -> dict[str, object]:
    """An outage as who has said something about it is told; instants in epoch milliseconds."""
    return {
        "id": outage.id,
        "incident": outage.incident,
        "contract": outage.contract,
        "state": outage.state.name.lower(),
        "onset_ms": outage.onset_ms,
        "opened_ms": outage.opened_ms,
        "deadline_ms": outage.deadline_ms,
        "effective_deadline_ms": outage.effective_deadline_ms,
        "restored_ms": None if outage.is_open else outage.restored_ms,
        "restored_by": outage.restored_by,
        "met_deadline": outage.met_deadline,
    }


async def _read(request: web.Request) -> _Action:
    body = await request.content.read(_BODY_BYTES_MAX + 1)
    while len(body) <= _BODY_BYTES_MAX and (more := await request.content.read(_BODY_BYTES_MAX)):
        body += more
    if len(body) > _BODY_BYTES_MAX:
        raise _wrong(f"a body may have {_BODY_BYTES_MAX} bytes at most")
    try:
        action: _Action = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise _wrong(f"the body is none of declare, note and restore: {fault}"[:300]) from None
    return action


def _who(request: web.Request, said: str | None) -> str:
    """The name under which it is kept."""
    user: str | None = request.get(USER, None)
    if user is None:
        if said is None:
            raise _wrong("who: is missing: nobody has signed in, so say who you are")
        return _text("who", said, _NAME_MAX)
    if said not in {None, user}:
        raise _wrong(f"who: you have signed in as {user}: leave it out")
    return user


def _text(name: str, text: str, most: int = _TEXT_MAX) -> str:
    """A text that may be kept for good."""
    text = text.strip()
    if not 0 < len(text) <= most:
        raise _wrong(f"{name}: has {len(text)} characters, 1 to {most} are needed")
    if not text.isprintable():
        raise _wrong(f"{name}: has control characters; one line of text is needed")
    bare = _INSTANT.sub("#", text)
    if any(number.search(bare) for number in _NUMBERS):
        raise _wrong(
            f"{name}: has what looks like a telephone number, and nothing of a caller is kept"
            " here: leave it out, or name a ticket with letters, such as INC0012345"
        )
    return text


def _instant(name: str, text: str | None, now_ms: int) -> int:
    """An instant, epoch ms; now when none is given."""
    if text is None:
        return now_ms
    at_ms = rfc3339_ms(text)
    if at_ms is None:
        raise _wrong(f"{name}: RFC 3339 with offset is needed, such as 2026-03-02T15:00:00-05:00")
    if at_ms > now_ms + _AHEAD_MS:
        raise _wrong(f"{name}: lies in the future")
    if at_ms < now_ms - _LONGEST_BACK_MS:
        raise _wrong(f"{name}: lies more than a year back")
    return min(at_ms, now_ms)


def _newest_of(book: OutageBook, contract: str) -> Outage | None:
    return next((one for one in reversed(book.closed) if one.contract == contract), None)


def _wrong(text: str) -> web.HTTPException:
    return _refusal(web.HTTPBadRequest, text)


def _refusal(kind: type[web.HTTPError], text: str) -> web.HTTPException:
    body = _ENCODER.encode({"error": text}).decode()
    return kind(text=body, content_type="application/json")
