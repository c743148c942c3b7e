"""The configuration: everything that an operator can say, with every default.

A short file is a whole one; what it leaves out has a default here, and `explain` prints it. The
model refuses what is wrong by itself; what contradicts something elsewhere in the file is found by
`consistency`, and what is wrong with the files that it names by `files`. `load` runs all of them.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from monitor.config.alerting import Alerts, format_share
from monitor.config.contracts import Contract
from monitor.config.durations import format_ms, parse
from monitor.config.forecasts import DEFAULT_THRESHOLDS, ForecastThreshold
from monitor.config.scalars import (
    DurationMs,
    FilePath,
    Listen,
    Name,
    QueuePattern,
    StandardId,
    Text,
    between,
    is_loopback,
    split_listen,
)
from monitor.config.section import Finding, Misfit, Section
from monitor.config.signals import Signals
from monitor.config.sources import Source, pair_misfits
from monitor.core import plan
from monitor.core.standards import Formula

_LONGEST_WINDOW_MS = parse("24h")
_LONGEST_FINE_MS = parse("1h")
_MINUTE_MS = parse("1m")
_DEFAULT_LIMITS = plan.Limits()


def _window(window_ms: int) -> int:
    if not 0 < window_ms <= _LONGEST_WINDOW_MS:
        raise ValueError(f"is {format_ms(window_ms)}, 1s to 24h is allowed")
    if window_ms > _LONGEST_FINE_MS and window_ms % _MINUTE_MS:
        raise ValueError(f"is {format_ms(window_ms)}, above 1h whole minutes are needed")
    return window_ms


def _ascending(values: tuple[int, ...]) -> tuple[int, ...]:
    findings: list[Finding] = []
    for at, (before, after) in enumerate(pairwise(values), start=1):
        if after <= before:
            findings.append(
                ((at,), f"is not longer than {format_ms(before)} before it, give them ascending")
            )
    if findings:
        raise Misfit(findings)
    return values


Window = Annotated[DurationMs, AfterValidator(_window)]


class Verdicts(Section):
    """How calls become verdicts."""

    min_calls: int = Field(default=20, ge=1, le=1_000_000)
    """A verdict on fewer calls is insufficient."""
    short_abandon_ms: Annotated[DurationMs, between("0s", "10m")] = Field(
        default=parse("5s"), alias="short_abandon"
    )
    """Formulas F5 and F6: an abandon before this is short."""
    formula: Annotated[Formula | None, Field(strict=False)] = None
    """Which service level is judged, F1 to F6; the standard's when not given."""


class Continuity(Section):
    """The restoration clock of the business continuity rule."""

    watch: bool = True
    """Whether outages are looked for at all."""
    restore_within_ms: Annotated[DurationMs, between("1h", "1y")] = Field(
        default=parse("72h"), alias="restore_within"
    )
    """From the onset of an outage to its restoration."""
    confirm_ms: DurationMs = Field(default=parse("1h"), alias="confirm")
    """How long service must be good before an outage is over."""
    ladder_ms: Annotated[tuple[DurationMs, ...], AfterValidator(_ascending)] = Field(
        default=tuple(parse(f"{hours}h") for hours in (0, 24, 36, 48, 60, 66, 70, 71, 72)),
        alias="ladder",
        max_length=50,
    )
    """When, from the onset, somebody is told again."""
    forecast_thresholds: tuple[ForecastThreshold, ...] = Field(
        default=DEFAULT_THRESHOLDS, max_length=20
    )
    """How likely a missed deadline has to be for an alert, ascending; none: no alert."""
    signals: Signals = Signals()
    """When something is taken for an outage."""
    abandon: tuple[Name, ...] = Field(default=(), max_length=1_000)
    """Contracts that were removed from this file and whose open outages need not be followed."""

    def misfits(self) -> Iterator[Finding]:
        """Nothing is due after the deadline, and confirmation fits before it; all ascend."""
        if self.confirm_ms >= self.restore_within_ms:
            yield ("confirm",), "is as long as restore_within or longer, a shorter time is needed"
        for at, step_ms in enumerate(self.ladder_ms):
            if step_ms > self.restore_within_ms:
                limit = format_ms(self.restore_within_ms)
                yield ("ladder", at), f"is after the deadline, restore_within ({limit}) at most"
        for at, (low, high) in enumerate(pairwise(self.forecast_thresholds), start=1):
            if high.probability <= low.probability:
                found = f"is not above {format_share(low.probability)} before it"
                yield ("forecast_thresholds", at, "probability"), f"{found}, give them ascending"


class Store(Section):
    """What is kept, where and for how long."""

    path: FilePath = Path("/var/lib/callcenter-monitor/monitor.db")
    """The database."""
    keep_events_ms: Annotated[DurationMs, between("24h", "100y")] = Field(
        default=parse("7d"), alias="keep_events"
    )
    """The journal of events."""
    keep_quarantine_ms: Annotated[DurationMs, between("24h", "100y")] = Field(
        default=parse("30d"), alias="keep_quarantine"
    )
    """Messages that could not be read."""
    keep_alerts_ms: Annotated[DurationMs, between("24h", "100y")] = Field(
        default=parse("10y"), alias="keep_alerts"
    )
    """Alerts and their deliveries."""
    keep_calls_ms: Annotated[DurationMs, between("24h", "100y")] = Field(
        default=parse("10y"), alias="keep_calls"
    )
    """The figures of each quarter of an hour, of which calendar periods are made."""
    checkpoint_every_ms: Annotated[DurationMs, between("1s", "1h")] = Field(
        default=parse("60s"), alias="checkpoint_every"
    )
    """How often the state is saved; a restart replays what came since."""


class Http(Section):
    """The status page, the API, the metrics and the push intake."""

    listen: Listen = "127.0.0.1:9108"
    """HOST:PORT. Beyond this machine it needs cert_file, key_file and users_file."""
    names: tuple[Text, ...] = Field(default=(), max_length=20)
    """Names, besides those of this machine, under which readers may ask for the page."""
    cert_file: FilePath | None = None
    """Certificate shown to clients, together with key_file."""
    key_file: FilePath | None = None
    """Its private key; not readable for other users."""
    users_file: FilePath | None = None
    """Who may come in, a line of `callcenter-monitor user NAME` each; not readable for others."""

    @property
    def host(self) -> str:
        """Where to listen."""
        return split_listen(self.listen)[0]

    @property
    def port(self) -> int:
        """Where to listen; 0 takes any free port."""
        return split_listen(self.listen)[1]

    def misfits(self) -> Iterator[Finding]:
        """What others on the network can reach is encrypted and asks who they are."""
        yield from pair_misfits(self.cert_file, self.key_file)
        if is_loopback(self.host):
            return
        needed = ("cert_file", "key_file", "users_file")
        absent = [key for key in needed if getattr(self, key) is None]
        if absent:
            yield (
                ("listen",),
                (
                    f"can be reached from other machines, {', '.join(absent)} needed, "
                    "or listen on 127.0.0.1"
                ),
            )


class Limits(Section):
    """Bounds of everything that the world could make grow."""

    open_calls: int = Field(default=_DEFAULT_LIMITS.open_calls, ge=100, le=10_000_000)
    """Calls in flight."""
    ended_calls: int = Field(default=_DEFAULT_LIMITS.ended_calls, ge=100, le=10_000_000)
    """Ended calls that are remembered, so that a late duplicate does not revive them."""
    ended_for_ms: Annotated[DurationMs, between("1m", "7d")] = Field(
        default=_DEFAULT_LIMITS.ended_for_ms, alias="ended_for"
    )
    """How long they are remembered at most."""
    call_age_ms: Annotated[DurationMs, between("1m", "7d")] = Field(
        default=_DEFAULT_LIMITS.call_age_ms, alias="call_age"
    )
    """A call without any event for this long is ended as unknown."""
    queues: int = Field(default=_DEFAULT_LIMITS.queues, ge=1, le=100_000)
    """Queues that patterns may add."""
    agents: int = Field(default=_DEFAULT_LIMITS.agents, ge=1, le=1_000_000)
    """Agents whose state is held."""
    skew_ms: Annotated[DurationMs, between("1s", "24h")] = Field(
        default=_DEFAULT_LIMITS.skew_ms, alias="skew"
    )
    """How far ahead of our clock an event may be before the time of receipt is used."""
    past_ms: Annotated[DurationMs, between("1m", "1y")] = Field(
        default=_DEFAULT_LIMITS.past_ms, alias="past"
    )
    """An event older than this is refused."""


class Config(Section):
    """The whole configuration."""

    organization: Text
    """Its name."""
    standard: StandardId = "cms-ma-partd"
    """What it is held to; a line may name another."""
    windows_ms: Annotated[tuple[Window, ...], AfterValidator(_ascending)] = Field(
        default=tuple(map(parse, ("1m", "5m", "15m", "30m", "1h", "24h"))),
        alias="windows",
        min_length=1,
        max_length=20,
    )
    """Rolling windows, ascending: seconds up to 1h, whole minutes above, 24h at most."""
    contracts: tuple[Contract, ...] = Field(min_length=1, max_length=1_000)
    """Contracts with the regulator."""
    queues: tuple[QueuePattern, ...] = Field(default=(), max_length=10_000)
    """Further queues of the organization that belong to no line."""
    sites: tuple[Text, ...] = Field(default=(), max_length=1_000)
    """Sites or vendors that are watched across contracts, as events name them."""
    sources: tuple[Source, ...] = Field(min_length=1, max_length=100)
    """Where events come from."""
    verdicts: Verdicts = Verdicts()
    """How calls become verdicts."""
    continuity: Continuity = Continuity()
    """The restoration clock."""
    alerts: Alerts = Alerts()
    """Rules and channels."""
    store: Store = Store()
    """What is kept."""
    http: Http = Http()
    """What is served."""
    limits: Limits = Limits()
    """Bounds."""
