"""Which quarter of an hour of the week it is on the wall of a place, and whether it is a holiday.

Callers go by the wall: a Monday at nine is one in summer as in winter.

Pure: no I/O, no clock.
"""

from zoneinfo import ZoneInfo

from monitor.calendars.federal_holidays import federal_holidays
from monitor.calendars.wall_clock import on_the_wall

_QUARTER_MIN = 15


def local_quarter(zone: str, at_ms: int) -> tuple[int, bool]:
    """The quarter-hour of the week that holds an instant, and whether its day is a holiday.

    Args:
        zone: Name of a time zone.
        at_ms: UTC epoch ms.

    Returns:
        0 to 671, from Monday midnight on the wall; and whether that day is a Federal holiday.

    Raises:
        ZoneInfoNotFoundError: There is no such zone.
    """
    wall = on_the_wall(at_ms, ZoneInfo(zone))
    slot = (wall.weekday() * 24 + wall.hour) * 4 + wall.minute // _QUARTER_MIN
    return slot, wall.date() in federal_holidays(wall.year)
