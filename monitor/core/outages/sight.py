"""Whom we can hear: whether silence is theirs or ours.

A source is *seen* while its link stands and, if it is one that sends heartbeats, while they come,
and not they alone although it has sent more.
It is *beating* when it does send them: then silence between them is the call center's, not ours. A
source that never sent any is believed as long as something comes, but its silence proves nothing.

What nobody has told us since the last start is not seen: after a stop a source has to be heard
again before it is believed.

Pure: no I/O, no clock.
"""

from msgspec import Struct

NEVER = -1


class SourceSight(Struct):
    """What is known of one source.

    Attributes:
        is_linked: Whether the way to it stands.
        heard_ms: When anything last came from it; NEVER before the first.
        beat_ms: When its last heartbeat came; NEVER for a source that sends none.
        is_starved: Whether its heartbeats are all that comes of what it sends.
    """

    is_linked: bool = False
    heard_ms: int = NEVER
    beat_ms: int = NEVER
    is_starved: bool = False

    def is_seen(self, at_ms: int, within_ms: int) -> bool:
        """Whether it can be heard. `within_ms`: a beating source is heard at least this often."""
        if not self.is_linked or self.is_starved:
            return False
        return self.beat_ms == NEVER or at_ms - self.heard_ms <= within_ms

    def is_beating(self, at_ms: int, within_ms: int) -> bool:
        """Whether it says that it lives when it has nothing else to say."""
        return self.is_seen(at_ms, within_ms) and self.beat_ms != NEVER


class Sight:
    """All sources, and which of them each direct row is fed by.

    Args:
        within_ms: A beating source that is silent for longer is not seen.

    Attributes:
        sources: By name.
        feeds: Names of the sources that were ever heard of a direct row, by row.
        feeds_total: How many there are, all together.
    """

    def __init__(self, within_ms: int) -> None:
        self._within_ms = within_ms
        self.sources: dict[str, SourceSight] = {}
        self.feeds: dict[int, set[str]] = {}
        self.feeds_total = 0

    def source(self, name: str) -> SourceSight:
        """The source, known from now on."""
        found = self.sources.get(name)
        if found is None:
            found = self.sources[name] = SourceSight()
        return found

    def hear(self, name: str, at_ms: int) -> None:
        """Something came from a source, so the way to it stands."""
        source = self.source(name)
        source.is_linked, source.heard_ms = True, at_ms

    def beat(self, name: str, at_ms: int, *, is_starved: bool) -> None:
        """A heartbeat came from a source. `is_starved`: see `SentCheck`."""
        source = self.source(name)
        source.beat_ms, source.is_starved = at_ms, is_starved

    def link(self, name: str, at_ms: int, *, is_linked: bool) -> None:
        """The way to a source stands, or does not."""
        source = self.source(name)
        if is_linked and not source.is_linked:
            source.heard_ms = at_ms  # it has the usual time for its next heartbeat
        source.is_linked = is_linked

    def lose_all(self) -> None:
        """Nobody was listening: every source has to be heard again."""
        for source in self.sources.values():
            source.is_linked = False

    def feed(self, row: int, name: str) -> None:
        """A source speaks of a direct row."""
        names = self.feeds.setdefault(row, set())
        self.feeds_total += name not in names
        names.add(name)

    def unseen(self, at_ms: int) -> frozenset[str]:
        """Names of the sources that cannot be heard."""
        return frozenset(
            name
            for name, source in self.sources.items()
            if not source.is_seen(at_ms, self._within_ms)
        )

    def unbeating(self, at_ms: int) -> frozenset[str]:
        """Names of the sources whose silence proves nothing."""
        return frozenset(
            name
            for name, source in self.sources.items()
            if not source.is_beating(at_ms, self._within_ms)
        )
