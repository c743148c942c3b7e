"""How many calls are in conversation, of every watched scope.

They are what was answered and has not ended, by the counts since the beginning. Only queues count:
a call that ends in the IVR was never answered. A call whose end was never heard would seem to go on
until it is given up as too old; so after a time in which a scope was not seen, its conversations
are not known for as long as a call may be silent. A short interruption loses nothing.

Pure: no I/O, no clock.
"""

from typing import Final

import numpy as np

from monitor.core import fields
from monitor.core.bundles import BundledWindows
from monitor.core.outages.facts import UNANSWERED, BoolArray
from monitor.core.plan import MINUTE_MS
from monitor.core.snapshot import IntArray

_SHORT_MS: Final = MINUTE_MS
_UNKNOWN: Final = -1
_COLUMNS: Final = (fields.ANSWERED, fields.ENDED, *UNANSWERED)


class Talks:
    """The conversations.

    Args:
        call_age_ms: How long a call may be silent until it is given up.
        rows: Watched scopes.

    Attributes:
        unseen_ms: Shape (rows,), int64: since when a scope has not been seen; -1 while it is.
        known_ms: Shape (rows,), int64: from when on its conversations are known.
    """

    # What a restart must not lose.
    STATE: Final = ("unseen_ms", "known_ms")

    def __init__(self, call_age_ms: int, rows: int) -> None:
        self._call_age_ms = call_age_ms
        self.unseen_ms: IntArray = np.full(rows, _UNKNOWN, dtype=np.int64)
        self.known_ms: IntArray = np.full(rows, _UNKNOWN, dtype=np.int64)

    def count(self, at_ms: int, bundled: BundledWindows, is_seen: BoolArray) -> IntArray:
        """Take up one second.

        Args:
            at_ms: The second.
            bundled: Counts of the queues.
            is_seen: Shape (rows,), bool.

        Returns:
            Shape (rows,), int64: conversations; -1 where they are not known.
        """
        begins = ~is_seen & (self.unseen_ms < 0)
        self.unseen_ms[begins] = at_ms
        lost = ~is_seen & (at_ms - self.unseen_ms >= _SHORT_MS)
        self.known_ms[lost] = at_ms + self._call_age_ms
        self.unseen_ms[is_seen] = _UNKNOWN
        counts = bundled.lifetime[:, _COLUMNS]
        talking = counts[:, 0] - counts[:, 1] + counts[:, 2:].sum(axis=1)
        talking[~bundled.bundles.is_queue] = 0
        found = np.maximum(bundled.bundles.roll_up(talking[:, None])[:, 0], 0)
        return np.where(at_ms >= self.known_ms, found, _UNKNOWN)
