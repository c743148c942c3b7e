"""Alerts: rules on verdicts, each with a life of its own on every scope that it watches.

                 breached                  breached for `for`
    (inactive) ------------> PENDING ----------------------------> FIRING
         ^                      |                                    |
         |  not breached        |          within `clear` for `clear_for`, or
         '----------------------'          too few calls for `no_data_for`
         ^                                                           v
         '---------------- forgotten after 15 minutes ----------- RESOLVED

A firing alert does not resolve because nobody calls any more: `insufficient` holds it until
`no_data_for` has passed, and then says so. Its key is made of what it is about and the instant at
which the breach began, so that a restart or a second replica makes the same.

Pure: no I/O, no clock.
"""

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from monitor.core.plan import MINUTE_MS, RulePlan
from monitor.core.scopes import ScopeTable
from monitor.core.snapshot import Alert, AlertState, IntArray, VerdictState
from monitor.core.standards import Measure
from monitor.core.verdict import Judge, passing

# Receivers are told of a resolution for this long, so it is remembered for this long.
RESOLVED_FOR_MS: Final = 15 * MINUTE_MS
_RESOLVED_KEPT: Final = 10_000
_PER_MILLE: Final = 1000
_INSUFFICIENT, _MET, _BREACHED = (
    int(state) for state in (VerdictState.INSUFFICIENT, VerdictState.MET, VerdictState.BREACHED)
)


class LiveAlert(Struct):
    """The mutable state of one alert.

    Attributes:
        rule: Name of its rule.
        scope: Name of its scope.
        state: Where it is in its life.
        breached_ms: Since when the breach lasts.
        fired_ms: When it fired; None while pending.
        resolved_ms: When it resolved; None before.
        clear_ms: Since when the measure has been back; None while it is not.
        no_data_ms: Since when there have been too few calls; None while there are enough.
        reason: Why the state changed last.
        numerator: Above the line when it was last judged on enough calls.
        denominator: Below the line then.
    """

    rule: str
    scope: str
    state: AlertState
    breached_ms: int
    fired_ms: int | None = None
    resolved_ms: int | None = None
    clear_ms: int | None = None
    no_data_ms: int | None = None
    reason: str = "breached"
    numerator: int = 0
    denominator: int = 0


class _Watch:
    """One rule with the rows that it watches."""

    def __init__(self, plan: RulePlan, table: ScopeTable, judge: Judge) -> None:
        self.plan = plan
        rows = np.array(table.rows_matching(plan.scopes), dtype=np.intp)
        limits = judge.limit(plan.measure, rows)
        self.rows: npt.NDArray[np.intp] = rows[limits >= 0]
        self.index_of = {row: index for index, row in enumerate(self.rows.tolist())}
        self.limits: IntArray = limits[limits >= 0]
        self.clears: IntArray = (
            self.limits if plan.clear is None else np.full_like(self.limits, plan.clear)
        )


class AlertBook:
    """All alerts of all rules.

    Args:
        organization: Part of every key.
        rules: The rules.
        table: The scopes.
        judge: Gives measures, limits and verdicts.
        windows_ms: The plan's windows, in the order of the counts.
    """

    def __init__(
        self,
        organization: str,
        rules: tuple[RulePlan, ...],
        table: ScopeTable,
        judge: Judge,
        windows_ms: tuple[int, ...],
    ) -> None:
        self._organization = organization
        self._rules = {rule.name: rule for rule in rules}
        self._table = table
        self._judge = judge
        self._windows_ms = windows_ms
        self._watches: list[_Watch] = []
        self._live: dict[tuple[str, str], LiveAlert] = {}
        self._resolved: deque[LiveAlert] = deque(maxlen=_RESOLVED_KEPT)
        self._row_of: dict[str, int] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take up rows that were added to the table."""
        self._watches = [_Watch(rule, self._table, self._judge) for rule in self._rules.values()]
        self._row_of = {scope.name: scope.row for scope in self._table.scopes}

    @property
    def windows(self) -> frozenset[int]:
        """Indexes of the windows that `evaluate` needs."""
        return frozenset(self._windows_ms.index(rule.window_ms) for rule in self._rules.values())

    @property
    def is_idle(self) -> bool:
        """Whether time alone can change nothing."""
        return not self._live and not self._resolved

    def evaluate(self, counts: dict[int, IntArray], now_ms: int) -> list[Alert]:
        """Move every alert to `now_ms`.

        Args:
            counts: For each index in `windows`, shape (rows, fields), int64.
            now_ms: A whole second.

        Returns:
            The alerts whose state has changed, as they are now.
        """
        changed: list[Alert] = []
        for watch in self._watches:
            if watch.rows.size:
                window = self._windows_ms.index(watch.plan.window_ms)
                self._evaluate(watch, counts[window], now_ms, changed)
        while self._resolved:
            resolved_ms = self._resolved[0].resolved_ms
            assert resolved_ms is not None
            if now_ms - resolved_ms < RESOLVED_FOR_MS:
                break
            self._resolved.popleft()
        return changed

    def alerts(self) -> tuple[Alert, ...]:
        """Pending, firing and lately resolved alerts."""
        return tuple(self._view(alert) for alert in (*self._live.values(), *self._resolved))

    def state(self) -> list[LiveAlert]:
        """Everything that a restart must not lose, in order."""
        return [*self._live.values(), *self._resolved]

    def restore(self, alerts: list[LiveAlert]) -> list[LiveAlert]:
        """Take over what `state` gave.

        Returns:
            The alerts that no rule watches any more.
        """
        orphans = []
        for alert in alerts:
            rule, row = self._rules.get(alert.rule), self._row_of.get(alert.scope)
            if rule is None or row is None or not self._judged(rule, row):
                orphans.append(alert)
            elif alert.state is AlertState.RESOLVED:
                self._resolved.append(alert)
            else:
                self._live[alert.rule, alert.scope] = alert
        return orphans

    def _judged(self, rule: RulePlan, row: int) -> bool:
        return self._table.standards[row].requirement(rule.measure) is not None

    def _evaluate(self, watch: _Watch, counts: IntArray, now_ms: int, changed: list[Alert]) -> None:
        measure = watch.plan.measure
        numerator, denominator = self._judge.pair(measure, counts)
        numerator, denominator = numerator[watch.rows], denominator[watch.rows]
        states = self._judge.states(measure, (numerator, denominator), watch.limits)
        names = self._table.scopes
        for index in (states == _BREACHED).nonzero()[0].tolist():
            key = (watch.plan.name, names[watch.rows[index]].name)
            if key not in self._live:
                self._live[key] = LiveAlert(*key, AlertState.PENDING, now_ms)
                self._live[key].numerator = int(numerator[index])
                self._live[key].denominator = int(denominator[index])
                changed.append(self._view(self._live[key]))
        live = [alert for (rule, _), alert in self._live.items() if rule == watch.plan.name]
        if not live:
            return
        is_clear = passing(measure, numerator, denominator, watch.clears)
        for alert in live:
            index = watch.index_of[self._row_of[alert.scope]]
            state = int(states[index])
            if state != _INSUFFICIENT:
                alert.numerator = int(numerator[index])
                alert.denominator = int(denominator[index])
            if self._move(alert, watch.plan, state, now_ms, is_clear=bool(is_clear[index])):
                changed.append(self._view(alert))

    def _move(
        self,
        alert: LiveAlert,
        rule: RulePlan,
        state: int,
        now_ms: int,
        *,
        is_clear: bool,
    ) -> bool:
        """Move one alert; True when its state changed in a way that receivers care about."""
        key = (alert.rule, alert.scope)
        if alert.state is AlertState.PENDING:
            if state != _BREACHED:
                del self._live[key]
                return False
            if now_ms - alert.breached_ms < rule.for_ms:
                return False
            alert.state, alert.fired_ms, alert.reason = AlertState.FIRING, now_ms, "held"
            return True
        is_clear = is_clear and state == _MET
        alert.clear_ms = (alert.clear_ms or now_ms) if is_clear else None
        insufficient = state == _INSUFFICIENT
        alert.no_data_ms = (alert.no_data_ms or now_ms) if insufficient else None
        if alert.clear_ms is not None and now_ms - alert.clear_ms >= rule.clear_for_ms:
            alert.reason = "cleared"
        elif alert.no_data_ms is not None and now_ms - alert.no_data_ms >= rule.no_data_for_ms:
            alert.reason = "no_calls"
        else:
            return False
        alert.state, alert.resolved_ms = AlertState.RESOLVED, now_ms
        del self._live[key]
        self._resolved.append(alert)
        return True

    def _view(self, alert: LiveAlert) -> Alert:
        rule = self._rules[alert.rule]
        row = self._row_of[alert.scope]
        requirement = self._table.standards[row].requirement(rule.measure)
        assert requirement is not None
        in_seconds = rule.measure is Measure.AVERAGE_HOLD
        value = None
        if alert.denominator:
            value = alert.numerator / alert.denominator / (_PER_MILLE if in_seconds else 1)
        return Alert(
            key=f"{self._organization}/{alert.rule}/{alert.scope}/{alert.breached_ms}",
            rule=alert.rule,
            severity=rule.severity,
            scope=alert.scope,
            labels=self._table.scopes[row].labels,
            measure=rule.measure,
            window_ms=rule.window_ms,
            state=alert.state,
            breached_ms=alert.breached_ms,
            fired_ms=alert.fired_ms,
            resolved_ms=alert.resolved_ms,
            reason=alert.reason,
            value=value,
            limit=requirement.limit / _PER_MILLE,
            numerator=alert.numerator,
            denominator=alert.denominator,
            clause=requirement.clause,
        )
