"""The engine under another configuration: what goes on, what ends, and what must not be lost.

Pure: no I/O, no clock.
"""

from dataclasses import replace

from monitor.core import checkpoint
from monitor.core.engine import Engine
from monitor.core.plan import SECOND_MS, Plan
from monitor.core.snapshot import Alert, AlertState


class LeftOpenError(Exception):
    """Contracts with an open outage are watched no longer, and nobody has said that this is meant.

    Attributes:
        faults: What to tell the operator, each for one contract.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def rebuilt(engine: Engine, plan: Plan) -> Engine:
    """The same state under another plan.

    Raises:
        LeftOpenError: The plan forgets an outage that is open.
    """
    left = left_open(engine, plan)
    if left:
        raise LeftOpenError(left)
    parts = {
        name: part() if callable(part) else part for name, part in checkpoint.take(engine).items()
    }
    return checkpoint.restore(plan, parts)


def left_open(engine: Engine, plan: Plan) -> list[str]:
    """What is wrong with a plan that neither watches nor abandons a contract with an open outage.

    Returns:
        Key path and fault of each such contract; none when all is well.
    """
    if engine.watch is None:
        return []
    known = {contract.id for contract in plan.contracts}
    if plan.continuity is not None:
        known.update(plan.continuity.abandon)
    return [
        f"contracts: {one.contract} has an open outage ({one.id}) and is not configured any more: "
        f"restore it first or list it under continuity.abandon: [{one.contract}]"
        for one in engine.watch.book.open.values()
        if one.contract not in known
    ]


def no_longer_watched(before: Engine, after: Engine) -> list[Alert]:
    """Alerts that fired and whose rule or scope is gone: they end with the reason."""
    held = {alert.key for alert in after.alert_book.alerts()}
    at_ms = after.ring.closed_s * SECOND_MS
    return [
        replace(alert, state=AlertState.RESOLVED, resolved_ms=at_ms, reason="rule_removed")
        for alert in before.alert_book.alerts()
        if alert.state is AlertState.FIRING and alert.key not in held
    ]
