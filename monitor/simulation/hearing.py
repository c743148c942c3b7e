"""From what happens to what is received, when sources are not heard all the time.

Pure: no I/O, no clock.
"""

from collections.abc import Iterable, Iterator

from monitor.core.events import Event
from monitor.simulation.happenings import NEVER
from monitor.simulation.truth import BlindSpan

Delivery = tuple[int, Event]


class Hearing:
    """What is heard of sources.

    Args:
        blind: When they are not heard; where spans of a source overlap, the one that begins first
            decides.
    """

    def __init__(self, blind: Iterable[BlindSpan]) -> None:
        self._blind: dict[str, list[BlindSpan]] = {}
        for span in sorted(blind, key=lambda one: one.from_ms):
            self._blind.setdefault(span.source, []).append(span)

    def received_ms(self, event: Event) -> int | None:
        """When an event is received, UTC epoch ms; None when it never is."""
        at_ms = event.at_ms
        for span in self._blind.get(event.source, ()):
            if span.from_ms <= at_ms < span.until_ms:
                return None if span.events == NEVER else span.until_ms
        return at_ms

    def deliver(self, batches: Iterable[list[Event]]) -> Iterator[Delivery]:
        """Yield what is received, in that order, with its instant.

        Args:
            batches: What happens, `at_ms` ascending.
        """
        if not self._blind:
            for batch in batches:
                for event in batch:
                    yield event.at_ms, event
            return
        # By the instant at which they are received.
        held: dict[int, list[Event]] = {}
        for batch in batches:
            for event in batch:
                received_ms = self.received_ms(event)
                if received_ms is None:
                    continue
                if received_ms > event.at_ms:
                    held.setdefault(received_ms, []).append(event)
                    continue
                if held:
                    yield from _released(held, received_ms)
                yield received_ms, event
        yield from _released(held, None)


def _released(held: dict[int, list[Event]], until_ms: int | None) -> Iterator[Delivery]:
    """Yield what was held back and is received up to an instant; all for None."""
    for due_ms in sorted(held):
        if until_ms is not None and due_ms > until_ms:
            return
        for event in held.pop(due_ms):
            yield due_ms, event
