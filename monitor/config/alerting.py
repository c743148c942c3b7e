"""Which breaches wake somebody, and through which channels.

Pure: no I/O, no clock.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Self

from pydantic import (
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_serializer,
    field_validator,
)

from monitor.config import durations
from monitor.config.durations import parse
from monitor.config.scalars import (
    DurationMs,
    FilePath,
    HttpUrl,
    Name,
    ScopePattern,
    Text,
    Variable,
    between,
)
from monitor.config.section import Finding, Section
from monitor.config.sources import credential_misfits
from monitor.config.wording import told
from monitor.core.standards import Measure

DEFAULT_SCOPES = ("organization", "contract/*", "line/*")

_PERCENT = re.compile(r"(0|[1-9][0-9]?|100)(?:\.([0-9]))?%", re.ASCII)
_THOUSAND = 1_000


def parse_clear(value: object, measure: Measure) -> int:
    """What `clear` says, in the unit of the measure's limit: ms, or thousandths.

    Raises:
        ValueError: It is no value of this measure.
    """
    if measure is Measure.AVERAGE_HOLD:
        return durations.parse(value)
    return parse_thousandths(value)


def parse_thousandths(value: object) -> int:
    """Thousandths of `82%`, `82.5%` or `0.82`.

    Raises:
        ValueError: It is no such share.
    """
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        thousandths = Decimal(int(found[1]) * 10 + int(found[2] or 0))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        thousandths = Decimal(repr(value)) * _THOUSAND
    else:
        thousandths = Decimal(-1)
    if thousandths != int(thousandths) or not 0 <= thousandths <= _THOUSAND:
        raise ValueError(f"is {told(value)}, 0% to 100% in steps of 0.1%, such as 82%, is needed")
    return int(thousandths)


def format_limit(limit: int, measure: Measure) -> str:
    """`limit`, in the unit of the measure's requirement, as an operator writes it."""
    if measure is Measure.AVERAGE_HOLD:
        return durations.format_ms(limit)
    return format_share(limit)


def format_share(thousandths: int) -> str:
    """Thousandths as an operator writes them: `82%` or `82.5%`."""
    whole, tenths = divmod(thousandths, 10)
    return f"{whole}.{tenths}%" if tenths else f"{whole}%"


class AlertRule(Section):
    """An alert on a verdict."""

    name: Name
    """What receivers know the alert by."""
    measure: Annotated[Measure, Field(strict=False)]
    """Whose verdict."""
    window_ms: DurationMs = Field(alias="window")
    """In which window; one of windows."""
    for_ms: Annotated[DurationMs, between("0s", "24h")] = Field(default=parse("5m"), alias="for")
    """How long the breach must last before the alert fires."""
    clear: Annotated[
        int | None,
        WithJsonSchema({"anyOf": [{"type": ["string", "number"]}, {"type": "null"}]}),
    ] = None
    """What counts as back: 110s for average_hold, 82% or 0.82 for the others; the limit itself
    when not given."""
    clear_for_ms: Annotated[DurationMs, between("0s", "24h")] = Field(
        default=parse("5m"), alias="clear_for"
    )
    """How long the measure must be back before the alert is resolved."""
    severity: Name = "critical"
    """A label for the receiver."""
    scopes: tuple[ScopePattern, ...] = Field(default=DEFAULT_SCOPES, min_length=1, max_length=20)
    """Patterns of scope names; what matches any of them is watched."""
    no_data_for_ms: Annotated[DurationMs, between("1m", "7d")] = Field(
        default=parse("1h"), alias="no_data_for"
    )
    """A firing alert with too few calls to judge for this long is resolved."""

    @field_validator("clear", mode="before")
    @classmethod
    def _in_unit_of_limit(cls, value: object, info: ValidationInfo) -> int | None:
        measure = info.data.get("measure")
        if value is None or measure is None:
            return None
        return parse_clear(value, measure)

    @field_serializer("clear")
    def _as_written(self, value: int | None) -> str | None:
        return None if value is None else format_limit(value, self.measure)


class Alertmanager(Section):
    """Prometheus Alertmanager; several addresses are one cluster."""

    urls: tuple[HttpUrl, ...] = Field(min_length=1, max_length=20)
    """https://host:port of each member; http:// only to this machine."""
    username: Text | None = None
    """Together with password_file or password_env."""
    password_file: FilePath | None = None
    """File with the password; not readable for other users."""
    password_env: Variable | None = None
    """Environment variable with the password, where files cannot be had."""
    ca_file: FilePath | None = None
    """Certificates that the receiver's is checked against; the system's when not given."""

    def misfits(self) -> Iterator[Finding]:
        """Credentials come in pairs."""
        yield from credential_misfits(self.username, self.password_file, self.password_env)


class Webhook(Section):
    """Any HTTP receiver. Put no secret in the address: it is printed."""

    url: HttpUrl
    """https://host/path; http:// only to this machine."""
    secret_file: FilePath | None = None
    """File with the key that signs each message; not readable for other users."""
    secret_env: Variable | None = None
    """Environment variable with that key, where files cannot be had."""
    ca_file: FilePath | None = None
    """Certificates that the receiver's is checked against; the system's when not given."""

    def misfits(self) -> Iterator[Finding]:
        """One key at most."""
        if self.secret_file is not None and self.secret_env is not None:
            yield ("secret_env",), "is given beside secret_file, one of them is allowed"


class Channel(Section):
    """One way out for alerts."""

    name: Name
    """For people and for the counters of deliveries."""
    alertmanager: Alertmanager | None = None
    """Either this ..."""
    webhook: Webhook | None = None
    """... or this."""

    def misfits(self) -> Iterator[Finding]:
        """One receiver for each channel, so that each has its own queue and its own failures."""
        if (self.alertmanager is None) == (self.webhook is None):
            found = "both receivers" if self.webhook else "no receiver"
            yield (), f"has {found}, one of alertmanager and webhook is needed"


class Alerts(Section):
    """Rules and channels."""

    rules: tuple[AlertRule, ...] | None = Field(default=None, max_length=100)
    """When not given, one for each measure that the standards limit. An empty list: none."""
    channels: tuple[Channel, ...] = Field(default=(), max_length=20)
    """Where alerts go."""

    def with_rules(self, rules: tuple[AlertRule, ...]) -> Self:
        """These alerts with `rules` when none are given."""
        return self if self.rules is not None else self.model_copy(update={"rules": rules})
