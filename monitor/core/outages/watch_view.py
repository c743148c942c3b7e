"""What the watch for outages knows, frozen for readers.

Pure: no I/O, no clock.
"""

import numpy as np

from monitor.core.outages.signals import KINDS
from monitor.core.outages.watch import OutageWatch
from monitor.core.snapshot import Alert, ContractView, WatchView


def view(watch: OutageWatch, scopes: int) -> WatchView | None:
    """The view of the last second, for a table of so many scopes; None before the first."""
    facts, notices = watch.facts, watch.notices
    if facts is None:
        return None
    unseen = watch.sight.unseen(facts.at_ms)
    is_blind = np.full(scopes, bool(unseen) and unseen >= watch.sight.sources.keys())
    is_closed = np.zeros(scopes, dtype=np.bool_)
    signals = np.zeros((KINDS, scopes), dtype=np.bool_)
    signals[:, : facts.rows] = watch.book.signals.is_active
    for own in notices.scopes.values():
        rows = [scope.row for scope in own]
        is_blind[rows] = ~facts.is_seen[rows]
        is_closed[rows] = ~facts.is_open[rows]
    return WatchView(
        contracts=tuple(_contract(watch, name, own[0].row) for name, own in notices.scopes.items()),
        is_blind=is_blind,
        is_closed=is_closed,
        signals=signals,
        sources_seen={name: name not in unseen for name in watch.sight.sources},
        courses={name: notices.course(name) for name in notices.state.courses},
        confirm_ms=notices.plan.confirm_ms,
    )


def alerts(watch: OutageWatch | None) -> list[Alert]:
    """Its firing and lately resolved alerts, as of the last second."""
    if watch is None or watch.facts is None:
        return []
    return watch.notices.alerts(watch.facts.at_ms)


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
