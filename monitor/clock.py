"""The only reader of the wall clock.

Everything else takes `now_ms` as an argument, so that a recorded day reproduces a fault exactly.
A clock can run faster than the wall: `demo` and `publish --speed` let a day pass in minutes, and
two processes that are given the same origin agree on the time. Receivers of alerts live in wall
time, so instants that leave the program are turned back with `wall_ms`.

A wall clock can be set while we run, by mistake or to mend a mistake, and alone it cannot be told
which. So it is believed as long as it goes on like the machine's steady clock, which nobody can
set and which counts the time asleep as well. Once it does not, time goes on by the steady clock
until somebody who knows more calls `follow`.
"""

import time
from typing import Final

TOLERATED_MS: Final = 2_000
"""A clock that is off by less is corrected bit by bit, and is as good as right."""

# Between the readings of two clocks the process may have been stopped.
_AT_ONCE_MS: Final = 200


class Clock:
    """Time as the engine sees it, epoch milliseconds, never going backwards.

    Args:
        speed: How many seconds pass in one second of the wall; > 0.
        origin_ms: Wall instant (epoch ms) at which this clock and the wall agree; now by default.
    """

    def __init__(self, speed: float = 1.0, origin_ms: int | None = None) -> None:
        assert speed > 0
        self.speed = speed
        wall_ms, steady_ms = self._read_both()
        # By how much the wall is ahead of the steady clock, as long as it can be believed.
        self._ahead_ms = wall_ms - steady_ms
        self._off_ms = 0
        self.origin_ms = wall_ms if origin_ms is None else origin_ms
        self._latest_ms = 0

    def now_ms(self) -> int:
        """Now. A wall clock that is set does not take this one with it."""
        self._latest_ms = max(self._latest_ms, self._engine_ms(self.wall_now_ms()))
        return self._latest_ms

    def not_before(self, at_ms: int) -> None:
        """Show no instant before `at_ms`: a state that was restored has been there already."""
        self._latest_ms = max(self._latest_ms, at_ms)

    def behind_ms(self) -> int:
        """By how much this clock would be behind what it has shown, if it could; 0 if it is not.

        More than 0 means that the wall clock is wrong now, or was when the state was made that was
        restored; the clock stands still meanwhile.
        """
        return max(0, self._latest_ms - self._engine_ms(self.wall_now_ms()))

    def off_ms(self) -> int:
        """By how much the wall was set, epoch ms; < 0 for back, 0 while it goes on as it should."""
        self.wall_now_ms()
        return self._off_ms

    def set_to_ms(self) -> int:
        """The instant that this clock would show if it went by what the wall shows now."""
        return self._engine_ms(self.wall_now_ms() + self._off_ms)

    def follow(self) -> None:
        """Go by the wall again, as it is now. Backwards means to stand still until it is there."""
        wall_ms, steady_ms = self._read_both()
        self._ahead_ms, self._off_ms = wall_ms - steady_ms, 0

    @property
    def is_sure(self) -> bool:
        """Whether nothing speaks against the wall."""
        return self.behind_ms() <= TOLERATED_MS and self._off_ms == 0

    def wall_now_ms(self) -> int:
        """Now on the wall; once that was set, where it would be if it had not been."""
        wall_ms, steady_ms = self._read_both()
        off_ms = wall_ms - steady_ms - self._ahead_ms
        if abs(off_ms) > TOLERATED_MS:
            self._off_ms = off_ms
            return steady_ms + self._ahead_ms
        self._ahead_ms, self._off_ms = wall_ms - steady_ms, 0
        return wall_ms

    def wall_ms(self, at_ms: int) -> int:
        """The wall's instant when this clock shows `at_ms`."""
        return self.origin_ms + int((at_ms - self.origin_ms) / self.speed)

    def seconds_until(self, at_ms: int) -> float:
        """Wall seconds until this clock shows `at_ms`; 0 when it has passed."""
        return max(0.0, (at_ms - self.now_ms()) / self.speed / 1000)

    def _engine_ms(self, wall_ms: int) -> int:
        return self.origin_ms + int((wall_ms - self.origin_ms) * self.speed)

    def _read_both(self) -> tuple[int, int]:
        """The wall and the steady clock at one instant."""
        while True:
            before_ms = self._read_steady()
            wall_ms = self._read()
            steady_ms = self._read_steady()
            if steady_ms - before_ms <= _AT_ONCE_MS:
                return wall_ms, steady_ms

    @staticmethod
    def _read() -> int:
        return time.time_ns() // 1_000_000  # noqa: TID251 (this is the place)

    @staticmethod
    def _read_steady() -> int:
        # Not every system has the clock that counts the time asleep.
        which = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        return time.clock_gettime_ns(which) // 1_000_000
