"""Reading instants of the wire into integer epoch milliseconds.

Strict, because a guess about a time zone is an error of hours that looks like data: RFC 3339 must
carry its offset, and a number is epoch seconds.

Invariant: an instant that is returned lies in (1970, 5138]. Pure: no I/O, no clock.
"""

import re
from datetime import UTC, datetime
from typing import Final

_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(\.\d{1,12})?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_EPOCH_DAYS: Final = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
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
    year, month, day, hour, minute, second, fraction, sign, off_hours, off_minutes = found.groups()
    try:
        days = datetime(int(year), int(month), int(day), tzinfo=UTC).toordinal() - _EPOCH_DAYS
    except ValueError:
        return None
    seconds = days * 86_400 + int(hour) * 3600 + int(minute) * 60 + int(second)
    if sign is not None:
        offset = int(off_hours) * 3600 + int(off_minutes) * 60
        seconds -= offset if sign == "+" else -offset
    return seconds * 1000 + (int(float(fraction) * 1000 + 0.5) if fraction else 0)
