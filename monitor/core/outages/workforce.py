"""Whether the agents who are there can do the work that is there.

The work is what agents are busy with on average while nobody has to wait, and, where calls are
expected and the time a call takes is known, what those bring (Little's law: calls a second times
seconds for each). Agents who go leave one after another, as they finish their calls; that began
when their number began to fall.

Pure: no I/O, no clock.
"""

from typing import Final

import numpy as np

from monitor.core import fields
from monitor.core.outages.continuity import AgentsPlan
from monitor.core.outages.facts import BoolArray, Facts
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS
from monitor.core.snapshot import FloatArray, IntArray

_NEVER: Final = -1
_PER_MILLE: Final = 1_000
# The work in hand is averaged over this time, while nobody has to wait for longer than that.
_WORK_MS: Final = 15 * MINUTE_MS
_NO_QUEUE_MS: Final = 30 * SECOND_MS
# How long a call takes is averaged over this time, and over so many answers at least.
_HANDLE_MS: Final = 8 * HOUR_MS
_HANDLE_MIN: Final = 20.0
# After so long without anybody leaving, who leaves then begins anew.
_PAUSE_MS: Final = 5 * MINUTE_MS
# A fall that long before the queue did not bring it about.
_CAUSE_MS: Final = 20 * MINUTE_MS


class Workforce:
    """The agents of all watched scopes.

    Args:
        plan: Thresholds.
        rows: Watched scopes.

    Attributes:
        most: Shape (rows,), int64: the most agents of late; -1 unknown.
        work: Shape (rows,), float64: agents at work on average, without a queue; NaN unknown.
    """

    STATE: Final = (
        "most", "work", "_most_ms", "_free_ms", "_calm_ms", "_busy_s", "_taken", "_answered",
        "_staffed", "_level", "_fell_ms", "_left_ms",
    )  # fmt: skip

    def __init__(self, plan: AgentsPlan, rows: int) -> None:
        self._plan = plan
        self.most: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._most_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self.work: FloatArray = np.full(rows, np.nan)
        # When one was last free, and nobody had to wait for long.
        self._free_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._calm_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        # Seconds of work, and calls taken.
        self._busy_s: FloatArray = np.zeros(rows)
        self._taken: FloatArray = np.zeros(rows)
        self._answered: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        # How many there are, were before they began to leave, since when, and when one last left.
        self._staffed: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._level: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._fell_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._left_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)

    def follow(self, facts: Facts, judged: BoolArray, elapsed_ms: IntArray) -> None:
        """Take up one second. Time that is not seen or not open has 0 in `elapsed_ms`."""
        told = judged & (facts.staffed >= 0)
        self._free_ms[told & (facts.idle > 0) | ~facts.is_open] = facts.at_ms
        calm = judged & (facts.longest_wait_ms < _NO_QUEUE_MS)
        self._calm_ms[calm | ~facts.is_open] = facts.at_ms
        engaged = self._engaged(facts)
        known = judged & (engaged >= 0)
        work = np.where(np.isnan(self.work), engaged, self.work)
        moved = known & calm
        self.work[moved] = (work - (engaged - work) * np.expm1(-elapsed_ms / _WORK_MS))[moved]
        lifetime = facts.lifetime[:, fields.ANSWERED]
        taken = np.where(self._answered < 0, 0, np.maximum(0, lifetime - self._answered))
        self._answered = lifetime.copy()
        kept = np.exp(np.where(known, -elapsed_ms, 0) / _HANDLE_MS)
        self._busy_s = self._busy_s * kept + np.where(known, engaged * elapsed_ms / SECOND_MS, 0)
        self._taken = self._taken * kept + np.where(known, taken, 0)
        self._follow_fall(facts, facts.is_seen & (facts.staffed >= 0))

    @staticmethod
    def _engaged(facts: Facts) -> FloatArray:
        """Agents at work, or at least in conversation where no more is told; -1 unknown."""
        talking = -1 if facts.talking is None else facts.talking
        found: FloatArray = np.where(
            facts.staffed >= 0, facts.staffed - facts.idle, talking
        ).astype(np.float64)
        return found

    def _follow_fall(self, facts: Facts, known: BoolArray) -> None:
        leaves = known & (facts.staffed < self._staffed)
        begins = leaves & ((self._fell_ms < 0) | (facts.at_ms - self._left_ms > _PAUSE_MS))
        self._level[begins] = self._staffed[begins]
        self._fell_ms[begins] = facts.at_ms - SECOND_MS
        self._left_ms[leaves] = facts.at_ms
        back = known & (self._fell_ms >= 0) & (facts.staffed >= self._level)
        self._fell_ms[back] = _NEVER
        self._staffed[known] = facts.staffed[known]

    def needed(self, facts: Facts) -> FloatArray:
        """Agents who would be at work now; NaN where that is not known. Shape (rows,), float64."""
        handle_s = np.where(
            self._taken >= _HANDLE_MIN, self._busy_s / np.maximum(self._taken, 1), np.nan
        )
        load = facts.expected_per_s * handle_s
        return np.where(np.isnan(load), self.work, (self.work + load) / 2)

    def is_gone(self, facts: Facts) -> BoolArray:
        """Of whom nearly all are gone. Shape (rows,)."""
        plan = self._plan
        known = facts.is_seen & (facts.staffed >= 0)
        holds = known & (self.most >= plan.min_agents)
        holds &= facts.staffed * _PER_MILLE <= self.most * plan.per_mille
        # While they are gone, those who were there are not forgotten.
        is_old = facts.at_ms - self._most_ms > plan.within_ms
        renewed = known & ~holds & (is_old | (facts.staffed >= self.most))
        self.most[renewed] = facts.staffed[renewed]
        self._most_ms[renewed] = facts.at_ms
        return holds & facts.is_open

    def is_short(self, facts: Facts, unseen_ms: IntArray) -> BoolArray:
        """Where fewer are there than the work takes, and callers feel it. Shape (rows,)."""
        plan = self._plan
        needed = self.needed(facts)
        short = (facts.staffed >= 0) & (facts.idle == 0)
        short &= facts.staffed * _PER_MILLE < needed * plan.work_per_mille
        if facts.talking is not None:
            # Who does not talk may be busy after a call, so it takes more to say so.
            few = (facts.staffed < 0) & (facts.talking >= 0)
            few &= needed - facts.talking >= plan.min_lacking
            short |= few & (facts.talking * _PER_MILLE <= needed * plan.talk_per_mille)
        short &= facts.is_seen & facts.is_open & (facts.longest_wait_ms >= plan.wait_ms)
        found: BoolArray = short & (facts.at_ms - unseen_ms >= _WORK_MS)
        return found

    def onset_ms(self, facts: Facts) -> IntArray:
        """Since when there has been more work than agents. Shape (rows,), int64.

        Since agents began to leave, if too few were left; otherwise since none was free and callers
        waited.
        """
        queue_ms = self._calm_ms - _NO_QUEUE_MS
        known = facts.staffed >= 0
        overrun_ms = np.where(known, np.maximum(self._free_ms, queue_ms), queue_ms)
        needed = self.needed(facts) * self._plan.work_per_mille
        left = known & (self._fell_ms >= 0) & (facts.staffed * _PER_MILLE < needed)
        left &= self._level * _PER_MILLE >= needed
        left &= self._fell_ms >= overrun_ms - _CAUSE_MS
        return np.where(left, self._fell_ms, overrun_ms)
