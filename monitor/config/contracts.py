"""Contracts with the regulator and the telephone lines that serve them.

Pure: no I/O, no clock.
"""

from typing import Literal

from pydantic import Field, model_validator

from monitor.config.hours import Hours, HoursField
from monitor.config.scalars import Name, QueuePattern, StandardId, Text, Zone, is_text
from monitor.config.section import Section

Kind = Literal["current-enrollee", "prospective", "pharmacy", "tty", "provider", "crisis"]


class Line(Section):
    """One telephone line of a contract."""

    name: Name
    """Unique within the contract."""
    kind: Kind
    """Whom the line serves."""
    queues: tuple[QueuePattern, ...] = Field(min_length=1, max_length=1_000)
    """Queue keys, or patterns with * and ?."""
    hours: HoursField = Hours()
    """When it must be open: always, cms, cms-pharmacy, or days and times."""
    shared: bool = False
    """Whether its queues also serve other contracts. Each call then counts for each of them, and
    once for the organization."""
    standard: StandardId | None = None
    """What the line is held to; the organization's standard when not given."""
    dnis: tuple[Text, ...] = Field(default=(), max_length=1_000)
    """Numbers dialled to reach it. A call that reached no queue is assigned by them."""


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
