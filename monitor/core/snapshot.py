"""The frozen view that everything outside the core reads: metrics, page, API, alerts' senders.

One snapshot is made after a tick and replaced as a whole, so that a reader never sees half of one
second and half of the next. Arrays are copies and are not written to again.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
import numpy.typing as npt

from monitor.core.outages.outage import Outage, OutageState, Threat
from monitor.core.standards import Formula, Measure

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


class ScopeKind(StrEnum):
    """The levels. Roll-ups add queue counts upwards; sites lie across."""

    ORGANIZATION = "organization"
    LEGAL_ENTITY = "legal_entity"
    CONTRACT = "contract"
    LINE = "line"
    SITE = "site"
    UNQUEUED = "unqueued"  # calls to a line's numbers that reached no queue, below that line only
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Scope:
    """One row of every array.

    Attributes:
        row: Its index.
        kind: Its level.
        name: `organization`, `legal_entity/NAME`, `contract/ID`, `line/CONTRACT/NAME`,
            `site/NAME`, `unqueued/CONTRACT/LINE`, `queue/KEY`. The queue of calls that reached none
            is `queue/` and that of unknown queues `queue/unconfigured`.
        labels: The scope's own labels for Prometheus and alerts: any of organization,
            legal_entity, contract, line, queue, site.
        lines: For a queue: the (contract, line) pairs that it serves; several when shared.
    """

    row: int
    kind: ScopeKind
    name: str
    labels: Mapping[str, str]
    lines: tuple[tuple[str, str], ...] = ()


class VerdictState(IntEnum):
    """The judgement on one measure; the name in lower case is the word outside."""

    INSUFFICIENT = 0
    MET = 1
    BREACHED = 2
    CLOSED = 3
    BLIND = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """One verdict with everything that explains it.

    Attributes:
        measure: What was judged.
        window_ms: Over which window.
        state: The judgement.
        value: The measure (seconds for average hold, else a ratio 0..1); None without calls.
        limit: The limit in the same unit.
        numerator: Counts (or milliseconds) above the line.
        denominator: Calls below the line.
        interval: Wilson score interval (95 %) of a ratio; None for average hold or without calls.
        formula: Service level: the formula that was judged.
        flipped_by: Service level: other formulas under which the judgement would differ.
        clause: The clause of the standard.
    """

    measure: Measure
    window_ms: int
    state: VerdictState
    value: float | None
    limit: float
    numerator: int
    denominator: int
    interval: tuple[float, float] | None
    formula: Formula | None
    flipped_by: tuple[Formula, ...]
    clause: str


class AlertState(StrEnum):
    """Life of one alert. Inactive ones are not held."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Notice:
    """What an alert says that is about no measure: about an outage, or that we cannot see.

    Attributes:
        at_ms: As of when (epoch ms); what is left until the deadline is counted from here.
        contract: Id of the contract; empty when it is about the daemon itself.
        what: What is wrong, in a few words that "since" can follow: `no call answered`.
        evidence: The figures in one sentence without its full stop; empty without any.
        outage: Id of the outage; None when we cannot see.
        deadline_ms: When it has to be restored; None when we cannot see.
        restored_ms: When it was restored; None before.
        sources: Names of the sources that are not heard.
        threat: The forecast, of an alert about it; None for the others.
    """

    at_ms: int
    contract: str
    what: str
    evidence: str
    outage: str | None = None
    deadline_ms: int | None = None
    restored_ms: int | None = None
    sources: tuple[str, ...] = ()
    threat: Threat | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one rule on one scope, from the breach to its resolution.

    Attributes:
        key: Deterministic and unique: organization, rule, scope and the instant of the breach. Two
            replicas with one configuration make the same.
        rule: Name of the rule.
        severity: From the rule.
        scope: Name of the scope.
        labels: What identifies it for receivers: the scope's labels. Never a changing value.
        measure: What was breached; None for a notice.
        window_ms: In which window; None for a notice.
        state: Where it is in its life.
        breached_ms: Since when the breach lasts (epoch ms); of an outage its onset.
        fired_ms: When it fired; None while pending.
        resolved_ms: When it was resolved; None before.
        reason: Why it changed last: `breached`, `held`, `cleared`, `no_calls`, `rule_removed`;
            of a notice `opened`, `passed`, `unseen`, `restored` or `seen`, of one about a forecast
            `likely`, `raised`, `lowered` or `missed`, and of one about the clock `set`, `behind` or
            `agrees`.
        value: The measure when it last changed or was last judged; None without calls.
        limit: The limit in the same unit; None for a notice.
        numerator: Counts (or milliseconds) above the line.
        denominator: Calls below the line.
        clause: The clause of the standard; empty when there is none.
        notice: What it says, when it is about no measure.
    """

    key: str
    rule: str
    severity: str
    scope: str
    labels: Mapping[str, str]
    measure: Measure | None
    window_ms: int | None
    state: AlertState
    breached_ms: int
    fired_ms: int | None
    resolved_ms: int | None
    reason: str
    value: float | None
    limit: float | None
    numerator: int
    denominator: int
    clause: str
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class SourceView:
    """What the engine knows of one source.

    Attributes:
        name: As configured.
        last_event_ms: `at_ms` of its newest event; None before the first.
        events_total: Events accepted, all types.
        gaps_total: Sequence numbers that never came.
        missing: Events that it says it has sent and that have not come, at least.
        missing_total: The most that ever were.
    """

    name: str
    last_event_ms: int | None
    events_total: int
    gaps_total: int
    missing: int = 0
    missing_total: int = 0


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of an outage.

    Attributes:
        at_ms: When it was established (epoch ms).
        kind: The kind of the happening, such as `opened`, `relapsed` or `restored`.
    """

    at_ms: int
    kind: str


@dataclass(frozen=True, slots=True)
class ContractView:
    """Where one contract is.

    Attributes:
        contract: Its id.
        row: Its row.
        state: Where it is.
        suspected_ms: Since when it is suspected (epoch ms); None while it is not.
        blind_since_ms: Since when it cannot be seen (epoch ms); None while it can.
        outages_total: Outages that were opened, since the store began.
    """

    contract: str
    row: int
    state: OutageState
    suspected_ms: int | None
    blind_since_ms: int | None
    outages_total: int


@dataclass(frozen=True, slots=True)
class WatchView:
    """What the watch for outages knows, beside the outages.

    Attributes:
        contracts: One for each configured contract.
        is_blind: Shape (scopes,), bool: what we cannot see. A contract or a line when any source
            that feeds it is not heard, everything else when none is.
        is_closed: Shape (scopes,), bool: contracts and lines outside their required hours.
        signals: Shape (kinds, scopes), bool: active signals, kinds in the order of `SignalKind`.
        sources_seen: Whether each source is heard.
        courses: The changes of each outage that is held, by its id, oldest first.
        confirm_ms: How long it has to be well before it is restored.
    """

    contracts: tuple[ContractView, ...]
    is_blind: BoolArray
    is_closed: BoolArray
    signals: BoolArray
    sources_seen: Mapping[str, bool]
    courses: Mapping[str, tuple[Transition, ...]]
    confirm_ms: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state at one whole second, for readers.

    Attributes:
        at_ms: The instant; windows cover [at_ms - window, at_ms).
        organization: Name.
        scopes: One for each row, in row order.
        windows_ms: One for each first index of the windowed arrays.
        counts: Shape (windows, scopes, fields), int64: see `fields.py`.
        lifetime: Shape (scopes, fields), int64: totals since the store began, never decreasing.
        waiting: Shape (scopes,), int64: calls in queue now.
        longest_wait_ms: Shape (scopes,), int64: -1 when nobody waits.
        average_hold_s: Shape (windows, scopes), float64, NaN without answered calls.
        hold_floor_s: Shape (windows, scopes), float64, NaN without answered or waiting calls.
        service_level: Shape (windows, scopes), float64 0..1, NaN without decided calls; by the
            formula of the scope's standard.
        disconnect: Shape (3, windows, scopes), float64 0..1, NaN without ended calls; low (positive
            evidence only), default, high (plus unknown ends and suspicious abandons).
        verdicts: Shape (measures, windows, scopes), int8 of `VerdictState`, measures in the order
            of `Measure`.
        alerts: Pending, firing, and resolved within the last 15 minutes.
        discards: Events and parts of them that were not counted, by reason.
        sources: One for each configured source.
        agents: Agents by state.
        outages: Open ones first, then those of the last 30 days; nobody changes them any more.
        open_calls: Calls in flight.
        ended_calls: Ended calls that are remembered.
        watch: What else is known of outages; None where nobody watches, and before the first tick.
    """

    at_ms: int
    organization: str
    scopes: tuple[Scope, ...]
    windows_ms: tuple[int, ...]
    counts: IntArray
    lifetime: IntArray
    waiting: IntArray
    longest_wait_ms: IntArray
    average_hold_s: FloatArray
    hold_floor_s: FloatArray
    service_level: FloatArray
    disconnect: FloatArray
    verdicts: npt.NDArray[np.int8]
    alerts: tuple[Alert, ...]
    discards: Mapping[str, int]
    sources: tuple[SourceView, ...]
    agents: Mapping[str, int]
    outages: tuple[Outage, ...]
    open_calls: int
    ended_calls: int
    watch: WatchView | None = None
