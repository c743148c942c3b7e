"""What is known of every watched scope at one second: all that the signals of an outage look at.

Watched are the rows above the queues: organization, legal entities, contracts and lines, in the
order of the scope table. Everything is an array over these rows, so that a second costs the same
few passes however many lines there are.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from monitor.core import fields
from monitor.core.snapshot import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]
# A line is open about twelve hours a day.
_OPEN_S_A_YEAR: Final = 365 * 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Facts:
    """One second. All arrays have a row for each watched scope.

    Attributes:
        at_ms: The second's end; counts cover what came before it.
        last_minute: Shape (rows, fields), int64: counts of the last 60 s.
        five_minutes: The same of the last 300 s.
        quarter: The same of the last 900 s.
        hour: The same of the last 3,600 s.
        lifetime: The same since the beginning; only differences between two seconds mean anything.
        burst: Shape (rows,), int64: callers who gave up within the last second.
        waiting: Shape (rows,), int64: calls in queue.
        waited_ms: Shape (rows,), int64: how long they have waited so far, all together.
        longest_wait_ms: Shape (rows,), int64: the longest of them; -1 when nobody waits.
        last_answered_ms: Shape (rows,), int64: the newest answer; -1 when there was none.
        last_offered_ms: Shape (rows,), int64: the newest call that entered a queue; -1 for none.
        staffed: Shape (rows,), int64: agents who are there; -1 where that is not known.
        idle: Shape (rows,), int64: those of them who are free for a call; likewise.
        is_single: Shape (rows,), bool: whether those serve a single queue.
        expected_per_s: Shape (rows,), float64: calls that should enter the queue each second; NaN
            where that is not known.
        spread: Shape (rows,), float64: how sure that is; see `expectation.py`.
        is_seen: Shape (rows,), bool: whether all sources of the scope can be heard.
        is_beating: Shape (rows,), bool: whether they also say so when there is nothing to tell.
        is_open: Shape (rows,), bool: whether it has to be open.
        hold_limit_ms: Shape (rows,), int64: what the average hold may be; -1 without a limit.
        talking: Shape (rows,), int64: calls that were answered and go on; -1 where that is not
            known, None where nobody counts them.
    """

    at_ms: int
    last_minute: IntArray
    five_minutes: IntArray
    quarter: IntArray
    hour: IntArray
    lifetime: IntArray
    burst: IntArray
    waiting: IntArray
    waited_ms: IntArray
    longest_wait_ms: IntArray
    last_answered_ms: IntArray
    last_offered_ms: IntArray
    staffed: IntArray
    idle: IntArray
    is_single: BoolArray
    expected_per_s: FloatArray
    spread: FloatArray
    is_seen: BoolArray
    is_beating: BoolArray
    is_open: BoolArray
    hold_limit_ms: IntArray
    talking: IntArray | None = None

    @property
    def rows(self) -> int:
        """How many scopes are watched."""
        return self.waiting.size

    def recent(self, least: int) -> IntArray:
        """Counts of the shortest window in which `least` calls were decided, of at least 5 minutes.

        Shape (rows, fields), int64; those of the hour where even that has fewer.
        """
        found = self.hour.copy()
        for counts in (self.quarter, self.five_minutes):
            enough = total(counts, DECIDED) >= least
            found[enough] = counts[enough]
        return found

    def hold_floor(self, counts: IntArray) -> tuple[IntArray, IntArray]:
        """Numerator (ms) and denominator (calls) of the hold floor over `counts`."""
        answered = counts[:, fields.ANSWERED] - counts[:, fields.ANSWERED_UNMEASURED]
        return counts[:, fields.WAIT_MS_SUM] + self.waited_ms, answered + self.waiting


# What decides a call in the service level.
DECIDED = (
    fields.ANSWERED_WITHIN,
    fields.LATE,
    fields.ABANDONED_WITHIN,
    fields.DEQUEUED_WITHIN,
    fields.DISCONNECTED_WITHIN,
)
# Left the queue without an answer.
UNANSWERED = (
    fields.ABANDONED,
    fields.DEQUEUED,
    fields.DISCONNECTED_WAITING,
    fields.ENDED_UNKNOWN_WAITING,
)
# Cut off, or so doubtful an abandon that it may have been.
CUT_OFF = (fields.DISCONNECTED, fields.ABANDONED_SUSPICIOUS)


def total(counts: IntArray, of: tuple[int, ...]) -> IntArray:
    """Sum of several fields. `counts`: shape (rows, fields); gives shape (rows,)."""
    found: IntArray = counts[:, list(of)].sum(axis=1)
    return found


def course(counts: IntArray) -> IntArray:
    """How callers fared: answered in time, decided, ms waited by the answered, and these.

    `counts`: shape (rows, fields); gives shape (4, rows).
    """
    answered = counts[:, fields.ANSWERED] - counts[:, fields.ANSWERED_UNMEASURED]
    within, wait_ms = counts[:, fields.ANSWERED_WITHIN], counts[:, fields.WAIT_MS_SUM]
    return np.stack((within, total(counts, DECIDED), wait_ms, answered))


def gaps(rate: FloatArray, false_per_year: float) -> FloatArray:
    """How surprising (-ln of the probability) a gap must be to occur that rarely."""
    found: FloatArray = np.log(np.maximum(rate * _OPEN_S_A_YEAR / false_per_year, np.e))
    return found
