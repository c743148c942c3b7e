"""The one loop: take what has arrived, journal it, count it, acknowledge it; tick every second.

    inbox ──batch──> decode ──> journal (durable) ──> acknowledge
                        └─────> engine ──> snapshot ──> board, alerts

A batch is handed to the journal and counted while the disk works; the broker is told only when the
commit has returned, and no further batch is taken before. So what was acknowledged is on the disk,
and what was not comes again. While a commit waits for a full disk the ticks go on: callers keep
waiting and clocks keep running, whether or not we can write it down.

A restart is in `recovery.py`.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from monitor.background import Background
from monitor.changed import Change
from monitor.clock import Clock
from monitor.clock_watch import ClockWatch
from monitor.core import checkpoint
from monitor.core.events import Event
from monitor.core.intervals import IntervalOutbox
from monitor.core.ledger import LedgerEntry
from monitor.core.outages.inputs import Input
from monitor.core.plan import HOUR_MS, SECOND_MS
from monitor.core.snapshot import Alert, AlertState, Snapshot
from monitor.formats import journal, topics
from monitor.formats.normalized import NormalizedDecoder
from monitor.input_desk import InputDesk, entry_of
from monitor.keeping import Keeping
from monitor.recovery import EVENTS, RESUMED, Recovered, alert_record
from monitor.sources.inbox import Inbox, Message
from monitor.store.records import AlertRecord, JournalRecord, QuarantineRecord
from monitor.store.store import Store

_TAKE_MESSAGES = 10_000
_TAKE_BYTES = 16 * 2**20
# The loop serves the page and the metrics too: after this long it gives way.
_SLICE_S = 0.010
# A tick and a step of a snapshot can take as long themselves, so they are not put together.
_TICK_SLICE_S = 0.002
# With a fast clock ticks come faster than anybody can look.
_SNAPSHOT_EVERY_S = 0.2
# Alerts wait for the commit of what caused them, but not for a disk that stays full.
_ALERTS_WAIT_S = 2.0
_PUBLISH_EVERY_S = 10.0
# Events that the engine counts before the loop is looked at again, some milliseconds.
_COUNT_EVENTS = 2_000


class Runner:
    """Drives the engine.

    Args:
        recovered: From `recover`.
        inbox: Where messages arrive.
        store: The journal.
        decoders: One for each source.
        clock: The engine's time; it must not be behind the engine.
        clock_watch: What looks whether the clock can be believed.
        keeping: How long things are kept.
        config_hash: Of the configuration that the engine's plan came from.
        publish: Told all current alerts whenever one has changed.

    Attributes:
        engine: Another one after `change`.
        snapshot: The newest view; None before the first tick.
        messages: Messages taken in, by source.
        quarantined: Messages and parts of messages that were refused, by reason.
        outbox: Closed intervals on their way into the store.
        inputs: What is no event, on its way into the journal and the engine.
        adapters: What the sources' own status topics say last: whether the adapter is up.
        tick_s: How long the last tick took, with its snapshot.
        loop_lag_s: How late the loop was last.
    """

    def __init__(
        self,
        recovered: Recovered,
        *,
        inbox: Inbox,
        store: Store,
        decoders: Mapping[str, NormalizedDecoder],
        clock: Clock,
        clock_watch: ClockWatch,
        keeping: Keeping,
        config_hash: str,
        publish: Callable[[tuple[Alert, ...]], None],
    ) -> None:
        self.engine = recovered.engine
        self.snapshot: Snapshot | None = None
        self.messages: Counter[str] = Counter()
        self.quarantined: Counter[str] = Counter()
        self.adapters: dict[str, bool] = {}
        self.outbox = IntervalOutbox()
        self.inputs = InputDesk()
        self.tick_s: float | None = None
        self.loop_lag_s: float | None = None
        self._position = recovered.position
        self._inbox = inbox
        self._store = store
        self._decoders = decoders
        self._clock = clock
        self._clock_watch = clock_watch
        self._keeping = keeping
        self._config_hash = config_hash
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._batch: list[Message] = []
        # Handed to the journal, and not to the engine yet, with the instant of receipt.
        self._uncounted: deque[tuple[int, list[Event] | Input]] = deque()
        self._commit: asyncio.Task[int] | None = None
        self._commit_since_s = 0.0
        self._changes = [alert_record(at_ms, alert) for at_ms, alert in recovered.alerts]
        self._entries = [entry_of(one) for one in recovered.happenings]
        self._recorded = recovered.recorded
        self._ended = {alert.key: alert for alert in recovered.ended}
        self._alerts_changed = True
        self._published_s = self._snapshot_s = self._saved_s = self._pruned_s = 0.0
        self._change: tuple[Change, asyncio.Future[None]] | None = None
        self._upkeep = Background("upkeep of the store")

    async def run(self) -> None:
        """Run until cancelled.

        Raises:
            StoreError: The store has failed for good; what is not committed comes again.
        """
        self._saved_s = self._pruned_s = self._loop.time()
        # To make up for a day takes its time, and whoever was told must not think it over.
        self._publish_alerts()
        while True:
            await self._tick(self._clock.now_ms())
            self._publish_alerts()
            if self._commit is not None:
                await asyncio.wait((self._commit,), timeout=self._until_tick_s())
                if self._commit.done():
                    self._acknowledge()
                continue
            if self._change is not None:
                self._apply_change(*self._change)
            if self._clock_watch.shall_follow:
                self._follow_clock()
                continue
            self._keep_house()
            batch = await self._take()
            told = self._changes or self._entries or self.outbox.pending
            if batch or told or self.inputs.look(self.adapters):
                await self._store_and_count(batch)

    async def stop(self) -> None:
        """Finish what is under way and save the state. Call after `run` was cancelled."""
        if self._commit is not None:
            await self._commit
            self._acknowledge()
        # The state that is saved has to hold all that the journal does, wherever it was cancelled.
        while self._uncounted:
            self._count_next()
        self._gather()
        if self._changes or self._entries or self.outbox.pending:
            await self._store.append(
                (), (), *self._taken(), self._clock.now_ms(), self.outbox.hand_over()
            )
        await self._save()
        await self._upkeep.finish()

    def note(self, entry: LedgerEntry) -> None:
        """Have an entry appended to the ledger with the next commit."""
        self._entries.append(entry)

    async def change(self, make: Change) -> None:
        """Go on with what `make` gives for the current engine, at once or not at all.

        Args:
            make: Called between two steps of the loop; what it raises is raised here, and then
                nothing has changed.
        """
        assert self._change is None
        done: asyncio.Future[None] = self._loop.create_future()
        self._change = (make, done)
        await done

    # -- messages -----------------------------------------------------------------------------

    async def _take(self) -> list[Message]:
        try:
            async with asyncio.timeout(self._until_tick_s()):
                return await self._inbox.take(_TAKE_MESSAGES, _TAKE_BYTES)
        except TimeoutError:
            return []

    def _until_tick_s(self) -> float:
        next_ms = (self.engine.ring.closed_s + 1) * SECOND_MS
        return min(self._clock.seconds_until(next_ms), 1.0)

    async def _store_and_count(self, batch: list[Message]) -> None:
        received_ms = self._clock.now_ms()
        await self._tick(received_ms)
        by_source, refused = await self._decode(batch, received_ms)
        records = [
            JournalRecord(received_ms, source, EVENTS, len(events), journal.encode(events))
            for source, events in by_source.items()
        ]
        given, given_records = self.inputs.take(received_ms)
        self._uncounted.extend(
            (received_ms, events[start : start + _COUNT_EVENTS])
            for events in by_source.values()
            for start in range(0, len(events), _COUNT_EVENTS)
        )
        self._uncounted.extend((received_ms, one) for one in given)
        self._batch = batch
        self._begin_commit([*records, *given_records], refused, received_ms)
        # The commit begins on its thread before the engine takes this one.
        await asyncio.sleep(0)
        slice_s = self._loop.time()
        while self._uncounted:
            self._count_next()
            slice_s = await self._give_way(slice_s)

    def _begin_commit(
        self, records: list[JournalRecord], refused: list[QuarantineRecord], received_ms: int
    ) -> None:
        closed = self.outbox.hand_over()
        self._commit_since_s = self._loop.time()
        self._commit = asyncio.create_task(
            self._store.append(records, refused, *self._taken(), received_ms, closed),
            name="journal commit",
        )

    def _count_next(self) -> None:
        """Count some of what is in the journal now, or will be with the commit under way."""
        received_ms, one = self._uncounted.popleft()
        if isinstance(one, list):
            self.engine.on_events(one, received_ms)
        else:
            self.engine.on_input(one, received_ms)

    async def _decode(
        self, batch: list[Message], received_ms: int
    ) -> tuple[dict[str, list[Event]], list[QuarantineRecord]]:
        by_source: dict[str, list[Event]] = {}
        refused: list[QuarantineRecord] = []
        slice_s = self._loop.time()
        for message in batch:
            source = message.source
            self.messages[source] += 1
            topic = None if message.topic is None else topics.parse_topic(message.topic)
            if topic is not None and topic.kind == topics.STATUS and topic.source == source:
                is_up = topics.status_up(message.payload)
                if is_up is not None:
                    self.adapters[source] = is_up
                    continue
            decoder = self._decoders.get(source)
            if decoder is None:
                continue  # its source has just been removed from the configuration
            decoded = decoder.decode(message.payload, received_ms, topic=message.topic)
            if decoded.events:
                self._clock_watch.hear(decoded.events)
                by_source.setdefault(source, []).extend(decoded.events)
            for rejected in decoded.rejected:
                self.quarantined[rejected.reason] += 1
                refused.append(QuarantineRecord(received_ms, source, *rejected))
            if message.receipt is not None:
                message.receipt.events = len(decoded.events)
                message.receipt.refused = Counter(part.reason for part in decoded.rejected)
            slice_s = await self._give_way(slice_s)
        return by_source, refused

    def _acknowledge(self) -> None:
        """The commit has returned: tell the brokers."""
        assert self._commit is not None
        self._position = self._commit.result()
        self._commit = None
        self._inbox.acknowledge(self._batch)
        self.inputs.committed()
        self._batch = []

    async def _give_way(self, since_s: float, slice_s: float = _SLICE_S) -> float:
        """Let others on the loop run if it was ours for long enough."""
        now_s = self._loop.time()
        if now_s - since_s < slice_s:
            return since_s
        await asyncio.sleep(0)
        lap_s = self._loop.time()
        self.loop_lag_s = lap_s - since_s
        return lap_s

    # -- time ---------------------------------------------------------------------------------

    async def _tick(self, now_ms: int) -> None:
        begun_s = since_s = self._loop.time()
        # What was restored is shown, too, while the clock is refused and no tick comes.
        has_ticked = self.snapshot is None and self.engine.ring.closed_s >= 0
        for tick_ms, changed in self.engine.advance(now_ms):
            has_ticked = True
            self._note(tick_ms, changed)
            since_s = await self._give_way(since_s, _TICK_SLICE_S)
        self._gather()
        self._alerts_changed |= bool(self._changes or self._ended)
        if has_ticked and (
            self.snapshot is None or begun_s - self._snapshot_s >= _SNAPSHOT_EVERY_S
        ):
            self._snapshot_s = begun_s
            steps = self.engine.snapshot_steps()
            while True:
                try:
                    next(steps)
                except StopIteration as done:
                    self.snapshot = self._clock_watch.shown(done.value)
                    break
                since_s = await self._give_way(since_s, _TICK_SLICE_S)
            self.tick_s = self._loop.time() - begun_s

    def _gather(self) -> None:
        """Take from the engine what has to be stored."""
        self.outbox.add(self.engine.intervals.take())
        found = map(entry_of, self.engine.happenings())
        self._entries += [*found, *self._clock_watch.look()]
        for at_ms, alert in self._clock_watch.changed():
            self._note(at_ms, [alert])

    def _follow_clock(self) -> None:
        """Go by the wall again; what is left out is journalled as time in which nobody listened."""
        left_out = self._clock_watch.follow()
        if left_out:
            self._entries += left_out
            until_ms, now_ms = self.engine.ring.closed_s * SECOND_MS, self._clock.now_ms()
            self.engine.on_resume(now_ms)
            self.inputs.forget_links()
            # The ticks until then have been, so a replay has to do them before as well.
            until = JournalRecord(until_ms, "", EVENTS, 0, journal.encode([]))
            self._begin_commit([until, JournalRecord(now_ms, "", RESUMED, 0, b"")], [], now_ms)

    def _publish_alerts(self) -> None:
        now_s = self._loop.time()
        waits = self._commit is not None and now_s - self._commit_since_s < _ALERTS_WAIT_S
        due = self._alerts_changed or now_s - self._published_s >= _PUBLISH_EVERY_S
        if due and not waits and not (self._changes and self._commit is None):
            self._alerts_changed = False
            self._published_s = now_s
            alerts = (*self._clock_watch.alerts(), *self.engine.alerts())
            # After a long absence one step may hold the end of an alert and its oblivion.
            for alert in alerts:
                self._ended.pop(alert.key, None)
            self._publish((*self._ended.values(), *alerts))
            self._ended.clear()

    def _note(self, at_ms: int, changed: Sequence[Alert]) -> None:
        for alert in changed:
            if alert.state is AlertState.RESOLVED:
                self._ended[alert.key] = alert
            if (alert.key, str(alert.state)) not in self._recorded:
                self._changes.append(alert_record(at_ms, alert))

    def _taken(self) -> tuple[list[AlertRecord], list[LedgerEntry]]:
        taken, self._changes, self._entries = (self._changes, self._entries), [], []
        return taken

    # -- upkeep -------------------------------------------------------------------------------

    def _apply_change(self, make: Change, done: asyncio.Future[None]) -> None:
        self._change = None
        try:
            changed = make(self.engine)
        except Exception as fault:  # noqa: BLE001 (handed to the one who asked)
            done.set_exception(fault)
            return
        self.engine, self._decoders = changed.engine, changed.decoders
        self._config_hash, self._keeping = changed.config_hash, changed.keeping
        self._changes += [alert_record(at_ms, alert) for at_ms, alert in changed.alerts]
        self._alerts_changed = True
        self._saved_s = float("-inf")
        done.set_result(None)

    def _keep_house(self) -> None:
        """Save the state and delete what is too old, in the background, when it is time."""
        now_s = self._loop.time()
        keeping = self._keeping
        # What a state has led to is on the disk before the state is.
        if not (self._upkeep.is_busy or self._changes or self._entries or self.outbox.pending):
            if now_s - self._saved_s >= keeping.checkpoint_every_ms / SECOND_MS:
                self._saved_s = now_s
                self._upkeep.start(self._save())
            elif now_s - self._pruned_s >= HOUR_MS / SECOND_MS:
                self._pruned_s = now_s
                kept = keeping.events_ms, keeping.quarantine_ms, keeping.alerts_ms, keeping.calls_ms
                self._upkeep.start(self._store.prune(self._clock.now_ms(), *kept))

    def _save(self) -> Coroutine[Any, Any, object]:
        """Take a checkpoint now; writing it is left to the one who awaits."""
        engine = self.engine
        return self._store.save_checkpoint(
            self._position,
            engine.ring.closed_s * SECOND_MS,
            self._config_hash,
            checkpoint.take(engine),
        )
