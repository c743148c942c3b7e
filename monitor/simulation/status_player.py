"""Plays what a broker says of sources: that one is away, and that it is back.

A connection for each word: they are hours apart, and the broker of the demo would end one that is
silent for so long.
"""

import asyncio
from collections.abc import Iterable
from uuid import uuid4

import aiomqtt

from monitor.clock import Clock
from monitor.simulation.player import Destination
from monitor.simulation.truth import StatusChange

_TRIES_AGAIN_S = 1.0


async def play_statuses(
    changes: Iterable[StatusChange], *, destination: Destination, clock: Clock, first_ms: int
) -> None:
    """Publish each change, retained, when the clock shows its instant.

    A broker that is away is tried again, for ever; cancel the task to give up.

    Args:
        changes: By instant; those before `first_ms` are passed over.
        destination: The broker.
        clock: Tells when a change is due.
        first_ms: The instant that falls on the clock's origin, epoch ms.
    """
    for change in changes:
        if change.at_ms < first_ms:
            continue
        at_ms = change.at_ms - first_ms + clock.origin_ms
        await asyncio.sleep(clock.seconds_until(at_ms))
        while not await _published(change, destination):  # noqa: ASYNC110 (it is tried, not told)
            await asyncio.sleep(_TRIES_AGAIN_S)


async def _published(change: StatusChange, destination: Destination) -> bool:
    try:
        async with aiomqtt.Client(
            destination.host,
            destination.port,
            username=destination.username,
            password=destination.password,
            tls_context=destination.tls,
            protocol=aiomqtt.ProtocolVersion.V311,
            identifier=f"callcenter-monitor-status-{uuid4().hex[:8]}",
        ) as client:
            topic = f"acd/{change.source}/status"
            await client.publish(topic, change.state.encode(), qos=1, retain=True)
    except aiomqtt.MqttError:
        return False
    return True
