"""What one source could not see or lost, as gaps for the ledger.

A period without a connection has two entries, one when it has lasted for a while and one when it
is over, so that a process that is killed in between leaves its beginning behind. A short one whose
session the broker kept has none: nothing was lost, and a network that flaps must not fill a ledger
that is never shortened. Counts of what was lost are gathered for the same reason.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass
from typing import Final

from monitor.core.ledger import LedgerEntry, LedgerKind

# Shorter than this nobody is blind: the windows are looked at every second, but the shortest is a
# minute long.
SHORT_MS: Final = 10_000


def gap(
    subject: str, why: str, from_ms: int, to_ms: int | None, **more: bool | int | str | None
) -> LedgerEntry:
    """The entry for a period in which nobody listened.

    Args:
        subject: Who did not.
        why: In a word.
        from_ms: Since when, epoch ms.
        to_ms: Until when, epoch ms; None while it lasts.
        more: What else is known.
    """
    end = "open" if to_ms is None else str(to_ms)
    return LedgerEntry(
        from_ms,
        LedgerKind.GAP,
        subject,
        f"gap/{subject}/{why}/{from_ms}/{end}",
        {"from_ms": from_ms, "to_ms": to_ms, "why": why, **more},
    )


@dataclass(frozen=True, slots=True)
class SourceReading:
    """What is known of a source at one instant.

    Attributes:
        connected: Whether it is connected.
        session_present: Whether the broker had kept our session at the latest connection; None
            before the first.
        adapter_up: Whether the source's own adapter says that it works.
        lost: Counts of events that never reached us, by why; they only grow, but begin anew with
            whoever counts them.
    """

    connected: bool
    session_present: bool | None
    adapter_up: bool
    lost: dict[str, int]


class SourceWatch:
    """Watches one source.

    Args:
        name: Of the source.
        now_ms: When the watch begins; the source is not connected then.
        heard_ms: When somebody listened to it last, before that; None when it is new.
        open_ms: Since when it had not been connected then, if it had not.
    """

    def __init__(self, name: str, now_ms: int, heard_ms: int | None, open_ms: int | None) -> None:
        self._subject = f"source/{name}"
        self._is_connected = False
        self._since_ms = now_ms if open_ms is None else open_ms
        self._heard_ms = heard_ms if open_ms is None else open_ms
        self._is_told = open_ms is not None
        self._adapter_since_ms: int | None = None
        self._counted: dict[str, int] = {}
        self._counted_ms: dict[str, int] = {}
        self._told_ms: dict[str, int] = {}

    def see(self, now_ms: int, sight: SourceReading) -> list[LedgerEntry]:
        """The gaps that have come to light by `now_ms` (epoch ms)."""
        found = self._connection(now_ms, sight)
        found += self._adapter(now_ms, is_up=sight.adapter_up)
        for why, count in sight.lost.items():
            found += self._lost(now_ms, why, count)
        return found

    def _connection(self, now_ms: int, sight: SourceReading) -> list[LedgerEntry]:
        if sight.connected == self._is_connected:
            if sight.connected or self._is_told or now_ms - self._since_ms < SHORT_MS:
                return []
            self._is_told = True
            return [gap(self._subject, "not_connected", self._since_ms, None)]
        self._is_connected = sight.connected
        if not sight.connected:
            self._since_ms = self._heard_ms = now_ms
            return []
        heard_ms, is_kept = self._heard_ms, sight.session_present is True
        was_told, self._is_told = self._is_told, False
        self._heard_ms = now_ms
        if heard_ms is not None and not is_kept:
            return [gap(self._subject, "session_lost", heard_ms, now_ms, kept_by_broker=False)]
        if was_told or now_ms - self._since_ms >= SHORT_MS:
            since_ms = self._since_ms
            return [gap(self._subject, "not_connected", since_ms, now_ms, kept_by_broker=is_kept)]
        return []

    def _adapter(self, now_ms: int, *, is_up: bool) -> list[LedgerEntry]:
        since_ms = self._adapter_since_ms
        if is_up == (since_ms is None):
            return []
        self._adapter_since_ms = None if is_up else now_ms
        begun_ms = now_ms if since_ms is None else since_ms
        return [gap(self._subject, "adapter_offline", begun_ms, now_ms if is_up else None)]

    def _lost(self, now_ms: int, why: str, count: int) -> list[LedgerEntry]:
        """What was lost since the count was last the same; its first reading is where it starts."""
        counted = self._counted.get(why)
        if counted is None or count == counted:
            self._counted[why], self._counted_ms[why] = count, now_ms
            return []
        if now_ms - self._told_ms.get(why, -SHORT_MS) < SHORT_MS:
            return []
        from_ms = self._counted_ms[why]
        self._counted[why], self._counted_ms[why], self._told_ms[why] = count, now_ms, now_ms
        lost = count - counted if count > counted else count
        return [gap(self._subject, why, from_ms, now_ms, count=lost)] if lost else []
