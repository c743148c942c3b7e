"""The oracle: every figure of a window record, counted a second time from plain facts.

It is written from the definitions below and from nothing of `monitor`, so that agreement with
the engine means something. All instants are integer epoch milliseconds; a window of length W at
the instant T holds the instants t with T - W <= t < T, and what is known at T is what events
with ``at_ms < T`` have said. S is the service-level threshold. A *visit* is one stay of a call
in a queue.

- `offered` counts a visit when it was queued, `answered` when it was answered; `wait_ms_sum` and
  `answered_within` (a wait of at most S) count at the answer too.
- `abandoned`, `dequeued` and `disconnected` count at the end of the visit, and `..._within` those
  of them that were unanswered and had waited less than S. A disconnect after the answer, or of a
  call that reached no queue, is a `disconnected` all the same. `ended` counts every end once,
  that of a call which reached no queue included.
- `late` counts at queued + S, unless the visit was answered with a wait of at most S or ended
  unanswered after less than S. What counts is what is known: a visit of which no more is known
  than that it was queued is late as soon as queued + S has passed, and if its answer shows later
  that the hold had been short enough, the count is taken back. An answer after a longer hold is
  late at queued + S even where the recorded answer precedes that instant.
- `waiting` are the visits queued before T and neither answered nor ended before T, however long
  ago; `longest_wait_ms` is the longest of their waits so far, None when nobody waits.
- `calls_made` counts when the call started, for the organization, and for the queue that it
  entered first as soon as it is known to have entered it; until then, and for ever if it never
  does, for the scope `queue/`. While no start of it is known, its first visit's instant of
  queueing stands for it.
- `average_hold_seconds` = wait_ms_sum / answered. `hold_floor_seconds` adds to both the waits so
  far of those who wait now and their number. `service_level_ratio` = answered_within /
  (answered_within + late + abandoned_within + dequeued_within + disconnected_within).
  `disconnect_ratio` = disconnected / ended. Each is None where its divisor is zero.

So each count is a set of contributions, and each contribution counts exactly for the instants T
of one interval (after, until]: after its own instant and after it became known, until it leaves
the window or is taken back. The number of contributions at T is then the number of intervals
begun before T less the number of those ended before T.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from bank_table import BankCall, load_bank
from event_recount import NO_QUEUE, ORGANIZATION, THRESHOLD_MS, EventRecount

__all__ = [
    "COUNTS",
    "NO_QUEUE",
    "ORGANIZATION",
    "RATIOS",
    "RECORD_FIELDS",
    "BankRecount",
    "EventRecount",
    "load_bank",
]

COUNTS: Final = (
    "calls_made",
    "offered",
    "answered",
    "answered_within",
    "late",
    "abandoned",
    "abandoned_within",
    "dequeued",
    "dequeued_within",
    "disconnected",
    "disconnected_within",
    "ended",
    "wait_ms_sum",
)
RATIOS: Final = (
    "average_hold_seconds",
    "hold_floor_seconds",
    "service_level_ratio",
    "disconnect_ratio",
)
RECORD_FIELDS: Final = (*COUNTS, "waiting", "longest_wait_ms", *RATIOS)

# Beyond every instant, and far enough from the end of int64 to add a window to it.
FOREVER_MS: Final = 2**60

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class _Tally:
    """The contributions to one count of one scope, each with its interval and its weight."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, int, int]] = []
        self._table: Ints | None = None

    def add(
        self,
        at_ms: int,
        *,
        known_ms: int | None = None,
        until_ms: int = FOREVER_MS,
        weight: int = 1,
    ) -> None:
        known = at_ms if known_ms is None else known_ms
        self._rows.append((at_ms, known, until_ms, weight))
        self._table = None

    def total(self) -> int:
        return sum(weight for _, _, until_ms, weight in self._rows if until_ms == FOREVER_MS)

    def at(self, ats_ms: Ints, window_ms: int) -> Ints:
        at, known, until, weight = self._columns()
        return _active(np.maximum(at, known), np.minimum(at + window_ms, until), weight, ats_ms)

    def earliest(self, ats_ms: Ints) -> Ints:
        """The earliest instant that counts at each T, ascending; `FOREVER_MS` if none does."""
        at, known, until, _ = self._columns()
        first = np.searchsorted(ats_ms, np.maximum(at, known), side="right")
        end = np.searchsorted(ats_ms, until, side="right")
        found = np.full(len(ats_ms), FOREVER_MS, dtype=np.int64)
        # Written from the latest to the earliest, each overwrites those that are later than it.
        for index in np.argsort(-at, kind="stable"):
            found[first[index] : end[index]] = at[index]
        return found

    def _columns(self) -> tuple[Ints, Ints, Ints, Ints]:
        if self._table is None:
            self._table = np.array(self._rows, dtype=np.int64).reshape(-1, 4).T.copy()
        at, known, until, weight = self._table
        return at, known, until, weight


def _active(after: Ints, until: Ints, weight: Ints, ats_ms: Ints) -> Ints:
    """The sum of the weights of the intervals (after, until] that hold each T."""
    real = after < until
    begun = _sum_before(after[real], weight[real], ats_ms)
    return begun - _sum_before(until[real], weight[real], ats_ms)


def _sum_before(instants: Ints, weight: Ints, ats_ms: Ints) -> Ints:
    order = np.argsort(instants, kind="stable")
    sums = np.concatenate(([0], np.cumsum(weight[order])))
    before: Ints = sums[np.searchsorted(instants[order], ats_ms, side="left")]
    return before


class BankRecount:
    """The figures of the bank's recorded calls, for any instant, window and scope.

    Args:
        calls: the facts, as `bank_table.load_bank` gives them.
        threshold_ms: S.
    """

    def __init__(self, calls: Iterable[BankCall], threshold_ms: int = THRESHOLD_MS) -> None:
        self._threshold_ms = threshold_ms
        self._tallies: defaultdict[tuple[str, str], _Tally] = defaultdict(_Tally)
        queues = set()
        for call in calls:
            if call.queue is None or call.queued_ms is None:
                self._add_contained(call)
            else:
                queues.add(call.queue)
                self._add_visit(call, call.queue, call.queued_ms)
        self.scopes: tuple[str, ...] = (
            ORGANIZATION,
            NO_QUEUE,
            *(f"queue/{queue}" for queue in sorted(queues)),
        )

    def lifetime(self, scope: str = ORGANIZATION) -> dict[str, int]:
        """Return every count over all time, with everything known."""
        return {name: self._tallies[scope, name].total() for name in COUNTS}

    def record(self, at_ms: int, scope: str, window_ms: int) -> dict[str, int | float | None]:
        """Return one window record's figures.

        Args:
            at_ms: T.
            scope: `organization`, `queue/KEY`, or `queue/` for the calls that reached no queue.
            window_ms: W.
        """
        columns = self.columns([at_ms], scope, window_ms)
        found: dict[str, int | float | None] = {}
        for name in RECORD_FIELDS:
            value = float(columns[name][0])
            if math.isnan(value):
                found[name] = None
            else:
                found[name] = value if name in RATIOS else int(value)
        return found

    def columns(self, ats_ms: Sequence[int], scope: str, window_ms: int) -> dict[str, Floats]:
        """Return the figures of many instants at once.

        Args:
            ats_ms: every T, ascending.
            scope: as for `record`.
            window_ms: W.

        Returns:
            One array for each of `RECORD_FIELDS`, shape (instants,), NaN for None. The counts stay
            below 2**53, so that a float holds them exactly.
        """
        ats = np.asarray(ats_ms, dtype=np.int64)
        found = {
            name: self._tallies[scope, name].at(ats, window_ms).astype(np.float64)
            for name in COUNTS
        }
        queued = self._tallies[scope, "waiting"]
        waiting = queued.at(ats, FOREVER_MS)
        found["waiting"] = waiting.astype(np.float64)
        longest = (ats - queued.earliest(ats)).astype(np.float64)
        found["longest_wait_ms"] = np.where(waiting > 0, longest, np.nan)
        waited_ms = ats * waiting - self._tallies[scope, "waiting_queued_ms"].at(ats, FOREVER_MS)

        answered, hold_ms = found["answered"], found["wait_ms_sum"]
        found["average_hold_seconds"] = _ratio(hold_ms, answered) / 1000
        found["hold_floor_seconds"] = _ratio(hold_ms + waited_ms, answered + waiting) / 1000
        unmet = sum(found[f"{end}_within"] for end in ("abandoned", "dequeued", "disconnected"))
        within = found["answered_within"]
        found["service_level_ratio"] = _ratio(within, within + found["late"] + unmet)
        found["disconnect_ratio"] = _ratio(found["disconnected"], found["ended"])
        return found

    def _add_contained(self, call: BankCall) -> None:
        for scope in (ORGANIZATION, NO_QUEUE):
            self._tallies[scope, "calls_made"].add(call.started_ms)
            self._tallies[scope, "ended"].add(call.ended_ms)

    def _add_visit(self, call: BankCall, queue: str, queued_ms: int) -> None:
        # Any event of the visit names its queue; the answer may come before the queueing.
        instants = (queued_ms, call.ended_ms, call.answered_ms)
        known_ms = min(at_ms for at_ms in instants if at_ms is not None)
        self._tallies[NO_QUEUE, "calls_made"].add(call.started_ms, until_ms=known_ms)
        for scope in (ORGANIZATION, f"queue/{queue}"):
            made_known_ms = call.started_ms if scope == ORGANIZATION else known_ms
            made = self._tallies[scope, "calls_made"]
            made.add(call.started_ms, known_ms=made_known_ms)
            # The IVR's clock may run ahead: then the queueing is known before the start.
            made.add(queued_ms, known_ms=known_ms, until_ms=call.started_ms)
            self._add_stay(call, scope, queued_ms)
            self._add_outcome(call, scope)

    def _add_stay(self, call: BankCall, scope: str, queued_ms: int) -> None:
        tallies = self._tallies
        tallies[scope, "offered"].add(queued_ms)
        left_ms = min(call.ended_ms, call.answered_ms or FOREVER_MS)
        tallies[scope, "waiting"].add(queued_ms, until_ms=left_ms)
        tallies[scope, "waiting_queued_ms"].add(queued_ms, until_ms=left_ms, weight=queued_ms)
        disproved_ms = FOREVER_MS
        if call.answered_ms is not None:
            if call.wait_ms <= self._threshold_ms:
                disproved_ms = call.answered_ms
        elif call.wait_ms < self._threshold_ms:
            disproved_ms = call.ended_ms
        tallies[scope, "late"].add(queued_ms + self._threshold_ms, until_ms=disproved_ms)

    def _add_outcome(self, call: BankCall, scope: str) -> None:
        tallies = self._tallies
        tallies[scope, "ended"].add(call.ended_ms)
        if call.answered_ms is not None:
            tallies[scope, "answered"].add(call.answered_ms)
            tallies[scope, "wait_ms_sum"].add(call.answered_ms, weight=call.wait_ms)
            if call.wait_ms <= self._threshold_ms:
                tallies[scope, "answered_within"].add(call.answered_ms)
            return
        end = call.end.removeprefix("call.")
        tallies[scope, end].add(call.ended_ms)
        if call.wait_ms < self._threshold_ms:
            tallies[scope, f"{end}_within"].add(call.ended_ms)


def _ratio(above: Floats, below: Floats) -> Floats:
    quotient: Floats = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
    return quotient
