"""How a question that cannot be answered is refused: one line of JSON that says what is wrong."""

from collections.abc import Collection
from typing import Final

import msgspec
from aiohttp import web

_ENCODER: Final = msgspec.json.Encoder()


def error_text(text: str) -> str:
    """The body of a refusal."""
    return _ENCODER.encode({"error": text}).decode()


def wrong(text: str) -> web.HTTPBadRequest:
    """The refusal of a question that is asked wrongly."""
    return web.HTTPBadRequest(text=error_text(text), content_type="application/json")


def check_given_once(request: web.Request, allowed: Collection[str]) -> None:
    """Refuse a filter that is not known or is given twice.

    Raises:
        web.HTTPBadRequest: There is one.
    """
    for name in request.query:
        if name not in allowed or len(request.query.getall(name)) > 1:
            raise wrong(f"{name!r}: allowed is one each of {', '.join(allowed)}")
