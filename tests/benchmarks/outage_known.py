"""When an outage could first have been known: the first caller who fared otherwise than usual.

A line is played twice with the same seed, as it is and without what happens. Until the first event
of a call that is not the same in both, nobody can tell them apart by their calls: that is the first
caller who would have been answered, and is not. Agents' states are left out, since what counts is
what happens to callers. Where more calls come, nobody can say which of them are the additional
ones, and the first caller to wait for longer than the threshold is taken. Where none reaches the
call center, the first one who would have entered the queue is.
"""

from collections.abc import Iterator

import numpy as np
from outage_facts import THRESHOLD_MS, calls_of
from outage_weeks import DEMAND, FEED_LOST, NORMAL, SILENT, Week

from monitor.simulation.callers import callers_by_day
from monitor.simulation.course import Course


def known_ms(week: Week) -> int | None:
    """When the outage of a line could first be known, epoch ms; None without one."""
    line, onset_ms = week.line, week.onset_ms
    if onset_ms is None or line.kind in (NORMAL, FEED_LOST):
        return None
    if line.kind == SILENT:
        lost = (
            caller.at_ms + caller.ivr_ms
            for _, callers in callers_by_day(Course.of(week.scenario), line.seed)
            for caller in callers
            if not caller.reaches and not caller.contained
        )
        return min(lost, default=None)
    again = Week(line)
    if line.kind == DEMAND:
        calls = calls_of(again)
        wait_ms = np.minimum(calls.answered_ms, calls.ended_ms) - calls.queued_ms
        late_ms = calls.queued_ms[(calls.queued_ms >= onset_ms) & (wait_ms > THRESHOLD_MS)]
        return int(late_ms.min()) + THRESHOLD_MS if late_ms.size else None
    for told, usual in zip(_calls(again), _calls(Week(line._replace(kind=NORMAL))), strict=False):
        if told != usual:
            return min(told[0], usual[0])
    return None


def _calls(week: Week) -> Iterator[tuple[int, str, str]]:
    for received_ms, event in week.events():
        if event.call_id is not None:
            yield received_ms, event.type, event.call_id
