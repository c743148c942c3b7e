"""Contracts with the regulator and the telephone lines that serve them.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from pydantic import Field, model_validator

from monitor.config.closures import Closure, closure_misfits
from monitor.config.expected import Expected, overlaps
from monitor.config.hours import Hours, HoursField
from monitor.config.scalars import Name, QueuePattern, StandardId, Text, Zone, is_text
from monitor.config.section import Finding, Section

Kind = Literal["current-enrollee", "prospective", "pharmacy", "tty", "provider", "crisis"]
# The hours of kinds that have others than `cms` when nobody says.
_HOURS_OF_KIND: Final[Mapping[object, str]] = {"pharmacy": "cms-pharmacy", "crisis": "always"}


class Line(Section):
    """One telephone line of a contract."""

    name: Name
    """Unique within the contract."""
    kind: Kind
    """Whom the line serves."""
    queues: tuple[QueuePattern, ...] = Field(min_length=1, max_length=1_000)
    """Queue keys, or patterns with * and ?."""
    hours: HoursField = Hours()
    """When it must be open: always, cms, cms-pharmacy, or days and times. When not given, always
    for a crisis line, cms-pharmacy for a pharmacy line and cms for all others."""
    closures: tuple[Closure, ...] = Field(default=(), max_length=1_000)
    """When the line is closed besides; it excuses only what the rules leave to the plan."""
    expected: tuple[Expected, ...] = Field(default=(), max_length=100)
    """A usual week of it, for each quarter-hour until that was seen in three weeks."""
    shared: bool = False
    """Whether its queues also serve other contracts. Each call then counts for each of them, and
    once for the organization."""
    standard: StandardId | None = None
    """What the line is held to; the organization's standard when not given."""
    dnis: tuple[Text, ...] = Field(default=(), max_length=1_000)
    """Numbers dialled to reach it. A call that reached no queue is assigned by them."""

    @model_validator(mode="before")
    @classmethod
    def _own_hours(cls, data: object) -> object:
        """A line has the hours of its kind."""
        if not isinstance(data, dict) or "hours" in data:
            return data
        kind = data.get("kind")
        hours = _HOURS_OF_KIND.get(kind) if isinstance(kind, str) else None
        return data if hours is None else {**data, "hours": hours}


class Pharmacies(Section):
    """Pharmacies of the network that keep the same hours."""

    zone: Zone
    """Their time zone."""
    hours: HoursField
    """When any of them is open: always, or days and times."""

    def misfits(self) -> Iterator[Finding]:
        """A pharmacy opens by the clock and not by a rule for call centers."""
        if self.hours.calendar not in {None, "always"}:
            yield ("hours",), f"is {self.hours.calendar}, always or days and times are needed"


class Contract(Section):
    """One contract, such as H0001."""

    id: Name
    """The regulator's number for it."""
    name: Text
    """For people."""
    legal_entity: Text = ""
    """Who holds the contract; the contract's name when not given."""
    members: int | None = Field(default=None, ge=1, le=1_000_000_000)
    """How many are enrolled, for rates per 1,000."""
    service_areas: tuple[Zone, ...] = Field(default=(), max_length=100)
    """Time zones of the areas served; calendar days are those of the first."""
    pharmacies: tuple[Pharmacies, ...] = Field(default=(), max_length=100)
    """Hours of the network's pharmacies: while any is open, so is a cms-pharmacy line. Without
    them it has to be open around the clock."""
    closures: tuple[Closure, ...] = Field(default=(), max_length=1_000)
    """When all lines are closed; it excuses only what the rules leave to the plan."""
    lines: tuple[Line, ...] = Field(min_length=1, max_length=100)
    """The telephone lines."""

    @model_validator(mode="before")
    @classmethod
    def _own_entity(cls, data: object) -> object:
        """A plan that stands for itself is its own legal entity."""
        if not isinstance(data, dict) or "legal_entity" in data:
            return data
        name = data.get("name")
        return {**data, "legal_entity": name} if isinstance(name, str) and is_text(name) else data

    def misfits(self) -> Iterator[Finding]:
        """Local times need a place, and closures lie apart."""
        zones = self.service_areas
        for where, message in closure_misfits(self.closures, zones):
            yield ("closures", *where), message
        for at, line in enumerate(self.lines):
            for where, message in closure_misfits(line.closures, zones):
                yield ("lines", at, "closures", *where), message
            for where, message in overlaps(line.expected):
                yield ("lines", at, "expected", *where), message
            if line.hours.calendar is None and not line.hours.is_always and not zones:
                yield (
                    ("lines", at, "hours"),
                    "are local times, the contract's service_areas are needed to know of where",
                )
