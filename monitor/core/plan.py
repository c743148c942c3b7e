"""What is watched: the organization, its contracts, lines and queues, and the rules on them.

This is the configuration as the core sees it: plain frozen data in integer milliseconds, already
validated. `monitor.config` builds it from YAML; tests and `replay` build it by hand.

Pure: no I/O, no clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from monitor.core.calendar import ALWAYS, Calendar
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.standards import Measure, Standard

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class LinePlan:
    """One telephone line of a contract.

    Attributes:
        name: Unique within the contract.
        kind: current-enrollee, prospective, pharmacy, tty, provider or crisis.
        queues: Queue keys or shell patterns (`member-es-*`).
        standard: What the line is held to.
        shared: Whether its queues also serve other contracts.
        dnis: Numbers dialled to reach it; a call that reached no queue is assigned by them.
        hours: When it has to be open.
        expected_calls: Calls in each quarter-hour of a usual week, from Monday midnight on the wall
            of the contract's first service area; NaN where nothing is said, empty when nothing is
            at all.
    """

    name: str
    kind: str
    queues: tuple[str, ...]
    standard: Standard
    shared: bool = False
    dnis: tuple[str, ...] = ()
    hours: Calendar = ALWAYS
    expected_calls: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ContractPlan:
    """One contract with the regulator, such as H0001."""

    id: str
    name: str
    legal_entity: str
    lines: tuple[LinePlan, ...]
    members: int | None = None
    service_areas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RulePlan:
    """An alert rule on a verdict.

    Attributes:
        name: The `alertname`.
        measure: Whose verdict.
        window_ms: In which window; one of the plan's.
        for_ms: How long the breach must last before the alert fires.
        clear_for_ms: How long the measure must be back within `clear` before it resolves.
        clear: What counts as back, in the unit of `Requirement.limit`; None means the limit itself.
        severity: Label for the receiver.
        scopes: Shell patterns of scope names (`line/*`, `contract/H0001`); any match is watched.
        no_data_for_ms: A firing alert whose verdict stays `insufficient` this long is resolved
            with the reason `no_calls`.
    """

    name: str
    measure: Measure
    window_ms: int
    for_ms: int
    clear_for_ms: int
    severity: str
    scopes: tuple[str, ...]
    clear: int | None = None
    no_data_for_ms: int = HOUR_MS


# (zone, instant in epoch ms) -> quarter-hour of the week on the wall there, 0 to 671 from Monday
# midnight, and whether that day is a holiday. Time zones are read outside the core.
LocalQuarter = Callable[[str, int], tuple[int, bool]]


def utc_quarter(_zone: str, at_ms: int) -> tuple[int, bool]:
    """The same for whoever knows no zones: UTC everywhere, and no holidays."""
    # Epoch day 0 was a Thursday.
    return (at_ms // (15 * MINUTE_MS) + 3 * 96) % 672, False


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of everything that the world could make grow.

    Attributes:
        open_calls: Calls in flight; the oldest is ended as unknown when one more comes.
        ended_calls: Ended calls that are remembered, so that a late duplicate does not revive them.
        ended_for_ms: How long they are remembered at most.
        call_age_ms: A call without any event for this long is ended as unknown.
        queues: Queues that patterns may add.
        agents: Agents whose state is held.
        skew_ms: How far ahead of the receiving clock an event may be; beyond it counts as skewed
            and the time of receipt is used.
        past_ms: An event older than this is refused, as is one that is more than a day ahead.
    """

    open_calls: int = 200_000
    ended_calls: int = 100_000
    ended_for_ms: int = 4 * HOUR_MS
    call_age_ms: int = 4 * HOUR_MS
    queues: int = 10_000
    agents: int = 50_000
    skew_ms: int = 5 * MINUTE_MS
    past_ms: int = 7 * 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the engine has to know before the first event.

    Attributes:
        organization: Its name.
        standard: What the organization as a whole is held to.
        windows_ms: Rolling windows, ascending; up to 1 h multiples of 1 s, beyond that of 1 min,
            24 h at most.
        contracts: Empty is allowed: then only the organization and its queues are scopes.
        queues: Further queue keys or patterns of the organization that belong to no line.
        sites: Names of sites that are scopes across the hierarchy.
        rules: Alert rules.
        sources: Names of the sources whose events are accepted; empty accepts any (replay).
        aliases: For each source, the ACD's queue names to ours.
        min_calls: A verdict on fewer calls is `insufficient`.
        short_abandon_ms: Formulas F5 and F6: an abandon before this is short.
        limits: Bounds.
        continuity: When a contract's call center has failed, and until when it has to be restored;
            None watches for no outages.
        local_quarter: The quarter-hour of the week in a zone.
    """

    organization: str
    standard: Standard
    windows_ms: tuple[int, ...] = (
        MINUTE_MS,
        5 * MINUTE_MS,
        15 * MINUTE_MS,
        30 * MINUTE_MS,
        HOUR_MS,
        24 * HOUR_MS,
    )
    contracts: tuple[ContractPlan, ...] = ()
    queues: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    rules: tuple[RulePlan, ...] = ()
    sources: tuple[str, ...] = ()
    aliases: dict[str, dict[str, str]] = field(default_factory=dict)
    min_calls: int = 20
    short_abandon_ms: int = 5 * SECOND_MS
    limits: Limits = field(default_factory=Limits)
    continuity: ContinuityPlan | None = field(default_factory=ContinuityPlan)
    local_quarter: LocalQuarter = utc_quarter
