"""All outages: opens them on signals, follows them until they are restored, climbs the ladder.

Each contract has one outage at most, and a clock of its own; outages of several contracts that
began within a quarter of an hour are one incident. Whatever changes is a `Happening` for the
ledger, with a key made from the inputs alone, so that replaying the journal makes the same.

A contract fails when it or any of its lines has an active signal, or when the organization is
silent or without agents and nothing speaks for the contract. It is well when nothing speaks against
any of them and callers are answered in time. Only time that is seen and open confirms that.

Pure: no I/O, no clock.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from monitor.core import fields
from monitor.core.outages.confirmation import can_show, count_well
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.evidence import CAUSES
from monitor.core.outages.facts import BoolArray, Facts
from monitor.core.outages.outage import (
    CALL_CENTER,
    DECLARED,
    UNKNOWN,
    Evidence,
    Happening,
    Outage,
    OutageState,
    told,
)
from monitor.core.outages.signals import SignalKind, Signals
from monitor.core.outages.watched import Watched
from monitor.core.plan import HOUR_MS, MINUTE_MS

_SAME_INCIDENT_MS: Final = 15 * MINUTE_MS
_LONGEST_BACK_MS: Final = 24 * HOUR_MS
_CLOSED_KEPT: Final = 1_000
# An entry of the ledger is bounded, and a contract may have a thousand lines.
_LINES_TOLD: Final = 100
# An outage that is open may be declared again and again.
_EVIDENCE_KEPT: Final = 100
# What the organization tells of every contract. The rest counts calls to unknown queues as well.
_OF_THE_WHOLE: Final = (SignalKind.SILENCE, SignalKind.AGENTS)

# A signal and the row on which it is active.
Active = tuple[SignalKind, int]
# (contract, deadline in epoch ms) -> end of its last open time before it; None without one.
LastOpen = Callable[[str, int], int | None]


class OutageBook:
    """The outages of all contracts.

    Args:
        plan: Durations and thresholds.
        names: Name of every watched row.
        watched: The contracts.
        whole: Row of the organization.
        last_open_ms: Tells the effective deadline.

    Attributes:
        signals: The signals of all rows.
        contracts: Ids of the contracts.
        open: Open outages by contract.
        closed: Restored ones, the newest last.
    """

    def __init__(
        self,
        plan: ContinuityPlan,
        names: tuple[str, ...],
        watched: tuple[Watched, ...],
        whole: int,
        last_open_ms: LastOpen,
    ) -> None:
        self._plan = plan
        self._names = names
        self._watched = watched
        self.contracts = frozenset(one.contract for one in watched)
        self._whole = whole
        self._last_open_ms = last_open_ms
        self.signals = Signals(plan, len(names))
        self.open: dict[str, Outage] = {}
        self.closed: deque[Outage] = deque(maxlen=_CLOSED_KEPT)
        self.suspected: dict[str, int] = {}
        self._happened: list[Happening] = []
        self._marked: frozenset[int] = frozenset()  # rows with an active signal

    def state_of(self, contract: str) -> OutageState:
        """Where a contract is."""
        outage = self.open.get(contract)
        if outage is not None:
            return outage.state
        return OutageState.SUSPECTED if contract in self.suspected else OutageState.NORMAL

    def update(self, facts: Facts) -> None:
        """Move everything to one second, not before the last one."""
        signals = self.signals
        signals.update(facts)
        stirred: BoolArray = np.logical_or.reduce(signals.since_ms >= 0)
        if not (stirred.any() or self.open or self.suspected):
            return
        self._marked = frozenset(np.flatnonzero(signals.is_active.any(axis=0)).tolist())
        for watched in self._concerned(frozenset(np.flatnonzero(stirred).tolist())):
            outage = self.open.get(watched.contract)
            active = self._active(watched, facts) if self._marked else []
            if outage is None:
                self._look(watched, facts, active)
            else:
                self._follow(outage, watched, facts, active)
        # The clock of a contract that is no longer configured goes on as well.
        for outage in tuple(self.open.values()):
            if outage.contract in self._plan.abandon and outage.contract not in self.contracts:
                self._abandon(outage, facts.at_ms)
            else:
                self._climb(outage, facts.at_ms)

    def _concerned(self, rows: frozenset[int]) -> Iterator[Watched]:
        """The contracts of which there is anything to say: on most seconds a few out of many."""
        known = self.open.keys() | self.suspected.keys()
        for one in self._watched:
            if self._whole in rows or one.contract in known or not rows.isdisjoint(one.rows):
                yield one

    def take(self) -> list[Happening]:
        """What has happened since the last call."""
        happened, self._happened = self._happened, []
        return happened

    def next_due_ms(self) -> int | None:
        """When the clock of any open outage has something to tell; None without one."""
        step_ms = self._plan.ladder_step_ms
        found = [outage.onset_ms + step_ms(outage.step) for outage in self.open.values()]
        found += [one.deadline_ms + 1 for one in self.open.values() if not one.is_missed]
        return min(found, default=None)

    def find(self, outage_id: str) -> Outage | None:
        """The outage with an id, open or restored; None for one that is not known."""
        for outage in (*self.open.values(), *self.closed):
            if outage.id == outage_id:
                return outage
        return None

    # -- by hand ------------------------------------------------------------------------------

    def declare(self, contract: str, onset_ms: int, at_ms: int, who: str, why: str) -> Outage:
        """Open an outage by hand, or take note of it in the one that is open.

        Args:
            contract: Id of a watched contract.
            onset_ms: When it ceased to work, as far as is known.
            at_ms: Now.
            who: The actor.
            why: What was said.

        Returns:
            The outage.
        """
        outage = self.open.get(contract)
        said = Evidence(DECLARED, f"contract/{contract}", None, onset_ms, at_ms, {})
        if outage is None:
            watched = next(one for one in self._watched if one.contract == contract)
            outage = self._open(watched, at_ms, [said])
        elif len(outage.evidence) < _EVIDENCE_KEPT:
            outage.evidence.append(said)
        self.tell("declared", outage, at_ms, {"who": who, "why": why, "onset_ms": onset_ms})
        return outage

    def note(self, outage: Outage, at_ms: int, who: str, text: str) -> None:
        """Keep what somebody has to say about an outage."""
        self.tell("noted", outage, at_ms, {"who": who, "text": text})

    def restore(self, outage: Outage, restored_ms: int, at_ms: int, who: str, why: str) -> None:
        """Close an outage by hand; what the figures say is kept beside it."""
        assert outage.is_open
        outage.restored_by = who
        self._close(outage, max(outage.onset_ms, restored_ms), at_ms, {"who": who, "why": why})

    # -- one contract -------------------------------------------------------------------------

    def _active(self, watched: Watched, facts: Facts) -> list[Active]:
        """Active signals on a contract and its lines, or else on the whole."""
        row, whole = watched.row, self._whole
        found = self._active_on(watched.rows, tuple(SignalKind))
        is_due = facts.is_open[row] and facts.is_seen[row]
        if found or not is_due or self.signals.well_since_ms[row] != UNKNOWN:
            return found
        return self._active_on((whole,), _OF_THE_WHOLE)

    def _active_on(self, rows: tuple[int, ...], kinds: tuple[SignalKind, ...]) -> list[Active]:
        active, marked = self.signals.is_active, self._marked
        return [(kind, row) for row in rows if row in marked for kind in kinds if active[kind, row]]

    def _evidence_of(self, active: list[Active], facts: Facts) -> list[Evidence]:
        return [self._evidence(kind, row, facts) for kind, row in active]

    def _evidence(self, kind: SignalKind, row: int, facts: Facts) -> Evidence:
        return Evidence(
            signal=kind.name.lower(),
            scope=self._names[row],
            cause=CAUSES[kind.name.lower()],
            onset_ms=int(self.signals.onset_ms[kind, row]),
            since_ms=int(self.signals.since_ms[kind, row]),
            figures=self.signals.evidence(kind, row, facts),
        )

    def _look(self, watched: Watched, facts: Facts, active: list[Active]) -> None:
        """A contract without an outage."""
        contract, at_ms = watched.contract, facts.at_ms
        if active:
            self.suspected.pop(contract, None)
            self._open(watched, at_ms, self._evidence_of(active, facts))
            return
        pending = bool((self.signals.since_ms[:, list(watched.rows)] >= 0).any())
        if pending and contract not in self.suspected:
            self.suspected[contract] = at_ms
        elif not pending and contract in self.suspected and facts.is_seen[watched.row]:
            del self.suspected[contract]

    def _open(self, watched: Watched, at_ms: int, evidence: list[Evidence]) -> Outage:
        contract = watched.contract
        onsets = [one.onset_ms for one in evidence if one.onset_ms != UNKNOWN]
        back_ms = 0 if evidence[0].signal == DECLARED else at_ms - _LONGEST_BACK_MS
        restored = [one.restored_ms for one in self.closed if one.contract == contract]
        onset_ms = max((back_ms, min((at_ms, *onsets)), *restored))
        deadline_ms = onset_ms + self._plan.restore_within_ms
        last_open_ms = self._last_open_ms(contract, deadline_ms)
        effective_ms = deadline_ms if last_open_ms is None else max(last_open_ms, onset_ms)
        scopes = sorted({one.scope for one in evidence})
        outage_id = self._fresh_id(contract, at_ms)
        outage = self.open[contract] = Outage(
            id=outage_id,
            incident=self._incident(onset_ms) or outage_id,
            contract=contract,
            function=CALL_CENTER,
            state=OutageState.OUTAGE,
            onset_ms=onset_ms,
            opened_ms=at_ms,
            deadline_ms=deadline_ms,
            effective_deadline_ms=effective_ms,
            evidence=evidence,
            lines=scopes,
            touched=scopes,
            lines_ms=at_ms,
            told_lines=scopes,
        )
        self.tell(
            "opened",
            outage,
            at_ms,
            {
                "onset_ms": onset_ms,
                "deadline_ms": deadline_ms,
                "effective_deadline_ms": effective_ms,
                "incident": outage.incident,
                **told(evidence),
            },
        )
        return outage

    def _fresh_id(self, contract: str, at_ms: int) -> str:
        """An id of no other outage, even if one was opened and restored at this instant."""
        while self.find(found := f"{contract}/{CALL_CENTER}/{at_ms}") is not None:
            at_ms += 1
        return found

    def _incident(self, onset_ms: int) -> str | None:
        """The incident of another contract that began at about the same time."""
        for other in self.open.values():
            if abs(other.onset_ms - onset_ms) <= _SAME_INCIDENT_MS:
                return other.incident
        return None

    def _follow(self, outage: Outage, watched: Watched, facts: Facts, active: list[Active]) -> None:
        if not all(facts.is_seen[row] for row in watched.rows):
            # What is not seen is neither good nor bad, and no part of a turn.
            outage.seen_ms, outage.turn_ms = facts.at_ms, UNKNOWN
            return
        if active:
            self._go_on(outage, facts, active)
        elif outage.state is OutageState.OUTAGE:
            # What no signal has seen, none can see the end of: that has to be said by hand.
            turns = not outage.is_declared_only and self._is_well(outage, watched, facts)
            if self._turns(outage, facts.at_ms, turns=turns):
                self._recover(outage, watched, facts)
        elif self._turns(outage, facts.at_ms, turns=self._is_bad(watched)):
            self._go_on(outage, facts, [])
        elif outage.turn_ms == UNKNOWN:
            self._confirm(outage, watched, facts)
        else:
            outage.seen_ms = facts.at_ms

    def _turns(self, outage: Outage, at_ms: int, *, turns: bool) -> bool:
        """Whether it has looked the other way for long enough."""
        if not turns:
            outage.turn_ms = UNKNOWN
        elif outage.turn_ms == UNKNOWN:
            outage.turn_ms = at_ms
        return turns and at_ms - outage.turn_ms >= self._plan.turn_ms

    def _recover(self, outage: Outage, watched: Watched, facts: Facts) -> None:
        outage.state, outage.lines = OutageState.RECOVERING, []
        outage.well_since_ms = self._well_since_ms(outage, watched)
        outage.well_by = {}
        count_well(outage, watched, self._names, facts.is_open, facts.at_ms - outage.turn_ms)
        outage.turn_ms, outage.seen_ms = UNKNOWN, facts.at_ms
        outage.answered_before = int(facts.lifetime[watched.row, fields.ANSWERED])
        self.tell("recovering", outage, facts.at_ms, {"well_since_ms": outage.well_since_ms})

    def _go_on(self, outage: Outage, facts: Facts, active: list[Active]) -> None:
        at_ms, scopes = facts.at_ms, sorted({self._names[row] for _, row in active})
        if scopes != outage.lines:
            outage.lines, outage.lines_ms = scopes, at_ms
        # Signals of small lines come and go: what has failed before is told again once it lasts.
        is_due = at_ms - outage.lines_ms >= MINUTE_MS or not set(outage.touched).issuperset(scopes)
        outage.turn_ms = UNKNOWN
        outage.touched = sorted({*outage.touched, *scopes})
        if outage.state is OutageState.RECOVERING:
            outage.state, outage.told_lines = OutageState.OUTAGE, scopes
            outage.relapses += 1
            outage.well_since_ms, outage.well_ms = UNKNOWN, 0
            evidence = told(self._evidence_of(active, facts))
            self.tell("relapsed", outage, at_ms, {"relapses": outage.relapses, **evidence})
        elif scopes and scopes != outage.told_lines and is_due:
            kind = "partial" if set(scopes) < set(outage.told_lines) else "evidence"
            outage.told_lines = scopes
            evidence = told(self._evidence_of(active, facts))
            figures = {"lines": scopes[:_LINES_TOLD], "lines_total": len(scopes), **evidence}
            self.tell(kind, outage, at_ms, figures)
        if outage.is_declared_only:
            outage.evidence += self._evidence_of(active, facts)

    def _is_bad(self, watched: Watched) -> bool:
        return any(bool(self.signals.is_bad[row]) for row in watched.rows)

    def _is_well(self, outage: Outage, watched: Watched, facts: Facts) -> bool:
        """Whether nothing speaks against it and callers are answered in time."""
        is_answered = self.signals.well_since_ms[watched.row] != UNKNOWN
        can = is_answered and can_show(outage, watched, self._names, facts.is_open)
        return bool(can) and not self._is_bad(watched)

    def _well_since_ms(self, outage: Outage, watched: Watched) -> int:
        """Start of the good period: since when callers of all that had failed are answered."""
        since_ms = [int(self.signals.well_since_ms[row]) for row in watched.rows]
        return max(outage.onset_ms, *since_ms)

    def _confirm(self, outage: Outage, watched: Watched, facts: Facts) -> None:
        count_well(outage, watched, self._names, facts.is_open, facts.at_ms - outage.seen_ms)
        outage.seen_ms = facts.at_ms
        answered = int(facts.lifetime[watched.row, fields.ANSWERED]) - outage.answered_before
        is_shown = answered >= self._plan.recover_min_answered
        if outage.well_ms >= self._plan.confirm_ms and is_shown:
            self._close(outage, outage.well_since_ms, facts.at_ms, {"answered": answered})

    def _close(self, outage: Outage, restored_ms: int, at_ms: int, figures: dict[str, Any]) -> None:
        outage.state, outage.lines = OutageState.NORMAL, []
        outage.restored_ms, outage.closed_ms = restored_ms, at_ms
        del self.open[outage.contract]
        self.closed.append(outage)
        shown = {
            **figures,
            "restored_ms": restored_ms,
            "onset_ms": outage.onset_ms,
            "lasted_ms": restored_ms - outage.onset_ms,
            "deadline_ms": outage.deadline_ms,
            "met_deadline": outage.met_deadline,
            "relapses": outage.relapses,
        }
        self.tell("restored", outage, at_ms, shown)

    def _abandon(self, outage: Outage, at_ms: int) -> None:
        """Follow it no longer: its contract is gone, and the operator says that this is known."""
        del self.open[outage.contract]
        self.tell("abandoned", outage, at_ms, {"onset_ms": outage.onset_ms})

    # -- ladder -------------------------------------------------------------------------------

    def _climb(self, outage: Outage, at_ms: int) -> None:
        """Tell every step of the ladder that the outage has reached."""
        age_of = self._plan.ladder_step_ms
        while outage.is_open and (age_ms := age_of(outage.step)) <= at_ms - outage.onset_ms:
            outage.step += 1
            step_ms = outage.onset_ms + age_ms
            figures = {"age_ms": age_ms, "left_ms": outage.deadline_ms - step_ms}
            self.tell("ladder", outage, at_ms, figures)
        # Good since before the deadline and not confirmed yet: it may still be met.
        is_down = outage.is_open and outage.state is OutageState.OUTAGE
        if is_down and at_ms > outage.deadline_ms and not outage.is_missed:
            outage.is_missed = True
            self.tell("missed", outage, at_ms, {"deadline_ms": outage.deadline_ms})

    def tell(self, kind: str, outage: Outage, at_ms: int, figures: dict[str, Any]) -> None:
        """Note a happening of an outage."""
        key = f"outage/{outage.id}/{outage.told}"
        outage.told += 1
        self._happened.append(Happening(key, at_ms, kind, outage.contract, outage.id, figures))
