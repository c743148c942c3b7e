"""Notices: what the watch finds, as alerts with the life that all alerts have.

    CallCenterOutage         critical   while an outage of a contract is open
    CallCenterDeadlineAtRisk by plan    while the forecast says that it may not be restored in time
    CallCenterDeadlineMissed critical   from its missed deadline until it is restored
    CallCenterBlind          warning    while a contract has not been seen for longer than allowed

An outage is its own memory: its alerts are made from it whenever they are asked for. Kept beside it
is only what nothing else knows: since when a contract has not been seen, how many outages there
were, and which changes have been told. Blindness is a notice of its own; it opens no outage and
closes none. Of a deadline at risk there is one alert at a time; when its severity changes, it ends
and the next begins, because receivers know an alert by its labels.

Invariant: a key is made of organization, rule, scope and onset, and of a risk which one it is, so a
restart and a second replica with the same inputs make the same.

Pure: no I/O, no clock.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

import msgspec
from msgspec import Struct

from monitor.core.alerts import RESOLVED_FOR_MS
from monitor.core.outages.book import OutageBook
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.facts import Facts
from monitor.core.outages.outage import UNKNOWN, Happening, Outage, Risk
from monitor.core.outages.sentences import evidence_sentence, what_fails
from monitor.core.outages.sight import Sight
from monitor.core.snapshot import Alert, AlertState, Notice, Scope, Transition

OUTAGE: Final = "CallCenterOutage"
AT_RISK: Final = "CallCenterDeadlineAtRisk"
MISSED: Final = "CallCenterDeadlineMissed"
BLIND: Final = "CallCenterBlind"
_CLAUSE: Final = "42 CFR 422.504(o)(2), 423.505(p)(2)"
# Of one outage the first changes are kept, and the newest.
_FIRST_KEPT: Final = 10
_COURSE_KEPT: Final = 60
_COURSES_KEPT: Final = 200
_BLIND_KEPT: Final = 10_000
# Happenings that are kept with what speaks for which cause.
_WITH_CAUSES: Final = frozenset(("opened", "relapsed", "ladder", "missed"))


class Blindness(Struct):
    """A time in which a contract could not be seen, once it was too long.

    Attributes:
        contract: Its id.
        since_ms: Since when.
        fired_ms: When that was too long.
        resolved_ms: When it was seen again; UNKNOWN before.
        sources: Names of the sources that were not heard, last.
        lines: Names of the scopes that were not seen, last.
    """

    contract: str
    since_ms: int
    fired_ms: int
    resolved_ms: int = UNKNOWN
    sources: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


class NoticeState(Struct):
    """Everything that a restart must not lose.

    Attributes:
        unseen_ms: Since when each contract that cannot be seen cannot.
        blind: Blindnesses that go on, by contract.
        over: Those that ended lately, the oldest first.
        told: State of each alert as it was told last, by key.
        opened: Outages of each contract, since the store began.
        courses: What became of each outage, by id.
        resumed_ms: Before this instant nobody listened, which is no blindness of a contract.
    """

    resumed_ms: int = UNKNOWN
    unseen_ms: dict[str, int] = msgspec.field(default_factory=dict)
    blind: dict[str, Blindness] = msgspec.field(default_factory=dict)
    over: list[Blindness] = msgspec.field(default_factory=list)
    told: dict[str, AlertState] = msgspec.field(default_factory=dict)
    opened: dict[str, int] = msgspec.field(default_factory=dict)
    courses: dict[str, list[tuple[int, str]]] = msgspec.field(default_factory=dict)


class Notices:
    """The alerts of one watch.

    Args:
        organization: Part of every key.
        book: The outages.
        scopes: Of each configured contract its own scope and those of its lines.
        plan: A contract that is not seen for longer than it says is blind.

    Attributes:
        scopes: As given.
        plan: As given.
        state: See there.
    """

    def __init__(
        self,
        organization: str,
        book: OutageBook,
        scopes: Mapping[str, tuple[Scope, ...]],
        plan: ContinuityPlan,
    ) -> None:
        self._organization = organization
        self._book = book
        self.scopes = scopes
        self.plan = plan
        self.state = NoticeState()
        self._happened: list[Happening] = []
        self._firing: dict[str, Alert] = {}

    @property
    def is_settled(self) -> bool:
        """Whether every contract is blind, and has been told to be."""
        return self.state.blind.keys() >= self.scopes.keys()

    def record(self) -> None:
        """Take note of what has happened to outages, and hold it until it is taken."""
        courses, happened = self.state.courses, self._book.take()
        self._happened += happened
        for one in happened:
            if one.kind in _WITH_CAUSES:
                outage = self._book.find(one.outage)
                if outage is not None and outage.causes is not None:
                    one.figures["causes"] = msgspec.to_builtins(outage.causes)
            if one.kind in ("opened", "declared") and one.outage not in courses:
                opened = self.state.opened
                opened[one.contract] = opened.get(one.contract, 0) + 1
            course = courses.setdefault(one.outage, [])
            course.append((one.at_ms, one.kind))
            if len(course) > _COURSE_KEPT:
                del course[_FIRST_KEPT]
        while len(courses) > _COURSES_KEPT:
            known = {outage.id for outage in self._book.open.values()}
            del courses[next((name for name in courses if name not in known), next(iter(courses)))]

    def take(self) -> list[Happening]:
        """What has happened to outages since the last call."""
        happened, self._happened = self._happened, []
        return happened

    def look(self, facts: Facts, sight: Sight) -> None:
        """Take up which contracts could be seen in one second."""
        if facts.at_ms < self.state.resumed_ms:
            return
        if facts.is_seen.all() and not self.state.unseen_ms:
            return
        sources = sight.unseen(facts.at_ms)
        for contract, scopes in self.scopes.items():
            unseen = tuple(scope.name for scope in scopes if not facts.is_seen[scope.row])
            self._see(contract, facts.at_ms, unseen, sources)

    def changes(self, at_ms: int) -> list[Alert]:
        """The alerts whose state has changed since the last call, as of `at_ms`."""
        state = self.state
        while state.over and at_ms - state.over[0].resolved_ms >= RESOLVED_FOR_MS:
            state.over.pop(0)
        if not (self._book.open or self._book.closed or state.blind or state.over or state.told):
            return []
        alerts = {alert.key: alert for alert in self.alerts(at_ms)}
        changed = [one for one in alerts.values() if state.told.get(one.key) is not one.state]
        # An outage that is followed no longer, because its contract is gone, ends without an end.
        changed += [
            replace(one, state=AlertState.RESOLVED, resolved_ms=at_ms, reason="rule_removed")
            for key, one in self._firing.items()
            if key not in alerts
        ]
        state.told = {key: one.state for key, one in alerts.items()}
        self._firing = {key: one for key, one in alerts.items() if one.state is AlertState.FIRING}
        return changed

    def alerts(self, at_ms: int) -> list[Alert]:
        """Firing and lately resolved alerts, as of `at_ms`."""
        outages = list(self._book.open.values())
        for outage in reversed(self._book.closed):
            if at_ms - outage.closed_ms >= RESOLVED_FOR_MS:
                break
            outages.append(outage)
        found = [alert for outage in outages for alert in self._of_outage(outage, at_ms)]
        over = (one for one in self.state.over if at_ms - one.resolved_ms < RESOLVED_FOR_MS)
        found += [self._of_blindness(one, at_ms) for one in (*self.state.blind.values(), *over)]
        return found

    def course(self, outage_id: str) -> tuple[Transition, ...]:
        """The changes of an outage that are kept, the oldest first."""
        return tuple(Transition(*one) for one in self.state.courses.get(outage_id, ()))

    def _see(
        self, contract: str, at_ms: int, unseen: tuple[str, ...], sources: Iterable[str]
    ) -> None:
        """Take up whether one contract could be seen.

        Args:
            contract: Its id.
            at_ms: The second.
            unseen: Names of its scopes that could not be seen; empty when all could.
            sources: Names of the sources that are not heard.
        """
        state = self.state
        if not unseen:
            state.unseen_ms.pop(contract, None)
            over = state.blind.pop(contract, None)
            if over is not None:
                over.resolved_ms = at_ms
                state.over.append(over)
                del state.over[:-_BLIND_KEPT]
            return
        since_ms = state.unseen_ms.setdefault(contract, at_ms)
        fired_ms = since_ms + self.plan.blind_after_ms
        if at_ms > fired_ms:
            blind = state.blind.setdefault(contract, Blindness(contract, since_ms, fired_ms))
            blind.sources, blind.lines = tuple(sorted(sources)), unseen

    def _of_outage(self, outage: Outage, at_ms: int) -> Iterator[Alert]:
        notice = Notice(
            at_ms=at_ms,
            contract=outage.contract,
            what=what_fails(outage),
            evidence=evidence_sentence(outage.evidence),
            outage=outage.id,
            deadline_ms=outage.deadline_ms,
            restored_ms=None if outage.is_open else outage.restored_ms,
        )
        onset, closed_ms = self._onset(outage), outage.closed_ms
        until = (closed_ms, "opened" if outage.is_open else "restored")
        yield self._alert(
            OUTAGE, "critical", onset, (outage.onset_ms, outage.opened_ms), until, notice
        )
        for risk in outage.risks:
            until = _end_of(risk, outage)
            if until[0] == UNKNOWN or at_ms - until[0] < RESOLVED_FOR_MS:
                key, since = f"{onset}/{risk.ordinal}", (risk.since_ms, risk.since_ms)
                likely = replace(notice, threat=outage.threat)
                yield self._alert(AT_RISK, risk.severity, key, since, until, likely)
        if outage.is_missed:
            since = (outage.deadline_ms, outage.deadline_ms)
            until = (closed_ms, "passed" if outage.is_open else "restored")
            yield self._alert(MISSED, "critical", onset, since, until, notice)

    def _of_blindness(self, blind: Blindness, at_ms: int) -> Alert:
        lines = [name.split("/", 2)[2] for name in blind.lines if name.startswith("line/")]
        notice = Notice(
            at_ms=at_ms,
            contract=blind.contract,
            what="not seen",
            evidence=f"lines not seen: {', '.join(lines)}" if lines else "",
            sources=blind.sources,
        )
        since = (blind.since_ms, blind.fired_ms)
        until = (blind.resolved_ms, "unseen" if blind.resolved_ms == UNKNOWN else "seen")
        return self._alert(BLIND, "warning", str(blind.since_ms), since, until, notice)

    def _onset(self, outage: Outage) -> str:
        """The onset as part of a key.

        An outage that was restored by hand to its onset, while it still did not work, is followed
        by one with the same onset, which must not pass for the old one.
        """
        before = sum(
            1
            for other in self._book.closed
            if other.contract == outage.contract
            and other.onset_ms == outage.onset_ms
            and other.opened_ms < outage.opened_ms
        )
        return f"{outage.onset_ms}/{before + 1}" if before else str(outage.onset_ms)

    def _alert(
        self,
        rule: str,
        severity: str,
        onset: str,
        since: tuple[int, int],
        until: tuple[int, str],
        notice: Notice,
    ) -> Alert:
        """One alert.

        Args:
            rule: Its name.
            severity: Its severity.
            onset: What tells it from others of the contract, in its key.
            since: Since when it is so, and when that was told.
            until: Until when, UNKNOWN while it is so; and why it changed last.
            notice: What it says.
        """
        contract, (resolved_ms, reason) = notice.contract, until
        is_over = resolved_ms != UNKNOWN
        scope = f"contract/{contract}"
        scopes = self.scopes.get(contract)
        unlisted = {"organization": self._organization, "contract": contract}
        return Alert(
            key=f"{self._organization}/{rule}/{scope}/{onset}",
            rule=rule,
            severity=severity,
            scope=scope,
            labels=scopes[0].labels if scopes else unlisted,
            measure=None,
            window_ms=None,
            state=AlertState.RESOLVED if is_over else AlertState.FIRING,
            breached_ms=since[0],
            fired_ms=since[1],
            resolved_ms=resolved_ms if is_over else None,
            reason=reason,
            value=None,
            limit=None,
            numerator=0,
            denominator=0,
            clause="" if rule == BLIND else _CLAUSE,
            notice=notice,
        )


def _end_of(risk: Risk, outage: Outage) -> tuple[int, str]:
    """When a risk ended, UNKNOWN while it goes on; and why its alert changed last."""
    if risk.until_ms != UNKNOWN:
        return risk.until_ms, risk.reason
    if outage.is_missed:
        return outage.deadline_ms, "missed"
    return outage.closed_ms, "likely" if outage.is_open else "restored"
