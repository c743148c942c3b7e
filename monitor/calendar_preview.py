"""What the required hours of a line are on given days, and why, for people who plan or check them.

The spans come from the calendar that the engine asks for the line; the reasons come from the rule
behind it. A day is the contract's: the date of its first time zone, UTC where it has none.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from monitor.calendars.required_hours import Closure, RequiredHours, calendar
from monitor.calendars.rules import DAY_NAMES
from monitor.calendars.wall_clock import SECOND_MS, midnight, on_the_wall, opens_ms
from monitor.core.calendar import Duty

Record = dict[str, Any]

_DAY: Final = timedelta(days=1)
_HOUR_S: Final = 3_600
_MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True)
class PreviewedLine:
    """A line and its hours.

    Attributes:
        contract: Its contract's id.
        name: Its own.
        hours: When it has to be open.
    """

    contract: str
    name: str
    hours: RequiredHours


def records(lines: list[PreviewedLine], first: date, last: date) -> Iterator[Record]:
    """One record for each line and day from `first` to `last`, both included."""
    for line in lines:
        day = first
        while day <= last:
            yield _record(line, day)
            day += _DAY


def text(lines: list[PreviewedLine], first: date, last: date) -> Iterator[str]:
    """The same for people, line by line."""
    for line in lines:
        rule = line.hours.rule
        yield f"{line.contract}/{line.name}: hours {rule.name} ({rule.clause})"
        yield f"  days of {_zones(line)[0]}"
        for record in records([line], first, last):
            yield from _told(record)


def _record(line: PreviewedLine, day: date) -> Record:
    zones = _zones(line)
    start_ms, end_ms = _bounds_ms(day, ZoneInfo(zones[0]))
    own = calendar(line.hours)
    return {
        "record": "day",
        "contract": line.contract,
        "line": line.name,
        "date": day.isoformat(),
        "weekday": DAY_NAMES[day.weekday()],
        "zone": zones[0],
        "hours": line.hours.rule.name,
        "clause": line.hours.rule.clause,
        "required_seconds": own.required_ms(start_ms, end_ms) // SECOND_MS,
        "spans": [
            {
                "duty": duty.word,
                "from": _instant(from_ms),
                "to": _instant(to_ms),
                "local": {
                    zone: {"from": _local(from_ms, zone), "to": _local(to_ms, zone)}
                    for zone in zones
                },
            }
            for from_ms, to_ms, duty in own.stretches(start_ms, end_ms)
            if duty is not Duty.CLOSED
        ],
        "reasons": [
            {"zone": place.zone, "duty": _duty_of(owed.spans, owed.duty), "reason": owed.reason}
            for place, owed in line.hours.rule.on(day)
        ],
        "closures": [
            _closure(line.hours, closure, start_ms, end_ms)
            for closure in line.hours.closures
            if closure.start_ms < end_ms and closure.end_ms > start_ms
        ],
    }


def _closure(hours: RequiredHours, closure: Closure, start_ms: int, end_ms: int) -> Record:
    """A closure, and how much of the day's required time it takes and how much of that it may."""
    bounds_ms = max(start_ms, closure.start_ms), min(end_ms, closure.end_ms)
    without = calendar(RequiredHours(hours.rule)).required_ms(*bounds_ms)
    left = calendar(hours).required_ms(*bounds_ms)
    return {
        "from": _instant(closure.start_ms),
        "to": _instant(closure.end_ms),
        "reason": closure.reason,
        "excused_seconds": (without - left) // SECOND_MS,
        "still_required_seconds": left // SECOND_MS,
    }


def _told(record: Record) -> Iterator[str]:
    """A record as lines of text."""
    day = date.fromisoformat(record["date"])
    head = f"{record['weekday'][:3]} {record['date']}"
    for span in record["spans"]:
        utc = f"{_clock(span['from'], day)}-{_clock(span['to'], day)} UTC"
        local = ", ".join(
            f"{zone} {_clock(ends['from'], day)}-{_clock(ends['to'], day)}"
            for zone, ends in span["local"].items()
            if zone != "UTC"
        )
        yield f"  {head}  {span['duty']:<21}  {utc}" + (f"; {local}" if local else "")
    if not record["spans"]:
        yield f"  {head}  {Duty.CLOSED.word}"
    reasons: dict[str, list[str]] = {}
    for one in record["reasons"]:
        reasons.setdefault(one["reason"], []).append(one["zone"])
    for reason, zones in reasons.items():
        yield f"      {reason}" + (f" ({', '.join(zones)})" if len(reasons) > 1 else "")
    for closure in record["closures"]:
        excused_s, still_s = closure["excused_seconds"], closure["still_required_seconds"]
        yield (
            f"      closure {closure['from']} to {closure['to']} ({closure['reason']}): "
            f"excuses {_length(excused_s)} of this day, does not excuse {_length(still_s)}"
        )


def _zones(line: PreviewedLine) -> tuple[str, ...]:
    return line.hours.zones or ("UTC",)


def _bounds_ms(day: date, zone: ZoneInfo) -> tuple[int, int]:
    """Where `day` begins and ends in `zone`."""
    return opens_ms(midnight(day), zone), opens_ms(midnight(day + _DAY), zone)


def _duty_of(spans: tuple[tuple[int, int], ...], duty: Duty) -> str:
    return (duty if spans else Duty.CLOSED).word


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // SECOND_MS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(at_ms: int, zone: str) -> str:
    return on_the_wall(at_ms, ZoneInfo(zone)).isoformat()


def _clock(at: str, day: date) -> str:
    """The time of an instant, with its weekday when it is not of `day`; midnight ends a day."""
    shown = datetime.fromisoformat(at)
    if shown.date() == day:
        return f"{shown:%H:%M}"
    if shown.date() == day + _DAY and shown.time() == datetime.min.time():
        return "24:00"
    return f"{shown:%H:%M} {DAY_NAMES[shown.weekday()][:3]}"


def _length(seconds: int) -> str:
    hours, rest = divmod(seconds, _HOUR_S)
    return f"{hours}h{rest // _MINUTE_S:02}m"
