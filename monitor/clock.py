"""The only reader of the wall clock.

Everything else takes `now_ms` as an argument, so that a recorded day reproduces a fault exactly.
A clock can run faster than the wall: `demo` and `publish --speed` let a day pass in minutes, and
two processes that are given the same origin agree on the time. Receivers of alerts live in wall
time, so instants that leave the program are turned back with `wall_ms`.
"""

import time


class Clock:
    """Time as the engine sees it, epoch milliseconds, never going backwards.

    Args:
        speed: How many seconds pass in one second of the wall; > 0.
        origin_ms: Wall instant (epoch ms) at which this clock and the wall agree; now by default.
    """

    def __init__(self, speed: float = 1.0, origin_ms: int | None = None) -> None:
        assert speed > 0
        self.speed = speed
        self.origin_ms = self._read() if origin_ms is None else origin_ms
        self._latest_ms = 0

    def now_ms(self) -> int:
        """Now. A wall clock that is set back does not take this one with it: it waits."""
        elapsed = self._read() - self.origin_ms
        self._latest_ms = max(self._latest_ms, self.origin_ms + int(elapsed * self.speed))
        return self._latest_ms

    def not_before(self, at_ms: int) -> None:
        """Show no instant before `at_ms`: a state that was restored has been there already."""
        self._latest_ms = max(self._latest_ms, at_ms)

    def behind_ms(self) -> int:
        """By how much this clock would be behind what it has shown, if it could; 0 if it is not.

        More than 0 means that the wall clock was set back, or was wrong when the state was made
        that was restored; the clock stands still meanwhile.
        """
        elapsed = self._read() - self.origin_ms
        return max(0, self._latest_ms - self.origin_ms - int(elapsed * self.speed))

    def wall_now_ms(self) -> int:
        """Now on the wall."""
        return self._read()

    def wall_ms(self, at_ms: int) -> int:
        """The wall's instant when this clock shows `at_ms`."""
        return self.origin_ms + int((at_ms - self.origin_ms) / self.speed)

    def seconds_until(self, at_ms: int) -> float:
        """Wall seconds until this clock shows `at_ms`; 0 when it has passed."""
        return max(0.0, (at_ms - self.now_ms()) / self.speed / 1000)

    @staticmethod
    def _read() -> int:
        return time.time_ns() // 1_000_000  # noqa: TID251 (this is the place)
