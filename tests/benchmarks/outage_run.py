"""Many lines watched by one engine, and what it said of each.

The lines know nothing of each other: each has its own contract, queue and source, so one run is as
good as one for each, at a fraction of the time. Ticks are those of the daemon while lines have to
be open, and one a minute at night.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from outage_weeks import HOUR_MS, MINUTE_MS, NORMAL, Line, Week

from monitor.config.contracts import Contract
from monitor.config.model import Config
from monitor.config.plan import to_plan
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.outages.outage import Happening
from monitor.core.plan import Plan

_SECOND_MS: Final = 1_000


class Said(NamedTuple):
    """An outage as it was told. Instants in epoch ms; None while it was open at the end."""

    opened_ms: int
    onset_ms: int
    restored_ms: int | None
    signals: tuple[str, ...]


@dataclass
class Judged:
    """A line, what was said of it, and what is to be said of that.

    Attributes:
        week: The line's time.
        said: Every outage, in order.
    """

    week: Week
    said: list[Said] = field(default_factory=list)


def run(lines: Sequence[Line]) -> list[Judged]:
    """Watch the lines, all of which are watched for equally long."""
    weeks = [Week(line) for line in lines]
    engine = Engine(_plan(weeks))
    _remember(engine, weeks)
    start_ms = weeks[0].simulated.truth.start_ms
    end_ms = weeks[0].simulated.truth.end_ms
    feeds = [_Feed(week) for week in weeks]
    happened: list[Happening] = []
    watch = engine.watch
    assert watch is not None
    for hour_ms in range(start_ms, end_ms, HOUR_MS):
        received: list[list[Event]] = [[] for _ in range(HOUR_MS // _SECOND_MS)]
        for feed in feeds:
            feed.pour(hour_ms, received)
        is_night = not any(
            from_ms - MINUTE_MS < hour_ms + HOUR_MS and hour_ms < until_ms + MINUTE_MS
            for from_ms, until_ms in _open_spans(weeks)
        )
        held: list[Event] = []
        for second, batch in enumerate(received, 1):
            if is_night and second % 60:
                held += batch
                continue
            now_ms = hour_ms + second * _SECOND_MS
            if held or batch:
                engine.on_events(held + batch, now_ms)
                held = []
            engine.on_tick(now_ms)
            happened += engine.happenings()
    return judged_of(weeks, happened)


def counts_talks() -> bool:
    """Whether the watch of the engine counts conversations."""
    engine = Engine(_plan([Week(Line(0, 0, 300, NORMAL, tells_agents=False, days=1))]))
    engine.on_tick(_SECOND_MS)
    assert engine.watch is not None
    assert engine.watch.facts is not None
    return engine.watch.facts.talking is not None


class _Feed:
    """The events of one line, hour by hour."""

    def __init__(self, week: Week) -> None:
        self._events: Iterator[tuple[int, Event]] = week.events()
        self._next = next(self._events, None)

    def pour(self, hour_ms: int, into: list[list[Event]]) -> None:
        """Add what is received within an hour to the second of it."""
        end_ms, found = hour_ms + HOUR_MS, self._next
        while found is not None and found[0] < end_ms:
            into[(found[0] - hour_ms) // _SECOND_MS].append(found[1])
            found = next(self._events, None)
        self._next = found


def _plan(weeks: Sequence[Week]) -> Plan:
    contracts: list[Contract] = []
    for week in weeks:
        contracts += week.scenario.contracts
    config = Config.model_validate(
        {
            "organization": "Example Health",
            "windows": ("5m",),
            "contracts": tuple(contracts),
            "sources": tuple(
                {
                    "name": week.line.source,
                    "format": "normalized",
                    "mqtt": {"url": "mqtt://127.0.0.1:1883"},
                }
                for week in weeks
            ),
        },
        context={"directory": Path()},
    )
    return to_plan(config)


def _open_spans(weeks: Sequence[Week]) -> Sequence[tuple[int, int]]:
    """All lines are open at the same hours."""
    return weeks[0].open


def _remember(engine: Engine, weeks: Sequence[Week]) -> None:
    """Give the engine what eight ordinary weeks would have taught it."""
    watch = engine.watch
    assert watch is not None
    rows = {name: row for row, name in enumerate(watch.names)}
    for week in weeks:
        kept = week.weeks_before()
        for name in (f"contract/{week.line.contract}", f"line/{week.line.contract}/m"):
            watch.expectation.kept[rows[name]] = kept


def judged_of(weeks: Sequence[Week], happened: list[Happening]) -> list[Judged]:
    """What was said of each line."""
    found = {week.line.contract: Judged(week) for week in weeks}
    restored = {
        one.outage: int(one.figures["restored_ms"]) for one in happened if one.kind == "restored"
    }
    for one in happened:
        if one.kind == "opened":
            signals = sorted({each["signal"] for each in one.figures["evidence"]})
            found[one.contract].said.append(
                Said(
                    one.at_ms,
                    int(one.figures["onset_ms"]),
                    restored.get(one.outage),
                    tuple(signals),
                )
            )
    return list(found.values())
