"""What the watch for outages keeps over a restart, as bytes and back.

Rows are stored by name, so that a changed configuration finds what it still knows; a scope that is
new begins with nothing, and one that is gone is forgotten, but for its outages: those are kept
until somebody has said that they may go.

Pure: no I/O, no clock.
"""

import zlib
from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.core.outages.notices import NoticeState
from monitor.core.outages.outage import Outage
from monitor.core.outages.sight import SourceSight
from monitor.core.outages.threat import Minute
from monitor.core.outages.watch import OutageWatch
from monitor.core.snapshot import IntArray

_QUICK: Final = 1


class _Array(msgspec.Struct, array_like=True):
    dtype: str
    shape: tuple[int, ...]
    body: bytes


class _State(msgspec.Struct):
    at_ms: int
    names: tuple[str, ...]
    open: dict[str, Outage]
    closed: list[Outage]
    suspected: dict[str, int]
    signals: dict[str, _Array]
    rows: dict[str, _Array]
    quarter: int
    sources: dict[str, SourceSight]
    feeds: dict[str, list[str]]
    minutes: dict[str, list[Minute]]
    notices: NoticeState = msgspec.field(default_factory=NoticeState)
    agents: list[tuple[int, _Array]] = msgspec.field(default_factory=list)


def take(watch: OutageWatch) -> bytes:
    """The state of a watch, but for what it expects."""
    kept = watch.kept()
    return msgspec.msgpack.encode(
        _State(
            at_ms=-1 if watch.facts is None else watch.facts.at_ms,
            names=watch.names,
            open=watch.book.open,
            closed=list(watch.book.closed),
            suspected=watch.book.suspected,
            signals={name: _packed(array) for name, array in watch.book.signals.state().items()},
            rows={name: _packed(array) for name, array in kept.rows.items()},
            quarter=kept.quarter,
            sources=watch.sight.sources,
            feeds={kept.direct_names[row]: sorted(fed) for row, fed in watch.sight.feeds.items()},
            minutes=watch.threat.minutes,
            notices=watch.notices.state,
            agents=[(at_ms, _packed(agents)) for at_ms, agents in watch.causes.agents],
        )
    )


def take_expectation(watch: OutageWatch) -> Callable[[], bytes]:
    """What it expects, to be encoded later and on another thread."""
    kept = watch.expectation.kept.copy()
    return lambda: zlib.compress(kept.tobytes(), _QUICK)


def restore(watch: OutageWatch, body: bytes, expectation: bytes, lifetime: IntArray) -> None:
    """Take over what `take` and `take_expectation` gave, into a watch that is new.

    Args:
        watch: The new one.
        body: What `take` gave.
        expectation: What `take_expectation` gave.
        lifetime: Shape (watched rows, fields), int64: what the ring counts.

    Raises:
        msgspec.MsgspecError: The bytes are damaged.
        ValueError: They are not what they should be.
        zlib.error: As well.
    """
    state = msgspec.msgpack.decode(body, type=_State)
    row_of = {name: row for row, name in enumerate(state.names)}
    old = [row_of[name] for name in watch.names if name in row_of]
    new = [row for row, name in enumerate(watch.names) if name in row_of]

    def moved(array: npt.NDArray[Any], into: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
        found = into.copy()
        np.moveaxis(found, axis, 0)[new] = np.moveaxis(array, axis, 0)[old]
        return found

    book, signals = watch.book, watch.book.signals
    book.open = state.open
    watch.threat.minutes = state.minutes
    watch.notices.state = state.notices
    book.closed.extend(state.closed)
    book.suspected = {name: since for name, since in state.suspected.items() if name in row_of}
    fresh = signals.state()
    arrays = {name: _unpacked(array) for name, array in state.signals.items()}
    signals.restore(
        {name: moved(array, fresh[name], -1) for name, array in arrays.items() if name in fresh},
        state.at_ms,
    )
    unknown = np.full(len(watch.names), -1, dtype=np.int64)
    watch.causes.agents.extend(
        (at_ms, moved(_unpacked(agents), unknown, 0)) for at_ms, agents in state.agents
    )
    kept = watch.kept()
    kept.rows = {
        name: moved(_unpacked(state.rows[name]), array, 0) if name in state.rows else array
        for name, array in kept.rows.items()
    }
    kept.quarter = state.quarter
    shape = (len(state.names), *watch.expectation.kept.shape[1:])
    learned = np.frombuffer(zlib.decompress(expectation), dtype=np.int32).reshape(shape)
    watch.expectation.kept[new] = learned[old]
    # What is expected of this quarter-hour follows from what was learned.
    watch.keep(kept, lifetime)
    _restore_sight(watch, state, kept.direct_names)


def _restore_sight(watch: OutageWatch, state: _State, direct_names: tuple[str, ...]) -> None:
    """A source that is not configured any more can never be heard again, and is forgotten."""
    sight = watch.sight
    gone = state.sources.keys() - sight.sources.keys() if sight.sources else set[str]()
    sight.sources.update(
        {name: source for name, source in state.sources.items() if name not in gone}
    )
    direct_row_of = {name: row for row, name in enumerate(direct_names)}
    for name, fed in state.feeds.items():
        if name in direct_row_of and not gone.issuperset(fed):
            sight.feeds[direct_row_of[name]] = set(fed) - gone


def _packed(array: npt.NDArray[Any]) -> _Array:
    return _Array(array.dtype.str, array.shape, array.tobytes())


def _unpacked(packed: _Array) -> npt.NDArray[Any]:
    return np.frombuffer(packed.body, dtype=packed.dtype).reshape(packed.shape)
