"""Who is served, and how everybody else is refused."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from real_parts import wait_until_async
from snapshots import make_snapshot
from web_parts import HandBoard, port_of, serving

from monitor.config.secrets_file import SecretError
from monitor.web.credentials import Credentials, TooBusyError, user_line
from monitor.web.gate import Gate, is_loopback
from monitor.web.listener import Listener
from monitor.web.settings import WebSettings

PASSWORD = "night shift: 3 a.m."
REMOTE = {"X-Forwarded-For": "203.0.113.9"}
"""What a proxy on this machine says of a reader elsewhere."""


@pytest.fixture(scope="module")
def users_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("users") / "users"
    path.write_text(f"# who may look in\n\n{user_line('floor', PASSWORD)}\n")
    path.chmod(0o600)
    return path


def basic(name: str, password: str) -> str:
    return f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


async def status_of(
    url: str, method: str = "GET", *, headers: Mapping[str, str] | None = None
) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers) as answer,
    ):
        await answer.read()
        return answer.status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 200),
        ("HEAD", "", 200),
        ("POST", "", 405),
        ("GET", "static/page.js", 200),
        ("GET", "static/../server.py", 404),
        ("GET", "static/%2e%2e/server.py", 404),
        ("GET", "nothing", 404),
        ("DELETE", "metrics", 405),
        ("PUT", "api/v1/status", 405),
        ("GET", "-/reload", 405),
        ("POST", "-/reload", 200),
        ("GET", "-/healthy", 200),
        ("GET", "-/ready", 200),
        ("TRACE", "metrics", 405),
    ],
)
async def test_each_path_has_its_methods(method: str, path: str, status: int) -> None:
    async with serving(HandBoard(make_snapshot())) as server:
        assert await status_of(server.url + path, method) == status


async def test_every_answer_carries_the_headers_for_browsers() -> None:
    async with serving(HandBoard(make_snapshot())) as server, aiohttp.ClientSession() as session:
        for path in ("", "metrics", "api/v1/status", "nothing", "-/reload"):
            async with session.get(server.url + path) as answer:
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Cache-Control"] == "no-store"
                assert answer.headers["Server"] == "callcenter-monitor"


async def test_a_body_that_is_too_large_is_refused_before_it_is_read() -> None:
    settings = WebSettings(port=0, max_body_bytes=1_000)
    async with serving(HandBoard(make_snapshot()), settings) as server:
        port = port_of(server)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n"
        )
        async with asyncio.timeout(10):
            assert b" 413 " in await reader.readline()
        writer.close()


async def test_a_reload_is_done_for_whoever_has_signed_in(users_file: Path) -> None:
    board = HandBoard(make_snapshot())
    async with serving(board, WebSettings(port=0, users_file=users_file)) as server:
        url, floor = f"{server.url}-/reload", {"Authorization": basic("floor", PASSWORD)}
        for headers, user in (({}, None), (REMOTE | floor, "floor")):
            assert await status_of(url, "POST", headers=headers) == 200
            assert board.reloaded_by == user


async def test_an_address_that_is_too_long_is_refused() -> None:
    async with serving(HandBoard(make_snapshot())) as server:
        assert await status_of(f"{server.url}{'x' * 20_000}") in (400, 414)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:9108", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:9108", 200),
        ("monitor.example", 200),
        ("attacker.example", 421),
        ("localhost.attacker.example", 421),
        ("127.0.0.1.attacker.example", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
async def test_local_readers_are_served_under_our_own_names_only(host: str, status: int) -> None:
    settings = WebSettings(port=0, names=("monitor.example",))
    async with serving(HandBoard(make_snapshot()), settings) as server:
        assert await status_of(f"{server.url}metrics", headers={"Host": host}) == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://attacker.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
async def test_the_page_of_another_site_cannot_send_commands(
    headers: dict[str, str], status: int
) -> None:
    board = HandBoard(make_snapshot())
    async with serving(board) as server:
        assert await status_of(f"{server.url}-/reload", "POST", headers=headers) == status
    assert board.reloads == (status == 200)


async def test_without_users_nobody_from_elsewhere_is_served() -> None:
    async with serving(HandBoard(make_snapshot())) as server:
        for path in ("", "metrics", "-/healthy", "api/v1/status"):
            assert await status_of(server.url + path, headers=REMOTE) == 403
        assert await status_of(f"{server.url}-/reload", "POST", headers=REMOTE) == 403


async def test_readers_from_elsewhere_need_name_and_password(users_file: Path) -> None:
    settings = WebSettings(port=0, users_file=users_file)
    async with serving(HandBoard(make_snapshot()), settings) as server:
        url = f"{server.url}metrics"
        assert await status_of(url) == 200
        assert await status_of(url, headers=REMOTE) == 401
        for wrong in (
            basic("floor", "day shift"),
            basic("stranger", PASSWORD),
            "Basic",
            "Basic !!!",
            "Bearer x",
            "Basic Zmxvb3I=",
            "Basic " + "A" * 4000,
        ):
            assert await status_of(url, headers=REMOTE | {"Authorization": wrong}) == 401
        for _ in range(2):
            right = basic("floor", PASSWORD)
            assert await status_of(url, headers=REMOTE | {"Authorization": right}) == 200


async def test_routes_with_credentials_of_their_own_ask_for_no_others(users_file: Path) -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.content.read())))

    routes = [web.post("/take/{name}", take)]
    board = HandBoard(make_snapshot())
    for settings in (
        WebSettings(port=0, max_body_bytes=10),
        WebSettings(port=0, max_body_bytes=10, users_file=users_file),
    ):
        async with (
            serving(board, settings, guarded_routes=routes) as server,
            aiohttp.ClientSession() as session,
        ):
            url = f"{server.url}take/a"
            # Their bound is their own, too.
            for headers in ({}, REMOTE, REMOTE | {"Host": "monitor.example"}):
                async with session.post(url, data=b"x" * 99, headers=headers) as answer:
                    assert await answer.text() == "99"
            # What is not theirs is guarded as ever.
            for path, method in (("take/a", "PUT"), ("take", "POST"), ("take/a/b", "POST")):
                refused = await status_of(server.url + path, method, headers=REMOTE)
                assert refused == (403 if settings.users_file is None else 401)
            foreign = {"Origin": "http://attacker.example"}
            assert await status_of(url, "POST", headers=foreign) == 403


async def test_credentials_do_not_cross_a_network_in_the_clear() -> None:
    async def take(_request: web.Request) -> web.Response:
        return web.Response(text="taken")

    gate = Gate(names=(), credentials=None, is_tls=False, max_body_bytes=10)
    app = web.Application(middlewares=(gate.middleware,))
    gate.guarded = frozenset(app.add_routes([web.post("/take", take)]))
    for peer, status in (("127.0.0.1", 200), ("203.0.113.9", 403)):
        transport = mock.Mock()
        transport.get_extra_info = {"peername": (peer, 1)}.get
        request = make_mocked_request("POST", "/take", app=app, transport=transport)
        request._match_info = await app.router.resolve(request)
        try:
            answered = (await gate.middleware(request, take)).status
        except web.HTTPException as refusal:
            answered = refusal.status
        assert answered == status


def make_certificate(openssl: str, certificate: Path, key: Path) -> None:
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip


async def test_tls_is_spoken_when_it_is_configured(tmp_path: Path, users_file: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed; it makes the certificate of this test")
    make_certificate(openssl, certificate, key)
    key.chmod(0o600)
    settings = WebSettings(
        port=0, certificate_file=certificate, key_file=key, users_file=users_file
    )
    trust = ssl.create_default_context(cafile=str(certificate))
    async with (
        serving(HandBoard(make_snapshot()), settings) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session,
    ):
        assert server.url.startswith("https://")
        async with session.get(f"{server.url}-/healthy") as answer:
            assert answer.status == 200
    key.chmod(0o644)
    with pytest.raises(SecretError, match="chmod"):
        async with serving(HandBoard(), settings):
            pass


@pytest.mark.parametrize(
    "line",
    [
        "floor",
        "floor:secret",
        ":scrypt$16384$8$1$00$" + "00" * 32,
        "floor:scrypt$16384$8$1$zz$" + "00" * 32,
        "floor:scrypt$16383$8$1$00$" + "00" * 32,
        "floor:scrypt$1073741824$8$1$00$" + "00" * 32,
        "floor:scrypt$16384$8$1$00$00",
        "floor:bcrypt$16384$8$1$00$" + "00" * 32,
    ],
)
def test_a_wrong_line_of_users_is_named_without_its_secret(tmp_path: Path, line: str) -> None:
    path = tmp_path / "users"
    path.write_text(f"# users\n{line}\n")
    path.chmod(0o600)
    with pytest.raises(SecretError, match=":2: ") as caught:
        Credentials.load(path)
    assert line not in str(caught.value)


async def test_only_a_few_passwords_are_checked_at_a_time(users_file: Path) -> None:
    credentials = Credentials.load(users_file)
    said = [basic("floor", f"guess {number}") for number in range(40)]
    answers = await asyncio.gather(*map(credentials.allow, said), return_exceptions=True)
    assert set(map(type, answers)) == {bool, TooBusyError}
    assert not any(answer is True for answer in answers)


@pytest.mark.parametrize(
    ("address", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_its_number(address: str, is_ours: bool) -> None:  # noqa: FBT001
    assert is_loopback(address) is is_ours


async def test_connections_are_bounded_and_silent_ones_closed() -> None:
    listener = Listener(web.Application(), max_connections=3, first_request_within_s=0.3)
    port = await listener.start("127.0.0.1", 0, None)
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    extra = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(10):
        assert await extra[0].read() == b""
        for reader, _ in streams:
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
    await wait_until_async(lambda: not listener._silent, 5.0, "the silent ones to be forgotten")
    for _, writer in (*streams, extra):
        writer.close()
    await listener.stop()


async def test_an_address_in_use_is_an_error_of_the_environment() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = WebSettings(port=taken.getsockname()[1])
        with pytest.raises(OSError, match="address already in use"):
            async with serving(HandBoard(), settings):
                pass
