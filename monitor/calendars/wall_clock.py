"""Between the clock on the wall of a time zone and UTC.

Twice a year the two do not map one to one. Where the clock is turned back, a time comes twice: what
opens then opens the first time, and what closes then closes the second time, so that whoever was
promised an hour gets it. What closes at the very time to which it is turned back has closed before.
Where it is put forward, a time never comes: what opens or closes then does so at the jump. Zones
without summer time, and offsets of any size, need no special case.

Pure: time zones are read when they are first named, and nothing else is.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
_DAY_MS: Final = 24 * 60 * MINUTE_MS
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_SECOND: Final = timedelta(seconds=1)


def opens_ms(wall: datetime, zone: ZoneInfo) -> int:
    """The first instant, UTC epoch ms, at which the clock of `zone` shows `wall` or later."""
    first_ms, second_ms = _readings_ms(wall, zone)
    return first_ms if first_ms <= second_ms else _jump_ms(second_ms, first_ms, zone)


def closes_ms(wall: datetime, zone: ZoneInfo) -> int:
    """The instant, UTC epoch ms, from which on the clock of `zone` never shows less than `wall`.

    It follows the last time that the clock shows the second before: where it is turned back to
    `wall` itself, to 1:00 for what closes at 1:00, that is the first 1:00 and not the second.
    """
    first_ms, second_ms = _readings_ms(wall - _SECOND, zone)
    if first_ms <= second_ms:
        return second_ms + SECOND_MS
    return _jump_ms(second_ms, first_ms, zone)


def is_skipped(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the clock of `zone` is put forward over `wall`."""
    first_ms, second_ms = _readings_ms(wall, zone)
    return second_ms < first_ms


def on_the_wall(at_ms: int, zone: ZoneInfo) -> datetime:
    """What the clock of `zone` shows at `at_ms`, to the second."""
    return datetime.fromtimestamp(at_ms // SECOND_MS, UTC).astimezone(zone)


def midnight(day: date) -> datetime:
    """Where `day` begins on the wall."""
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 (a time on a wall has no zone)


def _readings_ms(wall: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """`wall` by the offset before and after a change of the clock; equal when there is none.

    The first is the earlier where the clock is turned back, and the later where it jumps (PEP 495).
    """
    wall_ms = (
        (wall.toordinal() - _EPOCH_DAY) * _DAY_MS
        + (wall.hour * 60 + wall.minute) * MINUTE_MS
        + wall.second * SECOND_MS
    )
    return (
        wall_ms - _offset_ms(wall.replace(tzinfo=zone, fold=0)),
        wall_ms - _offset_ms(wall.replace(tzinfo=zone, fold=1)),
    )


def _offset_ms(at: datetime) -> int:
    offset = at.utcoffset()
    assert offset is not None
    return offset // _SECOND * SECOND_MS


def _jump_ms(before_ms: int, after_ms: int, zone: ZoneInfo) -> int:
    """The jump in (before_ms, after_ms]: the first second with the offset of `after_ms`."""
    before, after = before_ms // SECOND_MS, after_ms // SECOND_MS
    offset_ms = _offset_ms(on_the_wall(after_ms, zone))
    while after - before > 1:
        middle = (before + after) // 2
        if _offset_ms(on_the_wall(middle * SECOND_MS, zone)) == offset_ms:
            after = middle
        else:
            before = middle
    return after * SECOND_MS
