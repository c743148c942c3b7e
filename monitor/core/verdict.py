"""Verdicts: a measure against the limit of the standard that binds a scope.

Compared as integers (`numerator * 1000 >= denominator * limit`), so that exactly 80 %, 5 % and
120 s pass. On fewer calls than the plan's minimum the verdict is `insufficient`: that is neither
met nor breached, whatever the figure says.

Pure: no I/O, no clock.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from monitor.core import fields, measures
from monitor.core.scopes import ScopeTable
from monitor.core.snapshot import IntArray, Snapshot, Verdict, VerdictState, WatchView
from monitor.core.standards import Formula, Measure, Requirement

MEASURES: Final = tuple(Measure)
_PER_MILLE: Final = 1000
States = npt.NDArray[np.int8]
_INSUFFICIENT: Final = np.int8(VerdictState.INSUFFICIENT)
# By whether the limit is kept.
_STATE_OF: Final = np.array([VerdictState.BREACHED, VerdictState.MET], dtype=np.int8)


class Judge:
    """Judges all scopes at once, each by its own standard.

    Args:
        table: The scopes; a queue that is admitted later is judged after `refresh`.
        min_calls: A verdict on fewer calls is insufficient.
    """

    def __init__(self, table: ScopeTable, min_calls: int) -> None:
        self._table = table
        self._min_calls = min_calls
        self._limits: dict[Measure, IntArray] = {}
        self._formulas: dict[Formula, npt.NDArray[np.intp]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Take up rows that were added to the table."""
        for measure in MEASURES:
            found = [standard.requirement(measure) for standard in self._table.standards]
            self._limits[measure] = np.array(
                [-1 if requirement is None else requirement.limit for requirement in found],
                dtype=np.int64,
            )
        rows_of: dict[Formula, list[int]] = {}
        for row, standard in enumerate(self._table.standards):
            requirement = standard.requirement(Measure.SERVICE_LEVEL)
            formula = Formula.F3 if requirement is None else requirement.formula
            rows_of.setdefault(formula, []).append(row)
        self._formulas = {
            formula: np.array(rows, dtype=np.intp) for formula, rows in rows_of.items()
        }

    def limit(self, measure: Measure, rows: npt.NDArray[np.intp]) -> IntArray:
        """Limits of rows, in the unit of `Requirement.limit`; -1 where there is none."""
        return self._limits[measure][rows]

    def service_level(self, counts: IntArray) -> measures.Pair:
        """Service level of every row by its own formula. `counts`: shape (..., rows, fields)."""
        if len(self._formulas) == 1:
            return measures.service_level(next(iter(self._formulas)), counts)
        numerator = np.zeros(counts.shape[:-1], dtype=np.int64)
        denominator = np.zeros(counts.shape[:-1], dtype=np.int64)
        for formula, every_row in self._formulas.items():
            # A queue may have been admitted since the counts were taken.
            rows = every_row[every_row < counts.shape[-2]]
            above, below = measures.service_level(formula, counts[..., rows, :])
            numerator[..., rows], denominator[..., rows] = above, below
        return numerator, denominator

    def pair(self, measure: Measure, counts: IntArray) -> measures.Pair:
        """Numerator and denominator that are judged. `counts`: shape (..., rows, fields)."""
        if measure is Measure.SERVICE_LEVEL:
            return self.service_level(counts)
        if measure is Measure.AVERAGE_HOLD:
            return measures.average_hold(counts)
        return counts[..., fields.DISCONNECTED], counts[..., fields.ENDED]

    def states(self, measure: Measure, pair: measures.Pair, limits: IntArray) -> States:
        """Verdicts on pairs; `insufficient` where there is no limit.

        Args:
            measure: What is judged.
            pair: Shapes (..., rows).
            limits: Shape (rows,), -1 for none.
        """
        numerator, denominator = pair
        states = _STATE_OF[passing(measure, numerator, denominator, limits).view(np.int8)]
        states[(denominator < self._min_calls) | (limits < 0)] = _INSUFFICIENT
        return states

    def explain(self, snapshot: Snapshot, row: int) -> Sequence[Verdict]:
        """Every verdict on one scope, with what stands behind it, window by window."""
        standard = self._table.standards[row]
        requirements = [standard.requirement(measure) for measure in MEASURES]
        return [
            self._explain(snapshot, row, window, requirement)
            for requirement in requirements
            if requirement is not None
            for window in range(len(snapshot.windows_ms))
        ]

    def _explain(
        self, snapshot: Snapshot, row: int, window: int, requirement: Requirement
    ) -> Verdict:
        measure = requirement.measure
        counts = snapshot.counts[window, row]
        if measure is Measure.SERVICE_LEVEL:
            pair = measures.service_level(requirement.formula, counts)
        else:
            pair = self.pair(measure, counts)
        return judged(
            requirement,
            counts,
            pair,
            window_ms=snapshot.windows_ms[window],
            min_calls=self._min_calls,
            state=VerdictState(int(snapshot.verdicts[MEASURES.index(measure), window, row])),
        )


def obscure(verdicts: States, watch: WatchView) -> None:
    """Take back the verdicts on what is closed or not seen: neither is met nor breached.

    Where both hold it is blind: outside required hours nothing is asked of a line, but that must
    not hide that we would see nothing if it were.

    Args:
        verdicts: Shape (..., rows); changed in place.
        watch: Knows which rows.
    """
    verdicts[..., watch.is_closed] = VerdictState.CLOSED
    verdicts[..., watch.is_blind] = VerdictState.BLIND


def judged(
    requirement: Requirement,
    counts: IntArray,
    pair: measures.Pair,
    *,
    window_ms: int,
    min_calls: int,
    state: VerdictState | None = None,
) -> Verdict:
    """A verdict with everything that explains it.

    Args:
        requirement: The limit.
        counts: What is judged; shape (fields,), int64.
        pair: Numerator and denominator of the measure; shape ().
        window_ms: Over which time the counts are.
        min_calls: A verdict on fewer calls is insufficient.
        state: The judgement, where it was made already.
    """
    measure, limit = requirement.measure, np.int64(requirement.limit)
    formula = requirement.formula if measure is Measure.SERVICE_LEVEL else None
    above, below = int(pair[0]), int(pair[1])
    passes = bool(passing(measure, *pair, limit))
    if state is None:
        met = VerdictState.MET if passes else VerdictState.BREACHED
        state = VerdictState.INSUFFICIENT if below < min_calls else met
    flipped = []
    if formula is not None and below:
        for other in Formula:
            variant = measures.service_level(other, counts)
            if int(variant[1]) and bool(passing(measure, *variant, limit)) != passes:
                flipped.append(other)
    scale = 1 if measure is not Measure.AVERAGE_HOLD else _PER_MILLE
    return Verdict(
        measure=measure,
        window_ms=window_ms,
        state=state,
        value=above / below / scale if below else None,
        limit=requirement.limit / _PER_MILLE,
        numerator=above,
        denominator=below,
        interval=None if scale != 1 else measures.wilson_interval(above, below),
        formula=formula,
        flipped_by=tuple(flipped),
        clause=requirement.clause,
    )


def passing(
    measure: Measure,
    numerator: IntArray | np.int64,
    denominator: IntArray | np.int64,
    limits: IntArray | np.int64,
) -> npt.NDArray[np.bool_]:
    """Whether the measure keeps its limit; exactly at the limit passes. Shapes broadcast."""
    if measure is Measure.SERVICE_LEVEL:
        return np.asarray(numerator * _PER_MILLE >= denominator * limits)
    if measure is Measure.DISCONNECT_RATIO:
        return np.asarray(numerator * _PER_MILLE <= denominator * limits)
    return np.asarray(numerator <= denominator * limits)
