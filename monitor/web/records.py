"""Snapshot to the plain values that the JSON API speaks: names in design words, None for no data.

Pure: no I/O, no clock.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from monitor.core.daemon import DaemonView
from monitor.core.fields import FIELDS, HOLD_BIN
from monitor.core.snapshot import (
    Alert,
    AlertState,
    FloatArray,
    Scope,
    ScopeKind,
    Snapshot,
    Verdict,
    VerdictState,
)
from monitor.core.standards import Measure
from monitor.core.window import window_label

Record = dict[str, Any]

_COUNTERS: Final = FIELDS[:HOLD_BIN]
_STATES: Final = tuple(state.name.lower() for state in VerdictState)


def parents_of(scope: Scope) -> list[str]:
    """Names of the scopes directly above: of a queue its lines, of a line its contract."""
    if scope.kind is ScopeKind.QUEUE:
        return [f"line/{contract}/{line}" for contract, line in scope.lines]
    if scope.kind is ScopeKind.LINE:
        return [f"contract/{scope.labels['contract']}"]
    return []


def window_record(snapshot: Snapshot, scope: Scope, window: int) -> Record:
    """One scope in one window.

    Args:
        snapshot: Where the figures are.
        scope: Whose.
        window: Index of the window.
    """
    row = scope.row
    counters = snapshot.counts[window, row, :HOLD_BIN].tolist()
    low, default, high = (
        _number(snapshot.disconnect[band], (window, row))
        for band in range(len(snapshot.disconnect))
    )
    longest_wait_ms = int(snapshot.longest_wait_ms[row])
    return {
        "scope": scope.name,
        "kind": scope.kind,
        "labels": scope.labels,
        "parents": parents_of(scope),
        "window": window_label(snapshot.windows_ms[window]),
        **dict(zip(_COUNTERS, counters, strict=True)),
        "waiting": int(snapshot.waiting[row]),
        "longest_wait_ms": None if longest_wait_ms < 0 else longest_wait_ms,
        "average_hold_seconds": _number(snapshot.average_hold_s, (window, row)),
        "hold_floor_seconds": _number(snapshot.hold_floor_s, (window, row)),
        "service_level_ratio": _number(snapshot.service_level, (window, row)),
        "disconnect_ratio": default,
        "disconnect_ratio_low": low,
        "disconnect_ratio_high": high,
        "verdicts": {
            measure: _STATES[state]
            for measure, state in zip(
                Measure, snapshot.verdicts[:, window, row].tolist(), strict=True
            )
        },
    }


def verdict_record(scope: Scope, verdict: Verdict) -> Record:
    """One verdict with everything that explains it."""
    return {
        "scope": scope.name,
        "window": window_label(verdict.window_ms),
        **measure_record(verdict),
    }


def measure_record(verdict: Verdict) -> Record:
    """What a verdict says, but for whose and when."""
    return {
        "measure": verdict.measure,
        "unit": _unit(verdict.measure),
        "state": verdict.state.name.lower(),
        "value": verdict.value,
        "limit": verdict.limit,
        "numerator": verdict.numerator,
        "denominator": verdict.denominator,
        "interval": verdict.interval,
        "formula": verdict.formula,
        "flipped_by": verdict.flipped_by,
        "clause": verdict.clause,
    }


def alert_record(alert: Alert) -> Record:
    """One alert; instants in epoch milliseconds."""
    return {
        "key": alert.key,
        "rule": alert.rule,
        "severity": alert.severity,
        "scope": alert.scope,
        "labels": alert.labels,
        "measure": alert.measure,
        "unit": None if alert.measure is None else _unit(alert.measure),
        "window": None if alert.window_ms is None else window_label(alert.window_ms),
        "state": alert.state,
        "reason": alert.reason,
        "breached_ms": alert.breached_ms,
        "fired_ms": alert.fired_ms,
        "resolved_ms": alert.resolved_ms,
        "value": alert.value,
        "limit": alert.limit,
        "numerator": alert.numerator,
        "denominator": alert.denominator,
        "clause": alert.clause,
        "notice": None if alert.notice is None else asdict(alert.notice),
    }


def status_record(snapshot: Snapshot | None, daemon: DaemonView, reasons: list[str]) -> Record:
    """The whole at a glance.

    Args:
        snapshot: None before the first: then `at_ms` is None and the figures are left out.
        daemon: The daemon's own figures.
        reasons: Why it is not ready.
    """
    record: Record = {
        "version": daemon.version,
        "started_ms": daemon.started_ms,
        "not_ready": reasons,
        "at_ms": None,
    }
    if snapshot is None:
        return record
    states = [alert.state for alert in snapshot.alerts]
    kinds = [scope.kind for scope in snapshot.scopes]
    return {
        **record,
        "at_ms": snapshot.at_ms,
        "organization": snapshot.organization,
        "windows": [window_label(window_ms) for window_ms in snapshot.windows_ms],
        "scopes": {kind: kinds.count(kind) for kind in ScopeKind},
        "alerts": {state: states.count(state) for state in AlertState},
        "sources": _sources(snapshot, daemon.sources_up),
        "contracts": _contracts(snapshot),
        "agents": snapshot.agents,
        "open_calls": snapshot.open_calls,
        "discards": snapshot.discards,
        "quarantined": daemon.quarantined,
    }


def _contracts(snapshot: Snapshot) -> list[Record]:
    if snapshot.watch is None:
        return []
    return [
        {
            "contract": one.contract,
            "state": one.state.name.lower(),
            "suspected_ms": one.suspected_ms,
            "blind_since_ms": one.blind_since_ms,
            "outages_total": one.outages_total,
        }
        for one in snapshot.watch.contracts
    ]


def _sources(snapshot: Snapshot, sources_up: Mapping[str, bool]) -> list[Record]:
    seen = {} if snapshot.watch is None else snapshot.watch.sources_seen
    return [
        {
            "name": source.name,
            "is_connected": sources_up.get(source.name),
            "is_seen": seen.get(source.name),
            "last_event_ms": source.last_event_ms,
            "events_total": source.events_total,
            "gaps_total": source.gaps_total,
            "missing": source.missing,
        }
        for source in snapshot.sources
    ]


def _unit(measure: Measure) -> str:
    return "seconds" if measure is Measure.AVERAGE_HOLD else "ratio"


def _number(array: FloatArray, index: tuple[int, int]) -> float | None:
    value = float(array[index])
    return None if math.isnan(value) else value
