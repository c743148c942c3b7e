"""Whether everything that a source says it has sent has come: an end-to-end check for loss.

A heartbeat may say how many events, heartbeats left out, its source has sent so far. We count those
that come. What is under way makes the difference larger for a moment, and what a broker delivers
twice makes it smaller, so what is told as missing is the least that it was at the last few
heartbeats: at least so many did not come. A source that begins to count anew is compared anew.

If events were sent between several heartbeats and none came while the heartbeats did, then
something on our side takes heartbeats only (a topic that may not be read, say): the source is
*starved*, and nothing that it is silent about means anything.

Pure: no I/O, no clock.
"""

from typing import Final

from msgspec import Struct, field

from monitor.core.calls import UNKNOWN

_BEATS: Final = 3


class SentCheck(Struct):
    """The check of one source.

    Attributes:
        told: What its last heartbeat said; UNKNOWN while none said anything.
        came: What had come then.
        offset: By how much the two differed at first.
        missing_then: Of the last heartbeats, how many were missing.
        starved: Heartbeats in a row that told of events of which none has come.
        missing_total: The most that was ever missing. It does not go down when they come later.
    """

    told: int = UNKNOWN
    came: int = 0
    offset: int = 0
    missing_then: list[int] = field(default_factory=list)
    starved: int = 0
    missing_total: int = 0

    def beat(self, told: int, came: int) -> None:
        """A heartbeat says that so many events were sent, and so many have come."""
        if self.told == UNKNOWN or told < self.told:
            self.offset, self.starved = told - came, 0
            self.missing_then.clear()
        else:
            if came > self.came:
                self.starved = 0
            elif told > self.told:
                self.starved += 1
            self.missing_then = [*self.missing_then, told - came - self.offset][-_BEATS:]
            self.missing_total = max(self.missing_total, self.missing)
        self.told, self.came = told, came

    @property
    def missing(self) -> int:
        """How many events at least have not come; 0 as well while that is not known."""
        return max(0, min(self.missing_then)) if len(self.missing_then) == _BEATS else 0

    @property
    def is_starved(self) -> bool:
        """Whether heartbeats are all that comes."""
        return self.starved >= _BEATS
