"""The whole monitor as one state machine: events and ticks in, alerts and snapshots out.

The daemon, `replay`, the demo and the tests all drive this one. Nothing here reads a clock: events
come with the instant at which they were received, ticks fall on whole seconds, and the same inputs
give the same state, which is why a restart is a checkpoint plus the journal since it.

    on_events(batch, received) ... on_tick(second) ... snapshot()

An input is never refused with an exception; what cannot be counted is counted in `discards`.

Pure: no I/O, no clock.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from typing import Final

import numpy as np

from monitor.core import events as types
from monitor.core.agents import AgentRoster
from monitor.core.alerts import AlertBook
from monitor.core.booking import Books
from monitor.core.calls import UNKNOWN
from monitor.core.events import Event
from monitor.core.intervals import IntervalBook
from monitor.core.lifecycle import KIND_OF_TYPE, STARTED
from monitor.core.outages import watch_view
from monitor.core.outages.inputs import Input, LinkChanged
from monitor.core.outages.outage import Happening
from monitor.core.outages.watch import OutageWatch, detection_windows
from monitor.core.plan import HOUR_MS, SECOND_MS, Plan
from monitor.core.register import SourceCalls
from monitor.core.ring import WindowRing
from monitor.core.scopes import ScopeTable
from monitor.core.snapshot import Alert, IntArray, Snapshot
from monitor.core.source_state import SourceState, unlinked
from monitor.core.tracker import CallTracker, Place
from monitor.core.verdict import Judge, obscure
from monitor.core.view import figures_steps
from monitor.core.waiting import Waiters, WaitingRoom

_DAY_MS: Final = 24 * HOUR_MS
# Places of queues that are known are looked up in a cache; hostile names must not fill it.
_PLACES_KEPT: Final = 50_000
# Where no sources are configured, as in a replay, whoever speaks is one.
_SOURCES_KEPT: Final = 1_000
_IGNORED: Final = frozenset(
    (types.INTERPRETER_REQUESTED, types.INTERPRETER_CONNECTED, types.TTY_CONNECTED)
)

# Where the events of a queue, or of a queue at a site, are counted.
Places = dict[str | tuple[str, str], Place]


class Engine:
    """All calls, windows, verdicts and alerts of one plan.

    Args:
        plan: What is watched.

    Attributes:
        shown_lifetime: Shape (direct rows, fields), int64: lifetime totals as they were last shown.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.table = ScopeTable(plan)
        self.intervals = IntervalBook(self.table, plan.short_abandon_ms)
        is_watched = plan.continuity is not None and bool(plan.contracts)
        self.ring = WindowRing(
            plan.windows_ms,
            self.table.direct_count,
            self.intervals.arrive,
            detection_windows(self.table) if is_watched else None,
        )
        self.waiting = WaitingRoom(self.table.direct_count)
        self.discards: Counter[str] = Counter()
        self.tracker = CallTracker(
            Books(self.ring, self.intervals, self.table.no_queue, plan.short_abandon_ms),
            self.waiting,
            plan.limits,
            self.table.no_queue,
            self.discards,
        )
        self.agents = AgentRoster(plan.limits.agents, self.discards)
        self.judge = Judge(self.table, plan.min_calls)
        self.alert_book = AlertBook(
            plan.organization, plan.rules, self.table, self.judge, plan.windows_ms
        )
        self.watch: OutageWatch | None = None
        if plan.continuity is not None and is_watched:
            self.watch = OutageWatch(plan, plan.continuity, self.table, self.judge)
        self.sources: dict[str, SourceState] = {name: SourceState() for name in plan.sources}
        self._places: dict[str, Places] = {}
        self._rows_seen = self.table.direct_count
        self._is_stale = False
        self._is_judged = False
        self._waiters: Waiters | None = None  # as long as no event has come since the tick
        self.shown_lifetime: IntArray = np.zeros_like(self.ring.lifetime)

    # -- inputs -------------------------------------------------------------------------------

    def on_events(self, batch: Sequence[Event], now_ms: int) -> None:
        """Count a batch of decoded events. Never raises on what the world may send.

        Args:
            batch: In order of receipt.
            now_ms: When they were received, not before the last tick.
        """
        self._waiters = None
        tracker, discards, kind_of = self.tracker, self.discards, KIND_OF_TYPE.get
        places: Places = {}
        unconfigured = self.table.unconfigured
        oldest_ms = now_ms - self.plan.limits.past_ms
        ahead_ms = now_ms + self.plan.limits.skew_ms
        name: str | None = None
        source, newest_ms, accepted = SourceState(), UNKNOWN, 0
        calls = SourceCalls("")
        for event in batch:
            if event.source != name:
                source.add(accepted, newest_ms)
                newest_ms, accepted = UNKNOWN, 0
                name, found = event.source, self._heard(event.source, now_ms)
                if found is None:
                    name = None  # so that the next one of it is refused as well
                    continue
                source, calls = found, tracker.register.calls_of(name)
                places = self._places.setdefault(name, {})
            at_ms = event.at_ms
            if not oldest_ms <= at_ms <= ahead_ms:
                if not self._is_ahead(at_ms, now_ms):
                    continue
                at_ms = now_ms
            accepted += 1
            newest_ms = max(newest_ms, at_ms)
            if event.seq is not None:
                source.follow(event.seq)
            kind = kind_of(event.type)
            queue = event.queue
            if kind is None:
                self._other(event, at_ms, now_ms, accepted)
            elif event.call_id is None:
                discards["no_call_id"] += 1
            elif kind == STARTED:
                dnis = event.dnis
                line_row = UNKNOWN if dnis is None else self.table.dialled_row(dnis)
                tracker.start(event, calls, at_ms, now_ms, line_row)
            elif queue is None:
                self._without_queue(kind, event, calls, at_ms, now_ms)
            else:
                site = event.site
                key = queue if site is None else (queue, site)
                place = places.get(key) or self._find_place(name, queue, site)
                if place[0] == unconfigured:
                    discards["unknown_queue"] += 1
                tracker.visit(kind, event, calls, at_ms, now_ms, place)
        source.add(accepted, newest_ms)

    def on_resume(self, now_ms: int) -> None:
        """Nobody listened between the last tick and now, which is not the calls' fault.

        Args:
            now_ms: Before the ticks up to it.
        """
        if self.ring.closed_s >= 0:
            self.tracker.register.excuse(max(0, now_ms - self.ring.closed_s * SECOND_MS))
        if self.watch is not None:
            self.watch.resume(now_ms)

    def on_input(self, given: Input, now_ms: int) -> None:
        """Take up what is no event: the state of a link, or what somebody says of an outage.

        Args:
            given: The input.
            now_ms: When it was received, not before the last tick.
        """
        if isinstance(given, LinkChanged):
            self._link(given)
        if self.watch is not None:
            self.watch.take_up(given, now_ms)

    def on_tick(self, now_ms: int) -> list[Alert]:
        """Move to a whole second: expire calls, advance the windows, move the alerts.

        Args:
            now_ms: A whole second, not before the last one.

        Returns:
            Alerts whose state has changed.
        """
        assert now_ms % SECOND_MS == 0
        self.refresh()
        self.tracker.expire(now_ms)
        changed = self.ring.advance(now_ms // SECOND_MS) or not self._is_judged
        self.intervals.tick(now_ms)
        self._is_judged = True
        told: list[Alert] = []
        if self.watch is not None:
            waiters = self._waiters = self.waiting.waiters(self.table.hierarchy(), now_ms)
            told = self.watch.tick(now_ms, self.ring, waiters, self.agents.by_source())
        if not self.plan.rules or not (changed or not self.alert_book.is_idle):
            return told
        counts = {
            window: self.table.roll_up(self.ring.sums[window]) for window in self.alert_book.windows
        }
        return told + self.alert_book.evaluate(counts, now_ms)

    def next_tick_ms(self) -> int:
        """The next instant at which `on_tick` can change anything if no event comes.

        Ticks in between are allowed and change nothing.
        """
        closed_s = self.ring.closed_s
        if closed_s < 0:
            return 0
        if not self.alert_book.is_idle or self.ring.opened:
            return (closed_s + 1) * SECOND_MS
        changes_s = self.ring.next_change_s()
        found = [] if changes_s is None else [changes_s * SECOND_MS]
        others = [self.tracker.register.next_due_ms(), self.intervals.next_close_ms()]
        if self.watch is not None:
            others.append(self.watch.next_due_ms(closed_s * SECOND_MS))
        found += [-(-due_ms // SECOND_MS) * SECOND_MS for due_ms in others if due_ms is not None]
        return max((closed_s + 1) * SECOND_MS, min(found, default=2**62))

    def advance(self, until_ms: int) -> Iterator[tuple[int, list[Alert]]]:
        """Do every tick that can change anything, up to the whole second of `until_ms`.

        Yields:
            The instant of each tick and the alerts whose state it has changed; the caller may do
            other work in between, but must not apply events that were received later.
        """
        last_ms = until_ms // SECOND_MS * SECOND_MS
        if self.ring.closed_s >= 0:
            while (tick_ms := self.next_tick_ms()) < last_ms:
                yield tick_ms, self.on_tick(tick_ms)
        if self.ring.closed_s * SECOND_MS < last_ms:
            yield last_ms, self.on_tick(last_ms)

    def admit(self, queue: str) -> int:
        """Direct row of a queue, which a pattern may admit now; `unconfigured` if nothing does."""
        row = self.table.queue_row(queue)
        if self.table.direct_count > self._rows_seen:
            self._grow()
        return row

    def refresh(self) -> None:
        """Have rows that were added judged and bundled, before they are read the first time."""
        if self._is_stale:
            self._is_stale = False
            self.judge.refresh()
            self.alert_book.refresh()
            if self.ring.bundled is not None:
                self.ring.bundled.follow(self.table.hierarchy())

    def happenings(self) -> list[Happening]:
        """What has happened to outages since the last call."""
        return [] if self.watch is None else self.watch.notices.take()

    # -- outputs ------------------------------------------------------------------------------

    def alerts(self) -> tuple[Alert, ...]:
        """All that are pending, firing or lately resolved: of outages first, then of the rules."""
        at_ms = self.ring.closed_s * SECOND_MS
        notices = [] if self.watch is None else self.watch.notices.alerts(at_ms)
        return (*notices, *self.alert_book.alerts())

    def snapshot(self) -> Snapshot:
        """The frozen view of the last tick, in one go."""
        steps = self.snapshot_steps()
        try:
            while True:
                next(steps)
        except StopIteration as done:
            snapshot: Snapshot = done.value
            return snapshot

    def snapshot_steps(self) -> Generator[None, None, Snapshot]:
        """The frozen view of the last tick, in steps.

        Between two steps events may be applied, but no tick; so a caller with a loop to serve can
        give way in between. The generator returns the `Snapshot`.
        """
        at_ms = self.ring.closed_s * SECOND_MS
        self.refresh()
        # Totals never go down, although a `late` that is disproved is taken back: a counter that
        # goes down reads as a restart in Prometheus; one that waits until it is overtaken is right
        # again as soon as that many more calls were late.
        self.shown_lifetime = np.maximum(self.shown_lifetime, self.ring.lifetime)
        waiters = self._waiters
        if waiters is None or waiters.at_ms != at_ms:
            waiters = self.waiting.waiters(self.table.hierarchy(), at_ms)
        figures = yield from figures_steps(
            self.table,
            self.judge,
            self.ring,
            waiters,
            self.shown_lifetime,
            len(self.plan.windows_ms),
        )
        watch = watch_view.view(self.watch, at_ms, len(figures["scopes"]))
        if watch is not None:
            obscure(figures["verdicts"], watch)
        return Snapshot(
            at_ms=at_ms,
            organization=self.plan.organization,
            windows_ms=self.plan.windows_ms,
            **figures,
            alerts=self.alerts(),
            discards=dict(self.discards + Counter(beyond_windows=self.ring.beyond)),
            sources=tuple(state.view(name) for name, state in self.sources.items()),
            agents=self.agents.counts(),
            outages=() if self.watch is None else self.watch.outages(),
            open_calls=self.tracker.register.open_count,
            ended_calls=self.tracker.register.ended_count,
            watch=watch,
        )

    # -- parts --------------------------------------------------------------------------------

    def _heard(self, name: str, now_ms: int) -> SourceState | None:
        """The state of a source that speaks; None, and counted, for one that is not configured."""
        state = self.sources.get(name)
        if state is None and self.plan.sources:
            self.discards["unknown_source"] += 1
        elif state is None and len(self.sources) >= _SOURCES_KEPT:
            self.discards["too_many_sources"] += 1
        elif state is None:
            state = self.sources[name] = SourceState()
        if state is not None and self.watch is not None:
            self.watch.sight.hear(name, now_ms)
        return state

    def _link(self, given: LinkChanged) -> None:
        state = self.sources.get(given.source)
        if state is not None:
            state.is_linked = given.is_linked
            self.tracker.register.unlinked = unlinked(self.sources)

    def _is_ahead(self, at_ms: int, now_ms: int) -> bool:
        """Whether an instant out of bounds is of a clock that is ahead; counted either way."""
        is_ahead = now_ms < at_ms <= now_ms + _DAY_MS
        self.discards["skewed" if is_ahead else "bad_time"] += 1
        return is_ahead

    def _find_place(self, source: str, queue: str, site: str | None) -> Place:
        name = self.plan.aliases.get(source, {}).get(queue, queue)
        row = self.admit(name)
        site_row = UNKNOWN if site is None else self.table.site_row(site)
        if self.watch is not None:
            self.watch.sight.feed(row, source)
        place = (row, site_row, self.table.thresholds_ms[row], queue)
        places = self._places.setdefault(source, {})
        if len(places) < _PLACES_KEPT:
            places[queue if site is None else (queue, site)] = place
        return place

    def _grow(self) -> None:
        """Make room for a row that was added, with spare: patterns admit one after another."""
        self._rows_seen = rows = self.table.direct_count
        room = self.ring.lifetime.shape[0]
        if rows > room:
            self.ring.grow(2 * rows)
            self.shown_lifetime = np.pad(self.shown_lifetime, ((0, 2 * rows - room), (0, 0)))
        self.waiting.grow(rows)
        self._is_stale = True

    def _without_queue(
        self, kind: int, event: Event, calls: SourceCalls, at_ms: int, now_ms: int
    ) -> None:
        if event.type in (types.CALL_QUEUED, types.CALL_ANSWERED):
            self.discards["no_queue"] += 1
        else:
            self.tracker.end_without_queue(kind, event, calls, at_ms, now_ms)

    def _other(self, event: Event, at_ms: int, now_ms: int, accepted: int) -> None:
        """Everything that is not about a call. `accepted`: of its source, not added yet."""
        kind = event.type
        if kind == types.AGENT_STATE:
            self.agents.apply(event)
        elif kind == types.SOURCE_RESET:
            self.tracker.reset(event.source, at_ms, now_ms)
            self.agents.reset(event.source)
            source = self.sources[event.source]
            source.last_seq = source.sent.told = UNKNOWN
        elif kind == types.QUEUE_SNAPSHOT:
            if event.depth == 0 and event.queue is not None:
                place = self._find_place(event.source, event.queue, None)
                self.tracker.empty_queue(event.source, place[0], event.at_ms, now_ms)
        elif kind == types.HEARTBEAT:
            source = self.sources[event.source]
            source.beat(event.events_total, accepted)
            if self.watch is not None:
                self.watch.sight.beat(event.source, now_ms, is_starved=source.sent.is_starved)
        elif kind not in _IGNORED:
            self.discards["unknown_type"] += 1
