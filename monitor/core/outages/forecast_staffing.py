"""How many agents the expected calls need, for many quarter-hours at once.

Erlang-A is asked at some rates between the least and the greatest; in between lies a straight line.
A forecast asks for a thousand quarter-hours, and neighbouring ones hardly differ.

Pure: no I/O, no clock.
"""

import math
from functools import lru_cache
from typing import Final

import numpy as np

from monitor.core.outages.erlang import Target, agents_needed
from monitor.core.outages.forecast_course import Course, FloatArray

_MINUTE_MS: Final = 60_000
# The asked rates, calls per minute: these and nothing in between, so that a table serves again.
_LEAST: Final = 0.01
_STEP: Final = 1.6
# A day with so many times the expected calls is beyond the table.
_MOST_TIMES: Final = 4.5
_MOST_AGENTS: Final = 20_000
_TABLES_KEPT: Final = 64
_PATIENCE_STEP: Final = 1.1


class Staffing:
    """Agents needed by rate.

    Args:
        course: Gives the mean times, the target and the expected calls.
    """

    def __init__(self, course: Course) -> None:
        self.handle_ms = course.handle_ms
        calls = course.ordinary.calls / 15
        offered = course.samples.offered
        greatest = max(
            float(np.nanmax(calls, initial=0.2, where=~np.isnan(calls))),
            float(offered[-60:].mean()) if offered.size else 0.0,
        )
        most = min(greatest * _MOST_TIMES, _MOST_AGENTS * _MINUTE_MS / course.handle_ms)
        knots = 2 + max(0, math.ceil(math.log(most / _LEAST) / math.log(_STEP)))
        self._rates, self._agents = _table(
            course.handle_ms, _rounded(course.patience_ms), course.target, knots
        )

    def needed(self, calls_per_minute: FloatArray) -> FloatArray:
        """Agents needed, at least 1; NaN where the rate is."""
        return np.interp(calls_per_minute, self._rates, self._agents)


def _rounded(patience_ms: float) -> float:
    """The patience to within 5 %, so that a table serves again; it is not known any better."""
    if not 0 < patience_ms < math.inf:
        return patience_ms
    return float(_PATIENCE_STEP ** round(math.log(patience_ms) / math.log(_PATIENCE_STEP)))


@lru_cache(maxsize=_TABLES_KEPT)
def _table(
    handle_ms: float, patience_ms: float, target: Target, knots: int
) -> tuple[FloatArray, FloatArray]:
    """Rates and agents, float (knots,) each."""
    rates = np.array([_LEAST * _STEP**knot for knot in range(knots)])
    agents = agents_needed(rates / _MINUTE_MS, handle_ms, patience_ms, target)
    return rates, agents.astype(np.float64)
