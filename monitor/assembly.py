"""Makes sources, sinks and the web server's settings out of the configuration.

Everything here may fail (a secret that cannot be read, a certificate that is none) and touches
nothing that is alive, so that a reload can do all of it before it changes anything.
"""

import hashlib
import secrets
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from monitor.clock import Clock
from monitor.config.alerting import Alertmanager, Channel, Webhook
from monitor.config.explain import explain
from monitor.config.model import Config
from monitor.config.plan import to_plan
from monitor.config.secrets_file import SecretError, check_private, secret_of, token_of
from monitor.config.sources import Mqtt, Push
from monitor.core.plan import SECOND_MS, Plan
from monitor.formats.normalized import NormalizedDecoder
from monitor.keeping import Keeping
from monitor.sinks.alertmanager import AlertmanagerSink
from monitor.sinks.delivery import SessionOptions
from monitor.sinks.webhook import WebhookSink
from monitor.sources.mqtt import MqttSettings
from monitor.sources.push import PushSettings
from monitor.store.store import Store
from monitor.web.settings import WebSettings

_AGENT_KEY_BYTES = 32

Sink = AlertmanagerSink | WebhookSink


@dataclass(frozen=True, slots=True)
class Assembly:
    """All that follows from one configuration and is not alive yet.

    Attributes:
        config: The configuration.
        config_hash: Digest of it with all its defaults.
        plan: What the engine watches.
        decoders: One for each source.
        settings: How each source that has a broker reaches it.
        pushes: The sources that send their events to us.
        sinks: One for each channel of alerts.
        keeping: How long things are kept.
    """

    config: Config
    config_hash: str
    plan: Plan
    decoders: Mapping[str, NormalizedDecoder]
    settings: Mapping[str, MqttSettings]
    pushes: Mapping[str, PushSettings]
    sinks: Sequence[Sink]
    keeping: Keeping


def assemble(config: Config, *, agent_key: bytes, store: Store, clock: Clock, url: str) -> Assembly:
    """Make everything.

    Args:
        config: What the operator wants.
        agent_key: Secret for stand-ins of agents' names, and of what was refused.
        store: Where deliveries are remembered.
        clock: The engine's time.
        url: Where people reach the status page.

    Raises:
        SecretError: A secret cannot be read.
        ssl.SSLError: A certificate cannot be used.
    """
    return Assembly(
        config=config,
        config_hash=hashlib.sha256(explain(config).encode()).hexdigest(),
        plan=to_plan(config),
        decoders={
            source.name: NormalizedDecoder(source.name, agent_key) for source in config.sources
        },
        settings={
            source.name: _mqtt_settings(source.mqtt)
            for source in config.sources
            if source.mqtt is not None
        },
        pushes={
            source.name: _push_settings(source.http)
            for source in config.sources
            if source.http is not None
        },
        sinks=[_sink(channel, store, clock, url) for channel in config.alerts.channels],
        keeping=Keeping(
            checkpoint_every_ms=config.store.checkpoint_every_ms,
            events_ms=config.store.keep_events_ms,
            quarantine_ms=config.store.keep_quarantine_ms,
            alerts_ms=config.store.keep_alerts_ms,
            calls_ms=config.store.keep_calls_ms,
        ),
    )


def web_settings(config: Config) -> WebSettings:
    """Where to listen and whom to serve."""
    http = config.http
    return WebSettings(
        host=http.host,
        port=http.port,
        names=http.names,
        certificate_file=http.cert_file,
        key_file=http.key_file,
        users_file=http.users_file,
    )


def agent_key(database: Path) -> bytes:
    """The secret for stand-ins of agents' names, kept beside the database; made when missing.

    Raises:
        SecretError: The file cannot be read or written, or others can read it.
    """
    path = database.with_suffix(".key")
    try:
        try:
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(secrets.token_bytes(_AGENT_KEY_BYTES))
        except FileExistsError:
            check_private(path)
        key = path.read_bytes()
    except OSError as fault:
        raise SecretError(f"{path} cannot be used: {fault.strerror}") from fault
    if len(key) != _AGENT_KEY_BYTES:
        raise SecretError(f"{path} is damaged: remove it, and agents get new stand-ins")
    return key


def _push_settings(http: Push) -> PushSettings:
    return PushSettings(token_of(http.token_file, http.token_env), http.max_unacknowledged_bytes)


def _mqtt_settings(mqtt: Mqtt) -> MqttSettings:
    return MqttSettings(
        host=mqtt.host,
        topics=mqtt.topics,
        client_id=mqtt.client_id,
        port=mqtt.port,
        tls=mqtt.tls,
        ca_file=mqtt.ca_file,
        cert_file=mqtt.cert_file,
        key_file=mqtt.key_file,
        username=mqtt.username,
        password=secret_of(mqtt.password_file, mqtt.password_env),
        version=mqtt.version,
        receive_maximum=mqtt.receive_maximum,
        max_unacknowledged_bytes=mqtt.max_unacknowledged_bytes,
        maximum_packet_size=mqtt.maximum_packet_size,
        session_expiry_s=mqtt.session_expiry_ms // SECOND_MS,
        keepalive_s=mqtt.keepalive_ms // SECOND_MS,
    )


class _Remembered:
    """What one channel has delivered, in the store."""

    def __init__(self, store: Store, channel: str) -> None:
        self._store = store
        self._channel = channel

    async def mark(self, key: str, state: str, at_ms: int, status: int) -> None:
        await self._store.mark_delivered(self._channel, key, state, at_ms, str(status))


def _sink(channel: Channel, store: Store, clock: Clock, url: str) -> Sink:
    if channel.alertmanager is not None:
        return AlertmanagerSink(
            channel.name,
            channel.alertmanager.urls,
            wall_ms=clock.wall_ms,
            wall_now_ms=clock.wall_now_ms,
            is_sure=lambda: clock.is_sure,
            external_url=url.rstrip("/"),
            session_options=_session_options(channel.alertmanager),
        )
    webhook = channel.webhook
    assert webhook is not None
    return WebhookSink(
        channel.name,
        webhook.url,
        secret=secret_of(webhook.secret_file, webhook.secret_env),
        deliveries=_Remembered(store, channel.name),
        delivered={
            key: state for (name, key), state in store.delivered().items() if name == channel.name
        },
        wall_ms=clock.wall_ms,
        wall_now_ms=clock.wall_now_ms,
        external_url=url.rstrip("/"),
        session_options=_session_options(webhook),
    )


def _session_options(receiver: Alertmanager | Webhook) -> SessionOptions:
    authorization = None
    if isinstance(receiver, Alertmanager) and receiver.username is not None:
        password = secret_of(receiver.password_file, receiver.password_env) or ""
        authorization = aiohttp.BasicAuth(receiver.username, password).encode()
    tls = None
    if receiver.ca_file is not None:
        tls = ssl.create_default_context(cafile=receiver.ca_file)
    return SessionOptions(tls=tls, authorization=authorization)
