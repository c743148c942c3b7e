"""The MQTT source against a real mosquitto: what the broker holds is neither lost nor reordered."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import real_parts
from real_parts import wait_until_async
from sources.receiving import (
    TOPIC,
    WITHIN_S,
    Receiver,
    cut,
    numbered,
    payloads,
    publish,
    receiving,
    settings_for,
)

from monitor.sources.inbox import Inbox
from monitor.sources.mqtt import TakenOverError

pytestmark = pytest.mark.real


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[real_parts.Mosquitto]:
    with real_parts.mosquitto(tmp_path) as running:
        yield running


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_what_is_published_while_we_are_away_is_delivered(
    broker: real_parts.Mosquitto, version: str
) -> None:
    settings = settings_for(broker.port, version=version)
    async with receiving(settings) as first:
        assert first.source.status.session_present is False
    await publish(broker.port, numbered(1, 300))
    async with receiving(settings) as second:
        assert second.source.status.session_present is True
        assert payloads(await second.take(300)) == numbered(1, 300)


async def test_a_cancelled_source_says_goodbye_and_keeps_the_session(
    broker: real_parts.Mosquitto,
) -> None:
    async with receiving(settings_for(broker.port)) as receiver:
        pass
    assert receiver.task.cancelled()
    assert not receiver.source.status.connected
    # The broker has read what came before this, and its log is complete when it has ended.
    await publish(broker.port, [b"fence"])
    broker.stop()
    assert "Received DISCONNECT from monitor-test" in broker.log_text()


async def test_the_last_acknowledgements_arrive_although_the_broker_is_still_sending(
    broker: real_parts.Mosquitto,
) -> None:
    settings = settings_for(broker.port, receive_maximum=20)
    async with receiving(settings):
        pass
    await publish(broker.port, [number + b"x" * 20_000 for number in numbered(1, 100)])
    first = 1
    while first <= 100:
        async with receiving(settings) as receiver:
            batch = await receiver.take(10)
            wanted = numbered(first, first + 9)
            assert [payload[:5] for payload in payloads(batch)] == wanted
            receiver.inbox.acknowledge(batch)
        first += 10


async def test_what_was_not_acknowledged_comes_again_when_the_connection_breaks(
    broker: real_parts.Mosquitto,
) -> None:
    async with receiving(settings_for(broker.port, receive_maximum=10)) as receiver:
        await publish(broker.port, numbered(1, 14))
        taken = await receiver.take(10)
        receiver.inbox.acknowledge(taken[:4])
        # The next four come only after the broker has the four acknowledgements.
        taken += await receiver.take(4)
        cut(taken[0])
        again = await receiver.take(10)
        assert payloads(again) == numbered(5, 14)
        receiver.inbox.acknowledge(again)
        await publish(broker.port, numbered(15, 15))
        assert payloads(await receiver.take(1)) == numbered(15, 15)
        assert receiver.source.status.sessions_lost_total == 0


async def test_a_late_acknowledgement_for_a_lost_connection_acknowledges_nothing(
    broker: real_parts.Mosquitto,
) -> None:
    async with receiving(settings_for(broker.port)) as receiver:
        await publish(broker.port, numbered(1, 5))
        stale = await receiver.take(5)
        cut(stale[0])
        again = await receiver.take(5)
        assert payloads(again) == numbered(1, 5)
        receiver.inbox.acknowledge(stale)
        cut(again[0])
        assert payloads(await receiver.take(5)) == numbered(1, 5)
    broker.stop()
    assert "Received PUBACK" not in broker.log_text()


async def test_the_receive_maximum_holds_and_acknowledgements_in_order_let_the_rest_follow(
    broker: real_parts.Mosquitto,
) -> None:
    async with receiving(settings_for(broker.port, receive_maximum=10)) as receiver:
        await publish(broker.port, numbered(1, 50))
        taken = await receiver.take(10)
        # QoS 0 is outside the quota, so it arrives behind everything that was sent before it.
        await publish(broker.port, [b"fence"], qos=0)
        assert payloads(await receiver.take(1)) == [b"fence"]
        assert len(receiver.inbox) == 0
        while len(taken) < 50:
            receiver.inbox.acknowledge(taken[-10:])
            taken += await receiver.take(10)
        assert payloads(taken) == numbered(1, 50)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_slow_reader_holds_the_broker_back(tmp_path: Path, version: str) -> None:
    with real_parts.mosquitto(tmp_path, "persistence false") as broker:
        settings = settings_for(broker.port, version=version, receive_maximum=25)
        async with receiving(settings):
            pass
        await publish(broker.port, numbered(1, 600))
        async with receiving(settings) as receiver:
            received: list[bytes] = []
            most_waiting = 0
            while len(received) < 600:
                batch = await receiver.take(5)
                received += payloads(batch)
                for _ in range(10):
                    await asyncio.sleep(0)
                    most_waiting = max(most_waiting, len(receiver.inbox) + len(batch))
                receiver.inbox.acknowledge(batch)
            assert received == numbered(1, 600)
            assert most_waiting <= 2 * 25 + 1


async def test_large_messages_stop_the_flow_by_their_bytes(broker: real_parts.Mosquitto) -> None:
    settings = settings_for(broker.port, max_unacknowledged_bytes=100_000)
    large = [bytes([number]) * 30_000 for number in range(20)]
    async with receiving(settings):
        pass
    await publish(broker.port, large)
    async with receiving(settings) as receiver:
        received: list[bytes] = []
        while len(received) < len(large):
            batch = await receiver.take(1)
            assert receiver.inbox.waiting_bytes <= 100_000
            received += payloads(batch)
            receiver.inbox.acknowledge(batch)
        assert received == large


async def test_the_source_comes_back_by_itself_when_the_broker_was_restarted(
    broker: real_parts.Mosquitto,
) -> None:
    async with receiving(settings_for(broker.port)) as receiver:
        await publish(broker.port, numbered(1, 1))
        taken = await receiver.take(1)
        broker.stop()
        await wait_until_async(
            lambda: not receiver.source.status.connected, WITHIN_S, "the loss of the broker"
        )
        assert receiver.source.status.last_error
        broker.start()
        await receiver.connected(connects=2)
        assert receiver.source.status.last_error is None
        assert receiver.source.status.session_present
        assert receiver.source.status.sessions_lost_total == 0
        assert payloads(await receiver.take(1)) == payloads(taken)


async def test_a_broker_that_is_away_at_the_start_is_waited_for(
    broker: real_parts.Mosquitto,
) -> None:
    broker.stop()
    receiver = Receiver(settings_for(broker.port))
    try:
        await wait_until_async(
            lambda: receiver.source.status.last_error, WITHIN_S, "the first failure"
        )
        broker.start()
        await receiver.connected()
    finally:
        await receiver.stop()


async def test_a_broker_that_forgot_the_session_is_counted(tmp_path: Path) -> None:
    with real_parts.mosquitto(tmp_path, "persistence false") as broker:
        async with receiving(settings_for(broker.port)) as receiver:
            assert receiver.source.status.sessions_lost_total == 0
            broker.kill()
            broker.start()
            await receiver.connected(connects=2)
            assert receiver.source.status.session_present is False
            assert receiver.source.status.sessions_lost_total == 1


async def test_of_two_instances_with_one_client_id_one_gives_up(
    broker: real_parts.Mosquitto,
) -> None:
    settings = settings_for(broker.port)
    rivals = [Receiver(settings), Receiver(settings)]
    try:
        done, running = await asyncio.wait(
            [rival.task for rival in rivals],
            timeout=2 * WITHIN_S,
            return_when=asyncio.FIRST_COMPLETED,
        )
        assert len(done) == 1
        assert len(running) == 1
        loser = next(rival for rival in rivals if rival.task in done)
        winner = next(rival for rival in rivals if rival.task in running)
        with pytest.raises(TakenOverError, match=r"monitor-test.*give each its own client_id"):
            await loser.task
        assert loser.source.status.takeovers_total == 3
        await winner.connected()
        await publish(broker.port, numbered(1, 1))
        assert payloads(await winner.take(1)) == numbered(1, 1)
    finally:
        for rival in rivals:
            await rival.stop()


async def test_a_packet_larger_than_we_take_is_left_out_and_the_rest_flows(
    broker: real_parts.Mosquitto,
) -> None:
    async with receiving(settings_for(broker.port, maximum_packet_size=10_000)) as receiver:
        await publish(broker.port, [b"before", b"x" * 20_000, b"after"])
        taken = await receiver.take(2)
        assert payloads(taken) == [b"before", b"after"]
        receiver.inbox.acknowledge(taken)
        assert receiver.source.status.connects_total == 1


async def test_hostile_bytes_arrive_as_they_were_sent(broker: real_parts.Mosquitto) -> None:
    hostile = [
        b"",
        b"\0",
        bytes(range(256)),
        b"\xff\xfe\xed\xa0\x80",
        b"[" * 100_000,
        b'{"ts":1e999,"queue":"\\ud800"}',
        "\u202e\U0001d54a".encode(),
    ]
    async with receiving(settings_for(broker.port)) as receiver:
        await publish(broker.port, hostile)
        taken = await receiver.take(len(hostile))
        assert payloads(taken) == hostile
        assert {(message.source, message.topic) for message in taken} == {("pbx1", TOPIC)}
        assert all(type(message.payload) is bytes for message in taken)


async def test_qos_0_beyond_the_bound_is_counted_and_qos_1_is_kept(
    broker: real_parts.Mosquitto,
) -> None:
    async with receiving(settings_for(broker.port), Inbox(max_messages=5)) as receiver:
        await publish(broker.port, numbered(1, 20), qos=0)
        await publish(broker.port, numbered(21, 30))
        await wait_until_async(lambda: len(receiver.inbox) >= 15, WITHIN_S, "15 messages")
        assert receiver.source.status.inbox_discarded_total == 15
        assert payloads(await receiver.take(15)) == numbered(1, 5) + numbered(21, 30)


async def test_retained_messages_come_with_a_new_subscription_only(
    broker: real_parts.Mosquitto,
) -> None:
    await publish(broker.port, [b"online"], topic="acd/pbx1/status", retain=True)
    settings = settings_for(broker.port)
    async with receiving(settings) as receiver:
        state = await receiver.take(1)
        assert [(message.retain, message.payload) for message in state] == [(True, b"online")]
        await publish(broker.port, [b"live"])
        state += await receiver.take(1)
        assert not state[1].retain
        receiver.inbox.acknowledge(state)
    async with receiving(settings) as receiver:
        await publish(broker.port, [b"next"])
        assert payloads(await receiver.take(1)) == [b"next"]


async def test_what_the_broker_discarded_while_we_were_away_is_told(tmp_path: Path) -> None:
    with real_parts.mosquitto(tmp_path, "max_queued_messages 10") as broker:
        settings = settings_for(broker.port, receive_maximum=10)
        async with receiving(settings) as receiver:
            await wait_until_async(
                lambda: receiver.source.status.broker_discarded == 0, WITHIN_S, "the count"
            )
        await publish(broker.port, numbered(1, 100))
        async with receiving(settings) as receiver:
            await wait_until_async(
                lambda: receiver.source.status.broker_discarded, WITHIN_S, "a risen count"
            )
            assert (receiver.source.status.broker_discarded or 0) >= 80


async def test_a_try_that_is_cancelled_leaves_no_connection_behind(
    broker: real_parts.Mosquitto,
) -> None:
    settings = settings_for(broker.port)
    broker.pause()
    given_up = Receiver(settings)
    # The kernel completes the connection of a frozen broker; its answer never comes.
    for _ in range(100):
        await asyncio.sleep(0.002)
    await given_up.stop()
    broker.resume()
    async with receiving(settings) as receiver:
        await publish(broker.port, numbered(1, 1))
        assert payloads(await receiver.take(1)) == numbered(1, 1)
        assert receiver.source.status.takeovers_total == 0
        assert receiver.source.status.connects_total == 1
