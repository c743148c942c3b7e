"""How long callers of this center wait before they give up, learned from those who did.

A caller who is answered would have waited longer: his patience is censored. For exponential
patience the estimate of greatest likelihood is the time that all callers spent in the queue divided
by the number who abandoned. With few abandons that is wild, so a prior takes part as some abandons
of its own; with none it is the prior, lengthened by what was waited without anybody giving up.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass
from typing import Final

# Before a caller was ever seen to give up: three minutes, believed like ten abandons.
PRIOR_MS: Final = 180_000.0
PRIOR_ABANDONS: Final = 10.0
LEAST_MS: Final = 5_000.0
MOST_MS: Final = 3_600_000.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Mean patience.

    Attributes:
        mean_ms: The estimate, within [`LEAST_MS`, `MOST_MS`].
        abandons: On how many abandons it rests.
        spread: Its relative standard deviation, by the posterior inverse gamma law.
    """

    mean_ms: float
    abandons: int
    spread: float


def mean_patience(
    waited_ms: int,
    abandons: int,
    prior_ms: float = PRIOR_MS,
    prior_abandons: float = PRIOR_ABANDONS,
) -> Patience:
    """The mean patience.

    Args:
        waited_ms: Time spent in the queue by all callers together, ms: those answered, those who
            abandoned and those who wait still. By Little's law also the sum of the waiting callers
            at each instant.
        abandons: How many of them abandoned.
        prior_ms: Mean patience elsewhere, ms, > 0.
        prior_abandons: How many abandons it counts for, > 2.
    """
    assert waited_ms >= 0
    assert abandons >= 0
    assert prior_abandons > 2  # noqa: PLR2004 (else the posterior law has no variance)
    weight = prior_abandons + abandons
    mean_ms = (prior_ms * prior_abandons + waited_ms) / weight
    return Patience(
        mean_ms=min(max(mean_ms, LEAST_MS), MOST_MS),
        abandons=abandons,
        spread=(weight - 2) ** -0.5,
    )
