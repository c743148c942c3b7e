"""One call and its visits to queues, as the tracker holds them.

Plain integers without references between them, so that the garbage collector need not look at a
hundred thousand of them and a checkpoint is a straight encoding.

Pure: no I/O, no clock.
"""

from typing import Final

from msgspec import Struct

from monitor.core import lifecycle
from monitor.core.events import Event

UNKNOWN: Final = -1  # an instant or duration that is not known


class Visit(Struct, gc=False, array_like=True):
    """One stay of a call in one queue.

    Instants are epoch ms on the engine's time; `UNKNOWN` (-1) where not known.

    The facts that every event looks at stand first, close together in memory.

    Attributes:
        queue: The key as the source names it (the identity of the visit, with `entry`).
        row: Direct row of the queue in the arrays.
        site_row: Direct row of the site, or UNKNOWN.
        threshold_ms: Service-level threshold of the queue.
        call_id: Id of the call in its source.
        entry: Ordinal of the call's visit to this queue, from 1.
        first_ms: Instant of the first event that was seen of it.
        stage: A `Stage`.
        queued_ms: When it entered the queue.
        queued_ts: The same on the source's own clock, for durations.
        answered_ms: When a live person answered.
        answered_ts: The same on the source's own clock.
        wait_ms: Wait of an answered visit.
        end: The `Kind` of the end, or UNKNOWN.
        ended_ms: When it ended.
        ended_ts: The same on the source's own clock.
        waited_ms: How long it waited, if it ended unanswered.
        queued_inferred: Whether `queued_ms` does not come from a queued event.
        answered_inferred: Whether `answered_ms` does not come from an answered event.
        wait_given: Whether the source itself gave `wait_ms`.
        waited_given: Whether the source itself gave `waited_ms`.
        evident: Whether a disconnect has positive evidence.
        suspicious: Whether an abandon is doubtful.
    """

    queue: str
    row: int
    site_row: int
    threshold_ms: int
    call_id: str
    entry: int
    first_ms: int
    stage: int = lifecycle.NEW
    queued_ms: int = UNKNOWN
    queued_ts: int = UNKNOWN
    answered_ms: int = UNKNOWN
    answered_ts: int = UNKNOWN
    wait_ms: int = UNKNOWN
    end: int = UNKNOWN
    ended_ms: int = UNKNOWN
    ended_ts: int = UNKNOWN
    waited_ms: int = UNKNOWN
    queued_inferred: bool = False
    answered_inferred: bool = False
    wait_given: bool = False
    waited_given: bool = False
    evident: bool = False
    suspicious: bool = False


class Call(Struct, gc=False, array_like=True):
    """One call.

    Attributes:
        source: Name of the source.
        call_id: Its opaque id there.
        serial: Order in which calls were first seen.
        touched_ms: When anything was last received of it.
        visit: The latest visit.
        older: Earlier visits, oldest first; None for nearly every call.
        line_row: Direct row of calls to its line that reach no queue; UNKNOWN when the number that
            was dialled belongs to no line.
        ended: Whether it has ended outside any queue.
        forget_ms: When an ended call may be forgotten; UNKNOWN while it is open.
        due_s: The second (epoch s) at which an open call is looked at again; UNKNOWN when that is
            its first time; see `register.py`.
        started_ms: When it reached the system; UNKNOWN when that was not seen.
        made_ms: Instant at which it is counted as made; UNKNOWN when it is not counted yet.
        made_row: Direct row in which it is counted as made.
        assigned_row: Direct row in whose lifetime count it is; UNKNOWN while in none.
        assigned_ms: The instant of that count.
        outside: The event that ended it outside any queue; None while nothing did.
        outside_ms: When that was; UNKNOWN when no event told, or none did.
    """

    source: str
    call_id: str
    serial: int
    touched_ms: int
    visit: Visit | None = None
    older: list[Visit] | None = None
    line_row: int = UNKNOWN
    ended: bool = False
    forget_ms: int = UNKNOWN
    due_s: int = UNKNOWN
    started_ms: int = UNKNOWN
    made_ms: int = UNKNOWN
    made_row: int = UNKNOWN
    assigned_row: int = UNKNOWN
    assigned_ms: int = UNKNOWN
    outside: Event | None = None
    outside_ms: int = UNKNOWN


# As for events: the struct's own `__setattr__` would keep the interpreter from its quick store.
for _struct in (Visit, Call):
    for _name in ("__setattr__", "__delattr__"):
        setattr(_struct, _name, getattr(object, _name))


def visits_of(call: Call) -> list[Visit]:
    """All visits of a call, oldest first."""
    if call.visit is None:
        return []
    return [*call.older, call.visit] if call.older else [call.visit]


def entered_ms(visit: Visit) -> int:
    """When a visit began: its queueing, or its first event when that is unknown."""
    return visit.first_ms if visit.queued_ms == UNKNOWN else visit.queued_ms
