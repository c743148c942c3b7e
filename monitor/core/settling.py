"""What a visit counts for: the counting rules of the project in one place, as fields alone.

Every field is a function of what is known of the visit. Rolling windows book each part of them at
the instant that decides it (`booking.py`); intervals book all of them where the visit arrived, once
it is settled, which is when it has ended (`intervals.py`).

Pure: no I/O, no clock.
"""

from bisect import bisect_left
from typing import Final

from monitor.core import fields
from monitor.core.calls import UNKNOWN, Call, Visit
from monitor.core.events import EVIDENT_REASONS
from monitor.core.fields import HOLD_BIN, HOLD_EDGES_S
from monitor.core.lifecycle import (
    ABANDONED,
    COMPLETED,
    DEQUEUED,
    DISCONNECTED,
    KIND_OF_TYPE,
    LAPSE,
    TRANSFERRED,
)

HOLD_EDGES_MS: Final = tuple(edge * 1000 for edge in HOLD_EDGES_S)

# Fields of an unanswered end: all of them, and those before the threshold.
_LEFT: Final[dict[int, tuple[int, int]]] = {
    ABANDONED: (fields.ABANDONED, fields.ABANDONED_WITHIN),
    DEQUEUED: (fields.DEQUEUED, fields.DEQUEUED_WITHIN),
    DISCONNECTED: (fields.DISCONNECTED, fields.DISCONNECTED_WITHIN),
}
_FINISHED: Final[dict[int, tuple[int, ...]]] = {
    COMPLETED: (fields.ENDED, fields.COMPLETED),
    TRANSFERRED: (fields.ENDED, fields.TRANSFERRED),
    DISCONNECTED: (fields.ENDED, fields.DISCONNECTED),
}
_LAPSED_TALKING: Final = (fields.ENDED, fields.ENDED_UNKNOWN)
_LAPSED_WAITING: Final = (*_LAPSED_TALKING, fields.ENDED_UNKNOWN_WAITING)


def is_late(visit: Visit) -> bool:
    """Whether the threshold passed, or will pass if nothing more comes, without an answer.

    Answered exactly at the threshold is in time; left exactly at the threshold is not. Without the
    instant of queueing nothing can be said, and then the visit is in no service level at all.
    """
    if visit.queued_ms == UNKNOWN:
        return False
    if visit.answered_ms != UNKNOWN:
        return visit.wait_ms > visit.threshold_ms
    return visit.end == UNKNOWN or visit.waited_ms >= visit.threshold_ms


def settled_fields(visit: Visit, short_abandon_ms: int) -> tuple[int, ...]:
    """Fields in which a visit that has ended counts one, but for `offered`.

    The sum of waits is apart: an answered visit adds its `wait_ms` to it, if that is known.
    """
    assert visit.end != UNKNOWN
    found = end_fields(visit, short_abandon_ms)
    if visit.answered_ms != UNKNOWN:
        found = (*found, *answer_fields(visit))
    return (*found, fields.LATE) if is_late(visit) else found


def answer_fields(visit: Visit) -> tuple[int, ...]:
    """Fields of having reached a live person."""
    wait_ms = visit.wait_ms
    if wait_ms == UNKNOWN:
        return fields.ANSWERED, fields.ANSWERED_UNMEASURED
    hold_bin = HOLD_BIN + bisect_left(HOLD_EDGES_MS, wait_ms)
    if wait_ms <= visit.threshold_ms and visit.queued_ms != UNKNOWN:
        return fields.ANSWERED, fields.ANSWERED_WITHIN, hold_bin
    return fields.ANSWERED, hold_bin


def end_fields(visit: Visit, short_abandon_ms: int) -> tuple[int, ...]:
    """Fields of the end of a visit, answered or not."""
    kind, is_answered = visit.end, visit.answered_ms != UNKNOWN
    if kind == LAPSE:
        return _LAPSED_TALKING if is_answered else _LAPSED_WAITING
    found = _FINISHED[kind] if is_answered else _left(visit, short_abandon_ms)
    if visit.evident and kind == DISCONNECTED:
        return (*found, fields.DISCONNECTED_EVIDENT)
    return found


def outside_fields(kind: int, *, evident: bool) -> tuple[int, ...]:
    """Fields of the end of a call outside any queue.

    Args:
        kind: A `Kind`. Whatever is neither disconnected, transferred nor lapsed is a normal end.
        evident: Whether a disconnect has positive evidence.
    """
    found = _LAPSED_TALKING if kind == LAPSE else _FINISHED.get(kind, _FINISHED[COMPLETED])
    if evident and kind == DISCONNECTED:
        return (*found, fields.DISCONNECTED_EVIDENT)
    return found


def outside_fields_of(call: Call) -> tuple[int, ...]:
    """Fields of the end of `call` outside any queue; none while it has not ended so."""
    if not call.ended:
        return ()
    if call.outside is None:
        return outside_fields(LAPSE, evident=False)
    evident = call.outside.reason in EVIDENT_REASONS
    return outside_fields(KIND_OF_TYPE[call.outside.type], evident=evident)


def _left(visit: Visit, short_abandon_ms: int) -> tuple[int, ...]:
    """Fields of an unanswered end."""
    everything, within = _LEFT[visit.end]
    found = [fields.ENDED, everything]
    is_measured = visit.queued_ms != UNKNOWN
    if is_measured and visit.waited_ms < visit.threshold_ms:
        found.append(within)
    if visit.end == DISCONNECTED:
        found.append(fields.DISCONNECTED_WAITING)
    elif visit.end == ABANDONED:
        if is_measured and visit.waited_ms < short_abandon_ms:
            found.append(fields.ABANDONED_SHORT)
        if visit.suspicious:
            found.append(fields.ABANDONED_SUSPICIOUS)
    return tuple(found)
