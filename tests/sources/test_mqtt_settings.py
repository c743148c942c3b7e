"""Addresses of brokers."""

import pytest

from monitor.sources.mqtt_settings import parse_url


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("mqtt://127.0.0.1", "127.0.0.1", 1883, False),
        ("mqtt://broker:2883/", "broker", 2883, False),
        ("mqtts://broker.example", "broker.example", 8883, True),
        ("MQTTS://broker.example:443", "broker.example", 443, True),
        ("mqtt://[::1]:1884", "::1", 1884, False),
    ],
)
def test_an_address_has_a_host_a_port_and_a_kind(
    url: str,
    host: str,
    port: int,
    tls: bool,  # noqa: FBT001 (a table)
) -> None:
    assert parse_url(url) == (host, port, tls)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker",
        "broker:1883",
        "http://broker",
        "mqtt://",
        "mqtt://:1883",
        "mqtt://broker:0",
        "mqtt://broker:65536",
        "mqtt://broker:port",
        "mqtt://[::1",
        "mqtt://broker/topic",
        "mqtt://broker?x=1",
        "mqtt://user:secret@broker",
    ],
)
def test_anything_else_is_refused_without_repeating_a_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"mqtt|address|port|credentials|IPv6") as refused:
        parse_url(url)
    assert "secret" not in str(refused.value)
