"""What the engine keeps of one source.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping

from msgspec import Struct

from monitor.core.calls import UNKNOWN
from monitor.core.snapshot import SourceView


class SourceState(Struct):
    """What is kept of one source.

    Attributes:
        events_total: Events accepted.
        last_event_ms: `at_ms` of the newest event; -1 before the first.
        last_seq: Highest sequence number; -1 before the first.
        gaps_total: Sequence numbers that never came.
        is_linked: Whether the way to it stands, as far as anybody has said.
    """

    events_total: int = 0
    last_event_ms: int = UNKNOWN
    last_seq: int = UNKNOWN
    gaps_total: int = 0
    is_linked: bool = True

    def add(self, accepted: int, newest_ms: int) -> None:
        """Count accepted events, of which the newest happened at `newest_ms`."""
        self.events_total += accepted
        self.last_event_ms = max(self.last_event_ms, newest_ms)

    def view(self, name: str) -> SourceView:
        """The frozen view of the source with this name."""
        last_ms = None if self.last_event_ms == UNKNOWN else self.last_event_ms
        return SourceView(name, last_ms, self.events_total, self.gaps_total)


def unlinked(sources: Mapping[str, SourceState]) -> set[str]:
    """Names of the sources to which no way stands."""
    return {name for name, state in sources.items() if not state.is_linked}
