"""Outages made by hand, for tests of everything that shows them."""

from dataclasses import replace
from typing import Any

import numpy as np
from snapshots import AT_MS, make_alert

from monitor.core.outages.outage import Cause, Causes, Evidence, Outage, OutageState, Threat
from monitor.core.outages.signals import KINDS, SignalKind
from monitor.core.snapshot import (
    Alert,
    ContractView,
    Notice,
    ScopeKind,
    Snapshot,
    Transition,
    WatchView,
)

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
ONSET_MS = AT_MS - 62 * MINUTE_MS
DEADLINE_MS = ONSET_MS + 72 * HOUR_MS
LINE = "line/H0001/pharmacy"


def make_outage(**given: Any) -> Outage:  # noqa: ANN401 (any attribute of an outage)
    """An open outage of a contract, on one of its lines."""
    figures = {"waiting": 12, "left_unanswered": 30, "without_answer_ms": 31_000}
    evidence = Evidence("no_answer", LINE, "technology", ONSET_MS, ONSET_MS + 31_000, figures)
    values: dict[str, Any] = {
        "id": f"H0001/call_center/{ONSET_MS + 31_000}",
        "incident": f"H0001/call_center/{ONSET_MS + 31_000}",
        "contract": "H0001",
        "function": "call_center",
        "state": OutageState.OUTAGE,
        "onset_ms": ONSET_MS,
        "opened_ms": ONSET_MS + 31_000,
        "deadline_ms": DEADLINE_MS,
        "effective_deadline_ms": DEADLINE_MS,
        "evidence": [evidence],
        "lines": [LINE],
        "touched": [LINE],
    }
    return Outage(**(values | given))


def make_threat(**given: Any) -> Threat:  # noqa: ANN401 (any attribute of a threat)
    """A forecast: three in four that the deadline is missed, and more agents are needed."""
    values: dict[str, Any] = {
        "at_ms": AT_MS,
        "miss_ppm": 789_999,
        "climatology_ppm": 400_000,
        "p10_ms": ONSET_MS + 10 * HOUR_MS,
        "p50_ms": ONSET_MS + 80 * HOUR_MS,
        "p90_ms": None,
        "agents_more": 31,
        "agents_from_ms": ONSET_MS + 2 * HOUR_MS,
        "drivers": {"agents": 210_000},
        "version": "1",
        "told_ppm": 750_000,
    }
    return Threat(**(values | given))


def make_causes(**given: Any) -> Causes:  # noqa: ANN401 (any attribute of causes)
    """Agents are lacking, calls are not cut off, and of demand nothing is known."""
    agents = {"agents": 14, "agents_before": 60, "agents_free": 0}
    ends = {"ended": 96, "cut_off": 2, "waiting": 12, "longest_wait_ms": 90_000}
    values: dict[str, Any] = {
        "at_ms": AT_MS,
        "demand": None,
        "staffing": Cause(LINE, 233_333, ("agents",), agents),
        "technology": Cause(LINE, 20_833, (), ends),
    }
    return Causes(**(values | given))


def watched(snapshot: Snapshot, *outages: Outage, blind: tuple[str, ...] = ()) -> Snapshot:
    """The snapshot with outages, and with contracts that cannot be seen since five minutes."""
    rows = len(snapshot.scopes)
    contracts = [scope for scope in snapshot.scopes if scope.kind is ScopeKind.CONTRACT]
    states = {one.contract: one.state for one in outages}
    is_blind = np.array([scope.labels.get("contract") in blind for scope in snapshot.scopes])
    signals = np.zeros((KINDS, rows), dtype=np.bool_)
    for outage in outages:
        signals[
            SignalKind.NO_ANSWER, [one.row for one in snapshot.scopes if one.name in outage.lines]
        ] = True
    verdicts = snapshot.verdicts.copy()
    verdicts[:, :, is_blind] = 4
    view = WatchView(
        contracts=tuple(
            ContractView(
                contract=scope.labels["contract"],
                row=scope.row,
                state=states.get(scope.labels["contract"], OutageState.NORMAL),
                suspected_ms=None,
                blind_since_ms=(
                    AT_MS - 5 * MINUTE_MS if scope.labels["contract"] in blind else None
                ),
                outages_total=int(scope.labels["contract"] in states),
            )
            for scope in contracts
        ),
        is_blind=is_blind,
        is_closed=np.zeros(rows, dtype=np.bool_),
        signals=signals,
        sources_seen={source.name: not blind for source in snapshot.sources},
        courses={
            one.id: (
                Transition(one.opened_ms, "opened"),
                Transition(one.onset_ms + 20 * MINUTE_MS, "recovering"),
                Transition(one.onset_ms + 25 * MINUTE_MS, "relapsed"),
            )
            for one in outages
        },
        confirm_ms=HOUR_MS,
    )
    return replace(snapshot, outages=outages, watch=view, verdicts=verdicts)


def make_notice_alert(**given: Any) -> Alert:  # noqa: ANN401 (any attribute of an alert)
    """A firing alert about the outage that `make_outage` makes."""
    values: dict[str, Any] = {
        "key": f"Example Health/CallCenterOutage/contract/H0001/{ONSET_MS}",
        "rule": "CallCenterOutage",
        "scope": "contract/H0001",
        "labels": {"organization": "Example Health", "contract": "H0001"},
        "measure": None,
        "window_ms": None,
        "breached_ms": ONSET_MS,
        "fired_ms": ONSET_MS + 31_000,
        "reason": "opened",
        "value": None,
        "limit": None,
        "numerator": 0,
        "denominator": 0,
        "clause": "42 CFR 422.504(o)(2), 423.505(p)(2)",
        "notice": Notice(
            at_ms=AT_MS,
            contract="H0001",
            what="no call answered",
            evidence="nobody answered for 31 s, 12 waiting, 30 left unanswered (pharmacy, H0001)",
            outage=f"H0001/call_center/{ONSET_MS + 31_000}",
            deadline_ms=DEADLINE_MS,
        ),
    }
    return make_alert(**(values | given))
