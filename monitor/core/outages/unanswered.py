"""How long nobody has been answered, and whether answers come more slowly than they should.

Answers are taken for a Poisson process that runs while callers wait. Its rate is what is answered
on ordinary days at this time (the least of the last quarter-hour, the last hour and the calls that
are expected), times a factor that is learned of each line: while callers wait all agents are busy,
so answers come faster than calls do. Three laws follow, and each is held against how rarely chance
may feign it (`facts.gaps`):

- None comes within a time g of waiting with the probability exp(-rate g).
- Where nobody tells which agents are free: an agent who was there of late, does not talk, and lets
  callers wait for a time t must be busy after a call, which has the probability exp(-t / wrap_up).
- Fewer come than should: Page's cumulative sum of the logarithm of the likelihood ratio between a
  part of the rate and the whole (E. S. Page, Continuous inspection schemes, Biometrika 41, 1954).
  It rises while callers wait and falls at every answer, never below 0. That it ever exceeds h
  after a given answer has a probability of at most exp(-h).

Pure: no I/O, no clock.
"""

import math
from typing import Final

import numpy as np

from monitor.core import fields
from monitor.core.outages import facts as fx
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.facts import BoolArray, Facts, gaps, total
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS
from monitor.core.snapshot import FloatArray, IntArray

_NEVER: Final = -1
_QUARTER_S: Final = 900.0
_QUARTER_MS: Final = 15 * MINUTE_MS
# The rate of answers is learned only while answers come, and not far below what they should be.
_LEARNED_WITHIN_MS: Final = MINUTE_MS
_LEARNED_BELOW: Final = 3.0
# The factor is that of the last so many answers, begins as 1 with a weight of so many, and has
# bounds.
_REMEMBERED: Final = 500.0
_FIRST_WEIGHT: Final = 10.0
# The most conversations at a time are forgotten with this time constant.
_PEAK_MS: Final = HOUR_MS
_LEAST_FACTOR, _MOST_FACTOR = 0.3, 3.0


class Unanswered:
    """The waiting of all watched scopes.

    Args:
        plan: Thresholds.
        rows: Watched scopes.

    Attributes:
        since_ms: Shape (rows,), int64: when the callers began to wait of whom none was answered;
            -1 while nobody waits.
        exposed_ms: Shape (rows,), int64: for how long any of them has waited.
        left_before: Shape (rows,), int64: who had left unanswered before (lifetime).
        idle_ms: Shape (rows,), int64: of `exposed_ms`, how long an agent was free.
        unseen_ms: Shape (rows,), int64: when something was last not heard.
        per_s: Shape (rows,), float64: answers a second that should come at least; NaN unknown.
        slow: Shape (rows,), float64: the cumulative sum, >= 0.
        slow_ms: Shape (rows,), int64: since when it has not been 0; -1 while it is.
    """

    STATE: Final = (
        "since_ms", "exposed_ms", "left_before", "idle_ms", "unseen_ms", "per_s", "slow", "slow_ms",
        "_answered_ms", "_answered", "_offered_before", "_opened_ms", "_waited",
        "_came", "_due", "_pending", "_all", "_peak", "_freed",
    )  # fmt: skip

    def __init__(self, plan: ContinuityPlan, rows: int) -> None:
        self._plan = plan
        self._keeps = math.log(1000 / plan.no_answer.slow_per_mille)
        self._lacks = 1 - plan.no_answer.slow_per_mille / 1000
        self.since_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self.exposed_ms: IntArray = np.zeros(rows, dtype=np.int64)
        self.left_before: IntArray = np.zeros(rows, dtype=np.int64)
        self.idle_ms: IntArray = np.zeros(rows, dtype=np.int64)
        self.unseen_ms: IntArray = np.full(rows, -_QUARTER_MS, dtype=np.int64)
        self.per_s: FloatArray = np.full(rows, np.nan)
        self.slow: FloatArray = np.zeros(rows)
        self.slow_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._answered_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._answered: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._offered_before: IntArray = np.zeros(rows, dtype=np.int64)
        self._opened_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._waited: BoolArray = np.zeros(rows, dtype=np.bool_)
        # While callers waited: answers that came, and that were due. And all answers.
        self._came: FloatArray = np.zeros(rows)
        self._due: FloatArray = np.zeros(rows)
        self._all: FloatArray = np.zeros(rows)
        self._pending: FloatArray = np.zeros(rows)

        # The most conversations at a time of late; agents who should have been free, in seconds.
        self._peak: FloatArray = np.zeros(rows)
        self._freed: FloatArray = np.zeros(rows)

    @property
    def factor(self) -> FloatArray:
        """How many times faster answers come while callers wait. Shape (rows,), float64."""
        found: FloatArray = np.clip(
            (self._came + _FIRST_WEIGHT) / (self._due + _FIRST_WEIGHT), _LEAST_FACTOR, _MOST_FACTOR
        )
        return found

    @property
    def share(self) -> FloatArray:
        """Which share of the answers find somebody waiting, at most. Shape (rows,), float64."""
        found: FloatArray = np.minimum(
            1, (self._came + _FIRST_WEIGHT) / (self._all + _FIRST_WEIGHT)
        )
        return found

    def follow(self, facts: Facts, judged: BoolArray, elapsed_ms: IntArray) -> None:
        """Take up one second. Time that is not seen or not open has 0 in `elapsed_ms`."""
        answered = facts.last_answered_ms != self._answered_ms
        left = total(facts.lifetime, fx.UNANSWERED)
        self._answered_ms = facts.last_answered_ms.copy()
        over = answered | ~facts.is_open
        self.since_ms[over] = _NEVER
        self.exposed_ms[over] = self.idle_ms[over] = 0
        self.left_before[over] = left[over]
        waits = judged & (facts.waiting > 0)
        going_on = waits & (self.since_ms >= 0)
        self.exposed_ms[going_on] += elapsed_ms[going_on]
        # What happened while nothing was heard is not known: neither who was answered, nor for a
        # while who is free. So only calls count that came since, and agents some time after.
        unseen, offered = ~facts.is_seen, facts.lifetime[:, fields.OFFERED]
        self._offered_before[over | unseen] = offered[over | unseen]
        self.idle_ms[unseen], self.unseen_ms[unseen] = 0, facts.at_ms
        ignored = going_on & (facts.idle > 0) & (offered > self._offered_before)
        ignored &= facts.at_ms - self.unseen_ms >= _QUARTER_MS
        self.idle_ms[ignored] += elapsed_ms[ignored]
        begins = waits & (self.since_ms < 0)
        began_ms = np.maximum(facts.last_answered_ms, facts.at_ms - facts.longest_wait_ms)
        self.since_ms[begins] = began_ms[begins]
        self.exposed_ms[begins] = (facts.at_ms - began_ms)[begins]
        self._freed[over | unseen] = 0.0
        self._follow_talks(facts, judged, going_on, elapsed_ms)
        self._sum_up(facts, judged, elapsed_ms)
        self._waited = waits
        self._learn(facts, judged)

    def _sum_up(self, facts: Facts, judged: BoolArray, elapsed_ms: IntArray) -> None:
        """Move the cumulative sum, and learn how fast answers come while callers wait."""
        lifetime = facts.lifetime[:, fields.ANSWERED]
        came = np.where(self._answered < 0, 0, np.maximum(0, lifetime - self._answered))
        self._answered = lifetime.copy()
        came = np.where(judged, came, 0)
        due = np.where(self._waited, np.nan_to_num(self.per_s) * elapsed_ms / SECOND_MS, 0.0)
        # A wait is learned from when it is over, unless it was far from ordinary.
        pending = self._pending + due
        is_over = judged & ((came > 0) | (facts.waiting == 0))
        learned = is_over & (self.slow < _LEARNED_BELOW)
        kept = 1 - np.minimum(1.0, np.where(learned, pending, 0) / _REMEMBERED)
        self._came = self._came * kept + np.where(learned & self._waited, came, 0)
        self._due = self._due * kept + np.where(learned, pending, 0)
        self._all = self._all * kept + np.where(learned, came, 0)
        self._pending = np.where(is_over | ~facts.is_open, 0.0, pending)
        slow = self.slow + due * self.factor * self._lacks - came * self._keeps
        slow = np.where(facts.is_open, np.maximum(0.0, slow), 0.0)
        begins = (slow > 0) & (self.slow_ms < 0)
        self.slow_ms[begins] = (facts.at_ms - elapsed_ms)[begins]
        self.slow_ms[slow <= 0] = _NEVER
        self.slow = slow

    def _follow_talks(
        self, facts: Facts, judged: BoolArray, going_on: BoolArray, elapsed_ms: IntArray
    ) -> None:
        """Where nobody tells who is free: fewer talk than did of late, and still nobody answers."""
        if facts.talking is None:
            return
        fades = judged & (facts.waiting == 0)
        faded = (self._peak - facts.talking) * np.exp(-elapsed_ms / _PEAK_MS)
        peak = np.maximum(facts.talking, np.where(fades, facts.talking + faded, self._peak))
        known = facts.talking >= 0
        self._peak = np.where(facts.is_seen & known, peak, self._peak)
        free = self._peak * self._plan.no_answer.free_per_mille / 1000 - facts.talking
        counts = going_on & known & (facts.staffed < 0) & (free > 0)
        self._freed[counts] += (free * elapsed_ms / self._plan.no_answer.wrap_up_ms)[counts]

    def _learn(self, facts: Facts, judged: BoolArray) -> None:
        """Learn how many answers come at this time of the day."""
        self._opened_ms[judged & (self._opened_ms < 0)] = facts.at_ms
        self._opened_ms[~facts.is_open] = _NEVER
        hour_s = np.clip(facts.at_ms - self._opened_ms, _QUARTER_MS, HOUR_MS) / SECOND_MS
        rate = facts.quarter[:, fields.ANSWERED] / _QUARTER_S
        rate = np.minimum(rate, facts.hour[:, fields.ANSWERED] / hour_s)
        learns = judged & (self.exposed_ms <= _LEARNED_WITHIN_MS) & (self.slow < _LEARNED_BELOW)
        self.per_s = np.where(learns & (rate > 0), rate, self.per_s)
        # Fewer calls are to be expected as the day goes on, and are answered.
        self.per_s = np.fmin(self.per_s, facts.expected_per_s)

    def is_nobody(self, facts: Facts) -> BoolArray:
        """Whose callers nobody answers. Shape (rows,)."""
        plan = self._plan.no_answer
        rate = self.per_s * self.factor
        surprise = np.nan_to_num(rate) * self.exposed_ms / SECOND_MS + self._freed
        holds = surprise >= gaps(rate * self.share, self._plan.false_per_year)
        holds = (holds | (self.exposed_ms >= plan.most_ms)) & (self.exposed_ms >= plan.for_ms)
        unanswered = total(facts.lifetime, fx.UNANSWERED) - self.left_before + facts.waiting
        holds &= unanswered >= plan.min_unanswered
        ignored = np.where(facts.is_single, 1, plan.min_ignored)
        came = np.minimum(unanswered, facts.lifetime[:, fields.OFFERED] - self._offered_before)
        holds |= (self.idle_ms >= plan.idle_for_ms) & (came >= ignored)
        return holds & (self.since_ms >= 0)

    def is_slow(self, facts: Facts) -> BoolArray:
        """Whose callers are answered too slowly. Shape (rows,)."""
        plan = self._plan.no_answer
        rate = self.per_s * self.factor
        holds = self.slow >= gaps(rate * self.share, self._plan.false_per_year)
        return holds & (facts.longest_wait_ms >= plan.slow_wait_ms)

    def onset_ms(self, facts: Facts) -> IntArray:
        """Since when nobody is answered, or too few are. Shape (rows,), int64.

        Where agents tell that they are free, the last answer ends what was well; elsewhere an
        answer now and then may be that of the few who are left.
        """
        slow = (self.slow_ms >= 0) & (facts.staffed < 0)
        found: IntArray = np.where(slow, np.minimum(self.since_ms, self.slow_ms), self.since_ms)
        return found
