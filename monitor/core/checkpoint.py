"""A checkpoint: the engine's whole state as bytes, and back.

A restart must go on as if nothing had happened, so everything that can influence a later figure is
in here: open calls, remembered calls, all blocks of the windows, what is booked for intervals and
not closed yet, alerts, counters. Rows and windows are stored by name. So a checkpoint survives a
change of the configuration: a queue that is no longer configured goes on as `unconfigured`, a new
window is summed from the blocks.

The blocks, by far the largest part, never change once they are made. They are handed out as a
callable that encodes them later, on another thread; all the rest is encoded at once.

Pure: no I/O, no clock.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.core import block as blocks
from monitor.core.alerts import LiveAlert
from monitor.core.block import Block, OpenSecond
from monitor.core.calls import UNKNOWN, Call, visits_of
from monitor.core.engine import Engine
from monitor.core.fields import FIELD_COUNT, FIELDS
from monitor.core.intervals import Part, merged
from monitor.core.outages import watch_state
from monitor.core.plan import Plan
from monitor.core.ring import RingState
from monitor.core.snapshot import IntArray, ScopeKind
from monitor.core.source_state import SourceState, unlinked

_VERSION: Final = 2
_QUEUE: Final = "queue/"

Parts = Mapping[str, bytes | Callable[[], bytes]]
_Lists = tuple[list[int], list[int], list[int], list[int]]
_Packed = tuple[int, list[tuple[str, bytes]]]
_PackedIntervals = tuple[int, list[tuple[int, bytes, bytes]]]


class CheckpointError(Exception):
    """The bytes are no checkpoint that this version can read; the text says why."""


class _State(msgspec.Struct):
    version: int
    fields: list[str]
    rows: list[str]
    windows_s: tuple[int, ...]
    closed_s: int
    first_minute: int
    beyond: int
    opened: dict[int, _Lists]
    amended: dict[int, _Lists]
    calls: list[Call]
    ended: list[int]
    alerts: list[LiveAlert]
    agents: list[tuple[str, str, int, str]]
    sources: dict[str, SourceState]
    discards: dict[str, int]
    is_watching: bool


def take(engine: Engine) -> Parts:
    """The state of `engine` as named parts; callables may be called on another thread."""
    ring, rows = engine.ring.state(), engine.table.direct_count
    interval, parts = engine.intervals.state()
    calls = list(engine.tracker.register.calls())
    index_of = {id(call): index for index, call in enumerate(calls)}
    state = _State(
        version=_VERSION,
        fields=list(FIELDS),
        rows=_direct_names(engine),
        windows_s=ring.windows_s,
        closed_s=ring.closed_s,
        first_minute=ring.first_minute,
        beyond=ring.beyond,
        opened=_as_lists(ring.opened),
        amended=_as_lists(ring.amended),
        calls=calls,
        ended=[index_of[id(call)] for call in engine.tracker.register.remembered()],
        alerts=engine.alert_book.state(),
        agents=engine.agents.state(),
        sources=engine.sources,
        discards=dict(engine.discards),
        is_watching=engine.watch is not None,
    )
    watch: dict[str, bytes | Callable[[], bytes]] = {}
    if engine.watch is not None:
        watch["outages"] = watch_state.take(engine.watch)
        watch["expectation"] = watch_state.take_expectation(engine.watch)
    return {
        **watch,
        "state": msgspec.msgpack.encode(state),
        "sums": ring.sums[:, :rows].tobytes(),
        "lifetime": ring.lifetime[:rows].tobytes(),
        "shown": engine.shown_lifetime[:rows].tobytes(),
        "seconds": lambda: _pack(ring.seconds),
        "minutes": lambda: _pack(ring.minutes),
        "intervals": lambda: _pack_intervals(interval, parts),
    }


def restore(plan: Plan, parts: Mapping[str, bytes]) -> Engine:
    """An engine for `plan` that goes on where the checkpoint was taken.

    Raises:
        CheckpointError: The parts are damaged or of another version.
    """
    try:
        return _restored(plan, parts)
    except (
        LookupError,
        OverflowError,
        TypeError,
        ValueError,
        zlib.error,
        msgspec.MsgspecError,
    ) as fault:
        raise CheckpointError(f"the checkpoint cannot be read: {fault}") from fault


def _restored(plan: Plan, parts: Mapping[str, bytes]) -> Engine:
    state = msgspec.msgpack.decode(parts["state"], type=_State)
    seconds, minutes = _unpack(parts["seconds"]), _unpack(parts["minutes"])
    arrays = {name: np.frombuffer(parts[name], dtype=np.int64) for name in _ARRAYS}
    if state.version != _VERSION or state.fields != list(FIELDS):
        raise CheckpointError("the checkpoint was written by another version of the program")
    engine = Engine(plan)
    mapping = _row_mapping(engine, state.rows)
    engine.refresh()
    rows = engine.ring.lifetime.shape[0]
    old_shape = (len(state.rows), FIELD_COUNT)
    engine.ring.restore(
        RingState(
            windows_s=state.windows_s,
            closed_s=state.closed_s,
            first_minute=state.first_minute,
            beyond=state.beyond,
            sums=_moved(arrays["sums"].reshape(-1, *old_shape), mapping, rows),
            lifetime=_moved(arrays["lifetime"].reshape(old_shape), mapping, rows),
            seconds=_moved_blocks(seconds, mapping, rows),
            minutes=_moved_blocks(minutes, mapping, rows),
            opened=_moved_lists(state.opened, mapping),
            amended=_moved_lists(state.amended, mapping),
        )
    )
    interval, summed = _unpack_intervals(parts["intervals"], len(state.rows))
    engine.intervals.restore(
        interval, {key: _moved_part(part, mapping) for key, part in summed.items()}
    )
    engine.shown_lifetime = _moved(arrays["shown"].reshape(old_shape), mapping, rows)
    for call in state.calls:
        call.made_row = _moved_row(call.made_row, mapping)
        call.assigned_row = _moved_row(call.assigned_row, mapping)
        call.line_row = _moved_row(call.line_row, mapping)
        for visit in visits_of(call):
            visit.row = _moved_row(visit.row, mapping)
            visit.site_row = _moved_row(visit.site_row, mapping)
    engine.tracker.restore(state.calls, [state.calls[index] for index in state.ended])
    if engine.watch is not None and state.is_watching:
        assert engine.ring.bundled is not None
        _, lifetime = engine.ring.bundled.upper()
        watch_state.restore(engine.watch, parts["outages"], parts["expectation"], lifetime)
    engine.alert_book.restore(state.alerts)
    engine.agents.restore(state.agents)
    engine.discards.update(state.discards)
    for name, source in state.sources.items():
        if name in engine.sources or not plan.sources:
            engine.sources[name] = source
    engine.tracker.register.unlinked = unlinked(engine.sources)
    return engine


_ARRAYS: Final = ("sums", "lifetime", "shown")


def _direct_names(engine: Engine) -> list[str]:
    return [scope.name for scope in engine.table.scopes[engine.table.upper :]]


def _row_mapping(engine: Engine, names: list[str]) -> npt.NDArray[np.int64]:
    """New direct row of every old one.

    A queue that is not configured any more is `unconfigured`. Any other row is UNKNOWN then and
    goes: what is counted in it is counted for the queues as well.
    """
    table = engine.table
    across = {
        scope.name: scope.row - table.upper
        for scope in table.scopes
        if scope.kind in (ScopeKind.SITE, ScopeKind.UNQUEUED)
    }
    mapping = []
    for name in names:
        if name.startswith(_QUEUE):
            mapping.append(engine.admit(name.removeprefix(_QUEUE)))
        else:
            mapping.append(across.get(name, UNKNOWN))
    return np.array(mapping, dtype=np.int64)


def _moved_row(row: int, mapping: npt.NDArray[np.int64]) -> int:
    return UNKNOWN if row == UNKNOWN else int(mapping[row])


def _moved(old: IntArray, mapping: npt.NDArray[np.int64], rows: int) -> IntArray:
    """Counts of shape (..., old rows, fields) in the new rows."""
    new = np.zeros((*old.shape[:-2], rows, old.shape[-1]), dtype=np.int64)
    for source, target in enumerate(mapping.tolist()):
        if target != UNKNOWN:
            new[..., target, :] += old[..., source, :]
    return new


def _moved_blocks(
    held: dict[int, Block], mapping: npt.NDArray[np.int64], rows: int
) -> dict[int, Block]:
    if np.array_equal(mapping, np.arange(mapping.size)):
        return held
    moved = {}
    for key, block in held.items():
        dense = np.zeros(mapping.size * FIELD_COUNT, dtype=np.int64)
        blocks.add(dense, block)
        shaped = _moved(dense.reshape(mapping.size, FIELD_COUNT), mapping, rows)
        moved[key] = blocks.from_dense(shaped.reshape(-1))
    return moved


def _as_lists(seconds: dict[int, OpenSecond]) -> dict[int, _Lists]:
    return {
        second: (opened.plus, opened.minus, opened.cells, opened.amounts)
        for second, opened in seconds.items()
    }


def _moved_lists(
    seconds: dict[int, _Lists], mapping: npt.NDArray[np.int64]
) -> dict[int, OpenSecond]:
    rows = mapping.tolist()

    def target(cell: int) -> int:
        row, field = divmod(cell, FIELD_COUNT)
        return UNKNOWN if rows[row] == UNKNOWN else rows[row] * FIELD_COUNT + field

    def moved(cells: list[int]) -> list[int]:
        return [cell for cell in map(target, cells) if cell != UNKNOWN]

    found = {}
    for second, (plus, minus, cells, amounts) in seconds.items():
        opened = found[second] = OpenSecond()
        opened.plus, opened.minus = moved(plus), moved(minus)
        for cell, amount in zip(map(target, cells), amounts, strict=True):
            if cell != UNKNOWN:
                opened.cells.append(cell)
                opened.amounts.append(amount)
    return found


def _pack(held: dict[int, Block]) -> bytes:
    packed: list[_Packed] = [
        (key, [(part.dtype.str, part.tobytes()) for part in block]) for key, block in held.items()
    ]
    return msgspec.msgpack.encode(packed)


def _unpack(body: bytes) -> dict[int, Block]:
    packed = msgspec.msgpack.decode(body, type=list[_Packed])
    found: dict[int, Block] = {}
    for key, parts in packed:
        one, two, three, four = (np.frombuffer(data, dtype=kind) for kind, data in parts)
        if one.size != two.size or three.size != four.size:
            raise ValueError("a block is torn")
        found[key] = (one, two, three, four)
    return found


def _moved_part(part: Part, mapping: npt.NDArray[np.int64]) -> Part:
    row, field = np.divmod(part[0], FIELD_COUNT)
    target = mapping[row]
    kept = target != UNKNOWN
    return target[kept] * FIELD_COUNT + field[kept], part[1][kept]


def _pack_intervals(interval: int, parts: Mapping[int, Sequence[Part]]) -> bytes:
    summed = [(key, *merged(held)) for key, held in parts.items()]
    packed: _PackedIntervals = (
        interval,
        [(key, cells.tobytes(), amounts.tobytes()) for key, cells, amounts in summed],
    )
    return msgspec.msgpack.encode(packed)


def _unpack_intervals(body: bytes, rows: int) -> tuple[int, dict[int, Part]]:
    interval, packed = msgspec.msgpack.decode(body, type=_PackedIntervals)
    found: dict[int, Part] = {}
    for key, *data in packed:
        cells, amounts = (np.frombuffer(part, dtype=np.int64) for part in data)
        if cells.size != amounts.size or not ((cells >= 0) & (cells < rows * FIELD_COUNT)).all():
            raise ValueError("an interval is torn")
        found[key] = cells, amounts
    return interval, found
