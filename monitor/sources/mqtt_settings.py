"""How an MQTT broker is reached: settings, address, certificates, and a client made of them.

Reads certificates from the disk; no clock.
"""

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from monitor.config.secrets_file import check_private, check_readable


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """How to reach one broker and what to ask of it.

    Attributes:
        host: Name or address.
        topics: Topic filters, subscribed with QoS 1.
        client_id: The same at every start, and different for every instance.
        port: TCP port.
        tls: Whether to speak TLS (1.2 or newer) and to check the broker's certificate and name.
        ca_file: PEM file of the authorities to trust; None for the system's.
        cert_file: PEM file of our certificate; None for none.
        key_file: PEM file of its key; None if it is in `cert_file`.
        username: User name; None for none.
        password: Password; never shown.
        version: MQTT 5, or 3.1.1 for brokers that know no better: then takeovers cannot be told
            from other ends, how long a session is kept is up to the broker, and retained messages
            come again with each connection.
        receive_maximum: How many unacknowledged messages the broker may have on the way. Twice as
            many stop the reading, for brokers that do not keep to it.
        max_unacknowledged_bytes: How many bytes of unacknowledged payload stop the reading.
        announces: Whether to leave our name at the broker, by which another instance with the same
            client id is recognized; see `ownership.py`.
        maximum_packet_size: The broker discards larger packets, bytes.
        session_expiry_s: How long the broker keeps our messages while we are away, seconds.
        keepalive_s: A connection that is silent so long is probed, seconds.
    """

    host: str
    topics: tuple[str, ...]
    client_id: str
    port: int = 1883
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    version: Literal["5", "3.1.1"] = "5"
    receive_maximum: int = 1_000
    max_unacknowledged_bytes: int = 64 * 2**20
    announces: bool = True
    maximum_packet_size: int = 2**20
    session_expiry_s: int = 7 * 86_400
    keepalive_s: int = 30

    def __post_init__(self) -> None:
        """Check what the configuration has checked before."""
        assert self.host
        assert self.topics
        assert self.client_id, "without a client id the broker cannot keep a session"
        assert 0 < self.receive_maximum < 2**16
        assert 0 < self.session_expiry_s < 2**32
        assert self.keepalive_s > 0


def tls_context(settings: MqttSettings) -> ssl.SSLContext:
    """A context with the certificates as they are on the disk now.

    Raises:
        SecretError: A file cannot be read, or everybody can read the key.
        ssl.SSLError: A file holds no certificate or key, or one that needs a password.
    """
    key_file = settings.key_file or settings.cert_file
    if settings.ca_file is not None:
        check_readable(settings.ca_file)
    if key_file is not None:
        check_private(key_file)
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.cert_file is not None:
        check_readable(settings.cert_file)
        # OpenSSL would ask for a missing password on the terminal, which a daemon does not have.
        context.load_cert_chain(settings.cert_file, settings.key_file, password="")
    return context


def new_client(settings: MqttSettings, tls: ssl.SSLContext | None) -> aiomqtt.Client:
    """A client that has not connected yet and will ask the broker to keep its session.

    Args:
        settings: The broker and the session.
        tls: Its certificates; None for no TLS.
    """
    # Acknowledgements are small packets that the broker waits for; Nagle's algorithm would hold
    # them back and halve the rate.
    no_delay = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if settings.version == "3.1.1":
        return aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.username,
            password=settings.password,
            identifier=settings.client_id,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=False,
            keepalive=settings.keepalive_s,
            tls_context=tls,
            socket_options=[no_delay],
        )
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = settings.session_expiry_s
    properties.ReceiveMaximum = settings.receive_maximum
    properties.MaximumPacketSize = settings.maximum_packet_size
    return aiomqtt.Client(
        settings.host,
        settings.port,
        username=settings.username,
        password=settings.password,
        identifier=settings.client_id,
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=False,
        properties=properties,
        keepalive=settings.keepalive_s,
        tls_context=tls,
        socket_options=[no_delay],
    )
