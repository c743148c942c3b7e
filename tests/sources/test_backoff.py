"""Delays grow to the cap, never exceed it, and never become a tight loop."""

import random

from hypothesis import given
from hypothesis import strategies as st

from monitor.sources.backoff import Backoff


@given(seed=st.integers(0, 2**32), failures=st.integers(1, 2_000))
def test_each_delay_lies_between_half_of_its_ceiling_and_the_ceiling(
    seed: int, failures: int
) -> None:
    backoff = Backoff(first_s=1.0, cap_s=30.0, random_source=random.Random(seed))
    for failure in range(failures):
        ceiling_s = min(30.0, 2.0 ** min(failure, 10))
        assert ceiling_s / 2 <= backoff.next_s() <= ceiling_s


def test_a_reset_starts_small_again() -> None:
    backoff = Backoff(first_s=1.0, cap_s=30.0)
    for _ in range(10):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 1.0


def test_a_refusal_is_retried_slowly_from_the_start() -> None:
    assert 15.0 <= Backoff(first_s=1.0, cap_s=30.0).slow_s() <= 30.0
