"""From evidence to the law of the restoration: a hazard for each open quarter-hour ahead.

    cumulative hazard of a piece = that of the climatology * exp(effects . features)

The climatology says how likely an outage of this age ends in this quarter-hour; what it would have
let fall into closed hours falls into the first piece that is open again, as restoration can only be
shown to callers. The features raise or lower that: how the center stands now (which matters less
the further ahead one looks) and whether the agents who should be there by then, as their return
and the demand go on, are enough by Erlang-A. Without evidence all features are 0, and what is left
is the climatology itself. If the center is well now, the good period either lasts, and restoration
is dated to its start, or it does not, and the hazard goes on.

The effects are figures of `forecast_parameters.py`. Those of anything that more agents or more
lines improve are not negative, hence more of them never makes the deadline less likely.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.core.outages.forecast_course import (
    HORIZON_MS,
    QUARTER_MS,
    UNKNOWN,
    Course,
    FloatArray,
    IntArray,
)
from monitor.core.outages.forecast_evidence import AGENTS_LEAST, HOUR_MS, Evidence
from monitor.core.outages.forecast_parameters import EFFECTS, LASTING
from monitor.core.outages.forecast_prior import Climatology
from monitor.core.outages.forecast_staffing import Staffing

# How fast a trend runs out, hours.
_TREND_LASTS_H: Final = 72.0
_EBB_LASTS_H: Final = 36.0
_SURGE_LASTS_H: Final = 60.0
_PACE_LEAST_H: Final = 3.0
_SHARE_LIMITS: Final = (0.01, 1.1)
# Logarithms of calls that come over calls expected.
_SILENCE: Final = -0.7
_WRONG: Final = 0.15
_SURGE: Final = 1.4
_EFFECT_MOST: Final = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The open time ahead, cut at quarter-hours and at the deadline; arrays of shape (n,).

    Attributes:
        start_ms, end_ms: Each piece [start, end), int64.
        lead_h: From now to its end, hours.
        prior: Cumulative hazard of the climatology in it and in the closed time before it.
        held_back: Logarithm of `prior` over the hazard of the piece alone.
        calls: Calls expected per minute; NaN where not known.
        agents: Agents who ordinarily are there; NaN where not known.
    """

    start_ms: IntArray
    end_ms: IntArray
    lead_h: FloatArray
    prior: FloatArray
    held_back: FloatArray
    calls: FloatArray
    agents: FloatArray


def cut(course: Course, staffing: Staffing) -> Pieces:
    """The pieces of what is ahead."""
    horizon_ms = course.at_ms + HORIZON_MS
    cuts = [np.zeros(0, np.int64)]
    for opens_ms, closes_ms in course.spans:
        begins, ends = max(opens_ms, course.at_ms), min(closes_ms, horizon_ms)
        if begins < ends:
            inner = np.arange(begins // QUARTER_MS + 1, -(-ends // QUARTER_MS)) * QUARTER_MS
            edges = np.unique(np.array([begins, *inner, ends], np.int64))
            if begins < course.deadline_ms < ends:
                edges = np.unique(np.append(edges, course.deadline_ms))
            cuts.append(np.stack([edges[:-1], edges[1:]], axis=1).reshape(-1))
    pairs = np.concatenate(cuts).reshape(-1, 2)
    start_ms, end_ms = pairs[:, 0], pairs[:, 1]
    climatology = Climatology(course.past_ms)
    before_ms = np.concatenate([[course.at_ms], end_ms[:-1]])[: end_ms.size]
    hazards = climatology.hazard(
        np.concatenate([before_ms, start_ms, end_ms]).astype(np.float64) - course.onset_ms
    ).reshape(3, -1)
    prior = np.maximum(hazards[2] - hazards[0], 1e-12)
    alone = np.maximum(hazards[2] - hazards[1], 1e-12)
    calls = course.ordinary.at(course.ordinary.calls, start_ms) / 15
    agents = course.ordinary.at(course.ordinary.agents, start_ms)
    return Pieces(
        start_ms=start_ms,
        end_ms=end_ms,
        lead_h=(end_ms - course.at_ms) / HOUR_MS,
        prior=prior,
        held_back=np.log(prior / alone),
        calls=calls,
        agents=np.where(agents >= AGENTS_LEAST, agents, staffing.needed(calls)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What should be there in each piece if things go on; NaN where it cannot be told.

    Attributes:
        agents: Agents who are there.
        needed: Agents whom the expected calls need.
        blur_h: Hours since what this is projected from.
    """

    agents: FloatArray
    needed: FloatArray
    blur_h: FloatArray


def project(evidence: Evidence, pieces: Pieces, staffing: Staffing) -> Outlook:
    """The outlook."""
    blur_h = pieces.lead_h + evidence.stale_h
    run_h = _TREND_LASTS_H * -np.expm1(-blur_h / _TREND_LASTS_H)
    here = np.nan if evidence.share is None else evidence.share
    share = np.clip(here + _pace(evidence) * run_h, *_SHARE_LIMITS)
    # Hardly a call at all is silence, not less demand: when they come again, all of them do.
    demand = 0.0 if (evidence.demand or 0.0) < _SILENCE else evidence.demand or 0.0
    # A little more or less than expected is an expectation that is wrong, and stays so.
    usual = min(max(demand, -_WRONG), _WRONG)
    ebb = min(evidence.demand_trend, 0.0) if demand > usual else 0.0
    ebb_h = _EBB_LASTS_H * -np.expm1(-blur_h / _EBB_LASTS_H)
    excess = (demand - usual) * np.exp(-blur_h / _SURGE_LASTS_H) + ebb * ebb_h
    surge = usual + (np.maximum(excess, -usual) if demand > usual else excess)
    return Outlook(
        agents=share * pieces.agents,
        needed=staffing.needed(pieces.calls * np.exp(np.minimum(surge, _SURGE))),
        blur_h=blur_h,
    )


def _pace(evidence: Evidence) -> float:
    """Share of the ordinary agents who come back each hour: of late, and since they were fewest."""
    if evidence.share is None or evidence.lacked is None:
        return evidence.share_trend
    ever = max(evidence.share - (1 - evidence.lacked), 0.0) / max(evidence.age_h, _PACE_LEAST_H)
    return (evidence.share_trend + ever) / 2


def features(evidence: Evidence, pieces: Pieces, outlook: Outlook) -> dict[str, FloatArray]:
    """The features by name, each float (n,); all 0 without evidence."""
    if not evidence.seen:
        return dict.fromkeys(EFFECTS, np.zeros(pieces.lead_h.size))
    one = np.ones(pieces.lead_h.size)
    soon, mid, far = (np.exp(-outlook.blur_h / hours) for hours in (1.5, 6.0, 24.0))
    age = float(np.log((evidence.age_h + 1) / 24))
    lead = np.log1p(pieces.lead_h / 24)
    hold = evidence.hold or 0.0
    demand = float(np.clip(evidence.demand or 0.0, -2.5, 1.5))
    silence = -min(demand, 0.0)
    lines = 0.0 if evidence.lines is None else evidence.lines - 1
    fallen = float(np.log1p(evidence.relapses))
    found = {
        "base": one,
        "base_soon": soon,
        "base_mid": mid,
        "base_far": far,
        "age": one * age,
        "age_mid": mid * age,
        "lead": lead,
        "lead_short": np.log1p(pieces.lead_h / 6),
        "held_back": pieces.held_back,
        "hold_mid": -hold * mid,
        "hold_far": -hold * far,
        "hold_change": -(evidence.hold_change or 0.0) * mid,
        "throughput_mid": (evidence.throughput or 0.0) * mid,
        "throughput_far": (evidence.throughput or 0.0) * far,
        "silence": silence * one,
        "silence_mid": silence * mid,
        "demand_trend": -evidence.demand_trend * 24 * far,
        "share_recent": float(np.clip(evidence.share_recent * 6, -1, 1)) * mid,
        "lines": lines * one,
        "lines_far": lines * far,
        "lines_trend": float(np.clip(evidence.lines_trend * 24, -1, 1)) * one,
        "lines_unknown": one * (evidence.lines is None),
        "relapses": fallen * one,
        "relapses_mid": fallen * mid,
        "well_soon": soon * (evidence.well is not None),
    }
    margin, meets = _sufficient(evidence, outlook)
    for name, weight in causes(evidence).items():
        found |= {
            f"{name}": weight * one,
            f"{name}_mid": weight * mid,
            f"{name}_far": weight * far,
            f"{name}_lead": weight * lead,
            f"{name}_age": weight * age * one,
            f"{name}_meets": weight * meets,
            f"{name}_meets_far": weight * meets * far,
            f"{name}_margin": weight * margin,
            f"{name}_margin_far": weight * margin * far,
        }
    return found


def causes(evidence: Evidence) -> dict[str, float]:
    """How much staffing and demand are the cause, each in [0, 1], and what else it may be.

    By the past alone: agents who come now do not change why it began.
    """
    lacked = evidence.lacked
    staffing = 0.0 if lacked is None else min(max((lacked - 0.1) / 0.2, 0.0), 1.0)
    surged = evidence.surged or 0.0
    demand = min(max((surged - 0.1) / 0.2, 0.0), 1.0) * (1 - staffing)
    rest = 1 - staffing - demand
    return {
        "staffing": staffing,
        "demand": demand,
        "technology": 0.0 if lacked is None else rest,
        "untold": rest if lacked is None else 0.0,
    }


def _sufficient(evidence: Evidence, outlook: Outlook) -> tuple[FloatArray, FloatArray]:
    """Logarithm of the agents there over those needed, and how surely they suffice, less a half.

    The further ahead, and the shorter what the projection rests on, the less sure.
    """
    margin = np.log(np.maximum(outlook.agents, 0.5) / outlook.needed)
    known = ~np.isnan(margin)
    margin = np.where(known, np.clip(margin, -2.0, 0.3), 0.0)
    rests_h = min(evidence.age_h, 16.0) + 3.0
    drift = 0.4 * outlook.blur_h / (rests_h + outlook.blur_h)
    sure = 1 / (1 + np.exp(-1.7 * margin / np.hypot(0.06, drift)))
    return margin, np.where(known, sure - 0.5, 0.0)


def lasting_features(evidence: Evidence, outlook: Outlook) -> dict[str, float]:
    """What speaks for the good period that lasts now."""
    meets = 0.0
    if outlook.agents.size and not np.isnan(outlook.agents[0] / outlook.needed[0]):
        margin = np.log(max(float(outlook.agents[0]), 0.5) / float(outlook.needed[0]))
        meets = float(np.clip(margin, -1.0, 0.3))
    return {
        "base": 1.0,
        "well": evidence.well or 0.0,
        "hold": float(np.clip(-(evidence.hold or 0.0), -1.0, 3.0)),
        "meets": meets,
        "lines": 0.0 if evidence.lines is None else evidence.lines - 1,
        "relapses": -float(np.log1p(evidence.relapses)),
    }


def hazard(evidence: Evidence, pieces: Pieces, outlook: Outlook) -> FloatArray:
    """The cumulative hazard of each piece, float (n,), > 0."""
    effect = sum(
        (EFFECTS[name] * values for name, values in features(evidence, pieces, outlook).items()),
        start=np.zeros(pieces.lead_h.size),
    )
    return pieces.prior * np.exp(np.clip(effect, -_EFFECT_MOST, _EFFECT_MOST))


def lasting(evidence: Evidence, outlook: Outlook) -> float:
    """How likely the good period that lasts now lasts until it is confirmed; 0 without one."""
    if evidence.well is None:
        return 0.0
    effect = sum(
        LASTING[name] * value for name, value in lasting_features(evidence, outlook).items()
    )
    return float(1 / (1 + np.exp(-effect)))


def good_period_in_time(course: Course) -> bool:
    """Whether the good period that lasts now began by the deadline."""
    return course.well_since_ms != UNKNOWN and course.well_since_ms <= course.deadline_ms
