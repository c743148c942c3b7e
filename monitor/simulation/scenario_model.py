"""The scenario file: a call center, its callers, and what happens to it.

`contracts` are those of the configuration, word for word, so that a plan can rehearse with its own.

Pure: no I/O, no clock.
"""

from typing import Annotated, Final

from pydantic import Field

from monitor.config.contracts import Contract
from monitor.config.hours import HoursField
from monitor.config.scalars import DurationMs, Name, QueueKey, Text, Zone, between
from monitor.simulation.demand_profile import ProfileField
from monitor.simulation.happenings import HappeningField
from monitor.simulation.moments import Start
from monitor.simulation.scenario_section import ScenarioSection, Share

SOURCE: Final = "pbx1"
_MOST_AGENTS: Final = 5_000
_Short = Annotated[DurationMs, between("1s", "1d")]


class Queue(ScenarioSection):
    """A queue and the callers who come to it."""

    key: QueueKey
    """As on the wire."""
    dnis: Text
    """The number that is dialled."""
    language: Name = "en"
    """Of its callers."""
    calls_per_day: float = Field(ge=0.1, le=1_000_000)
    """Calls to the number on the average day of a week."""
    profile: Name
    """How they are spread over the week: one of `profiles`."""
    contained: Share = 0.15
    """Share of the calls that the IVR answers for good. Outside the hours of its lines it takes
    all."""
    ivr: _Short = 30_000
    """Mean time in the IVR."""
    talk: _Short = 300_000
    """Mean length of a conversation."""
    wrap_up: _Short = 30_000
    """Mean work after a conversation."""
    patience: _Short = 600_000
    """Scale of the callers' patience (Weibull): by then 63 % have left."""
    longest_wait: _Short = 1_800_000
    """Who has waited so long is taken out of the queue by the system."""
    dropped: Share = 0.004
    """Share of the conversations that are cut off on an ordinary day."""


class Staff(ScenarioSection):
    """Agents of one site who serve the same queue at the same hours."""

    queue: QueueKey
    """Which."""
    agents: int = Field(ge=1, le=_MOST_AGENTS)
    """How many."""
    shift: HoursField
    """When: always, or days and times by the site's clock."""


class Site(ScenarioSection):
    """A site: its agents and its trunk."""

    name: Name
    """Unique."""
    zone: Zone | None = None
    """Of its clock; that of the start when not given."""
    source: Name = SOURCE
    """The ACD that tells of its calls and agents."""
    calls: float = Field(default=1.0, ge=0, le=1_000)
    """Calls come in over the sites' trunks in the ratio of these figures."""
    staff: tuple[Staff, ...] = Field(default=(), max_length=1_000)
    """Who works there."""


class ScenarioFile(ScenarioSection):
    """A scenario."""

    name: Name
    """What it is called."""
    title: Text
    """What it shows, in a line."""
    like: Name | None = None
    """A scenario that comes with the program: what is not given here is as there."""
    start: Start
    """The first midnight."""
    duration: Annotated[DurationMs, between("1h", "366d")]
    """How long it lasts."""
    confirm: DurationMs = 3_600_000
    """A recovery that holds less long is none: `continuity.confirm` of the configuration."""
    organization: Text = "Example Health"
    """The plan."""
    contracts: tuple[Contract, ...] = Field(min_length=1, max_length=1_000)
    """As in the configuration."""
    profiles: dict[str, ProfileField] = Field(min_length=1, max_length=100)
    """Demand by quarter-hour and weekday."""
    queues: tuple[Queue, ...] = Field(min_length=1, max_length=1_000)
    """Every queue."""
    sites: tuple[Site, ...] = Field(min_length=1, max_length=100)
    """Every site."""
    happenings: tuple[HappeningField, ...] = Field(default=(), max_length=1_000)
    """What happens."""
