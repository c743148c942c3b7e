"""A source with its inbox under a test's control, and a publisher."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiomqtt
from real_parts import wait_until_async

from monitor.backoff import Backoff
from monitor.sources.inbox import Inbox, Message
from monitor.sources.mqtt import MqttSource, SourceStatus
from monitor.sources.mqtt_settings import MqttSettings
from monitor.sources.session import Session

WITHIN_S = 20.0
TOPIC = "acd/pbx1/call/q1"


def settings_for(port: int, **changes: Any) -> MqttSettings:  # noqa: ANN401 (any field)
    """Settings for a broker on loopback."""
    plain = MqttSettings(host="127.0.0.1", port=port, topics=("acd/#",), client_id="monitor-test")
    return replace(plain, **changes)


class Receiver:
    """One run of a source.

    Attributes:
        inbox: Where its messages wait.
        source: The source.
        task: Its run.
        statuses: Every status it told.
    """

    def __init__(self, settings: MqttSettings, inbox: Inbox | None = None) -> None:
        self.inbox = Inbox() if inbox is None else inbox
        self.statuses: list[SourceStatus] = []
        backoff = Backoff(first_s=0.05, cap_s=0.5, floor=0.5)
        self.source = MqttSource(
            "pbx1", settings, self.inbox, self.statuses.append, backoff=backoff
        )
        self.task = asyncio.create_task(self.source.run())

    async def connected(self, connects: int = 1) -> None:
        """Wait until the source is connected for at least the given time."""
        await wait_until_async(
            lambda: self.source.status.connected and self.source.status.connects_total >= connects,
            WITHIN_S,
            f"connection {connects}, {self.source.status}",
        )

    async def take(self, count: int) -> list[Message]:
        """Take exactly so many messages, without acknowledging them."""
        taken: list[Message] = []
        async with asyncio.timeout(WITHIN_S):
            while len(taken) < count:
                taken += await self.inbox.take(count - len(taken), 2**30)
        return taken

    async def stop(self) -> None:
        """Cancel the run, as a shutdown does."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def receiving(settings: MqttSettings, inbox: Inbox | None = None) -> AsyncIterator[Receiver]:
    """Run a source that is connected; it is cancelled at the end."""
    receiver = Receiver(settings, inbox)
    try:
        await receiver.connected()
        yield receiver
    finally:
        await receiver.stop()


async def publish(
    port: int, payloads: Iterable[bytes], *, topic: str = TOPIC, qos: int = 1, retain: bool = False
) -> None:
    """Publish in order; returns when the broker has acknowledged everything."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for payload in payloads:
            await client.publish(topic, payload, qos=qos, retain=retain)


def cut(message: Message) -> None:
    """Break the connection that delivered a message, without a word to the broker."""
    assert isinstance(message.connection, Session)
    sock = message.connection._paho.socket()
    assert isinstance(sock, socket.socket)
    sock.shutdown(socket.SHUT_RDWR)


def payloads(messages: Iterable[Message]) -> list[bytes]:
    """What the messages carry."""
    return [message.payload for message in messages]


def numbered(first: int, last: int) -> list[bytes]:
    """Payloads that tell their number."""
    return [b"%05d" % number for number in range(first, last + 1)]
