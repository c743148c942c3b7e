"""The player: every event, in order, at its instant, whatever the broker does meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_parts import mosquitto

from monitor.clock import Clock
from monitor.core import events as ev
from monitor.core.events import Event
from monitor.formats.topics import parse_topic
from monitor.simulation.bad_day import simulate_bad_day
from monitor.simulation.broker import EmbeddedBroker
from monitor.simulation.player import Destination, play, topic_of

V311 = aiomqtt.ProtocolVersion.V311
AT_ONCE = 1e9
ARRIVES_WITHIN_S = 60.0
START_MS = 1_700_000_000_000
FIRST_HOUR = simulate_bad_day(1, START_MS)[:4_000]


class Subscriber:
    """Collects what arrives below `acd/`: topics, and events as plain data."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client
        self.topics: list[str] = []
        self.messages: list[list[dict[str, object]]] = []

    @property
    def events(self) -> list[dict[str, object]]:
        return [event for message in self.messages for event in message]

    async def collect(self, count: int) -> None:
        """Wait until so many different events have arrived, by `seq`."""
        seen: set[object] = set()
        messages = aiter(self._client.messages)
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            while len(seen) < count:
                message = await anext(messages)
                assert isinstance(message.payload, bytes)
                held = msgspec.json.decode(message.payload)
                self.topics.append(str(message.topic))
                self.messages.append(held if isinstance(held, list) else [held])
                seen.update(event["seq"] for event in self.messages[-1])


@asynccontextmanager
async def subscriber(port: int, name: str | None = None) -> AsyncIterator[Subscriber]:
    async with aiomqtt.Client(
        "127.0.0.1", port, protocol=V311, identifier=name, clean_session=name is None
    ) as client:
        await client.subscribe("acd/#", qos=1)
        yield Subscriber(client)


def at(port: int) -> Destination:
    return Destination.parse(f"mqtt://127.0.0.1:{port}")


async def played(port: int, events: Sequence[Event], batch: int) -> Subscriber:
    async with subscriber(port) as heard:
        count = await play(events, destination=at(port), clock=Clock(AT_ONCE), batch=batch)
        assert count == len(events)
        await heard.collect(len(events))
    return heard


@pytest.mark.real
@pytest.mark.parametrize("batch", [1, 100])
async def test_every_event_reaches_mosquitto_once_and_in_order(tmp_path: Path, batch: int) -> None:
    with mosquitto(tmp_path) as broker:
        heard = await played(broker.port, FIRST_HOUR, batch)
    assert [e["seq"] for e in heard.events] == [e.seq for e in FIRST_HOUR]


@pytest.mark.parametrize("batch", [1, 100])
async def test_every_event_reaches_the_embedded_broker_once_and_in_order(batch: int) -> None:
    async with EmbeddedBroker() as broker:
        heard = await played(broker.port, FIRST_HOUR, batch)
    assert [e["seq"] for e in heard.events] == [e.seq for e in FIRST_HOUR]


async def test_messages_hold_events_of_one_kind_and_stay_below_the_size_brokers_accept() -> None:
    async with EmbeddedBroker() as broker:
        heard = await played(broker.port, FIRST_HOUR, 1_000)
        calls = [e for e in FIRST_HOUR if e.call_id is not None]
        full = await played(broker.port, calls, 1_000)
    for topic, message in zip(heard.topics, heard.messages, strict=True):
        parsed = parse_topic(topic)
        assert parsed is not None
        kinds = {"agent.state": "agent", "heartbeat": "heartbeat"}
        assert {kinds.get(str(e["type"]), "call") for e in message} == {parsed.kind}
        queues = {e.get("queue") or "none" for e in message}
        if parsed.kind == "call":
            assert parsed.queue == (queues.pop() if len(queues) == 1 else "several")
    assert max(len(message) for message in full.messages) > 100
    assert max(len(msgspec.json.encode(message)) for message in full.messages) < 64 * 1024


@pytest.mark.real
async def test_a_broker_that_restarts_costs_no_event_and_no_order(tmp_path: Path) -> None:
    events = [e for e in FIRST_HOUR if e.call_id is not None][:1_500]
    acknowledged: list[int] = []
    with mosquitto(tmp_path) as broker:
        async with subscriber(broker.port, "daemon"):
            pass

        def feed() -> Iterator[Event]:
            for number, event in enumerate(events):
                if number in {500, 1_000}:
                    # The loop stands still meanwhile: what is in flight stays unacknowledged.
                    broker.stop()
                    broker.start()
                yield event

        await play(
            feed(),
            destination=at(broker.port),
            clock=Clock(AT_ONCE),
            progress=acknowledged.append,
        )
        async with subscriber(broker.port, "daemon") as heard:
            await heard.collect(len(events))
    first_heard = list(dict.fromkeys(e["seq"] for e in heard.events))
    assert first_heard == [e.seq for e in events]
    assert acknowledged == sorted(acknowledged)
    assert acknowledged[-1] == len(events)


@pytest.mark.real
async def test_a_broker_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as broker:
        async with subscriber(broker.port, "daemon"):
            pass
        broker.stop()
        playing = asyncio.create_task(
            play(FIRST_HOUR[:10], destination=at(broker.port), clock=Clock(AT_ONCE))
        )
        await asyncio.sleep(0.3)
        assert not playing.done()
        broker.start()
        async with asyncio.timeout(ARRIVES_WITHIN_S):
            assert await playing == 10


@pytest.mark.real
async def test_a_broker_that_refuses_us_is_not_asked_for_ever(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path, "allow_anonymous false") as broker,
        pytest.raises(PermissionError, match="does not let us in"),
    ):
        await play(FIRST_HOUR[:1], destination=at(broker.port), clock=Clock(AT_ONCE))


async def test_no_event_leaves_before_the_clock_shows_its_instant() -> None:
    events = [
        Event(ev.HEARTBEAT, "pbx1", 0.0, seq=seq, at_ms=START_MS + seq * 1_000) for seq in range(20)
    ]
    async with EmbeddedBroker() as broker, subscriber(broker.port) as heard:
        clock = Clock(20.0)
        playing = asyncio.create_task(play(events, destination=at(broker.port), clock=clock))
        for count in range(1, 21):
            await heard.collect(1)
            told = heard.events[count - 1]
            assert told["ts"] == (clock.origin_ms + (count - 1) * 1_000) / 1000
            assert clock.now_ms() >= clock.origin_ms + (count - 1) * 1_000
        assert await playing == 20


async def test_the_instants_of_a_recording_are_shifted_together() -> None:
    events = [e for e in FIRST_HOUR if e.type == ev.CALL_ANSWERED][:50]
    clock = Clock(AT_ONCE, origin_ms=START_MS + 86_400_000)
    async with EmbeddedBroker() as broker, subscriber(broker.port) as heard:
        await play(events, destination=at(broker.port), clock=clock, first_ms=START_MS)
        await heard.collect(len(events))
    for told, event in zip(heard.events, events, strict=True):
        assert event.queued_ms is not None
        assert event.answered_ms is not None
        assert told["ts"] == (event.at_ms + 86_400_000) / 1000
        assert told["queued_at"] == (event.queued_ms + 86_400_000) / 1000
        assert told["answered_at"] == (event.answered_ms + 86_400_000) / 1000
        assert told["wait_s"] == event.wait_s


async def test_nothing_to_play_is_played_at_once() -> None:
    async with EmbeddedBroker() as broker:
        assert await play([], destination=at(broker.port), clock=Clock()) == 0


@given(source=st.text(max_size=64), queue=st.text(min_size=1, max_size=128))
def test_every_name_makes_one_level_of_a_topic(source: str, queue: str) -> None:
    topic = topic_of(Event(ev.CALL_QUEUED, source, 0.0, call_id="1", queue=queue))
    parsed = parse_topic(topic)
    assert parsed is not None
    assert parsed.kind == "call"


@pytest.mark.parametrize(
    ("kind", "queue", "topic"),
    [
        (ev.HEARTBEAT, None, "acd/pbx1/heartbeat"),
        (ev.AGENT_STATE, None, "acd/pbx1/agent"),
        (ev.CALL_STARTED, None, "acd/pbx1/call/none"),
        (ev.CALL_QUEUED, "member-en", "acd/pbx1/call/member-en"),
        (ev.CALL_QUEUED, "a/b+c#", "acd/pbx1/call/a_b_c_"),
    ],
)
def test_topics_say_source_kind_and_queue(kind: str, queue: str | None, topic: str) -> None:
    assert topic_of(Event(kind, "pbx1", 0.0, call_id="1", queue=queue)) == topic


def test_a_broker_is_read_from_its_url() -> None:
    read = Destination.parse("mqtts://me%40x:s%2Fcret@broker.example")
    assert (read.host, read.port) == ("broker.example", 8883)
    assert (read.username, read.password) == ("me@x", "s/cret")
    assert read.tls is not None
    assert Destination.parse("mqtt://h").port == 1883
    assert Destination.parse("mqtt://u@h", password="from a file").password == "from a file"


@pytest.mark.parametrize("url", ["http://h", "broker:1883", "mqtt://", "", "mqtt:h"])
def test_what_is_no_broker_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="mqtt://host:port"):
        Destination.parse(url)
