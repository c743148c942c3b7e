"""Calendar periods: days, months and quarters to date, and what they measure.

Where they begin and end is in `monitor.calendars.period_bounds`; here they are two instants. Their
figures are sums of intervals of a quarter of an hour, which every zone of today begins its days
with.

The disconnect ratio of a period is that of 42 CFR 422.111(h)(1)(ii)(C) to the letter: of all calls
made, also those that reached no queue. Rolling windows take it of the ended calls, because a window
sees the end of calls that were made before it; in a period every call counts where it was made.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from monitor.core import fields, measures
from monitor.core.measures import Pair
from monitor.core.plan import SECOND_MS, ContractPlan, Plan
from monitor.core.snapshot import IntArray, Scope, Verdict
from monitor.core.standards import Formula, Measure, Standard
from monitor.core.verdict import MEASURES, judged

_UTC: Final = "UTC"
# What ends a visit, each of them once: answered or not, whatever came after.
_SETTLED: Final = (
    fields.ANSWERED,
    fields.ABANDONED,
    fields.DEQUEUED,
    fields.DISCONNECTED_WAITING,
    fields.ENDED_UNKNOWN_WAITING,
)


class PeriodKind(StrEnum):
    """Kinds of periods."""

    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True, slots=True)
class Period:
    """One period.

    Attributes:
        kind: Its kind.
        zone: IANA name of the zone whose midnights bound it.
        start_ms: Epoch ms.
        end_ms: Epoch ms; not part of it.
    """

    kind: PeriodKind
    zone: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Amendment:
    """What was added to an interval long after its end.

    Attributes:
        start_ms: Where the interval begins, epoch ms.
        recorded_ms: The boundary at which it was recorded, epoch ms.
        counts: One for each of `fields.FIELDS`; any sign.
    """

    start_ms: int
    recorded_ms: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """A period of one scope.

    Attributes:
        period: Which.
        scope: Name of the scope.
        at_ms: As of when, epoch ms.
        counted_from_ms: Where the stored intervals begin; None when nothing is stored yet. What
            lies before is not in the counts.
        counts: Shape (fields,), int64.
        formula: By which the service level is counted.
        verdicts: One for each measure that the standard limits.
        amended_total: Amendments that are in the counts.
        amendments: The newest of them, the newest first.
    """

    period: Period
    scope: str
    at_ms: int
    counted_from_ms: int | None
    counts: IntArray
    formula: Formula
    verdicts: tuple[Verdict, ...]
    amended_total: int
    amendments: tuple[Amendment, ...]

    @property
    def in_progress(self) -> int:
        """Visits that arrived in the period and are not over: they count as offered alone."""
        over = sum(int(self.counts[field]) for field in _SETTLED)
        return max(0, int(self.counts[fields.OFFERED]) - over)

    @property
    def average_hold_s(self) -> float | None:
        """Seconds; None without answered calls."""
        hold_ms = _quotient(measures.average_hold(self.counts))
        return None if hold_ms is None else hold_ms / SECOND_MS

    @property
    def service_level(self) -> float | None:
        """0 to 1; None without decided calls."""
        return _quotient(measures.service_level(self.formula, self.counts))

    @property
    def disconnect_band(self) -> tuple[float | None, float | None, float | None]:
        """Low, default and high share of disconnected among all calls made; None without any."""
        band, _ended = measures.disconnects(self.counts)
        made = self.counts[fields.CALLS_MADE]
        low, default, high = (_quotient((part, made)) for part in band)
        return low, default, high


def zone_of(plan: Plan, scope: Scope) -> str:
    """The zone of a scope's periods.

    That is the first service area of its contract. A scope of several contracts has their zone if
    they share one, and UTC if not, so that its periods are nobody's rather than somebody else's.
    """
    zones = {
        contract.service_areas[0] if contract.service_areas else _UTC
        for contract in plan.contracts
        if _concerns(contract, scope)
    }
    return zones.pop() if len(zones) == 1 else _UTC


def measure(
    counts: IntArray, standard: Standard, period: Period, min_calls: int
) -> tuple[Verdict, ...]:
    """The verdicts of a standard on a period.

    Args:
        counts: Shape (fields,), int64.
        standard: What the scope is held to.
        period: Which.
        min_calls: A verdict on fewer calls is insufficient.
    """
    length_ms = period.end_ms - period.start_ms
    found = (standard.requirement(each) for each in MEASURES)
    return tuple(
        judged(
            requirement,
            counts,
            _pair(requirement.measure, requirement.formula, counts),
            window_ms=length_ms,
            min_calls=min_calls,
        )
        for requirement in found
        if requirement is not None
    )


def _quotient(pair: Pair) -> float | None:
    above, below = int(pair[0]), int(pair[1])
    return above / below if below > 0 else None


def _pair(each: Measure, formula: Formula, counts: IntArray) -> Pair:
    if each is Measure.SERVICE_LEVEL:
        return measures.service_level(formula, counts)
    if each is Measure.AVERAGE_HOLD:
        return measures.average_hold(counts)
    return counts[..., fields.DISCONNECTED], counts[..., fields.CALLS_MADE]


def _concerns(contract: ContractPlan, scope: Scope) -> bool:
    if "contract" in scope.labels:
        return contract.id == scope.labels["contract"]
    if scope.lines:
        return contract.id in {served for served, _ in scope.lines}
    return scope.labels.get("legal_entity", contract.legal_entity) == contract.legal_entity
