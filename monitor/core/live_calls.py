"""Calls in progress, one by one, for whoever runs the floor: who waits in a queue now.

The figures of the snapshot say how many wait; this says which, longest first. It is read from the
living engine when somebody asks, so that nothing is kept for it.

Invariant: a pure read. Pure: no I/O, no clock.
"""

from itertools import islice
from typing import NamedTuple

from monitor.core.scopes import ScopeTable
from monitor.core.snapshot import ScopeKind
from monitor.core.waiting import WaitingRoom

_DIRECT = (ScopeKind.QUEUE, ScopeKind.SITE)


class LiveCall(NamedTuple):
    """One call that waits.

    Attributes:
        call_id: As its source names it; not to be shown.
        queue: Our key of its queue; `unconfigured` for all that are unknown.
        entry: Ordinal of its visit to this queue, from 1.
        queued_ms: When it entered the queue, epoch ms.
    """

    call_id: str
    queue: str
    entry: int
    queued_ms: int


def waiting_calls(
    table: ScopeTable, waiting: WaitingRoom, scope: str, limit: int
) -> list[LiveCall] | None:
    """Calls that wait in a queue or at a site, longest first.

    Args:
        table: The engine's scopes.
        waiting: Who waits.
        scope: `queue/KEY` or `site/NAME`.
        limit: The most to return; > 0.

    Returns:
        None when there is no such queue or site.
    """
    row = next((found.row for found in table.scopes if found.name == scope), None)
    if row is None or table.scopes[row].kind not in _DIRECT:
        return None
    return [
        LiveCall(
            visit.call_id,
            table.scopes[table.upper + visit.row].labels["queue"],
            visit.entry,
            visit.queued_ms,
        )
        for visit in islice(waiting.waiting_in(row - table.upper), limit)
    ]
