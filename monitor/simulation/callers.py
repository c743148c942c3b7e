"""The calls of a simulated scenario: when each is made, and what its caller is like.

Arrivals are a Poisson process whose rate is constant within a stretch: a Poisson number of instants
evenly spread over each stretch. Everything about a call is drawn with it, from a stream of its own
for each queue and day, so that what happens in one queue changes nobody's mind in another.

Deterministic from the seed. No I/O, no clock.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.simulation.course import DAY_MS, Course, Demand
from monitor.simulation.scenario_model import Queue

_TALK_SIGMA: Final = 0.6
_PATIENCE_SHAPE: Final = 1.2
_SHORTEST_TALK_MS: Final = 5_000
_IVR_LEAST_MS: Final = 2_000


@dataclass(slots=True)
class Caller:
    """A call before it is made.

    Attributes:
        at_ms: When it is made, UTC epoch ms.
        queue: Position of its queue in the scenario.
        reaches: Whether it reaches the ACD.
        trunk: Picks the trunk, 0..1.
        luck: Decides whether a failing trunk cuts it off, 0..1.
        contained: Whether the IVR answers it for good.
        ivr_ms: Time in the IVR, > 0.
        patience_ms: How long the caller waits.
        talk_ms: Length of the conversation if nothing cuts it off.
        is_dropped: Whether the conversation is cut off at `talk_ms` as happens on ordinary days.
        wrap_up_ms: Work after it.
        by_caller: Whether the caller ends it, and not the agent.
    """

    at_ms: int
    queue: int
    reaches: bool
    trunk: float
    luck: float
    contained: bool
    ivr_ms: int
    patience_ms: int
    talk_ms: int
    is_dropped: bool
    wrap_up_ms: int
    by_caller: bool


def callers_by_day(course: Course, seed: int) -> Iterator[tuple[int, list[Caller]]]:
    """For each 24 hours of a course when they begin and its callers, in no order."""
    for day, from_ms in enumerate(range(course.start_ms, course.end_ms, DAY_MS)):
        found: list[Caller] = []
        for number, queue in enumerate(course.scenario.queues):
            rng = np.random.default_rng((seed, number, day))
            found += _callers(rng, number, queue, course.demand[queue.key], from_ms)
        yield from_ms, found


def _callers(
    rng: np.random.Generator, number: int, queue: Queue, demand: Demand, from_ms: int
) -> Iterator[Caller]:
    first, last = np.searchsorted(demand.starts_ms, (from_ms, from_ms + DAY_MS))
    stretches = np.arange(first, last)
    counts = rng.poisson(demand.made[first:last])
    of_stretch = np.repeat(stretches, counts)
    size = len(of_stretch)
    at_ms = demand.starts_ms[of_stretch] + (
        rng.random(size) * demand.lengths_ms[of_stretch]
    ).astype(np.int64)
    # The mean of a lognormal is exp(mu + sigma^2 / 2).
    mu = math.log(queue.talk) - _TALK_SIGMA**2 / 2
    talk = np.maximum(rng.lognormal(mu, _TALK_SIGMA, size), _SHORTEST_TALK_MS)
    is_dropped = rng.random(size) < queue.dropped
    talk = np.where(is_dropped, talk * rng.random(size), talk)
    columns = (
        at_ms,
        ~demand.silent[of_stretch],
        rng.random(size),
        rng.random(size),
        rng.random(size) < queue.contained,
        _whole(rng.exponential(queue.ivr, size), _IVR_LEAST_MS),
        _whole(queue.patience * rng.weibull(_PATIENCE_SHAPE, size)),
        _whole(talk),
        is_dropped,
        _whole(rng.exponential(queue.wrap_up, size)),
        rng.random(size) < 0.6,  # noqa: PLR2004 (somewhat more often the caller)
    )
    for at, *rest in zip(*(column.tolist() for column in columns), strict=True):
        yield Caller(at, number, *rest)


def _whole(values: NDArray[np.float64], least: int = 1) -> NDArray[np.int64]:
    return values.astype(np.int64) + least
