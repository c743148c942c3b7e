"""Inputs besides events, on their way into the journal and the engine.

They wait for the next commit like a batch of messages; who has handed one in may wait until it is
on the disk. The state of a link is handed in again and again, and enters when it has changed.
"""

import asyncio
from collections.abc import Mapping

from monitor.core.ledger import LedgerEntry, LedgerKind
from monitor.core.outages import inputs
from monitor.core.outages.inputs import Input, LinkChanged
from monitor.core.outages.outage import Happening
from monitor.recovery import INPUT
from monitor.store.records import JournalRecord

_KINDS = {
    "ladder": LedgerKind.LADDER,
    "opened": LedgerKind.OUTAGE,
    "restored": LedgerKind.OUTAGE,
    "missed": LedgerKind.OUTAGE,
    "declared": LedgerKind.ACTION,
    "noted": LedgerKind.ACTION,
    "forecast": LedgerKind.FORECAST,
}


class InputDesk:
    """Inputs that are not in the engine yet."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Input, asyncio.Future[None]]] = []
        self._committing: list[asyncio.Future[None]] = []
        self._connected: dict[str, bool] = {}
        self._linked: dict[str, bool] = {}

    def hand_in(self, one: Input) -> asyncio.Future[None]:
        """Have an input taken up; the future is done when it is on the disk and in the engine."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, done))
        return done

    def connected(self, source: str, *, is_connected: bool) -> None:
        """Say whether our way to a source's broker stands."""
        self._connected[source] = is_connected

    def look(self, adapters: Mapping[str, bool]) -> bool:
        """Hand in the links that have changed; whether anything waits to be taken.

        Args:
            adapters: What the sources' own adapters last said of themselves.
        """
        for source, is_connected in self._connected.items():
            is_linked = is_connected and adapters.get(source, True)
            if self._linked.get(source) is not is_linked:
                self._linked[source] = is_linked
                self.hand_in(LinkChanged(source, is_linked))
        return bool(self._waiting)

    def forget_links(self) -> None:
        """Hand in every link again: the engine has been told that nobody listened."""
        self._linked.clear()

    def take(self, received_ms: int) -> tuple[list[Input], list[JournalRecord]]:
        """What waits, for the engine and for the journal."""
        taken, self._waiting = self._waiting, []
        self._committing += [done for _, done in taken]
        given = [one for one, _ in taken]
        records = [JournalRecord(received_ms, "", INPUT, 0, inputs.encode(one)) for one in given]
        return given, records

    def committed(self) -> None:
        """What was taken is on the disk."""
        for done in self._committing:
            if not done.done():
                done.set_result(None)
        self._committing.clear()


def entry_of(happening: Happening) -> LedgerEntry:
    """What the ledger keeps of a change of an outage."""
    return LedgerEntry(
        happening.at_ms,
        _KINDS.get(happening.kind, LedgerKind.TRANSITION),
        f"contract/{happening.contract}",
        happening.key,
        {"what": happening.kind, "outage": happening.outage, **happening.figures},
    )
