"""How good the forecast of the restoration is: 500 outages, eight ages, against two baselines.

Judged are the probability to miss the 72 hours (Brier score) and the quantiles P10, P50, P90 of the
restoration (pinball loss, hours), over all outages that are not over at each age. The forecast
is given twenty past restorations as an operator would have; it was fitted on other outages, from
another seed and wider ranges (`fit_forecast.py`). `--detail` prints more, and the reliability
diagram, which is drawn to `forecast_reliability.svg` with `--draw`.

    PYTHONPATH=.:tests python tests/benchmarks/bench_forecast.py [--quick] [--detail] [--draw]
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Final, NamedTuple

import numpy as np
from figures import JSON_OPTION, SEED, Figure, present
from forecast_baselines import QUANTILES, Dressed, Told, bare, climatology, straight_line
from forecast_cases import AGES, course_at, duration_ms
from forecast_chart import reliability, reliability_svg, reliability_text
from numpy.typing import NDArray
from outage_courses import DEADLINE, HOUR, KINDS, MINUTE_MS, MINUTES, Made, make
from outage_ranges import FITTED, JUDGED

from monitor.core.outages.forecast import forecast

Floats = NDArray[np.float64]

_COUNT: Final = 500
_DRESSED_ON: Final = 250
_PAST: Final = 20
_CHART: Final = Path(__file__).with_name("forecast_reliability.svg")
OURS, CLIMATOLOGY, LINE, DRESSED = "forecast", "climatology", "straight line", "dressed line"
NAMES: Final = (OURS, CLIMATOLOGY, LINE, DRESSED)


class Case(NamedTuple):
    """One outage at one age, and what each said."""

    outage: int
    kind: str
    age: int
    actual: float
    told: dict[str, Told]

    @property
    def is_missed(self) -> bool:
        """What came of it."""
        return self.actual > DEADLINE

    def brier(self, name: str) -> float:
        """Squared error of the probability to miss."""
        return (self.told[name].miss - self.is_missed) ** 2

    def pinball_h(self, name: str) -> float:
        """Mean pinball loss of the three quantiles, hours; ten days stand for later."""
        losses = []
        for share, said in zip(QUANTILES, self.told[name].quantiles, strict=True):
            late = min(self.actual, MINUTES) - min(said, MINUTES)
            losses.append(max(share * late, (share - 1) * late) / HOUR)
        return float(np.mean(losses))


def judged(made: Sequence[Made], dressed: Dressed, seed: int) -> tuple[list[Case], list[float]]:
    """All cases, and the CPU seconds of each forecast."""
    rng = np.random.default_rng(seed)
    durations = np.array([duration_ms(one) / MINUTE_MS for one in made])
    cases, spent = [], []
    for at, one in enumerate(made):
        others = np.delete(durations, at)
        past = (rng.choice(others, _PAST, replace=False) * MINUTE_MS).astype(int).tolist()
        for age in AGES:
            if age > one.well_since.size:
                continue
            course = course_at(one, age, past)
            begun = process_time()
            said = forecast(course)
            spent.append(process_time() - begun)
            instants = [
                MINUTES if instant is None else (instant - one.onset_ms) / MINUTE_MS
                for instant in (said.p10_ms, said.p50_ms, said.p90_ms)
            ]
            line = straight_line(one, age)
            told = {
                OURS: Told(said.miss_probability, (instants[0], instants[1], instants[2])),
                CLIMATOLOGY: climatology(others, age),
                LINE: bare(line),
                DRESSED: dressed.told(age, line),
            }
            cases.append(Case(at, one.kind, age, float(durations[at]), told))
    return cases, spent


def dress(count: int) -> Dressed:
    """The errors of the straight line on outages of the kind that the forecast was fitted on."""
    ages, reached, actual = [], [], []
    for one in make(SEED + 1, count, FITTED):
        for age in AGES:
            if age <= one.well_since.size:
                ages.append(float(age))
                reached.append(straight_line(one, age))
                actual.append(duration_ms(one) / MINUTE_MS)
    return Dressed(np.array(ages), np.array(reached), np.array(actual))


def scores(cases: Sequence[Case], of: Callable[[Case, str], float]) -> dict[str, float]:
    """The mean score of each."""
    return {name: float(np.mean([of(case, name) for case in cases])) for name in NAMES}


def surely(cases: Sequence[Case], of: Callable[[Case, str], float], name: str) -> float:
    """In which share of 2,000 resamples of the outages the forecast has the better score."""
    gain = np.zeros(max(case.outage for case in cases) + 1)
    for case in cases:
        gain[case.outage] += of(case, name) - of(case, OURS)
    gain = gain[np.unique([case.outage for case in cases])]
    drawn = np.random.default_rng(SEED).integers(0, gain.size, (2_000, gain.size))
    return float((gain[drawn].sum(axis=1) > 0).mean())


def _figures(cases: Sequence[Case], what: str, *, is_goal: bool) -> list[Figure]:
    """Both scores against each baseline."""
    found = []
    for of, title, unit in ((Case.brier, "Brier score", ""), (Case.pinball_h, "pinball loss", "h")):
        score = scores(cases, of)
        found += [
            Figure(
                "forecast", f"{title}, {what}", score[OURS], unit, at_least=False,
                baseline_name=name, baseline=score[name], ratio_target=1.0 if is_goal else None,
                note=f"{len(cases)} cases; better in {surely(cases, of, name):.0%} of resamples",
            )
            for name in (NAMES[1:] if is_goal else NAMES[1:3])
        ]  # fmt: skip
    return found


def detail(cases: Sequence[Case]) -> str:
    """Scores by kind and by age, coverage, and the reliability diagram."""
    lines = [f"{'':16}{'cases':>6}{'missed':>8}" + "".join(f"{name:>15}" for name in NAMES)]
    groups: list[tuple[str, list[Case]]] = [("all", list(cases))]
    groups += [(kind, [case for case in cases if case.kind == kind]) for kind in KINDS]
    groups += [(f"{age // HOUR} h", [case for case in cases if case.age == age]) for age in AGES]
    for of, title in ((Case.brier, "Brier score"), (Case.pinball_h, "pinball loss, h")):
        lines.append(title)
        for name, group in groups:
            missed = np.mean([case.is_missed for case in group])
            score = scores(group, of)
            cells = "".join(f"{score[one]:15.4f}" for one in NAMES)
            lines.append(f"  {name:14}{len(group):6}{missed:8.2f}{cells}")
    lines.append("restored by P10, P50, P90")
    for name, group in groups:
        by = [
            np.mean([min(case.actual, MINUTES) <= case.told[OURS].quantiles[at] for case in group])
            for at in range(3)
        ]
        lines.append(f"  {name:14}" + "".join(f"{share:8.2f}" for share in by))
    lines.append(reliability_text(_reliability(cases)))
    return "\n".join(lines)


def _reliability(cases: Sequence[Case]) -> list[tuple[float, float, int]]:
    return reliability(
        np.array([case.told[OURS].miss for case in cases]),
        np.array([case.is_missed for case in cases]),
    )


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 (the one argument of every benchmark)
    """Judge all outages."""
    count, dressed_on = (90, 60) if quick else (_COUNT, _DRESSED_ON)
    cases, spent = judged(make(SEED, count, JUDGED), dress(dressed_on), SEED)
    bins = _reliability(cases)
    if "--detail" in sys.argv and JSON_OPTION not in sys.argv:
        sys.stdout.write(detail(cases) + "\n")
    if "--draw" in sys.argv:
        _CHART.write_text(reliability_svg(bins), encoding="utf-8")
    found = _figures(cases, "all", is_goal=True)
    for kind in KINDS:
        found += _figures([case for case in cases if case.kind == kind], kind, is_goal=False)
    error = sum(abs(said - came) * many for said, came, many in bins) / len(cases)
    found.append(
        Figure("forecast", "calibration error of the probability", error, "", at_least=False)
    )
    found.append(
        Figure(
            "forecast", "one forecast", float(np.median(spent)) * 1000, "ms", target=50.0,
            at_least=False, note=f"longest {max(spent) * 1000:.0f} ms",
        )
    )  # fmt: skip
    return found


if __name__ == "__main__":
    present(measure)
