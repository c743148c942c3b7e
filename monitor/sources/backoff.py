"""How long to wait before a source connects again: exponential, capped, jittered.

When a broker restarts, all its clients lose it at the same instant. A random part of the delay
spreads their return. It is at least half of the whole, so that two instances that take one
another's session do not do so in a tight loop. Invariant: no delay is longer than the cap.

No I/O, no clock; randomness is a parameter.
"""

import random


class Backoff:
    """Delays between the tries of one source.

    Args:
        first_s: Upper bound of the first delay, seconds; > 0.
        cap_s: Upper bound of every delay, seconds.
        random_source: Where jitter comes from; its own generator by default.
    """

    def __init__(
        self,
        *,
        first_s: float = 1.0,
        cap_s: float = 30.0,
        random_source: random.Random | None = None,
    ) -> None:
        assert 0 < first_s <= cap_s
        self._first_s = first_s
        self._cap_s = cap_s
        # Jitter hides nothing from anybody, so an ordinary generator serves.
        self._random = random_source or random.Random()  # noqa: S311
        self._failures = 0

    def next_s(self) -> float:
        """The delay after one more failure, seconds."""
        # The exponent is bounded because a broker can be away for months.
        ceiling_s = min(self._cap_s, self._first_s * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return self._random.uniform(0.5, 1.0) * ceiling_s

    def slow_s(self) -> float:
        """The delay after a refusal that only a person can end, seconds."""
        return self._random.uniform(0.5, 1.0) * self._cap_s

    def reset(self) -> None:
        """Start small again: the connection was stable."""
        self._failures = 0
