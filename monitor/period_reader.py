"""Reads calendar periods: what the store holds of them, and what is still on its way there.

The store is read on its own thread; what was closed meanwhile, or is being stored, is found again
by its boundary: everything that was recorded after the newest boundary that the reading saw is
added from memory. So nothing counts twice and nothing is left out, whenever the question comes.
"""

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from monitor.calendars.period_bounds import containing
from monitor.core.engine import Engine
from monitor.core.intervals import INTERVAL_MS, IntervalOutbox
from monitor.core.periods import (
    PeriodFigures,
    PeriodKind,
    measure,
    zone_of,
)
from monitor.core.plan import SECOND_MS
from monitor.core.standards import Formula, Measure
from monitor.store.errors import StoreError
from monitor.store.store import Store

# What an answer shows of them; their number is always told.
_AMENDMENTS: Final = 100


class Running(Protocol):
    """What drives the engine."""

    @property
    def engine(self) -> Engine:
        """The engine as it is now; another one after a reload."""

    @property
    def outbox(self) -> IntervalOutbox:
        """Closed intervals that may not be stored yet."""


class PeriodReader:
    """Reads for the API.

    Args:
        store: Where closed intervals are.
        running: What is not stored yet.
    """

    def __init__(self, store: Store, running: Callable[[], Running]) -> None:
        self._store = store
        self._running = running

    async def read(self, name: str, kind: PeriodKind, at_ms: int | None) -> PeriodFigures | None:
        """The figures of a period so far.

        Args:
            name: Of the scope.
            kind: Which kind of period.
            at_ms: An instant in it, epoch ms; None for now.

        Returns:
            None for a scope that there is not.

        Raises:
            OSError: The store cannot be read now.
        """
        engine = self._running().engine
        names = engine.table.hierarchy().names
        if name not in names:
            return None
        row = names.index(name)
        plan, standard = engine.plan, engine.table.standards[row]
        now_ms = max(0, engine.ring.closed_s) * SECOND_MS
        zone = zone_of(plan, engine.table.scopes[row])
        period = containing(kind, now_ms if at_ms is None else at_ms, zone)
        # Zones of long ago began their days off the quarter of an hour.
        start_ms, end_ms = (
            bound_ms // INTERVAL_MS * INTERVAL_MS for bound_ms in (period.start_ms, period.end_ms)
        )
        try:
            stored = await self._store.period(name, start_ms, end_ms, amendments=_AMENDMENTS)
        except StoreError as fault:
            raise OSError(str(fault)) from fault
        counts = np.array(stored.counts, dtype=np.int64)
        running = self._running()
        for added in running.outbox.counts_since(stored.recorded_ms, name, start_ms, end_ms):
            counts += added
        engine = running.engine
        requirement = standard.requirement(Measure.SERVICE_LEVEL)
        counts += engine.intervals.counts(name, start_ms, end_ms)
        return PeriodFigures(
            period=period,
            scope=name,
            at_ms=max(0, engine.ring.closed_s) * SECOND_MS,
            counted_from_ms=stored.first_ms,
            counts=counts,
            formula=Formula.F3 if requirement is None else requirement.formula,
            verdicts=measure(counts, standard, period, plan.min_calls),
            amended_total=stored.amended_total,
            amendments=stored.amendments,
        )
