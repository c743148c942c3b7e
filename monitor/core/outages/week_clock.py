"""Which quarter of an hour of the week it is for each watched scope.

A scope goes by the wall of its contract's first service area, as its calendar periods do; scopes of
several zones, and those of none, go by UTC.

Pure: no I/O, no clock.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from monitor.core.outages.facts import BoolArray
from monitor.core.periods import zone_of
from monitor.core.plan import MINUTE_MS, Plan
from monitor.core.snapshot import IntArray, Scope

QUARTER_MS: Final = 15 * MINUTE_MS
# Quarter-hours of a week.
SLOTS: Final = 7 * 24 * 4
_DAY_QUARTERS: Final = 96
# Days that are kept: a forecast reaches a fortnight ahead and begins some days ago.
_DAYS_KEPT: Final = 200


class WeekClock:
    """The week of all watched scopes.

    Args:
        plan: Says what the time is in a zone.
        scopes: The watched scopes, in row order.

    Attributes:
        rows: How many there are.
    """

    def __init__(self, plan: Plan, scopes: Sequence[Scope]) -> None:
        self.rows = len(scopes)
        self._local = plan.local_quarter
        self._zones = [zone_of(plan, scope) for scope in scopes]
        self._days: dict[tuple[str, int], IntArray] = {}

    def now(self, at_ms: int) -> tuple[IntArray, BoolArray]:
        """The quarter-hour of the week of every row, and where the day is a holiday.

        Args:
            at_ms: An instant, epoch ms.

        Returns:
            Two arrays of shape (rows,): 0 to 671 from Monday midnight, int64; and bool.
        """
        found = {zone: self._local(zone, at_ms) for zone in set(self._zones)}
        told = [found[zone] for zone in self._zones]
        slots = np.array([slot for slot, _ in told], dtype=np.int64)
        return slots, np.array([is_holiday for _, is_holiday in told], dtype=np.bool_)

    def course(self, row: int, start_ms: int, count: int) -> IntArray:
        """The quarter-hours of the week that follow each other.

        Args:
            row: Of the scope.
            start_ms: Where the first one begins, epoch ms; a whole quarter of an hour.
            count: How many.

        Returns:
            Shape (count,), int64.
        """
        first = start_ms // QUARTER_MS
        days = range(first // _DAY_QUARTERS, (first + count - 1) // _DAY_QUARTERS + 1)
        slots = np.concatenate([self._day(self._zones[row], day) for day in days])
        skipped = first % _DAY_QUARTERS
        found: IntArray = slots[skipped : skipped + count]
        return found

    def _day(self, zone: str, day: int) -> IntArray:
        slots = self._days.get((zone, day))
        if slots is None:
            if len(self._days) >= _DAYS_KEPT:
                self._days.clear()
            quarters = range(day * _DAY_QUARTERS, (day + 1) * _DAY_QUARTERS)
            slots = np.array([self._local(zone, one * QUARTER_MS)[0] for one in quarters])
            self._days[zone, day] = slots
        return slots
