"""Putting events in order within a bound.

Sources deliver out of order by seconds; a recorded day must give the same figures whatever order
its lines are in, so `replay` orders them before the engine sees them. The order is (instant, rank
of the type, position in the input): at one instant a call starts, queues, is answered, ends.

Invariant: every event that goes in comes out exactly once, late ones too. Pure: no I/O, no clock.
"""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Final, Self

from monitor.core.events import RANK, Event

# Types that are no step of a call come after the steps of the same instant.
_LAST_RANK: Final = max(RANK.values()) + 1
_NEVER_MS: Final = 2**63


class Sorter:
    """Holds events back until it is told that nothing earlier is to come.

    Attributes:
        late: How many events were added behind one that had already been released.
    """

    def __init__(self) -> None:
        self.late = 0
        self._heap: list[tuple[int, int, int, Event]] = []
        self._added = 0
        self._released = (-_NEVER_MS, 0, 0)

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, event: Event) -> None:
        """Take an event in."""
        key = (event.at_ms, RANK.get(event.type, _LAST_RANK), self._added)
        self._added += 1
        if key < self._released:
            self.late += 1
        heappush(self._heap, (*key, event))

    def release(self, before_ms: int = _NEVER_MS) -> Iterator[Event]:
        """Yield, in order, the events before `before_ms` (epoch ms); all of them by default."""
        heap = self._heap
        while heap and heap[0][0] < before_ms:
            at_ms, rank, position, event = heappop(heap)
            self._released = max(self._released, (at_ms, rank, position))
            yield event


class InOrder(Iterator[Event]):
    """Events in order; see `in_order`.

    Attributes:
        sorter: Its `late` counts the events that came too late to be put in their place.
    """

    def __init__(self, events: Iterable[Event], lateness_ms: int) -> None:
        assert lateness_ms >= 0
        self.sorter = Sorter()
        self._ordered = self._run(events, lateness_ms)

    @property
    def late(self) -> int:
        """Events so far that came later than the bound; they were yielded out of their order."""
        return self.sorter.late

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        return next(self._ordered)

    def _run(self, events: Iterable[Event], lateness_ms: int) -> Iterator[Event]:
        sorter = self.sorter
        newest_ms = -_NEVER_MS
        for event in events:
            sorter.add(event)
            newest_ms = max(newest_ms, event.at_ms)
            yield from sorter.release(newest_ms - lateness_ms)
        yield from sorter.release()


def in_order(events: Iterable[Event], lateness_ms: int) -> InOrder:
    """Put events in order as long as none is more than `lateness_ms` behind the newest seen.

    Args:
        events: In any order.
        lateness_ms: How long an event is held back for earlier ones; >= 0.

    Returns:
        An iterator of all the events, whose `late` counts those beyond the bound.
    """
    return InOrder(events, lateness_ms)
