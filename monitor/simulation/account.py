"""The simulated ACD's account of what happens: its events, in order, and the counts of them.

The arguments of an event are given by position, in the order of the fields of `Event`: by name,
making one takes six times as long, and making events is what a simulated week mostly consists of.

Pure: no I/O, no clock.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from monitor.core import events as ev
from monitor.core.events import Event

IN_ALL: Final = "*"
_VERSION: Final = 1
_ENTRY: Final = 1
_OUTCOMES: Final = {
    ev.CALL_ABANDONED: "abandoned",
    ev.CALL_DEQUEUED: "dequeued",
    ev.CALL_DISCONNECTED: "disconnected",
    ev.CALL_COMPLETED: "completed",
}


@dataclass(eq=False, slots=True)
class QueueAccount:
    """A queue as its events name it, and how many of its calls came to what.

    Attributes:
        key: As on the wire.
        dnis: The number that is dialled.
        language: Of its callers.
        skills: What its agents can do.
        counts: See `Truth.counts`.
    """

    key: str
    dnis: str
    language: str
    skills: list[str]
    counts: Counter[str]


class Account:
    """The events of all sources, as they happen.

    Args:
        sources: Their names.

    Attributes:
        told: Events that nobody has taken yet, `at_ms` ascending.
        totals: Events and heartbeats so far.
    """

    def __init__(self, sources: tuple[str, ...]) -> None:
        self.told: list[Event] = []
        self.totals: Counter[str] = Counter()
        self._next_seq = dict.fromkeys(sources, 0)
        self._beats = dict.fromkeys(sources, 0)

    def take(self) -> list[Event]:
        """The events since the last time."""
        told, self.told = self.told, []
        self.totals["events"] += len(told)
        return told

    def _seq(self, source: str) -> int:
        seq = self._next_seq[source]
        self._next_seq[source] = seq + 1
        return seq

    def heartbeat(self, source: str, at_ms: int) -> None:
        """A source is alive. Its `seq` says how many events it had before."""
        self.totals["heartbeats"] += 1
        seq, beats = self._seq(source), self._beats[source]
        self._beats[source] = beats + 1
        self.told.append(
            Event(
                ev.HEARTBEAT, source, at_ms / 1000, _VERSION, seq=seq, at_ms=at_ms,
                events_total=seq - beats,
            )
        )  # fmt: skip

    def agent(
        self, source: str, at_ms: int, agent: str, state: str, site: str, queue: QueueAccount
    ) -> None:
        """An agent's state has changed."""
        self.told.append(
            Event(
                ev.AGENT_STATE, source, at_ms / 1000, _VERSION, None, None, None, None,
                self._seq(source), None, queue.skills, site, None, None, agent, state,
                None, None, None, None, None, None, None, None, None, at_ms,
            )
        )  # fmt: skip

    def started(
        self, source: str, at_ms: int, call_id: str, site: str, queue: QueueAccount
    ) -> None:
        """A call reached the system."""
        queue.counts["calls_made"] += 1
        self.told.append(
            Event(
                ev.CALL_STARTED, source, at_ms / 1000, _VERSION, call_id, None, None, None,
                self._seq(source), queue.dnis, None, site, queue.language, None, None, None,
                None, None, None, None, None, None, None, None, None, at_ms,
            )
        )  # fmt: skip

    def ended_before_queue(
        self, kind: str, source: str, at_ms: int, call_id: str, site: str, queue: QueueAccount
    ) -> None:
        """A call ended in the IVR: normally, or cut off."""
        is_contained = kind == ev.CALL_COMPLETED
        queue.counts["contained" if is_contained else "disconnected"] += 1
        self.told.append(
            Event(
                kind, source, at_ms / 1000, _VERSION, call_id, None, None, None,
                self._seq(source), queue.dnis, None, site, queue.language, None, None, None,
                None, None, None, None, None, None,
                "caller" if is_contained else "system", "ivr" if is_contained else "telecom",
                None, at_ms,
            )
        )  # fmt: skip

    def queued(self, source: str, at_ms: int, call_id: str, site: str, queue: QueueAccount) -> None:
        """A call entered its queue."""
        queue.counts["offered"] += 1
        at_s = at_ms / 1000
        self.told.append(
            Event(
                ev.CALL_QUEUED, source, at_s, _VERSION, call_id, _ENTRY, queue.key, None,
                self._seq(source), queue.dnis, None, site, queue.language, None, None, None,
                at_s, None, None, None, None, None, None, None, None, at_ms, at_ms,
            )
        )  # fmt: skip

    def answered(
        self,
        source: str,
        at_ms: int,
        call_id: str,
        site: str,
        queue: QueueAccount,
        agent: str,
        queued_ms: int,
    ) -> None:
        """A live person answered."""
        queue.counts["answered"] += 1
        at_s = at_ms / 1000
        wait_ms = at_ms - queued_ms
        self.told.append(
            Event(
                ev.CALL_ANSWERED, source, at_s, _VERSION, call_id, _ENTRY, queue.key, None,
                self._seq(source), queue.dnis, None, site, queue.language, None, agent, None,
                queued_ms / 1000, at_s, wait_ms / 1000, None, None, None, None, None, None,
                at_ms, queued_ms, at_ms, wait_ms,
            )
        )  # fmt: skip

    def ended_unanswered(
        self,
        kind: str,
        source: str,
        at_ms: int,
        call_id: str,
        site: str,
        queue: QueueAccount,
        queued_ms: int,
        ended_by: str,
        reason: str,
    ) -> None:
        """A waiting call left the queue: abandoned, dequeued or cut off."""
        queue.counts[_OUTCOMES[kind]] += 1
        wait_ms = at_ms - queued_ms
        self.told.append(
            Event(
                kind, source, at_ms / 1000, _VERSION, call_id, _ENTRY, queue.key, None,
                self._seq(source), queue.dnis, None, site, queue.language, None, None, None,
                queued_ms / 1000, None, wait_ms / 1000, None, None, None, ended_by, reason, None,
                at_ms, queued_ms, None, wait_ms,
            )
        )  # fmt: skip

    def ended_answered(
        self,
        kind: str,
        source: str,
        at_ms: int,
        call_id: str,
        site: str,
        queue: QueueAccount,
        agent: str,
        queued_ms: int,
        answered_ms: int,
        ended_by: str,
        reason: str,
    ) -> None:
        """A conversation ended: completed or cut off."""
        queue.counts[_OUTCOMES[kind]] += 1
        wait_ms = answered_ms - queued_ms
        talk_ms = at_ms - answered_ms
        self.told.append(
            Event(
                kind, source, at_ms / 1000, _VERSION, call_id, _ENTRY, queue.key, None,
                self._seq(source), queue.dnis, None, site, queue.language, None, agent, None,
                queued_ms / 1000, answered_ms / 1000, wait_ms / 1000, None, talk_ms / 1000, None,
                ended_by, reason, None, at_ms, queued_ms, answered_ms, wait_ms, talk_ms,
            )
        )  # fmt: skip
