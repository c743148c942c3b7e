"""Erlang-A says what the birth-and-death chain says, solved state by state, and a simulation."""

import heapq
import math
import random
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.outages.erlang import AGENTS_MAX, Target, agents_needed, service

MINUTE_MS = 60_000.0


def chain(rate: float, handle: float, patience: float, agents: int) -> tuple[float, float, float]:
    """Probability to wait, mean wait, abandoned: from the chain's stationary law."""
    law = [0.0]
    state = 0
    while law[-1] > max(law) - 60 or state < agents:
        state += 1
        leaving = min(state, agents) / handle + max(state - agents, 0) / patience
        law.append(law[-1] + math.log(rate / leaving))
    weights = [math.exp(one - max(law)) for one in law]
    total = math.fsum(weights)
    queue = math.fsum(w * max(n - agents, 0) for n, w in enumerate(weights)) / total
    waits = math.fsum(weights[agents:]) / total
    return waits, queue / rate, queue / patience / rate


def simulated(
    rate: float, handle: float, patience: float, agents: int, threshold: float, calls: int
) -> tuple[float, float]:
    """Service level and mean hold of the answered, call by call, first come first served."""
    rng = random.Random(20_260_423)  # so that a failure repeats
    free_at = [0.0] * agents
    now, within, answered, held = 0.0, 0, 0, 0.0
    for _ in range(calls):
        now += rng.expovariate(rate)
        start = max(now, free_at[0])
        if start - now > rng.expovariate(1 / patience):
            continue
        heapq.heapreplace(free_at, start + rng.expovariate(1 / handle))
        answered += 1
        held += start - now
        within += start - now <= threshold
    return within / calls, held / answered


CENTERS = [
    # calls per ms, handle ms, patience ms, agents
    (10 / MINUTE_MS, 180_000, 120_000, 25),
    (10 / MINUTE_MS, 180_000, 120_000, 35),
    (1 / MINUTE_MS, 300_000, 60_000, 1),
    (0.01 / MINUTE_MS, 300_000, 180_000, 3),
    (100 / MINUTE_MS, 300_000, 3_600_000, 501),
    (1_000 / MINUTE_MS, 600_000, 180_000, 9_000),
    (1_000 / MINUTE_MS, 600_000, 180_000, 10_000),
]


@pytest.mark.parametrize(("rate", "handle", "patience", "agents"), CENTERS)
def test_waits_and_abandons_are_those_of_the_chain(
    rate: float, handle: float, patience: float, agents: int
) -> None:
    waits, wait, abandoned = chain(rate, handle, patience, agents)
    got = service(rate, handle, patience, agents, threshold_ms=0)
    assert float(got.wait_ms) == pytest.approx(wait, rel=1e-6)
    assert float(got.abandoned) == pytest.approx(abandoned, rel=1e-6)
    # Answered within 0 ms: who does not have to wait at all.
    assert float(got.service_level) == pytest.approx(1 - waits, rel=1e-6, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    load=st.floats(0.01, 200),
    ratio=st.floats(0.2, 2.5),
    patience=st.floats(0.05, 20),
)
def test_any_center_is_as_its_chain(load: float, ratio: float, patience: float) -> None:
    agents = max(1, round(load * ratio))
    waits, wait, abandoned = chain(load, 1.0, patience, agents)
    got = service(load, 1.0, patience, agents, threshold_ms=0)
    assert float(got.wait_ms) == pytest.approx(wait, rel=1e-5, abs=1e-14)
    assert float(got.abandoned) == pytest.approx(abandoned, rel=1e-5, abs=1e-14)
    assert float(got.service_level) == pytest.approx(1 - waits, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(
    ("rate", "handle", "patience", "agents"),
    [(2.0, 4.0, 2.0, 7), (2.0, 4.0, 2.0, 10), (0.5, 5.0, 10.0, 3)],
)
def test_service_level_and_hold_are_those_of_a_simulation(
    rate: float, handle: float, patience: float, agents: int
) -> None:
    level, hold = simulated(rate, handle, patience, agents, 0.5, calls=80_000)
    got = service(rate, handle, patience, agents, threshold_ms=0.5)
    assert float(got.service_level) == pytest.approx(level, abs=0.008)
    assert float(got.answered_wait_ms) == pytest.approx(hold, rel=0.04)


def test_one_agent_and_patience_as_long_as_a_call_is_a_known_figure() -> None:
    # M/M/1+M with equal rates is M/M/inf: the number in the system is Poisson.
    load = 1.7
    waiting = load - 1 + math.exp(-load)
    got = service(load, 1.0, 1.0, 1, threshold_ms=0)
    assert float(got.abandoned) == pytest.approx(waiting / load)
    assert float(got.service_level) == pytest.approx(math.exp(-load))


def test_endless_patience_is_erlang_c() -> None:
    # 10 erlang, 12 agents: 44.94 % wait (Erlang's C formula), 1 / (12 - 10) handle times each.
    got = service(10.0, 1.0, 1e7, 12, threshold_ms=0)
    terms = [10**n / math.factorial(n) for n in range(12)]
    last = 10**12 / math.factorial(12) * 12 / 2
    waits = last / (sum(terms) + last)
    assert waits == pytest.approx(0.4494, abs=1e-4)
    assert float(got.service_level) == pytest.approx(1 - waits, rel=1e-5)
    assert float(got.wait_ms) == pytest.approx(waits / 2, rel=1e-5)


def test_nobody_there_answers_nobody() -> None:
    got = service(1.0, 1.0, 3.0, 0)
    assert float(got.service_level) == 0
    assert float(got.abandoned) == 1
    assert float(got.wait_ms) == pytest.approx(3.0)
    assert math.isinf(float(got.answered_wait_ms))


@pytest.mark.parametrize("patience", [1.0, 10_000.0, 180_000.0, 3_600_000.0, 1e10])
@pytest.mark.parametrize("load", [1e-6, 0.3, 40.0, 3_000.0, 9_500.0])
def test_figures_are_finite_and_within_their_bounds(load: float, patience: float) -> None:
    agents = np.array([0, 1, 2, 10, 100, 3_000, 9_000, 9_500, 9_600, 10_000])
    got = service(load / 300_000, 300_000, patience, agents)
    for share in (got.service_level, got.abandoned):
        assert ((share >= 0) & (share <= 1)).all()
    assert (np.isfinite(got.wait_ms) & (got.wait_ms >= 0)).all()
    assert (got.wait_ms <= patience * (1 + 1e-9)).all()
    # More agents never make it worse.
    assert (np.diff(got.service_level) >= -1e-7).all()
    assert (np.diff(got.wait_ms) <= 1e-7 * patience).all()


@settings(max_examples=40, deadline=None)
@given(
    load=st.one_of(st.just(0.0), st.floats(1e-9, 1_500)),
    handle=st.floats(30_000, 900_000),
    patience=st.floats(5_000, 3_600_000),
    level=st.floats(0.5, 0.97),
    wait_ms=st.floats(5_000, 300_000),
)
def test_needed_agents_meet_the_target_and_one_less_does_not(
    load: float, handle: float, patience: float, level: float, wait_ms: float
) -> None:
    target = Target(service_level=level, wait_ms=wait_ms)
    needed = int(agents_needed(load / handle, handle, patience, target))
    if load == 0:
        assert needed == 0
        return
    got = service(load / handle, handle, patience, np.array([needed - 1, needed]))
    met = (got.service_level >= level) & (got.answered_wait_ms <= wait_ms)
    assert met.tolist() == [False, True]


def test_ten_thousand_agents_cost_no_more_than_ten() -> None:
    def spent(load: float) -> float:
        begun = process_time()
        for _ in range(10):
            agents_needed(load / 300_000, 300_000, 180_000)
        return process_time() - begun

    pairs = [(spent(10.0), spent(9_500.0)) for _ in range(5)]
    assert min(many for _, many in pairs) < 8 * min(few for few, _ in pairs)
    assert int(agents_needed(9_500.0 / 300_000, 300_000, 180_000)) < AGENTS_MAX
