"""The oracle for intervals: what every quarter of an hour brought, by the arrival of the calls.

It shares the facts of calls with `event_recount` and nothing with `monitor`. Definitions:

- An interval is known by its beginning, a multiple of 900 s. A visit arrives when it entered its
  queue; a call arrives when it was made.
- `calls_made` and `offered` count at the arrival, whatever becomes of the call.
- A visit that has ended counts all else in the interval of its arrival; one that has not, nothing.
- A call that ended outside any queue counts that end in the interval of its own arrival.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from event_recount import EventLike, EventRecount

INTERVAL_MS: Final = 900_000
FOREVER_MS: Final = 2**60

Figures = Counter[tuple[int, str]]
"""Counts by beginning of the interval and name; what is zero is left out."""


class IntervalRecount(EventRecount):
    """The intervals of a made-up history; see `EventRecount` for the arguments."""

    def __init__(
        self, events: Iterable[EventLike], *, groups: Mapping[str, Collection[str]] | None = None
    ) -> None:
        super().__init__(events, groups=groups)

    def intervals(self, scope: str) -> Figures:
        """All figures of a scope, when everything is known."""
        found: Figures = Counter()
        for call in self._known(FOREVER_MS):
            made_ms, first = call.made_ms, call.first_visit()
            if made_ms is not None and self._has(scope, first):
                found[_start(made_ms), "calls_made"] += 1
            if made_ms is not None and not call.visits and call.end is not None:
                for name, _, amount in self._end_marks(call.end):
                    found[_start(made_ms), name] += amount * self._has(scope, None)
            for visit in call.visits.values():
                if self._has(scope, visit):
                    for name, _, amount in self._visit_marks(visit):
                        if visit.end is not None or name == "offered":
                            found[_start(visit.entered_ms), name] += amount
        return Counter({key: count for key, count in found.items() if count})


def _start(at_ms: int) -> int:
    return at_ms // INTERVAL_MS * INTERVAL_MS
