"""At which threshold the forecast of an outage stands, and which alert that makes.

A threshold is passed upwards at once: somebody has to know. Downwards it takes a margin and a time,
so that a probability that hovers about a threshold tells nobody anything twice. There is one alert
at most for each outage; it goes over into another when the severity changes, because receivers know
an alert by its labels, and the severity is one of them.

Pure: no I/O, no clock.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from monitor.core.outages.continuity import ForecastThreshold
from monitor.core.outages.outage import UNKNOWN, Risk, Threat
from monitor.core.plan import MINUTE_MS

# So far below its threshold, in millionths, and for so long.
MARGIN_PPM: Final = 50_000
LOWER_AFTER_MS: Final = 10 * MINUTE_MS
_RISKS_KEPT: Final = 20


def standing(
    miss_ppm: int, before: Threat | None, thresholds: Sequence[ForecastThreshold], at_ms: int
) -> tuple[int, int]:
    """At which threshold a forecast stands.

    Args:
        miss_ppm: Probability to miss the deadline, in millionths.
        before: The forecast before this one; None for the first.
        thresholds: Ascending.
        at_ms: When it was made.

    Returns:
        The threshold, in millionths, UNKNOWN below all of them; and since when the probability has
        been clearly below it, UNKNOWN while it is not.
    """

    def highest(most_ppm: int) -> int:
        return max(
            (one.miss_ppm for one in thresholds if one.miss_ppm <= most_ppm), default=UNKNOWN
        )

    # The configuration may have changed meanwhile.
    stood = UNKNOWN if before is None else highest(before.told_ppm)
    reached, held = highest(miss_ppm), highest(miss_ppm + MARGIN_PPM)
    if reached >= stood:
        return reached, UNKNOWN
    if held >= stood:
        return stood, UNKNOWN
    since_ms = at_ms if before is None or before.low_since_ms == UNKNOWN else before.low_since_ms
    if at_ms - since_ms < LOWER_AFTER_MS:
        return stood, since_ms
    return held, UNKNOWN


def risks_after(
    risks: tuple[Risk, ...],
    before_ppm: int,
    told_ppm: int,
    thresholds: Sequence[ForecastThreshold],
    at_ms: int,
) -> tuple[Risk, ...]:
    """The risks of an outage when its forecast has moved from one threshold to another.

    Args:
        risks: So far.
        before_ppm: Where it stood.
        told_ppm: Where it stands.
        thresholds: Their severities.
        at_ms: Now.
    """
    severity = next((one.severity for one in thresholds if one.miss_ppm == told_ppm), None)
    newest = risks[-1] if risks and risks[-1].until_ms == UNKNOWN else None
    if (None if newest is None else newest.severity) == severity:
        return risks
    if newest is not None:
        reason = "raised" if told_ppm >= before_ppm else "lowered"
        risks = (*risks[:-1], replace(newest, until_ms=at_ms, reason=reason))
    if severity is not None:
        ordinal = risks[-1].ordinal + 1 if risks else 1
        risks = (*risks, Risk(ordinal, severity, at_ms))
    return risks[-_RISKS_KEPT:]
