"""Metrics of outages: state and clock of each contract, active signals, and what is not seen.

Arrays over scopes are written as those of calls are. The clocks exist only while there is an
outage, so that `time() > callcenter_outage_deadline_timestamp_seconds` needs no exception; they are
few and written anew each time. Without a watch for outages nothing is told.

Pure: no I/O, no clock.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from monitor.core.outages.outage import OutageState
from monitor.core.outages.signals import SignalKind
from monitor.core.snapshot import ScopeKind, Snapshot, WatchView
from monitor.sinks.exposition import (
    JUDGED,
    ArrayFamily,
    Header,
    Layout,
    Numbers,
    integer_family,
    label_pairs,
)

_PPM: Final = 1_000_000
_NOTHING: Final = np.zeros(0, dtype=np.int8)
_WATCHED: Final = frozenset((ScopeKind.CONTRACT, ScopeKind.LINE))
_STATES: Final = tuple(OutageState)
_CLOCKS: Final = (
    ("onset", "When the open outage of the contract began.", "onset_ms"),
    ("deadline", "When it has to be restored.", "deadline_ms"),
    (
        "effective_deadline",
        "End of the last time before the deadline at which the contract has to be open.",
        "effective_deadline_ms",
    ),
)


def outage_clocks(snapshot: Snapshot, layout: Layout) -> Iterator[tuple[Header, bytes]]:
    """The clocks and prospects of the open outages: each family with its lines."""
    if snapshot.watch is None:
        return
    labels = {one.contract: layout.scope_labels(one.row) for one in snapshot.watch.contracts}
    opened = [one for one in snapshot.outages if one.is_open]
    for name, text, attribute in _CLOCKS:
        header = Header(f"callcenter_outage_{name}_timestamp_seconds", "gauge", text)
        lines = [
            f"{header.name}{{{labels.get(one.contract) or _unlisted(layout, one.contract)}}}"
            f" {getattr(one, attribute) / 1000!r}\n"
            for one in opened
        ]
        yield header, "".join(lines).encode()
    text = "Probability that the open outage of the contract misses its deadline."
    header = Header("callcenter_outage_miss_probability", "gauge", text)
    lines = [
        f"{header.name}{{{labels.get(one.contract) or _unlisted(layout, one.contract)}}}"
        f" {one.threat.miss_ppm / _PPM!r}\n"
        for one in opened
        if one.threat is not None
    ]
    yield header, "".join(lines).encode()


def source_lines(snapshot: Snapshot) -> tuple[Header, bytes]:
    """Which sources are heard."""
    name = "callcenter_source_seen"
    header = Header(name, "gauge", "1 while the source is heard: connected, and not silent.")
    seen = {} if snapshot.watch is None else snapshot.watch.sources_seen
    lines = [
        f"{name}{{{label_pairs({'source': source})}}} {int(is_seen)}\n"
        for source, is_seen in seen.items()
    ]
    return header, "".join(lines).encode()


def _unlisted(layout: Layout, contract: str) -> str:
    """Labels of a contract that is configured no longer; its clock runs on."""
    return label_pairs(
        {"scope": "contract", "organization": layout.organization, "contract": contract}
    )


def _rows(layout: Layout, kinds: frozenset[ScopeKind]) -> npt.NDArray[np.intp]:
    rows = [row for row in layout.judged_rows.tolist() if layout.scopes[row].kind in kinds]
    return np.array(rows, dtype=np.intp)


def _states(watch: WatchView) -> list[OutageState]:
    """Of each contract, in the order of their rows, which is that of the layout."""
    return [one.state for one in sorted(watch.contracts, key=lambda one: one.row)]


def _family(
    header: Header,
    kinds: frozenset[ScopeKind],
    labels: Sequence[str],
    values: Callable[[WatchView, npt.NDArray[np.intp]], Numbers],
) -> ArrayFamily:
    """A family with a sample for each further label and scope of some kinds."""

    def series(layout: Layout) -> Iterator[str]:
        for label in labels:
            for row in _rows(layout, kinds).tolist():
                yield f"{header.name}{{{layout.scope_labels(row)}{label}}}"

    def numbers(snapshot: Snapshot, layout: Layout) -> Numbers:
        return _NOTHING if snapshot.watch is None else values(snapshot.watch, _rows(layout, kinds))

    return integer_family(header, series, numbers)


_CONTRACT: Final = frozenset((ScopeKind.CONTRACT,))

OUTAGE_FAMILIES: Final = (
    _family(
        Header(
            "callcenter_outage_active",
            "gauge",
            "1 while an outage of the contract is open, while it recovers too.",
        ),
        _CONTRACT,
        ("",),
        lambda watch, _rows: np.array(
            [state in (OutageState.OUTAGE, OutageState.RECOVERING) for state in _states(watch)],
            dtype=np.int8,
        ),
    ),
    _family(
        Header(
            "callcenter_outage_state",
            "gauge",
            "1 for the state in which the contract is, 0 for the others; normal says nothing where"
            " callcenter_scope_blind is 1.",
        ),
        _CONTRACT,
        tuple(f',state="{state.name.lower()}"' for state in _STATES),
        lambda watch, _rows: np.array(
            [[state is one for one in _states(watch)] for state in _STATES], dtype=np.int8
        ),
    ),
    _family(
        Header("callcenter_outages_total", "counter", "Outages that were opened."),
        _CONTRACT,
        ("",),
        lambda watch, _rows: np.array(
            [one.outages_total for one in sorted(watch.contracts, key=lambda one: one.row)],
            dtype=np.int64,
        ),
    ),
    _family(
        Header("callcenter_outage_signal_active", "gauge", "1 while the signal is active."),
        _WATCHED,
        tuple(f',signal="{kind.name.lower()}"' for kind in SignalKind),
        lambda watch, rows: watch.signals[:, rows].astype(np.int8),
    ),
    _family(
        Header(
            "callcenter_scope_blind",
            "gauge",
            "1 while the scope cannot be seen, so that nothing else about it can be believed.",
        ),
        JUDGED,
        ("",),
        lambda watch, rows: watch.is_blind[rows].astype(np.int8),
    ),
)
