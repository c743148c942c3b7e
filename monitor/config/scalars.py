"""The kinds of single values: names, queues, durations, paths, addresses.

Each type says in its message what is allowed, and in the JSON Schema what an editor can check.

Pure, but for the list of time zones, which the standard library reads from disk once.
"""

import re
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
)

from monitor.config import durations
from monitor.config.wording import choice, nearest, quoted
from monitor.core.presets import PRESETS

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_MAX_TEXT: Final = 128
_MAX_PATH: Final = 4_096
# Separators of MQTT topics and of scope names, and the letters that shell patterns give a meaning.
_NOT_IN_QUEUES: Final = frozenset("/+#[]")
# The engine's own name for queues that nobody configured.
_RESERVED_QUEUE: Final = "unconfigured"


def is_name(text: str) -> bool:
    """Whether `text` can name a source, a line, a contract, a rule or a channel."""
    return _NAME.fullmatch(text) is not None


def is_text(text: str) -> bool:
    """Whether `text` can be told to people: short, printable, not empty."""
    return 0 < len(text) <= _MAX_TEXT and text.isprintable() and text == text.strip()


def _text(text: str) -> str:
    return _printable(text, _MAX_TEXT)


def _printable(text: str, most: int) -> str:
    if not text:
        raise ValueError("is empty, text is needed")
    if len(text) > most:
        raise ValueError(f"has {len(text)} characters, {most} at most")
    if not text.isprintable() or text != text.strip():
        raise ValueError(f"is {quoted(text)}, printable text without spaces at its ends is needed")
    return text


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError(
            f"is {quoted(text)}, 1 to 64 letters, digits, dots, dashes and underscores are "
            "allowed, a letter or digit first"
        )
    return text


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise ValueError(f"is {quoted(text)}, the name of an environment variable is needed")
    return text


def _queue_pattern(text: str) -> str:
    _text(text)
    if _NOT_IN_QUEUES & set(text):
        raise ValueError(
            f"is {quoted(text)}, a queue key has none of / + # [ ]; "
            "give such a queue another name under queues of its source"
        )
    if text == _RESERVED_QUEUE:
        raise ValueError(f"is {_RESERVED_QUEUE}, which stands for unknown queues: use another name")
    return text


def _queue_key(text: str) -> str:
    _queue_pattern(text)
    if "*" in text or "?" in text:
        raise ValueError(f"is {quoted(text)}, one queue is needed here and no pattern")
    return text


def _scope_pattern(text: str) -> str:
    _text(text)
    if "[" in text or "]" in text:
        raise ValueError(f"is {quoted(text)}, only * and ? stand for other letters")
    return text


def _standard(text: str) -> str:
    if text not in PRESETS:
        raise ValueError(choice(text, PRESETS))
    return text


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(text: str) -> str:
    if text not in _zones():
        raise ValueError(
            f"is {quoted(text)}, a time zone such as America/New_York is needed"
            + nearest(text, _zones(), 0.8)
        )
    return text


def _path(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        return value
    _printable(value, _MAX_PATH)
    context = info.context or {}
    directory: Path = context.get("directory", Path())
    return directory / value


def split_url(text: str, schemes: tuple[str, ...]) -> SplitResult:
    """The parts of an address with a host.

    Raises:
        ValueError: It is none, has another scheme, or carries a user name or password.
    """
    allowed = " or ".join(f"{scheme}://host:port" for scheme in schemes)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"is no address, {allowed} is needed") from error
    if "@" in (parts.netloc or text):
        # The message must not repeat the password.
        raise ValueError("has a user name in the address, use username and password_file")
    if parts.scheme not in schemes or not host or port == 0 or not text.isprintable():
        raise ValueError(f"is {quoted(text)}, {allowed} is needed")
    return parts


def is_loopback(host: str) -> bool:
    """Whether what is sent to `host` stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def between(least: str, most: str) -> AfterValidator:
    """Refuses a duration that is shorter than `least` or longer than `most`."""
    least_ms, most_ms = durations.parse(least), durations.parse(most)

    def check(value_ms: int) -> int:
        if not least_ms <= value_ms <= most_ms:
            raise ValueError(f"is {durations.format_ms(value_ms)}, {least} to {most} is allowed")
        return value_ms

    return AfterValidator(check)


def _mqtt_url(text: str) -> str:
    parts = split_url(text, ("mqtts", "mqtt"))
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"is {quoted(text)}, nothing may follow the port")
    if parts.scheme == "mqtt" and not is_loopback(parts.hostname or ""):
        raise ValueError("is without TLS, mqtts:// is needed for a host that is not this machine")
    return text


def _http_url(text: str) -> str:
    parts = split_url(text, ("https", "http"))
    if parts.fragment:
        raise ValueError(f"is {quoted(text)}, a # is not allowed in it")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("is without TLS, https:// is needed for a host that is not this machine")
    return text


def split_listen(text: str) -> tuple[str, int]:
    """Host and port of `127.0.0.1:9108` or `[::1]:9108`.

    Raises:
        ValueError: It is not of that form.
    """
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65_536  # noqa: PLR2004
    is_host = bool(bare) and bare.isprintable() and " " not in bare and (":" in bare) == bracketed
    if not (colon and is_port and is_host):
        raise ValueError(
            f"is {quoted(text)}, HOST:PORT is needed, such as 127.0.0.1:9108, [::1]:9108 "
            "or 0.0.0.0:9108 for all addresses"
        )
    return bare, int(port)


def _listen(text: str) -> str:
    split_listen(text)
    return text


Text = Annotated[
    str, AfterValidator(_text), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 128})
]
Name = Annotated[
    str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": f"^{_NAME.pattern}$"})
]
Variable = Annotated[
    str,
    AfterValidator(_variable),
    WithJsonSchema({"type": "string", "pattern": f"^{_VARIABLE.pattern}$"}),
]
_QUEUE_SCHEMA: Final = {"type": "string", "minLength": 1, "maxLength": 128}
QueuePattern = Annotated[
    str,
    AfterValidator(_queue_pattern),
    WithJsonSchema({**_QUEUE_SCHEMA, "pattern": r"^[^/+#\[\]]+$"}),
]
QueueKey = Annotated[
    str,
    AfterValidator(_queue_key),
    WithJsonSchema({**_QUEUE_SCHEMA, "pattern": r"^[^/+#\[\]*?]+$"}),
]
ScopePattern = Annotated[str, AfterValidator(_scope_pattern), WithJsonSchema(_QUEUE_SCHEMA)]
StandardId = Annotated[
    str, AfterValidator(_standard), WithJsonSchema({"type": "string", "enum": list(PRESETS)})
]
Zone = Annotated[str, AfterValidator(_zone), WithJsonSchema({"type": "string"})]
FilePath = Annotated[
    Path,
    BeforeValidator(_path),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "minLength": 1}),
]
MqttUrl = Annotated[
    str,
    AfterValidator(_mqtt_url),
    WithJsonSchema({"type": "string", "pattern": "^mqtts?://"}),
]
HttpUrl = Annotated[
    str,
    AfterValidator(_http_url),
    WithJsonSchema({"type": "string", "pattern": "^https?://"}),
]
Listen = Annotated[
    str, AfterValidator(_listen), WithJsonSchema({"type": "string", "pattern": ":[0-9]+$"})
]
# Milliseconds inside, `30s` in the file.
DurationMs = Annotated[
    int,
    BeforeValidator(durations.parse),
    PlainSerializer(durations.format_ms, return_type=str),
    WithJsonSchema({"type": "string", "pattern": durations.PATTERN}),
]
