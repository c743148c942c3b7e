"""When something happens in a scenario: a date and time on its wall, or a time since its start.

    2025-03-05 08:00       by the clock of the zone in which the scenario starts
    50h                    so long after the start

Pure: no I/O, no clock; a time zone is read when it is first named.
"""

import re
from datetime import date, datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import PlainValidator

from monitor.calendars.wall_clock import midnight, opens_ms
from monitor.config import durations
from monitor.config.scalars import Zone
from monitor.config.wording import told
from monitor.core.calendar import FIRST_YEAR, LAST_YEAR
from monitor.simulation.scenario_section import ScenarioSection

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_WALL: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-9]{2})?", re.ASCII)
_MOMENT_ALLOWED: Final = (
    "a local time such as 2025-03-05 08:00 or a time since the start such as 50h is needed"
)

# Naive local time, or milliseconds since the start.
Moment = datetime | int


def parse_moment(value: object) -> Moment:
    """Read a moment.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, str) and _WALL.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"is {told(value)}, {_MOMENT_ALLOWED}") from error
    try:
        return durations.parse(value)
    except ValueError as error:
        raise ValueError(f"is {told(value)}, {_MOMENT_ALLOWED}") from error


def _parse_date(value: object) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            day = date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"is {told(value)}, a day of the calendar is needed") from error
        # A scenario may last a year, and calendars end.
        if FIRST_YEAR < day.year < LAST_YEAR - 1:
            return day
    raise ValueError(f"is {told(value)}, a day such as 2025-03-03 is needed")


MomentField = Annotated[Moment, PlainValidator(parse_moment)]


class Start(ScenarioSection):
    """When the scenario begins: at midnight of a day, somewhere."""

    date: Annotated[date, PlainValidator(_parse_date)]
    """The first day."""
    zone: Zone
    """The zone of all local times of the scenario."""

    @property
    def at_ms(self) -> int:
        """UTC epoch ms."""
        return opens_ms(midnight(self.date), ZoneInfo(self.zone))

    def instant_ms(self, moment: Moment) -> int:
        """The instant, UTC epoch ms, of a moment of this scenario."""
        if isinstance(moment, int):
            return self.at_ms + moment
        return opens_ms(moment, ZoneInfo(self.zone))
