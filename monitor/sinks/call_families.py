"""Which metric shows which array of the snapshot.

Counters and the histogram carry the label `queue` alone, so that every sum over them is true even
where contracts share a queue; `callcenter_queue_info` joins them to contracts. Gauges carry the
level in `scope`, so that a query never mixes levels.

The standards bind lines and contracts, not queues: verdicts and the two outer bands of the
disconnect ratio are exported from the line upwards. For queues and sites they would double the
number of series and are in the JSON API instead.

Pure: no I/O, no clock.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from monitor.core import fields, measures
from monitor.core.fields import HOLD_BIN, HOLD_EDGES_S
from monitor.core.snapshot import ScopeKind, Snapshot, VerdictState
from monitor.core.standards import Measure
from monitor.sinks.exposition import (
    ArrayFamily,
    Header,
    Layout,
    Numbers,
    Series,
    escape_label,
    float_family,
    format_floats,
    integer_family,
    label_pairs,
)

_OUTCOMES: Final = {
    "completed": fields.COMPLETED,
    "transferred": fields.TRANSFERRED,
    "abandoned": fields.ABANDONED,
    "dequeued": fields.DEQUEUED,
    "disconnected": fields.DISCONNECTED,
    "unknown": fields.ENDED_UNKNOWN,
}
_RESULTS: Final = {
    "within": fields.ANSWERED_WITHIN,
    "late": fields.LATE,
    "abandoned": fields.ABANDONED_WITHIN,
    "dequeued": fields.DEQUEUED_WITHIN,
    "disconnected": fields.DISCONNECTED_WITHIN,
}
_BIN_COUNT: Final = len(HOLD_EDGES_S) + 1
_SUM: Final = _BIN_COUNT  # the column of the sum; that of the count comes after it
_HISTOGRAM_COLUMNS: Final = _BIN_COUNT + 2
_STATES: Final = tuple(VerdictState)


def _counter(
    name: str, text: str, columns: tuple[int, ...], labels: tuple[str, ...] = ("",)
) -> ArrayFamily:
    """A counter of the queues: one field for each further label."""

    def series(layout: Layout) -> Iterator[str]:
        for row in layout.queue_rows.tolist():
            queue = layout.queue_labels(row)
            for label in labels:
                yield f"{name}{{{queue}{label}}}"

    def values(snapshot: Snapshot, layout: Layout) -> Numbers:
        return snapshot.lifetime[layout.queue_rows[:, None], list(columns)]

    return integer_family(Header(name, "counter", text), series, values)


def _labelled_counter(name: str, text: str, label: str, columns: dict[str, int]) -> ArrayFamily:
    labels = tuple(f',{label}="{value}"' for value in columns)
    return _counter(name, text, tuple(columns.values()), labels)


def _hold_histogram() -> ArrayFamily:
    name = "callcenter_hold_seconds"
    text = "Hold (wait in queue before a live person) of answered calls whose hold is known."
    edges = [f"{float(edge)}" for edge in HOLD_EDGES_S] + ["+Inf"]

    def series(layout: Layout) -> Iterator[str]:
        for row in layout.queue_rows.tolist():
            queue = layout.queue_labels(row)
            for edge in edges:
                yield f'{name}_bucket{{{queue},le="{edge}"}}'
            yield f"{name}_sum{{{queue}}}"
            yield f"{name}_count{{{queue}}}"

    def values(snapshot: Snapshot, layout: Layout) -> Numbers:
        rows = snapshot.lifetime[layout.queue_rows]
        cells = np.empty((len(rows), _HISTOGRAM_COLUMNS), dtype=np.int64)
        np.cumsum(rows[:, HOLD_BIN : HOLD_BIN + _BIN_COUNT], axis=1, out=cells[:, :_BIN_COUNT])
        cells[:, _SUM] = rows[:, fields.WAIT_MS_SUM]
        cells[:, _SUM + 1] = cells[:, _BIN_COUNT - 1]
        return cells

    def fill(part: Numbers) -> list[Any]:
        # Counts stay integers in the text; the sum alone is in seconds.
        cells: list[Any] = part.tolist()
        cells[_SUM::_HISTOGRAM_COLUMNS] = format_floats(part[_SUM::_HISTOGRAM_COLUMNS] / 1000)
        return cells

    places = ("%d",) * _BIN_COUNT + ("%b", "%d")
    return ArrayFamily(Header(name, "histogram", text), series, values, places, fill)


def _queue_info() -> ArrayFamily:
    name = "callcenter_queue_info"
    text = "Always 1: the lines and contracts that a queue serves; several rows when it is shared."

    def lines_of(layout: Layout) -> Iterator[tuple[int, str, str]]:
        for row in layout.queue_rows.tolist():
            for contract, line in layout.scopes[row].lines or (("", ""),):
                yield row, contract, line

    def series(layout: Layout) -> Iterator[str]:
        entities = {
            scope.labels.get("contract", ""): scope.labels.get("legal_entity", "")
            for scope in layout.scopes
            if scope.kind is ScopeKind.CONTRACT
        }
        organization = escape_label(layout.organization)
        for row, contract, line in lines_of(layout):
            labels = label_pairs(
                {"line": line, "contract": contract, "legal_entity": entities.get(contract, "")}
            )
            queue = layout.queue_labels(row)
            yield f'{name}{{{queue},{labels},organization="{organization}"}}'

    def values(_snapshot: Snapshot, layout: Layout) -> Numbers:
        return np.ones(layout.line_count, dtype=np.int8)

    return integer_family(Header(name, "gauge", text), series, values)


def _windowed(name: str, text: str, values: Callable[[Snapshot], Numbers]) -> ArrayFamily:
    """A gauge for each window and scope, from an array of that shape."""

    def series(layout: Layout) -> Iterator[str]:
        for window in layout.windows:
            for row in range(len(layout.scopes)):
                yield f'{name}{{{layout.scope_labels(row)},window="{window}"}}'

    header = Header(name, "gauge", text)
    return float_family(header, series, lambda snapshot, _layout: values(snapshot))


def _names(name: str) -> Series:
    """One sample for each scope."""

    def series(layout: Layout) -> Iterator[str]:
        for row in range(len(layout.scopes)):
            yield f"{name}{{{layout.scope_labels(row)}}}"

    return series


def _waiting() -> ArrayFamily:
    name = "callcenter_calls_waiting"
    header = Header(name, "gauge", "Calls in queue now.")
    return integer_family(header, _names(name), lambda snapshot, _layout: snapshot.waiting)


def _longest_wait() -> ArrayFamily:
    name = "callcenter_longest_wait_seconds"
    text = "How long the call that waits longest has waited; 0 when nobody waits."

    def values(snapshot: Snapshot, _layout: Layout) -> Numbers:
        return np.maximum(snapshot.longest_wait_ms, 0) / 1000

    return float_family(Header(name, "gauge", text), _names(name), values)


def _disconnect_ratio() -> ArrayFamily:
    name = "callcenter_disconnect_ratio"
    text = (
        "Disconnected calls / ended calls; NaN without ended calls. band=low counts those with"
        " positive evidence, high adds unknown ends and suspicious abandons; low and high from"
        " the line upwards."
    )

    def series(layout: Layout) -> Iterator[str]:
        judged = layout.judged_rows.tolist()
        everywhere = list(range(len(layout.scopes)))
        for band, rows in (("default", everywhere), ("low", judged), ("high", judged)):
            for window in layout.windows:
                for row in rows:
                    labels = layout.scope_labels(row)
                    yield f'{name}{{{labels},window="{window}",band="{band}"}}'

    def values(snapshot: Snapshot, layout: Layout) -> Numbers:
        outer = snapshot.disconnect[::2][:, :, layout.judged_rows]
        return np.concatenate((snapshot.disconnect[measures.DEFAULT].ravel(), outer.ravel()))

    return float_family(Header(name, "gauge", text), series, values)


def _verdict() -> ArrayFamily:
    name = "callcenter_verdict"
    text = (
        "1 for the state of the verdict on a measure, 0 for the other states; from the line"
        " upwards, as the standards bind lines and contracts."
    )

    def series(layout: Layout) -> Iterator[str]:
        for state in _STATES:
            for measure in Measure:
                for window in layout.windows:
                    own = f'measure="{measure}",window="{window}",state="{state.name.lower()}"'
                    for row in layout.judged_rows.tolist():
                        yield f"{name}{{{layout.scope_labels(row)},{own}}}"

    def values(snapshot: Snapshot, layout: Layout) -> Numbers:
        states = np.array(_STATES, dtype=np.int8)[:, None, None, None]
        one_hot: Numbers = snapshot.verdicts[:, :, layout.judged_rows] == states
        return one_hot.astype(np.int8)

    return integer_family(Header(name, "gauge", text), series, values)


FAMILIES: Final = (
    _counter(
        "callcenter_calls_made_total",
        "Calls that reached the system, by the first queue that they entered; empty for none.",
        (fields.CALLS_ASSIGNED,),
    ),
    _counter("callcenter_calls_offered_total", "Calls that entered the queue.", (fields.OFFERED,)),
    _labelled_counter(
        "callcenter_calls_ended_total",
        "Ends of calls in the queue, by outcome; every end is counted once.",
        "outcome",
        _OUTCOMES,
    ),
    _labelled_counter(
        "callcenter_service_level_decided_total",
        "Calls at the instant that decides their service level: answered within the threshold, "
        "late, or ended unanswered before it.",
        "result",
        _RESULTS,
    ),
    _hold_histogram(),
    _queue_info(),
    _windowed(
        "callcenter_average_hold_seconds",
        "Average hold of the calls answered in the window; NaN without any.",
        lambda snapshot: snapshot.average_hold_s,
    ),
    _windowed(
        "callcenter_hold_floor_seconds",
        "Average hold with those who still wait counted in; NaN when nobody was answered or waits.",
        lambda snapshot: snapshot.hold_floor_s,
    ),
    _windowed(
        "callcenter_service_level_ratio",
        "Calls answered within the threshold / calls decided in the window; NaN without any.",
        lambda snapshot: snapshot.service_level,
    ),
    _disconnect_ratio(),
    _waiting(),
    _longest_wait(),
    _verdict(),
)
