"""The push intake over real HTTP, with an inbox that the test empties when it likes."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from real_parts import wait_until_async

from monitor.sources.inbox import Inbox, Message
from monitor.sources.push import PushIntake, PushSettings
from monitor.sources.request_body import BrokenBodyError, TooLargeError, _Gunzip
from monitor.web.listener import Listener

TOKEN = "token-of-dialer-0001"
OTHER = "token-of-vendor-0001"
RIGHT = {"Authorization": f"Bearer {TOKEN}"}
MIB = 2**20

Answer = tuple[int, dict[str, Any], dict[str, str]]


@dataclass
class Reception:
    """A running intake."""

    intake: PushIntake
    inbox: Inbox
    port: int
    reason: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/events/dialer"

    async def taken(self, count: int) -> list[Message]:
        """Take so many messages, as the runner does before it commits them."""
        messages: list[Message] = []
        async with asyncio.timeout(10.0):
            while len(messages) < count:
                messages += await self.inbox.take(100, 2**30)
        return messages

    def commit(self, messages: list[Message], **refused: int) -> None:
        """What the runner does after the commit."""
        for message in messages:
            assert message.receipt is not None
            message.receipt.events = 1
            message.receipt.refused = refused
        self.inbox.acknowledge(messages)


@asynccontextmanager
async def reception(max_bytes: int = 64 * MIB) -> AsyncIterator[Reception]:
    inbox = Inbox()
    reason: list[str] = []
    intake = PushIntake(inbox, lambda: reason[0] if reason else None)
    intake.configure(
        {"dialer": PushSettings(TOKEN, max_bytes), "vendor": PushSettings(OTHER, max_bytes)}
    )
    app = web.Application()
    app.add_routes([intake.route])
    listener = Listener(app)
    port = await listener.start("127.0.0.1", 0, None)
    try:
        yield Reception(intake, inbox, port, reason)
    finally:
        intake.close()
        await listener.stop()


async def post(
    url: str, body: bytes | AsyncIterator[bytes] = b"{}", headers: dict[str, str] | None = None
) -> Answer:
    """Status, body and headers of the answer."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=RIGHT if headers is None else headers) as answer,
    ):
        return answer.status, json.loads(await answer.read()), dict(answer.headers)


async def test_it_answers_after_the_commit_and_not_before() -> None:
    async with reception() as here:
        answer = asyncio.create_task(post(here.url, b"[1,2]"))
        (message,) = await here.taken(1)
        assert (message.source, message.topic, message.payload) == ("dialer", None, b"[1,2]")
        done, _ = await asyncio.wait((answer,), timeout=0.2)
        assert not done
        here.commit([message], bad_json=2)
        status, body, _ = await answer
        assert (status, body) == (200, {"accepted": 1, "refused": {"bad_json": 2}})


@pytest.mark.parametrize(
    ("source", "authorization", "status"),
    [
        ("dialer", None, 401),
        ("dialer", "", 401),
        ("dialer", "Bearer", 401),
        ("dialer", "Bearer ", 401),
        ("dialer", "Bearer wrong-but-long-enough", 401),
        ("dialer", f"Bearer {TOKEN}x", 401),
        ("dialer", f"Bearer {TOKEN[:-1]}", 401),
        ("dialer", f"Basic {TOKEN}", 401),
        ("dialer", TOKEN, 401),
        ("dialer", "Bearer caf\u00e9" + "x" * 40, 401),
        ("dialer", f"Bearer {OTHER}", 403),
        ("vendor", f"Bearer {TOKEN}", 403),
        # Whoever has no token does not learn which sources there are.
        ("nobody", None, 401),
        ("nobody", f"Bearer {TOKEN}", 404),
    ],
)
async def test_a_token_opens_its_own_source_alone(
    source: str, authorization: str | None, status: int
) -> None:
    async with reception() as here:
        url = here.url.replace("dialer", source)
        headers = {} if authorization is None else {"Authorization": authorization}
        found, body, answered = await post(url, b"{}", headers)
        assert found == status
        assert TOKEN not in body["error"]
        assert (answered.get("WWW-Authenticate") is not None) == (status == 401)
        assert len(here.inbox) == 0


async def test_while_nothing_can_be_written_nothing_is_taken() -> None:
    async with reception() as here:
        here.reason.append("the store cannot be written")
        status, body, headers = await post(here.url)
        assert (status, len(here.inbox)) == (503, 0)
        assert "store" in body["error"]
        assert int(headers["Retry-After"]) > 0


async def in_chunks(body: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def in_all_ways(url: str, body: bytes) -> list[Callable[[], Awaitable[Answer]]]:
    """Post with the size told before, without it, and compressed."""
    packed = RIGHT | {"Content-Encoding": "gzip"}
    return [
        lambda: post(url, body),
        lambda: post(url, in_chunks(body)),
        lambda: post(url, gzip.compress(body), packed),
    ]


async def test_a_body_of_the_largest_size_is_taken_and_one_byte_more_is_not() -> None:
    async with reception() as here:
        for request in in_all_ways(here.url, b" " * MIB):
            answer = asyncio.ensure_future(request())
            messages = await here.taken(1)
            assert [len(message.payload) for message in messages] == [MIB]
            here.commit(messages)
            assert (await answer)[0] == 200
        for refused, request in enumerate(in_all_ways(here.url, b" " * (MIB + 1)), start=1):
            status, body, _ = await request()
            assert (status, len(here.inbox)) == (413, 0)
            assert str(MIB) in body["error"]
            assert here.intake.refused == {"too_large": refused}


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        pytest.param(b"{}", "gzip", 400, id="plain said to be gzip"),
        pytest.param(b"", "gzip", 400, id="nothing"),
        pytest.param(gzip.compress(b"{}")[:-1], "gzip", 400, id="cut short"),
        pytest.param(gzip.compress(b"{}") + b"more", "gzip", 400, id="more after the end"),
        pytest.param(gzip.compress(b"") * 100, "gzip", 400, id="many members"),
        pytest.param(zlib.compress(b"{}"), "gzip", 400, id="deflate said to be gzip"),
        pytest.param(zlib.compress(b"{}"), "deflate", 415, id="deflate"),
        pytest.param(gzip.compress(b"{}"), "gzip, gzip", 415, id="gzip twice"),
        pytest.param(b"{}", "br", 415, id="br"),
        pytest.param(b"{}", "zstd", 415, id="zstd"),
    ],
)
async def test_what_cannot_be_unpacked_is_refused_and_counted(
    body: bytes, coding: str, status: int
) -> None:
    async with reception() as here:
        found, _, headers = await post(here.url, body, RIGHT | {"Content-Encoding": coding})
        assert (found, len(here.inbox)) == (status, 0)
        assert (headers.get("Accept-Encoding") == "gzip") == (status == 415)
        assert here.intake.refused == {"bad_body": 1}


@pytest.mark.parametrize("coding", ["identity", "GZIP", "x-gzip"])
async def test_codings_are_known_by_all_their_names(coding: str) -> None:
    async with reception() as here:
        body = b"{}" if coding == "identity" else gzip.compress(b"{") + gzip.compress(b"}")
        answer = asyncio.create_task(post(here.url, body, RIGHT | {"Content-Encoding": coding}))
        (message,) = await here.taken(1)
        assert message.payload == b"{}"
        here.commit([message])
        assert (await answer)[0] == 200


async def test_a_bomb_is_never_unpacked() -> None:
    bomb = zlib.compressobj(9, wbits=31)
    packed = b"".join([bomb.compress(bytes(MIB)) for _ in range(900)]) + bomb.flush()
    assert len(packed) < MIB
    gunzip = _Gunzip(MIB)
    with pytest.raises(TooLargeError):
        gunzip.feed(packed)
    assert len(gunzip.body) == MIB + 1
    async with reception() as here:
        status, _, _ = await post(here.url, packed, RIGHT | {"Content-Encoding": "gzip"})
        assert (status, len(here.inbox)) == (413, 0)


@given(data=st.data(), content=st.binary(max_size=3_000), members=st.integers(1, 5))
def test_gzip_is_unpacked_however_it_is_cut(
    data: st.DataObject, content: bytes, members: int
) -> None:
    step = max(1, -(-len(content) // members))
    parts = [content[at : at + step] for at in range(0, len(content), step)] or [b""]
    packed = b"".join(map(gzip.compress, parts))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(packed)), max_size=20)))
    gunzip = _Gunzip(3_000)
    for start, end in zip([0, *cuts], [*cuts, len(packed)], strict=True):
        gunzip.feed(packed[start:end])
    assert gunzip.is_complete
    assert gunzip.body == content


@settings(max_examples=300)
@given(noise=st.binary(max_size=300), is_gzip=st.booleans())
def test_noise_ends_in_a_refusal_or_in_bytes(noise: bytes, is_gzip: bool) -> None:  # noqa: FBT001
    gunzip = _Gunzip(1_000)
    try:
        gunzip.feed((gzip.compress(b"x" * 50)[:40] if is_gzip else b"") + noise)
    except (zlib.error, TooLargeError, BrokenBodyError):
        return
    assert len(gunzip.body) <= 1_000


async def raw(here: Reception, head: str, body: bytes) -> bytes:
    """Send bytes and close; return what came back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
    writer.write(
        f"POST /api/v1/events/dialer HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {TOKEN}\r\n{head}\r\n".encode()
        + body
    )
    await writer.drain()
    writer.write_eof()
    async with asyncio.timeout(20.0):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Content-Length: 100\r\n", b"[{}"),
        ("Transfer-Encoding: chunked\r\n", b"3\r\n[{}\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"3\r\n[{}\r\nnonsense\r\n"),
        ("Transfer-Encoding: chunked\r\n", b"ffffffffffffffffffff\r\n[{}\r\n"),
        ("Content-Length: 3\r\nContent-Length: 5\r\n", b"[{}]]"),
        ("Content-Length: -1\r\n", b"[]"),
        ("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    ],
)
async def test_of_a_body_that_breaks_off_nothing_is_taken(
    head: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with reception() as here:
        answer = await raw(here, head, body)
        assert answer[:13] in (b"", b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")
        assert len(here.inbox) == 0
        # Room that was kept for it is free again.
        assert here.intake._desks["dialer"]._held_bytes == 0
    assert "Traceback" not in caplog.text


async def test_a_full_desk_sends_away_before_it_reads_and_takes_again_after_the_commit() -> None:
    async with reception(max_bytes=3 * MIB) as here:
        body = b" " * MIB
        waiting = [asyncio.create_task(post(here.url, body)) for _ in range(2)]
        messages = await here.taken(2)
        status, _, headers = await post(here.url, body)
        assert (status, len(here.inbox)) == (429, 0)
        assert int(headers["Retry-After"]) > 0
        # The bound is of one source: another one is not held back.
        other = here.url.replace("dialer", "vendor")
        answer = asyncio.create_task(post(other, b"{}", {"Authorization": f"Bearer {OTHER}"}))
        messages += await here.taken(1)
        here.commit(messages)
        assert {found[0] for found in await asyncio.gather(*waiting, answer)} == {200}
        again = asyncio.create_task(post(here.url, body))
        here.commit(await here.taken(1))
        assert (await again)[0] == 200


async def test_never_more_waits_than_the_bound_however_many_come_at_once() -> None:
    async with reception(max_bytes=8 * MIB) as here:
        desk = here.intake._desks["dialer"]
        posts = [asyncio.create_task(post(here.url, b" " * MIB)) for _ in range(40)]
        await wait_until_async(
            lambda: sum(task.done() for task in posts) + len(here.inbox) == 40, 20.0, "all to come"
        )
        assert desk._held_bytes <= 8 * MIB
        kept = len(here.inbox)
        here.commit(await here.taken(kept))
        statuses = [found[0] for found in await asyncio.gather(*posts)]
        assert statuses.count(200) == kept == 7
        assert statuses.count(429) == 33
        assert desk._held_bytes == 0


async def test_a_sender_that_goes_away_leaves_its_message_to_the_journal() -> None:
    async with reception(max_bytes=2 * MIB) as here:
        gone = asyncio.create_task(post(here.url, b" " * MIB))
        messages = await here.taken(1)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        # It still counts, so that senders that give up and come again cannot fill the memory.
        assert (await post(here.url, b"{}"))[0] == 429
        here.commit(messages)
        again = asyncio.create_task(post(here.url, b"{}"))
        here.commit(await here.taken(1))
        assert (await again)[0] == 200


async def test_at_the_end_those_who_wait_are_told_to_come_again() -> None:
    async with reception() as here:
        answer = asyncio.create_task(post(here.url))
        await here.taken(1)
        here.intake.close()
        status, _, headers = await answer
        assert status == 503
        assert "Retry-After" in headers


async def test_another_configuration_keeps_what_waits_and_changes_the_tokens() -> None:
    async with reception() as here:
        answer = asyncio.create_task(post(here.url))
        messages = await here.taken(1)
        here.intake.configure({"dialer": PushSettings("another-token-0001", MIB)})
        assert (await post(here.url))[0] == 401
        here.commit(messages)
        assert (await answer)[0] == 200
        assert list(here.intake.names) == ["dialer"]


async def test_a_message_of_a_source_that_was_removed_meanwhile_is_not_said_to_be_safe() -> None:
    async with reception() as here:
        answer = asyncio.create_task(post(here.url))
        here.inbox.acknowledge(await here.taken(1))
        assert (await answer)[0] == 404


def test_a_token_is_in_no_text() -> None:
    assert TOKEN not in repr(PushSettings(TOKEN, 1))
