"""Watches a plan's contracts for outages: puts together what is known each second, and judges it.

The one place where the parts of this package meet what the engine counts: windows, waiting calls,
agents, required hours, sight of the sources, and what is expected.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from monitor.core import fields
from monitor.core.bundles import BundledWindows, Bundles
from monitor.core.fields import FIELD_COUNT
from monitor.core.outages import causes
from monitor.core.outages.book import OutageBook
from monitor.core.outages.causes import CauseKeeper
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.demand import Demand
from monitor.core.outages.expectation import Expectation
from monitor.core.outages.facts import BoolArray, Facts
from monitor.core.outages.hours import OpeningHours
from monitor.core.outages.inputs import Declared, Input, LinkChanged, Noted, RestoredByHand
from monitor.core.outages.notices import Notices
from monitor.core.outages.outage import Outage
from monitor.core.outages.sight import Sight
from monitor.core.outages.staff import AgentsBySource, Staff
from monitor.core.outages.talks import Talks
from monitor.core.outages.threat import ThreatKeeper
from monitor.core.outages.watched import Watched
from monitor.core.outages.week_clock import SLOTS, WeekClock
from monitor.core.plan import MINUTE_MS, SECOND_MS, Plan
from monitor.core.ring import WindowRing
from monitor.core.scopes import ScopeTable
from monitor.core.snapshot import Alert, FloatArray, IntArray
from monitor.core.standards import Measure
from monitor.core.verdict import Judge
from monitor.core.waiting import Waiters

# Windows that the signals look at: a second, one minute, five, fifteen, an hour.
_WINDOWS_S: Final = (1, 60, 300, 900, 3_600)


def detection_windows(table: ScopeTable) -> BundledWindows:
    """The windows that a watch of the table's scopes wants of the ring."""
    return BundledWindows(_WINDOWS_S, Bundles(table.hierarchy()))


def _usual(plan: Plan, row_of: Mapping[str, int]) -> FloatArray:
    """What the plan expects of a usual week: of its lines, and of contracts whose lines all say it.

    Shape (rows, slots), float64, NaN where nothing is said.
    """
    found = np.full((len(row_of), SLOTS), np.nan)
    for contract in plan.contracts:
        rows = [row_of[f"line/{contract.id}/{line.name}"] for line in contract.lines]
        for row, line in zip(rows, contract.lines, strict=True):
            if line.expected_calls:
                found[row] = line.expected_calls
        if not any(line.shared for line in contract.lines):
            found[row_of[f"contract/{contract.id}"]] = found[rows].sum(axis=0)
    return found


@dataclass(slots=True)
class Kept:
    """What else a watch needs after a restart.

    Attributes:
        rows: Arrays with a row for each watched scope, by name.
        quarter: Which quarter-hour it is; -1 before the first.
        direct_names: Names of the direct rows.
    """

    rows: dict[str, npt.NDArray[Any]]
    quarter: int
    direct_names: tuple[str, ...]


class OutageWatch:
    """Follows every contract of a plan.

    Args:
        plan: What is watched.
        continuity: When that is an outage.
        table: The scopes; those above the queues are watched.
        judge: Knows the limits.

    Attributes:
        book: The outages.
        hours: When which scope has to be open.
        sight: The sources.
        expectation: What to expect.
        threat: Forecasts of the open outages.
        causes: Evidence of their causes.
        facts: The last second; None before the first.
        notices: The alerts about all that.
        names: Names of the watched scopes, in row order.
    """

    def __init__(
        self, plan: Plan, continuity: ContinuityPlan, table: ScopeTable, judge: Judge
    ) -> None:
        self._table = table
        scopes = table.scopes[: table.upper]
        names = self.names = tuple(scope.name for scope in scopes)
        row_of = {name: row for row, name in enumerate(names)}
        self._rows_of = {
            contract.id: tuple(
                row_of[name]
                for name in (
                    f"contract/{contract.id}",
                    *(f"line/{contract.id}/{line.name}" for line in contract.lines),
                )
            )
            for contract in plan.contracts
        }
        watched = tuple(Watched(name, rows[0], rows) for name, rows in self._rows_of.items())
        self.hours = OpeningHours(plan, row_of, self._rows_of)
        self.book = OutageBook(continuity, names, watched, 0, self.hours.last_open_ms)
        self.notices = Notices(
            plan.organization,
            self.book,
            {name: tuple(scopes[row] for row in rows) for name, rows in self._rows_of.items()},
            continuity,
        )
        self.sight = Sight(continuity.blind_after_ms)
        for source in plan.sources:
            self.sight.source(source)
        self._staff = Staff(table, self.sight)
        self.expectation = Expectation(WeekClock(plan, scopes), _usual(plan, row_of))
        self.threat = ThreatKeeper(continuity, self.hours.spans)
        self.causes = CauseKeeper(names)
        self.facts: Facts | None = None
        self._limits = judge.limit(Measure.AVERAGE_HOLD, np.arange(len(names)))
        self._answered_ms: IntArray = np.full(len(names), -1, dtype=np.int64)
        self._offered_ms: IntArray = np.full(len(names), -1, dtype=np.int64)
        self._counted: IntArray | None = None
        self._before: IntArray = np.zeros((len(names), FIELD_COUNT), dtype=np.int64)
        below = {rows[0]: rows[1:] for rows in self._rows_of.values()}
        below[0] = tuple(below)
        self.demand = Demand(self.expectation, len(names), below)
        self.talks = Talks(plan.limits.call_age_ms, len(names))

    def tick(
        self, at_ms: int, ring: WindowRing, waiters: Waiters, agents: AgentsBySource
    ) -> list[Alert]:
        """Judge one second.

        Args:
            at_ms: A whole second, later than the last one; the ring stands there.
            ring: Keeps the `detection_windows`.
            waiters: Who waits in all rows of the table.
            agents: Agents by source and state.

        Returns:
            Alerts whose state has changed.
        """
        facts = self.facts = self._gather(at_ms, ring, waiters, agents)
        self.demand.update(facts, self.book.signals.is_bad)
        self.book.update(facts)
        self.causes.follow(facts)
        self._threaten(facts)
        self.notices.record()
        self.notices.look(facts, self.sight)
        return self.notices.changes(at_ms)

    def _threaten(self, facts: Facts) -> None:
        """Say of every open outage how likely its deadline is missed, and what its causes are."""
        book = self.book
        if not (book.open or self.threat.minutes):
            return
        past_ms = tuple(
            one.restored_ms - one.onset_ms for one in book.closed if one.restored_ms > one.onset_ms
        )
        for turn, outage in enumerate(book.open.values()):
            rows = self._rows_of.get(outage.contract)
            if rows is not None:
                told = self.threat.follow(outage, turn, facts, rows, self.expectation, past_ms)
                if told is not None:
                    book.tell(told[0], outage, facts.at_ms, told[1])
                unseen = len(self.sight.unseen(facts.at_ms))
                self.causes.look(outage, turn, facts, rows, self.expectation, unseen)
        if len(self.threat.minutes) > len(book.open):
            for outage in book.closed:
                self.threat.forget(outage)

    def take_up(self, given: Input, now_ms: int) -> None:
        """Take up an input; one about a contract or an outage that is not there changes nothing."""
        book = self.book
        match given:
            case LinkChanged():
                self.sight.link(given.source, now_ms, is_linked=given.is_linked)
            case Declared() if given.contract in self._rows_of:
                onset_ms = min(given.onset_ms, now_ms)
                book.declare(given.contract, onset_ms, now_ms, given.who, given.why)
            case Noted():
                outage = book.find(given.outage)
                if outage is not None:
                    book.note(outage, now_ms, given.who, given.text)
            case RestoredByHand():
                outage = book.find(given.outage)
                if outage is not None and outage.is_open:
                    restored_ms = min(given.restored_ms, now_ms)
                    book.restore(outage, restored_ms, now_ms, given.who, given.why)
        self.notices.record()

    def resume(self, now_ms: int) -> None:
        """Nobody has listened up to now: every source has to be heard again."""
        self.sight.lose_all()
        self.notices.state.resumed_ms = now_ms

    def next_due_ms(self, at_ms: int) -> int | None:
        """The next instant at which time alone can change anything; None for never.

        That is every second while somebody is heard or sight goes, and what the clocks of open
        outages bring otherwise.
        """
        linked = any(source.is_linked for source in self.sight.sources.values())
        goes_blind = bool(self.sight.sources) and not self.notices.is_settled
        if linked or (goes_blind and at_ms >= self.notices.state.resumed_ms):
            return at_ms + SECOND_MS
        found = [self.book.next_due_ms()]
        for turn, outage in enumerate(self.book.open.values()):
            found += [
                (at_ms // MINUTE_MS + 1) * MINUTE_MS,
                self.threat.next_due_ms(outage, turn, at_ms),
                causes.next_due_ms(turn, at_ms),
            ]
        if self.notices.state.resumed_ms > at_ms:
            found.append(self.notices.state.resumed_ms)
        due_ms = min((one for one in found if one is not None), default=None)
        return None if due_ms is None else max(due_ms, at_ms + SECOND_MS)

    def kept(self) -> Kept:
        """What else a restart must not lose."""
        counted = self._counted
        if counted is None:
            counted = np.zeros((len(self.names), FIELD_COUNT), dtype=np.int64)
        return Kept(
            {
                "answered_ms": self._answered_ms,
                "offered_ms": self._offered_ms,
                "counted": counted,
                **{name: getattr(self.demand, name) for name in Demand.STATE},
                **{name: getattr(self.talks, name) for name in Talks.STATE},
            },
            self.demand.quarter,
            tuple(scope.name for scope in self._table.scopes[self._table.upper :]),
        )

    def keep(self, kept: Kept, lifetime: IntArray) -> None:
        """Take over what `kept` gave, for the same rows.

        Args:
            kept: What it gave.
            lifetime: What the ring counts for the rows now. A queue may have moved to another line
                meanwhile; that is no call, so lifetimes go on from where they were.
        """
        rows = kept.rows
        self._before = rows["counted"] - lifetime
        self._answered_ms, self._offered_ms = rows["answered_ms"], rows["offered_ms"]
        self._counted = rows["counted"]
        for part in (self.demand, self.talks):
            for name in part.STATE:
                setattr(part, name, rows[name])
        self.demand.go_on(kept.quarter)

    def outages(self) -> tuple[Outage, ...]:
        """Copies of the open outages and of those that were restored lately."""
        shown = (*self.book.open.values(), *reversed(self.book.closed))
        return tuple(copy(outage) for outage in shown)

    def _gather(
        self, at_ms: int, ring: WindowRing, waiters: Waiters, agents: AgentsBySource
    ) -> Facts:
        assert ring.bundled is not None
        (second, minute, five, quarter, hour), counted = ring.bundled.upper()
        lifetime = counted + self._before
        self._follow(at_ms, lifetime)
        rows = self._table.upper
        seen, beating = self.seen(at_ms)
        staffed, idle, single = self._staff.of_rows(agents)
        return Facts(
            at_ms=at_ms,
            last_minute=minute,
            five_minutes=five,
            quarter=quarter,
            hour=hour,
            lifetime=lifetime,
            talking=self.talks.count(at_ms, ring.bundled, seen),
            burst=second[:, fields.ABANDONED],
            waiting=waiters.counts[:rows],
            waited_ms=waiters.waited_ms[:rows],
            longest_wait_ms=waiters.longest_ms[:rows],
            last_answered_ms=self._answered_ms,
            last_offered_ms=self._offered_ms,
            staffed=staffed,
            idle=idle,
            is_single=single,
            expected_per_s=self.demand.expected_per_s,
            spread=self.demand.spread,
            is_seen=seen,
            is_beating=beating,
            is_open=self.hours.opened(at_ms),
            hold_limit_ms=self._limits,
        )

    def _follow(self, at_ms: int, lifetime: IntArray) -> None:
        """Note of which rows a call was answered, or entered a queue, since the last second."""
        before = lifetime if self._counted is None else self._counted
        for field, newest_ms in (
            (fields.ANSWERED, self._answered_ms),
            (fields.OFFERED, self._offered_ms),
        ):
            newest_ms[lifetime[:, field] > before[:, field]] = at_ms
        self._counted = lifetime

    # -- sight --------------------------------------------------------------------------------

    def seen(self, at_ms: int) -> tuple[BoolArray, BoolArray]:
        """Which rows can be heard, and of which silence proves something."""
        unseen, unbeating = self.sight.unseen(at_ms), self.sight.unbeating(at_ms)
        if not unseen and not unbeating:
            everything = np.ones(self._table.upper, dtype=np.bool_)
            return everything, everything
        return self._fed_without(unseen), self._fed_without(unseen | unbeating)

    def _fed_without(self, sources: frozenset[str]) -> BoolArray:
        """Rows that none of the sources feeds. A row that nobody fed yet is fed by all."""
        upper, every_source = self._table.upper, self.sight.sources.keys()
        if not sources:
            return np.ones(upper, dtype=np.bool_)
        if sources >= every_source:
            return np.zeros(upper, dtype=np.bool_)
        lacking = np.zeros((self._table.direct_count, 2), dtype=np.int64)
        for row, names in self.sight.feeds.items():
            lacking[row] = (1, not sources.isdisjoint(names))
        fed, without = self._table.roll_up(lacking)[:upper].T
        found: BoolArray = (fed > 0) & (without == 0)
        return found
