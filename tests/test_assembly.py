"""What the operator writes about sources arrives where it has an effect."""

from pathlib import Path

import pytest
from config_files import SHORT, load_text

from monitor.assembly import assemble
from monitor.clock import Clock
from monitor.sources.mqtt import MqttSettings
from monitor.sources.push import PushSettings
from monitor.store.store import Store

TOKEN = "0123456789abcdef"


async def test_each_source_gets_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCM_TOKEN", TOKEN)
    text = SHORT + (
        "  - name: pbx2\n"
        "    format: normalized\n"
        "    mqtt: {url: mqtt://127.0.0.1, max_unacknowledged_bytes: 70000, "
        "maximum_packet_size: 60000, receive_maximum: 7}\n"
        "  - {name: dialer, format: normalized, http: {token_env: CCM_TOKEN}}\n"
    )
    config = load_text(tmp_path, text)
    async with Store.open(tmp_path / "monitor.db") as store:
        made = assemble(
            config, agent_key=b"k", store=store, clock=Clock(), url="http://127.0.0.1:9108"
        )
    assert set(made.decoders) == {"pbx1", "pbx2", "dialer"}
    # What the operator does not say is what the source does by itself.
    plain = MqttSettings(
        "b.example", ("acd/pbx1/#",), "callcenter-monitor-pbx1", port=8883, tls=True
    )
    assert made.settings["pbx1"] == plain
    said = made.settings["pbx2"]
    assert (said.max_unacknowledged_bytes, said.maximum_packet_size) == (70_000, 60_000)
    assert said.receive_maximum == 7
    assert made.pushes == {"dialer": PushSettings(TOKEN, 64 * 2**20)}
