"""The register of calls: who is in flight, who ended lately, and whom to look at when.

Three views of the same calls: by source and id, to find them; by the second in which a call may
have been silent for too long; and the ended ones in the order in which they are forgotten. All of
them are bounded by the plan's limits.

Pure: no I/O, no clock.
"""

from collections import OrderedDict
from collections.abc import Iterator
from sys import intern

from monitor.core.calls import UNKNOWN, Call
from monitor.core.plan import SECOND_MS, Limits


class CallRegister:
    """All calls that are held.

    Args:
        limits: Bounds.

    Attributes:
        open_count: Calls in flight.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._calls: dict[str, dict[str, Call]] = {}
        # Open calls by the second in which to look at them, and by serial.
        self._due: dict[int, dict[int, Call]] = {}
        # By serial, in the order in which they are forgotten; each ended call once, no open one.
        self._ended: OrderedDict[int, Call] = OrderedDict()
        self._looked_s = UNKNOWN
        self._silent: list[tuple[int, int, Call]] = []  # who to give up next is last
        self._lined_up_ms = UNKNOWN
        self._serial = 0
        self.open_count = 0

    @property
    def ended_count(self) -> int:
        """Ended calls that are remembered."""
        return len(self._ended)

    @property
    def is_full(self) -> bool:
        """Whether more calls are in flight than may be."""
        return self.open_count > self._limits.open_calls

    def calls_of(self, source: str) -> dict[str, Call]:
        """The calls of a source by id."""
        found = self._calls.get(source)
        if found is None:
            found = self._calls[source] = {}
        return found

    def add(self, calls: dict[str, Call], source: str, call_id: str, now_ms: int) -> Call:
        """A call that is heard of for the first time.

        Args:
            calls: What `calls_of` gave for the source.
            source: Name of the source.
            call_id: Its id there, which `calls` lacks.
            now_ms: When it was heard of.
        """
        call = calls[call_id] = Call(intern(source), call_id, self._serial, now_ms)
        self._serial += 1
        self.open_count += 1
        self._look_later(call)
        return call

    def close(self, call: Call, now_ms: int) -> None:
        """The call is over unless something still comes."""
        if call.forget_ms == UNKNOWN:
            self.open_count -= 1
            self._look_no_more(call)
        else:
            del self._ended[call.serial]
        call.forget_ms = now_ms + self._limits.ended_for_ms
        self._ended[call.serial] = call

    def reopen(self, call: Call) -> None:
        """Something still came."""
        if call.forget_ms == UNKNOWN:
            return
        call.forget_ms = UNKNOWN
        if call.touched_ms == self._lined_up_ms:
            self._silent.clear()
        del self._ended[call.serial]
        self.open_count += 1
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
        self._silent.clear()
        self._lined_up_ms = UNKNOWN

    def forget(self, now_ms: int) -> None:
        """Forget calls that ended long ago, and the oldest of too many."""
        ended = self._ended
        while ended:
            call = next(iter(ended.values()))
            if call.forget_ms > now_ms and len(ended) <= self._limits.ended_calls:
                break
            del ended[call.serial], self._calls[call.source][call.call_id]

    def silent_too_long(self, now_ms: int) -> list[Call]:
        """Open calls of which nothing was heard for too long, the longest silent first.

        The caller ends them. The order must not hang on when they were looked at, which a restart
        does not keep.
        """
        now_s = now_ms // SECOND_MS
        found: list[Call] = []
        for second in self._seconds_due(now_s):
            for call in self._due.pop(second).values():
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
        if self._ended:
            candidates.append(next(iter(self._ended.values())).forget_ms)
        return min(candidates, default=None)

    def calls(self) -> Iterator[Call]:
        """All calls that are held, open and ended."""
        for of_source in self._calls.values():
            yield from of_source.values()

    def remembered(self) -> list[Call]:
        """Ended calls in the order in which they are forgotten."""
        return list(self._ended.values())

    def restore(self, calls: list[Call], ended: list[Call]) -> list[Call]:
        """Take over what `calls` and `remembered` gave before; gives `calls` as first seen."""
        in_order = sorted(calls, key=_serial)
        for call in in_order:
            self._calls.setdefault(call.source, {})[call.call_id] = call
            self._serial = max(self._serial, call.serial + 1)
            if call.forget_ms == UNKNOWN:
                self.open_count += 1
                self._look_later(call)
        self._ended.update((call.serial, call) for call in ended)
        return in_order

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
        """Hold no call that has ended: there are many more of those than open ones."""
        due = self._due.get(call.due_s)
        if due is not None:
            due.pop(call.serial, None)
            if not due:
                del self._due[call.due_s]

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
