"""What an outage has shown so far, as a handful of figures that a person can check.

Each figure comes from the minutes in which the center was open; None is "cannot be told", and the
forecast then leans on the others. Whatever more agents change here, they change for the better.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.core.outages.forecast_course import (
    UNKNOWN,
    Course,
    FloatArray,
    IntArray,
    Samples,
)
from monitor.core.outages.forecast_staffing import Staffing

HOUR_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000
_LEVEL: Final = 15
_RECENT: Final = 30
_LONG: Final = 120
_TREND_MS: Final = 16 * HOUR_MS
_SHORT_MS: Final = 4 * HOUR_MS
# A trend over less than this is hardly believed.
_TREND_SCALE_H: Final = 1.5
_SHORT_SCALE_H: Final = 0.5
# Calls by which a ratio of counts is drawn towards 1.
_SHRINK: Final = 5.0
# Fewer are no roster.
AGENTS_LEAST: Final = 0.5
# Twice as many as ordinarily are there is as good as any more.
_SHARE_MOST: Final = 2.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """The figures; logarithms are natural, slopes per hour of the wall clock.

    Attributes:
        age_h: Since the onset.
        stale_h: Since the last minute that was open and seen; the age when there was none.
        seen: Whether there was one.
        hold: Logarithm of the hold floor over its limit, over a quarter of an hour.
        hold_change: What that was more than two open hours before.
        share: Agents who are there over those who ordinarily are. Where agents are not told: those
            whom the answered calls kept busy while others waited.
        is_told: Whether the agents were told.
        share_trend, share_recent: Slope of `share` over sixteen and over four hours, drawn to 0.
        lacked: The greatest share of the ordinary agents that was missing at a time before the last
            quarter of an hour; None where agents are not told.
        throughput: Logarithm of the agents whom the answered calls kept busy over those needed; 0
            when nobody had to wait.
        demand: Logarithm of the calls that came over those expected.
        demand_trend: Its slope.
        surged: The same of the whole outage so far, or `demand` if that is more.
        lines: Share of the lines that work.
        lines_trend: Its slope.
        relapses: Good periods that have ended.
        well: How much of the confirmation time is done; None when it is not well.
    """

    age_h: float
    stale_h: float
    seen: bool
    hold: float | None = None
    hold_change: float | None = None
    share: float | None = None
    is_told: bool = False
    share_trend: float = 0.0
    share_recent: float = 0.0
    lacked: float | None = None
    throughput: float | None = None
    demand: float | None = None
    demand_trend: float = 0.0
    surged: float | None = None
    lines: float | None = None
    lines_trend: float = 0.0
    relapses: int = 0
    well: float | None = None


def gather(course: Course, staffing: Staffing) -> Evidence:
    """The evidence of a course."""
    samples = _open_and_seen(course)
    age_h = (course.at_ms - course.onset_ms) / HOUR_MS
    well = None if course.well_since_ms == UNKNOWN else min(course.well_ms / course.confirm_ms, 1.0)
    if not samples.at_ms.size:
        return Evidence(age_h, age_h, seen=False, relapses=course.relapses, well=well)
    calls = course.ordinary.at(course.ordinary.calls, samples.at_ms - 1) / 15
    usual = _usual_agents(course, staffing, samples.at_ms, calls)
    demand, demand_trend, surged = _demand(samples, calls)
    is_told = bool((samples.agents[-_LEVEL:] != UNKNOWN).any())
    busy, throughput = _throughput(staffing, samples, calls, demand)
    here = np.where(samples.agents == UNKNOWN, np.nan, samples.agents) if is_told else busy
    share = np.minimum(here / usual, _SHARE_MOST)
    lines = samples.lines_back
    hold, hold_change = _hold(course, samples.hold_floor_ms)
    return Evidence(
        age_h=age_h,
        stale_h=(course.at_ms - int(samples.at_ms[-1])) / HOUR_MS,
        seen=True,
        hold=hold,
        hold_change=hold_change,
        share=_mean(share[-_LEVEL:]),
        is_told=is_told,
        share_trend=_slope(samples.at_ms, share, _TREND_MS, _TREND_SCALE_H),
        share_recent=_slope(samples.at_ms, share, _SHORT_MS, _SHORT_SCALE_H),
        lacked=_lacked(share) if is_told else None,
        throughput=throughput,
        demand=demand,
        demand_trend=demand_trend,
        surged=surged,
        lines=None if np.isnan(lines[-1]) else float(lines[-1]),
        lines_trend=_slope(samples.at_ms, lines, _TREND_MS, _TREND_SCALE_H),
        relapses=course.relapses,
        well=well,
    )


def _open_and_seen(course: Course) -> Samples:
    """The minutes up to now in which the center was open."""
    samples = course.samples
    edges = np.array(course.spans, np.int64).reshape(-1)
    kept = np.searchsorted(edges, samples.at_ms - 1, side="right") % 2 == 1
    return Samples(**{name: getattr(samples, name)[kept] for name in Samples.__slots__})


def _usual_agents(
    course: Course, staffing: Staffing, at_ms: IntArray, calls: FloatArray
) -> FloatArray:
    """Agents who ordinarily are there at each minute; who would be needed where that is unknown."""
    usual = course.ordinary.at(course.ordinary.agents, at_ms - 1)
    usual[~(usual >= AGENTS_LEAST)] = np.nan
    needed = staffing.needed(calls)
    return np.where(np.isnan(usual) & (calls > 0), needed, usual)


def _demand(samples: Samples, calls: FloatArray) -> tuple[float | None, float, float | None]:
    """Logarithm of the calls that came over those expected, its slope, and that of all time."""
    known = ~np.isnan(calls)
    if not known[-_LONG:].any():
        return None, 0.0, None
    expected = np.where(known, calls, 0.0)
    offered = np.where(known, samples.offered, 0)
    level = np.log((offered[-_LONG:].sum() + _SHRINK) / (expected[-_LONG:].sum() + _SHRINK))
    # By the hour, as single minutes have too few calls for a logarithm.
    hours = samples.at_ms // HOUR_MS
    starts = np.flatnonzero(np.diff(hours, prepend=hours[0] - 1))
    came, due = np.add.reduceat(offered, starts), np.add.reduceat(expected, starts)
    of_hours = np.log((came + _SHRINK) / (due + _SHRINK))
    middle_ms = hours[starts] * HOUR_MS + HOUR_MS // 2
    ever = float(np.log((offered.sum() + _SHRINK) / (expected.sum() + _SHRINK)))
    slope = _slope(middle_ms, of_hours, _TREND_MS, _TREND_SCALE_H)
    return float(level), slope, max(ever, float(level))


def _lacked(share: FloatArray) -> float | None:
    """The greatest lack of a quarter of an hour, the newest one not looked at."""
    before = share[: max(share.size - _LEVEL, 1)]
    before = before[~np.isnan(before)]
    if not before.size:
        return None
    width = min(_LEVEL, before.size)
    sums = np.cumsum(np.concatenate([[0.0], before]))
    return min(max(1 - float((sums[width:] - sums[:-width]).min()) / width, 0.0), 1.0)


def _throughput(
    staffing: Staffing, samples: Samples, calls: FloatArray, demand: float | None
) -> tuple[FloatArray, float | None]:
    """Agents kept busy at each minute, NaN where nobody waited; and how far they go."""
    busy = np.convolve(samples.answered, np.full(_RECENT, 1 / _RECENT))[: samples.answered.size]
    # The first minutes look back on fewer.
    busy *= _RECENT / np.minimum(np.arange(1, busy.size + 1), _RECENT)
    busy = busy * staffing.handle_ms / _MINUTE_MS
    queued = samples.waiting >= 1
    if samples.waiting[-_RECENT:].mean() < 1:
        return np.where(queued, busy, np.nan), 0.0
    rate = float(np.nanmean(calls[-_RECENT:])) if not np.isnan(calls[-_RECENT:]).all() else None
    rate = samples.offered[-_LONG:].mean() if rate is None else rate * np.exp(demand or 0.0)
    needed = float(staffing.needed(np.array([rate]))[0])
    through = float(np.log((busy[-1] + 0.05) / (needed + 0.05)))
    return np.where(queued, busy, np.nan), min(max(through, -3.0), 0.0)


def _hold(course: Course, floor_ms: IntArray) -> tuple[float | None, float | None]:
    """Logarithm of the hold floor over its limit, and what it was more before."""

    def level(of: IntArray) -> float | None:
        known = of[of != UNKNOWN]
        if not known.size:
            return None
        ratio = np.log(np.maximum(known, 1_000) / course.target.wait_ms)
        return float(np.clip(ratio, -2.5, 3.5).mean())

    now, before = level(floor_ms[-_LEVEL:]), level(floor_ms[-_LONG - _LEVEL : -_LONG])
    return now, None if now is None or before is None else now - before


def _mean(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else None


def _slope(at_ms: IntArray, values: FloatArray, within_ms: int, scale_h: float) -> float:
    """Slope per hour by least squares, drawn to 0 as if the time of it had a prior of `scale_h`.

    Its weights ascend with time, so what raises all values from some instant on never lowers it.
    """
    known = ~np.isnan(values) & (at_ms > at_ms[-1] - within_ms)
    if np.count_nonzero(known) < 2:  # noqa: PLR2004 (a line has two points)
        return 0.0
    hours = (at_ms[known] - at_ms[-1]) / HOUR_MS
    hours = hours - hours.mean()
    return float((hours * values[known]).mean() / ((hours**2).mean() + scale_h**2))
