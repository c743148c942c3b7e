"""The configuration is read again while calls come in: by signal, and over HTTP."""

import json
import re
import signal
from pathlib import Path
from typing import Any, Final

import pytest
from bank_table import bank_path
from daemon import Daemon, Rehearsal, contract_config, running, source_config
from end_to_end.bank_day import QUEUES, BankDay, cut, playing, wait_counted
from end_to_end.pager import Pager
from real_parts import Mosquitto, mosquitto, wait_until
from recount import BankRecount

pytestmark = pytest.mark.real

SPEED: Final = 120.0
DATES: Final = [f"9908{day:02}" for day in (2, 3, 4, 5)]
RELOADED: Final = "callcenter_monitor_config_last_reload_successful"


def rule(name: str, **more: object) -> dict[str, Any]:
    """A rule that the bank's calls break all day long."""
    return {
        "name": name,
        "measure": "service_level",
        "window": "30m",
        "for": "1m",
        "scopes": ["organization"],
        **more,
    }


def config_of(
    broker: Mosquitto,
    pager: Pager,
    *,
    queues: list[str],
    windows: list[str],
    rules: list[dict[str, Any]],
    receive_maximum: int = 100,
) -> dict[str, Any]:
    return {
        "organization": "Example Bank Health",
        "windows": windows,
        "contracts": [contract_config("H0001", all=queues)],
        "sources": [source_config("bank", broker.url, receive_maximum=receive_maximum)],
        "alerts": {
            "rules": rules,
            "channels": [{"name": "pager", "webhook": {"url": pager.url}}],
        },
    }


def offered(daemon: Daemon) -> dict[str, float]:
    return daemon.metrics().by("callcenter_calls_offered_total", "queue")


def window(daemon: Daemon, label: str, scope: str = "organization") -> dict[str, Any]:
    found: dict[str, Any] = daemon.api(f"windows?window={label}&scope={scope}")["windows"][0]
    return found


def refuse_a_bad_file(daemon: Daemon, good: dict[str, Any]) -> None:
    """A signal with a faulty file changes nothing, and the log says where the fault is."""
    daemon.write_config({**good, "windows": ["30m", "bogus"]})
    before = offered(daemon)
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.metrics().value(RELOADED) == 0, 10.0, "the refusal to be shown")

    faults = re.findall(rf"{re.escape(str(daemon.config_path))}:(\d+): (.*)", daemon.log_text())
    assert faults
    lines = daemon.config_path.read_text(encoding="utf-8").splitlines()
    assert {lines[int(line) - 1].strip() for line, _ in faults} == {'"bogus"'}
    assert all("windows" in told for _, told in faults)

    assert daemon.get("/-/ready") == (200, "ready\n")
    assert daemon.api("status")["windows"] == good["windows"]
    # Over HTTP the faults are the answer.
    status, told = daemon.get("/-/reload", method="POST")
    assert status == 422
    assert f"{daemon.config_path}:{faults[0][0]}: " in told
    wait_until(
        lambda: sum(offered(daemon).values()) > sum(before.values()), 30.0, "calls to come in still"
    )


def check_whole(daemon: Daemon, day: BankDay) -> None:
    """The longest window still holds every call, from before the reloads and after."""
    recount = BankRecount(day.calls)
    total = recount.lifetime()
    found = window(daemon, "24h")
    names = ("offered", "answered", "answered_within", "late", "abandoned", "ended", "wait_ms_sum")
    assert {name: found[name] for name in names} == {name: total[name] for name in names}
    counts = offered(daemon)
    for queue in QUEUES:
        if queue != "TT":
            assert counts[queue] == recount.lifetime(f"queue/{queue}")["offered"]
    # What came before the queue was known stays where it was counted.
    of_tt = recount.lifetime("queue/TT")["offered"]
    assert counts["TT"] + counts["unconfigured"] == of_tt


def test_a_reload_changes_what_is_watched_and_no_count(tmp_path: Path) -> None:
    day = cut(bank_path(), tmp_path / "day.txt", DATES, hours=(10, 11), talk_max_s=900)
    known = [queue for queue in QUEUES if queue != "TT"]
    with mosquitto(tmp_path) as broker, Pager().serving() as pager:
        clock = Rehearsal.beginning_in(4.0, speed=SPEED)
        first = config_of(
            broker, pager, queues=known, windows=["30m", "24h"], rules=[rule("going")]
        )
        daemon = Daemon(tmp_path / "daemon", first, clock=clock)
        with (
            running(daemon),
            playing(day, broker, clock) as publisher,
        ):
            wait_until(lambda: pager.has("firing"), 60.0, "the alert to be told")
            refuse_a_bad_file(daemon, first)

            # A known queue, window and rule more, and a rule less.
            second = config_of(
                broker,
                pager,
                queues=[*known, "TT"],
                windows=["10m", "30m", "24h"],
                rules=[rule("coming", window="10m", severity="warning")],
            )
            before, held = offered(daemon), window(daemon, "24h")
            daemon.write_config(second)
            daemon.signal(signal.SIGHUP)
            wait_until(lambda: daemon.metrics().value(RELOADED) == 1, 10.0, "the reload")
            wait_until(
                lambda: daemon.api("status")["windows"] == second["windows"], 10.0, "the windows"
            )
            after = offered(daemon)
            assert all(after[queue] >= count for queue, count in before.items())
            assert window(daemon, "24h")["offered"] >= held["offered"] > 0
            # The new window is summed from what is held, so it is not empty at first.
            assert 0 < window(daemon, "10m")["offered"] <= window(daemon, "30m")["offered"]

            going = ("Example Bank Health/going/organization", "resolved")
            wait_until(
                lambda: going in {(key.rpartition("/")[0], told) for _, key, told in pager.posts},
                10.0,
                "the end of the alert whose rule is gone",
            )
            ends = daemon.rows("SELECT reason FROM alerts WHERE rule='going' AND state='resolved'")
            assert ends[-1] == ("rule_removed",)
            wait_until(
                lambda: any("/coming/" in key for _, key, _ in pager.posts),
                30.0,
                "the alert of the new rule",
            )

            # Another setting of the source makes it connect anew, in the middle of the feed.
            connected = "source bank is connected"
            connects = daemon.log_text().count(connected)
            daemon.write_config(json.loads(json.dumps(second).replace("100", "200")))
            assert daemon.get("/-/reload", method="POST") == (200, "reloaded\n")
            assert publisher.is_running
            daemon.wait_ready()
            assert daemon.log_text().count(connected) > connects
            publisher.finish(120.0)
            wait_counted(daemon, day, clock, 60.0, queues=known)
            check_whole(daemon, day)
