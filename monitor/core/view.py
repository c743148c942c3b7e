"""The arrays of a snapshot: counts of all scopes, and the measures and verdicts on them.

They are made in steps of about a millisecond, so that a caller with a loop to serve can give way in
between. A step takes several windows where there are few scopes, because then it is the number of
operations that counts and not their size.

Pure: no I/O, no clock.
"""

from collections.abc import Generator
from typing import Final, TypedDict

import numpy as np
import numpy.typing as npt

from monitor.core import measures
from monitor.core.fields import FIELD_COUNT
from monitor.core.plan import SECOND_MS
from monitor.core.ring import WindowRing
from monitor.core.scopes import ScopeTable
from monitor.core.snapshot import FloatArray, IntArray, Scope
from monitor.core.standards import Measure
from monitor.core.verdict import MEASURES, Judge
from monitor.core.waiting import Waiters

# Windows of scopes that are judged in one step.
_AT_ONCE: Final = 8_192


class Figures(TypedDict):
    """What the attributes of `Snapshot` with these names are."""

    scopes: tuple[Scope, ...]
    counts: IntArray
    lifetime: IntArray
    waiting: IntArray
    longest_wait_ms: IntArray
    average_hold_s: FloatArray
    hold_floor_s: FloatArray
    service_level: FloatArray
    disconnect: FloatArray
    verdicts: npt.NDArray[np.int8]


def figures_steps(
    table: ScopeTable,
    judge: Judge,
    ring: WindowRing,
    waiters: Waiters,
    totals: IntArray,
    windows: int,
) -> Generator[None, None, Figures]:
    """The figures of the last tick, and who waits now.

    Between two steps events may be applied, but no tick. A queue that is admitted in between is in
    the next figures.

    Args:
        table: The scopes.
        judge: Knows them all.
        ring: The windows.
        waiters: Who waits in all rows of the table.
        totals: Lifetime totals, shape (direct rows, fields), int64; may have spare rows.
        windows: How many of the ring's windows are shown, the first ones.
    """
    hierarchy, scopes = table.hierarchy(), tuple(table.scopes)
    sums = ring.sums[:windows]  # only a tick changes them, and growing makes new ones
    lifetime = hierarchy.roll_up(totals)
    shape = (windows, len(scopes))
    counts = np.empty((*shape, FIELD_COUNT), dtype=np.int64)
    average_hold_s, hold_floor_s = np.empty(shape), np.empty(shape)
    service_level, disconnect = np.empty(shape), np.empty((3, *shape))
    verdicts = np.empty((len(MEASURES), *shape), dtype=np.int8)
    every_row = np.arange(len(scopes))
    at_once = max(1, _AT_ONCE // len(scopes))
    for start in range(0, windows, at_once):
        yield
        part = slice(start, start + at_once)
        counted = hierarchy.roll_up(sums[part], counts[part])
        hold = measures.average_hold(counted)
        average_hold_s[part] = measures.ratio(*hold) / SECOND_MS
        floor = measures.hold_floor(counted, waiters.counts, waiters.waited_ms)
        hold_floor_s[part] = measures.ratio(*floor) / SECOND_MS
        service = judge.service_level(counted)
        service_level[part] = measures.ratio(*service)
        band, ended = measures.disconnects(counted)
        disconnect[:, part] = measures.ratio(band, ended)
        pairs = {
            Measure.AVERAGE_HOLD: hold,
            Measure.SERVICE_LEVEL: service,
            Measure.DISCONNECT_RATIO: (band[measures.DEFAULT], ended),
        }
        for index, measure in enumerate(MEASURES):
            limits = judge.limit(measure, every_row)
            verdicts[index, part] = judge.states(measure, pairs[measure], limits)
    return Figures(
        scopes=scopes,
        counts=counts,
        lifetime=lifetime,
        waiting=waiters.counts,
        longest_wait_ms=waiters.longest_ms,
        average_hold_s=average_hold_s,
        hold_floor_s=hold_floor_s,
        service_level=service_level,
        disconnect=disconnect,
        verdicts=verdicts,
    )
