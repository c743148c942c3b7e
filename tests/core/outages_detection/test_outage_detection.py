"""A day of each kind of trouble, simulated: found in time, dated right, and nothing for nothing."""

import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from outage_run import Judged, run
from outage_weeks import FEED_LOST, NORMAL, Line

SEED = 77
MEDIUM, LARGE = 2_000, 6_000
MINUTE_MS = 60_000
# What happens, calls a day, whether agents are told of, and how soon it has to be found, ms.
CASES = (
    ("stop_answering", LARGE, False, 3 * MINUTE_MS),
    ("stop_answering", MEDIUM, True, 2 * MINUTE_MS),
    ("agents_times", MEDIUM, True, 10 * MINUTE_MS),
    ("trunk_failure", MEDIUM, True, 10 * MINUTE_MS),
    ("acd_silent", LARGE, False, 10 * MINUTE_MS),
    ("demand_times", MEDIUM, False, 60 * MINUTE_MS),
    (FEED_LOST, MEDIUM, True, None),
    (FEED_LOST, MEDIUM, False, None),
    (NORMAL, 300, True, None),
    (NORMAL, 300, False, None),
    (NORMAL, MEDIUM, True, None),
    (NORMAL, MEDIUM, False, None),
)


@cache
def watched() -> tuple[Judged, ...]:
    lines = [
        Line(number, SEED + number, calls, kind, tells, 1)
        for number, (kind, calls, tells, _) in enumerate(CASES)
    ]
    return tuple(run(lines))


def named(number: int) -> str:
    kind, calls, tells, _ = CASES[number]
    return f"{kind}-{calls}-{'told' if tells else 'untold'}-seed{SEED + number}"


def true_onset_ms(judged: Judged) -> int:
    (true,) = judged.week.simulated.truth.outages
    return true.onset_ms


TROUBLE = [number for number, case in enumerate(CASES) if case[3] is not None]
NO_TROUBLE = [number for number, case in enumerate(CASES) if case[3] is None]


@pytest.mark.parametrize("number", TROUBLE, ids=named)
def test_an_outage_is_found_in_time_and_said_once(number: int) -> None:
    judged, within_ms = watched()[number], CASES[number][3]
    assert within_ms is not None
    (said,) = judged.said
    assert 0 <= said.opened_ms - true_onset_ms(judged) <= within_ms


@pytest.mark.parametrize("number", [0, 1], ids=named)
def test_what_stops_at_once_is_dated_within_a_minute(number: int) -> None:
    judged = watched()[number]
    assert abs(judged.said[0].onset_ms - true_onset_ms(judged)) <= MINUTE_MS


@pytest.mark.parametrize("number", NO_TROUBLE, ids=named)
def test_no_outage_is_said_on_an_ordinary_day_nor_while_nothing_is_heard(number: int) -> None:
    judged = watched()[number]
    assert bool(judged.week.simulated.truth.blind) == (CASES[number][0] == FEED_LOST)
    assert judged.said == []
