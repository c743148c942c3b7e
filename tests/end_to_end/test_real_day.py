"""One recorded day through everything that an operator runs: broker, daemon, Prometheus, pager."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from bank_table import bank_path
from daemon import (
    Daemon,
    Metrics,
    Rehearsal,
    promtool_findings,
    running,
    source_config,
)
from end_to_end.bank_day import BankDay, bank_config, cut, expected_of, playing, wait_counted
from real_parts import (
    Alertmanager,
    Mosquitto,
    Prometheus,
    alertmanager,
    mosquitto,
    prometheus,
    wait_until,
)

pytestmark = pytest.mark.real

SPEED: Final = 1500.0
RULE: Final[dict[str, Any]] = {
    "name": "service-level-breached",
    "measure": "service_level",
    "window": "30m",
    "for": "2m",
    "clear_for": "2m",
    "no_data_for": "1m",
    "severity": "page",
    "scopes": ["organization", "contract/*"],
}


class PagerWatch:
    """Everything that Alertmanager was seen to hold while somebody looked."""

    def __init__(self, manager: Alertmanager) -> None:
        self._manager = manager
        self._ended = threading.Event()
        self.seen: dict[frozenset[tuple[str, str]], dict[str, Any]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.2):
            for alert in self._manager.alerts():
                self.seen[frozenset(alert["labels"].items())] = alert


def check_prometheus(server: Prometheus, day: BankDay) -> None:
    """Every counter per queue as Prometheus has it, and what its sums make of them."""

    def value(name: str, **labels: str) -> float:
        # A selector needs the empty label too: it means that the label is absent.
        chosen = ",".join(f'{label}="{text}"' for label, text in labels.items())
        found = server.query(f"{name}{{{chosen}}}")
        assert len(found) == 1, f"{name}{{{chosen}}}: {found}"
        return float(found[0]["value"][1])

    assert expected_of(day.calls).differences(value) == {}
    assert float(server.query("sum(callcenter_calls_made_total)")[0]["value"][1]) == len(day.calls)
    joined = server.query(
        "sum by (contract) (callcenter_calls_offered_total"
        " * on (queue) group_right callcenter_queue_info)"
    )
    offered = {row["metric"].get("contract", ""): float(row["value"][1]) for row in joined}
    in_queue = [call.queue for call in day.calls if call.queue]
    assert offered["H0001"] == sum(queue in {"PS", "PE", "IN"} for queue in in_queue)
    assert offered["H0002"] == sum(queue in {"NE", "NW", "TT"} for queue in in_queue)


def check_status(daemon: Daemon, day: BankDay) -> None:
    """What the API says at a glance fits what was played."""
    status = daemon.api("status")
    assert status["not_ready"] == []
    assert status["organization"] == "Example Bank Health"
    assert status["open_calls"] == 0
    assert status["discards"] == {}
    assert status["quarantined"] == {}
    (source,) = status["sources"]
    assert source["name"] == "bank"
    assert source["is_connected"] is True
    assert source["events_total"] == day.event_count
    assert source["gaps_total"] == 0
    assert status["scopes"]["contract"] == 2
    assert status["scopes"]["line"] == 3


def check_pager(pager: Alertmanager, watch: PagerWatch, daemon: Daemon) -> None:
    """The breach was told while it lasted, and is over at the pager too."""
    labels = {
        "alertname": RULE["name"],
        "severity": RULE["severity"],
        "organization": "Example Bank Health",
        "scope": "organization",
    }
    assert frozenset(labels.items()) in watch.seen, sorted(map(sorted, watch.seen))
    alert = watch.seen[frozenset(labels.items())]
    assert alert["status"]["state"] == "active"
    assert "service level" in alert["annotations"]["summary"]
    assert alert["generatorURL"].startswith(daemon.url)
    wait_until(lambda: not pager.alerts(), 30.0, "every alert to be resolved at the pager")

    history = daemon.rows("SELECT state, reason FROM alerts WHERE scope = 'organization'")
    assert ("firing", "held") in history
    ends = {reason for state, reason in history if state == "resolved"}
    assert ends <= {"no_calls", "cleared"}
    assert history[-1][0] in {"resolved", "pending"}
    deliveries = daemon.metrics().by("callcenter_monitor_deliveries_total", "result")
    assert deliveries["sent"] > 0
    assert deliveries["failed"] == deliveries["refused"] == 0


def play_day(
    daemon: Daemon, broker: Mosquitto, pager: Alertmanager, day: BankDay, clock: Rehearsal
) -> tuple[Metrics, PagerWatch]:
    """Publish the day and look at the pager meanwhile; returns what is shown in the end."""
    watch = PagerWatch(pager)
    with (
        watch.watching(),
        playing(day, broker, clock, options=["--batch", "50"]) as publisher,
    ):
        assert f"{day.event_count} events published" in publisher.finish(180.0)
        shown = wait_counted(daemon, day, clock, 60.0)
    assert shown.by("callcenter_monitor_events_total", "source") == {"bank": day.event_count}
    return shown, watch


def test_a_recorded_day_is_counted_exactly_and_its_breach_reaches_the_pager(
    tmp_path: Path,
) -> None:
    day = cut(bank_path(), tmp_path / "day.txt", ["990803"])
    with mosquitto(tmp_path) as broker, alertmanager(tmp_path) as pager:
        clock = Rehearsal.beginning_in(4.0, speed=SPEED)
        channel = {"name": "ops", "alertmanager": {"urls": [pager.url]}}
        config = bank_config([source_config("bank", broker.url)], [RULE], [channel])
        daemon = Daemon(tmp_path / "daemon", config, clock=clock)
        with running(daemon), prometheus(tmp_path, [f"127.0.0.1:{daemon.port}"]) as server:
            shown, watch = play_day(daemon, broker, pager, day, clock)
            assert promtool_findings(shown) == ""

            reached = shown.value("callcenter_monitor_snapshot_timestamp_seconds")
            wait_until(
                lambda: server.query(
                    f"callcenter_monitor_snapshot_timestamp_seconds >= {reached:.3f}"
                ),
                20.0,
                "Prometheus to have scraped the end of the day",
            )
            check_prometheus(server, day)
            assert [target["health"] for target in server.targets()] == ["up"]
            assert daemon.get("/-/ready") == (200, "ready\n")
            check_status(daemon, day)
            check_pager(pager, watch, daemon)
