"""The daemon is killed and stopped while calls come in: nothing may be missing or counted twice.

Two daemons listen to one broker. One is left alone; the other is killed at random instants, in the
middle of a commit or of its own start. In the end both must show what the recount says, and the
same alerts must have fired and ended.
"""

import random
import re
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from bank_table import bank_path
from daemon import Daemon, Rehearsal, ending, running, source_config
from end_to_end.bank_day import bank_config, check_whole_window, cut, playing, wait_counted
from end_to_end.pager import Pager
from real_parts import mosquitto, wait_until

pytestmark = pytest.mark.real

KILLS: Final = 30
# Eight working days at once are some 100 events in a second of the wall.
DATES: Final = [f"9908{day:02}" for day in (2, 3, 4, 5, 8, 9, 10, 11)]
# A kill blinds the daemon for as long as its start takes. The clock is slow enough for that to be
# a few minutes of the rehearsal, which do not change who is in breach.
KILLS_SPEED: Final = 110.0
STOP_SPEED: Final = 360.0
RULES: Final = [
    {
        "name": f"{measure}-breached".replace("_", "-"),
        "measure": measure,
        "window": "30m",
        "for": "5m",
        "clear_for": "5m",
        "no_data_for": "1m",
        "scopes": ["organization", "contract/*"],
    }
    for measure in ("service_level", "average_hold")
]
# The broker outlives these tests, and writing its whole memory down at every acknowledgement would
# make it the slowest part by far.
IN_MEMORY: Final = "persistence false"
RESTORED: Final = re.compile(r"restored: (\d+) events replayed, (\d+) calls open")


def told_states(daemon: Daemon) -> Counter[tuple[str, str, str]]:
    """How often which rule on which scope entered which state that somebody is told of."""
    rows = daemon.rows("SELECT rule, scope, state FROM alerts WHERE state != 'pending'")
    return Counter((rule, scope, state) for rule, scope, state in rows)


def check_history(daemon: Daemon) -> None:
    """Every alert enters every state once at most, and its states are in order."""
    order = {"pending": 0, "firing": 1, "resolved": 2}
    seen: dict[str, list[int]] = {}
    for key, state in daemon.rows("SELECT key, state FROM alerts ORDER BY id"):
        seen.setdefault(key, []).append(order[state])
    for key, states in seen.items():
        assert states == sorted(set(states)), f"{key}: {states}"


def stored_intervals(daemon: Daemon) -> list[tuple[Any, ...]]:
    """What every quarter of an hour brought to every scope."""
    return daemon.rows(
        "SELECT start, scope, calls_made, offered, answered, answered_within, late, abandoned,"
        " disconnected, ended, wait_ms_sum FROM intervals WHERE calls_made OR offered OR ended"
        " ORDER BY start, scope"
    )


def nothing_lasts(daemon: Daemon) -> bool:
    """Whether no alert pends or fires any more."""
    return not daemon.api("alerts?state=firing&state=pending")["alerts"]


def test_thirty_kills_change_no_figure_and_no_alert(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 (a failure has to be repeatable)
    rng = random.Random(seed)
    day = cut(bank_path(), tmp_path / "day.txt", DATES, hours=(10, 12), talk_max_s=900)
    with mosquitto(tmp_path, IN_MEMORY) as broker:
        clock = Rehearsal.beginning_in(4.0, speed=KILLS_SPEED)
        steady, killed = (
            Daemon(
                tmp_path / name,
                bank_config(
                    [source_config("bank", broker.url, client_id=name)],
                    RULES,
                    store={"checkpoint_every": "1s"},
                ),
                clock=clock,
            )
            for name in ("steady", "killed")
        )
        with (
            running(steady),
            running(killed),
            playing(day, broker, clock) as publisher,
        ):
            steady.wait_metric("callcenter_monitor_events_total", 1, 30.0, source="bank")
            kills_while_playing = 0
            for _ in range(KILLS):
                # Most find it at work, some in its start, which reads back what it had written.
                if rng.random() < 0.7:
                    wait_until(lambda: killed.get("/-/healthy")[0] == 200, 30.0, "its start")
                time.sleep(rng.uniform(0.0, 1.2))
                kills_while_playing += publisher.is_running
                killed.kill()
                killed.launch()
            assert kills_while_playing > KILLS // 2
            publisher.finish(180.0)
            killed.wait_ready()
            for daemon in (steady, killed):
                wait_counted(daemon, day, clock, 60.0)
                check_whole_window(daemon, day)
            for daemon in (steady, killed):
                wait_until(partial(nothing_lasts, daemon), 60.0, "every alert to end")
                check_history(daemon)
                assert daemon.metrics().by("callcenter_monitor_quarantined_total", "reason") == {}
            assert told_states(steady)[("service-level-breached", "organization", "firing")] > 0
            assert told_states(killed) == told_states(steady)
            wait_until(
                lambda: stored_intervals(killed) == stored_intervals(steady),
                30.0,
                "the same intervals",
            )
            assert sum(row[3] for row in stored_intervals(steady)) > 0
            assert len(RESTORED.findall(killed.log_text())) > KILLS // 2


def test_a_stop_in_good_order_tells_nobody_anything_twice(tmp_path: Path) -> None:
    day = cut(bank_path(), tmp_path / "day.txt", DATES, hours=(10, 11), talk_max_s=900)
    with mosquitto(tmp_path, IN_MEMORY) as broker, Pager().serving() as pager:
        clock = Rehearsal.beginning_in(4.0, speed=STOP_SPEED)
        channel = {"name": "pager", "webhook": {"url": pager.url}}
        config = bank_config([source_config("bank", broker.url)], RULES, [channel])
        daemon = Daemon(tmp_path / "daemon", config, clock=clock)
        with (
            running(daemon),
            playing(day, broker, clock) as publisher,
        ):
            wait_until(lambda: pager.has("firing"), 60.0, "an alert to be told")
            wait_until(lambda: daemon.rows("SELECT 1 FROM deliveries"), 10.0, "that to be noted")
            noted: set[tuple[str, str]] = set()
            for _ in range(2):
                noted.update(daemon.rows("SELECT key, state FROM deliveries"))
                assert daemon.terminate(10.0) == 0
                daemon.start_and_connect()
                replayed, still_open = RESTORED.findall(daemon.log_text())[-1]
                # The state was saved last of all, so nothing had to be replayed.
                assert int(replayed) == 0
                assert int(still_open) > 0
            publisher.finish(120.0)
            wait_counted(daemon, day, clock, 60.0)
            check_whole_window(daemon, day)
            wait_until(lambda: nothing_lasts(daemon), 60.0, "every alert to end")
            wait_until(lambda: pager.has_heard_all_ends, 30.0, "every end to be told")
            check_history(daemon)
        assert noted
        assert all(pager.told[change] == 1 for change in noted)
        # An answer that was on its way at the stop was not heard: then the same is said again,
        # under the same key.
        assert set(pager.told.values()) <= {1, 2}
        assert len({post[0] for post in pager.posts}) == len(pager.told)


def test_an_alert_that_ended_while_the_daemon_was_away_is_told_as_ended(tmp_path: Path) -> None:
    day = cut(bank_path(), tmp_path / "day.txt", DATES, hours=(10, 11), talk_max_s=900)
    with mosquitto(tmp_path, IN_MEMORY) as broker, Pager().serving() as pager:
        clock = Rehearsal.beginning_in(4.0, speed=STOP_SPEED)
        channel = {"name": "pager", "webhook": {"url": pager.url}}
        config = bank_config([source_config("bank", broker.url)], RULES, [channel])
        daemon = Daemon(tmp_path / "daemon", config, clock=clock)
        with ending(daemon):
            daemon.start_and_connect()
            with playing(day, broker, clock):
                wait_until(lambda: pager.has("firing"), 60.0, "an alert to be told")
            told = {key for _, key, status in pager.posts if status == "firing"}
            assert daemon.terminate(10.0) == 0
            # The window, the time without data and the time for which an end is remembered pass.
            time.sleep(50 * 60 / STOP_SPEED)
            daemon.start_and_connect()
            wait_until(
                lambda: told <= {key for _, key, status in pager.posts if status == "resolved"},
                20.0,
                "the end of what had been told as firing",
            )
            assert all(pager.told[key, "resolved"] == 1 for key in told)
