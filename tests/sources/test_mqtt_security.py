"""TLS, certificates, passwords and refusals against a real mosquitto."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest
import real_parts
from real_parts import wait_until_async
from sources.receiving import TOPIC, WITHIN_S, Receiver, receiving, settings_for

from monitor.sources.inbox import Message
from monitor.sources.mqtt_settings import MqttSettings, tls_context

pytestmark = pytest.mark.real

SECRET = "correct horse"


def openssl(*arguments: str, cwd: Path) -> None:
    command = [real_parts.find_program("openssl"), *arguments]
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)


def authority(folder: Path, name: str) -> None:
    """Make a self-signed authority NAME.crt and NAME.key."""
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt"),
        cwd=folder,
    )


def certificate(folder: Path, name: str, ca: str) -> None:
    """Make NAME.crt and NAME.key, signed by an authority, valid for 127.0.0.1."""
    openssl(
        *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr"),
        cwd=folder,
    )
    (folder / "names.cnf").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl(
        *("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key"),
        *("-CAcreateserial", "-days", "2", "-extfile", "names.cnf", "-out", f"{name}.crt"),
        cwd=folder,
    )
    (folder / f"{name}.key").chmod(0o600)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for ca in ("ours", "theirs"):
        authority(folder, ca)
    for name, ca in (("server", "ours"), ("daemon", "ours"), ("stranger", "theirs")):
        certificate(folder, name, ca)
    return folder


@pytest.fixture
def tls_port(tmp_path: Path, certificates: Path) -> Iterator[int]:
    """A broker whose second listener wants a client certificate of our authority."""
    port = real_parts.free_port()
    config = f"""
per_listener_settings false
listener {port} 127.0.0.1
cafile {certificates}/ours.crt
certfile {certificates}/server.crt
keyfile {certificates}/server.key
require_certificate true
use_identity_as_username true
"""
    with real_parts.mosquitto(tmp_path, config):
        yield port


@pytest.fixture
def password_broker(tmp_path: Path) -> Iterator[real_parts.Mosquitto]:
    passwords = tmp_path / "passwords"
    program = real_parts.find_program("mosquitto_passwd")
    subprocess.run([program, "-b", "-c", str(passwords), "monitor", SECRET], check=True)
    passwords.chmod(0o600)
    config = f"allow_anonymous false\npassword_file {passwords}\n"
    with real_parts.mosquitto(tmp_path, config) as running:
        yield running


def tls_settings(port: int, folder: Path, name: str, ca: str = "ours") -> MqttSettings:
    return settings_for(
        port,
        tls=True,
        ca_file=folder / f"{ca}.crt",
        cert_file=folder / f"{name}.crt",
        key_file=folder / f"{name}.key",
    )


async def failure(settings: MqttSettings) -> str:
    """What the status says when the first try has failed."""
    receiver = Receiver(settings)
    try:
        await wait_until_async(
            lambda: receiver.source.status.last_error, WITHIN_S, "the first failure"
        )
        assert not any(status.connected for status in receiver.statuses)
        return receiver.source.status.last_error or ""
    finally:
        await receiver.stop()


async def test_a_certificate_of_the_right_authority_is_let_in(
    tls_port: int, certificates: Path
) -> None:
    async with receiving(tls_settings(tls_port, certificates, "daemon")) as receiver:
        assert receiver.source.status.last_error is None


async def test_a_backlog_arrives_through_tls_whole_and_in_order(
    tls_port: int, certificates: Path
) -> None:
    """What is decrypted and not read is invisible to the selector; nothing may stick there."""
    settings = tls_settings(tls_port, certificates, "daemon")
    async with receiving(settings) as receiver:
        tls = tls_context(settings)
        async with aiomqtt.Client("127.0.0.1", tls_port, tls_context=tls) as client:
            for at in range(3_000):
                await client.publish(TOPIC, b"%05d" % at, qos=0)
            await client.publish(TOPIC, b"%05d" % 3_000, qos=1)
        taken: list[Message] = []
        while len(taken) < 3_001:
            batch = await receiver.take(min(100, 3_001 - len(taken)))
            receiver.inbox.acknowledge(batch)
            taken += batch
        assert [message.payload for message in taken] == [b"%05d" % at for at in range(3_001)]


async def test_a_broker_of_an_unknown_authority_is_not_trusted(
    tls_port: int, certificates: Path
) -> None:
    error = await failure(tls_settings(tls_port, certificates, "daemon", ca="theirs"))
    assert "certificate verify failed" in error


async def test_a_certificate_of_another_authority_is_not_let_in(
    tls_port: int, certificates: Path
) -> None:
    error = await failure(tls_settings(tls_port, certificates, "stranger"))
    assert "ended while it was being set up" in error


async def test_a_renewed_certificate_is_read_without_a_restart(
    tls_port: int, certificates: Path, tmp_path: Path
) -> None:
    for suffix in ("crt", "key"):
        (tmp_path / f"mine.{suffix}").write_bytes(
            (certificates / f"stranger.{suffix}").read_bytes()
        )
        (tmp_path / f"mine.{suffix}").chmod(0o600)
    (tmp_path / "ours.crt").write_bytes((certificates / "ours.crt").read_bytes())
    receiver = Receiver(tls_settings(tls_port, tmp_path, "mine"))
    try:
        await wait_until_async(lambda: receiver.source.status.last_error, WITHIN_S, "refusal")
        for suffix in ("crt", "key"):
            renewed = (certificates / f"daemon.{suffix}").read_bytes()
            (tmp_path / f"mine.{suffix}").write_bytes(renewed)
        await receiver.connected()
    finally:
        await receiver.stop()


async def test_a_key_that_everybody_can_read_is_refused_with_the_remedy(
    tls_port: int, certificates: Path, tmp_path: Path
) -> None:
    for name in ("ours.crt", "daemon.crt", "daemon.key"):
        (tmp_path / name).write_bytes((certificates / name).read_bytes())
    (tmp_path / "daemon.key").chmod(0o644)
    error = await failure(tls_settings(tls_port, tmp_path, "daemon"))
    assert "chmod o-rwx" in error


async def test_a_missing_certificate_is_named(tls_port: int, certificates: Path) -> None:
    assert "absent.key" in await failure(tls_settings(tls_port, certificates, "absent"))


async def test_the_right_password_lets_us_in(password_broker: real_parts.Mosquitto) -> None:
    settings = settings_for(password_broker.port, username="monitor", password=SECRET)
    async with receiving(settings):
        pass


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_wrong_password_is_told_and_retried_without_showing_it(
    password_broker: real_parts.Mosquitto, version: str
) -> None:
    settings = settings_for(
        password_broker.port, username="monitor", password="wrong horse", version=version
    )
    error = await failure(settings)
    assert "refuses us" in error
    assert "wrong horse" not in error


async def test_a_daemon_that_may_only_read_its_topics_receives_them(
    tmp_path: Path,
) -> None:
    """Neither the counter nor the owner's topic is needed for the feed."""
    acl = tmp_path / "acl"
    acl.write_text("topic read acd/#\n")
    acl.chmod(0o600)
    with real_parts.mosquitto(tmp_path, f"acl_file {acl}\n") as broker:
        async with receiving(settings_for(broker.port)) as receiver:
            assert receiver.source.status.last_error is None
            assert receiver.source.status.broker_discarded is None


def test_settings_do_not_show_the_password() -> None:
    assert SECRET not in repr(settings_for(1883, username="monitor", password=SECRET))
