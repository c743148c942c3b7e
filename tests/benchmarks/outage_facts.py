"""The facts of hundreds of lines straight from their calls, without the engine.

What the watch gathers for the signals each second (`core/outages/facts.py`) is made of sums over
hours at once, for lines of one queue whose feed is whole. The signals and the book are the real
ones. A second of three hundred lines costs less than a millisecond, so that hundreds of line-weeks
are watched within minutes; `tests/core/outages_detection` holds it to what the engine says.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from outage_run import Judged, judged_of
from outage_weeks import ZONE, Week

from monitor.calendars.local_quarter import local_quarter
from monitor.core import events as ev
from monitor.core import fields
from monitor.core.fields import FIELD_COUNT
from monitor.core.outages.book import OutageBook
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.expectation import Expectation
from monitor.core.outages.facts import BoolArray, Facts
from monitor.core.outages.outage import Happening
from monitor.core.outages.watched import Watched
from monitor.core.outages.week_clock import QUARTER_MS

Ints = NDArray[np.int64]

# What the standard of the lines says.
THRESHOLD_MS: Final = 30_000
_HOLD_LIMIT_MS: Final = 120_000
_SECOND_MS: Final = 1_000
_FOREVER: Final = 2**60
_HOUR_S: Final = 3_600
_WINDOWS_S: Final = (60, 300, 900, _HOUR_S)
# So much is laid out at a time, and so long before the lines open the first second is watched.
_STRETCH_S: Final = 2 * _HOUR_S
_EARLY_S: Final = 120

_COMPLETED, _ABANDONED, _DEQUEUED, _DISCONNECTED = 1, 2, 3, 4
_ENDS: Final = {
    ev.CALL_COMPLETED: _COMPLETED,
    ev.CALL_ABANDONED: _ABANDONED,
    ev.CALL_DEQUEUED: _DEQUEUED,
    ev.CALL_DISCONNECTED: _DISCONNECTED,
}
_END_FIELDS: Final = (
    (_ABANDONED, fields.ABANDONED, fields.ABANDONED_WITHIN),
    (_DEQUEUED, fields.DEQUEUED, fields.DEQUEUED_WITHIN),
    (_DISCONNECTED, fields.DISCONNECTED, fields.DISCONNECTED_WITHIN),
)
_COLUMNS: Final = (
    fields.OFFERED, fields.ANSWERED, fields.ANSWERED_WITHIN, fields.LATE, fields.ABANDONED,
    fields.ABANDONED_WITHIN, fields.DEQUEUED, fields.DEQUEUED_WITHIN, fields.DISCONNECTED,
    fields.DISCONNECTED_WITHIN, fields.DISCONNECTED_WAITING, fields.ENDED, fields.WAIT_MS_SUM,
)  # fmt: skip
_ENGAGED: Final = ("busy", "ringing", "wrapup")


class Calls(NamedTuple):
    """What became of the calls of a line, and of its agents. All int64; instants in epoch ms.

    Attributes:
        queued_ms, answered_ms, ended_ms: Of each call in the order of the queue; far in the future
            for what never was.
        end: How it ended; 0 while it goes on.
        agents_ms: When the number of agents in a state changed.
        free, engaged: How many were free, and at work, from then on.
    """

    queued_ms: Ints
    answered_ms: Ints
    ended_ms: Ints
    end: Ints
    agents_ms: Ints
    free: Ints
    engaged: Ints


def calls_of(week: Week) -> Calls:
    """Play a line's time."""
    queued: dict[str | None, list[int]] = {}
    agents: list[tuple[int, int, int]] = []
    states: dict[str | None, str | None] = {}
    free = engaged = 0
    for _, event in week.events():
        kind = event.type
        if kind == ev.AGENT_STATE:
            old, new = states.get(event.agent), event.state
            states[event.agent] = new
            free += (new == "available") - (old == "available")
            engaged += (new in _ENGAGED) - (old in _ENGAGED)
            agents.append((event.at_ms, free, engaged))
        elif kind == ev.CALL_QUEUED:
            queued[event.call_id] = [event.at_ms, _FOREVER, _FOREVER, 0]
        elif kind == ev.CALL_ANSWERED:
            queued[event.call_id][1] = event.at_ms
        elif kind in _ENDS and event.queue is not None:
            queued[event.call_id][2:] = event.at_ms, _ENDS[kind]
    calls = np.array(list(queued.values()), dtype=np.int64).reshape(-1, 4).T
    people = np.array(agents, dtype=np.int64).reshape(-1, 3).T
    return Calls(*calls, *people)


class _Stretch:
    """Some hours of all lines; an index is a second, `base_s` the first one."""

    def __init__(self, lines: Sequence[Calls], base_s: int, count: int) -> None:
        self.base_s, self.count = base_s, count
        self.at_ms: Ints = (np.arange(count) + base_s) * _SECOND_MS
        shape = (count, len(lines))
        self.counts: Ints = np.zeros((*shape, len(_COLUMNS)), dtype=np.int64)
        self.waiting: Ints = np.zeros(shape, dtype=np.int64)
        self.queued_ms: Ints = np.zeros(shape, dtype=np.int64)
        self.first_ms: Ints = np.full(shape, _FOREVER, dtype=np.int64)
        self.talking: Ints = np.zeros(shape, dtype=np.int64)
        self.staffed: Ints = np.full(shape, -1, dtype=np.int64)
        self.idle: Ints = np.full(shape, -1, dtype=np.int64)
        self.answered_ms: Ints = np.full(shape, -1, dtype=np.int64)
        self.offered_ms: Ints = np.full(shape, -1, dtype=np.int64)
        before: Ints = np.zeros((len(lines), len(_COLUMNS)), dtype=np.int64)
        for row, calls in enumerate(lines):
            if calls.queued_ms.size:
                self._count(row, calls, before)
                self._line_up(row, calls)
                self._people(row, calls)
        np.cumsum(self.counts, axis=0, out=self.counts)
        self.counts += before

    def _count(self, row: int, calls: Calls, before: Ints) -> None:
        """What is counted, in the second after it happened."""
        queued_ms, answered_ms, ended_ms, end = calls[:4]
        was_answered = answered_ms < _FOREVER
        wait_ms = np.minimum(answered_ms, ended_ms) - queued_ms
        in_time = np.where(was_answered, wait_ms <= THRESHOLD_MS, wait_ms < THRESHOLD_MS)
        found = [
            (fields.OFFERED, queued_ms),
            (fields.ANSWERED, answered_ms[was_answered]),
            (fields.ANSWERED_WITHIN, answered_ms[was_answered & in_time]),
            (fields.LATE, (queued_ms + THRESHOLD_MS)[~in_time]),
            (fields.ENDED, ended_ms[end > 0]),
            (fields.DISCONNECTED_WAITING, ended_ms[(end == _DISCONNECTED) & ~was_answered]),
        ]
        for kind, field, within in _END_FIELDS:
            found.append((field, ended_ms[end == kind]))
            found.append((within, ended_ms[(end == kind) & ~was_answered & in_time]))
        for field, at_ms in found:
            self._put(row, field, at_ms, np.ones(at_ms.size), before)
        self._put(row, fields.WAIT_MS_SUM, answered_ms[was_answered], wait_ms[was_answered], before)

    def _put(
        self, row: int, field: int, at_ms: Ints, amounts: NDArray[np.generic], before: Ints
    ) -> None:
        column = _COLUMNS.index(field)
        index = at_ms // _SECOND_MS + 1 - self.base_s
        before[row, column] += int(amounts[index <= 0].sum())
        here = (index > 0) & (index < self.count)
        found = np.bincount(index[here], amounts[here], self.count)
        self.counts[:, row, column] += found.astype(np.int64)

    def _line_up(self, row: int, calls: Calls) -> None:
        """Who waits at each second, and since when."""
        queued_ms = calls.queued_ms
        last = np.minimum(calls.answered_ms, calls.ended_ms) // _SECOND_MS - self.base_s
        first = queued_ms // _SECOND_MS + 1 - self.base_s
        here = (last >= first) & (last >= 0) & (first < self.count)
        first, last = np.maximum(first[here], 0), np.minimum(last[here], self.count - 1)
        queued_ms = queued_ms[here]
        for into, amounts in (
            (self.waiting, np.ones_like(queued_ms)),
            (self.queued_ms, queued_ms),
        ):
            steps: Ints = np.zeros(self.count + 1, dtype=np.int64)
            np.add.at(steps, first, amounts)
            np.subtract.at(steps, last + 1, amounts)
            into[:, row] = np.cumsum(steps)[:-1]
        # Who came first is written last.
        for at in range(queued_ms.size - 1, -1, -1):
            self.first_ms[first[at] : last[at] + 1, row] = queued_ms[at]

    def _people(self, row: int, calls: Calls) -> None:
        """Conversations, agents, and when a call was last answered and queued."""
        was_answered = calls.answered_ms < _FOREVER
        begun = np.sort(calls.answered_ms[was_answered])
        over = np.sort(calls.ended_ms[was_answered & (calls.end > 0)])
        self.talking[:, row] = np.searchsorted(begun, self.at_ms) - np.searchsorted(
            over, self.at_ms
        )
        if calls.agents_ms.size:
            at = np.searchsorted(calls.agents_ms, self.at_ms) - 1
            self.idle[:, row] = np.where(at >= 0, calls.free[at], -1)
            self.staffed[:, row] = np.where(at >= 0, calls.free[at] + calls.engaged[at], -1)
        for into, at_ms in ((self.answered_ms, begun), (self.offered_ms, calls.queued_ms)):
            if at_ms.size:
                at = np.searchsorted(at_ms, self.at_ms) - 1
                second_ms = (at_ms[at] // _SECOND_MS + 1) * _SECOND_MS
                into[:, row] = np.where(at >= 0, second_ms, -1)


class _OneWeek:
    """The clock of lines that all go by the same wall and have no holiday."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def now(self, at_ms: int) -> tuple[Ints, BoolArray]:
        """The quarter-hour of the week of every row, and where the day is a holiday."""
        slot = local_quarter(ZONE, at_ms)[0]
        return np.full(self.rows, slot), np.zeros(self.rows, dtype=np.bool_)


class FactsOfLines:
    """The facts of lines that are open at the same hours.

    Args:
        weeks: The lines.
        counts_talks: Whether conversations are counted.
    """

    def __init__(self, weeks: Sequence[Week], *, counts_talks: bool) -> None:
        nothing: Ints = np.zeros(0, dtype=np.int64)
        # The last row stands for the organization, of which nothing is to be said here.
        self._calls = [*map(calls_of, weeks), Calls(*(nothing,) * 7)]
        self._counts_talks = counts_talks
        self._open = weeks[0].open
        rows = self.rows = len(self._calls)
        self._is_line: BoolArray = np.arange(rows) < len(weeks)
        tells = [week.line.tells_agents for week in weeks]
        self._is_single: BoolArray = np.array([*tells, False])
        self._always: BoolArray = np.ones(rows, dtype=np.bool_)
        self._limits_ms: Ints = np.full(rows, _HOLD_LIMIT_MS, dtype=np.int64)
        self._expectation = Expectation(_OneWeek(rows))  # type: ignore[arg-type]
        for row, week in enumerate(weeks):
            self._expectation.kept[row] = week.weeks_before()
        self._quarter = -1
        self._expected = (np.zeros(rows), np.zeros(rows))

    def seconds(self) -> Iterator[Facts]:
        """Yield the facts of each second in which the lines have to be open, and a few more."""
        for from_ms, until_ms in self._open:
            end_s = until_ms // _SECOND_MS + 2
            for first_s in range(from_ms // _SECOND_MS - _EARLY_S, end_s, _STRETCH_S):
                base_s = first_s - _HOUR_S - 1
                last_s = min(first_s + _STRETCH_S, end_s)
                stretch = _Stretch(self._calls, base_s, last_s - base_s)
                for second in range(first_s, last_s):
                    is_open = from_ms <= second * _SECOND_MS < until_ms
                    yield self._second(stretch, second - base_s, is_open=is_open)

    def _second(self, stretch: _Stretch, at: int, *, is_open: bool) -> Facts:
        now, at_ms = stretch.counts[at], int(stretch.at_ms[at])
        narrow = [now - stretch.counts[at - window] for window in _WINDOWS_S]
        counts: Ints = np.zeros((5, self.rows, FIELD_COUNT), dtype=np.int64)
        counts[:, :, np.array(_COLUMNS)] = np.stack((*narrow, now))
        gave_up = _COLUMNS.index(fields.ABANDONED)
        waiting = stretch.waiting[at]
        if self._quarter != at_ms // QUARTER_MS:
            self._quarter = at_ms // QUARTER_MS
            self._expected = self._expectation.per_second(at_ms, np.full(self.rows, -1.0))
        return Facts(
            at_ms=at_ms,
            last_minute=counts[0],
            five_minutes=counts[1],
            quarter=counts[2],
            hour=counts[3],
            lifetime=counts[4],
            burst=(now - stretch.counts[at - 1])[:, gave_up],
            waiting=waiting,
            waited_ms=waiting * at_ms - stretch.queued_ms[at],
            longest_wait_ms=np.where(waiting > 0, at_ms - stretch.first_ms[at], -1),
            last_answered_ms=stretch.answered_ms[at],
            last_offered_ms=stretch.offered_ms[at],
            staffed=stretch.staffed[at],
            idle=stretch.idle[at],
            is_single=self._is_single,
            expected_per_s=self._expected[0],
            spread=self._expected[1],
            is_seen=self._always,
            is_beating=self._always,
            is_open=self._is_line & is_open,
            hold_limit_ms=self._limits_ms,
            talking=stretch.talking[at] if self._counts_talks else None,
        )


def watched(weeks: Sequence[Week], *, counts_talks: bool) -> list[Judged]:
    """Watch the lines, none of which loses its feed."""
    lines = FactsOfLines(weeks, counts_talks=counts_talks)
    names = (*(f"line/{week.line.contract}/m" for week in weeks), "organization")
    contracts = tuple(Watched(week.line.contract, row, (row,)) for row, week in enumerate(weeks))
    book = OutageBook(ContinuityPlan(), names, contracts, len(weeks), lambda _one, _two: None)
    happened: list[Happening] = []
    for facts in lines.seconds():
        book.update(facts)
        happened += book.take()
    return judged_of(weeks, happened)
