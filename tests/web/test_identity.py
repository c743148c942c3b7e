"""Certificate, key and users are read again without a restart."""

import asyncio
import shutil
import ssl
import subprocess
from base64 import b64encode
from pathlib import Path

import aiohttp
import pytest
from snapshots import make_snapshot
from web_parts import HandBoard, port_of, serving

from monitor.config.secrets_file import SecretError
from monitor.web.credentials import user_line
from monitor.web.server import WebServer
from monitor.web.settings import WebSettings

REMOTE = {"X-Forwarded-For": "203.0.113.9"}


@pytest.fixture
def settings(tmp_path: Path) -> WebSettings:
    make_certificate(tmp_path, "first")
    write_users(tmp_path / "users", floor="night shift")
    return WebSettings(
        port=0,
        certificate_file=tmp_path / "cert.pem",
        key_file=tmp_path / "key.pem",
        users_file=tmp_path / "users",
    )


def make_certificate(folder: Path, name: str) -> None:
    """A self-signed certificate that says its name, in the place of the one before."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed; it makes the certificates of this test")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    (folder / "key.pem").chmod(0o600)


def write_users(path: Path, **passwords: str) -> None:
    path.write_text("".join(f"{user_line(name, word)}\n" for name, word in passwords.items()))
    path.chmod(0o600)


async def shown_certificate(server: WebServer, *, server_name: str | None = None) -> bytes:
    """What the server shows in a handshake, DER."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(10.0):
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port_of(server), ssl=context, server_hostname=server_name or ""
        )
        shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
    return shown


def der_of(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text(encoding="ascii"))


async def status_of(server: WebServer, name: str, password: str) -> int:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    said = b64encode(f"{name}:{password}".encode()).decode()
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
        session.get(
            f"{server.url}-/healthy", headers=REMOTE | {"Authorization": f"Basic {said}"}
        ) as answer,
    ):
        return answer.status


async def reload(server: WebServer) -> None:
    server.assume(await server.read_identity())


@pytest.mark.parametrize("server_name", [None, "monitor.example"])
async def test_the_next_connection_sees_the_renewed_certificate(
    settings: WebSettings, tmp_path: Path, server_name: str | None
) -> None:
    async with serving(HandBoard(make_snapshot()), settings) as server:
        first = der_of(tmp_path / "cert.pem")
        assert await shown_certificate(server, server_name=server_name) == first
        make_certificate(tmp_path, "second")
        second = der_of(tmp_path / "cert.pem")
        assert second != first
        assert await shown_certificate(server, server_name=server_name) == first
        await reload(server)
        assert await shown_certificate(server, server_name=server_name) == second


async def test_an_open_connection_goes_on(settings: WebSettings, tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    async with (
        serving(HandBoard(make_snapshot()), settings) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
    ):
        async with session.get(f"{server.url}-/healthy") as answer:
            assert await answer.text() == "healthy\n"
        make_certificate(tmp_path, "second")
        await reload(server)
        # The session trusts the first certificate alone, so this is the connection of before.
        async with session.get(f"{server.url}-/healthy") as answer:
            assert answer.status == 200


async def test_users_come_and_go_and_change_their_passwords(
    settings: WebSettings, tmp_path: Path
) -> None:
    async with serving(HandBoard(make_snapshot()), settings) as server:
        assert await status_of(server, "floor", "night shift") == 200
        assert await status_of(server, "auditor", "in the morning") == 401
        write_users(tmp_path / "users", floor="day shift", auditor="in the morning")
        assert await status_of(server, "floor", "night shift") == 200
        await reload(server)
        # What was right before is not remembered.
        assert await status_of(server, "floor", "night shift") == 401
        assert await status_of(server, "floor", "day shift") == 200
        assert await status_of(server, "auditor", "in the morning") == 200


@pytest.mark.parametrize(
    "damage", ["key of another", "no certificate", "open key", "users", "gone"]
)
async def test_a_bad_file_changes_nothing_and_is_named(
    settings: WebSettings, tmp_path: Path, damage: str
) -> None:
    async with serving(HandBoard(make_snapshot()), settings) as server:
        before = der_of(tmp_path / "cert.pem")
        named = spoil(tmp_path, damage)
        with pytest.raises(SecretError, match=named):
            await reload(server)
        assert await shown_certificate(server) == before
        assert await status_of(server, "floor", "night shift") == 200


def spoil(folder: Path, damage: str) -> str:
    """Damage one of the files; return which has to be named."""
    key, certificate, users = folder / "key.pem", folder / "cert.pem", folder / "users"
    if damage == "key of another":
        old = certificate.read_bytes()
        make_certificate(folder, "second")
        certificate.write_bytes(old)
        return "key.pem"
    if damage == "no certificate":
        certificate.write_text("nothing of the kind")
        return "cert.pem"
    if damage == "open key":
        key.chmod(0o644)
        return "key.pem"
    if damage == "users":
        users.write_text("floor:night shift\n")
        return "users:1"
    users.unlink()
    return "users"
