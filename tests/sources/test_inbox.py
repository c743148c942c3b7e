"""The inbox keeps order and bounds, and acknowledges where and in which order it must."""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from monitor.sources.inbox import Inbox, Message


class Acknowledged:
    """A connection that writes down what it is told."""

    def __init__(self) -> None:
        self.tokens: list[int] = []

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.tokens += [message.token for message in messages]


def durable(connection: Acknowledged, token: int, size: int = 1, source: str = "pbx1") -> Message:
    return Message(source, "acd/pbx1/call/q", b"x" * size, connection=connection, token=token)


def fleeting(size: int = 1, source: str = "pbx1") -> Message:
    return Message(source, "acd/pbx1/call/q", b"x" * size)


@given(
    sizes=st.lists(st.integers(0, 50), min_size=1, max_size=60),
    max_messages=st.integers(1, 20),
    max_bytes=st.integers(0, 120),
)
def test_takes_give_everything_in_order_within_both_bounds(
    sizes: list[int], max_messages: int, max_bytes: int
) -> None:
    connection = Acknowledged()
    messages = [durable(connection, token, size) for token, size in enumerate(sizes)]

    async def scenario() -> None:
        inbox = Inbox()
        for message in messages:
            assert inbox.put(message)
        taken: list[Message] = []
        while len(inbox):
            batch = await inbox.take(max_messages, max_bytes)
            total = sum(len(message.payload) for message in batch)
            assert 1 <= len(batch) <= max_messages
            assert total <= max_bytes or len(batch) == 1
            taken += batch
            # Nothing is left behind that would have fitted.
            rest = messages[len(taken) :]
            if rest and len(batch) < max_messages:
                assert total + len(rest[0].payload) > max_bytes
            assert inbox.waiting_bytes == sum(len(message.payload) for message in rest)
        assert taken == messages
        inbox.acknowledge(taken)
        assert connection.tokens == list(range(len(sizes)))

    asyncio.run(scenario())


@given(choices=st.lists(st.integers(0, 2), max_size=40))
def test_each_connection_gets_its_own_acknowledgements_in_order_of_receipt(
    choices: list[int],
) -> None:
    connections = [Acknowledged(), Acknowledged()]
    messages = [
        fleeting() if choice == 2 else durable(connections[choice], token)
        for token, choice in enumerate(choices)
    ]
    Inbox().acknowledge(messages)
    for number, connection in enumerate(connections):
        assert connection.tokens == [at for at, choice in enumerate(choices) if choice == number]


async def test_a_take_waits_for_the_first_message() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.take(10, 10))
    await asyncio.sleep(0)
    assert not waiting.done()
    message = fleeting()
    inbox.put(message)
    assert await waiting == [message]


async def test_a_cancelled_take_loses_nothing_and_lets_the_next_one_wait() -> None:
    inbox = Inbox()
    first = asyncio.create_task(inbox.take(10, 10))
    await asyncio.sleep(0)
    message = fleeting()
    inbox.put(message)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await inbox.take(10, 10) == [message]
    second = asyncio.create_task(inbox.take(10, 10))
    await asyncio.sleep(0)
    inbox.put(message)
    assert await second == [message]


def test_only_what_nobody_delivers_again_is_discarded_and_it_is_counted_by_source() -> None:
    connection = Acknowledged()
    inbox = Inbox(max_messages=3, max_bytes=1_000)
    assert all(inbox.put(fleeting(source="a")) for _ in range(3))
    assert not inbox.put(fleeting(source="a"))
    assert not inbox.put(fleeting(source="b"))
    assert inbox.put(durable(connection, 1))
    assert (inbox.discarded("a"), inbox.discarded("b"), inbox.discarded("pbx1")) == (1, 1, 0)


def test_bytes_are_bounded_too() -> None:
    inbox = Inbox(max_messages=100, max_bytes=100)
    assert inbox.put(fleeting(60))
    assert not inbox.put(fleeting(60))
    assert inbox.put(fleeting(40))
    assert inbox.waiting_bytes == 100


@given(
    reconnects=st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=30),
    others=st.integers(0, 3),
)
def test_connections_that_come_and_go_unread_do_not_fill_the_memory(
    reconnects: list[tuple[int, bool]], others: int
) -> None:
    inbox = Inbox(max_messages=10, max_bytes=1_000)
    for _ in range(others):
        inbox.put(durable(Acknowledged(), 0, source="other"))
    put = others
    may_be_gone = 0
    for count, redelivers in reconnects:
        before = len(inbox)
        inbox.reconnected("pbx1", redelivers=redelivers)
        assert len(inbox) <= 10
        may_be_gone += (before - len(inbox)) if redelivers else 0
        connection = Acknowledged()
        for token in range(count):
            inbox.put(durable(connection, token))
        put += count
    assert len(inbox) + inbox.discarded("pbx1") + may_be_gone == put
    assert inbox.discarded("other") == 0
    assert inbox.waiting_bytes == len(inbox)


def test_what_a_lost_connection_left_is_kept_while_there_is_room() -> None:
    """A broker restored from an old save claims the session without its newest messages."""
    inbox = Inbox(max_messages=10)
    inbox.put(durable(Acknowledged(), 1))
    for redelivers in (True, False):
        inbox.reconnected("pbx1", redelivers=redelivers)
        assert len(inbox) == 1
