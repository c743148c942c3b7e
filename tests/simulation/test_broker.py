"""The embedded broker: it serves MQTT 3.1.1 clients and never outlives whoever started it."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import aiomqtt
import pytest
from aiomqtt.exceptions import MqttConnectError
from real_parts import free_port, wait_until, wait_until_async

from monitor.simulation.broker import EmbeddedBroker

V311 = aiomqtt.ProtocolVersion.V311
ROOT = Path(__file__).parents[2]
STOPS_WITHIN_S = 20.0


def is_running(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        # The state is the first word after the name, which ends with the last parenthesis.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_what_is_published_reaches_a_subscriber_in_order() -> None:
    async with (
        EmbeddedBroker() as broker,
        aiomqtt.Client("127.0.0.1", broker.port, protocol=V311) as client,
    ):
        await client.subscribe("acd/#", qos=1)
        for number in range(50):
            await client.publish("acd/pbx1/agent", str(number), qos=1)
        messages = aiter(client.messages)
        async with asyncio.timeout(STOPS_WITHIN_S):
            arrived = [(await anext(messages)).payload for _ in range(50)]
    assert arrived == [str(number).encode() for number in range(50)]


async def test_a_persistent_session_keeps_messages_for_a_client_that_is_away() -> None:
    async with EmbeddedBroker() as broker:

        def client(**more: object) -> aiomqtt.Client:
            return aiomqtt.Client("127.0.0.1", broker.port, protocol=V311, **more)  # type: ignore[arg-type]

        async with client(identifier="daemon", clean_session=False) as daemon:
            await daemon.subscribe("acd/#", qos=1)
        async with client() as publisher:
            # The broker forgets what it may forget once a second; wait for several rounds of it.
            await asyncio.sleep(2.5)
            await publisher.publish("acd/pbx1/agent", b"kept", qos=1)
            async with client(identifier="daemon", clean_session=False) as daemon:
                async with asyncio.timeout(STOPS_WITHIN_S):
                    assert (await anext(aiter(daemon.messages))).payload == b"kept"


async def test_an_mqtt_5_client_is_refused_at_once_with_code_132() -> None:
    async with EmbeddedBroker() as broker:
        with pytest.raises(MqttConnectError) as refusal:
            async with aiomqtt.Client(
                "127.0.0.1", broker.port, protocol=aiomqtt.ProtocolVersion.V5
            ):
                pass
    assert int(refusal.value.rc.value) == 132  # type: ignore[union-attr]


async def test_it_ends_with_its_context_while_clients_are_connected() -> None:
    async with EmbeddedBroker() as broker:
        assert broker.pid is not None
        client = aiomqtt.Client("127.0.0.1", broker.port, protocol=V311)
        await client.__aenter__()
        assert is_running(broker.pid)
    assert not is_running(broker.pid)
    async with asyncio.timeout(STOPS_WITHIN_S):
        with pytest.raises(aiomqtt.MqttError):
            await anext(aiter(client.messages))


async def test_a_broker_that_does_not_end_by_itself_is_killed() -> None:
    async with EmbeddedBroker() as broker:
        assert broker.pid is not None
        os.kill(broker.pid, 19)  # SIGSTOP: it can no longer handle SIGTERM
    assert not is_running(broker.pid)


async def test_a_taken_port_is_an_error_that_says_so() -> None:
    async with EmbeddedBroker() as broker:
        with pytest.raises(RuntimeError, match="address already in use"):
            async with EmbeddedBroker(broker.port):
                pass


async def test_the_asked_port_is_used_on_loopback_only() -> None:
    port = free_port()
    async with EmbeddedBroker(port) as broker:
        assert broker.port == port
        assert broker.url == f"mqtt://127.0.0.1:{port}"
        listening = await asyncio.to_thread(Path("/proc/net/tcp").read_text)
        assert f"0100007F:{port:04X}" in listening
        assert f"00000000:{port:04X}" not in listening


async def test_it_ends_when_its_parent_is_killed() -> None:
    script = """
import asyncio
from monitor.simulation.broker import EmbeddedBroker

async def main():
    async with EmbeddedBroker() as broker:
        print(broker.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    await parent.wait()
    await wait_until_async(lambda: not is_running(pid), STOPS_WITHIN_S, "the broker to end")


def test_on_its_own_it_serves_until_it_is_told_to_stop() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "monitor.simulation.mqtt_server", "--port", "0"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline().startswith("127.0.0.1:")
        child.terminate()
        wait_until(lambda: child.poll() is not None, STOPS_WITHIN_S, "the broker to end")
        assert child.returncode == 0
    finally:
        child.kill()
        child.stdout.close()
