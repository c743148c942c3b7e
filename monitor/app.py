"""The daemon: builds every part from the configuration, starts, reloads and stops them.

The only place that knows every part. Start and stop are one straight line each; a reload does all
that can fail first and then swaps, so that a bad file changes nothing but a metric.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from monitor import __version__
from monitor.assembly import Assembly, agent_key, assemble, web_settings
from monitor.changed import Changed
from monitor.clock import Clock
from monitor.clock_watch import ClockWatch
from monitor.config.faults import ConfigError
from monitor.config.load import line_of, load
from monitor.config.model import Config
from monitor.config.secrets_file import SecretError
from monitor.core.daemon import DaemonView
from monitor.core.engine import Engine
from monitor.core.live_calls import LiveCall, waiting_calls
from monitor.core.outages.inputs import Input
from monitor.core.plan import SECOND_MS
from monitor.core.snapshot import Alert, Snapshot, Verdict
from monitor.formats.pseudonyms import Pseudonyms
from monitor.garbage import calm_collector
from monitor.ledger_keeper import LedgerKeeper
from monitor.period_reader import PeriodReader
from monitor.rebuilding import LeftOpenError, left_open, no_longer_watched, rebuilt
from monitor.recovery import recover
from monitor.runner import Runner
from monitor.sinks.delivery import tally
from monitor.sinks.prometheus import Exposition
from monitor.sources.inbox import Inbox
from monitor.sources.mqtt import MqttSource, SourceStatus
from monitor.sources.push import PushIntake
from monitor.status_log import StatusLog
from monitor.store.store import Store
from monitor.web.calls import CallsPage
from monitor.web.ledger import LedgerPage
from monitor.web.outages_actions import Hands, OutageActions
from monitor.web.periods import PeriodsPage
from monitor.web.server import WebServer

_LOG = logging.getLogger(__name__)


class App:
    """One daemon.

    Args:
        config_path: The configuration file; read again by `reload`.
        clock: The engine's time.
    """

    def __init__(self, config_path: Path, clock: Clock) -> None:
        self._config_path = config_path
        self._clock = clock
        self._stop = asyncio.Event()
        self._started_ms = self._reloaded_ms = clock.wall_now_ms()
        self._reload_ok = True
        self._reloading = asyncio.Lock()
        self._sources: dict[str, MqttSource] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._key = b""
        self._is_started = False
        self._group: asyncio.TaskGroup
        self._assembly: Assembly
        self._runner: Runner
        self._clock_watch: ClockWatch
        self._store: Store
        self._keeper: LedgerKeeper
        self._web: WebServer
        self._inbox = Inbox()
        self._intake = PushIntake(self._inbox, self._closed_to_events)

    # -- life ---------------------------------------------------------------------------------

    async def run(self, started: Callable[[str], None] | None = None) -> None:
        """Run until `stop`.

        Args:
            started: Called once with the address of the page.

        Raises:
            ConfigError: The configuration is faulty.
            SecretError: A secret or certificate cannot be used.
            StoreError: The store cannot be opened, or has failed for good.
            TakenOverError: Another instance uses our client id.
            OSError: The address cannot be listened on.
        """
        config = load(self._config_path)
        async with AsyncExitStack() as stack:
            self._store = await stack.enter_async_context(Store.open(config.store.path))
            if self._store.set_aside is not None:
                _LOG.error("the store was damaged and is now %s", self._store.set_aside)
            self._key = agent_key(config.store.path)
            self._web = WebServer(
                web_settings(config),
                self,
                render=Exposition().render_slices,
                verdicts_of=self._verdicts_of,
                readiness=self.unreadiness,
                reload=lambda user: self.reload(user or "http"),
                extra_routes=(
                    CallsPage(self._waiting_calls, self._clock.now_ms, Pseudonyms(self._key)).route,
                    LedgerPage(lambda: self._store.ledger_head).route,
                    PeriodsPage(
                        PeriodReader(self._store, lambda: self._runner).read,
                    ).route,
                ),
                guarded_routes=(self._intake.route,),
                signed_routes=(OutageActions(self._hands()).route,),
            )
            self._assembly = self._assemble(config, config)
            self._intake.configure(self._assembly.pushes)
            self._clock.not_before(self._store.ledger_head.recorded_ms)
            recovered = await recover(self._assembly.plan, self._store, self._clock.now_ms())
            self._clock.not_before(max(0, recovered.engine.ring.closed_s * SECOND_MS))
            for fault in left_open(recovered.engine, self._assembly.plan):
                _LOG.warning("%s; until then its clock goes on", fault)
            self._clock_watch = ClockWatch(self._clock, config.organization, recovered.clock_alert)
            self._runner = Runner(
                recovered,
                inbox=self._inbox,
                store=self._store,
                decoders=self._assembly.decoders,
                clock=self._clock,
                clock_watch=self._clock_watch,
                keeping=self._assembly.keeping,
                config_hash=self._assembly.config_hash,
                publish=self._publish,
            )
            self._keeper = LedgerKeeper(self._store, self._clock, recovered.alive_ms)
            await self._keeper.begin(self._assembly.config_hash, self._assembly.settings)
            self._keeper.attach(self._runner.note, self._runner.adapters)
            calm_collector()
            await self._web.start()
            stack.push_async_callback(self._web.stop)
            self._is_started = True
            if started is not None:
                started(self._web.url)
            await self._serve()

    def stop(self) -> None:
        """End `run` in good order: commit, acknowledge, save, disconnect."""
        self._stop.set()

    async def _serve(self) -> None:
        try:
            async with asyncio.TaskGroup() as self._group:
                running = self._group.create_task(self._runner.run(), name="runner")
                looking = self._group.create_task(self._keeper.look(self._sights), name="ledger")
                self._start_sinks()
                self._start_sources()
                await self._stop.wait()
                for task in (running, looking, *self._tasks.values()):
                    task.cancel()
        except* asyncio.CancelledError:
            raise
        except* Exception as group:  # noqa: BLE001 (raised again)
            # One part has failed for good; the others were cancelled. Say the cause alone.
            raise _first(group) from None
        finally:
            self._keeper.ended()
            await self._runner.stop()
            self._intake.close()

    # -- reload -------------------------------------------------------------------------------

    async def reload(self, who: str = "sighup") -> Sequence[str]:
        """Read the configuration again and go on with it, or change nothing.

        Args:
            who: What asks for it, for the ledger.

        Returns:
            What is wrong with it; nothing when it is in force.
        """
        async with self._reloading:
            faults = await self._reload(who)
        self._reload_ok = not faults
        if faults:
            _LOG.error("the configuration was not reloaded, the old one stays in force")
            for fault in faults:
                _LOG.error("%s", fault)
        else:
            self._reloaded_ms = self._clock.wall_now_ms()
            _LOG.info("the configuration was reloaded")
        return faults

    async def _reload(self, who: str) -> Sequence[str]:
        before = self._assembly
        try:
            config = await asyncio.to_thread(load, self._config_path)
            for name in ("store.path", "http"):
                if _at(before.config, name) != _at(config, name):
                    _LOG.warning("%s has changed: that takes effect at the next start", name)
            assembly = self._assemble(config, before.config)
            identity = await self._web.read_identity()
        except ConfigError as error:
            return [str(fault) for fault in error.faults]
        except (SecretError, ssl.SSLError) as error:
            return [f"{self._config_path}: {error}"]
        ended: list[Alert] = []

        def make(engine: Engine) -> Changed:
            changed = rebuilt(engine, assembly.plan)
            ended.extend(no_longer_watched(engine, changed))
            at_ms = changed.ring.closed_s * SECOND_MS
            return Changed(
                changed,
                assembly.decoders,
                assembly.config_hash,
                assembly.keeping,
                [(at_ms, alert) for alert in ended],
            )

        try:
            await self._runner.change(make)
        except LeftOpenError as error:
            line = await asyncio.to_thread(line_of, self._config_path, ("contracts",))
            return [f"{self._config_path}:{line}: {one}" for one in error.faults]
        self._assembly = assembly
        old, new = before.config_hash, assembly.config_hash
        self._keeper.reloaded(old, new, who, assembly.settings)
        self._web.assume(identity)
        self._intake.configure(assembly.pushes)
        await self._swap_tasks(before)
        for sink in assembly.sinks:
            sink.publish((*self._runner.engine.alerts(), *ended))
        return ()

    def _assemble(self, config: Config, served: Config) -> Assembly:
        """What follows from `config`, with the page where `served` says."""
        scheme = "http" if served.http.cert_file is None else "https"
        return assemble(
            config,
            agent_key=self._key,
            store=self._store,
            clock=self._clock,
            url=f"{scheme}://{served.http.listen}",
        )

    async def _swap_tasks(self, before: Assembly) -> None:
        """Restart the sources whose settings have changed, and all sinks."""
        kept = {
            f"source {name}"
            for name, settings in self._assembly.settings.items()
            if before.settings.get(name) == settings
        }
        ending = [task for name, task in self._tasks.items() if name not in kept]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._tasks = {name: task for name, task in self._tasks.items() if name in kept}
        self._sources = {
            name: source for name, source in self._sources.items() if f"source {name}" in kept
        }
        self._start_sinks()
        self._start_sources()

    def _start_sources(self) -> None:
        for name, settings in self._assembly.settings.items():
            task_name = f"source {name}"
            if task_name not in self._tasks:
                source = MqttSource(name, settings, self._inbox, StatusLog(self._see))
                self._sources[name] = source
                self._tasks[task_name] = self._group.create_task(source.run(), name=task_name)

    def _see(self, status: SourceStatus) -> None:
        self._keeper.see(status)
        self._runner.inputs.connected(status.name, is_connected=status.connected)

    def _sights(self) -> tuple[Snapshot | None, list[SourceStatus]]:
        return self.snapshot, [source.status for source in self._sources.values()]

    def _start_sinks(self) -> None:
        for sink in self._assembly.sinks:
            name = f"channel {sink.name}"
            self._tasks[name] = self._group.create_task(sink.run(), name=name)

    def _publish(self, alerts: tuple[Alert, ...]) -> None:
        for sink in self._assembly.sinks:
            sink.publish(alerts)

    # -- the board that the web server reads -----------------------------------------------------

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest snapshot; None before the first."""
        return self._runner.snapshot

    @property
    def daemon(self) -> DaemonView:
        """The daemon's own figures now."""
        runner, store = self._runner, self._store.status
        statuses = {name: source.status for name, source in self._sources.items()}
        told = {sink.name: sink.statuses for sink in self._assembly.sinks}
        return DaemonView(
            version=__version__,
            started_ms=self._started_ms,
            sources_up={
                name: status.connected and runner.adapters.get(name, True)
                for name, status in statuses.items()
            }
            # There is no connection to have: who wants to send can, as long as this is read.
            | dict.fromkeys(self._intake.names, True),
            messages={name: runner.messages[name] for name in (*statuses, *self._intake.names)},
            quarantined=dict(runner.quarantined + self._intake.refused),
            connects={name: status.connects_total for name, status in statuses.items()},
            sessions_forgotten={
                name: status.sessions_lost_total for name, status in statuses.items()
            },
            takeovers={name: status.takeovers_total for name, status in statuses.items()},
            broker_discarded={
                name: status.broker_discarded
                for name, status in statuses.items()
                if status.broker_discarded is not None
            },
            inbox_discarded={
                name: status.inbox_discarded_total for name, status in statuses.items()
            },
            journal_commits=store.commits_total,
            journal_rows=store.rows_total,
            journal_commit_s=None if store.last_commit_ms is None else store.last_commit_ms / 1000,
            damaged_rows=store.damaged_rows,
            damaged_checkpoints=store.damaged_checkpoints,
            ledger_head=self._store.ledger_head,
            ledger_intact=self._keeper.is_intact,
            ledger_conflicts=self._store.ledger_conflicts,
            clock_behind_ledger=bool(self._keeper.unreadiness()),
            clock_jumps=self._clock_watch.jumps,
            clock_off_s=self._clock_watch.off_ms / 1000,
            reload_ok=self._reload_ok,
            reloaded_ms=self._reloaded_ms,
            tick_s=runner.tick_s,
            loop_lag_s=runner.loop_lag_s,
            deliveries=tally(told),
            deliveries_discarded={
                name: sum(status.discarded_total for status in statuses)
                for name, statuses in told.items()
            },
        )

    def unreadiness(self) -> list[str]:
        """Why the daemon is not ready; nothing when it is."""
        if not self._is_started:
            return ["starting"]
        reasons = [] if self._runner.snapshot is not None else ["no tick yet"]
        reasons += self._keeper.unreadiness()
        if self._store.status.failing:
            reasons.append(f"the store cannot be written: {self._store.status.last_error}")
        for name, source in self._sources.items():
            if not source.status.connected:
                why = source.status.last_error or "connecting"
                reasons.append(f"source {name} is not connected: {why}")
        return reasons

    def _closed_to_events(self) -> str | None:
        """Why no event can be taken now; None when it can."""
        if self._stop.is_set():
            return "the daemon ends"
        if not self._is_started:
            return "the daemon is starting"
        return "the store cannot be written" if self._store.status.failing else None

    def _hand_in(self, given: Input) -> Awaitable[None]:
        return self._runner.inputs.hand_in(given)

    def _hands(self) -> Hands:
        return Hands(
            book=lambda: None if (watch := self._runner.engine.watch) is None else watch.book,
            hand_in=self._hand_in,
            now_ms=self._clock.now_ms,
            unready=self._closed_to_events,
        )

    def _waiting_calls(self, scope: str, limit: int) -> list[LiveCall] | None:
        engine = self._runner.engine
        return waiting_calls(engine.table, engine.waiting, scope, limit)

    def _verdicts_of(self, snapshot: Snapshot, row: int) -> Sequence[Verdict]:
        return self._runner.engine.judge.explain(snapshot, row)


def _at(config: object, path: str) -> object:
    for name in path.split("."):
        config = getattr(config, name)
    return config


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
