"""What the session reaches through to is still there, and behaves as it relies on."""

import importlib.metadata
import inspect
from collections.abc import Callable

import aiomqtt
import paho.mqtt.client
import pytest
from paho.mqtt.client import MQTTMessage

from monitor.sources.session import Session

VERSIONS = ", ".join(
    f"{name} {importlib.metadata.version(name)}" for name in ("aiomqtt", "paho-mqtt")
)
MOVED = f"moved in {VERSIONS}: mend monitor/sources/session.py before allowing this release"


async def fresh_client() -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", protocol=aiomqtt.ProtocolVersion.V5)


async def test_aiomqtt_still_drives_a_paho_client_in_its_private_attribute() -> None:
    client = await fresh_client()
    assert isinstance(getattr(client, "_client", None), paho.mqtt.client.Client), (
        f"aiomqtt.Client._client {MOVED}"
    )


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("_packet_queue", ["self", "command", "packet", "mid", "qos", "info"]),
        ("manual_ack_set", ["self", "on"]),
        ("loop_read", ["self", "max_packets"]),
        ("socket", ["self"]),
        ("disconnect", ["self", "reasoncode", "properties"]),
    ],
)
def test_paho_still_has_the_method(name: str, parameters: list[str]) -> None:
    method = getattr(paho.mqtt.client.Client, name, None)
    assert method is not None, f"paho Client.{name} {MOVED}"
    assert list(inspect.signature(method).parameters) == parameters, f"paho Client.{name} {MOVED}"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("on_connect", ["client", "userdata", "flags", "reason_code", "properties"]),
        ("on_disconnect", ["client", "userdata", "flags", "reason_code", "properties"]),
        ("on_message", ["client", "userdata", "message"]),
        ("on_socket_open", ["client", "userdata", "sock"]),
        ("on_socket_close", ["client", "userdata", "sock"]),
        ("on_socket_register_write", ["client", "userdata", "sock"]),
    ],
)
async def test_aiomqtt_still_sets_the_callback(name: str, parameters: list[str]) -> None:
    client = await fresh_client()
    callback: Callable[..., None] | None = getattr(client._client, name, None)
    assert callback is not None, f"callback {name} {MOVED}"
    assert list(inspect.signature(callback).parameters) == parameters, f"callback {name} {MOVED}"


async def test_a_topic_that_is_no_text_does_not_break_the_connection() -> None:
    """Brokers refuse such topics; one that does not must not lead to endless reconnection."""
    received: list[tuple[str, bytes, bool, int]] = []
    client = await fresh_client()
    Session(
        client,
        receive=lambda *message: received.append(message),
        on_accepted=lambda _: None,
        max_messages=10,
        max_bytes=1_000,
    )
    message = MQTTMessage(mid=7, topic=b"acd/\xff")
    message.payload = b"payload"
    client._client._handle_on_message(message)
    assert received == [("", b"payload", False, 7)]
