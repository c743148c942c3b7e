"""The event: what an ACD says happened, in the one form that the engine reads.

One flat struct serves the wire, the journal and the engine. The decoder fills it in C straight
from JSON, checks types, lengths and ranges on the way, and leaves out every field that is not
named here, which is how a caller's number or name never gets in. Then `formats` sets the integer
milliseconds (`at_ms` and the other `_ms` fields) from the wire's seconds; the core reads only
those. A second struct for the core, made from the first, costs a fifth more time for each event.

Pure: no I/O, no clock.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

# Beyond these an instant cannot be held by the integer arithmetic downstream (year 5138).
_Seconds = Annotated[float, Meta(ge=-1e11, le=1e11)]
_Duration = Annotated[float, Meta(ge=0, le=1e7)]
_Word = Annotated[str, Meta(max_length=64)]
_Id = Annotated[str, Meta(min_length=1, max_length=128)]
_Instant = _Seconds | _Word

CALL_STARTED: Final = "call.started"
CALL_QUEUED: Final = "call.queued"
CALL_ANSWERED: Final = "call.answered"
CALL_ABANDONED: Final = "call.abandoned"
CALL_DEQUEUED: Final = "call.dequeued"
CALL_TRANSFERRED: Final = "call.transferred"
CALL_COMPLETED: Final = "call.completed"
CALL_DISCONNECTED: Final = "call.disconnected"
AGENT_STATE: Final = "agent.state"
QUEUE_SNAPSHOT: Final = "queue.snapshot"
INTERPRETER_REQUESTED: Final = "interpreter.requested"
INTERPRETER_CONNECTED: Final = "interpreter.connected"
TTY_CONNECTED: Final = "tty.connected"
SOURCE_RESET: Final = "source.reset"
HEARTBEAT: Final = "heartbeat"

CALL_TYPES: Final = (
    CALL_STARTED,
    CALL_QUEUED,
    CALL_ANSWERED,
    CALL_ABANDONED,
    CALL_DEQUEUED,
    CALL_TRANSFERRED,
    CALL_COMPLETED,
    CALL_DISCONNECTED,
)
OTHER_TYPES: Final = (
    AGENT_STATE,
    QUEUE_SNAPSHOT,
    INTERPRETER_REQUESTED,
    INTERPRETER_CONNECTED,
    TTY_CONNECTED,
    SOURCE_RESET,
    HEARTBEAT,
)
# The order of types at one instant: a call starts, queues, is answered, ends.
RANK: Final = {
    kind: rank
    for rank, kinds in enumerate(
        (
            (SOURCE_RESET,),
            (CALL_STARTED,),
            (CALL_QUEUED,),
            (CALL_ANSWERED,),
            (CALL_ABANDONED, CALL_DEQUEUED, CALL_TRANSFERRED, CALL_COMPLETED, CALL_DISCONNECTED),
            (),
        )
    )
    for kind in kinds
}

ENDED_BY: Final = frozenset(("caller", "agent", "system", "third_party", "unknown"))
REASONS: Final = frozenset(
    (
        "normal", "abandon", "timeout", "no_agents", "exit_key", "withdrawn", "overflow", "closed",
        "queue_full", "flow", "transfer_blind", "transfer_attended", "agent_dump", "incompatible",
        "telecom", "error", "barged", "phantom", "ivr", "reset", "unknown",
    )
)  # fmt: skip
# A disconnect for one of these reasons is positive evidence that a call was dropped.
EVIDENT_REASONS: Final = frozenset(
    (
        "telecom", "error", "incompatible", "agent_dump", "timeout", "no_agents", "overflow",
        "closed", "queue_full", "flow", "barged",
    )
)  # fmt: skip


class Event(Struct, gc=False, omit_defaults=True):
    """One event of one ACD, version 1 of the normalized form.

    Wire fields are in seconds or RFC 3339; the core reads only the integer fields `*_ms`,
    which `monitor.formats` fills. None means that the source did not say.

    Attributes:
        type: One of `CALL_TYPES` and `OTHER_TYPES`, or something unknown, which is counted.
        source: The adapter instance that sent it; must be configured.
        ts: When it happened at the source: epoch seconds or RFC 3339 with offset.
        call_id: Opaque, unique within the source for about a day; required for `call.*`.
        entry: Ordinal, from 1, of this visit of the call to the queue; None when not counted.
        queue: Queue key; None before queueing.
        dnis: The number that was dialled (never the caller's).
        agent: A keyed hash of the agent's name; never the name.
        state: For `agent.state`: available, busy, ringing, wrapup, paused or offline.
        depth: For `queue.snapshot`: calls in the queue.
        at_ms: `ts` in epoch milliseconds.
        queued_ms: `queued_at` in epoch milliseconds.
        answered_ms: `answered_at` in epoch milliseconds.
        wait_ms: `wait_s` in milliseconds, >= 0.
        talk_ms: `talk_s` in milliseconds, >= 0.
        events_total: For `heartbeat`: events that the source has sent so far, without heartbeats.
    """

    type: _Word
    source: _Word
    ts: _Instant
    v: Annotated[int, Meta(ge=1, le=1)] = 1
    call_id: _Id | None = None
    entry: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    queue: _Id | None = None
    id: Annotated[str, Meta(max_length=128)] | None = None
    seq: Annotated[int, Meta(ge=0, le=2**53)] | None = None
    dnis: _Word | None = None
    skill: Annotated[list[_Word], Meta(max_length=16)] | _Word | None = None
    site: _Word | None = None
    language: _Word | None = None
    tty: bool | None = None
    agent: Annotated[str, Meta(max_length=128)] | None = None
    state: _Word | None = None
    queued_at: _Instant | None = None
    answered_at: _Instant | None = None
    wait_s: _Duration | None = None
    ring_s: _Duration | None = None
    talk_s: _Duration | None = None
    hold_s: _Duration | None = None
    ended_by: _Word | None = None
    reason: _Word | None = None
    depth: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    at_ms: int = 0
    queued_ms: int | None = None
    answered_ms: int | None = None
    wait_ms: int | None = None
    talk_ms: int | None = None
    events_total: Annotated[int, Meta(ge=0, le=2**53)] | None = None


# The struct's own `__setattr__` only tells the garbage collector about new values, which `gc=False`
# makes needless, and it keeps the interpreter from its quick store: a tenth of a decode.
for _name in ("__setattr__", "__delattr__"):
    setattr(Event, _name, getattr(object, _name))
