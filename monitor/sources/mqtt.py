"""The MQTT source: receives for ever, reconnects by itself, acknowledges what was committed.

Each connection is a fresh client with the same client id, never a clean start, so that the broker
keeps what is published while we are away. Topics are subscribed again each time; retained messages
come only with a new subscription, so that a reconnect does not repeat old states.

Of two instances that take the session from one another (see `ownership.py`), the one that has lost
it three times within a minute gives up and says why.

Nothing is decoded here. Speaks to the network; reads only the loop's monotonic time.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from monitor.backoff import Backoff
from monitor.config.secrets_file import SecretError
from monitor.sources.inbox import Inbox, Message
from monitor.sources.mqtt_settings import MqttSettings, new_client, tls_context
from monitor.sources.ownership import Ownership
from monitor.sources.session import Session

__all__ = ["MqttSettings", "MqttSource", "RefusedError", "SourceStatus", "TakenOverError"]

BROKER_DISCARDED_TOPIC: Final = "$SYS/broker/publish/messages/dropped"
_STABLE_S: Final = 30.0
# Two instances that take one another's session must not do so in a tight loop.
_BACKOFF_FLOOR: Final = 0.5
_FAILURE: Final = 0x80
_UNSUPPORTED_VERSION: Final = 0x84
# Client id not valid, bad user name or password, not authorized, banned, bad method.
_REFUSALS: Final = frozenset((_UNSUPPORTED_VERSION, 0x85, 0x86, 0x87, 0x8A, 0x8C))


class TakenOverError(Exception):
    """Another instance uses our client id; only a person can end that."""


class RefusedError(Exception):
    """The broker does not let us in or not to a topic; the message says which."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What is known of one MQTT source now.

    Attributes:
        name: Of the source.
        connected: Whether it is connected and subscribed.
        session_present: Whether the broker had kept our session at the latest connection; None
            before the first.
        connects_total: Connections that the broker accepted.
        takeovers_total: Connections that ended because another one used our client id.
        sessions_lost_total: Reconnections to a broker that had forgotten the session, and with it
            whatever was published in between.
        last_error: Why it is not connected, or what the broker did not grant; None if all is well.
        broker_discarded: Messages that the broker says it has discarded, of all its clients, since
            its own start; None if it does not say.
        inbox_discarded_total: QoS 0 messages that found the inbox full.
    """

    name: str
    connected: bool = False
    session_present: bool | None = None
    connects_total: int = 0
    takeovers_total: int = 0
    sessions_lost_total: int = 0
    last_error: str | None = None
    broker_discarded: int | None = None
    inbox_discarded_total: int = 0


class MqttSource:
    """Receives from one broker into an inbox.

    Args:
        name: Of the source, as configured.
        settings: The broker and the session.
        inbox: Where messages go.
        on_status: Called with each new status; it must not block.
        backoff: Delays between tries; 1 s to 30 s by default.
    """

    def __init__(
        self,
        name: str,
        settings: MqttSettings,
        inbox: Inbox,
        on_status: Callable[[SourceStatus], None],
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self._name = name
        self._settings = settings
        self._inbox = inbox
        self._on_status = on_status
        self._backoff = backoff or Backoff(floor=_BACKOFF_FLOOR)
        self._status = SourceStatus(name)
        self._ownership = Ownership(settings.client_id)

    @property
    def status(self) -> SourceStatus:
        """What is known now."""
        return replace(self._status, inbox_discarded_total=self._inbox.discarded(self._name))

    async def run(self) -> None:
        """Receive until cancelled; then disconnect so that the broker keeps the session.

        Raises:
            TakenOverError: Another instance uses the same client id.
        """
        loop = asyncio.get_running_loop()
        while True:
            started_s = loop.time()
            is_refused = False
            try:
                error = await self._connect_and_receive()
            except RefusedError as refusal:
                error = str(refusal)
                is_refused = True
            except (aiomqtt.MqttError, OSError, SecretError) as failure:
                error = str(failure) or type(failure).__name__
            except asyncio.CancelledError:
                self._set(connected=False)
                raise
            self._set(connected=False, last_error=error)
            if self._ownership.is_contested:
                raise TakenOverError(
                    f"source {self._name}: another instance uses client id "
                    f"{self._settings.client_id!r}; give each its own client_id"
                )
            if loop.time() - started_s >= _STABLE_S:
                self._backoff.reset()
            await asyncio.sleep(self._backoff.slow_s() if is_refused else self._backoff.next_s())

    async def _connect_and_receive(self) -> str:
        """One connection, from connecting to its end; returns why it ended."""
        settings = self._settings
        # Reading the files anew each time lets certificates be renewed without a restart.
        tls = await asyncio.to_thread(tls_context, settings) if settings.tls else None
        client = new_client(settings, tls)
        session = Session(
            client,
            receive=lambda topic, payload, retain, mid: self._receive(
                session, topic, payload, retain=retain, mid=mid
            ),
            on_accepted=self._accepted,
            max_messages=2 * settings.receive_maximum,
            max_bytes=settings.max_unacknowledged_bytes,
        )
        try:
            async with client:
                session.start_reading()
                return await self._stay(client, session)
        except aiomqtt.MqttCodeError as error:
            if isinstance(error.rc, ReasonCode) and error.rc.value in _REFUSALS:
                raise RefusedError(_refusal(error.rc)) from error
            if session.ended.done():
                return "the connection ended while it was being set up"
            raise
        finally:
            session.close()
            if session.taken_over:
                self._ownership.taken_over(asyncio.get_running_loop().time())
                self._set(takeovers_total=self._ownership.takeovers_total)
            await session.leave()

    async def _stay(self, client: aiomqtt.Client, session: Session) -> str:
        """Subscribe, then wait until the connection ends; returns why."""
        settling = asyncio.create_task(self._settle(client))
        try:
            # aiomqtt would wait for the answer of a connection that has ended.
            await asyncio.wait((settling, session.ended), return_when=asyncio.FIRST_COMPLETED)
            if settling.done():
                settling.result()
            if self._ownership.is_contested:
                return "another instance uses our client id"
            return await session.ended
        finally:
            settling.cancel()
            session.prepare_to_leave()

    async def _settle(self, client: aiomqtt.Client) -> None:
        """All that there is to do once on a new connection.

        Raises:
            RefusedError: A topic was refused.
        """
        if self._status.session_present:
            # It has its subscriptions, so messages flow, and the answer stands behind them.
            self._set(connected=True, last_error=None)
        shortfall = await self._subscribe(client)
        self._set(connected=True, last_error=shortfall)
        # Brokers that do not count, or do not tell us, are no worse for the feed.
        await client.subscribe(BROKER_DISCARDED_TOPIC, 0)
        if self._settings.announces:
            await self._ownership.announce(client)

    async def _subscribe(self, client: aiomqtt.Client) -> str | None:
        """Subscribe to everything; returns what was granted less than asked.

        Raises:
            RefusedError: A topic was refused.
        """
        topics = self._settings.topics
        # Behind a backlog that the reader is slow to take, the answer may take any time.
        timeout_s = math.inf if self._status.session_present else None
        if self._settings.version == "5":
            options = SubscribeOptions(
                qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
            )
            granted = await client.subscribe(
                [(topic, options) for topic in topics], timeout=timeout_s
            )
        else:
            granted = await client.subscribe([(topic, 1) for topic in topics], timeout=timeout_s)
        codes = [code.value if isinstance(code, ReasonCode) else code for code in granted]
        for topic, code in zip(topics, codes, strict=True):
            if code >= _FAILURE:
                raise RefusedError(f"the broker refuses the topic {topic!r} (code {code})")
        if 0 in codes:
            return "the broker grants QoS 0 only: what it sends while we are away is gone"
        return None

    def _accepted(self, session_present: bool) -> None:  # noqa: FBT001 (a callback)
        status = self._status
        is_forgotten = status.connects_total > 0 and not session_present
        self._inbox.reconnected(self._name, redelivers=session_present)
        self._set(
            session_present=session_present,
            connects_total=status.connects_total + 1,
            sessions_lost_total=status.sessions_lost_total + is_forgotten,
        )

    def _receive(
        self, session: Session, topic: str, payload: bytes, *, retain: bool, mid: int
    ) -> None:
        if mid:
            self._inbox.put(Message(self._name, topic, payload, retain, session, mid))
        elif topic == self._ownership.topic:
            self._ownership.receive(payload, asyncio.get_running_loop().time())
            self._set(takeovers_total=self._ownership.takeovers_total)
        elif topic != BROKER_DISCARDED_TOPIC:
            self._inbox.put(Message(self._name, topic, payload, retain))
        elif payload.isdigit() and len(payload) < 20:  # noqa: PLR2004 (digits of 64 bits)
            self._set(broker_discarded=int(payload))

    def _set(self, **changes: bool | int | str | None) -> None:
        status = replace(self._status, **changes)  # type: ignore[arg-type]
        if status != self._status:
            self._status = status
            self._on_status(self.status)


def _refusal(reason: ReasonCode) -> str:
    if reason.value == _UNSUPPORTED_VERSION:
        return "the broker does not speak this version of MQTT: set the other one (5 or 3.1.1)"
    return f"the broker refuses us: {reason}"
