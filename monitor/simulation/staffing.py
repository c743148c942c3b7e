"""How many agents of each group are there, and how many of them are given calls, at any instant.

A group are the agents of one line of a site's staff. Who is there follows from their shift and
from what happens; the numbers change at instants that are all known beforehand, so that the
simulation and the truth about it read the same steps.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil, floor
from zoneinfo import ZoneInfo

from monitor.calendars.required_hours import local_spans_ms
from monitor.calendars.rules import WeeklyHours
from monitor.calendars.wall_clock import on_the_wall
from monitor.config.hours import Hours
from monitor.simulation.effects import Effect, Span
from monitor.simulation.happenings import SiteClosed
from monitor.simulation.scenario_model import ScenarioFile, Site, Staff

_DAY = timedelta(days=1)
# A share of a count that should be whole is not, by the last bit.
_NEARLY = 1e-9


@dataclass(frozen=True, slots=True)
class Level:
    """From an instant on.

    Attributes:
        at_ms: UTC epoch ms.
        present: Agents who are to be there.
        able: Those of them to whom calls are given, <= `present`.
        abrupt: Whether those who go do not finish what they do.
    """

    at_ms: int
    present: int
    able: int
    abrupt: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Agents of one site and queue with one shift.

    Attributes:
        site: Where.
        queue: Which queue they serve.
        count: How many they are.
        levels: Ascending from the scenario's start; `present` and `able` hold until the next.
    """

    site: Site
    queue: str
    count: int
    levels: tuple[Level, ...]


def groups_of(
    scenario: ScenarioFile, effects: tuple[Effect, ...], end_ms: int
) -> tuple[Group, ...]:
    """Every group of a scenario that ends at `end_ms`."""
    return tuple(
        Group(site, staff.queue, staff.agents, _levels(scenario, site, staff, effects, end_ms))
        for site in scenario.sites
        for staff in site.staff
    )


def _levels(
    scenario: ScenarioFile, site: Site, staff: Staff, effects: tuple[Effect, ...], end_ms: int
) -> tuple[Level, ...]:
    start_ms = scenario.start.at_ms
    shifts = _shift_spans(staff.shift, site.zone or scenario.start.zone, start_ms, end_ms)
    concerned = [one for one in effects if one.is_about_agents(site.name, staff.queue)]
    closing = {
        from_ms
        for effect in concerned
        if isinstance(effect.happening, SiteClosed)
        for from_ms, _ in effect.spans
    }
    instants = {start_ms, *(edge for span in shifts for edge in span)}
    for effect in concerned:
        instants.update(_edges(effect, staff.agents))
    levels: list[Level] = []
    for at_ms in sorted(at for at in instants if start_ms <= at < end_ms):
        on_shift = any(from_ms <= at_ms < until_ms for from_ms, until_ms in shifts)
        present, able = 1.0 * on_shift, 1.0
        for effect in concerned:
            present *= _share(effect, effect.present_share(), at_ms)
            able *= _share(effect, effect.able_share(), at_ms)
        here = floor(staff.agents * present + _NEARLY)
        served = min(here, floor(staff.agents * able + _NEARLY))
        if not levels or (here, served) != (levels[-1].present, levels[-1].able):
            levels.append(Level(at_ms, here, served, at_ms in closing))
    return tuple(levels)


def _share(effect: Effect, share: float, at_ms: int) -> float:
    """What an effect whose share is `share` while it holds leaves of a group at an instant."""
    if effect.holds(at_ms):
        return share
    over_ms = effect.spans[-1][1]
    if at_ms < over_ms or not effect.returns_ms:
        return 1.0
    return min(1.0, share + (1.0 - share) * (at_ms - over_ms) / effect.returns_ms)


def _edges(effect: Effect, count: int) -> set[int]:
    """Every instant at which an effect changes the number of a group of `count`."""
    edges = {edge for span in effect.spans for edge in span}
    over_ms = effect.spans[-1][1]
    for share in {effect.present_share(), effect.able_share()} - {1.0}:
        edges.update(
            over_ms + ceil(effect.returns_ms * (back / count - share) / (1.0 - share))
            for back in range(ceil(share * count), count + 1)
        )
    return edges


def _shift_spans(hours: Hours, zone: str, start_ms: int, end_ms: int) -> list[Span]:
    """When a shift is on, within the scenario and some more."""
    if hours.is_always:
        return [(start_ms, end_ms)]
    week = WeeklyHours(zone, hours.week)
    place = ZoneInfo(zone)
    day = on_the_wall(start_ms, place).date() - _DAY
    last = on_the_wall(end_ms, place).date()
    spans: list[Span] = []
    while day <= last:
        spans += local_spans_ms(week.on(day), day, place)
        day += _DAY
    return spans
