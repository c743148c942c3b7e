"""The inbox: where what the sources received waits until the runner takes it.

One commit costs milliseconds on a real disk, whether it holds one message or thousands. So the
inbox hands out everything that has arrived since the last commit, and while that is committed the
next batch gathers: the busier the feed, the larger the batch, without any setting. What it does
for one message is an append, because the throughput of the daemon hangs on it.

Invariants: messages leave in the order in which they came. What waits is bounded. A message is
discarded only when a bound is reached, and counted unless its source delivers it again.

One event loop, no I/O, no clock.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Message(Struct, gc=False, eq=False):
    """One message as it arrived; nothing in it has been looked at.

    Attributes:
        source: Name of the source, as configured.
        topic: MQTT topic; empty when it was no UTF-8, None when it came by another way.
        payload: The bytes.
        retain: Whether the broker kept it from before the subscription: it tells a state, not
            that something has happened now.
        connection: Where it is acknowledged; None when nobody waits for that.
        token: What `connection` knows it by.
        receipt: What becomes of it is written here; None when nobody asks.
    """

    source: str
    topic: str | None
    payload: bytes
    retain: bool = False
    connection: "Connection | None" = None
    token: int = 0
    receipt: "Receipt | None" = None


class Receipt(Struct, gc=False, eq=False):
    """What became of one message; to be believed once the message is acknowledged.

    Attributes:
        events: How many events of it were taken in; None when nobody looked at it, because its
            source had just been removed from the configuration.
        refused: How many of its parts were refused, by reason.
    """

    events: int | None = None
    refused: dict[str, int] = {}


class Connection(Protocol):
    """What delivered messages and is told that they are safe."""

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledge `messages` in this order, or do nothing if the connection is gone."""


class Inbox:
    """Takes messages from several sources and hands them out in batches to one reader.

    The bounds hold for messages without a `connection` (QoS 0) only. The others are bounded by
    their source, which stops the flow while too many are unacknowledged.

    Args:
        max_messages: How many messages may wait.
        max_bytes: How many bytes of payload may wait.
    """

    def __init__(self, *, max_messages: int = 20_000, max_bytes: int = 64 * 2**20) -> None:
        assert max_messages > 0
        assert max_bytes > 0
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._waiting: list[Message] = []
        self._waiting_bytes = 0
        self._arrival: asyncio.Future[None] | None = None
        self._discarded: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of payload that wait."""
        return self._waiting_bytes

    def discarded(self, source: str) -> int:
        """How many messages of `source` were discarded because a bound was reached."""
        return self._discarded[source]

    def put(self, message: Message) -> bool:
        """Add a message behind the others; False if it was discarded instead."""
        size = len(message.payload)
        if message.connection is None and (
            len(self._waiting) >= self._max_messages or self._waiting_bytes + size > self._max_bytes
        ):
            self._discarded[message.source] += 1
            return False
        self._waiting.append(message)
        self._waiting_bytes += size
        arrival = self._arrival
        if arrival is not None and not arrival.done():
            arrival.set_result(None)
        return True

    async def take(self, max_messages: int, max_bytes: int) -> list[Message]:
        """Everything that waits, up to the bounds, oldest first; waits until there is something.

        Args:
            max_messages: At most so many; > 0.
            max_bytes: At most so many bytes of payload, but always at least one message.
        """
        assert max_messages > 0
        while not self._waiting:
            assert self._arrival is None, "the inbox has one reader"
            self._arrival = asyncio.get_running_loop().create_future()
            try:
                await self._arrival
            finally:
                self._arrival = None
        if len(self._waiting) <= max_messages and self._waiting_bytes <= max_bytes:
            taken, self._waiting, self._waiting_bytes = self._waiting, [], 0
            return taken
        count = size = 0
        for message in self._waiting[:max_messages]:
            if count and size + len(message.payload) > max_bytes:
                break
            count += 1
            size += len(message.payload)
        taken = self._waiting[:count]
        del self._waiting[:count]
        self._waiting_bytes -= size
        return taken

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the sources that `messages` are safe, each on the connection that delivered it.

        Brokers want acknowledgements in order of receipt, so batches are acknowledged in the order
        in which they were taken. A connection that is gone is passed over: its broker delivers the
        message again on the next one.
        """
        by_connection: dict[Connection, list[Message]] = {}
        for message in messages:
            connection = message.connection
            if connection is None:
                continue
            if connection in by_connection:
                by_connection[connection].append(message)
            else:
                by_connection[connection] = [message]
        for connection, own in by_connection.items():
            connection.acknowledge(own)

    def reconnected(self, source: str, *, redelivers: bool) -> None:
        """Bound what former connections of `source` left here; before its next message.

        It stays even if the source delivers it again: a broker that was restored from an old save
        claims the session and has forgotten its newest messages, and a message that comes twice is
        harmless. Only what exceeds the bounds is removed, oldest first, because connections that
        come and go while nobody reads would otherwise each add their share.

        Args:
            source: Name of the source.
            redelivers: Whether the source delivers again what was not acknowledged. If not, what
                is removed is counted as discarded.
        """
        kept: list[Message] = []
        count = len(self._waiting)
        for message in self._waiting:
            is_excess = count > self._max_messages or self._waiting_bytes > self._max_bytes
            if not is_excess or message.source != source or message.connection is None:
                kept.append(message)
                continue
            count -= 1
            self._waiting_bytes -= len(message.payload)
            if not redelivers:
                self._discarded[source] += 1
        self._waiting = kept
