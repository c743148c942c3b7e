"""The desk of one source that pushes: what it has handed in waits here for the journal's commit.

Whoever pushes keeps its events until it is told that they are safe, as a broker does. So the bound
is the same as there: bytes that are not in the journal yet. Room is kept for the largest message
before the first byte of it is read, so that a message is taken whole or not at all, however many
come at once.

Invariants: a message is answered only after it was acknowledged, which is after the commit. What
is kept free and what waits never exceed the bound together. A message whose sender has given up
counts until the journal has it.

One event loop, no I/O, no clock.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from monitor.sources.inbox import Inbox, Message, Receipt

# What a message costs beside its payload, so that a flood of tiny ones is bounded as well.
_MESSAGE_BYTES: Final = 1_024


class FullError(Exception):
    """Too much waits for the journal; the sender has to come again."""


class ClosedError(Exception):
    """The daemon ends; whether the journal has the message is not known."""


class Desk:
    """Takes the messages of one source.

    Args:
        source: Its name.
        inbox: Where they go.
        max_bytes: How many bytes may wait for the journal.

    Attributes:
        max_bytes: The same; another bound holds from the next message on.
    """

    def __init__(self, source: str, inbox: Inbox, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._source = source
        self._inbox = inbox
        self._held_bytes = 0
        self._token = 0
        self._unanswered: dict[int, asyncio.Future[None]] = {}

    @contextmanager
    def room(self, payload_bytes: int) -> Iterator[None]:
        """Keep room for a message while it is read.

        Args:
            payload_bytes: The most that it may have.

        Raises:
            FullError: There is none.
        """
        size = payload_bytes + _MESSAGE_BYTES
        if self._held_bytes + size > self.max_bytes:
            raise FullError
        self._held_bytes += size
        try:
            yield
        finally:
            self._held_bytes -= size

    async def hand_in(self, payload: bytes) -> Receipt:
        """Put a message, for which there was room a moment ago, and wait until it is safe.

        Raises:
            ClosedError: The daemon ends.
        """
        self._token += 1
        self._held_bytes += len(payload) + _MESSAGE_BYTES
        receipt = Receipt()
        answered = self._unanswered[self._token] = asyncio.get_running_loop().create_future()
        self._inbox.put(Message(self._source, None, payload, False, self, self._token, receipt))  # noqa: FBT003 (a struct of many)
        await answered
        return receipt

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """The journal has `messages`: tell those who still wait for that."""
        for message in messages:
            self._held_bytes -= len(message.payload) + _MESSAGE_BYTES
            answered = self._unanswered.pop(message.token)
            if not answered.done():
                answered.set_result(None)

    def close(self) -> None:
        """Nobody will acknowledge any more: tell those who wait."""
        for answered in self._unanswered.values():
            if not answered.done():
                answered.set_exception(ClosedError())
