"""What the watch for outages knows, frozen for readers.

Pure: no I/O, no clock.
"""

import numpy as np

from monitor.core.outages.signals import KINDS
from monitor.core.outages.watch import OutageWatch
from monitor.core.snapshot import ContractView, WatchView


def view(watch: OutageWatch | None, at_ms: int, scopes: int) -> WatchView | None:
    """The view of the last second.

    Args:
        watch: None where nobody watches.
        at_ms: The second; negative before the first.
        scopes: How many there are.

    Returns:
        None where nobody watches, and before the first second.
    """
    if watch is None or at_ms < 0:
        return None
    notices, unseen = watch.notices, watch.sight.unseen(at_ms)
    (is_seen, _), is_open = watch.seen(at_ms), watch.hours.opened(at_ms)
    is_blind = np.full(scopes, bool(unseen) and unseen >= watch.sight.sources.keys())
    is_closed = np.zeros(scopes, dtype=np.bool_)
    signals = np.zeros((KINDS, scopes), dtype=np.bool_)
    signals[:, : len(watch.names)] = watch.book.signals.is_active
    for own in notices.scopes.values():
        rows = [scope.row for scope in own]
        is_blind[rows] = ~is_seen[rows]
        is_closed[rows] = ~is_open[rows]
    return WatchView(
        contracts=tuple(_contract(watch, name, own[0].row) for name, own in notices.scopes.items()),
        is_blind=is_blind,
        is_closed=is_closed,
        signals=signals,
        sources_seen={name: name not in unseen for name in watch.sight.sources},
        courses={name: notices.course(name) for name in notices.state.courses},
        confirm_ms=notices.plan.confirm_ms,
    )


def _contract(watch: OutageWatch, name: str, row: int) -> ContractView:
    state = watch.notices.state
    return ContractView(
        contract=name,
        row=row,
        state=watch.book.state_of(name),
        suspected_ms=watch.book.suspected.get(name),
        blind_since_ms=state.unseen_ms.get(name),
        outages_total=state.opened.get(name, 0),
    )
