"""What is expected of the next quarter-hour from those of today."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from core.made_calls import shared_plan

from monitor.core import fields
from monitor.core.fields import FIELD_COUNT
from monitor.core.outages.demand import Demand
from monitor.core.outages.expectation import Expectation
from monitor.core.outages.facts import Facts
from monitor.core.outages.week_clock import QUARTER_MS, WeekClock
from monitor.core.scopes import ScopeTable

START = 1_955_555  # a quarter-hour
PLAN = shared_plan()
TABLE = ScopeTable(PLAN)
CLOCK = WeekClock(PLAN, TABLE.scopes[: TABLE.upper])
ROWS = CLOCK.rows


class Told:
    """A day told to a demand, quarter-hour by quarter-hour; row 0 alone has calls."""

    def __init__(self) -> None:
        self.demand = Demand(Expectation(CLOCK), ROWS, {})
        self._quarter, self._offered = START, 0

    def quarter(self, calls: int, **given: bool) -> float | None:
        """A quarter-hour passes; what is expected of the next one."""
        lifetime = np.zeros((ROWS, FIELD_COUNT), dtype=np.int64)
        for minute in range(15):
            at_ms = self._quarter * QUARTER_MS + minute * 60_000
            lifetime[0, fields.OFFERED] = self._offered + calls * minute // 14
            self._tell(at_ms, lifetime, given)
        self._offered += calls
        self._quarter += 1
        self._tell(self._quarter * QUARTER_MS, lifetime, given)
        expected = float(self.demand.expected_per_s[0]) * 900
        return None if np.isnan(expected) else expected

    def _tell(self, at_ms: int, lifetime: np.ndarray[Any, Any], given: dict[str, bool]) -> None:
        facts = SimpleNamespace(
            at_ms=at_ms,
            lifetime=lifetime,
            is_seen=np.full(ROWS, given.get("is_seen", True)),
            is_open=np.full(ROWS, given.get("is_open", True)),
        )
        is_bad = np.full(ROWS, given.get("is_bad", False))
        self.demand.update(cast("Facts", facts), is_bad)


def test_the_mean_of_the_last_four_quarters_is_expected_once_there_are_two() -> None:
    told = Told()
    found = [told.quarter(calls) for calls in (20, 24, 28, 32, 36)]
    assert found == [None, *map(pytest.approx, (22, 24, 26, 30))]
    assert told.demand.spread[0] == 15.0


@pytest.mark.parametrize("trouble", [{"is_seen": False}, {"is_open": False}, {"is_bad": True}])
def test_a_quarter_of_trouble_teaches_nothing_and_spoils_nothing(trouble: dict[str, bool]) -> None:
    told = Told()
    for _ in range(4):
        told.quarter(24)
    for _ in range(6):
        assert told.quarter(3, **trouble) == pytest.approx(24)


def test_silence_does_not_become_the_custom() -> None:
    told = Told()
    for _ in range(4):
        told.quarter(24)
    assert [told.quarter(0) for _ in range(8)] == [pytest.approx(24)] * 8


def test_a_line_that_is_often_silent_expects_little() -> None:
    told = Told()
    found = [told.quarter(calls) for calls in (1, 0, 0, 2, 0, 0, 0)]
    assert found[-1] == pytest.approx(0.5)


def test_what_was_three_hours_ago_is_not_today_any_more() -> None:
    told = Told()
    for _ in range(4):
        told.quarter(24)
    found = [told.quarter(24, is_seen=False) for _ in range(13)]
    assert found[7] == pytest.approx(24)
    assert found[-1] is None
