"""A real HTTP receiver in every mood hears each change once, in order, and signed."""

import asyncio
import hashlib
import hmac
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from hook_receiver import Receiver, Request
from real_parts import wait_until_async
from sink_parts import START_MS, firing, running

from monitor.core.snapshot import Alert, AlertState
from monitor.sinks.delivery import SessionOptions
from monitor.sinks.webhook import WebhookSink

WITHIN_S = 20.0
SECRET = "correct horse"


def now_ms() -> int:
    return time.time_ns() // 1_000_000  # noqa: TID251 (a real receiver lives in wall time)


def resolved(key: str = "a") -> Alert:
    return firing(key, state=AlertState.RESOLVED, resolved_ms=START_MS + 900_000, reason="cleared")


@dataclass
class Memory:
    """What a store does for the sink, without a disk."""

    states: dict[str, str] = field(default_factory=dict)
    marks: list[tuple[str, str, int]] = field(default_factory=list)

    async def mark(self, key: str, state: str, at_ms: int, status: int) -> None:
        assert at_ms > START_MS
        self.states[key] = state
        self.marks.append((key, state, status))


def sink_to(
    receiver: Receiver,
    memory: Memory,
    *,
    timeout_s: float = 10.0,
    waiting_max: int = 10_000,
    secret: str | None = None,
    session_options: SessionOptions | None = None,
) -> WebhookSink:
    return WebhookSink(
        "pager",
        receiver.url,
        secret=secret,
        deliveries=memory,
        delivered=memory.states,
        wall_ms=lambda at_ms: at_ms,
        wall_now_ms=now_ms,
        external_url="https://monitor.example/",
        session_options=session_options or SessionOptions(timeout_s=timeout_s),
        waiting_max=waiting_max,
        backoff_cap_s=0.1,
    )


async def quiet(sink: WebhookSink) -> None:
    await wait_until_async(lambda: not sink.status.outstanding, WITHIN_S, "nothing waits")


async def test_the_body_has_every_field_of_version_4() -> None:
    receiver = Receiver()
    async with receiver.serving(), running(sink_to(receiver, Memory())) as sink:
        sink.publish([firing()])
        await quiet(sink)
        sink.publish([resolved()])
        await quiet(sink)
    fired, ended = (request.json for request in receiver.seen)
    alert = fired["alerts"][0]
    assert fired == {
        "version": "4",
        "groupKey": '{}:{alertname="too-many-disconnects", organization="Example", queue="a",'
        ' scope="queue", severity="warning"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "pager",
        "groupLabels": alert["labels"],
        "commonLabels": alert["labels"],
        "commonAnnotations": alert["annotations"],
        "externalURL": "https://monitor.example/",
        "alerts": [alert],
    }
    assert alert["annotations"]["summary"] == (
        "Queue a: disconnect ratio 6.1 % over 1 hour, limit 5.0 %, 980 calls"
    )
    assert alert["labels"] == {
        "alertname": "too-many-disconnects",
        "organization": "Example",
        "queue": "a",
        "scope": "queue",
        "severity": "warning",
    }
    assert alert["startsAt"] == "2026-03-02T15:05:00.000Z"
    assert alert["endsAt"] == "0001-01-01T00:00:00Z"
    assert alert["generatorURL"] == "https://monitor.example/#alert-a"
    assert len(alert["fingerprint"]) == 16
    assert ended["status"] == ended["alerts"][0]["status"] == "resolved"
    assert ended["alerts"][0]["endsAt"] == "2026-03-02T15:15:00.000Z"
    for same in ("groupKey", "groupLabels"):
        assert fired[same] == ended[same]
    assert ended["alerts"][0]["fingerprint"] == alert["fingerprint"]


async def test_the_signature_proves_the_body_and_the_time() -> None:
    receiver = Receiver()
    sink = sink_to(receiver, Memory(), secret=SECRET)
    async with receiver.serving(), running(sink):
        sink.publish([firing()])
        await quiet(sink)
    (request,) = receiver.seen
    timestamp = request.headers["X-Callcenter-Monitor-Timestamp"]
    assert abs(int(timestamp) - now_ms() / 1000) < 60
    expected = hmac.new(SECRET.encode(), timestamp.encode() + b"." + request.body, hashlib.sha256)
    assert request.headers["X-Callcenter-Monitor-Signature"] == f"sha256={expected.hexdigest()}"


async def test_without_a_secret_nothing_is_signed_and_credentials_are_sent() -> None:
    receiver = Receiver()
    options = SessionOptions(authorization="Bearer token-7")
    assert "token-7" not in repr(options)
    sink = sink_to(receiver, Memory(), session_options=options)
    async with receiver.serving(), running(sink):
        sink.publish([firing()])
        await quiet(sink)
    (request,) = receiver.seen
    assert "X-Callcenter-Monitor-Signature" not in request.headers
    assert request.headers["Authorization"] == "Bearer token-7"


async def test_each_change_is_told_once_however_often_it_is_published() -> None:
    receiver, memory = Receiver(), Memory()
    pending = firing("p", state=AlertState.PENDING, fired_ms=None)
    async with receiver.serving(), running(sink_to(receiver, memory)) as sink:
        for alerts in ([pending, firing()], [firing()], [resolved()], [resolved()], []):
            sink.publish(alerts)
            await quiet(sink)
    assert receiver.accepted == [("a", "firing"), ("a", "resolved")]
    assert memory.marks == [("a", "firing", 200), ("a", "resolved", 200)]


@pytest.mark.parametrize("seed", range(4))
async def test_a_receiver_in_every_mood_hears_every_change_in_order(seed: int) -> None:
    """Whatever fails in whatever order, nothing is left out and no end precedes its beginning."""
    mood = random.Random(seed)

    def answer(_: Request) -> web.Response | str:
        match mood.randrange(8):
            case 0:
                return web.Response(status=500, text="oops")
            case 1:
                return web.Response(status=429, headers={"Retry-After": "0"})
            case 2:
                return "hang-up"
            case 3:
                return web.Response(status=503, headers={"Retry-After": "not a number"})
            case 4 if mood.random() < 0.3:
                return "stall"
            case _:
                return web.Response(status=202)

    receiver, memory = Receiver(answer), Memory()
    keys = [f"k{number}" for number in range(12)]
    sink = sink_to(receiver, memory, timeout_s=0.3)
    async with receiver.serving(), running(sink):
        sink.publish([firing(key) for key in keys])
        await asyncio.sleep(0)
        sink.publish([resolved(key) if mood.random() < 0.5 else firing(key) for key in keys])
        sink.publish([resolved(key) for key in keys])
        sink.publish([])  # the engine forgets them; the receiver still has to hear
        await quiet(sink)
    for key in keys:
        assert [state for told, state in receiver.accepted if told == key] == ["firing", "resolved"]
        assert memory.states[key] == "resolved"
    assert sink.status.refused_total == 0
    assert sink.status.sent_total == 24


async def test_a_receiver_that_is_away_hears_both_when_it_is_back() -> None:
    receiver, memory = Receiver(), Memory()
    async with running(sink_to(receiver, memory)) as sink:
        sink.publish([firing()])
        await wait_until_async(lambda: sink.status.failed_total, WITHIN_S, "a failure")
        assert sink.status.last_error is not None
        assert sink.status.last_error.startswith("cannot connect")
        sink.publish([resolved()])
        async with receiver.serving():
            await quiet(sink)
    assert receiver.accepted == [("a", "firing"), ("a", "resolved")]


async def test_an_alert_first_seen_after_its_end_is_told_as_both() -> None:
    receiver = Receiver()
    async with receiver.serving(), running(sink_to(receiver, Memory())) as sink:
        sink.publish([resolved()])
        await quiet(sink)
    assert receiver.accepted == [("a", "firing"), ("a", "resolved")]
    assert receiver.seen[0].json["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"


async def test_a_restart_repeats_nothing_that_was_accepted_and_leaves_nothing_out() -> None:
    receiver, memory = Receiver(), Memory()
    receiver.mood = lambda request: web.Response(status=500 if request.change[0] == "b" else 200)
    async with receiver.serving():
        async with running(sink_to(receiver, memory)) as sink:
            sink.publish([firing("a"), firing("b"), firing("c")])
            await wait_until_async(lambda: len(receiver.accepted) == 2, WITHIN_S, "a and c")
        receiver.mood = lambda _: web.Response()
        async with running(sink_to(receiver, memory)) as sink:
            sink.publish([resolved("a"), firing("b"), firing("c")])
            await quiet(sink)
    assert Counter(receiver.accepted) == Counter(
        [("a", "firing"), ("b", "firing"), ("c", "firing"), ("a", "resolved")]
    )


async def test_one_alert_that_the_receiver_chokes_on_does_not_hold_up_the_others() -> None:
    receiver = Receiver(
        lambda request: web.Response(status=500 if request.change[0] == "bad" else 200)
    )
    async with receiver.serving(), running(sink_to(receiver, Memory())) as sink:
        sink.publish([firing("bad"), firing("a"), firing("b")])
        await wait_until_async(lambda: len(receiver.accepted) == 2, WITHIN_S, "the others")
        sink.publish([resolved("bad"), resolved("a"), firing("b")])
        await wait_until_async(lambda: len(receiver.accepted) == 3, WITHIN_S, "an end")
        assert sink.status.outstanding == 1


async def test_a_slow_receiver_does_not_delay_another() -> None:
    slow, quick = Receiver(lambda _: "stall"), Receiver()
    held, free = sink_to(slow, Memory()), sink_to(quick, Memory())
    async with slow.serving(), quick.serving(), running(held), running(free):
        held.publish([firing()])
        free.publish([firing()])
        await quiet(free)
        assert held.status.outstanding == 1


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413])
async def test_a_refusal_is_counted_and_not_repeated_until_a_restart(status: int) -> None:
    receiver, memory = Receiver(), Memory()
    receiver.mood = lambda request: web.Response(
        status=status if request.change[0] == "a" else 200,
        headers={"Location": receiver.url},
        text="no",
    )
    async with receiver.serving():
        async with running(sink_to(receiver, memory)) as sink:
            sink.publish([firing("a")])
            await quiet(sink)
            assert sink.status.refused_total == 1
            assert sink.status.last_error == f"answered {status}: no"
            # Its end would be news of something that the receiver never took.
            sink.publish([resolved("a"), firing("b")])
            await quiet(sink)
            assert [request.change for request in receiver.seen] == [
                ("a", "firing"),
                ("b", "firing"),
            ]
        receiver.mood = lambda _: web.Response()
        async with running(sink_to(receiver, memory)) as sink:
            sink.publish([firing("a"), firing("b")])
            await quiet(sink)
    assert receiver.accepted == [("b", "firing"), ("a", "firing")]


async def test_an_answer_that_got_out_of_sight_is_repeated_under_the_same_name() -> None:
    moods: Iterator[web.Response | str] = iter(["hang-up", web.Response(), web.Response()])
    receiver = Receiver(lambda _: next(moods))
    async with receiver.serving(), running(sink_to(receiver, Memory())) as sink:
        sink.publish([resolved()])
        await quiet(sink)
    first, again, end = receiver.seen
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]
    assert first.body == again.body
    assert first.headers["Idempotency-Key"] != end.headers["Idempotency-Key"]


async def test_memory_is_bounded_and_what_is_over_and_was_never_told_goes_first() -> None:
    receiver = Receiver()
    sink = sink_to(receiver, Memory(), waiting_max=3)
    sink.publish([firing("told")])
    async with receiver.serving(), running(sink):
        await quiet(sink)
    sink.publish([resolved("told"), firing("x"), resolved("over"), firing("y"), firing("z")])
    sink.publish([resolved("told"), firing("x"), resolved("over"), firing("y"), firing("z")])
    assert sink.status.outstanding == 3
    assert sink.status.discarded_total == 3
    async with receiver.serving(), running(sink):
        await quiet(sink)
    assert receiver.accepted == [
        ("told", "firing"),
        ("x", "firing"),
        ("y", "firing"),
        ("z", "firing"),
    ]


async def test_no_message_shows_what_the_address_keeps_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    receiver = Receiver(lambda _: web.Response(status=403))
    async with running(sink_to(receiver, Memory())) as sink:
        sink.publish([firing()])
        await wait_until_async(lambda: sink.status.failed_total, WITHIN_S, "a failure")
        async with receiver.serving():
            await quiet(sink)
    assert sink.status.refused_total == 1
    assert f"127.0.0.1:{receiver.port}" in caplog.text
    assert "path-token" not in caplog.text + repr(sink.status)
