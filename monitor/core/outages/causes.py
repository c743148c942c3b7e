"""What the figures of an open outage say about its cause: demand, staffing, technology.

These are the three words in which Medicare's corrective action plans ask for a root cause. A cause
is not found here. Its figures are put beside what was expected, and a figure that departs from that
by more than chance or habit explains is called a *sign*:

    demand      offered   far more calls than expected
    staffing    agents    a fifth fewer than before the onset, and two at least
    technology  cut_off   a tenth of the calls that ended were cut off, and three at least
                ignored   agents are free while a caller waits, and nobody is answered for a minute
                missing   less than half of the expected calls come

Callers who give up call again, so demand rises in every outage; who has given up is told with it.
Our own way to a source being down is told with technology, but is no sign of theirs.

They are of the line that is touched if it is one, and else of the contract. What is not seen, and
outside required hours what is expected, is not known.

Pure: no I/O, no clock.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from monitor.core import fields
from monitor.core.outages import facts as fx
from monitor.core.outages.expectation import Expectation
from monitor.core.outages.facts import Facts
from monitor.core.outages.outage import UNKNOWN, Baseline, Cause, Causes, Outage
from monitor.core.outages.threat import next_turn_ms
from monitor.core.outages.week_clock import QUARTER_MS
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS
from monitor.core.snapshot import IntArray

_PPM: Final = 1_000_000
# Quarter-hours of the clock in which an hour can lie.
_QUARTERS: Final = 5
_SAMPLED_EVERY_MS: Final = 5 * MINUTE_MS
# An onset is rarely dated back by more than this.
_SAMPLES: Final = 36
_BEFORE_MS: Final = 30 * MINUTE_MS
# For so long what was expected at the opening stands in for what was never learned.
_BASELINE_FOR_MS: Final = 2 * HOUR_MS
# A ratio of fewer calls says nothing; then the hour is looked at.
_ENOUGH_CALLS: Final = 8.0
# Standard deviations of a count about its expectation, which has a spread of its own.
_BEYOND_CHANCE: Final = 2.0
_MORE: Final = 1.25
_LESS: Final = 0.5
_CUT_OFF_ONE_IN: Final = 10
_CUT_OFF_LEAST: Final = 3
_AGENTS_PER_CENT: Final = 80
_AGENTS_LEAST: Final = 2
_IGNORED_MS: Final = MINUTE_MS
# In another second than forecasts are made.
_DUE_SECOND: Final = 31


class _Expected(NamedTuple):
    """Calls of the last quarter of an hour and the last hour; and whether usual weeks tell them."""

    quarter: float
    hour: float
    is_learned: bool


class CauseKeeper:
    """Looks for causes, and remembers how many agents there were of late.

    Args:
        names: Names of the watched rows.

    Attributes:
        agents: When, and how many agents each row had; -1 unknown. The newest last.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self.agents: deque[tuple[int, IntArray]] = deque(maxlen=_SAMPLES)

    def follow(self, facts: Facts) -> None:
        """Take up one second."""
        if facts.at_ms % _SAMPLED_EVERY_MS == 0 and (facts.staffed >= 0).any():
            self.agents.append((facts.at_ms, np.where(facts.is_seen, facts.staffed, UNKNOWN)))

    def look(
        self,
        outage: Outage,
        turn: int,
        facts: Facts,
        rows: tuple[int, ...],
        expectation: Expectation,
        unseen: int,
    ) -> None:
        """Give an open outage its causes: the first time, and then once a minute.

        Args:
            outage: Gets its causes and, the first time, its baseline.
            turn: Its place among the open ones, so that not all are due in the same second.
            facts: The second.
            rows: The contract's row and those of its lines.
            expectation: What is usual.
            unseen: How many sources cannot be heard.
        """
        if outage.causes is not None and (facts.at_ms // SECOND_MS + turn) % 60 != _DUE_SECOND:
            return
        touched = [row for row in rows[1:] if self._names[row] in outage.touched]
        row = touched[0] if len(touched) == 1 else rows[0]
        if outage.baseline is None:
            outage.baseline = self._baseline(outage, facts, (row, rows[0], 0), row)
        expected = None
        if facts.is_seen[row] and facts.is_open[row]:
            expected = _expected(expectation, row, outage, facts)
        outage.causes = Causes(
            at_ms=facts.at_ms,
            demand=self._demand(facts, row, expected),
            staffing=self._staffing(outage.baseline, facts, (row, rows[0], 0)),
            technology=self._technology(facts, row, expected, unseen),
        )

    def _baseline(
        self, outage: Outage, facts: Facts, candidates: Iterable[int], row: int
    ) -> Baseline:
        rate = float(facts.expected_per_s[row])
        calls = UNKNOWN if np.isnan(rate) else round(rate * HOUR_MS / SECOND_MS)
        since_ms, until_ms = outage.onset_ms - _BEFORE_MS, outage.onset_ms
        for one in candidates:
            there = [int(agents[one]) for at, agents in self.agents if since_ms <= at <= until_ms]
            if max(there, default=UNKNOWN) >= 0 and facts.staffed[one] >= 0:
                return Baseline(self._names[one], max(there), calls)
        return Baseline(calls_per_hour=calls)

    def _demand(self, facts: Facts, row: int, expected: _Expected | None) -> Cause | None:
        """Calls that entered a queue in the last quarter of an hour and the last hour.

        The ratio is that of the quarter, or of the hour where the quarter has too few.
        """
        if expected is None:
            return None
        came, due, window_ms = _compared(facts, row, expected)
        is_more = due > 0 and came >= due * _MORE
        is_more = is_more and came - due >= _by_chance(due, facts.spread[row])
        return Cause(
            self._names[row],
            round(came / due * _PPM) if due >= 1 else None,
            ("offered",) if is_more else (),
            {
                "offered": came,
                "expected": round(due),
                "window_ms": window_ms,
                "abandoned_hour": int(facts.hour[row, fields.ABANDONED]),
                "is_learned": int(expected.is_learned),
            },
        )

    def _staffing(
        self, baseline: Baseline, facts: Facts, candidates: tuple[int, ...]
    ) -> Cause | None:
        """Agents who are there now, and the most that were in the half hour before the onset.

        They are those of the scope if it has its own, and else of the contract or of everybody.
        """
        known = [row for row in candidates if facts.staffed[row] >= 0 and facts.is_seen[row]]
        if baseline.scope:
            known = [row for row in known if self._names[row] == baseline.scope]
        if not known or not facts.is_open[candidates[0]]:
            return None
        row = known[0]
        agents, before = int(facts.staffed[row]), baseline.agents
        figures = {"agents": agents, "agents_free": int(facts.idle[row])}
        if before != UNKNOWN:
            figures["agents_before"] = before
        is_less = agents * 100 <= before * _AGENTS_PER_CENT and before - agents >= _AGENTS_LEAST
        ratio_ppm = agents * _PPM // before if before > 0 else None
        return Cause(self._names[row], ratio_ppm, ("agents",) if is_less else (), figures)

    def _technology(
        self,
        facts: Facts,
        row: int,
        expected: _Expected | None,
        unseen: int,
    ) -> Cause | None:
        """Calls that ended and were cut off in the last quarter of an hour, and who waits in vain.

        Cut off are calls that were disconnected and abandons that the source says were none.
        """
        if not facts.is_seen[row]:
            return Cause(self._names[row], None, (), {"sources_unseen": unseen})
        counts, at_ms = facts.quarter[row], facts.at_ms
        ended, cut_off = int(counts[fields.ENDED]), int(counts[list(fx.CUT_OFF)].sum())
        longest_ms = max(0, int(facts.longest_wait_ms[row]))
        figures = {
            "ended": ended,
            "cut_off": cut_off,
            "waiting": int(facts.waiting[row]),
            "longest_wait_ms": longest_ms,
        }
        signs = []
        if cut_off >= _CUT_OFF_LEAST and cut_off * _CUT_OFF_ONE_IN >= ended:
            signs.append("cut_off")
        if facts.last_answered_ms[row] >= 0:
            figures["without_answer_ms"] = at_ms - int(facts.last_answered_ms[row])
        if facts.idle[row] >= 0:
            free = figures["agents_free"] = int(facts.idle[row])
            in_vain_ms = min(figures.get("without_answer_ms", longest_ms), longest_ms)
            if free and figures["waiting"] and in_vain_ms >= _IGNORED_MS:
                signs.append("ignored")
        if expected is not None:
            came, due, window_ms = _compared(facts, row, expected)
            figures |= {"offered": came, "expected": round(due), "window_ms": window_ms}
            few = due >= _ENOUGH_CALLS and came <= due * _LESS
            if few and due - came >= _by_chance(due, facts.spread[row]):
                signs.append("missing")
        ratio_ppm = min(cut_off, ended) * _PPM // ended if ended else None
        return Cause(self._names[row], ratio_ppm, tuple(signs), figures)


def _expected(expectation: Expectation, row: int, outage: Outage, facts: Facts) -> _Expected | None:
    """Calls that were expected of late; the hour is NaN where only its last quarter is known.

    Args:
        expectation: What was learned, or configured, for each quarter-hour of the week.
        row: Of the scope.
        outage: Its baseline stands in for a while for what is not known.
        facts: The second; what it expects is not what usual weeks tell on a holiday.

    Returns:
        None where nothing is known.
    """
    at_ms = facts.at_ms
    start_ms = (at_ms - HOUR_MS) // QUARTER_MS * QUARTER_MS
    calls = expectation.course(row, start_ms, _QUARTERS)
    begins_ms = start_ms + np.arange(_QUARTERS) * QUARTER_MS

    def within(length_ms: int) -> float:
        until_ms = np.minimum(begins_ms + QUARTER_MS, at_ms)
        share = np.maximum(0, until_ms - np.maximum(begins_ms, at_ms - length_ms)) / QUARTER_MS
        return float(calls[share > 0] @ share[share > 0])

    quarter, due = within(QUARTER_MS), facts.expected_per_s[row] * QUARTER_MS / SECOND_MS
    is_usual = math.isclose(calls[(at_ms - 1 - start_ms) // QUARTER_MS], due, rel_tol=1e-6)
    if is_usual and not math.isnan(quarter):
        return _Expected(quarter, within(HOUR_MS), is_learned=True)
    baseline = outage.baseline
    if baseline is None or baseline.calls_per_hour == UNKNOWN:
        return None
    if at_ms - outage.opened_ms > _BASELINE_FOR_MS:
        return None
    hour = float(baseline.calls_per_hour)
    return _Expected(hour / 4, hour, is_learned=False)


def _compared(facts: Facts, row: int, expected: _Expected) -> tuple[int, float, int]:
    """What came and what was due, in the last quarter of an hour or hour; and which it is."""
    if expected.quarter >= _ENOUGH_CALLS or np.isnan(expected.hour):
        return int(facts.quarter[row, fields.OFFERED]), expected.quarter, QUARTER_MS
    return int(facts.hour[row, fields.OFFERED]), expected.hour, HOUR_MS


def _by_chance(due: float, spread: float) -> float:
    """How far a count may lie from its expectation: Poisson, with a rate drawn from a gamma."""
    return _BEYOND_CHANCE * float(np.sqrt(due + due * due / spread))


def next_due_ms(turn: int, at_ms: int) -> int:
    """The next instant at which the causes of an outage are looked at."""
    return next_turn_ms(turn, at_ms, _DUE_SECOND)
