"""What is done about a wall clock that is set while we run, or is behind the ledger at a start.

    set forward, a minute at most    followed at once: what a time service does
    set forward, farther             not followed until events bear it out, and told
    set back                         not followed, and told if it is more than a minute
    behind the ledger at a start     time stands still until the clock is right, and that is told

An event has not happened before the true time has come, so events whose instants are where the wall
is, and not where we are, prove that the wall is right: we were asleep without knowing it. Nothing
that is heard can prove that a clock was rightly set back. Whoever knows sets the clock, or restarts
the daemon: a start believes the wall, unless it is behind the ledger.

Onsets and deadlines are instants, so none of this moves them; what it decides is when they are
passed. Every step is an entry of the ledger; the alert has the life that all alerts have.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from monitor.clock import TOLERATED_MS, Clock
from monitor.core.alerts import RESOLVED_FOR_MS
from monitor.core.events import Event
from monitor.core.ledger import LedgerEntry, LedgerKind
from monitor.core.outages.sentences import length_words
from monitor.core.plan import MINUTE_MS
from monitor.core.snapshot import Alert, AlertState, Notice, Snapshot
from monitor.core.source_watch import gap
from monitor.recovery import CLOCK

_LOG = logging.getLogger(__name__)

FOLLOWED_MS: Final = MINUTE_MS
"""A step forward that is not longer is followed."""

WITNESSES: Final = 5
"""So many events where the wall is prove that it is right."""

# Nearer to the wall than to us, whatever was followed.
_NEAR_MS: Final = FOLLOWED_MS // 2
_DAEMON: Final = "daemon"


class ClockWatch:
    """Looks at a clock again and again.

    Args:
        clock: The daemon's.
        organization: Part of the alert's key.
        before: The alert that fired when the daemon before this one ended; None when none did.

    Attributes:
        jumps: How often the wall was set, by direction.
    """

    def __init__(self, clock: Clock, organization: str, before: Alert | None = None) -> None:
        self._clock = clock
        self._organization = organization
        self._firing = before
        self._over: Alert | None = None
        self._changed: list[tuple[int, Alert]] = []
        self._off_ms = 0
        self._witnesses = 0
        self.jumps: Counter[str] = Counter()

    def look(self) -> list[LedgerEntry]:
        """Note what has become of the clock since the last look."""
        off_ms = self._clock.off_ms()
        by_ms, self._off_ms = off_ms - self._off_ms, off_ms
        entries = []
        if abs(by_ms) > TOLERATED_MS:
            self._witnesses = 0
            entries.append(self._jump(by_ms))
        self._judge()
        return entries

    def hear(self, events: Sequence[Event]) -> None:
        """Take events that have just come as witnesses."""
        if self._off_ms > FOLLOWED_MS:
            wall_ms, near_ms = self._clock.set_to_ms(), _NEAR_MS * self._clock.speed
            self._witnesses += sum(abs(event.at_ms - wall_ms) <= near_ms for event in events)

    @property
    def shall_follow(self) -> bool:
        """Whether it is known that the wall is right."""
        is_borne_out = self._off_ms <= FOLLOWED_MS or self._witnesses >= WITNESSES
        stands_still = self._off_ms != 0 and self._clock.behind_ms() > TOLERATED_MS
        return stands_still or (self._off_ms > 0 and is_borne_out)

    def follow(self) -> list[LedgerEntry]:
        """Go by the wall again. In the time that is left out nobody listened."""
        clock, before_ms = self._clock, self._clock.now_ms()
        clock.follow()
        self._off_ms = self._witnesses = 0
        now_ms = clock.now_ms()
        if now_ms - before_ms <= TOLERATED_MS:
            return []
        _LOG.warning("the clock is followed: %s are left out", length_words(now_ms - before_ms))
        return [gap(_DAEMON, "clock_set", before_ms, now_ms)]

    @property
    def off_ms(self) -> int:
        """By how much the wall is ahead of the time that we go by, at the last look."""
        return self._off_ms or -self._clock.behind_ms()

    # -- the alert ----------------------------------------------------------------------------

    def changed(self) -> list[tuple[int, Alert]]:
        """Changes of the alert since the last call, with their instants."""
        changed, self._changed = self._changed, []
        return changed

    def alerts(self) -> tuple[Alert, ...]:
        """The alert while it fires, and the last one for a while."""
        return tuple(one for one in (self._firing, self._over) if one is not None)

    def shown(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the alert."""
        own = self.alerts()
        return replace(snapshot, alerts=(*own, *snapshot.alerts)) if own else snapshot

    def _judge(self) -> None:
        """Fire, or end, the alert."""
        now_ms, behind_ms = self._clock.now_ms(), self._clock.behind_ms()
        if behind_ms > TOLERATED_MS:
            self._fire("behind", _behind(now_ms, behind_ms))
        elif abs(self._off_ms) > FOLLOWED_MS:
            self._fire("set", _set(now_ms, self._off_ms))
        elif self._firing is not None:
            self._over = replace(
                self._firing, state=AlertState.RESOLVED, resolved_ms=now_ms, reason="agrees"
            )
            self._firing = None
            self._changed.append((now_ms, self._over))
        over_ms = None if self._over is None else self._over.resolved_ms
        if over_ms is not None and now_ms - over_ms >= RESOLVED_FOR_MS:
            self._over = None

    def _fire(self, reason: str, notice: Notice) -> None:
        if self._firing is not None:
            self._firing = replace(self._firing, reason=reason, notice=notice)
            return
        # A ledger that is ahead may be so of the receiver's clock, too, and that takes no start in
        # its future.
        since_ms = self._clock.set_to_ms() if reason == "behind" else notice.at_ms
        self._firing = Alert(
            key=f"{self._organization}/{CLOCK}/organization/{since_ms}",
            rule=CLOCK,
            severity="critical",
            scope="organization",
            labels={"organization": self._organization},
            measure=None,
            window_ms=None,
            state=AlertState.FIRING,
            breached_ms=since_ms,
            fired_ms=since_ms,
            resolved_ms=None,
            reason=reason,
            value=None,
            limit=None,
            numerator=0,
            denominator=0,
            clause="",
            notice=notice,
        )
        self._changed.append((notice.at_ms, self._firing))

    def _jump(self, by_ms: int) -> LedgerEntry:
        now_ms, shown_ms = self._clock.now_ms(), self._clock.set_to_ms()
        which = "forward" if by_ms > 0 else "back"
        self.jumps[which] += 1
        _LOG.error("the clock of this machine was set %s by %s", which, length_words(by_ms))
        return LedgerEntry(
            now_ms,
            LedgerKind.CLOCK,
            _DAEMON,
            f"clock/set/{now_ms}/{shown_ms}",
            {"what": "set", "by_ms": by_ms, "clock_ms": shown_ms},
        )


def _behind(now_ms: int, behind_ms: int) -> Notice:
    return Notice(
        at_ms=now_ms,
        contract="",
        what=f"this machine's clock is {length_words(behind_ms)} behind the ledger",
        evidence="no deadline is judged until it has caught up; set the clock",
    )


def _set(now_ms: int, off_ms: int) -> Notice:
    which, remedy = "back", ""
    if off_ms > 0:
        which, remedy = "forward", ", or restart the monitor if it is right"
    return Notice(
        at_ms=now_ms,
        contract="",
        what=f"this machine's clock was set {which} by {length_words(off_ms)}",
        evidence=f"time goes on without it, and no deadline has moved; set the clock{remedy}",
    )
