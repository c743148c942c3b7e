"""Patience is learned from those who gave up, those who did not counted as what they waited."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.outages.patience import (
    LEAST_MS,
    MOST_MS,
    PRIOR_ABANDONS,
    PRIOR_MS,
    mean_patience,
)


def test_without_callers_it_is_the_prior() -> None:
    assert mean_patience(0, 0).mean_ms == PRIOR_MS


def test_censored_patience_is_found_again() -> None:
    rng = random.Random(20_260_423)  # so that a failure repeats
    patience_ms, waited_ms, abandons = 95_000, 0.0, 0
    for _ in range(20_000):
        would, answered = rng.expovariate(1 / patience_ms), rng.expovariate(1 / 40_000)
        waited_ms += min(would, answered)
        abandons += would < answered
    found = mean_patience(round(waited_ms), abandons)
    assert found.mean_ms == pytest.approx(patience_ms, rel=0.04)
    # The mean of those who gave up alone would be less than a third of it.
    assert found.spread == pytest.approx(abandons**-0.5, rel=0.01)


@given(st.integers(0, 10**15), st.integers(0, 10**9))
def test_it_stays_within_its_bounds(waited_ms: int, abandons: int) -> None:
    found = mean_patience(waited_ms, abandons)
    assert LEAST_MS <= found.mean_ms <= MOST_MS
    assert 0 < found.spread <= (PRIOR_ABANDONS - 2) ** -0.5


@given(st.integers(0, 10**9), st.integers(0, 10**5), st.integers(0, 10**9))
def test_waiting_without_giving_up_is_patience(waited_ms: int, abandons: int, more: int) -> None:
    less = mean_patience(waited_ms, abandons).mean_ms
    assert mean_patience(waited_ms + more, abandons).mean_ms >= less
    assert mean_patience(waited_ms, abandons + 1).mean_ms <= less
