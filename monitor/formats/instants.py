"""Reading instants of the wire into integer epoch milliseconds.

Strict, because a guess about a time zone is an error of hours that looks like data: RFC 3339 must
carry its offset, and a number is epoch seconds.

Invariant: an instant that is returned lies in (1970, 5138]. Pure: no I/O, no clock.
"""

import re
from datetime import date
from functools import lru_cache
from typing import Final

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):[0-5]\d):([0-5]\d|60)(\.\d{1,12})?"
    r"(?:[Zz]|([+-](?:[01]\d|2[0-3]):[0-5]\d))",
    re.ASCII,
)
_EPOCH_DAYS: Final = date(1970, 1, 1).toordinal()
DAY_MS: Final = 86_400_000
# What senders write for "has not happened": 0, or a millisecond after it.
_SENTINEL_MS: Final = 1_000
_INSTANT_MS_MAX: Final = 10**14


def instant_ms(value: float | str) -> int | None:
    """Read an instant.

    Args:
        value: Epoch seconds, or RFC 3339 with offset.

    Returns:
        Epoch milliseconds; None when it cannot be read or lies outside (1970, 5138].
    """
    at_ms = rfc3339_ms(value) if isinstance(value, str) else int(value * 1000 + 0.5)
    return at_ms if at_ms is not None and _SENTINEL_MS <= at_ms <= _INSTANT_MS_MAX else None


def carried_ms(value: float | str | None, at_ms: int) -> tuple[bool, int | None]:
    """Read an instant that an event carries beside its own, such as `queued_at`.

    Args:
        value: Epoch seconds, or RFC 3339 with offset; None when it carries none.
        at_ms: The event's own instant.

    Returns:
        Whether it could be read, and epoch milliseconds; None stands for none, and for a
        sentinel: the first second of 1970, or its first day (epoch 0 in some zone) on an event
        of another time.
    """
    if value is None:
        return True, None
    then_ms = rfc3339_ms(value) if isinstance(value, str) else int(value * 1000 + 0.5)
    if then_ms is None or then_ms > _INSTANT_MS_MAX:
        return False, None
    if then_ms < _SENTINEL_MS or then_ms < DAY_MS <= at_ms:
        return then_ms >= -DAY_MS, None
    return True, then_ms


def rfc3339_ms(text: str) -> int | None:
    """Read RFC 3339 with offset into epoch milliseconds; None when it is anything else.

    A leap second (`:60`) is the first instant of the next minute, as epoch time has it.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    day, minute, second, fraction, offset = found.groups()
    try:
        at_ms = _minute_ms(day, minute, offset)
    except ValueError:
        return None
    at_ms += int(second) * 1000
    return at_ms + int(float(fraction) * 1000 + 0.5) if fraction else at_ms


# Events come in the order of time or nearly so, thus many of them in the same minute.
@lru_cache(maxsize=256)
def _minute_ms(day: str, minute: str, offset: str | None) -> int:
    """Return the beginning of a minute; raise ValueError when there is no such day."""
    minutes = (date.fromisoformat(day).toordinal() - _EPOCH_DAYS) * 1440 + _minutes(minute)
    if offset is not None:
        minutes -= _minutes(offset[1:]) if offset[0] == "+" else -_minutes(offset[1:])
    return minutes * 60_000


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
