"""Plays events into a broker: a recording or a simulated day, each event at its own instant.

Order is everything: messages leave in the order of the events, acknowledgements are awaited in
that order, and after a lost connection everything from the first unacknowledged message on is
sent again. So an event may arrive twice but never before an earlier one, and none is missing.

MQTT 3.1.1, because it does all that a publisher needs and every broker speaks it.
"""

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from random import Random
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from monitor.clock import Clock
from monitor.core.events import AGENT_STATE, HEARTBEAT, Event
from monitor.formats.writing import to_wire

_ACKNOWLEDGED_WITHIN_S: Final = 30.0
_FENCE_WITHIN_S: Final = 2.0
_BACKOFF_S: Final = (0.2, 10.0)
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
# Codes of a CONNACK that no new attempt changes: bad user name or password, not authorized.
_REFUSALS: Final = frozenset((134, 135))
_LOG: Final = logging.getLogger(__name__)
# aiomqtt warns for each message in flight beyond ten; ours are meant to be.
_CLIENT_LOG: Final = logging.getLogger(f"{__name__}.client")
_CLIENT_LOG.setLevel(logging.ERROR)
# No event is added to a message of this size; brokers are often set to refuse more than 64 KiB.
_FULL_BYTES: Final = 56_000
# Queue level of calls that are in no queue, and of messages that hold calls of several.
NO_QUEUE: Final = "none"
SEVERAL_QUEUES: Final = "several"


@dataclass(frozen=True, slots=True)
class Destination:
    """A broker to publish to.

    Attributes:
        host: Name or address.
        port: TCP port.
        username: None connects anonymously.
        password: None sends none.
        tls: None connects in the clear.
    """

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None

    @classmethod
    def parse(cls, url: str, *, password: str | None = None) -> "Destination":
        """Read `mqtt://[user[:password]@]host[:port]`, or `mqtts://` with TLS.

        Args:
            url: The broker.
            password: Wins over one in the URL.

        Raises:
            ValueError: Another scheme, or no host.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"a broker is given as mqtt://host:port or mqtts://host:port: {url!r}")
        given = unquote(parts.password) if parts.password else None
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            username=unquote(parts.username) if parts.username else None,
            password=password or given,
            tls=ssl.create_default_context() if parts.scheme == "mqtts" else None,
        )


@dataclass(frozen=True, slots=True)
class _Message:
    topic: str
    payload: bytes
    events: int


def topic_of(event: Event) -> str:
    """The topic of an event: `acd/{source}/call/{queue}`, `/agent` or `/heartbeat`."""
    source = _level(event.source)
    if event.type == HEARTBEAT:
        return f"acd/{source}/heartbeat"
    if event.type == AGENT_STATE:
        return f"acd/{source}/agent"
    return f"acd/{source}/call/{_level(event.queue or NO_QUEUE)}"


async def play(
    events: Iterable[Event],
    *,
    destination: Destination,
    clock: Clock,
    first_ms: int | None = None,
    batch: int = 1,
    in_flight: int = 100,
    progress: Callable[[int], None] | None = None,
    due_ms: Callable[[Event], int] = attrgetter("at_ms"),
) -> int:
    """Publish events, each when the clock shows its instant; QoS 1.

    A broker that is away is tried again, for ever; cancel the task to give up.

    Args:
        events: In the order in which they are to arrive, `due_ms` ascending.
        destination: The broker.
        clock: Tells when an event is due; its speed is the speed of the play.
        first_ms: The recording's instant that falls on the clock's origin, epoch ms; None takes
            that of the first event. All instants on the wire are shifted by the difference.
        batch: How many events that are due a message may hold, >= 1; it is a JSON array when it
            holds several. They are of one source and one kind (calls, agents, heartbeats).
        in_flight: How many messages may be unacknowledged, >= 1.
        progress: Called with the number of events that the broker has acknowledged so far.
        due_ms: When an event is to arrive, by the recording's clock; when it happens by default.

    Returns:
        How many events were published; every one has been acknowledged.

    Raises:
        PermissionError: The broker refuses our name or password.
    """
    assert batch >= 1
    assert in_flight >= 1
    feed = _Feed(events, clock=clock, first_ms=first_ms, batch=batch, due_ms=due_ms)
    player = _Player(feed, in_flight=in_flight, progress=progress)
    # Jitter only, so that publishers that lost one broker do not return in step.
    jitter = Random()  # noqa: S311
    shortest_s, longest_s = _BACKOFF_S
    pause_s = shortest_s
    while True:
        before = player.acknowledged
        try:
            await _connect_and_run(player, destination, in_flight)
        except aiomqtt.MqttError as fault:
            code = getattr(fault, "rc", None)
            if isinstance(fault, MqttConnectError) and getattr(code, "value", code) in _REFUSALS:
                raise PermissionError(f"the broker does not let us in: {fault}") from fault
            _LOG.warning("The broker %s is away, trying again: %s", destination.host, fault)
            pause_s = shortest_s if player.acknowledged > before else min(2 * pause_s, longest_s)
            await asyncio.sleep(pause_s * jitter.uniform(0.5, 1.0))
        else:
            return player.acknowledged


async def _connect_and_run(player: "_Player", destination: Destination, in_flight: int) -> None:
    async with aiomqtt.Client(
        destination.host,
        destination.port,
        username=destination.username,
        password=destination.password,
        tls_context=destination.tls,
        protocol=aiomqtt.ProtocolVersion.V311,
        identifier=f"callcenter-monitor-player-{uuid4().hex[:8]}",
        timeout=_ACKNOWLEDGED_WITHIN_S,
        max_inflight_messages=in_flight,
        logger=_CLIENT_LOG,
        # A message is one small write; Nagle's algorithm would hold it back.
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    ) as client:
        await player.run(client)
        await _fence(client)


async def _fence(client: aiomqtt.Client) -> None:
    """Wait until the broker has passed on what it has acknowledged.

    amqtt throws away what it has acknowledged and not yet passed on when the publisher leaves. It
    handles a client's messages in order, so a last one that comes back to us is behind them all.
    A broker that does not let us subscribe passes everything on without this.
    """
    topic = f"callcenter-monitor/fence/{uuid4().hex}"
    with suppress(TimeoutError, aiomqtt.MqttError):
        async with asyncio.timeout(_FENCE_WITHIN_S):
            await client.subscribe(topic, qos=0)
            await client.publish(topic, b"", qos=1)
            await anext(aiter(client.messages))


class _Feed:
    """The events as messages that are due, one after another."""

    def __init__(
        self,
        events: Iterable[Event],
        *,
        clock: Clock,
        first_ms: int | None,
        batch: int,
        due_ms: Callable[[Event], int],
    ) -> None:
        self._events: Iterator[Event] = iter(events)
        self._clock = clock
        self._batch = batch
        self._due_ms = due_ms
        self._next = next(self._events, None)
        if first_ms is None:
            first_ms = 0 if self._next is None else due_ms(self._next)
        self._shift_ms = clock.origin_ms - first_ms

    def wait_s(self) -> float | None:
        """Wall seconds until the next message is due; None when there is none any more."""
        if self._next is None:
            return None
        return self._clock.seconds_until(self._due_ms(self._next) + self._shift_ms)

    def take(self) -> _Message:
        """The next message, whether or not its first event is due."""
        assert self._next is not None
        first = self._next
        topic = topic_of(first)
        family = _family(topic)
        due_ms = max(self._due_ms(first), self._clock.now_ms() - self._shift_ms)
        wires: list[bytes] = []
        size = 0
        event: Event | None = first
        while (
            event is not None
            and len(wires) < self._batch
            and size < _FULL_BYTES
            and self._due_ms(event) <= due_ms
        ):
            its_topic = topic_of(event)
            if its_topic != topic:
                if _family(its_topic) != family:
                    break
                topic = f"{family}/{SEVERAL_QUEUES}"
            wires.append(to_wire(event, self._shift_ms))
            size += len(wires[-1])
            event = next(self._events, None)
        self._next = event
        payload = wires[0] if len(wires) == 1 else b"[" + b",".join(wires) + b"]"
        return _Message(topic, payload, len(wires))


class _Player:
    """What is on its way, across connections."""

    def __init__(
        self, feed: _Feed, *, in_flight: int, progress: Callable[[int], None] | None
    ) -> None:
        self.acknowledged = 0
        self._feed = feed
        self._in_flight = in_flight
        self._progress = progress
        # Sent or to be sent again, oldest first; the left end is the first unacknowledged.
        self._unacknowledged: deque[_Message] = deque()

    async def run(self, client: aiomqtt.Client) -> None:
        """Send everything over one connection.

        Raises:
            aiomqtt.MqttError: The connection ended; what is unacknowledged is kept.
        """
        again = deque(self._unacknowledged)
        sent: deque[asyncio.Task[None]] = deque()
        # `publish` alone would wait for its acknowledgement beyond the end of the connection.
        ended = asyncio.create_task(_until_ended(client))
        try:
            while (wait_s := 0.0 if again else self._feed.wait_s()) is not None:
                if wait_s > 0:
                    await self._settle(sent, ended, 0)
                    await asyncio.wait((ended,), timeout=wait_s)
                    continue
                if again:
                    message = again.popleft()
                else:
                    message = self._feed.take()
                    self._unacknowledged.append(message)
                # Tasks start in the order of their creation, and `publish` hands the message to
                # paho before it first waits: so the order on the wire is ours.
                sent.append(
                    asyncio.create_task(client.publish(message.topic, message.payload, qos=1))
                )
                await self._settle(sent, ended, self._in_flight - 1)
            await self._settle(sent, ended, 0)
        finally:
            for task in (ended, *sent):
                task.cancel()
            await asyncio.gather(ended, *sent, return_exceptions=True)

    async def _settle(
        self, sent: deque[asyncio.Task[None]], ended: asyncio.Task[None], at_most: int
    ) -> None:
        """Await acknowledgements, oldest first, until at most so many are outstanding."""
        while len(sent) > at_most:
            if not sent[0].done():
                await asyncio.wait((sent[0], ended), return_when=asyncio.FIRST_COMPLETED)
            (sent[0] if sent[0].done() else ended).result()
            sent.popleft()
            self.acknowledged += self._unacknowledged.popleft().events
            if self._progress is not None:
                self._progress(self.acknowledged)
        if ended.done():
            ended.result()


async def _until_ended(client: aiomqtt.Client) -> None:
    """Wait for the end of the connection; a publisher has no messages to read before.

    Raises:
        aiomqtt.MqttError: Always, when it has ended.
    """
    async for _ in client.messages:
        pass
    raise aiomqtt.MqttError("the connection to the broker ended")


def _family(topic: str) -> str:
    """The topic without its queue: messages of one family may be joined."""
    return "/".join(topic.split("/", 3)[:3])


# A source has a few names, said over and over.
@lru_cache(maxsize=4096)
def _level(name: str) -> str:
    """A name as one level of a topic."""
    return "".join("_" if c in "+#/" or not c.isprintable() else c for c in name) or "_"
