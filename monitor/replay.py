"""Replays a recording through the engine and says what it saw, step by step.

The same engine as in the daemon, ticked at every second at which anything can change, so that a
recorded day shows the figures and the alerts that the daemon would have shown. The input is put in
order within the lateness bound first; the instant of receipt is that of the event.

Pure: no I/O, no clock.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from monitor.core import fields
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.measures import DEFAULT
from monitor.core.outages.outage import Happening
from monitor.core.plan import MINUTE_MS, SECOND_MS, Plan, RulePlan
from monitor.core.presets import PRESETS
from monitor.core.snapshot import Alert, Scope, Snapshot
from monitor.core.window import window_label

_COUNTS: Final = (
    "calls_made",
    "offered",
    "answered",
    "answered_within",
    "late",
    "abandoned",
    "abandoned_within",
    "dequeued",
    "dequeued_within",
    "disconnected",
    "disconnected_within",
    "ended",
    "wait_ms_sum",
)
_COUNTED: Final = tuple(fields.FIELDS.index(name) for name in _COUNTS)
_LIFETIME: Final = fields.FIELDS[: fields.HOLD_BIN]
# Events of one second go to the engine together, but not more than these.
_BATCH_MAX: Final = 10_000

Record = dict[str, Any]


def default_plan() -> Plan:
    """What a recording is judged by without a configuration: every queue, the rule of Medicare."""
    standard = PRESETS["cms-ma-partd"]
    return Plan(
        organization="recording",
        standard=standard,
        queues=("*",),
        rules=tuple(
            RulePlan(
                name=f"{requirement.measure}-breached".replace("_", "-"),
                measure=requirement.measure,
                window_ms=30 * MINUTE_MS,
                for_ms=5 * MINUTE_MS,
                clear_for_ms=MINUTE_MS,
                severity="critical",
                scopes=("organization",),
            )
            for requirement in standard.requirements
        ),
    )


class Replay:
    """One replay.

    Args:
        engine: A fresh engine.
        every_ms: Distance of the steps; they are multiples of it in UTC.
    """

    def __init__(self, engine: Engine, every_ms: int) -> None:
        assert every_ms > 0
        assert every_ms % SECOND_MS == 0
        self._engine = engine
        self._every_ms = every_ms
        self._types: Counter[str] = Counter()

    def run(self, events: Iterable[Event]) -> Iterator[Record]:
        """Yield window records at every step, alert and outage records at every change.

        Args:
            events: In order of `at_ms` but for late ones.
        """
        step_ms = -1
        batch: list[Event] = []
        batch_s = -1
        for event in events:
            second = event.at_ms // SECOND_MS
            if second > batch_s or len(batch) >= _BATCH_MAX:
                self._apply(batch, batch_s)
                batch = []
                if second > batch_s:
                    if step_ms < 0:
                        step_ms = self._step_after(event.at_ms)
                    while step_ms <= second * SECOND_MS:
                        yield from self._step(step_ms)
                        step_ms += self._every_ms
                    yield from self._tick_to(second * SECOND_MS)
                    batch_s = second
            batch.append(event)
        if step_ms >= 0:
            self._apply(batch, batch_s)
            yield from self._step(step_ms)

    def summary(self, refused: Counter[str], late: int) -> Record:
        """The last record: what was read, what was discarded, and the totals.

        Args:
            refused: Lines of the input that could not be read, by reason.
            late: Events that came later than the lateness bound.
        """
        engine = self._engine
        discarded = Counter(refused)
        discarded.update(engine.discards)
        record: Record = {
            "record": "summary",
            "events": self._types.total(),
            "events_by_type": dict(sorted(self._types.items())),
            "late_beyond_bound": late,
            "discarded": dict(sorted(discarded.items())),
            "open_calls": engine.tracker.register.open_count,
        }
        if engine.ring.closed_s >= 0:
            snapshot = engine.snapshot()
            record["lifetime"] = {
                scope.name: {
                    name: int(snapshot.lifetime[scope.row, index])
                    for index, name in enumerate(_LIFETIME)
                }
                for scope in snapshot.scopes
            }
        return record

    def _apply(self, batch: list[Event], second: int) -> None:
        if batch:
            self._types.update(event.type for event in batch)
            self._engine.on_events(batch, second * SECOND_MS + SECOND_MS - 1)

    def _step_after(self, at_ms: int) -> int:
        return (at_ms // self._every_ms + 1) * self._every_ms

    def _step(self, step_ms: int) -> Iterator[Record]:
        yield from self._tick_to(step_ms)
        snapshot = self._engine.snapshot()
        for scope in snapshot.scopes:
            for window in range(len(snapshot.windows_ms)):
                yield window_record(snapshot, scope, window)

    def _tick_to(self, to_ms: int) -> Iterator[Record]:
        for tick_ms, changed in self._engine.advance(to_ms):
            for alert in changed:
                yield alert_record(alert, tick_ms)
            for happening in self._engine.happenings():
                yield outage_record(happening)
        self._engine.intervals.take()  # nobody stores them here


def window_record(snapshot: Snapshot, scope: Scope, window: int) -> Record:
    """The figures of one scope in one window; None where there is nothing to divide by."""
    row = scope.row
    counts = snapshot.counts[window, row]
    longest_ms = int(snapshot.longest_wait_ms[row])
    record: Record = {
        "record": "window",
        "at": rfc3339(snapshot.at_ms),
        "scope": scope.name,
        "window": window_label(snapshot.windows_ms[window]),
    }
    record.update((name, int(counts[index])) for name, index in zip(_COUNTS, _COUNTED, strict=True))
    record["waiting"] = int(snapshot.waiting[row])
    record["longest_wait_ms"] = None if longest_ms < 0 else longest_ms
    record["average_hold_seconds"] = _number(snapshot.average_hold_s[window, row])
    record["hold_floor_seconds"] = _number(snapshot.hold_floor_s[window, row])
    record["service_level_ratio"] = _number(snapshot.service_level[window, row])
    record["disconnect_ratio"] = _number(snapshot.disconnect[DEFAULT, window, row])
    return record


def alert_record(alert: Alert, at_ms: int) -> Record:
    """A change of state of one alert."""
    return {
        "record": "alert",
        "at": rfc3339(at_ms),
        "key": alert.key,
        "rule": alert.rule,
        "severity": alert.severity,
        "scope": alert.scope,
        "state": str(alert.state),
        "reason": alert.reason,
        "measure": alert.measure and str(alert.measure),
        "window": None if alert.window_ms is None else window_label(alert.window_ms),
        "breached_at": rfc3339(alert.breached_ms),
        "value": alert.value,
        "limit": alert.limit,
        "numerator": alert.numerator,
        "denominator": alert.denominator,
        "clause": alert.clause,
    }


def outage_record(happening: Happening) -> Record:
    """A change of one outage; instants among its figures are epoch milliseconds."""
    return {
        "record": "outage",
        "at": rfc3339(happening.at_ms),
        "key": happening.key,
        "what": happening.kind,
        "scope": f"contract/{happening.contract}",
        "outage": happening.outage,
        **happening.figures,
    }


def rfc3339(at_ms: int) -> str:
    """An instant in UTC, with milliseconds only where there are any."""
    instant = datetime.fromtimestamp(at_ms / 1000, UTC)
    precision = "milliseconds" if at_ms % SECOND_MS else "seconds"
    return instant.isoformat(timespec=precision).replace("+00:00", "Z")


def _number(value: float) -> float | None:
    return None if value != value else float(value)  # noqa: PLR0124 (NaN differs from itself)
