"""What the daemon itself has to answer for, written into the ledger.

Its starts and stops, the configuration it went by, the time in which it was away and what its
sources could not see. What the engine finds (outages, their deadlines) is not from here.

A clock that is behind the ledger is refused: deadlines would be judged in a time that has been
already. The engine's clock then stands still at the ledger's newest instant until the wall has
caught up, so nothing is judged, and the daemon says that it is not ready. The tolerance is 2 s:
a clock that is disciplined moves by less when it is set while we are away, the engine's clock
makes up for that by waiting, and no deadline is counted in seconds.
"""

import asyncio
import logging
import os
import pwd
from collections.abc import Callable, Collection, Mapping
from itertools import takewhile
from typing import Final

from monitor import __version__
from monitor.clock import Clock
from monitor.core.ledger import LedgerEntry, LedgerKind, LedgerRow
from monitor.core.ledger_check import check
from monitor.core.snapshot import Snapshot
from monitor.core.source_watch import SourceReading, SourceWatch, gap
from monitor.sources.mqtt import SourceStatus
from monitor.store.errors import StoreError
from monitor.store.ledger_file import LedgerFile
from monitor.store.store import Store

_LOG = logging.getLogger(__name__)

BEHIND_TOLERATED_MS: Final = 2_000
_LOOK_EVERY_S: Final = 1.0
_DAEMON: Final = "daemon"
_CONFIGURATION: Final = "configuration"

Note = Callable[[LedgerEntry], None]


class LedgerKeeper:
    """Writes of one daemon's life.

    Args:
        store: Where the ledger is.
        clock: The engine's time; already where the state is that was restored.
        alive_ms: When the daemon before this one was last seen to live, as far as its state tells,
            epoch ms; None when it left none. The ledger may know of a later instant.

    Attributes:
        is_intact: Whether the ledger was as it was written when this daemon started; None while
            that is being checked, and when it cannot be read.
    """

    def __init__(self, store: Store, clock: Clock, alive_ms: int | None) -> None:
        self._store = store
        self._clock = clock
        last_ms = max(store.ledger_head.recorded_ms, alive_ms or 0)
        self._alive_ms = last_ms or None
        self._began_ms = clock.now_ms()
        self._has_ended = False
        self.is_intact: bool | None = None
        self._watches: dict[str, SourceWatch] = {}
        self._known_before: frozenset[str] = frozenset()
        self._adapters: Mapping[str, bool] = {}
        # What each source tells us that we lack, by source and why.
        self._missing: Mapping[str, dict[str, int]] = {}
        self._note: Note | None = None

    async def begin(self, config_hash: str, sources: Collection[str]) -> None:
        """Write down that the daemon starts, under which configuration, and what it has missed.

        On disk when this returns, so before anybody listens.

        Args:
            config_hash: Of the configuration.
            sources: Names of those in it.

        Raises:
            StoreError: The store cannot be read or has failed for good.
        """
        store, now_ms = self._store, self._began_ms
        before = store.last_entry(LedgerKind.CONFIG, _CONFIGURATION)
        said: Mapping[str, object] = {} if before is None else _content(before)
        names = said.get("sources")
        self._known_before = frozenset(names) if isinstance(names, list) else frozenset()
        entries = [_action("start", now_ms, config_hash=config_hash, version=__version__)]
        behind_ms = self._clock.behind_ms()
        if behind_ms > BEHIND_TOLERATED_MS:
            entries.append(self._behind(behind_ms))
        if self._alive_ms is not None:
            last = store.last_entry(LedgerKind.ACTION, _DAEMON)
            is_orderly = last is not None and _content(last).get("what") == "stop"
            entries.append(
                gap(_DAEMON, "daemon_down", self._alive_ms, now_ms, after_stop=is_orderly)
            )
        damaged = store.status.damaged_rows
        if damaged:
            entries.append(gap(_DAEMON, "journal_damaged", now_ms, now_ms, count=damaged))
        if said.get("new_hash") != config_hash:
            entries.append(_config(now_ms, said.get("new_hash"), config_hash, _user(), sources))
        await store.append([], entries=entries, recorded_ms=now_ms)

    def attach(self, note: Note, adapters: Mapping[str, bool]) -> None:
        """Go on while the daemon runs.

        Args:
            note: What takes entries from now on.
            adapters: What the sources' adapters last said of themselves; looked at again and
                again.
        """
        self._note, self._adapters = note, adapters

    def reloaded(self, old: str, new: str, who: str, sources: Collection[str]) -> None:
        """Note that another configuration is in force.

        Args:
            old: Hash of the one before.
            new: Hash of the one that is in force now.
            who: What made it be read.
            sources: Names of those in the new one.
        """
        if new != old:
            self._add(_config(self._clock.now_ms(), old, new, who, sources))

    def ended(self) -> None:
        """Note that the daemon ends in good order."""
        self._has_ended = True
        self._add(_action("stop", self._clock.now_ms()))

    def see(self, status: SourceStatus) -> None:
        """Note what a source has missed, if anything."""
        now_ms, name = self._clock.now_ms(), status.name
        watch = self._watches.get(name)
        if watch is None:
            watch = self._watches[name] = self._watch_for(name, now_ms)
        lost = {"inbox_full": status.inbox_discarded_total}
        if status.broker_discarded is not None:
            lost["broker_discarded"] = status.broker_discarded
        lost |= self._missing.get(name, {})
        is_up = self._adapters.get(name, True)
        sight = SourceReading(status.connected, status.session_present, is_up, lost)
        for entry in watch.see(now_ms, sight):
            self._add(entry)

    async def look(self, sights: Callable[[], tuple[Snapshot | None, list[SourceStatus]]]) -> None:
        """Check the ledger, then look at the sources every second until cancelled.

        The check takes some seconds for a million rows, in a thread, and holds nothing up.

        Args:
            sights: The newest snapshot and the status of each source that has a broker.
        """
        await asyncio.to_thread(self._check)
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            snapshot, statuses = sights()
            if snapshot is not None:
                self._missing = {
                    source.name: {
                        "sequence_gap": source.gaps_total,
                        "never_came": source.missing_total,
                    }
                    for source in snapshot.sources
                }
            for status in statuses:
                self.see(status)

    def unreadiness(self) -> list[str]:
        """Why nothing is judged now; nothing when all is well."""
        behind_ms = self._clock.behind_ms()
        if behind_ms <= BEHIND_TOLERATED_MS:
            return []
        return [_behind_told(behind_ms)]

    def _check(self) -> None:
        try:
            with LedgerFile(self._store.path) as file:
                rows = takewhile(lambda _: not self._has_ended, file.rows())
                bad = check(rows, file.head).bad
        except StoreError as fault:
            _LOG.error("the ledger cannot be checked: %s", fault)
            return
        if bad is not None and not self._has_ended:
            _LOG.error("ledger row %d is not as it was written: %s", bad.n, bad.flaw)
        self.is_intact = bad is None

    def _behind(self, behind_ms: int) -> LedgerEntry:
        reached_ms = self._began_ms
        _LOG.error("%s", _behind_told(behind_ms))
        clock_ms = reached_ms - behind_ms
        return LedgerEntry(
            reached_ms,
            LedgerKind.CLOCK,
            _DAEMON,
            f"clock/behind/{reached_ms}/{clock_ms}",
            {"what": "behind_ledger", "ledger_ms": reached_ms, "clock_ms": clock_ms},
        )

    def _watch_for(self, name: str, now_ms: int) -> SourceWatch:
        """A watch that goes on where the daemon before this one was killed."""
        heard_ms = self._alive_ms if name in self._known_before else None
        last = (
            None if heard_ms is None else self._store.last_entry(LedgerKind.GAP, f"source/{name}")
        )
        said = {} if last is None else _content(last)
        is_open = said.get("why") == "not_connected" and said.get("to_ms") is None
        from_ms = said.get("from_ms")
        open_ms = from_ms if is_open and isinstance(from_ms, int) else None
        return SourceWatch(name, now_ms, heard_ms, open_ms)

    def _add(self, entry: LedgerEntry) -> None:
        assert self._note is not None
        self._note(entry)


def _behind_told(behind_ms: int) -> str:
    return (
        f"the clock is {behind_ms // 1_000} s behind the ledger: no deadline is judged until it has"
        " caught up; set the clock of this machine"
    )


def _action(what: str, now_ms: int, **more: str) -> LedgerEntry:
    body = {"what": what, "who": _user(), "why": None, **more}
    return LedgerEntry(now_ms, LedgerKind.ACTION, _DAEMON, f"{_DAEMON}/{what}/{now_ms}", body)


def _config(now_ms: int, old: object, new: str, who: str, sources: Collection[str]) -> LedgerEntry:
    return LedgerEntry(
        now_ms,
        LedgerKind.CONFIG,
        _CONFIGURATION,
        f"config/{now_ms}/{new}",
        {
            "old_hash": None if old is None else str(old),
            "new_hash": new,
            "who": who,
            "sources": sorted(sources),
        },
    )


def _content(row: LedgerRow) -> dict[str, object]:
    """The body of a row that may be damaged."""
    try:
        content = row.content
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _user() -> str:
    """Under whose name this process runs."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
