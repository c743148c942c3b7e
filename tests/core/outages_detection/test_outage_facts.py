"""Lines watched without the engine are told the same as with it, outage by outage."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from outage_facts import watched
from outage_run import counts_talks, run
from outage_weeks import COLLAPSE, NORMAL, STOP, Line, Week

SEED = 4_100
KINDS = (STOP, COLLAPSE, "trunk_failure", "site_closed", NORMAL)


def test_what_is_said_without_the_engine_is_what_the_engine_says() -> None:
    lines = [
        Line(number, SEED + number, 300 if number % 2 else 1_500, kind, number % 3 != 0, 1)
        for number, kind in enumerate(KINDS)
    ]
    print(f"seeds from {SEED}")  # noqa: T201 (how to repeat it)
    alone = watched([Week(line) for line in lines], counts_talks=counts_talks())
    assert [one.said for one in alone] == [one.said for one in run(lines)]
    assert sum(len(one.said) for one in alone) >= 3
