"""The counters that are kept for every scope, in their order in the arrays.

One event adds to a handful of these cells, at the second that decides the matter. All of them are
integers that only add up, so that windows, scopes and restarts are sums and nothing else.

Pure: no I/O, no clock.
"""

from typing import Final

# The upper edges of the hold histogram, seconds; the last bin has none. They include every
# threshold of the shipped standards, so that Prometheus can recompute a measure from the bins.
HOLD_EDGES_S: Final = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800)

_COUNTERS: Final = (
    "calls_made",  # reached the system; moves to a queue as soon as the call enters one
    "offered",  # entered a queue
    "answered",  # reached a live person
    "answered_within",  # ... with wait_ms <= the threshold
    "answered_unmeasured",  # ... but when it was queued is unknown: no wait, no service level
    "late",  # the threshold passed without an answer (at queued_at + threshold)
    "abandoned",  # the caller left the queue
    "abandoned_within",  # ... before the threshold
    "abandoned_short",  # ... before the short-abandon limit
    "abandoned_suspicious",  # ... but the source says that it was not the caller's doing
    "dequeued",  # taken out of the queue unanswered by the system or by the caller's key
    "dequeued_within",
    "disconnected",  # unexpectedly dropped, in the queue or after the answer
    "disconnected_within",  # ... unanswered, before the threshold
    "disconnected_waiting",  # ... unanswered
    "disconnected_evident",  # ... with positive evidence of a fault
    "completed",  # normal end
    "transferred",  # left the agent for another target
    "ended_unknown",  # no end ever came, or the source restarted
    "ended_unknown_waiting",  # ... and the call was in the queue when last seen
    "ended",  # every end above, once
    "calls_assigned",  # calls_made, counted when its queue (or that it has none) is final
    "wait_ms_sum",  # sum of wait_ms of the answered
)

FIELDS: Final = _COUNTERS + tuple(f"hold_bin_{index}" for index in range(len(HOLD_EDGES_S) + 1))
FIELD_COUNT: Final = len(FIELDS)

(
    CALLS_MADE,
    OFFERED,
    ANSWERED,
    ANSWERED_WITHIN,
    ANSWERED_UNMEASURED,
    LATE,
    ABANDONED,
    ABANDONED_WITHIN,
    ABANDONED_SHORT,
    ABANDONED_SUSPICIOUS,
    DEQUEUED,
    DEQUEUED_WITHIN,
    DISCONNECTED,
    DISCONNECTED_WITHIN,
    DISCONNECTED_WAITING,
    DISCONNECTED_EVIDENT,
    COMPLETED,
    TRANSFERRED,
    ENDED_UNKNOWN,
    ENDED_UNKNOWN_WAITING,
    ENDED,
    CALLS_ASSIGNED,
    WAIT_MS_SUM,
) = range(len(_COUNTERS))

HOLD_BIN: Final = len(_COUNTERS)  # the first bin of the histogram
