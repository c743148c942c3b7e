"""Whether calls are cut off, and since when.

Calls count as cut off that were disconnected, abandons that look like it, and many callers who
"give up" within one second. The signal begins when so many of those that ended within a minute,
five minutes or fifteen were cut off. Shares of few calls come and go, so it does not end as soon as
one of them is lower: it ends when of the last fifteen minutes less than half the share are.

Pure: no I/O, no clock.
"""

from typing import Final

import numpy as np

from monitor.core import fields
from monitor.core.outages import facts as fx
from monitor.core.outages.continuity import DropPlan
from monitor.core.outages.facts import BoolArray, Facts, total
from monitor.core.plan import MINUTE_MS, SECOND_MS
from monitor.core.snapshot import IntArray

_PER_MILLE: Final = 1_000
_NEVER: Final = -1


class CutOff:
    """The calls of all watched scopes that are cut off.

    Args:
        plan: Thresholds.
        rows: Watched scopes.

    Attributes:
        since_ms: Shape (rows,), int64: since when more calls than usual are; -1 while not.
        until_ms: Shape (rows,), int64: the last of them; -1 before the first.
        burst: Shape (rows,), int64: callers who gave up within one second of the last minute; 0
            when they were too few.
    """

    STATE: Final = ("since_ms", "until_ms", "burst", "_burst_ms", "_counted")

    def __init__(self, plan: DropPlan, rows: int) -> None:
        self._plan = plan
        self.since_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self.until_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self.burst: IntArray = np.zeros(rows, dtype=np.int64)
        self._burst_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._counted: IntArray = np.full(rows, _NEVER, dtype=np.int64)

    def is_cut(self, facts: Facts, is_active: BoolArray) -> BoolArray:
        """Take up one second; whether calls are cut off.

        Args:
            facts: The second.
            is_active: Shape (rows,), bool: where they were before.

        Returns:
            Shape (rows,), bool.
        """
        plan = self._plan
        bursts = facts.burst >= plan.burst_calls
        self.burst[bursts], self._burst_ms[bursts] = facts.burst[bursts], facts.at_ms
        self.burst[facts.at_ms - self._burst_ms > MINUTE_MS] = 0
        times = (facts.last_minute, facts.five_minutes, facts.quarter)
        least = np.reshape((plan.min_calls, plan.min_spread, plan.min_spread), (3, 1))
        cut = np.stack([total(counts, fx.CUT_OFF) for counts in times]) + self.burst
        share = np.stack([counts[:, fields.ENDED] for counts in times]) * plan.per_mille
        is_some = (cut > 0) & (cut * _PER_MILLE * 2 >= share)
        lately = np.logical_or.reduce(is_some[:2])
        begins = lately & (self.since_ms < 0)
        self.since_ms[begins] = facts.at_ms - SECOND_MS
        self.since_ms[~lately & ~is_active & facts.is_seen] = _NEVER
        counted = total(facts.lifetime, fx.CUT_OFF)
        is_newest = ((counted > self._counted) & (self._counted >= 0)) | bursts
        self.until_ms[is_newest & is_some[1] & (cut[1] > 1)] = facts.at_ms
        self._counted = counted
        found: BoolArray = np.logical_or.reduce((cut >= least) & (cut * _PER_MILLE >= share))
        found |= is_active & is_some[2]
        return found
