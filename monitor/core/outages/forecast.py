"""When a failed call center will be restored, and how likely it misses its deadline.

The forecast is a law, not a guess: quantiles of the instant of restoration, the probability that
the deadline passes first, the agents it would take to make it, and what each piece of evidence did
to that probability. `forecast_model.py` says how it is made, `forecast_prior.py` what it is without
evidence, `tests/benchmarks/bench_forecast.py` how good it is.

Invariant: the same course gives the same forecast; quantiles ascend; no probability is 0 or 1; more
agents from now on, or more lines that work now, never raise the probability to miss. Pure: no I/O,
no clock, no randomness.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from monitor.core.outages import forecast_model
from monitor.core.outages.forecast_course import UNKNOWN, Course, FloatArray
from monitor.core.outages.forecast_evidence import Evidence, gather
from monitor.core.outages.forecast_model import Outlook, Pieces
from monitor.core.outages.forecast_needed import Needed, needed_agents
from monitor.core.outages.forecast_parameters import VERSION
from monitor.core.outages.forecast_staffing import Staffing

# No forecast is surer than this.
SUREST: Final = 0.002
QUANTILES: Final = (0.10, 0.50, 0.90)


@dataclass(frozen=True, slots=True)
class Driver:
    """A piece of evidence and what it did.

    Attributes:
        name: hold, agents, demand, lines, relapses or good_period.
        figures: The evidence, by name with its unit last; only what is known.
        effect: Probability to miss, less what it would be without this evidence: negative helps.
    """

    name: str
    figures: dict[str, float]
    effect: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the center will be restored.

    Attributes:
        at_ms: When this was forecast.
        deadline_ms: By when it has to be restored.
        p10_ms, p50_ms, p90_ms: With these probabilities it is restored by then, epoch ms; may lie
            in a good period that has begun; None: beyond what can be seen.
        miss_probability: That it is not restored by the deadline, in (0, 1).
        climatology: The same if nothing were known but how long it has lasted.
        needed: The agents it would take, soon; None when more agents are not what is missing, or
            nothing can be said, or the deadline has passed.
        latest: The fewest agents with which it can still be made, and from when at the latest.
        drivers: The evidence, what did most first.
        version: Of the model.
    """

    at_ms: int
    deadline_ms: int
    p10_ms: int | None
    p50_ms: int | None
    p90_ms: int | None
    miss_probability: float
    climatology: float
    needed: Needed | None
    latest: Needed | None
    drivers: tuple[Driver, ...]
    version: str = VERSION


def forecast(course: Course) -> Forecast:
    """Forecast the restoration."""
    staffing = Staffing(course)
    evidence = gather(course, staffing)
    pieces = forecast_model.cut(course, staffing)
    outlook = forecast_model.project(evidence, pieces, staffing)
    lasting = forecast_model.lasting(evidence, outlook)
    hazard = forecast_model.hazard(evidence, pieces, outlook)
    by_end = lasting + (1 - lasting) * -np.expm1(-np.cumsum(hazard))
    p10, p50, p90 = (_quantile(course, pieces, by_end, lasting, share) for share in QUANTILES)
    miss = _miss(course, pieces, hazard, lasting)
    nothing = Evidence(evidence.age_h, evidence.age_h, seen=False)

    def with_agents(more: FloatArray) -> float:
        helped = replace(outlook, agents=outlook.agents + more)
        return _miss_with(course, evidence, pieces, helped)

    soon, late = needed_agents(course, evidence, pieces, outlook, with_agents)
    return Forecast(
        at_ms=course.at_ms,
        deadline_ms=course.deadline_ms,
        p10_ms=p10,
        p50_ms=p50,
        p90_ms=p90,
        miss_probability=miss,
        climatology=_miss_with(course, nothing, pieces, outlook),
        needed=soon,
        latest=late,
        drivers=_drivers(course, evidence, pieces, staffing, miss),
    )


def _miss_with(course: Course, evidence: Evidence, pieces: Pieces, outlook: Outlook) -> float:
    hazard = forecast_model.hazard(evidence, pieces, outlook)
    return _miss(course, pieces, hazard, forecast_model.lasting(evidence, outlook))


def _miss(course: Course, pieces: Pieces, hazard: FloatArray, lasting: float) -> float:
    """Probability that neither the good period counts nor another begins by the deadline."""
    in_time = pieces.end_ms <= course.deadline_ms
    missed = float(np.exp(-hazard[in_time].sum()))
    kept = lasting if forecast_model.good_period_in_time(course) else 0.0
    return min(max((1 - kept) * missed, SUREST), 1 - SUREST)


def _quantile(
    course: Course, pieces: Pieces, by_end: FloatArray, lasting: float, share: float
) -> int | None:
    """The first instant by which it is restored with probability `share`."""
    if share <= lasting:
        return course.well_since_ms
    at = int(np.searchsorted(by_end, share))
    if at == by_end.size:
        return None
    before = lasting if at == 0 else float(by_end[at - 1])
    part = (share - before) / (float(by_end[at]) - before)
    start_ms, end_ms = int(pieces.start_ms[at]), int(pieces.end_ms[at])
    return start_ms + round(part * (end_ms - start_ms))


def _drivers(
    course: Course, evidence: Evidence, pieces: Pieces, staffing: Staffing, miss: float
) -> tuple[Driver, ...]:
    """What the evidence did, each piece withheld in turn."""
    withheld: dict[str, dict[str, object]] = {
        "hold": {"hold": None, "hold_change": None},
        "agents": {
            "share": None, "share_trend": 0.0, "share_recent": 0.0, "throughput": None,
        },
        "demand": {"demand": None, "demand_trend": 0.0},
        "lines": {"lines": None, "lines_trend": 0.0},
        "relapses": {"relapses": 0},
        "good_period": {"well": None},
    }  # fmt: skip
    found = []
    for name, figures in _figures(course, evidence).items():
        if not figures:
            continue
        without = replace(evidence, **withheld[name])  # type: ignore[arg-type]
        outlook = forecast_model.project(without, pieces, staffing)
        effect = miss - _miss_with(course, without, pieces, outlook)
        found.append(Driver(name, figures, effect))
    found.sort(key=lambda driver: (-abs(driver.effect), driver.name))
    return tuple(found)


def _figures(course: Course, evidence: Evidence) -> dict[str, dict[str, float]]:
    """The evidence as a person reads it."""
    told: dict[str, dict[str, float | None]] = {
        "hold": {
            "hold_floor_ms": _grown(evidence.hold, course.target.wait_ms),
            "times_two_hours_ago": _grown(evidence.hold_change, 1.0),
        },
        "agents": {
            "share_of_ordinary": evidence.share,
            "share_per_hour": None if evidence.share is None else evidence.share_trend,
            "busy_of_needed": _grown(evidence.throughput, 1.0),
        },
        "demand": {
            "times_expected": _grown(evidence.demand, 1.0),
            "times_per_hour": None
            if evidence.demand is None
            else _grown(evidence.demand_trend, 1.0),
        },
        "lines": {
            "share_back": evidence.lines,
            "share_per_hour": None if evidence.lines is None else evidence.lines_trend,
        },
        "relapses": {"count": evidence.relapses or None},
        "good_period": {
            "confirmed": evidence.well,
            "well_ms": None if course.well_since_ms == UNKNOWN else course.well_ms,
        },
    }
    return {
        name: {key: float(value) for key, value in figures.items() if value is not None}
        for name, figures in told.items()
    }


def _grown(logarithm: float | None, unit: float) -> float | None:
    return None if logarithm is None else float(np.exp(logarithm)) * unit
