"""From which probability to miss a deadline on somebody is told, and how loudly.

Pure: no I/O, no clock.
"""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from monitor.config.alerting import format_share, parse_thousandths
from monitor.config.scalars import Name
from monitor.config.section import Section
from monitor.core.outages.continuity import FORECAST_THRESHOLDS

_ALL = 1_000
_PPM_PER_THOUSANDTH = 1_000


def _possible(thousandths: int) -> int:
    if not 0 < thousandths < _ALL:
        raise ValueError(f"is {format_share(thousandths)}, above 0% and below 100% is needed")
    return thousandths


class ForecastThreshold(Section):
    """One threshold of the forecast."""

    probability: Annotated[
        int,
        BeforeValidator(parse_thousandths),
        AfterValidator(_possible),
        PlainSerializer(format_share, return_type=str),
        WithJsonSchema({"type": ["string", "number"]}),
    ]
    """To miss the deadline: 25% or 0.25."""
    severity: Name = "critical"
    """A label for the receiver, while this is the highest threshold that was passed."""

    @property
    def miss_ppm(self) -> int:
        """The probability in millionths."""
        return self.probability * _PPM_PER_THOUSANDTH


DEFAULT_THRESHOLDS = tuple(
    ForecastThreshold(
        probability=format_share(one.miss_ppm // _PPM_PER_THOUSANDTH),  # type: ignore[arg-type]
        severity=one.severity,
    )
    for one in FORECAST_THRESHOLDS
)
