"""Damage in the store: the daemon goes on with what is sound, and counts what it left out."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from daemon import Daemon, contract_config, ending, source_config, wall_now_s
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from real_parts import Mosquitto, mosquitto

pytestmark = pytest.mark.real

OFFERED: Final = "callcenter_calls_offered_total"
OWN: Final = "callcenter_monitor_"


def publish_call(broker: Mosquitto, call_id: str) -> None:
    """Publish that a call was queued now; returns when the broker has it."""
    event = {
        "v": 1,
        "type": "call.queued",
        "source": "pbx1",
        "ts": wall_now_s(),
        "call_id": call_id,
        "queue": "members",
    }
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        sent = client.publish("acd/pbx1/call/members", json.dumps(event), qos=1)
        sent.wait_for_publish(10.0)
        assert sent.is_published()
    finally:
        client.disconnect()
        client.loop_stop()


def test_damage_is_counted_and_the_rest_is_there(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        config = {
            "organization": "Example Health",
            "contracts": [contract_config("H0001", members=["members"])],
            "sources": [source_config("pbx1", broker.url)],
        }
        daemon = Daemon(tmp_path / "daemon", config)
        with ending(daemon):
            daemon.start_and_connect()
            publish_call(broker, "call-1")
            daemon.wait_metric(OFFERED, 1, 10.0, queue="members")
            publish_call(broker, "call-2")
            shown = daemon.wait_metric(OFFERED, 2, 10.0, queue="members")
            assert shown.value(f"{OWN}journal_damaged_rows_total") == 0
            assert shown.value(f"{OWN}checkpoints_damaged_total") == 0
            assert shown.by(f"{OWN}inbox_discarded_total", "source") == {"pbx1": 0}
            assert daemon.terminate() == 0

            with closing(sqlite3.connect(daemon.database_path)) as other, other:
                (saved,) = other.execute("SELECT count(*) FROM checkpoint").fetchone()
                other.execute("UPDATE checkpoint_part SET body = x'00'")
                other.execute(
                    "UPDATE journal SET body = x'00' WHERE id = (SELECT max(id) FROM journal)"
                )
            daemon.start_and_connect()
            shown = daemon.wait_metric(OFFERED, 1, 10.0, queue="members")
            assert shown.value(OFFERED, queue="members") == 1
            assert shown.value(f"{OWN}journal_damaged_rows_total") == 1
            assert shown.value(f"{OWN}checkpoints_damaged_total") == saved > 0
