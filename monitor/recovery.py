"""The engine after a start: as it was before the end, and a list of what is still to be told.

The state is the last checkpoint and the journal since it, through the same engine, with the ticks
between the batches exactly as they fell; so it does not matter whether the end was a stop in good
order, a crash or a power cut. The time in which nobody listened is left out of account for calls:
whatever the broker kept for us meanwhile is still to come.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import msgspec

from monitor.core import checkpoint
from monitor.core.checkpoint import CheckpointError
from monitor.core.engine import Engine
from monitor.core.outages import inputs
from monitor.core.outages.outage import Happening
from monitor.core.plan import SECOND_MS, Plan
from monitor.core.snapshot import Alert, AlertState
from monitor.formats import journal
from monitor.store.records import AlertRecord, JournalRecord
from monitor.store.store import Store

_LOG = logging.getLogger(__name__)

# Kinds of records in the journal.
EVENTS = "events"
INPUT = "input"
RESUMED = "resumed"
# The alert about our own clock, which no engine knows of.
CLOCK = "CallCenterClockWrong"
_HISTORY_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Recovered:
    """An engine that goes on.

    Attributes:
        engine: As it was.
        position: The last journal id that it contains.
        alerts: Changes of alerts since the checkpoint, with their instants, that are not in the
            history yet.
        recorded: Key and state of each change that is in the history; time that passes a second
            time finds the same changes a second time.
        ended: Alerts that are over, and that the engine may no longer hold although somebody was
            told that they fire and not that they ended.
        alive_ms: When the daemon before this one was last seen to live, as far as the journal and
            the checkpoint tell, epoch ms; None when there was none.
        happenings: What has happened to outages since the checkpoint; the ledger knows by their
            keys which of them it has.
        clock_alert: The alert about the clock that fired at the end; None when none did.
    """

    engine: Engine
    position: int
    alerts: list[tuple[int, Alert]]
    recorded: set[tuple[str, str]]
    ended: list[Alert]
    alive_ms: int | None
    happenings: list[Happening]
    clock_alert: Alert | None


async def recover(plan: Plan, store: Store, now_ms: int) -> Recovered:
    """The engine as it was, from the last checkpoint and the journal since it.

    That nobody listened until now is journalled as well.

    Args:
        plan: What is watched.
        store: Where the state is.
        now_ms: When the engine goes on.

    Raises:
        StoreError: The store cannot be read.
    """
    engine, position = Engine(plan), 0
    saved = store.load_checkpoint()
    if saved is not None:
        try:
            engine, position = checkpoint.restore(plan, saved.parts), saved.journal_id
        except CheckpointError as fault:
            _LOG.warning("%s; the state is rebuilt from the journal", fault)
    changes: list[tuple[int, Alert]] = []
    happenings: list[Happening] = []
    replayed = 0
    for record in store.journal_after(position):
        position = record.id
        if record.kind == RESUMED:
            engine.on_resume(record.received_ms)
            continue
        for tick_ms, changed in engine.advance(record.received_ms):
            changes += [(tick_ms, alert) for alert in changed]
        closed = engine.intervals.take()
        if closed:
            # Most of them are stored already; those that are not would be missing for ever.
            await store.append((), closed=closed)
        happenings += engine.happenings()
        try:
            if record.kind == INPUT:
                engine.on_input(inputs.decode(record.body), record.received_ms)
                continue
            engine.on_events(journal.decode(record.body), record.received_ms)
        except (journal.JournalError, msgspec.DecodeError) as fault:
            engine.discards["damaged_journal"] += record.count
            _LOG.error("journal record %d: %s", record.id, fault)
        replayed += record.count
    _LOG.info(
        "restored: %d events replayed, %d calls open", replayed, engine.tracker.register.open_count
    )
    history = await store.alert_history(_HISTORY_KNOWN)
    ended = {alert.key: alert for _, alert in changes if alert.state is AlertState.RESOLVED}
    told = {key for (_, key), state in store.delivered().items() if state == AlertState.FIRING}
    held = {alert.key for alert in engine.alerts()}
    at_ms = engine.ring.closed_s * SECOND_MS
    for alert in _over(history, told - held - ended.keys(), at_ms):
        ended[alert.key] = alert
        changes.append((at_ms, alert))
    # Replaying finds changes again that were recorded before the end.
    recorded = {(row.key, row.state) for row in history}
    fresh = [change for change in changes if (change[1].key, str(change[1].state)) not in recorded]
    resumed_ms = max(now_ms, at_ms)
    position = await store.append([JournalRecord(resumed_ms, "", RESUMED, 0, b"")])
    engine.on_resume(resumed_ms)
    alive_ms = None if at_ms < 0 else at_ms
    happenings += engine.happenings()
    paged, over = _clock_alert(history), list(ended.values())
    return Recovered(engine, position, fresh, recorded, over, alive_ms, happenings, paged)


def alert_record(at_ms: int, alert: Alert) -> AlertRecord:
    """The row of the history for a change of an alert at `at_ms`."""
    body = msgspec.json.encode(alert).decode()
    return AlertRecord(
        at_ms, alert.key, alert.rule, alert.scope, str(alert.state), alert.reason, body
    )


def _clock_alert(history: Sequence[AlertRecord]) -> Alert | None:
    """The newest alert about the clock, if it fires; the history begins with the newest row."""
    last = next((row for row in history if row.rule == CLOCK), None)
    if last is not None and last.state == AlertState.FIRING:
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(last.body, type=Alert)
    return None


def _over(history: Sequence[AlertRecord], keys: set[str], at_ms: int) -> Iterator[Alert]:
    """The alerts with `keys`, which the engine does not hold any more, as they ended.

    One that has not ended in the history has lost its rule or its scope.

    Args:
        history: Newest first.
        keys: Whose.
        at_ms: The end of those that have not ended in the history.
    """
    wanted = set(keys)
    for row in history:
        if row.key not in wanted or row.rule == CLOCK:
            continue
        wanted.remove(row.key)
        # A body of another version is history that this one cannot tell.
        with suppress(msgspec.DecodeError):
            alert = msgspec.json.decode(row.body, type=Alert)
            if alert.state is AlertState.FIRING:
                alert = replace(
                    alert, state=AlertState.RESOLVED, resolved_ms=at_ms, reason="rule_removed"
                )
            if alert.state is AlertState.RESOLVED:
                yield alert
