"""Delays grow to the cap, never exceed it, and respect what the other side asked for."""

import random

from hypothesis import given
from hypothesis import strategies as st

from monitor.backoff import RETRY_AFTER_CAP_S, Backoff


@given(st.integers(0, 2**32), st.integers(0, 60))
def test_no_wait_is_longer_than_the_cap_or_shorter_than_the_receiver_asked(
    seed: int, failures: int
) -> None:
    backoff = Backoff(first_s=1.0, cap_s=30.0, random_source=random.Random(seed))
    waits = [backoff.next_s() for _ in range(failures)]
    assert all(0 <= wait <= min(30.0, 2.0**turn) for turn, wait in enumerate(waits))
    assert 7.0 <= backoff.next_s(7.0) <= 37.0
    assert backoff.next_s(1e9) <= RETRY_AFTER_CAP_S + 30.0
    backoff.reset()
    assert backoff.next_s() <= 1.0


@given(seed=st.integers(0, 2**32), failures=st.integers(1, 2_000))
def test_with_a_floor_each_delay_lies_between_that_share_of_its_ceiling_and_the_ceiling(
    seed: int, failures: int
) -> None:
    backoff = Backoff(first_s=1.0, cap_s=30.0, floor=0.5, random_source=random.Random(seed))
    for failure in range(failures):
        ceiling_s = min(30.0, 2.0 ** min(failure, 10))
        assert ceiling_s / 2 <= backoff.next_s() <= ceiling_s


def test_a_refusal_is_retried_slowly_from_the_start() -> None:
    assert 15.0 <= Backoff(first_s=1.0, cap_s=30.0).slow_s() <= 30.0
