"""One outage of one contract: where it is, since when, and until when it has to be over.

            a condition       it lasted                 well again
    NORMAL ------------> SUSPECTED --------> OUTAGE ----------------> RECOVERING
      ^                      |                 ^                          |
      |      it went away    |                 |        bad again         |
      +<---------------------+                 +<-------------------------+
      ^                                                                   |
      +-------------------------------------------------------------------+
            well for the confirmation time: restored, dated to its start

The clock starts at the onset, which is dated back, runs by the wall clock and is never paused:
onset and deadline are two instants that nothing changes once the outage is open.

Pure: no I/O, no clock.
"""

from enum import IntEnum
from typing import Any, Final

from msgspec import Struct, field

UNKNOWN: Final = -1
CALL_CENTER: Final = "call_center"
DECLARED: Final = "declared"
# An entry of the ledger is bounded, and a contract may have a thousand lines.
_EVIDENCE_TOLD: Final = 50


class OutageState(IntEnum):
    """Where a contract is. The name in lower case is the word outside."""

    NORMAL = 0
    SUSPECTED = 1
    OUTAGE = 2
    RECOVERING = 3


class Evidence(Struct, frozen=True):
    """What a signal fired on.

    Attributes:
        signal: Name of the signal, or `declared`.
        scope: Name of the scope.
        cause: demand, staffing or technology: what it points to; None when to nothing alone.
        onset_ms: When it began to go wrong.
        since_ms: Since when the condition lasts.
        figures: The numbers that it fired on, by name; milliseconds and counts.
    """

    signal: str
    scope: str
    cause: str | None
    onset_ms: int
    since_ms: int
    figures: dict[str, int]


class Threat(Struct, frozen=True):
    """How likely the deadline is missed, and why. Probabilities in millionths.

    Attributes:
        at_ms: When that was forecast.
        miss_ppm: Probability to miss the deadline.
        climatology_ppm: The same if nothing were known but how long it has lasted.
        p10_ms, p50_ms, p90_ms: With these probabilities it is restored by then; None: beyond what
            can be seen.
        agents_more: Agents that are lacking; None when that is not what is missing, or not known.
        agents_from_ms: From when they would be needed.
        drivers: What each piece of evidence adds to the probability; negative helps.
        version: Of the model.
        told_ppm: The threshold at which it stands, as was told last; UNKNOWN below all of them.
        low_since_ms: Since when it has been clearly below that; UNKNOWN while it is not.
    """

    at_ms: int
    miss_ppm: int
    climatology_ppm: int
    p10_ms: int | None
    p50_ms: int | None
    p90_ms: int | None
    agents_more: int | None
    agents_from_ms: int | None
    drivers: dict[str, int]
    version: str
    told_ppm: int = UNKNOWN
    low_since_ms: int = UNKNOWN


class Risk(Struct, frozen=True):
    """A time in which the deadline was in danger, with one severity from its start to its end.

    Attributes:
        ordinal: Which one of its outage, from 1: part of its alert's key.
        severity: Of the alert.
        since_ms: When the forecast passed the threshold.
        until_ms: When it ended; UNKNOWN before.
        reason: Why it ended: raised or lowered, to another severity or to none; empty before.
    """

    ordinal: int
    severity: str
    since_ms: int
    until_ms: int = UNKNOWN
    reason: str = ""


class Cause(Struct, frozen=True):
    """What the figures say about one cause. It is evidence, and no finding.

    Attributes:
        scope: Name of the scope whose figures these are.
        ratio_ppm: What is there over what was expected, in millionths; of technology calls that
            were cut off over calls that ended. None where that is not known.
        signs: Names of what departs from expectation by more than chance or habit; see
            `causes.py`.
        figures: The numbers, by name; milliseconds and counts; only what is known.
    """

    scope: str
    ratio_ppm: int | None
    signs: tuple[str, ...]
    figures: dict[str, int]


class Causes(Struct, frozen=True):
    """What speaks for each of the three causes; None for one of which nothing is known.

    Attributes:
        at_ms: As of when.
        demand: Calls against the calls that were expected.
        staffing: Agents against those who were there before.
        technology: Calls cut off, not offered to free agents, or not coming at all.
    """

    at_ms: int
    demand: Cause | None
    staffing: Cause | None
    technology: Cause | None


class Baseline(Struct, frozen=True):
    """What was usual when an outage was opened.

    Attributes:
        scope: Name of the scope whose agents these are; empty for none.
        agents: The most that were there in the half hour before the onset; UNKNOWN.
        calls_per_hour: Calls that were expected; UNKNOWN.
    """

    scope: str = ""
    agents: int = UNKNOWN
    calls_per_hour: int = UNKNOWN


class Outage(Struct):
    """One outage.

    Attributes:
        id: `CONTRACT/call_center/OPENED_MS`: the same after a restart and on every replica.
        incident: Id of the first outage of the same incident.
        contract: Id of the contract.
        function: The essential function.
        state: OUTAGE, RECOVERING, or NORMAL once it is restored.
        onset_ms: When it ceased to work.
        opened_ms: When that was established.
        deadline_ms: When it has to be restored.
        effective_deadline_ms: End of the last time before the deadline at which the contract has
            to be open, so that restoration can still be shown; the deadline itself without one.
        evidence: What it was opened on.
        lines: Names of the scopes with an active signal now; empty while recovering.
        lines_ms: Since when these are they.
        told_lines: Those that were last told.
        touched: Names of all scopes that had one.
        step: How many steps of the ladder have been told.
        turn_ms: Since when it has looked the other way: well in an outage, bad while recovering;
            UNKNOWN while it does not.
        well_since_ms: Start of the good period; UNKNOWN while there is none.
        well_ms: How long it has been well, open and seen since then, by all that had failed.
        well_by: The same of each scope that had, by name.
        answered_before: Answered calls of the contract (lifetime) at that start.
        seen_ms: Until when `well_ms` has been counted.
        relapses: How often it was well and then not.
        restored_ms: When it was restored; UNKNOWN before.
        closed_ms: When that was confirmed; UNKNOWN before.
        restored_by: Who said so, when it was said by hand.
        is_missed: Whether the deadline has passed while it did not work.
        told: How many happenings it has had.
        threat: How likely the deadline is missed; None before the first forecast.
        risks: When that was an alert, the newest last; only the newest may go on.
        baseline: What was usual when it was opened; None before that is known.
        causes: What speaks for each cause; None before the first look.
    """

    id: str
    incident: str
    contract: str
    function: str
    state: OutageState
    onset_ms: int
    opened_ms: int
    deadline_ms: int
    effective_deadline_ms: int
    evidence: list[Evidence]
    lines: list[str]
    touched: list[str]
    step: int = 0
    turn_ms: int = UNKNOWN
    well_since_ms: int = UNKNOWN
    well_ms: int = 0
    answered_before: int = 0
    seen_ms: int = UNKNOWN
    relapses: int = 0
    restored_ms: int = UNKNOWN
    closed_ms: int = UNKNOWN
    restored_by: str | None = None
    is_missed: bool = False
    told: int = 0
    threat: Threat | None = None
    well_by: dict[str, int] = field(default_factory=dict)
    lines_ms: int = UNKNOWN
    told_lines: list[str] = field(default_factory=list)
    risks: tuple[Risk, ...] = ()
    baseline: Baseline | None = None
    causes: Causes | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is not restored yet."""
        return self.restored_ms == UNKNOWN

    @property
    def is_declared_only(self) -> bool:
        """Whether people say so, and no signal ever has."""
        return all(one.signal == DECLARED for one in self.evidence)

    @property
    def met_deadline(self) -> bool | None:
        """Whether it was restored by its deadline; None while that can still be told either way."""
        return None if self.is_open else self.restored_ms <= self.deadline_ms


class Happening(Struct, frozen=True):
    """Something that the ledger has to keep: at each change of an outage.

    Attributes:
        key: Unique, and the same however often the inputs are replayed.
        at_ms: The second of it.
        kind: opened, evidence, partial, recovering, relapsed, restored, ladder, missed, forecast,
            declared, noted or abandoned.
        contract: Id of the contract.
        outage: Id of the outage.
        figures: What there is to say: plain values only.
    """

    key: str
    at_ms: int
    kind: str
    contract: str
    outage: str
    figures: dict[str, Any]


def told(evidence: list[Evidence]) -> dict[str, Any]:
    """Evidence for the ledger, in plain values: what began first, and how much there is."""
    first = sorted(evidence, key=lambda one: one.onset_ms)[:_EVIDENCE_TOLD]
    return {
        "evidence": [
            {
                "signal": one.signal,
                "scope": one.scope,
                "cause": one.cause,
                "onset_ms": one.onset_ms,
                "since_ms": one.since_ms,
                "figures": one.figures,
            }
            for one in first
        ],
        "evidence_total": len(evidence),
    }
