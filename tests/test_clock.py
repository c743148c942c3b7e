"""The clock goes on like the steady one, whatever is done to the wall's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.clock import TOLERATED_MS, Clock

T = 1_760_000_000_000
HOURS_72_MS = 72 * 3_600_000


class Hands:
    """The hands of both clocks."""

    def __init__(self) -> None:
        self.wall_ms = T
        self.steady_ms = 5_000

    def go_on(self, by_ms: int) -> None:
        """Time passes."""
        self.wall_ms += by_ms
        self.steady_ms += by_ms


class HandClock(Clock):
    """A clock over these hands."""

    def __init__(self, hands: Hands, speed: float = 1.0) -> None:
        self._hands = hands
        super().__init__(speed)

    def _read(self) -> int:  # type: ignore[override]
        return self._hands.wall_ms

    def _read_steady(self) -> int:  # type: ignore[override]
        return self._hands.steady_ms


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.mark.parametrize("by_ms", [HOURS_72_MS, -HOURS_72_MS, 5_000, -5_000])
def test_a_wall_that_is_set_takes_nothing_with_it(hands: Hands, by_ms: int) -> None:
    clock = HandClock(hands)
    hands.wall_ms += by_ms
    assert (clock.now_ms(), clock.off_ms(), clock.behind_ms()) == (T, by_ms, 0)
    hands.go_on(60_000)
    assert (clock.now_ms(), clock.wall_now_ms()) == (T + 60_000, T + 60_000)
    assert clock.set_to_ms() == T + 60_000 + by_ms
    assert not clock.is_sure
    hands.wall_ms -= by_ms
    assert (clock.now_ms(), clock.off_ms(), clock.is_sure) == (T + 60_000, 0, True)


def test_what_is_corrected_bit_by_bit_is_followed(hands: Hands) -> None:
    clock = HandClock(hands)
    for _ in range(100):
        hands.go_on(1_000)
        hands.wall_ms += TOLERATED_MS
        assert clock.now_ms() == hands.wall_ms
    assert clock.off_ms() == 0


def test_a_wall_that_is_followed_is_gone_by_but_never_back(hands: Hands) -> None:
    clock = HandClock(hands)
    hands.wall_ms += HOURS_72_MS
    clock.follow()
    assert (clock.now_ms(), clock.off_ms()) == (T + HOURS_72_MS, 0)
    hands.wall_ms -= 60_000
    clock.follow()
    assert (clock.now_ms(), clock.behind_ms()) == (T + HOURS_72_MS, 60_000)
    hands.go_on(60_001)
    assert (clock.now_ms(), clock.behind_ms()) == (T + HOURS_72_MS + 1, 0)


def test_a_fast_clock_is_set_in_its_own_time(hands: Hands) -> None:
    clock = HandClock(hands, 60.0)
    hands.wall_ms += 10_000
    hands.go_on(1_000)
    assert (clock.now_ms(), clock.off_ms()) == (T + 60_000, 10_000)
    assert clock.set_to_ms() == T + 660_000


def test_a_pause_between_two_looks_is_no_jump(hands: Hands) -> None:
    """The process was stopped after it had read one clock and before it read the other."""
    stops = [30_000, 0, 0]

    class Stopped(HandClock):
        def _read(self) -> int:  # type: ignore[override]
            wall_ms = hands.wall_ms
            hands.go_on(stops.pop() if stops else 0)
            return wall_ms

    clock = Stopped(hands)
    for _ in range(5):
        clock.now_ms()
    assert (clock.now_ms(), clock.off_ms(), stops) == (T + 30_000, 0, [])


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(-(10**9), 10**9)), max_size=30))
def test_without_being_told_to_follow_time_is_steady(steps: list[tuple[int, int]]) -> None:
    hands = Hands()
    clock = HandClock(hands)
    latest_ms, drift_ms = clock.now_ms(), 0
    for passed_ms, set_by_ms in steps:
        hands.go_on(passed_ms)
        hands.wall_ms += set_by_ms
        now_ms = clock.now_ms()
        assert now_ms >= latest_ms
        # Only what is taken for a correction moves it, and each of those is small.
        drift_ms += TOLERATED_MS
        assert abs(now_ms - T - (hands.steady_ms - 5_000)) <= drift_ms
        latest_ms = now_ms
