"""The register of calls: who is in flight, who ended lately, and whom to look at when.

Views of the same calls: by source and id, to find them; the open ones in the order in which they
were first seen, which is the order in which most of them have to be looked at, and by the second
where that is not so; and the ended ones in the order in which they are forgotten. Whoever is looked
for in a line-up may have left it long ago: the reader passes over those, and a line-up of which
they are most is made anew, which is cheaper than to take out each call. All is bounded by the
plan's limits.

Pure: no I/O, no clock.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

from monitor.core.calls import UNKNOWN, Call
from monitor.core.plan import SECOND_MS, Limits

# A line-up is made anew when more than half of it, and more than these, have left it.
_PASSED_OVER: Final = 10_000
# Instead of the instant at which a call may be forgotten, once it is.
_FORGOTTEN: Final = -2


class SourceCalls(dict[str, Call]):
    """The calls of one source by id.

    Attributes:
        source: Its name.
    """

    __slots__ = ("source",)

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source


class CallRegister:
    """All calls that are held.

    Args:
        limits: Bounds.

    Attributes:
        open_count: Calls in flight.
        ended_count: Ended calls that are remembered.
        unlinked: Sources whose events cannot reach us now. When they can, those that we have not
            acknowledged come again, so their calls are not forgotten before.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._call_age_ms = limits.call_age_ms
        self._ended_for_ms = limits.ended_for_ms
        self._calls: dict[str, SourceCalls] = {}
        # Calls as first seen, and the second (epoch s) in which to look at each for the first time.
        self._first: deque[Call] = deque()
        self._first_due_s: deque[int] = deque()
        # Open calls that were looked at, or ended and began anew, by that second and by serial.
        self._due: dict[int, dict[int, Call]] = {}
        # Ended calls in the order in which they are forgotten, and when. Who began anew and ended
        # again is in here more than once; it counts where the instants agree.
        self._ended: deque[Call] = deque()
        self._forget_ms: deque[int] = deque()
        self._looked_s = UNKNOWN
        self._silent: list[tuple[int, int, Call]] = []  # who to give up next is last
        self._lined_up_ms = UNKNOWN
        self._serial = 0
        self.open_count = 0
        self.ended_count = 0
        self.unlinked: set[str] = set()

    def calls_of(self, source: str) -> SourceCalls:
        """The calls of a source by id."""
        found = self._calls.get(source)
        if found is None:
            found = self._calls[source] = SourceCalls(source)
        return found

    def add(self, calls: SourceCalls, call_id: str, now_ms: int) -> Call:
        """A call that is heard of for the first time.

        Args:
            calls: What `calls_of` gave for its source.
            call_id: Its id there, which `calls` lacks.
            now_ms: When it was heard of.
        """
        call = calls[call_id] = Call(calls.source, call_id, self._serial, now_ms)
        self._serial += 1
        self.open_count += 1
        self._first.append(call)
        self._first_due_s.append(-(-(now_ms + self._call_age_ms) // SECOND_MS))
        return call

    def close(self, call: Call, now_ms: int) -> None:
        """The call is over unless something still comes."""
        if call.forget_ms == UNKNOWN:
            self.open_count -= 1
            self.ended_count += 1
            if call.due_s != UNKNOWN:
                self._look_no_more(call)
        call.forget_ms = forget_ms = now_ms + self._ended_for_ms
        self._ended.append(call)
        self._forget_ms.append(forget_ms)

    def reopen(self, call: Call) -> None:
        """Something still came."""
        if call.forget_ms == UNKNOWN:
            return
        call.forget_ms = UNKNOWN
        if call.touched_ms == self._lined_up_ms:
            self._silent.clear()
        self.open_count += 1
        self.ended_count -= 1
        self._look_later(call)

    def excuse(self, gap_ms: int) -> None:
        """Leave time out of account in which nobody listened: no call was silent, none grew old.

        Without this a stop that is longer than calls are remembered would have everything that the
        broker delivers again counted again.
        """
        for call in self.calls():
            call.touched_ms += gap_ms
            if call.forget_ms != UNKNOWN:
                call.forget_ms += gap_ms
        self._forget_ms = deque(forget_ms + gap_ms for forget_ms in self._forget_ms)
        self._silent.clear()
        self._lined_up_ms = UNKNOWN

    def forget(self, now_ms: int) -> None:
        """Forget calls that ended long ago, and the oldest of too many."""
        ended, forget_ms = self._ended, self._forget_ms
        while ended:
            call = ended[0]
            if call.forget_ms == forget_ms[0]:
                are_too_many = self.ended_count > self._limits.ended_calls
                if call.forget_ms > now_ms and not are_too_many:
                    break
                if call.source in self.unlinked and not are_too_many:
                    self.close(call, now_ms)  # as if it had ended only now
                else:
                    self.ended_count -= 1
                    call.forget_ms = _FORGOTTEN
                    del self._calls[call.source][call.call_id]
            ended.popleft()
            forget_ms.popleft()
        if len(ended) > 2 * self.ended_count + _PASSED_OVER:
            remembered = self.remembered()
            self._ended = deque(remembered)
            self._forget_ms = deque(call.forget_ms for call in remembered)

    def silent_too_long(self, now_ms: int) -> list[Call]:
        """Open calls of which nothing was heard for too long, the longest silent first.

        The caller ends them. The order must not hang on when they were looked at, which a restart
        does not keep.
        """
        now_s = now_ms // SECOND_MS
        self._look_at_first(now_s)
        found: list[Call] = []
        for second in self._seconds_due(now_s):
            for call in self._due.pop(second).values():
                call.due_s = UNKNOWN
                if call.touched_ms + self._limits.call_age_ms <= now_ms:
                    found.append(call)
                else:
                    self._look_later(call)
        self._looked_s = now_s
        return sorted(found, key=_silence)

    def longest_silent(self, newcomer: Call, now_ms: int) -> Call | None:
        """The open call, but for `newcomer`, to be given up first; of two, the one seen first."""
        call = self._next_silent(now_ms)
        if call is None:
            self._line_up(newcomer, now_ms)
            call = self._next_silent(now_ms)
        return call

    def next_due_ms(self) -> int | None:
        """When there will be something to end or forget if nothing more comes; None for never."""
        candidates = [min(self._due) * SECOND_MS] if self._due else []
        if self._first_due_s:
            candidates.append(self._first_due_s[0] * SECOND_MS)
        if self._forget_ms:
            candidates.append(self._forget_ms[0])
        return min(candidates, default=None)

    def calls(self) -> Iterator[Call]:
        """All calls that are held, open and ended."""
        for of_source in self._calls.values():
            yield from of_source.values()

    def remembered(self) -> list[Call]:
        """Ended calls in the order in which they are forgotten."""
        found: dict[int, Call] = {}
        for call, forget_ms in zip(self._ended, self._forget_ms, strict=True):
            if call.forget_ms == forget_ms:
                found.setdefault(call.serial, call)
        return list(found.values())

    def restore(self, calls: list[Call], ended: list[Call]) -> list[Call]:
        """Take over what `calls` and `remembered` gave before; gives `calls` as first seen."""
        in_order = sorted(calls, key=_serial)
        for call in in_order:
            self.calls_of(call.source)[call.call_id] = call
            self._serial = max(self._serial, call.serial + 1)
            if call.forget_ms == UNKNOWN:
                self.open_count += 1
                self._look_later(call)
        self._ended.extend(ended)
        self._forget_ms.extend(call.forget_ms for call in ended)
        self.ended_count += len(ended)
        return in_order

    def _look_at_first(self, now_s: int) -> None:
        """Have those that are still open after the time that a call may be silent looked at."""
        first, first_due_s = self._first, self._first_due_s
        while first and (first[0].forget_ms != UNKNOWN or first_due_s[0] <= now_s):
            first_due_s.popleft()
            call = first.popleft()
            if call.forget_ms == call.due_s == UNKNOWN:
                self._look_later(call)
        if len(first) > 2 * self.open_count + _PASSED_OVER:
            line_up = zip(first, first_due_s, strict=True)
            kept = [place for place in line_up if place[0].forget_ms == UNKNOWN]
            self._first = deque(call for call, _ in kept)
            self._first_due_s = deque(due_s for _, due_s in kept)

    def _seconds_due(self, now_s: int) -> list[int]:
        first_s = self._looked_s + 1
        if now_s - first_s < len(self._due):
            return [second for second in range(first_s, now_s + 1) if second in self._due]
        return sorted(second for second in self._due if second <= now_s)

    def _look_later(self, call: Call) -> None:
        """Look at the call again when it may have been silent for too long."""
        second = call.due_s = -(-(call.touched_ms + self._limits.call_age_ms) // SECOND_MS)
        due = self._due.get(second)
        if due is None:
            self._due[second] = {call.serial: call}
        else:
            due[call.serial] = call

    def _look_no_more(self, call: Call) -> None:
        due_s, call.due_s = call.due_s, UNKNOWN
        due = self._due.get(due_s)
        if due is not None:
            due.pop(call.serial, None)
            if not due:
                del self._due[due_s]

    def _line_up(self, newcomer: Call, now_ms: int) -> None:
        """Line up open calls, the longest silent last; those heard of now only if there are none.

        Whatever is heard of after that is younger than everything in the line, so the line gives
        the same calls as one that is made anew, as after a restart.
        """
        open_calls = (call for call in self.calls() if call.forget_ms == UNKNOWN)
        found = [
            (call.touched_ms, call.serial, call) for call in open_calls if call is not newcomer
        ]
        older = [place for place in found if place[0] < now_ms]
        self._silent = sorted(older or found, reverse=True, key=lambda place: place[:2])
        self._lined_up_ms = now_ms

    def _next_silent(self, now_ms: int) -> Call | None:
        while self._silent:
            touched_ms, _, call = self._silent.pop()
            is_same = call.forget_ms == UNKNOWN and call.touched_ms == touched_ms
            if is_same and (touched_ms < self._lined_up_ms or now_ms == self._lined_up_ms):
                return call
        return None


def _serial(call: Call) -> int:
    return call.serial


def _silence(call: Call) -> tuple[int, int]:
    return call.touched_ms, call.serial
