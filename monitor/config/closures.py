"""Times in which a line is closed by the plan's own decision: from, to, why.

The times are those of a clock on a wall, because that is how closures are decided and announced.
A time that the clock skips is a fault; of one that comes twice the closure takes all.

Pure: no I/O, no clock; time zones are read when they are first named.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from monitor.calendars import required_hours
from monitor.calendars.wall_clock import closes_ms, is_skipped, opens_ms
from monitor.config.scalars import Text, Zone
from monitor.config.section import Finding, Section
from monitor.config.wording import told
from monitor.core.calendar import FIRST_YEAR, LAST_YEAR

_WALL: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([01][0-9]|2[0-3]|24(?=:00$)):([0-5][0-9])", re.ASCII
)
_ALLOWED: Final = 'a date and time such as "2026-12-24 18:00" is needed'


def _wall(value: object) -> datetime:
    """The time on the wall that `value` writes; 24:00 is the midnight that ends the day.

    Raises:
        ValueError: It is none; the message says what is.
    """
    if isinstance(value, datetime):
        return value
    found = _WALL.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"is {told(value)}, {_ALLOWED}")
    day, hour, minute = found[1], int(found[2]), int(found[3])
    try:
        wall = datetime.fromisoformat(day) + timedelta(hours=hour, minutes=minute)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"is {told(value)}, which no calendar has, {_ALLOWED}") from error
    if not FIRST_YEAR < wall.year < LAST_YEAR:
        raise ValueError(
            f"is {told(value)}, a year from {FIRST_YEAR + 1} to {LAST_YEAR - 1} is needed"
        )
    return wall


def _written(wall: datetime) -> str:
    return wall.isoformat(sep=" ", timespec="minutes")


WallTime = Annotated[
    datetime,
    PlainValidator(_wall),
    PlainSerializer(_written, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]([01][0-9]|2[0-4]):[0-5][0-9]$",
        }
    ),
]


class Closure(Section):
    """A time in which a line is closed. It excuses only what the rules leave to the plan."""

    from_: WallTime = Field(alias="from")
    """Date and time of its beginning."""
    to: WallTime
    """Date and time of its end, which is no longer part of it."""
    reason: Text
    """For people."""
    zone: Zone | None = None
    """Whose clock is meant; that of the contract's first service area when not given."""

    def span_ms(self, zones: Sequence[str]) -> tuple[int, int] | None:
        """Its beginning and end in UTC, epoch ms, in a contract that serves `zones`.

        None when neither names a zone.
        """
        name = self.zone or (zones[0] if zones else None)
        if name is None:
            return None
        zone = ZoneInfo(name)
        return opens_ms(self.from_, zone), closes_ms(self.to, zone)

    def resolved(self, zones: Sequence[str]) -> required_hours.Closure:
        """The closure in a contract that serves `zones`, in which it has been found sound."""
        span_ms = self.span_ms(zones)
        assert span_ms is not None
        return required_hours.Closure(*span_ms, self.reason)


def closure_misfits(closures: Sequence[Closure], zones: Sequence[str]) -> Iterator[Finding]:
    """What is wrong with the closures of a contract that serves `zones`, or of one of its lines."""
    spans: list[tuple[int, int, int]] = []
    for at, closure in enumerate(closures):
        span_ms = closure.span_ms(zones)
        if span_ms is None:
            yield (at,), "has no time zone, give it a zone or the contract its service_areas"
            continue
        name = closure.zone or zones[0]
        skipped = [
            (key, wall)
            for key, wall in (("from", closure.from_), ("to", closure.to))
            if is_skipped(wall, ZoneInfo(name))
        ]
        for key, wall in skipped:
            yield (
                (at, key),
                f"is {_written(wall)}, which the clocks of {name} skip, give a time beside it",
            )
        if span_ms[0] >= span_ms[1]:
            yield (at, "to"), f"is not after {_written(closure.from_)}, a later time is needed"
        elif not skipped:
            spans.append((*span_ms, at))
    yield from _overlaps(spans)


def _overlaps(spans: list[tuple[int, int, int]]) -> Iterator[Finding]:
    """Closures that begin before an earlier one has ended; told at the one that begins later."""
    ends_ms, holder = -1, -1
    for start_ms, end_ms, at in sorted(spans):
        if start_ms < ends_ms:
            yield (at, "from"), f"lies within closures[{holder}], give them apart"
        if end_ms > ends_ms:
            ends_ms, holder = end_ms, at
