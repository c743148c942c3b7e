"""Waits between tries stay within their cap, and respect what the receiver asked for."""

import random

from hypothesis import given
from hypothesis import strategies as st

from monitor.sinks.backoff import RETRY_AFTER_CAP_S, Backoff


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
