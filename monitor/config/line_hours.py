"""From what the file says about a line to when it has to be open.

Pure: no I/O, no clock; time zones are read when they are first named.
"""

from typing import Final

from monitor.calendars.required_hours import HoursRule, RequiredHours
from monitor.calendars.rules import (
    MEDICARE_CLAUSE,
    PHARMACY_CLAUSE,
    LocalHours,
    MedicareHours,
    WeeklyHours,
)
from monitor.config.contracts import Contract, Line

# The standard under which the regulation's own hours bind whatever else a line promises.
_MEDICARE: Final = "cms-ma-partd"
_CRISIS: Final = HoursRule("always", "a crisis line is open around the clock")


def required_hours(contract: Contract, line: Line, standard: str) -> RequiredHours:
    """When `line`, which is held to the standard of that name, has to be open."""
    zones = contract.service_areas
    return RequiredHours(
        rule=_rule(contract, line),
        floor=_floor(contract, line, standard),
        closures=tuple(closure.resolved(zones) for closure in (*contract.closures, *line.closures)),
        zones=zones,
    )


def _rule(contract: Contract, line: Line) -> HoursRule:
    """The hours that the line has."""
    hours = line.hours
    match hours.calendar:
        case "cms":
            return _medicare(contract)
        case "cms-pharmacy":
            return _pharmacy(contract)
        case "always":
            return HoursRule("always", "as configured")
    if hours.is_always:
        return HoursRule("always", "as configured")
    places = tuple(WeeklyHours(zone, hours.week) for zone in contract.service_areas)
    assert places
    return HoursRule("days and times", "as configured", places)


def _floor(contract: Contract, line: Line, standard: str) -> HoursRule | None:
    """What no closure takes away: the rule that binds the line, whatever the plan decides.

    The regulation binds lines for enrollees and pharmacies; a provider's line has the hours that
    the plan gives it, unless it gives it the regulation's.
    """
    if line.hours.calendar in {"cms", "cms-pharmacy"}:
        return _rule(contract, line)
    if line.kind == "crisis":
        return _CRISIS
    if standard != _MEDICARE or line.kind == "provider":
        return None
    return _pharmacy(contract) if line.kind == "pharmacy" else _medicare(contract)


def _medicare(contract: Contract) -> HoursRule:
    """8:00 to 20:00 in every zone; around the clock where nobody says which zones those are."""
    places = tuple(map(MedicareHours, contract.service_areas))
    clause = MEDICARE_CLAUSE
    return HoursRule("cms", clause if places else f"{clause}; no service_areas: any hour", places)


def _pharmacy(contract: Contract) -> HoursRule:
    """While any pharmacy is open; around the clock where one is, or where nobody says."""
    places: list[LocalHours] = []
    for group in contract.pharmacies:
        if group.hours.is_always:
            return HoursRule("cms-pharmacy", f"{PHARMACY_CLAUSE}; a pharmacy is always open")
        places.append(WeeklyHours(group.zone, group.hours.week))
    clause = PHARMACY_CLAUSE
    return HoursRule(
        "cms-pharmacy", clause if places else f"{clause}; no pharmacies: any hour", tuple(places)
    )
