"""Fits the effects of the restoration forecast to made-up outages; prints them as Python.

They are the effects of greatest penalized likelihood of a discrete-time proportional-hazards model
(complementary log-log link, the climatology as offset), landmarked: each outage is looked at at
several random ages, and each open piece ahead until the restoration is one trial. The penalty is
that of independent normal priors. Effects of what more agents or more lines improve are held to be
not negative. Newton's method with the bounds as an active set.

The outages are drawn from `FITTED`, whose ranges are wider than those that `bench_forecast.py`
judges by, and from the seed below.

    PYTHONPATH=.:tests python tests/benchmarks/fit_forecast.py [--count N]
"""

import argparse
import re
import sys
from typing import Final, NamedTuple

import numpy as np
from forecast_cases import course_at, duration_ms
from numpy.typing import NDArray
from outage_courses import HOUR, MINUTE_MS, Made, make
from outage_ranges import FITTED

from monitor.core.outages import forecast_model
from monitor.core.outages.forecast_course import Course
from monitor.core.outages.forecast_evidence import gather
from monitor.core.outages.forecast_staffing import Staffing

Floats = NDArray[np.float64]

SEED: Final = 7_310_001
COUNT: Final = 1_500
_LOOKS: Final = 3
_PENALTY: Final = 3.0
# Raised by more agents or more lines: may only help.
HELPFUL: Final = re.compile(
    r"hold.*|throughput.*|.*_meets.*|.*_margin.*|share.*|lines(_far|_trend)?|well|meets"
)


class Trials(NamedTuple):
    """Rows to fit on.

    Attributes:
        names: The features.
        x: Features, (rows, features).
        offset: Logarithm of the climatology's hazard, (rows,).
        happened: Whether the outage was over within the piece, (rows,).
        weight: Of each row.
    """

    names: tuple[str, ...]
    x: Floats
    offset: Floats
    happened: Floats
    weight: Floats


class Look(NamedTuple):
    """An outage at one age."""

    made: Made
    course: Course


def looks(made: list[Made], rng: np.random.Generator) -> list[Look]:
    """Each outage at random ages, with a random history of others."""
    durations = [duration_ms(one) for one in made]
    found = []
    for one in made:
        last = min(one.well_since.size, 110 * HOUR)
        # Half of them evenly by the logarithm of the age: young outages are the most.
        early = np.exp(rng.uniform(np.log(30), np.log(last), _LOOKS)).astype(int)
        for age in sorted({*early.tolist(), *rng.integers(30, last, _LOOKS).tolist()}):
            past = rng.choice(durations, int(rng.integers(0, 40)))
            found.append(Look(one, course_at(one, age, past.tolist())))
    return found


def trials(found: list[Look]) -> tuple[Trials, Trials]:
    """What to fit the hazard on, and what to fit on whether a good period lasts."""
    xs, offsets, happened, weights = [], [], [], []
    stays, stayed = [], []
    names: tuple[str, ...] = ()
    stay_names: tuple[str, ...] = ()
    for made, course in found:
        staffing = Staffing(course)
        evidence = gather(course, staffing)
        pieces = forecast_model.cut(course, staffing)
        outlook = forecast_model.project(evidence, pieces, staffing)
        end_ms = None if made.restored is None else made.onset_ms + made.restored * MINUTE_MS
        if evidence.well is not None:
            stay = forecast_model.lasting_features(evidence, outlook)
            stay_names = tuple(stay)
            lasts = end_ms is not None and end_ms <= course.well_since_ms
            stays.append(list(stay.values()))
            stayed.append(float(lasts))
            if lasts:
                continue
        columns = forecast_model.features(evidence, pieces, outlook)
        names = tuple(columns)
        limit_ms = made.onset_ms + 240 * HOUR * MINUTE_MS if end_ms is None else end_ms
        held = pieces.start_ms < limit_ms
        x = np.stack(list(columns.values()), axis=1)[held]
        over = (pieces.end_ms[held] >= limit_ms) & (end_ms is not None)
        xs.append(x.astype(np.float32))
        offsets.append(np.log(pieces.prior[held]))
        happened.append(over.astype(float))
        weights.append(np.ones(len(x)))
    hazard = Trials(
        names,
        np.concatenate(xs).astype(float),
        np.concatenate(offsets),
        np.concatenate(happened),
        np.concatenate(weights),
    )
    stay_x = np.array(stays)
    return hazard, Trials(
        stay_names, stay_x, np.zeros(len(stay_x)), np.array(stayed), np.ones(len(stay_x))
    )


def fitted(rows: Trials, *, is_hazard: bool) -> tuple[dict[str, float], float]:
    """The effects, and the mean log-likelihood of an event."""
    bounded = np.array([HELPFUL.fullmatch(name) is not None for name in rows.names])
    effects = np.zeros(len(rows.names))
    best = _value(rows, effects, is_hazard=is_hazard)
    for _ in range(60):
        slope, curve = _derivatives(rows, effects, is_hazard=is_hazard)
        step = _bounded_step(effects, slope, curve, bounded)
        gained = 0.0
        for halved in range(14):
            tried = effects + step / 2**halved
            tried[bounded] = np.maximum(tried[bounded], 0)
            gained = _value(rows, tried, is_hazard=is_hazard) - best
            if gained > 0:
                best, effects = best + gained, tried
                break
        if gained < 1e-3:
            break
    return dict(zip(rows.names, effects.tolist(), strict=True)), best / rows.happened.sum()


def _terms(rows: Trials, effects: Floats, *, is_hazard: bool) -> tuple[Floats, Floats, Floats]:
    """Log-likelihood of each row and its first two derivatives by the linear predictor."""
    eta = np.clip(rows.x @ effects, -6, 6) + rows.offset
    if is_hazard:
        u = np.exp(eta)
        odds = u / np.expm1(np.clip(u, 1e-12, 700))
        log = np.where(rows.happened > 0, np.log(-np.expm1(-np.maximum(u, 1e-12))), -u)
        return log, np.where(rows.happened > 0, odds, -u), u * odds
    p = 1 / (1 + np.exp(-eta))
    log = np.where(rows.happened > 0, np.log(p), np.log1p(-p))
    return log, rows.happened - p, p * (1 - p)


def _value(rows: Trials, effects: Floats, *, is_hazard: bool) -> float:
    log, _, _ = _terms(rows, effects, is_hazard=is_hazard)
    return float((rows.weight * log).sum() - _PENALTY * (effects**2).sum() / 2)


def _derivatives(rows: Trials, effects: Floats, *, is_hazard: bool) -> tuple[Floats, Floats]:
    _, first, second = _terms(rows, effects, is_hazard=is_hazard)
    slope = rows.x.T @ (rows.weight * first) - _PENALTY * effects
    curve = (rows.x * (rows.weight * second)[:, None]).T @ rows.x
    return slope, curve + _PENALTY * np.eye(len(effects))


def _bounded_step(
    effects: Floats, slope: Floats, curve: Floats, bounded: NDArray[np.bool_]
) -> Floats:
    """Newton's step in the effects that are free to move."""
    fixed = bounded & (effects <= 0) & (slope < 0)
    while True:
        free = ~fixed
        step = np.zeros_like(effects)
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], slope[free])
        wrong = free & bounded & (effects <= 0) & (step < 0)
        if not wrong.any():
            return step
        fixed |= wrong


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description="Fit the effects of the restoration forecast.")
    parser.add_argument("--count", type=int, default=COUNT, help="how many outages")
    options = parser.parse_args()
    rng = np.random.default_rng(SEED + 1)
    made = make(SEED, options.count, FITTED, 31)
    durations = np.sort([duration_ms(one) / 3_600_000 for one in made])
    odds = [np.log(share / (1 - share)) for share in (0.25, 0.75)]
    quarters = np.log(np.quantile(durations, (0.25, 0.75)))
    shape = (odds[1] - odds[0]) / (quarters[1] - quarters[0])
    hazard, stays = trials(looks(made, rng))
    sys.stderr.write(
        f"seed {SEED}: {len(made)} outages, {len(hazard.x)} pieces, {len(stays.x)} good periods\n"
    )
    effects, value = fitted(hazard, is_hazard=True)
    lasting, stay_value = fitted(stays, is_hazard=False)
    sys.stderr.write(f"log-likelihood of an event {value:.4f}, {stay_value:.4f}\n")
    print(f"# median {np.median(durations):.1f} h, shape {shape:.2f}")
    for title, found in (("EFFECTS", effects), ("LASTING", lasting)):
        print(f"{title}: Final[dict[str, float]] = {{")
        for name, effect in found.items():
            print(f'    "{name}": {effect:.4f},')
        print("}")


if __name__ == "__main__":
    main()
