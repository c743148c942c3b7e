"""`/api/v1/...`: the snapshot as JSON, for the page and for other people's programs.

Answers are written scope by scope and sent as they are written, and the loop is given back after
every few, so that not even all windows of ten thousand queues are ever held as one text; all of an
answer tells of one snapshot. Filters say what is wrong with them instead of answering nothing.

The invariant: nothing here holds the event loop for more than some rows.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from monitor.core.snapshot import AlertState, Scope, ScopeKind, Snapshot
from monitor.core.window import window_label
from monitor.web.board import Board, Readiness, VerdictsOf
from monitor.web.outages import outage_record
from monitor.web.records import (
    Record,
    alert_record,
    parents_of,
    status_record,
    verdict_record,
    window_record,
)
from monitor.web.refusal import error_text, wrong

_Item = TypeVar("_Item")
_ENCODER: Final = msgspec.json.Encoder()
_ROWS_AT_ONCE: Final = 32
_MAX_FILTERS: Final = 64
_PIECE_BYTES: Final = 65_536
_SENT_WITHIN_S: Final = 15.0


class Api:
    """The JSON answers.

    Args:
        board: Where the newest snapshot hangs.
        verdicts_of: All verdicts of one row.
        readiness: Why the daemon is not ready.
    """

    def __init__(self, board: Board, verdicts_of: VerdictsOf, readiness: Readiness) -> None:
        self._board = board
        self._verdicts_of = verdicts_of
        self._readiness = readiness

    async def status(self, request: web.Request) -> web.Response:
        """The whole at a glance; answers before the first snapshot, too."""
        _check_filters(request, ())
        record = status_record(self._board.snapshot, self._board.daemon, self._readiness())
        return web.Response(body=_ENCODER.encode(record), content_type="application/json")

    async def windows(self, request: web.Request) -> web.StreamResponse:
        """Counts and measures by scope and window.

        Filters, each repeatable: `scope` is a shell pattern of names, `under` the name of a line
        for its queues, or nothing for the queues of no line; `window` a window.
        """
        _check_filters(request, ("scope", "under", "window"))
        snapshot = self._snapshot()
        windows = _windows(request, snapshot)
        records = (
            [window_record(snapshot, scope, window) for window in windows]
            async for scope in _scopes(request, snapshot)
        )
        return await _send(request, "windows", snapshot, records)

    async def verdicts(self, request: web.Request) -> web.StreamResponse:
        """Verdicts with everything that explains them; filters as for windows."""
        _check_filters(request, ("scope", "under", "window"))
        snapshot = self._snapshot()
        wanted = {snapshot.windows_ms[window] for window in _windows(request, snapshot)}
        records = (
            [
                verdict_record(scope, verdict)
                for verdict in self._verdicts_of(snapshot, scope.row)
                if verdict.window_ms in wanted
            ]
            async for scope in _scopes(request, snapshot)
        )
        return await _send(request, "verdicts", snapshot, records)

    async def alerts(self, request: web.Request) -> web.StreamResponse:
        """Alerts, those that fire first and of these the oldest; filter: `state`."""
        _check_filters(request, ("state",))
        snapshot = self._snapshot()
        states = request.query.getall("state", list(AlertState))
        for state in states:
            if state not in list(AlertState):
                raise wrong(f"state: {state!r} is none of {', '.join(AlertState)}")
        order = (AlertState.FIRING, AlertState.PENDING, AlertState.RESOLVED)
        alerts = sorted(
            (alert for alert in snapshot.alerts if alert.state in states),
            key=lambda alert: (order.index(alert.state), alert.breached_ms, alert.key),
        )
        records = ([alert_record(alert)] async for alert in _each(alerts))
        return await _send(request, "alerts", snapshot, records)

    async def outages(self, request: web.Request) -> web.StreamResponse:
        """Outages, the open ones first, then those that were restored; filter: `contract`."""
        _check_filters(request, ("contract",))
        snapshot = self._snapshot()
        wanted = set(request.query.getall("contract", []))
        outages = [one for one in snapshot.outages if not wanted or one.contract in wanted]
        records = ([outage_record(snapshot, one)] async for one in _each(outages))
        return await _send(request, "outages", snapshot, records)

    def _snapshot(self) -> Snapshot:
        snapshot = self._board.snapshot
        if snapshot is None:
            raise web.HTTPServiceUnavailable(
                text=error_text("no figures yet: the daemon is starting"),
                content_type="application/json",
                headers={"Retry-After": "1"},
            )
        return snapshot


async def _scopes(request: web.Request, snapshot: Snapshot) -> AsyncIterator[Scope]:
    """The scopes that the filters name; all when there is no filter."""
    patterns = request.query.getall("scope", [])
    lines = set(request.query.getall("under", []))
    for index, scope in enumerate(snapshot.scopes):
        if index % _ROWS_AT_ONCE == 0:
            await asyncio.sleep(0)
        if not (patterns or lines) or _is_wanted(scope, patterns, lines):
            yield scope


def _is_wanted(scope: Scope, patterns: Iterable[str], lines: set[str]) -> bool:
    if any(fnmatchcase(scope.name, pattern) for pattern in patterns):
        return True
    if not lines or scope.kind is not ScopeKind.QUEUE:
        return False
    return not lines.isdisjoint(parents_of(scope) or ("",))


def _windows(request: web.Request, snapshot: Snapshot) -> list[int]:
    """Indices of the windows that the filter names; all when there is no filter."""
    labels = [window_label(window_ms) for window_ms in snapshot.windows_ms]
    wanted = dict.fromkeys(request.query.getall("window", labels))
    for label in wanted:
        if label not in labels:
            raise wrong(f"window: {label!r} is none of {', '.join(labels)}")
    return [labels.index(label) for label in wanted]


def _check_filters(request: web.Request, allowed: Sequence[str]) -> None:
    if len(request.query) > _MAX_FILTERS:
        raise wrong(f"at most {_MAX_FILTERS} filters")
    for name in request.query:
        if name not in allowed:
            filters = ", ".join(allowed) if allowed else "no filter"
            raise wrong(f"{name!r} is no filter here; allowed: {filters}")


async def _each(items: Sequence[_Item]) -> AsyncIterator[_Item]:
    """The items, giving the loop back after every few."""
    for index, item in enumerate(items):
        if index % _ROWS_AT_ONCE == 0:
            await asyncio.sleep(0)
        yield item


async def _send(
    request: web.Request, name: str, snapshot: Snapshot, records: AsyncIterator[list[Record]]
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    try:
        async with asyncio.timeout(_SENT_WITHIN_S):
            text = bytearray(b'{"at_ms":%d,"%b":[' % (snapshot.at_ms, name.encode()))
            comma = b""
            async for several in records:
                for record in several:
                    text += comma + _ENCODER.encode(record)
                    comma = b","
                if len(text) >= _PIECE_BYTES:
                    await response.write(bytes(text))
                    text.clear()
            await response.write(bytes(text + b"]}"))
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    return response
