"""When a wall clock that was set is followed, when it is not, and who is told."""

import pytest
from test_clock import HandClock, Hands, T

from monitor.clock_watch import FOLLOWED_MS, WITNESSES, ClockWatch
from monitor.core.events import Event
from monitor.core.ledger import LedgerEntry
from monitor.core.snapshot import AlertState
from monitor.sinks.text import annotations

HOUR_MS = 3_600_000


class Watched:
    """A clock, its hands, and who looks at it."""

    def __init__(self, not_before_ms: int = 0) -> None:
        self.hands = Hands()
        self.clock = HandClock(self.hands)
        self.clock.not_before(not_before_ms)
        self.watch = ClockWatch(self.clock, "Example Health")

    def pass_second(self, set_by_ms: int = 0) -> list[LedgerEntry]:
        self.hands.go_on(1_000)
        self.hands.wall_ms += set_by_ms
        return self.watch.look()

    def hear(self, count: int, at_ms: int) -> None:
        event = Event(source="pbx1", type="call.queued", ts=at_ms / 1000, at_ms=at_ms)
        self.watch.hear([event] * count)


def test_a_clock_that_goes_on_as_it_should_is_nobodys_business() -> None:
    one = Watched()
    for _ in range(10):
        assert one.pass_second() == []
        assert not one.watch.shall_follow
    assert (one.watch.alerts(), one.watch.changed(), one.watch.jumps) == ((), [], {})


def test_a_short_step_forward_is_followed_and_declared() -> None:
    one = Watched()
    (entry,) = one.pass_second(FOLLOWED_MS)
    assert entry.body == {"what": "set", "by_ms": FOLLOWED_MS, "clock_ms": T + 61_000}
    assert one.watch.shall_follow
    (left_out,) = one.watch.follow()
    assert left_out.body == {"from_ms": T + 1_000, "to_ms": T + 61_000, "why": "clock_set"}
    assert one.pass_second() == []
    assert (one.clock.now_ms(), one.watch.off_ms, one.watch.alerts()) == (T + 62_000, 0, ())


def test_a_long_step_forward_is_followed_when_events_bear_it_out() -> None:
    one = Watched()
    one.pass_second(HOUR_MS)
    assert not one.watch.shall_follow
    # Of old, of now by our time, and of a time that nobody's clock shows.
    for at_ms in (T - HOUR_MS, T + 1_000, T + 2 * HOUR_MS):
        one.hear(100, at_ms)
    one.hear(WITNESSES - 1, T + HOUR_MS + 1_000)
    assert not one.watch.shall_follow
    one.hear(1, T + HOUR_MS - 20_000)
    assert one.watch.shall_follow
    one.watch.follow()
    one.watch.look()
    (over,) = one.watch.alerts()
    assert (over.state, over.resolved_ms) == (AlertState.RESOLVED, T + HOUR_MS + 1_000)


def test_witnesses_of_one_step_prove_nothing_of_the_next() -> None:
    one = Watched()
    one.pass_second(HOUR_MS)
    one.hear(WITNESSES - 1, T + HOUR_MS)
    one.pass_second(HOUR_MS)
    one.hear(1, T + 2 * HOUR_MS)
    assert not one.watch.shall_follow


@pytest.mark.parametrize("by_ms", [-5_000, -HOUR_MS])
def test_a_step_back_is_not_followed(by_ms: int) -> None:
    one = Watched()
    one.pass_second(by_ms)
    one.hear(100, T + by_ms)
    assert not one.watch.shall_follow
    assert one.clock.now_ms() == T + 1_000
    assert one.watch.jumps == {"back": 1}
    assert bool(one.watch.alerts()) is (-by_ms > FOLLOWED_MS)


def test_a_clock_that_is_set_is_paged_until_it_is_right() -> None:
    one = Watched()
    one.pass_second(-HOUR_MS)
    ((at_ms, alert),) = one.watch.changed()
    assert (at_ms, alert.state, alert.severity) == (T + 1_000, AlertState.FIRING, "critical")
    assert alert.key == f"Example Health/CallCenterClockWrong/organization/{T + 1_000}"
    told = annotations(alert, lambda instant_ms: instant_ms)["summary"]
    assert told == (
        "callcenter-monitor: this machine's clock was set back by 1 h 0 min: time goes on without"
        " it, and no deadline has moved; set the clock"
    )
    one.pass_second()
    assert one.watch.changed() == []
    one.pass_second(HOUR_MS)
    ((_, over),) = one.watch.changed()
    assert (over.key, over.state, over.reason) == (alert.key, AlertState.RESOLVED, "agrees")
    assert annotations(over, lambda instant_ms: instant_ms)["summary"].startswith("Resolved: ")
    assert one.watch.alerts() == (over,)
    for _ in range(15 * 60):
        one.pass_second()
    assert one.watch.alerts() == ()


def test_a_clock_behind_the_ledger_is_followed_wherever_it_is_set() -> None:
    one = Watched(not_before_ms=T + HOUR_MS)
    one.pass_second()
    (alert,) = one.watch.alerts()
    assert (alert.reason, one.watch.off_ms) == ("behind", -(HOUR_MS - 1_000))
    assert not one.watch.shall_follow
    one.pass_second(5 * HOUR_MS)
    assert one.clock.now_ms() == T + HOUR_MS
    assert one.watch.shall_follow
    (left_out,) = one.watch.follow()
    assert left_out.body["to_ms"] == one.clock.now_ms() == T + 5 * HOUR_MS + 2_000
    one.watch.look()
    assert one.watch.alerts()[0].state is AlertState.RESOLVED


def test_a_start_goes_on_with_the_page_of_the_daemon_before() -> None:
    first = Watched(not_before_ms=T + HOUR_MS)
    first.pass_second()
    ((_, alert),) = first.watch.changed()
    for not_before_ms, state in ((T + HOUR_MS, AlertState.FIRING), (0, AlertState.RESOLVED)):
        one = Watched(not_before_ms)
        one.watch = ClockWatch(one.clock, "Example Health", alert)
        one.pass_second()
        (after,) = one.watch.alerts()
        assert (after.key, after.breached_ms) == (alert.key, alert.breached_ms)
        assert after.state is state
        assert len(one.watch.changed()) == (state is AlertState.RESOLVED)
