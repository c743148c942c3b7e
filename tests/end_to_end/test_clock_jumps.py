"""The machine's clock is set, is wrong at a start, or changes its zone: no deadline moves.

A real daemon under libfaketime, a live Alertmanager, and a receiver of pages. Everybody but the
daemon keeps the true time, so what the daemon tells of time can be compared with it.
"""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from daemon import Daemon, ending, running, wall_now_s
from end_to_end.faked_clock import FakedClock
from end_to_end.outage_pages import (
    CLOCK,
    HOUR_MS,
    MISSED,
    OUTAGE,
    WITHIN_MS,
    Pages,
    declare,
    instants,
    open_outages,
    paging,
    told,
    verify,
)
from end_to_end.pushing import event, post, push_config
from real_parts import wait_until

pytestmark = pytest.mark.real

JUMPS: Final = "callcenter_monitor_clock_jumps_total"
OFFSET: Final = "callcenter_monitor_clock_offset_seconds"
_DAY_S: Final = 24 * 3_600
BEHIND: Final = "callcenter_monitor_clock_behind_ledger"
SHOWN: Final = "callcenter_monitor_snapshot_timestamp_seconds"
DAYS_S: Final = 72 * 3_600
# How late the daemon's last second may be on a machine that has much to do.
LATE_S: Final = 30.0
# A Sunday in March at 2:00, and one in November at 2:00, New York; 5 s before.
SPRING_S: Final = 1_772_953_195
AUTUMN_S: Final = 1_793_512_795


@dataclass
class Watched:
    """A daemon whose clock can be set, and who hears of it."""

    daemon: Daemon
    clock: FakedClock
    pages: Pages

    def is_in_time(self, ahead_s: float = 0.0) -> bool:
        """Whether the newest second that is shown is now, or as much ahead as that."""
        late_s = wall_now_s() + ahead_s - self.daemon.metrics().value(SHOWN)
        return -2.0 < late_s < LATE_S

    def wait_until_time_goes_on(self, ahead_s: float = 0.0) -> None:
        before_s = self.daemon.metrics().value(SHOWN)
        self.daemon.wait_metric(SHOWN, before_s + 1, 20.0)
        wait_until(lambda: self.is_in_time(ahead_s), 60.0, "time to be right")

    def is_firing(self, rule: str) -> bool:
        """Whether the daemon itself tells of such an alert."""
        alerts = self.daemon.api("alerts?state=firing")["alerts"]
        return rule in {alert["rule"] for alert in alerts}

    def clock_entries(self) -> list[dict[str, Any]]:
        rows = self.daemon.rows("SELECT body FROM ledger WHERE kind = 'clock' ORDER BY n")
        return [json.loads(body) for (body,) in rows]


@contextmanager
def watched(tmp_path: Path) -> Iterator[Watched]:
    with paging(tmp_path) as pages:
        home = tmp_path / "daemon"
        config = {**push_config(home), "alerts": {"channels": [pages.channel]}}
        daemon = Daemon(home, config)
        with ending(daemon):
            yield Watched(daemon, FakedClock(daemon), pages)


def reload(daemon: Daemon, windows: list[str]) -> None:
    """Go by another configuration, by signal."""
    config = json.loads(daemon.config_path.read_text(encoding="utf-8"))
    daemon.write_config({**config, "windows": windows})
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.api("status")["windows"] == windows, 20.0, "the reload")


def test_a_clock_that_is_set_while_we_run_moves_nothing(tmp_path: Path) -> None:
    with watched(tmp_path) as one:
        daemon, pages = one.daemon, one.pages
        daemon.start_and_connect()
        declare(daemon, "H0001", int(wall_now_s() * 1000) - HOUR_MS)
        pages.wait_firing(OUTAGE)
        (outage,), identity = open_outages(daemon), pages.identity(OUTAGE)
        assert outage["deadline_ms"] == outage["onset_ms"] + WITHIN_MS
        for ahead_s, direction, windows in (
            (DAYS_S, "forward", ["30m"]),
            (-DAYS_S, "back", ["30m", "1h"]),
        ):
            before = daemon.metrics().value(JUMPS, direction=direction)
            one.clock.set(ahead_s)
            shown = daemon.wait_metric(JUMPS, before + 1, 20.0, direction=direction)
            assert abs(shown.value(OFFSET) - ahead_s) < 1
            summary = pages.wait_firing(CLOCK)["annotations"]["summary"]
            assert f"this machine's clock was set {direction}" in summary
            one.wait_until_time_goes_on()
            reload(daemon, windows)
            assert instants(open_outages(daemon)[0]) == instants(outage)
            assert pages.identity(OUTAGE) == identity
            assert daemon.get("/-/ready") == (200, "ready\n")
            one.clock.set(0)
            pages.wait_over(CLOCK)
        one.wait_until_time_goes_on()
        (after,) = open_outages(daemon)
        assert (instants(after), after["is_missed"]) == (instants(outage), False)
        assert pages.identity(OUTAGE) == identity
        wait_until(lambda: pages.pages(CLOCK, "resolved") == 2, 20.0, "the end of both pages")
        assert pages.pages(CLOCK, "firing") == 2
        assert (pages.pages(OUTAGE, "firing"), pages.pages(OUTAGE, "resolved")) == (1, 0)
        assert pages.pages(MISSED, "firing") == 0
        by_s = [round(entry["by_ms"] / 1000) for entry in one.clock_entries()]
        assert by_s == [DAYS_S, -DAYS_S, -DAYS_S, DAYS_S]
        assert daemon.terminate() == 0
        verify(daemon)


def test_a_clock_behind_the_ledger_is_refused_and_paged(tmp_path: Path) -> None:
    with watched(tmp_path) as one:
        daemon, pages = one.daemon, one.pages
        daemon.start_and_connect()
        declare(daemon, "H0001", int(wall_now_s() * 1000) - 49 * HOUR_MS)
        pages.wait_firing(OUTAGE)
        (outage,), identity = open_outages(daemon), pages.identity(OUTAGE)
        assert daemon.terminate() == 0
        one.clock.set(-DAYS_S)
        daemon.start()
        assert "behind the ledger" in pages.wait_firing(CLOCK)["annotations"]["summary"]
        page = pages.identity(CLOCK)
        assert daemon.metrics().value(BEHIND) == 1
        status, said = daemon.get("/-/ready")
        assert (status, "behind the ledger" in said) == (503, True)
        assert "set the clock of this machine" in daemon.log_text()
        stands_s = daemon.metrics().value(SHOWN)
        assert instants(open_outages(daemon)[0]) == instants(outage)
        # A crash in the middle of it pages nobody a second time.
        daemon.kill()
        daemon.start()
        daemon.wait_metric(
            "callcenter_monitor_deliveries_total", 1, 20.0, channel="ops", result="sent"
        )
        assert pages.identity(CLOCK) == page
        assert daemon.metrics().value(SHOWN) == stands_s
        one.clock.set(0)
        daemon.wait_ready()
        wait_until(lambda: pages.pages(CLOCK, "resolved"), 20.0, "the end to be told")
        assert one.is_in_time()
        assert pages.pages(CLOCK, "firing") == 1
        assert instants(open_outages(daemon)[0]) == instants(outage)
        assert pages.identity(OUTAGE) == identity
        check_after_a_day_off(one, outage)
        assert pages.identity(OUTAGE) == identity
        assert (pages.pages(OUTAGE, "firing"), pages.pages(OUTAGE, "resolved")) == (1, 0)
        whats = [entry["what"] for entry in one.clock_entries()]
        assert whats == ["behind_ledger", "behind_ledger", "set"]
        verify(daemon)


def check_after_a_day_off(one: Watched, outage: dict[str, Any]) -> None:
    """The machine is off while the deadline passes: the clock has simply gone on."""
    daemon, pages = one.daemon, one.pages
    assert daemon.terminate() == 0
    assert pages.pages(MISSED, "firing") == 0
    one.clock.set(_DAY_S)
    daemon.start()
    daemon.wait_ready(60.0)
    one.wait_until_time_goes_on(_DAY_S)
    (after,) = open_outages(daemon)
    assert (instants(after), after["is_missed"]) == (instants(outage), True)
    pages.wait_firing(MISSED)
    assert pages.firing(CLOCK) is None
    assert daemon.terminate() == 0
    found = told(daemon, "H0001")
    ages_h = [body["age_ms"] // HOUR_MS for what, body in found if what == "ladder"]
    assert ages_h == [0, 24, 36, 48, 60, 66, 70, 71, 72, 73]
    assert [body["deadline_ms"] for what, body in found if what == "missed"] == [
        outage["deadline_ms"]
    ]


def test_a_step_is_followed_when_it_is_short_or_borne_out_by_events(tmp_path: Path) -> None:
    with watched(tmp_path) as one:
        daemon = one.daemon
        daemon.start_and_connect()
        declare(daemon, "H0001", int(wall_now_s() * 1000) - HOUR_MS)
        wait_until(lambda: open_outages(daemon), 20.0, "the outage to be shown")
        (outage,) = open_outages(daemon)
        one.clock.set(30)
        daemon.wait_metric(JUMPS, 1, 20.0, direction="forward")
        one.wait_until_time_goes_on(30)
        assert one.pages.firing(CLOCK) is None
        # As after a sleep that no clock of the machine has counted.
        slept_s = 5 * 60
        one.clock.set(slept_s)
        one.pages.wait_firing(CLOCK)
        assert one.is_in_time(30)
        calls = [event("queued", f"c{n}", ts=wall_now_s() + slept_s - 1) for n in range(5)]
        body = "\n".join(json.dumps(call) for call in calls).encode()
        assert post(daemon, body)[0] == 200
        # Alertmanager's own clock has not slept, so it would wait for the end.
        wait_until(lambda: not one.is_firing(CLOCK), 20.0, "the clock to be believed")
        one.wait_until_time_goes_on(slept_s)
        assert instants(open_outages(daemon)[0]) == instants(outage)
        # What was left out is declared, and a crash leads to the same.
        daemon.kill()
        daemon.start_and_connect()
        one.wait_until_time_goes_on(slept_s)
        assert instants(open_outages(daemon)[0]) == instants(outage)
        rows = daemon.rows("SELECT body FROM ledger WHERE kind = 'gap' ORDER BY n")
        gaps = [json.loads(body) for (body,) in rows]
        lengths = [gap["to_ms"] - gap["from_ms"] for gap in gaps if gap["why"] == "clock_set"]
        assert [round(length / 10_000) for length in lengths] == [3, slept_s / 10 - 3]
        verify(daemon)


@pytest.mark.parametrize("turn_s", [SPRING_S, AUTUMN_S], ids=["spring", "autumn"])
def test_the_hour_that_a_zone_leaves_out_or_repeats_is_none_of_ours(
    tmp_path: Path, turn_s: int
) -> None:
    home = tmp_path / "daemon"
    daemon = Daemon(home, push_config(home))
    clock = FakedClock(daemon, zone="America/New_York")
    clock.set(turn_s - wall_now_s())
    with running(daemon):
        onset_ms = turn_s * 1000 - 90_000
        declare(daemon, "H0001", onset_ms)
        daemon.wait_metric(SHOWN, turn_s + 6, 30.0)
        wait_until(lambda: open_outages(daemon), 20.0, "the outage to be shown")
        (outage,) = open_outages(daemon)
        assert (outage["onset_ms"], outage["deadline_ms"]) == (onset_ms, onset_ms + WITHIN_MS)
        assert daemon.metrics().by(JUMPS, "direction") == {}
