"""When a line has to be open: a named calendar, or days and times.

Times are local to each of the contract's service areas, whole minutes from midnight; a day may
have several spans and none may cross midnight, so that each day is judged by itself.

Pure: no I/O, no clock.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from monitor.config.section import Finding, Misfit
from monitor.config.wording import choice, quoted, told

CALENDARS: Final = ("always", "cms", "cms-pharmacy")
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOSED: Final = "closed"
_SPAN: Final = re.compile(r"([01][0-9]|2[0-4]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")
_DAY_MINUTES: Final = 24 * 60
_MOST_SPANS: Final = 8
_ALLOWED_DAYS: Final = "a day such as mon, or days such as mon-fri, are needed"
_ALLOWED_TIMES: Final = 'times such as "08:00-20:00", a list of such, or closed are needed'

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Hours:
    """Required opening hours.

    Attributes:
        calendar: `always`; `cms` (42 CFR 422.111(h)(1)(i), with its holidays); `cms-pharmacy` (as
            long as any network pharmacy is open); None when `week` says it.
        week: For each day from Monday the spans [open, close) in minutes from midnight, ascending;
            empty when `calendar` is given.
    """

    calendar: str | None = "cms"
    week: tuple[tuple[Span, ...], ...] = ()

    @property
    def is_always(self) -> bool:
        """Whether these are all hours, by name or day by day."""
        return self.calendar == "always" or (
            self.calendar is None and all(spans == ((0, _DAY_MINUTES),) for spans in self.week)
        )

    def as_written(self) -> str | dict[str, str | list[str]]:
        """What `parse` reads as these hours."""
        if self.calendar is not None:
            return self.calendar
        written: dict[str, str | list[str]] = {}
        for day, spans in zip(DAYS, self.week, strict=True):
            texts = [f"{_clock(start)}-{_clock(end)}" for start, end in spans]
            written[day] = _CLOSED if not texts else texts[0] if len(texts) == 1 else texts
        return written


def parse(value: object) -> Hours:
    """The hours that a configuration gives.

    Raises:
        ValueError: `value` is neither a calendar nor a week; a `Misfit` for findings about days.
    """
    if isinstance(value, Hours):
        return value
    if isinstance(value, str):
        if value not in CALENDARS:
            raise ValueError(f'{choice(value, CALENDARS)}, or days: {{mon-fri: "08:00-20:00"}}')
        return Hours(value)
    if not isinstance(value, dict) or not value:
        raise ValueError(
            f"is {told(value)}; allowed: {', '.join(CALENDARS)}, "
            'or days: {mon-fri: "08:00-20:00"}'
        )
    week: list[tuple[Span, ...] | None] = [None] * len(DAYS)
    findings: list[Finding] = []
    for key, times in value.items():
        findings.extend(_put(week, str(key), times))
    if findings:
        raise Misfit(findings)
    return Hours(None, tuple(spans or () for spans in week))


def _put(week: list[tuple[Span, ...] | None], key: str, times: object) -> Iterator[Finding]:
    """Puts the spans of `key` in their days."""
    try:
        days, spans = _days(key), _spans(times)
    except ValueError as error:
        yield (key,), str(error)
        return
    for day in days:
        if week[day] is not None:
            yield (key,), f"gives {DAYS[day]} again, each day may be given once"
            return
        week[day] = spans


def _days(text: str) -> range:
    first, dash, last = text.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise ValueError(f"is no day, {_ALLOWED_DAYS}")
    start, end = DAYS.index(first), DAYS.index(last if dash else first)
    if end < start:
        raise ValueError("runs over the end of the week, give the days of its two parts")
    return range(start, end + 1)


def _spans(times: object) -> tuple[Span, ...]:
    if times == _CLOSED:
        return ()
    texts = times if isinstance(times, tuple | list) else (times,)
    if not texts or len(texts) > _MOST_SPANS:
        raise ValueError(f"has {len(texts)} spans, 1 to {_MOST_SPANS} are allowed")
    spans = tuple(_span(text) for text in texts)
    for before, after in pairwise(spans):
        if after[0] <= before[1]:
            raise ValueError("has spans that overlap or touch, give them apart and in order")
    return spans


def _span(text: object) -> Span:
    found = _SPAN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"is {told(text)}, {_ALLOWED_TIMES}")
    opens, closes = (int(found[at]) * 60 + int(found[at + 1]) for at in (1, 3))
    if closes > _DAY_MINUTES or opens >= closes:
        raise ValueError(
            f"is {quoted(found[0])}, the end must come after the start and not after 24:00; "
            "give a night in two parts"
        )
    return opens, closes


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


HoursField = Annotated[
    Hours,
    PlainValidator(parse),
    PlainSerializer(Hours.as_written),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": list(CALENDARS)},
                {
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": {
                        "pattern": "^({0})(-({0}))?$".format("|".join(DAYS)),
                    },
                    "additionalProperties": {
                        "anyOf": [
                            {"type": "string", "pattern": f"^({_SPAN.pattern}|{_CLOSED})$"},
                            {
                                "type": "array",
                                "items": {"type": "string", "pattern": f"^{_SPAN.pattern}$"},
                            },
                        ]
                    },
                },
            ]
        }
    ),
]
