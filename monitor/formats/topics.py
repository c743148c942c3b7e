"""The MQTT topics of ACD adapters, and the words of their status topic.

`acd/{source}/call/{queue}`, `acd/{source}/agent`, `acd/{source}/heartbeat`, `acd/{source}/status`.
A broker's access rules are about topics, so the topic decides who speaks: a payload that names
another source than its topic is refused by the decoder.

Invariant: a topic that is not exactly of this form has no source. Pure: no I/O, no clock.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

CALL: Final = "call"
AGENT: Final = "agent"
HEARTBEAT: Final = "heartbeat"
STATUS: Final = "status"

_ROOT: Final = "acd"
_TOPIC_CHARACTERS_MAX: Final = 256
_SOURCE_CHARACTERS_MAX: Final = 64
_QUEUE_CHARACTERS_MAX: Final = 128
_STATUS_BYTES_MAX: Final = 1024
_UP: Final = frozenset(("online", "up", "connected"))
_DOWN: Final = frozenset(("offline", "down", "lost", "disconnected"))


class Topic(NamedTuple):
    """A topic that fits.

    Attributes:
        source: The adapter instance.
        kind: `CALL`, `AGENT`, `HEARTBEAT` or `STATUS`.
        queue: The queue's key for `CALL`, else None.
    """

    source: str
    kind: str
    queue: str | None = None


class _Status(msgspec.Struct):
    state: str | None = None
    status: str | None = None


_STATUS_DECODER: Final = msgspec.json.Decoder(_Status | str)


# A source publishes on one topic for each queue, over and over.
@lru_cache(maxsize=4096)
def parse_topic(topic: str) -> Topic | None:
    """Read a topic; None when it does not fit."""
    if len(topic) > _TOPIC_CHARACTERS_MAX or not topic.isprintable():
        return None
    match topic.split("/"):
        case [root, source, kind] if root == _ROOT and kind in {AGENT, HEARTBEAT, STATUS}:
            parsed = Topic(source, kind)
        case [root, source, kind, queue] if root == _ROOT and kind == CALL:
            if not _is_level(queue, _QUEUE_CHARACTERS_MAX):
                return None
            parsed = Topic(source, kind, queue)
        case _:
            return None
    return parsed if _is_level(parsed.source, _SOURCE_CHARACTERS_MAX) else None


def source_of(topic: str) -> str | None:
    """Return the source that a topic names; None when the topic does not fit."""
    parsed = parse_topic(topic)
    return None if parsed is None else parsed.source


def status_up(payload: bytes) -> bool | None:
    """Read the payload of a status topic, which is usually retained or a last will.

    Args:
        payload: A plain word (`online`, `offline`), the same as a JSON string, or a JSON object
            that holds it in `state` or `status`.

    Returns:
        True for up, False for down, None when it says neither.
    """
    if len(payload) > _STATUS_BYTES_MAX:
        return None
    word = payload.strip()
    if word[:1] in {b"{", b'"'}:
        try:
            said = _STATUS_DECODER.decode(word)
        except (ValueError, RecursionError):
            return None
        text = said if isinstance(said, str) else said.state or said.status or ""
    else:
        text = word.decode(errors="replace")
    text = text.strip().lower()
    return True if text in _UP else False if text in _DOWN else None


def _is_level(level: str, characters_max: int) -> bool:
    return 0 < len(level) <= characters_max and not ("+" in level or "#" in level)
