"""Takeovers are told from restarts and broken lines, and counted once each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import real_parts
from sources.receiving import (
    WITHIN_S,
    Receiver,
    cut,
    numbered,
    payloads,
    publish,
    receiving,
    settings_for,
)

from monitor.sources.mqtt import TakenOverError
from monitor.sources.ownership import Ownership

CONNACK = bytes.fromhex("2003000000")
TAKEN_OVER = bytes.fromhex("e0018e")


@asynccontextmanager
async def outspoken_broker() -> AsyncIterator[int]:
    """A broker that accepts whoever connects and at once says that the session was taken over."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(CONNACK + TAKEN_OVER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_broker_that_says_so_is_believed() -> None:
    async with outspoken_broker() as port:
        receiver = Receiver(settings_for(port))
        try:
            with pytest.raises(TakenOverError, match="another instance"):
                async with asyncio.timeout(WITHIN_S):
                    await receiver.task
            assert receiver.source.status.takeovers_total == 3
        finally:
            await receiver.stop()


@pytest.mark.real
async def test_broken_lines_and_restarts_of_the_broker_are_no_takeovers(tmp_path: Path) -> None:
    with real_parts.mosquitto(tmp_path) as broker:
        async with receiving(settings_for(broker.port)) as receiver:
            for round_trip in range(1, 5):
                await publish(broker.port, numbered(round_trip, round_trip))
                messages = await receiver.take(1)
                # The broker may have been killed before it had the last acknowledgement.
                while payloads(messages) != numbered(round_trip, round_trip):
                    messages = await receiver.take(1)
                receiver.inbox.acknowledge(messages)
                if round_trip % 2:
                    cut(messages[0])
                else:
                    broker.kill()
                    broker.start()
                await receiver.connected(connects=round_trip + 1)
            assert receiver.source.status.takeovers_total == 0


def foreign_name(ownership: Ownership, now_s: float) -> None:
    """Let an owner find that somebody else was in between."""
    ownership.receive(ownership._name, now_s)
    ownership.receive(b"somebody else", now_s)


def test_three_takeovers_within_a_minute_are_too_many() -> None:
    ownership = Ownership("a")
    for now_s in (0.0, 30.0, 60.0):
        assert not ownership.is_contested
        foreign_name(ownership, now_s)
    assert ownership.is_contested


def test_three_takeovers_in_more_than_a_minute_are_not() -> None:
    ownership = Ownership("a")
    for now_s in (0.0, 30.0, 60.1):
        foreign_name(ownership, now_s)
    assert not ownership.is_contested
    assert ownership.takeovers_total == 3


def test_a_name_from_before_our_own_time_is_no_takeover() -> None:
    ownership = Ownership("a")
    ownership.receive(b"the instance before the restart", 0.0)
    ownership.receive(b"the instance before the restart", 1.0)
    assert ownership.takeovers_total == 0


def test_a_takeover_that_the_broker_told_is_not_counted_again_by_the_name() -> None:
    ownership = Ownership("a")
    ownership.receive(ownership._name, 0.0)
    ownership.taken_over(1.0)
    ownership.receive(b"somebody else", 2.0)
    assert ownership.takeovers_total == 1


def test_any_client_id_gives_a_topic_without_wildcards() -> None:
    assert Ownership("site/1+#").topic == "callcenter-monitor/v1/owner/site%2F1%2B%23"
