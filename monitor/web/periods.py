"""`/api/v1/periods`: a day, month or quarter of one scope, to date or as it was.

Figures are by arrival: a call counts in the period in which it came, once it is over. What is still
in progress is told beside them, as is every amendment: what was added long after its time.

The invariant: one answer is one period of one scope.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from monitor.core.fields import FIELDS, HOLD_BIN
from monitor.core.periods import Amendment, PeriodFigures, PeriodKind
from monitor.formats.instants import instant_ms
from monitor.web.records import Record, measure_record
from monitor.web.refusal import check_given_once, error_text, wrong

PeriodOf = Callable[[str, PeriodKind, int | None], Awaitable[PeriodFigures | None]]
"""A period of a scope that an instant (now when None) lies in; None for an unknown scope."""

_FILTERS: Final = ("scope", "period", "at")
_ENCODER: Final = msgspec.json.Encoder()
# What tells how calls were assigned to queues over time is no figure of a period.
_SHOWN: Final = tuple(name for name in FIELDS[:HOLD_BIN] if name != "calls_assigned")


class PeriodsPage:
    """Answers for one daemon.

    Args:
        period_of: Reads a period; raises what it cannot read as an `OSError`.
    """

    def __init__(self, period_of: PeriodOf) -> None:
        self._period_of = period_of

    @property
    def route(self) -> web.RouteDef:
        """Where it is asked for."""
        return web.get("/api/v1/periods", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        """Filters: `scope` (required), `period` (day, month, quarter) and `at` (RFC 3339)."""
        check_given_once(request, _FILTERS)
        scope = request.query.get("scope")
        if scope is None:
            raise wrong("scope is missing, such as contract/H0001")
        kind = request.query.get("period", PeriodKind.DAY)
        if kind not in list(PeriodKind):
            raise wrong(f"period: {kind!r} is none of {', '.join(PeriodKind)}")
        text = request.query.get("at")
        at_ms = None if text is None else instant_ms(text)
        if text is not None and at_ms is None:
            raise wrong(f"at: {text!r} is no instant, such as 2026-03-01T00:00:00-05:00")
        try:
            figures = await self._period_of(scope, PeriodKind(kind), at_ms)
        except OSError as fault:
            raise web.HTTPServiceUnavailable(
                text=error_text(str(fault)),
                content_type="application/json",
                headers={"Retry-After": "5"},
            ) from fault
        if figures is None:
            raise web.HTTPNotFound(
                text=error_text(f"scope: there is no {scope!r}"), content_type="application/json"
            )
        body = _ENCODER.encode(period_record(figures))
        return web.Response(body=body, content_type="application/json")


def period_record(figures: PeriodFigures) -> Record:
    """One period of one scope; instants in epoch milliseconds, None for no data."""
    period = figures.period
    low, default, high = figures.disconnect_band
    first_ms = figures.counted_from_ms
    return {
        "scope": figures.scope,
        "period": period.kind,
        "zone": period.zone,
        "start_ms": period.start_ms,
        "end_ms": period.end_ms,
        "at_ms": figures.at_ms,
        "is_over": period.end_ms <= figures.at_ms,
        "counted_from_ms": None if first_ms is None else max(first_ms, period.start_ms),
        **_named(figures.counts.tolist()),
        "visits_in_progress": figures.in_progress,
        "average_hold_seconds": figures.average_hold_s,
        "service_level_ratio": figures.service_level,
        "disconnect_ratio": default,
        "disconnect_ratio_low": low,
        "disconnect_ratio_high": high,
        "verdicts": [measure_record(verdict) for verdict in figures.verdicts],
        "amendments_total": figures.amended_total,
        "amendments": [_amendment_record(amendment) for amendment in figures.amendments],
    }


def _amendment_record(amendment: Amendment) -> Record:
    added = _named(list(amendment.counts))
    return {
        "start_ms": amendment.start_ms,
        "recorded_ms": amendment.recorded_ms,
        "added": {name: count for name, count in added.items() if count},
    }


def _named(counts: list[int]) -> dict[str, int]:
    named = dict(zip(FIELDS, counts, strict=True))
    return {name: named[name] for name in _SHOWN}
