"""How long to wait before the next try: exponential, capped, and with jitter.

All clients of a broker or receiver lose it at the same instant. A random part of the delay spreads
their return, so that it is not knocked over again by those who waited for it.

Invariant: no delay is longer than the cap, except one that the other side itself asked for, and
that has a cap of its own. No I/O, no clock; randomness is a parameter.
"""

import random
from typing import Final

# Who asks for more than this is asked again after this long: an alert is urgent.
RETRY_AFTER_CAP_S: Final = 300.0


class Backoff:
    """Delays between tries of one broker or receiver.

    Args:
        first_s: Upper bound of the first delay; > 0.
        cap_s: Upper bound of every delay.
        floor: The share of the whole delay that is waited in any case, 0..1. Two instances that
            take one another's place need some, so as not to do so in a tight loop.
        random_source: Where jitter comes from; its own generator by default.
    """

    def __init__(
        self,
        *,
        first_s: float = 1.0,
        cap_s: float = 30.0,
        floor: float = 0.0,
        random_source: random.Random | None = None,
    ) -> None:
        assert 0 < first_s <= cap_s
        assert 0 <= floor <= 1
        self._first_s = first_s
        self._cap_s = cap_s
        self._floor = floor
        # Jitter hides nothing from anybody, so an ordinary generator serves.
        self._random = random_source or random.Random()  # noqa: S311
        self._failures = 0

    def next_s(self, retry_after_s: float | None = None) -> float:
        """The delay after one more failure, seconds.

        Args:
            retry_after_s: What the other side asked for; the delay is at least that, up to
                `RETRY_AFTER_CAP_S`. None when it asked for nothing.
        """
        # The exponent is bounded because the other side can be away for months.
        ceiling_s = min(self._cap_s, self._first_s * 2.0 ** min(self._failures, 32))
        self._failures += 1
        delay_s = self._random.uniform(self._floor, 1.0) * ceiling_s
        if retry_after_s is None:
            return delay_s
        return min(RETRY_AFTER_CAP_S, retry_after_s) + delay_s

    def slow_s(self) -> float:
        """The delay after a refusal that only a person can end, seconds."""
        return self._random.uniform(0.5, 1.0) * self._cap_s

    def reset(self) -> None:
        """Start small again: the other side is there."""
        self._failures = 0
