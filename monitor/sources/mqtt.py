"""The MQTT source: receives for ever, reconnects by itself, acknowledges what was committed.

Each connection is a fresh client with the same client id, never a clean start, so that the broker
keeps what is published while we are away. Topics are subscribed again each time; retained messages
come only with a new subscription, so that a reconnect does not repeat old states.

Of two instances that take the session from one another (see `ownership.py`), the one that has lost
it three times within a minute gives up and says why.

Nothing is decoded here. Speaks to the network; reads only the loop's monotonic time.
"""

import asyncio
import math
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from monitor.config.secrets_file import SecretError, check_private, check_readable
from monitor.sources.backoff import Backoff
from monitor.sources.inbox import Inbox, Message
from monitor.sources.ownership import Ownership
from monitor.sources.session import Session

BROKER_DISCARDED_TOPIC: Final = "$SYS/broker/publish/messages/dropped"
_STABLE_S: Final = 30.0
_FAILURE: Final = 0x80
_UNSUPPORTED_VERSION: Final = 0x84
# Client id not valid, bad user name or password, not authorized, banned, bad method.
_REFUSALS: Final = frozenset((_UNSUPPORTED_VERSION, 0x85, 0x86, 0x87, 0x8A, 0x8C))
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class TakenOverError(Exception):
    """Another instance uses our client id; only a person can end that."""


class RefusedError(Exception):
    """The broker does not let us in or not to a topic; the message says which."""


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


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What is known of one MQTT source now.

    Attributes:
        name: Of the source.
        connected: Whether it is connected and subscribed.
        session_present: Whether the broker had kept our session at the latest connection; None
            before the first.
        connects_total: Connections that the broker accepted.
        takeovers_total: Connections that ended because another one used our client id.
        sessions_lost_total: Reconnections to a broker that had forgotten the session, and with it
            whatever was published in between.
        last_error: Why it is not connected, or what the broker did not grant; None if all is well.
        broker_discarded: Messages that the broker says it has discarded, of all its clients, since
            its own start; None if it does not say.
        inbox_discarded_total: QoS 0 messages that found the inbox full.
    """

    name: str
    connected: bool = False
    session_present: bool | None = None
    connects_total: int = 0
    takeovers_total: int = 0
    sessions_lost_total: int = 0
    last_error: str | None = None
    broker_discarded: int | None = None
    inbox_discarded_total: int = 0


def parse_url(url: str) -> tuple[str, int, bool]:
    """Host, port and whether TLS is meant, of `mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`.

    Raises:
        ValueError: It is neither; the message says what is wrong.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{error}: write mqtt://HOST:PORT or mqtts://HOST:PORT") from None
    if parts.scheme not in _PORTS:
        raise ValueError("not an MQTT address: write mqtt://HOST:PORT or mqtts://HOST:PORT")
    if parts.username is not None or parts.password is not None:
        raise ValueError("credentials do not belong in the address: use username, password_file")
    if not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("an MQTT address has a host, a port and nothing else")
    if port == 0:
        raise ValueError("port 0 cannot be connected to")
    return parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts"


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


class MqttSource:
    """Receives from one broker into an inbox.

    Args:
        name: Of the source, as configured.
        settings: The broker and the session.
        inbox: Where messages go.
        on_status: Called with each new status; it must not block.
        backoff: Delays between tries; 1 s to 30 s by default.
    """

    def __init__(
        self,
        name: str,
        settings: MqttSettings,
        inbox: Inbox,
        on_status: Callable[[SourceStatus], None],
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self._name = name
        self._settings = settings
        self._inbox = inbox
        self._on_status = on_status
        self._backoff = backoff or Backoff()
        self._status = SourceStatus(name)
        self._ownership = Ownership(settings.client_id)

    @property
    def status(self) -> SourceStatus:
        """What is known now."""
        return replace(self._status, inbox_discarded_total=self._inbox.discarded(self._name))

    async def run(self) -> None:
        """Receive until cancelled; then disconnect so that the broker keeps the session.

        Raises:
            TakenOverError: Another instance uses the same client id.
        """
        loop = asyncio.get_running_loop()
        while True:
            started_s = loop.time()
            is_refused = False
            try:
                error = await self._connect_and_receive()
            except RefusedError as refusal:
                error = str(refusal)
                is_refused = True
            except (aiomqtt.MqttError, OSError, SecretError) as failure:
                error = str(failure) or type(failure).__name__
            except asyncio.CancelledError:
                self._set(connected=False)
                raise
            self._set(connected=False, last_error=error)
            if self._ownership.is_contested:
                raise TakenOverError(
                    f"source {self._name}: another instance uses client id "
                    f"{self._settings.client_id!r}; give each its own client_id"
                )
            if loop.time() - started_s >= _STABLE_S:
                self._backoff.reset()
            await asyncio.sleep(self._backoff.slow_s() if is_refused else self._backoff.next_s())

    async def _connect_and_receive(self) -> str:
        """One connection, from connecting to its end; returns why it ended."""
        settings = self._settings
        # Reading the files anew each time lets certificates be renewed without a restart.
        tls = await asyncio.to_thread(tls_context, settings) if settings.tls else None
        client = _client(settings, tls)
        session = Session(
            client,
            receive=lambda topic, payload, retain, mid: self._receive(
                session, topic, payload, retain=retain, mid=mid
            ),
            on_accepted=self._accepted,
            max_messages=2 * settings.receive_maximum,
            max_bytes=settings.max_unacknowledged_bytes,
        )
        try:
            async with client:
                session.start_reading()
                return await self._stay(client, session)
        except aiomqtt.MqttCodeError as error:
            if isinstance(error.rc, ReasonCode) and error.rc.value in _REFUSALS:
                raise RefusedError(_refusal(error.rc)) from error
            if session.ended.done():
                return "the connection ended while it was being set up"
            raise
        finally:
            session.close()
            if session.taken_over:
                self._ownership.taken_over(asyncio.get_running_loop().time())
                self._set(takeovers_total=self._ownership.takeovers_total)

    async def _stay(self, client: aiomqtt.Client, session: Session) -> str:
        """Subscribe, then wait until the connection ends; returns why."""
        settling = asyncio.create_task(self._settle(client))
        try:
            # aiomqtt would wait for the answer of a connection that has ended.
            await asyncio.wait((settling, session.ended), return_when=asyncio.FIRST_COMPLETED)
            if settling.done():
                settling.result()
            if self._ownership.is_contested:
                return "another instance uses our client id"
            return await session.ended
        finally:
            settling.cancel()

    async def _settle(self, client: aiomqtt.Client) -> None:
        """All that there is to do once on a new connection.

        Raises:
            RefusedError: A topic was refused.
        """
        if self._status.session_present:
            # It has its subscriptions, so messages flow, and the answer stands behind them.
            self._set(connected=True, last_error=None)
        shortfall = await self._subscribe(client)
        self._set(connected=True, last_error=shortfall)
        # Brokers that do not count, or do not tell us, are no worse for the feed.
        await client.subscribe(BROKER_DISCARDED_TOPIC, 0)
        if self._settings.announces:
            await self._ownership.announce(client)

    async def _subscribe(self, client: aiomqtt.Client) -> str | None:
        """Subscribe to everything; returns what was granted less than asked.

        Raises:
            RefusedError: A topic was refused.
        """
        topics = self._settings.topics
        # Behind a backlog that the reader is slow to take, the answer may take any time.
        timeout_s = math.inf if self._status.session_present else None
        if self._settings.version == "5":
            options = SubscribeOptions(
                qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
            )
            granted = await client.subscribe(
                [(topic, options) for topic in topics], timeout=timeout_s
            )
        else:
            granted = await client.subscribe([(topic, 1) for topic in topics], timeout=timeout_s)
        codes = [code.value if isinstance(code, ReasonCode) else code for code in granted]
        for topic, code in zip(topics, codes, strict=True):
            if code >= _FAILURE:
                raise RefusedError(f"the broker refuses the topic {topic!r} (code {code})")
        if 0 in codes:
            return "the broker grants QoS 0 only: what it sends while we are away is gone"
        return None

    def _accepted(self, session_present: bool) -> None:  # noqa: FBT001 (a callback)
        status = self._status
        is_forgotten = status.connects_total > 0 and not session_present
        self._inbox.reconnected(self._name, redelivers=session_present)
        self._set(
            session_present=session_present,
            connects_total=status.connects_total + 1,
            sessions_lost_total=status.sessions_lost_total + is_forgotten,
        )

    def _receive(
        self, session: Session, topic: str, payload: bytes, *, retain: bool, mid: int
    ) -> None:
        if mid:
            self._inbox.put(Message(self._name, topic, payload, retain, session, mid))
        elif topic == self._ownership.topic:
            self._ownership.receive(payload, asyncio.get_running_loop().time())
            self._set(takeovers_total=self._ownership.takeovers_total)
        elif topic != BROKER_DISCARDED_TOPIC:
            self._inbox.put(Message(self._name, topic, payload, retain))
        elif payload.isdigit() and len(payload) < 20:  # noqa: PLR2004 (digits of 64 bits)
            self._set(broker_discarded=int(payload))

    def _set(self, **changes: bool | int | str | None) -> None:
        status = replace(self._status, **changes)  # type: ignore[arg-type]
        if status != self._status:
            self._status = status
            self._on_status(self.status)


def _client(settings: MqttSettings, tls: ssl.SSLContext | None) -> aiomqtt.Client:
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


def _refusal(reason: ReasonCode) -> str:
    if reason.value == _UNSUPPORTED_VERSION:
        return "the broker does not speak this version of MQTT: set the other one (5 or 3.1.1)"
    return f"the broker refuses us: {reason}"
