"""Durations as an operator writes them, `30s` or `10y`, to milliseconds and back.

One number and one unit: there is a single way to write and to read a duration, and no number
without a unit that one person takes for seconds and another for minutes. A year is 366 days, so
that records which have to be kept for ten years are never deleted a day early.

Pure: no I/O, no clock.
"""

import re
from typing import Final

from monitor.config.wording import told

_UNIT_MS: Final = {
    "y": 366 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
}
# People say 24h and 72h, and 7d from a week on.
_LEAST_DAYS_MS: Final = 7 * _UNIT_MS["d"]
MAX_MS: Final = 100 * _UNIT_MS["y"]
PATTERN: Final = r"^(0|[1-9][0-9]{0,9})[smhdy]$"
_DURATION: Final = re.compile(PATTERN.replace("$", r"\Z"), re.ASCII)
_ALLOWED: Final = "a duration with its unit such as 30s, 5m, 24h, 7d or 10y is needed"


def parse(text: object) -> int:
    """Milliseconds of `text`.

    Raises:
        ValueError: It is no duration; the message says what is.
    """
    if not isinstance(text, str) or not _DURATION.match(text):
        raise ValueError(f"is {told(text)}, {_ALLOWED}")
    duration_ms = int(text[:-1]) * _UNIT_MS[text[-1]]
    if duration_ms > MAX_MS:
        raise ValueError("is too long, 100y at most")
    return duration_ms


def format_ms(duration_ms: int) -> str:
    """The usual text that `parse` turns into `duration_ms`, a whole number of seconds >= 0."""
    assert duration_ms >= 0
    assert duration_ms % _UNIT_MS["s"] == 0
    if duration_ms == 0:
        return "0s"
    unit = next(
        unit
        for unit, unit_ms in _UNIT_MS.items()
        if duration_ms % unit_ms == 0 and (unit != "d" or duration_ms >= _LEAST_DAYS_MS)
    )
    return f"{duration_ms // _UNIT_MS[unit]}{unit}"
