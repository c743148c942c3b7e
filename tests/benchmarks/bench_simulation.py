"""What simulating a week costs: as events for an engine, and as lines of a file.

Every figure is of a whole scenario, its course laid out beforehand. The baseline is the demo's bad
day, which is played by simpy.

    PYTHONPATH=.:tests python tests/benchmarks/bench_simulation.py [--quick]
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from figures import SEED, Figure, Spent, in_turns, present, timed

from monitor.formats.writing import to_wire
from monitor.simulation.bad_day import simulate_bad_day
from monitor.simulation.course import Course
from monitor.simulation.scenario_library import load_scenario, shipped
from monitor.simulation.simulate import simulate

WRITTEN_TARGET: Final = 100_000.0
WEEK_TARGET_S: Final = 1.0
NAMES: Final = ("normal_week", "typhoon", "slow_recovery")


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 (the one argument of every benchmark)
    """Measure an ordinary week and two bad ones."""
    rounds = 3 if quick else 9
    courses = {name: Course.of(load_scenario(shipped()[name])) for name in NAMES}
    counts = {
        name: sum(1 for _ in simulate(course, SEED).deliveries) for name, course in courses.items()
    }
    bad_day_count = len(simulate_bad_day(SEED, 0))

    def played(name: str) -> Spent:
        return timed(lambda: deque(simulate(courses[name], SEED).deliveries, maxlen=0))

    def written(name: str) -> Spent:
        def work() -> None:
            for _, event in simulate(courses[name], SEED).deliveries:
                to_wire(event)

        return timed(work)

    works: dict[str, Callable[[], Spent]] = {
        f"{name}, played": partial(played, name) for name in NAMES
    }
    works |= {f"{name}, written": partial(written, name) for name in NAMES}
    works["simpy"] = partial(timed, lambda: simulate_bad_day(SEED, 0))
    spent = in_turns(works, rounds)
    simpy_rate = bad_day_count / spent["simpy"].cpu_s
    figures = [
        Figure(
            "simulation",
            "normal_week, played",
            spent["normal_week, played"].cpu_s,
            "s",
            target=WEEK_TARGET_S,
            at_least=False,
            wall=spent["normal_week, played"].wall_s,
            note="a week",
        )
    ]
    figures += [
        Figure(
            "simulation",
            f"{name}, {how}",
            counts[name] / spent[f"{name}, {how}"].cpu_s,
            "events/s",
            target=WRITTEN_TARGET if how == "written" else None,
            baseline_name="simpy, not written",
            baseline=simpy_rate,
            wall=counts[name] / spent[f"{name}, {how}"].wall_s,
        )
        for name in NAMES
        for how in ("played", "written")
    ]
    return figures


if __name__ == "__main__":
    present(measure)
