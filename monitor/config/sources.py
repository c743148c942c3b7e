"""Where events come from: one source for each ACD or adapter.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from monitor.config.durations import parse
from monitor.config.scalars import (
    DurationMs,
    FilePath,
    MqttUrl,
    Name,
    QueueKey,
    Text,
    Variable,
    between,
    is_name,
)
from monitor.config.section import Finding, Section
from monitor.config.wording import quoted

# Forms in which a live source may speak. Recordings have more; `replay` names them itself.
Format = Literal["normalized"]

_MQTT_PORT = 1_883
_MQTTS_PORT = 8_883


def _topic(text: str) -> str:
    levels = text.split("/")
    misplaced = any(
        ("#" in level and (level != "#" or at + 1 < len(levels))) or ("+" in level and level != "+")
        for at, level in enumerate(levels)
    )
    if misplaced or not text.isprintable() or len(text) > 256:  # noqa: PLR2004
        raise ValueError(f"is {quoted(text)}, an MQTT topic filter such as acd/pbx1/# is needed")
    return text


class Mqtt(Section):
    """A subscription at an MQTT 5 broker."""

    url: MqttUrl
    """mqtts://host:port; mqtt:// only to this machine."""
    topics: tuple[Annotated[str, AfterValidator(_topic)], ...] = Field(
        default=(), min_length=1, max_length=50
    )
    """Topic filters; acd/SOURCE/# when not given."""
    username: Text | None = None
    """Together with password_file or password_env."""
    password_file: FilePath | None = None
    """File with the password; not readable for other users."""
    password_env: Variable | None = None
    """Environment variable with the password, where files cannot be had."""
    ca_file: FilePath | None = None
    """Certificates that the broker's is checked against; the system's when not given."""
    cert_file: FilePath | None = None
    """Certificate shown to the broker, together with key_file."""
    key_file: FilePath | None = None
    """Its private key; not readable for other users."""
    client_id: Text = ""
    """Names the session that the broker keeps for us; callcenter-monitor-SOURCE when not given.
    Two daemons on purpose need two."""
    receive_maximum: int = Field(default=1_000, ge=1, le=65_535)
    """Messages that the broker may have in flight to us."""
    max_unacknowledged_bytes: int = Field(default=64 * 2**20, ge=2**16, le=2**34)
    """Bytes of messages that are not in the journal yet; more stop the reading."""
    maximum_packet_size: int = Field(default=2**20, ge=1_024, le=268_435_460)
    """The broker withholds larger packets, bytes. Of a message that holds more than 1 MiB nothing
    is taken, whatever is allowed here."""
    session_expiry_ms: Annotated[DurationMs, between("1m", "1y")] = Field(
        default=parse("7d"), alias="session_expiry"
    )
    """How long the broker keeps messages while we are away."""
    version: Literal["5", "3.1.1"] = "5"
    """Of MQTT; 3.1.1 for a broker that knows no better. It cannot tell us of a second instance."""
    keepalive_ms: Annotated[DurationMs, between("1s", "1h")] = Field(
        default=parse("30s"), alias="keepalive"
    )
    """A connection that is silent for longer is dead."""

    @property
    def host(self) -> str:
        """The broker's host."""
        return urlsplit(self.url).hostname or ""

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def port(self) -> int:
        """The broker's port."""
        return urlsplit(self.url).port or (_MQTTS_PORT if self.tls else _MQTT_PORT)

    def misfits(self) -> Iterator[Finding]:
        """Credentials and certificates come in pairs, and certificates with TLS."""
        yield from credential_misfits(self.username, self.password_file, self.password_env)
        yield from pair_misfits(self.cert_file, self.key_file)
        if self.max_unacknowledged_bytes < self.maximum_packet_size:
            yield (
                ("max_unacknowledged_bytes",),
                f"is less than one packet may have, {self.maximum_packet_size} at least is needed",
            )
        if not self.tls:
            for key in ("ca_file", "cert_file", "key_file"):
                if getattr(self, key) is not None:
                    yield (key,), "has no use without TLS, remove it or write mqtts://"


def credential_misfits(
    username: str | None, password_file: object, password_env: object
) -> Iterator[Finding]:
    """A user name needs exactly one password, and a password a user name."""
    if password_file is not None and password_env is not None:
        yield ("password_env",), "is given beside password_file, one of them is allowed"
    password = "password_file" if password_file is not None else "password_env"
    has_password = password_file is not None or password_env is not None
    if username is not None and not has_password:
        yield ("username",), "is without a password, password_file or password_env is needed"
    if username is None and has_password:
        yield (password,), "is without a user name, username is needed"


def pair_misfits(cert_file: object, key_file: object) -> Iterator[Finding]:
    """A certificate needs its private key and a key its certificate."""
    if cert_file is not None and key_file is None:
        yield ("cert_file",), "is without its private key, key_file is needed"
    if key_file is not None and cert_file is None:
        yield ("key_file",), "is without its certificate, cert_file is needed"


class Push(Section):
    """Events that are sent to us: POST /api/v1/events/SOURCE at the address of `http.listen`."""

    token_file: FilePath | None = None
    """File with the token that whoever sends has to show, 16 to 512 characters; not readable for
    other users. This or token_env."""
    token_env: Variable | None = None
    """Environment variable with the token, where files cannot be had."""
    max_unacknowledged_bytes: int = Field(default=64 * 2**20, ge=2**21, le=2**34)
    """Bytes of events that are not in the journal yet; who sends more is told to wait."""

    def misfits(self) -> Iterator[Finding]:
        """Nobody may send without a credential."""
        if self.token_file is not None and self.token_env is not None:
            yield ("token_env",), "is given beside token_file, one of them is allowed"
        if self.token_file is None and self.token_env is None:
            yield (), "has neither token_file nor token_env, one of them is needed"


class Source(Section):
    """One ACD or adapter; it is heard by `mqtt` or by `http`."""

    name: Name
    """What its events carry as source, and its level in the topics."""
    format: Format
    """How its messages are written."""
    mqtt: Mqtt | None = None
    """The broker that has its events."""
    http: Push | None = None
    """It sends its events to us."""
    queues: dict[Text, QueueKey] = Field(default={}, max_length=10_000)
    """The ACD's queue names to ours."""

    @model_validator(mode="before")
    @classmethod
    def _defaults_by_name(cls, data: object) -> object:
        """Topics and client id follow from the name."""
        if not isinstance(data, dict):
            return data
        name, mqtt = data.get("name"), data.get("mqtt")
        if not isinstance(mqtt, dict) or not isinstance(name, str) or not is_name(name):
            return data
        derived = {"topics": (f"acd/{name}/#",), "client_id": f"callcenter-monitor-{name}"}
        return {**data, "mqtt": {**derived, **mqtt}}

    def misfits(self) -> Iterator[Finding]:
        """There is one way in, and topics are those of this source alone."""
        if self.mqtt is None and self.http is None:
            yield (), "has neither mqtt nor http, one of them is needed"
        if self.mqtt is not None and self.http is not None:
            yield ("http",), "is given beside mqtt, one of them is allowed: make it two sources"
        for at, topic in enumerate(() if self.mqtt is None else self.mqtt.topics):
            levels = topic.split("/")
            if levels[:2] != ["acd", self.name] or len(levels) < 3:  # noqa: PLR2004
                yield (
                    ("mqtt", "topics", at),
                    (
                        f"is {quoted(topic)}, which is not of this source: acd/{self.name}/... "
                        "is needed"
                    ),
                )
