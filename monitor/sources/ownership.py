"""Whether our MQTT session is ours alone, or another instance takes it with the same client id.

A broker hands a session to whoever connects last with its client id. Two instances with one id
would take it from one another for ever, and each would see half of the feed.

MQTT 5 brokers should tell the loser why it was disconnected (0x8E). mosquitto 2.0 closes the
connection without a word, which looks like any other loss. So each instance leaves its name as the
retained message of a topic that belongs to the client id: who comes back and finds another name
there knows that somebody else was in between, and no outage of the network or restart of the broker
can look like that. A broker that forbids the topic takes nothing from the feed, but this knowledge.

Speaks to the network through aiomqtt; the time is an argument.
"""

import asyncio
from collections import deque
from typing import Final
from urllib.parse import quote
from uuid import uuid4

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

_MAX_TAKEOVERS: Final = 3
_WITHIN_S: Final = 60.0
_ECHO_WITHIN_S: Final = 10.0
_FAILURE: Final = 0x80


class Ownership:
    """What one instance knows of the session with one client id.

    Attributes:
        topic: Where the present owner leaves its name; we may need the right to read and write it.
        takeovers_total: How often the session was taken from us.
        is_contested: Whether that happened three times within a minute.
    """

    def __init__(self, client_id: str) -> None:
        self.topic = f"callcenter-monitor/v1/owner/{quote(client_id, safe='')}"
        self.takeovers_total = 0
        self.is_contested = False
        self._name = uuid4().hex.encode()
        # What is not retained starts with `?` and asks nothing of anybody: see `announce`.
        self._probe = b"?" + self._name
        self._echo = asyncio.Event()
        self._was_owner = False
        self._is_counted = False
        self._times_s: deque[float] = deque(maxlen=_MAX_TAKEOVERS)

    def taken_over(self, now_s: float) -> None:
        """The broker has said that another connection took the session.

        Args:
            now_s: Monotonic time.
        """
        self._count(now_s)
        # The other's name that we shall find is not one more takeover.
        self._is_counted = True

    def receive(self, payload: bytes, now_s: float) -> None:
        """Take a message of `topic`.

        Args:
            payload: What it carries.
            now_s: Monotonic time.
        """
        if payload == self._probe:
            self._echo.set()
        elif payload == self._name:
            self._was_owner = True
        elif not payload.startswith(b"?") and self._was_owner:
            self._was_owner = False
            if not self._is_counted:
                self._count(now_s)

    async def announce(self, client: aiomqtt.Client) -> None:
        """Read who was here and leave our name, unless the session is contested.

        The name is left only after the former one was read, so that whoever gives up leaves the
        name of the one that stays. That it was read is known from an own message that has come
        back, because a broker delivers in order.

        Raises:
            aiomqtt.MqttError: The connection ended.
        """
        self._echo.clear()
        granted = await client.subscribe(self.topic, 0)
        codes = [code.value if isinstance(code, ReasonCode) else code for code in granted]
        if any(code >= _FAILURE for code in codes):
            return
        await client.publish(self.topic, self._probe)
        try:
            async with asyncio.timeout(_ECHO_WITHIN_S):
                await self._echo.wait()
        except TimeoutError:
            return
        self._is_counted = False
        if not self.is_contested:
            await client.publish(self.topic, self._name, retain=True)

    def _count(self, now_s: float) -> None:
        self.takeovers_total += 1
        self._times_s.append(now_s)
        self.is_contested = (
            len(self._times_s) == _MAX_TAKEOVERS and now_s - self._times_s[0] <= _WITHIN_S
        )
