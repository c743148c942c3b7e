"""Parts that are away, come back, or are there twice; and what an operator gets wrong."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from commands import run, write_recording
from daemon import Daemon, ending, running, source_config, wall_now_s
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from real_parts import Mosquitto, alertmanager, free_port, mosquitto, wait_until

pytestmark = pytest.mark.real

OFFERED: Final = "callcenter_calls_offered_total"


def config_of(
    broker_url: str, *, client_id: str | None = None, pager_url: str | None = None
) -> dict[str, Any]:
    """One queue, judged on a single call; the rule fires at once."""
    rule = {
        "name": "disconnects-breached",
        "measure": "disconnect_ratio",
        "window": "1h",
        "for": "0s",
        "scopes": ["organization"],
    }
    channels = [{"name": "ops", "alertmanager": {"urls": [pager_url]}}] if pager_url else []
    return {
        "organization": "Example Health",
        "contracts": [
            {
                "id": "H0001",
                "name": "Example Plan",
                "lines": [{"name": "members", "kind": "current-enrollee", "queues": ["members"]}],
            }
        ],
        "sources": [source_config("pbx1", broker_url, client_id=client_id)],
        "verdicts": {"min_calls": 1},
        "alerts": {"rules": [rule], "channels": channels},
    }


@contextmanager
def publisher_to(broker: Mosquitto) -> Iterator[Client]:
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def publish(broker: Mosquitto, kind: str, call_id: str, **more: object) -> None:
    """Publish one event of now; returns when the broker has it."""
    event = {
        "v": 1,
        "type": kind,
        "source": "pbx1",
        "ts": wall_now_s(),
        "call_id": call_id,
        "queue": "members",
        **more,
    }
    with publisher_to(broker) as client:
        sent = client.publish("acd/pbx1/call/members", json.dumps(event), qos=1)
        sent.wait_for_publish(10.0)
        assert sent.is_published()


def unready_with(daemon: Daemon, text: str) -> bool:
    status, told = daemon.get("/-/ready")
    return status == 503 and text in told


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """What a failed command said: one line that tells, and no trace of its insides."""
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_broker_that_is_away_is_waited_for(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        broker.stop()
        daemon = Daemon(tmp_path / "daemon", config_of(broker.url))
        with ending(daemon):
            daemon.start()
            wait_until(
                lambda: unready_with(daemon, "source pbx1 is not connected"), 20.0, "its complaint"
            )
            assert daemon.get("/-/healthy") == (200, "healthy\n")
            assert daemon.metrics().value("callcenter_source_up", source="pbx1") == 0
            broker.start()
            daemon.wait_ready(60.0)
            publish(broker, "call.queued", "one")
            daemon.wait_metric(OFFERED, 1, 10.0, queue="members")

            broker.stop()
            wait_until(lambda: daemon.get("/-/ready")[0] == 503, 20.0, "the end to be noticed")
            broker.start()
            # It is published before the daemon is back, and kept for it.
            publish(broker, "call.queued", "two")
            daemon.wait_ready(60.0)
            shown = daemon.wait_metric(OFFERED, 2, 10.0, queue="members")
            assert shown.value("callcenter_source_up", source="pbx1") == 1
            own = "callcenter_monitor_mqtt_"
            assert shown.value(f"{own}connects_total", source="pbx1") >= 2
            assert shown.value(f"{own}sessions_forgotten_total", source="pbx1") == 0


def test_a_pager_that_is_away_gets_the_alert_later(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker, alertmanager(tmp_path) as pager:
        pager.stop()
        daemon = Daemon(tmp_path / "daemon", config_of(broker.url, pager_url=pager.url))
        with running(daemon):
            publish(broker, "call.disconnected", "cut-off", reason="error")
            labels = {"channel": "ops", "result": "failed"}
            daemon.wait_metric("callcenter_monitor_deliveries_total", 1, 20.0, **labels)
            assert daemon.get("/-/ready") == (200, "ready\n")
            pager.start()
            wait_until(pager.alerts, 60.0, "the alert at the pager")
            (alert,) = pager.alerts()
            assert alert["labels"] == {
                "alertname": "disconnects-breached",
                "severity": "critical",
                "scope": "organization",
                "organization": "Example Health",
            }
            assert daemon.api("alerts?state=firing")["alerts"][0]["denominator"] == 1


def test_a_second_daemon_on_one_store_does_not_start(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        config = config_of(broker.url)
        first, second = (Daemon(tmp_path / name, config) for name in ("first", "second"))
        second.write_config({**config, "store": {"path": str(first.database_path)}})
        with running(first):
            done = run("run", "--config", second.config_path)
            assert done.returncode == 1
            told = one_line(done)
            assert str(first.database_path) in told
            assert f"in use by another instance (process {first.pid})" in told
            assert first.get("/-/ready") == (200, "ready\n")


def test_of_two_daemons_with_one_client_id_one_gives_up(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        config = config_of(broker.url, client_id="the-same")
        pair = [Daemon(tmp_path / name, config) for name in ("first", "second")]
        with ending(*pair):
            pair[0].start_and_connect()
            pair[1].start()
            wait_until(
                lambda: not all(daemon.is_running for daemon in pair), 90.0, "one to give up"
            )
            loser, winner = sorted(pair, key=lambda daemon: daemon.is_running)
            assert winner.is_running
            assert loser.wait_exit(10.0) == 1
            assert "another instance uses client id 'the-same'" in loser.log_tail(1)
            assert "Traceback" not in loser.log_text()
            winner.wait_ready(60.0)
            publish(broker, "call.queued", "one")
            winner.wait_metric(OFFERED, 1, 10.0, queue="members")


def test_an_address_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        config = config_of(broker.url)
        first, second = (Daemon(tmp_path / name, config) for name in ("first", "second"))
        text = second.config_path.read_text(encoding="utf-8")
        second.config_path.write_text(text.replace(str(second.port), str(first.port)))
        with running(first):
            done = run("run", "--config", second.config_path)
            assert done.returncode == 1
            last = done.stderr.strip().splitlines()[-1]
            assert "address already in use" in last.lower()
            assert str(first.port) in last
            assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "text", [None, "", "organization: [", "organization: Example\nsources: none\n", "\x00"]
)
def test_a_configuration_that_cannot_be_used_is_wrong_usage(
    tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    done = run("run", "--config", path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert all(line.startswith(str(path)) for line in done.stderr.strip().splitlines())


def test_an_input_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    absent = tmp_path / "absent.txt"
    replayed = run("replay", "--format", "anonymous-bank", absent)
    assert (replayed.returncode, replayed.stdout) == (1, "")
    assert str(absent) in one_line(replayed)
    broker = f"mqtt://127.0.0.1:{free_port()}"
    published = run("publish", "--format", "normalized", "--broker", broker, absent)
    assert (published.returncode, published.stdout) == (1, "")
    assert str(absent) in one_line(published)


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay",),
        ("replay", "FILE"),
        ("replay", "--format", "nonsense", "FILE"),
        ("replay", "--format", "normalized", "--every", "soon", "FILE"),
        ("replay", "--format", "normalized", "--every", "0s", "FILE"),
        ("publish", "--format", "normalized", "FILE"),
        ("publish", "--format", "normalized", "--broker", "http://127.0.0.1", "FILE"),
        ("publish", "--format", "normalized", "--broker", "mqtt://127.0.0.1", "--speed=0", "FILE"),
        ("run", "--speed", "-1"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_wrong_usage_has_its_own_exit_code(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    recording = str(write_recording(tmp_path / "recording.ndjson"))
    done = run(*(recording if argument == "FILE" else argument for argument in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
