"""A scenario laid out in time: demand, agents, hours and happenings as plain steps.

Made once from a scenario and played with any number of seeds. Everything here is certain; chance
comes in with the seed.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from monitor.calendars.required_hours import calendar
from monitor.calendars.wall_clock import on_the_wall
from monitor.config.line_hours import required_hours
from monitor.simulation.demand_profile import QUARTER_MINUTES, Profile
from monitor.simulation.effects import Effect, Span, effects_of
from monitor.simulation.happenings import DemandTimes
from monitor.simulation.scenario_model import Queue, ScenarioFile
from monitor.simulation.staffing import Group, groups_of

QUARTER_MS: Final = QUARTER_MINUTES * 60_000
DAY_MS: Final = 24 * 3_600_000
_STANDARD: Final = "cms-ma-partd"


@dataclass(frozen=True)
class Demand:
    """The calls of one queue that are to be expected, in stretches of constant rate.

    Attributes:
        starts_ms: Where they begin, int64 (n,), ascending; every quarter-hour is among them.
        lengths_ms: How long they are, int64 (n,).
        usual: Calls expected in each were it not for the happenings, float64 (n,).
        made: Calls expected to be made, float64 (n,); also those that do not reach the ACD.
        silent: In which no call reaches the ACD, bool (n,).
    """

    starts_ms: NDArray[np.int64]
    lengths_ms: NDArray[np.int64]
    usual: NDArray[np.float64]
    made: NDArray[np.float64]
    silent: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LineCourse:
    """A line of a contract.

    Attributes:
        contract: Its contract's id.
        name: Its name.
        kind: Whom it serves.
        queues: Keys of its queues.
        open: When it has to be open.
    """

    contract: str
    name: str
    kind: str
    queues: tuple[str, ...]
    open: tuple[Span, ...]


@dataclass(frozen=True)
class Course:
    """A scenario, laid out.

    Attributes:
        scenario: The file.
        start_ms: When it begins, UTC epoch ms.
        end_ms: When it ends.
        effects: What happens.
        groups: The agents.
        lines: The lines of all contracts.
        demand: Of each queue, by its key.
    """

    scenario: ScenarioFile
    start_ms: int
    end_ms: int
    effects: tuple[Effect, ...]
    groups: tuple[Group, ...]
    lines: tuple[LineCourse, ...]
    demand: dict[str, Demand]

    @classmethod
    def of(cls, scenario: ScenarioFile) -> "Course":
        """Lay a scenario out."""
        start_ms = scenario.start.at_ms
        end_ms = start_ms + scenario.duration
        effects = effects_of(scenario)
        return cls(
            scenario,
            start_ms,
            end_ms,
            effects,
            groups_of(scenario, effects, end_ms),
            tuple(_lines(scenario, start_ms, end_ms)),
            {queue.key: _demand(scenario, queue, effects, end_ms) for queue in scenario.queues},
        )

    @cached_property
    def open_edges(self) -> dict[str, list[int]]:
        """For each queue where the open hours of its lines begin and end, in turns."""
        return {
            queue.key: _union(
                [span for line in self.lines if queue.key in line.queues for span in line.open]
            )
            for queue in self.scenario.queues
        }

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source, in the order of the sites."""
        return tuple(dict.fromkeys(site.source for site in self.scenario.sites))


def _lines(scenario: ScenarioFile, start_ms: int, end_ms: int) -> list[LineCourse]:
    return [
        LineCourse(
            contract.id,
            line.name,
            line.kind,
            line.queues,
            tuple(
                calendar(required_hours(contract, line, line.standard or _STANDARD)).required_spans(
                    start_ms, end_ms
                )
            ),
        )
        for contract in scenario.contracts
        for line in contract.lines
    ]


def _demand(
    scenario: ScenarioFile, queue: Queue, effects: tuple[Effect, ...], end_ms: int
) -> Demand:
    start_ms = scenario.start.at_ms
    first_ms = start_ms - start_ms % QUARTER_MS
    quarters = np.arange(first_ms, end_ms, QUARTER_MS, dtype=np.int64)
    concerned = [
        effect
        for effect in effects
        if (isinstance(effect.happening, DemandTimes) and queue.key in effect.queues)
        or effect.silences(queue.key)
    ]
    edges = [edge for effect in concerned for span in effect.spans for edge in span]
    starts_ms = np.unique(np.concatenate([quarters, np.array([start_ms, *edges], np.int64)]))
    starts_ms = starts_ms[(starts_ms >= start_ms) & (starts_ms < end_ms)]
    lengths_ms = np.diff(starts_ms, append=end_ms)
    weights = _quarter_weights(scenario.profiles[queue.profile], quarters, scenario.start.zone)
    of_quarter = np.searchsorted(quarters, starts_ms, side="right") - 1
    usual = queue.calls_per_day * weights[of_quarter] * lengths_ms / QUARTER_MS
    made = usual.copy()
    silent = np.zeros(len(starts_ms), np.bool_)
    for effect in concerned:
        for from_ms, until_ms in effect.spans:
            within = (starts_ms >= from_ms) & (starts_ms < until_ms)
            if isinstance(effect.happening, DemandTimes):
                made[within] *= effect.happening.times
            else:
                silent |= within
    return Demand(starts_ms, lengths_ms, usual, made, silent)


def _quarter_weights(
    profile: Profile, quarters: NDArray[np.int64], zone: str
) -> NDArray[np.float64]:
    """The share of a day's calls in each quarter-hour, by the local time at its beginning."""
    place = ZoneInfo(zone)
    found = np.empty(len(quarters))
    for at, quarter_ms in enumerate(quarters.tolist()):
        wall = on_the_wall(quarter_ms, place)
        minute = wall.hour * 60 + wall.minute
        found[at] = profile.week[wall.weekday()][minute // QUARTER_MINUTES]
    return found


def _union(spans: list[Span]) -> list[int]:
    """The edges of the union of spans, ascending."""
    edges: list[int] = []
    for from_ms, until_ms in sorted(spans):
        if edges and from_ms <= edges[-1]:
            edges[-1] = max(edges[-1], until_ms)
        else:
            edges += (from_ms, until_ms)
    return edges
