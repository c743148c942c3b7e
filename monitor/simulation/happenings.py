"""What can happen in a scenario: kinds, their figures, and what each figure means.

Every kind begins `at` and is over at `until`. `flaps` lets it come back a few times after that, and
`returns` lets what went away come back little by little.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field, PlainValidator, ValidationError

from monitor.config.findings import findings_in
from monitor.config.scalars import DurationMs, Name, QueueKey, between
from monitor.config.section import Misfit
from monitor.config.wording import choice, told
from monitor.simulation.moments import MomentField
from monitor.simulation.scenario_section import ScenarioSection, Share, one_of

DEMAND: Final = "demand"
STAFFING: Final = "staffing"
TECHNOLOGY: Final = "technology"
LATE: Final = "late"
NEVER: Final = "never"
DISCONNECTED: Final = "disconnected"
ABANDONED: Final = "abandoned"
MOST_FLAPS: Final = 100


class Flaps(ScenarioSection):
    """A recovery that does not hold: up for a while, down again."""

    up: Annotated[DurationMs, between("1s", "366d")]
    """How long all is well each time."""
    down: Annotated[DurationMs, between("1s", "366d")]
    """How long it is down again each time."""
    times: int = Field(ge=1, le=MOST_FLAPS)
    """How often it goes down again after `until`."""


class Happening(ScenarioSection):
    """What all kinds have."""

    cause: ClassVar[str | None] = None

    kind: str
    """Which kind."""
    at: MomentField
    """When it begins."""
    until: MomentField
    """When it is over, or is so for the first time if it flaps."""
    flaps: Flaps | None = None
    """Whether it comes back."""


class QueueHappening(Happening):
    """What is about queues; about all of them when none is named."""

    queue: QueueKey | None = None
    """Only this queue."""
    line: Name | None = None
    """Only the queues of the lines of this name."""


class AgentHappening(QueueHappening):
    """What is about agents; about all of them when nothing is named."""

    cause = STAFFING

    returns: DurationMs = 0
    """Over how long those who were gone come back after the end, at an even pace."""


class SiteClosed(AgentHappening):
    """A site closes at once: conversations are cut off, agents leave, its trunk takes no calls."""

    site: Name
    """Which site."""


class AgentsTimes(AgentHappening):
    """Only a share of the agents is there; the others leave when their call is done."""

    site: Name | None = None
    """Only at this site."""
    share: Share
    """The share that stays."""


class StopAnswering(AgentHappening):
    """Agents are there and get no calls: callers wait until they lose patience."""

    cause = TECHNOLOGY

    site: Name | None = None
    """Only at this site."""


class DemandTimes(QueueHappening):
    """More calls come, or fewer."""

    cause = DEMAND

    times: float = Field(ge=0, le=100)
    """So many times the usual number."""


class TrunkFailure(Happening):
    """A trunk cuts calls off: at once when it fails, later in bursts, and new ones after a wait."""

    cause = TECHNOLOGY

    site: Name | None = None
    """Whose trunk; all trunks when not given."""
    at_once: Share = 0.0
    """Share of the calls in progress that are cut off each time it begins."""
    new_calls: Share = 0.0
    """Share of the calls made meanwhile that are cut off."""
    after: Annotated[DurationMs, between("0s", "1h")] = 20_000
    """So long after they entered the queue, in which nobody answers them."""
    burst_every: Annotated[DurationMs, between("1s", "366d")] | None = None
    """Time between bursts; none when not given."""
    burst: Share = 0.3
    """Share of the calls in progress that a burst cuts off."""
    told_as: Annotated[str, one_of(DISCONNECTED, ABANDONED)] = DISCONNECTED
    """What the ACD says of waiting calls that are cut off: some take them for abandoned."""


class AcdSilent(QueueHappening):
    """Calls no longer reach the ACD; it is heard, and has nothing to tell."""

    cause = TECHNOLOGY


class FeedLost(Happening):
    """We no longer hear the ACD; the call center works as always."""

    source: Name | None = None
    """Which source; all of them when not given."""
    events: Annotated[str, one_of(LATE, NEVER)] = NEVER
    """What becomes of its events: never delivered, or late, all at once at the end."""


KINDS: Final[Mapping[str, type[Happening]]] = MappingProxyType(
    {
        "site_closed": SiteClosed,
        "agents_times": AgentsTimes,
        "stop_answering": StopAnswering,
        "demand_times": DemandTimes,
        "trunk_failure": TrunkFailure,
        "acd_silent": AcdSilent,
        "feed_lost": FeedLost,
    }
)


def _parse(value: Any) -> Happening:  # noqa: ANN401 (whatever the file says)
    if isinstance(value, Happening):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"is {told(value)}, a mapping of keys to values is needed")  # noqa: TRY004
    kind = value.get("kind")
    if kind is None:
        raise Misfit([(("kind",), f"is missing; allowed: {', '.join(KINDS)}")])
    if not isinstance(kind, str) or kind not in KINDS:
        wrong = choice(kind, KINDS) if isinstance(kind, str) else f"is {told(kind)}"
        raise Misfit([(("kind",), wrong)])
    try:
        return KINDS[kind].model_validate(value)
    except ValidationError as error:
        raise Misfit(findings_in(error)) from error


HappeningField = Annotated[Happening, PlainValidator(_parse)]
