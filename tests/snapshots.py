"""Snapshots made by hand, for tests of everything that reads them.

`make_scopes` lays out a hierarchy, `make_snapshot` fills it: with nothing, or from the counts of
the queues, rolled up and divided as the definitions say. The judging here is a few plain lines
and serves readers of snapshots; it is no oracle of the engine.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from monitor.core import fields
from monitor.core.fields import FIELD_COUNT, FIELDS
from monitor.core.snapshot import (
    Alert,
    AlertState,
    Scope,
    ScopeKind,
    Snapshot,
    SourceView,
    Verdict,
    VerdictState,
)
from monitor.core.standards import Formula, Measure

AT_MS = 1_780_000_000_000
WINDOWS_MS = (60_000, 300_000, 900_000, 1_800_000, 3_600_000, 86_400_000)
ORGANIZATION = "Example Health"

Lines = Mapping[tuple[str, str], Sequence[str]]


def make_scopes(
    lines: Lines,
    *,
    organization: str = ORGANIZATION,
    legal_entity: str = "Example Community Plan, Inc.",
    sites: Sequence[str] = (),
    queues: Sequence[str] = ("", "unconfigured"),
) -> tuple[Scope, ...]:
    """Scopes of an organization with one legal entity.

    Args:
        lines: Queues by (contract, line); a queue that appears twice is shared.
        organization: Its name.
        legal_entity: Name of the one that holds all the contracts.
        sites: Names of sites.
        queues: Queues of no line.
    """
    above = {"organization": organization, "legal_entity": legal_entity}
    rows: list[tuple[ScopeKind, str, dict[str, str], tuple[tuple[str, str], ...]]] = [
        (ScopeKind.ORGANIZATION, "organization", {"organization": organization}, ()),
        (ScopeKind.LEGAL_ENTITY, f"legal_entity/{legal_entity}", above, ()),
    ]
    rows += [
        (ScopeKind.CONTRACT, f"contract/{contract}", above | {"contract": contract}, ())
        for contract in dict.fromkeys(contract for contract, _ in lines)
    ]
    for contract, line in lines:
        labels = above | {"contract": contract, "line": line}
        rows.append((ScopeKind.LINE, f"line/{contract}/{line}", labels, ()))
    rows += [(ScopeKind.SITE, f"site/{site}", {"site": site}, ()) for site in sites]
    for queue in dict.fromkeys([key for keys in lines.values() for key in keys] + list(queues)):
        serves = tuple(pair for pair, keys in lines.items() if queue in keys)
        rows.append((ScopeKind.QUEUE, f"queue/{queue}", {"queue": queue}, serves))
    return tuple(
        Scope(row=row, kind=kind, name=name, labels=labels, lines=serves)
        for row, (kind, name, labels, serves) in enumerate(rows)
    )


def small_scopes() -> tuple[Scope, ...]:
    """Two contracts, three lines, four queues of which one is shared, one site."""
    return make_scopes(
        {
            ("H0001", "member-services"): ("member-en", "member-es"),
            ("H0001", "pharmacy"): ("rx",),
            ("S0002", "member-services"): ("pdp", "member-es"),
        },
        sites=("Fresno",),
    )


def many_scopes(queue_count: int, queues_per_line: int = 20) -> tuple[Scope, ...]:
    """As many queues as said, in lines of some, four lines in a contract."""
    lines: dict[tuple[str, str], list[str]] = {}
    for index in range(queue_count):
        line = index // queues_per_line
        lines.setdefault((f"H{line // 4:04d}", f"line-{line % 4}"), []).append(f"queue-{index:05d}")
    return make_scopes(lines)


def zeros(scopes: Sequence[Scope], windows_ms: Sequence[int] = WINDOWS_MS) -> dict[str, Any]:
    """The arrays of a snapshot in which nothing has happened yet."""
    shape = (len(windows_ms), len(scopes))
    return {
        "counts": np.zeros((*shape, FIELD_COUNT), dtype=np.int64),
        "lifetime": np.zeros((len(scopes), FIELD_COUNT), dtype=np.int64),
        "waiting": np.zeros(len(scopes), dtype=np.int64),
        "longest_wait_ms": np.full(len(scopes), -1, dtype=np.int64),
        "average_hold_s": np.full(shape, np.nan),
        "hold_floor_s": np.full(shape, np.nan),
        "service_level": np.full(shape, np.nan),
        "disconnect": np.full((3, *shape), np.nan),
        "verdicts": np.zeros((len(Measure), *shape), dtype=np.int8),
    }


def make_snapshot(
    scopes: Sequence[Scope] | None = None,
    *,
    windows_ms: Sequence[int] = WINDOWS_MS,
    organization: str = ORGANIZATION,
    **given: Any,  # noqa: ANN401 (any attribute of a snapshot)
) -> Snapshot:
    """A snapshot in which whatever is not given is empty."""
    scopes = small_scopes() if scopes is None else tuple(scopes)
    values: dict[str, Any] = {
        "at_ms": AT_MS,
        "organization": organization,
        "scopes": scopes,
        "windows_ms": tuple(windows_ms),
        **zeros(scopes, windows_ms),
        "alerts": (),
        "discards": {},
        "sources": (SourceView("pbx1", AT_MS - 700, 12_345, 0),),
        "agents": {},
        "outages": (),
        "open_calls": 0,
        "ended_calls": 0,
    }
    return Snapshot(**(values | given))


@dataclass(frozen=True)
class QueueLoad:
    """What goes on in one queue: calls a minute, and what becomes of a hundred of them."""

    calls_a_minute: float
    mean_wait_s: float
    within_percent: float
    abandoned_percent: float = 3.0
    disconnected_percent: float = 1.0
    waiting: int = 0
    longest_wait_ms: int = -1


def loaded_snapshot(
    scopes: Sequence[Scope],
    load_of: Callable[[str], QueueLoad],
    *,
    at_ms: int = AT_MS,
    min_calls: int = 20,
    **given: Any,  # noqa: ANN401 (any attribute of a snapshot)
) -> Snapshot:
    """A snapshot with the figures that such queues would have, the same in every window."""
    arrays = zeros(scopes)
    counts, waiting, longest = arrays["counts"], arrays["waiting"], arrays["longest_wait_ms"]
    for scope in scopes:
        if scope.kind is not ScopeKind.QUEUE:
            continue
        load = load_of(scope.labels["queue"])
        above = [row for row in scopes if _contains(row, scope)]
        for row in (scope, *above):
            for index, window_ms in enumerate(WINDOWS_MS):
                counts[index, row.row] += _counts(load, load.calls_a_minute * window_ms / 60_000)
            waiting[row.row] += load.waiting
            longest[row.row] = max(longest[row.row], load.longest_wait_ms)
    _measure(arrays, min_calls)
    arrays["lifetime"] = counts[-1] * 7
    return make_snapshot(scopes, **{"at_ms": at_ms, **arrays, **given})


def _contains(upper: Scope, queue: Scope) -> bool:
    contracts = {contract for contract, _ in queue.lines}
    return (
        upper.kind is ScopeKind.ORGANIZATION
        or (upper.kind is ScopeKind.LEGAL_ENTITY and bool(queue.lines))
        or (upper.kind is ScopeKind.CONTRACT and upper.labels["contract"] in contracts)
        or (
            upper.kind is ScopeKind.LINE
            and (upper.labels["contract"], upper.labels["line"]) in queue.lines
        )
    )


def _counts(load: QueueLoad, calls: float) -> Any:  # noqa: ANN401 (a row of counts)
    row = np.zeros(FIELD_COUNT, dtype=np.int64)
    offered = round(calls)
    abandoned = round(calls * load.abandoned_percent / 100)
    answered = offered - abandoned
    within = round(answered * load.within_percent / 100)
    disconnected = round(calls * load.disconnected_percent / 100)
    row[[fields.CALLS_MADE, fields.CALLS_ASSIGNED, fields.OFFERED, fields.ENDED]] = offered
    row[fields.ANSWERED] = answered
    row[fields.ANSWERED_WITHIN] = within
    row[fields.LATE] = answered - within
    row[[fields.ABANDONED, fields.ABANDONED_WITHIN]] = abandoned
    row[[fields.DISCONNECTED, fields.DISCONNECTED_EVIDENT]] = disconnected
    row[fields.COMPLETED] = answered - disconnected
    row[fields.WAIT_MS_SUM] = round(answered * load.mean_wait_s * 1000)
    row[fields.HOLD_BIN + 3] = answered
    return row


def _measure(arrays: dict[str, Any], min_calls: int) -> None:
    counts = arrays["counts"]
    by_name = {name: counts[:, :, index] for index, name in enumerate(FIELDS)}
    measured = by_name["answered"] - by_name["answered_unmeasured"]
    decided = sum(
        by_name[name]
        for name in (
            "answered_within",
            "late",
            "abandoned_within",
            "dequeued_within",
            "disconnected_within",
        )
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        arrays["average_hold_s"] = by_name["wait_ms_sum"] / measured / 1000
        arrays["hold_floor_s"] = arrays["average_hold_s"] * 1.2
        arrays["service_level"] = by_name["answered_within"] / decided
        ratio = by_name["disconnected"] / by_name["ended"]
        arrays["disconnect"] = np.stack((ratio, ratio, np.minimum(1.0, ratio * 1.5)))
    for index, (good, calls) in enumerate(
        (
            (arrays["average_hold_s"] <= 120, measured),
            (arrays["service_level"] >= 0.8, decided),
            (ratio <= 0.05, by_name["ended"]),
        )
    ):
        judged = np.where(good, int(VerdictState.MET), int(VerdictState.BREACHED))
        arrays["verdicts"][index] = np.where(calls >= min_calls, judged, 0)


def verdicts_of(snapshot: Snapshot, row: int) -> tuple[Verdict, ...]:
    """Verdict objects that agree with the arrays of a snapshot made here."""
    return tuple(
        _verdict(snapshot, measure, index, window, row)
        for index, measure in enumerate(Measure)
        for window in range(len(snapshot.windows_ms))
    )


def _verdict(snapshot: Snapshot, measure: Measure, index: int, window: int, row: int) -> Verdict:
    counts = snapshot.counts[window, row]
    value, limit, above, below, formula, clause = {
        Measure.AVERAGE_HOLD: (
            snapshot.average_hold_s[window, row],
            120.0,
            counts[fields.WAIT_MS_SUM],
            counts[fields.ANSWERED],
            None,
            "42 CFR 422.111(h)(1)(ii)(A)",
        ),
        Measure.SERVICE_LEVEL: (
            snapshot.service_level[window, row],
            0.8,
            counts[fields.ANSWERED_WITHIN],
            counts[fields.ANSWERED] + counts[fields.ABANDONED_WITHIN],
            Formula.F3,
            "42 CFR 422.111(h)(1)(ii)(B)",
        ),
        Measure.DISCONNECT_RATIO: (
            snapshot.disconnect[1, window, row],
            0.05,
            counts[fields.DISCONNECTED],
            counts[fields.ENDED],
            None,
            "42 CFR 422.111(h)(1)(ii)(C)",
        ),
    }[measure]
    has_value = not np.isnan(value)
    return Verdict(
        measure=measure,
        window_ms=snapshot.windows_ms[window],
        state=VerdictState(int(snapshot.verdicts[index, window, row])),
        value=float(value) if has_value else None,
        limit=limit,
        numerator=int(above),
        denominator=int(below),
        interval=_wilson(int(above), int(below))
        if has_value and measure is not Measure.AVERAGE_HOLD
        else None,
        formula=formula,
        flipped_by=(Formula.F1,) if formula and has_value and value < limit else (),
        clause=clause,
    )


def _wilson(count: int, total: int) -> tuple[float, float]:
    z = 1.96
    share, spread = count / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return centre - half, centre + half


def make_alert(**given: Any) -> Alert:  # noqa: ANN401 (any attribute of an alert)
    """A firing alert on the average hold of a line."""
    values: dict[str, Any] = {
        "key": "example/hold-breached/line/H0001/member-services/1779999000000",
        "rule": "hold-breached",
        "severity": "critical",
        "scope": "line/H0001/member-services",
        "labels": {"contract": "H0001", "line": "member-services"},
        "measure": Measure.AVERAGE_HOLD,
        "window_ms": 1_800_000,
        "state": AlertState.FIRING,
        "breached_ms": AT_MS - 1_000_000,
        "fired_ms": AT_MS - 700_000,
        "resolved_ms": None,
        "reason": "held",
        "value": 214.6,
        "limit": 120.0,
        "numerator": 64_380_000,
        "denominator": 300,
        "clause": "42 CFR 422.111(h)(1)(ii)(A)",
    }
    return Alert(**(values | given))
