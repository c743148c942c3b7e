"""What the engine keeps of one source.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping

from msgspec import Struct, field

from monitor.core.calls import UNKNOWN
from monitor.core.sent_check import SentCheck
from monitor.core.snapshot import SourceView


class SourceState(Struct):
    """What is kept of one source.

    Attributes:
        events_total: Events accepted.
        heartbeats_total: Heartbeats among them.
        last_event_ms: `at_ms` of the newest event; -1 before the first.
        last_seq: Highest sequence number; -1 before the first.
        gaps_total: Sequence numbers that never came.
        is_linked: Whether the way to it stands, as far as anybody has said.
        sent: Whether all that it has sent has come.
    """

    events_total: int = 0
    last_event_ms: int = UNKNOWN
    last_seq: int = UNKNOWN
    gaps_total: int = 0
    is_linked: bool = True
    heartbeats_total: int = 0
    sent: SentCheck = field(default_factory=SentCheck)

    def add(self, accepted: int, newest_ms: int) -> None:
        """Count accepted events, of which the newest happened at `newest_ms`."""
        self.events_total += accepted
        self.last_event_ms = max(self.last_event_ms, newest_ms)

    def follow(self, seq: int) -> None:
        """An event has this sequence number; those that were skipped have not come."""
        if seq > self.last_seq:
            if self.last_seq != UNKNOWN:
                self.gaps_total += seq - self.last_seq - 1
            self.last_seq = seq

    def beat(self, told: int | None, accepted: int) -> None:
        """A heartbeat came.

        Args:
            told: How many events the source says it has sent; None when it does not say.
            accepted: Events accepted that were not added yet, the heartbeat included.
        """
        self.heartbeats_total += 1
        if told is not None:
            self.sent.beat(told, self.events_total + accepted - self.heartbeats_total)

    def view(self, name: str) -> SourceView:
        """The frozen view of the source with this name."""
        last_ms = None if self.last_event_ms == UNKNOWN else self.last_event_ms
        return SourceView(
            name,
            last_ms,
            self.events_total,
            self.gaps_total,
            self.sent.missing,
            self.sent.missing_total,
        )


def unlinked(sources: Mapping[str, SourceState]) -> set[str]:
    """Names of the sources to which no way stands."""
    return {name for name, state in sources.items() if not state.is_linked}
