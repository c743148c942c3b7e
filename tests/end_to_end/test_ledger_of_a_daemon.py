"""What a daemon has to answer for is in its ledger, whatever ends it, and can always be checked."""

import asyncio
import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from commands import records, run
from daemon import Daemon, Rehearsal, ending, source_config, wall_now_s
from real_parts import mosquitto, wait_until

from monitor.core.ledger import LedgerEntry, LedgerKind
from monitor.store.store import Store

pytestmark = pytest.mark.real

SPEED: Final = 20.0
ROWS: Final = "callcenter_monitor_ledger_rows"
INTACT: Final = "callcenter_monitor_ledger_intact"
BEHIND: Final = "callcenter_monitor_clock_behind_ledger"
HOUR_MS: Final = 3_600_000


def config_of(broker_url: str, windows: list[str]) -> dict[str, Any]:
    line = {"name": "members", "kind": "current-enrollee", "queues": ["members"]}
    return {
        "organization": "Example Health",
        "windows": windows,
        "contracts": [{"id": "H0001", "name": "Example Plan", "lines": [line]}],
        "sources": [source_config("pbx1", broker_url)],
    }


def listed(daemon: Daemon, *options: str) -> list[dict[str, Any]]:
    """What `ledger list` tells, with the daemon running or not."""
    done = run("ledger", "list", "--config", daemon.config_path, "--format", "json", *options)
    assert done.returncode == 0, done.stderr
    return records(done.stdout)


def gaps(daemon: Daemon, subject: str) -> list[dict[str, Any]]:
    rows = daemon.rows(
        f"SELECT body FROM ledger WHERE kind = 'gap' AND subject = '{subject}' ORDER BY n"
    )
    return [json.loads(body) for (body,) in rows]


def verified(daemon: Daemon, *options: str) -> str:
    """The head that `ledger verify` prints."""
    done = run("ledger", "verify", "--config", daemon.config_path, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def check_head(daemon: Daemon) -> str:
    """Command, API and metrics tell of the same head, while the daemon runs."""
    before = daemon.api("ledger/head")
    head = verified(daemon)
    metrics, after = daemon.metrics(), daemon.api("ledger/head")
    assert before == after
    assert head == after["hash"]
    assert metrics.value(ROWS) == after["rows"]
    assert metrics.by("callcenter_monitor_ledger_head_info", "hash") == {head[:16]: 1.0}
    assert metrics.value("callcenter_monitor_ledger_conflicts_total") == 0
    assert metrics.value(BEHIND) == 0
    return head


def check_life(daemon: Daemon) -> None:
    """Two starts, a kill between them, and what nobody heard."""
    told = listed(daemon)
    assert [row["n"] for row in told] == list(range(1, len(told) + 1))
    actions = [row["body"]["what"] for row in told if row["kind"] == "action"]
    assert actions == ["start", "start", "stop"]
    assert all(row["body"]["who"] for row in told if row["kind"] in {"action", "config"})

    first, second = [row["body"] for row in told if row["kind"] == "config"]
    assert first["old_hash"] is None
    assert second["old_hash"] == first["new_hash"] != second["new_hash"]
    assert second["who"] == "sighup"
    assert second["sources"] == ["pbx1"]

    starts = [row["at_ms"] for row in told if row["body"].get("what") == "start"]
    (down,) = gaps(daemon, "daemon")
    assert down["why"] == "daemon_down"
    assert down["after_stop"] is False
    assert starts[0] < down["from_ms"] < down["to_ms"] == starts[1]

    opened, lost = gaps(daemon, "source/pbx1")
    assert (opened["why"], opened["to_ms"]) == ("not_connected", None)
    assert (lost["why"], lost["kept_by_broker"]) == ("session_lost", False)
    assert opened["from_ms"] == lost["from_ms"] < down["to_ms"] < lost["to_ms"]
    assert listed(daemon, "--kind", "gap", "--subject", "source/") == [
        row for row in told if row["subject"] == "source/pbx1"
    ]


def test_the_ledger_tells_the_life_of_a_daemon(tmp_path: Path) -> None:
    # Without persistence a broker forgets the session when it is restarted.
    with mosquitto(tmp_path, "persistence false") as broker:
        clock = Rehearsal.beginning_in(0.0, speed=SPEED)
        daemon = Daemon(tmp_path / "daemon", config_of(broker.url, ["30m"]), clock=clock)
        with ending(daemon):
            daemon.start_and_connect()
            heads = [check_head(daemon)]

            daemon.write_config(config_of(broker.url, ["30m", "1h"]))
            daemon.signal(signal.SIGHUP)
            wait_until(lambda: daemon.metrics().value(ROWS) == 3, 10.0, "the configuration")
            heads.append(check_head(daemon))

            broker.stop()
            wait_until(lambda: gaps(daemon, "source/pbx1"), 20.0, "the gap while it lasts")
            daemon.kill()
            heads.append(verified(daemon))
            broker.start()
            daemon.start_and_connect()
            wait_until(lambda: len(gaps(daemon, "source/pbx1")) == 2, 10.0, "its end")
            assert daemon.terminate(20.0) == 0
            check_life(daemon)
            # Every head that was noted on the way still holds.
            for head in heads:
                verified(daemon, "--head", head)

            daemon.start_and_connect()
            wait_until(lambda: len(gaps(daemon, "daemon")) == 2, 10.0, "the time of the stop")
            assert gaps(daemon, "daemon")[-1]["after_stop"] is True
            # The broker was there all the time and kept the session.
            assert len(gaps(daemon, "source/pbx1")) == 2
            check_head(daemon)
            daemon.wait_metric(INTACT, 1, 10.0)
            assert daemon.terminate(20.0) == 0

            # A store whose guards are gone as well is set aside; here they are put back.
            with closing(sqlite3.connect(daemon.database_path)) as connection:
                (guard,) = connection.execute(
                    "SELECT sql FROM sqlite_schema WHERE name = 'ledger_no_update'"
                ).fetchone()
                connection.execute("DROP TRIGGER ledger_no_update")
                connection.execute("UPDATE ledger SET subject = 'nobody' WHERE n = 2")
                connection.execute(guard)
                connection.commit()
            daemon.start_and_connect()
            told = "ledger row 2 is not as it was written: changed"
            wait_until(lambda: told in daemon.log_text(), 10.0, "the check at the start")
            wait_until(lambda: daemon.metrics().value(INTACT) == 0, 10.0, "its result")
            done = run("ledger", "verify", "--config", daemon.config_path)
            assert (done.returncode, done.stderr.split(" (")[0]) == (1, "ledger row 2")


async def ahead(path: Path, at_ms: int) -> None:
    """A ledger whose newest entry is of that instant."""
    entry = LedgerEntry(at_ms, LedgerKind.ACTION, "contract/H0001", "test", {"what": "note"})
    async with Store.open(path) as store:
        await store.append([], entries=[entry], recorded_ms=at_ms)


def test_a_clock_behind_the_ledger_is_refused(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        daemon = Daemon(tmp_path / "daemon", config_of(broker.url, ["30m"]))
        ledger_ms = int(wall_now_s() * 1000) + HOUR_MS
        asyncio.run(ahead(daemon.database_path, ledger_ms))
        with ending(daemon):
            daemon.start()
            metrics = daemon.wait_metric("callcenter_source_up", 1, 20.0, source="pbx1")
            assert metrics.value(BEHIND) == 1
            status, told = daemon.get("/-/ready")
            assert status == 503
            assert "behind the ledger" in told
            assert "set the clock" in daemon.log_text()
            # Time stands still, so nothing falls due.
            stands = metrics.value("callcenter_monitor_snapshot_timestamp_seconds")
            assert stands <= ledger_ms / 1000
            daemon.stop()
        (clock,) = listed(daemon, "--kind", "clock")
        assert clock["body"]["ledger_ms"] == ledger_ms
        assert HOUR_MS - 60_000 < ledger_ms - clock["body"]["clock_ms"] <= HOUR_MS
        verified(daemon)
