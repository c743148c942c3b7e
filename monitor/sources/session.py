"""One MQTT connection with acknowledgement by hand: all that reaches through aiomqtt into paho.

aiomqtt acknowledges a message before anybody has seen it, says nothing of `session present`, and
discards silently when its queue is bounded. The daemon may acknowledge only what it has committed.
paho, which aiomqtt drives, can do all that; this class is the one place that takes it from there.
It uses one private name of aiomqtt (`Client._client`) and one of paho (`Client._packet_queue`);
the rest is paho's public interface. A test names what has moved when a new release moves it.

Three things are done differently from aiomqtt, each because it was measured:
- Acknowledgements of a batch leave as one write. One by one they cost as much as receiving.
- Reading takes up to `_BURST` packets each time the socket is ready, instead of one.
- mosquitto 2.0 exceeds the Receive Maximum as soon as acknowledgements flow (by a factor of 30 and
  growing with a slow reader). So the bound is kept here, by not reading while too much is
  unacknowledged; TCP then holds the broker back.

Invariants: never acknowledges on another connection than the one that delivered. Unacknowledged
messages exceed neither bound by more than one message. While reading is stopped, the broker's
answers to our probes are not read either, so a standstill longer than about two keepalives ends the
connection; nothing is lost by that.

Writes to the network through paho; runs on one event loop; reads no clock.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from struct import Struct
from typing import Any, Final

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import MessageType
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from monitor.sources.inbox import Message

_BURST: Final = 64
_LEAVES_WITHIN_S: Final = 2.0
_PUBACK: Final = int(MessageType.PUBACK)
_PUBACK_PACKET: Final = Struct("!BBH")
_SESSION_TAKEN_OVER: Final = 0x8E
_NO_ANSWER: Final = ReasonCode(PacketTypes.CONNACK, "Unspecified error")
_NORMAL: Final = ReasonCode(PacketTypes.DISCONNECT, "Normal disconnection")

Receive = Callable[[str, bytes, bool, int], None]


class Session:
    """The connection of one `aiomqtt.Client`, which has not been entered yet.

    Args:
        client: A fresh client; packet ids of one connection mean nothing on another.
        receive: Called with topic, payload, retain flag and packet id (0 for QoS 0) of each
            message. The topic is empty when it was no UTF-8.
        on_accepted: Called with `session present` when the broker accepts the connection, before
            the first message.
        max_messages: How many unacknowledged messages stop the reading.
        max_bytes: How many bytes of their payloads stop the reading.

    Attributes:
        ended: Done when the connection has ended, accepted or not, with the reason in English.
    """

    def __init__(
        self,
        client: aiomqtt.Client,
        *,
        receive: Receive,
        on_accepted: Callable[[bool], None],
        max_messages: int,
        max_bytes: int,
    ) -> None:
        self._paho: PahoClient = client._client  # noqa: SLF001 (aiomqtt offers nothing else)
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._on_accepted = on_accepted
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._held = 0
        self._held_bytes = 0
        self._received = 0
        self._is_reading = False
        self._is_held_back = False
        self._is_read_planned = False
        self._is_closed = False
        self._taken_over = False
        self._leaving: socket.socket | None = None
        self.ended: asyncio.Future[str] = self._loop.create_future()
        self._chain()

    @property
    def taken_over(self) -> bool:
        """Whether the broker ended it because another connection uses the same client id."""
        return self._taken_over

    @property
    def is_held_back(self) -> bool:
        """Whether reading has stopped because too much is unacknowledged."""
        return self._is_held_back

    def start_reading(self) -> None:
        """Read in bursts from now on; call it once the client has been entered."""
        self._is_reading = True
        if not self._is_held_back:
            self._resume()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledge `messages` in this order with one write; nothing if the connection ended."""
        if self._paho.socket() is None or self.ended.done():
            return
        pack = _PUBACK_PACKET.pack
        packets = b"".join([pack(_PUBACK, 2, message.token) for message in messages])
        self._paho._packet_queue(_PUBACK, packets, messages[-1].token, 1)  # noqa: SLF001
        self._held -= len(messages)
        self._held_bytes -= sum([len(message.payload) for message in messages])
        if self._is_held_back and not self._is_full():
            self._is_held_back = False
            self._resume()

    def prepare_to_leave(self) -> None:
        """Keep the socket open over aiomqtt's disconnecting; call `leave` afterwards."""
        sock = self._paho.socket()
        if sock is not None and not self.ended.done():
            self._leaving = socket.socket(fileno=os.dup(sock.fileno()))

    async def leave(self) -> None:
        """Read away what the broker has still sent, until it closes.

        Closing a socket with unread data resets the connection, and a reset throws away what the
        broker has not read yet: our last acknowledgements and the DISCONNECT.
        """
        if self._leaving is None:
            return
        with self._leaving as sock, suppress(OSError):
            sock.setblocking(False)  # noqa: FBT003 (positional only)
            sock.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(_LEAVES_WITHIN_S):
                while await self._loop.sock_recv(sock, 65_536):
                    pass

    def close(self) -> None:
        """End a connection that aiomqtt has left half open; harmless on one that has ended.

        A try that times out or is cancelled leaves its socket open, and a thread that is still
        connecting would open one later. Either would hold our client id against our next try.
        """
        self._is_closed = True
        if self._paho.socket() is not None:
            self._paho.disconnect()

    def _chain(self) -> None:
        """Put our callbacks before aiomqtt's."""
        paho = self._paho
        paho.manual_ack_set(on=True)
        theirs_on_connect: Callable[..., None] = _present(paho.on_connect)
        theirs_on_disconnect: Callable[..., None] = _present(paho.on_disconnect)
        theirs_on_socket_open: Callable[..., None] = _present(paho.on_socket_open)

        def on_connect(
            client: PahoClient,
            userdata: object,
            flags: ConnectFlags,
            reason: ReasonCode,
            properties: Properties | None,
        ) -> None:
            if not reason.is_failure:
                self._on_accepted(bool(flags.session_present))
            theirs_on_connect(client, userdata, flags, reason, properties)

        def on_disconnect(
            client: PahoClient,
            userdata: object,
            flags: DisconnectFlags,
            reason: ReasonCode,
            properties: Properties | None,
        ) -> None:
            self._taken_over = reason.value == _SESSION_TAKEN_OVER
            self._end(str(reason))
            # aiomqtt would wait for the answer of a connection that has ended; it ignores this
            # once there was one.
            theirs_on_connect(client, userdata, flags, _NO_ANSWER, properties)
            # aiomqtt would keep any other reason as an exception that nobody retrieves.
            theirs_on_disconnect(client, userdata, flags, _NORMAL, properties)

        def on_socket_open(client: PahoClient, userdata: object, sock: Any) -> None:  # noqa: ANN401
            if self._is_closed:
                sock.close()
                raise ConnectionAbortedError("given up while connecting")
            theirs_on_socket_open(client, userdata, sock)

        paho.on_connect = on_connect
        paho.on_disconnect = on_disconnect
        paho.on_socket_open = on_socket_open
        paho.on_message = self._on_message

    def _end(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)

    def _on_message(self, _client: PahoClient, _userdata: object, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        payload = bytes(message.payload)
        self._received += 1
        if message.mid:
            self._held += 1
            self._held_bytes += len(payload)
            if self._is_full():
                self._hold_back()
        self._receive(topic, payload, message.retain, message.mid)

    def _is_full(self) -> bool:
        return self._held > self._max_messages or self._held_bytes > self._max_bytes

    def _hold_back(self) -> None:
        self._is_held_back = True
        sock = self._paho.socket()
        if sock is not None:
            self._loop.remove_reader(sock.fileno())

    def _resume(self) -> None:
        sock = self._paho.socket()
        if sock is None or not self._is_reading:
            return
        self._loop.add_reader(sock.fileno(), self._read)
        self._plan_read()

    def _plan_read(self) -> None:
        # What has been decrypted already waits in the TLS layer, where the selector cannot see it.
        if not self._is_read_planned:
            self._is_read_planned = True
            self._loop.call_soon(self._read_planned)

    def _read_planned(self) -> None:
        self._is_read_planned = False
        self._read()

    def _read(self) -> None:
        try:
            for _ in range(_BURST):
                if self._is_held_back:
                    return
                before = self._received
                self._paho.loop_read()
                if self._received == before and not self._pending():
                    return
        except Exception as error:  # noqa: BLE001 (paho raises all sorts on what it cannot read)
            self._end(f"unreadable packet ({type(error).__name__})")
            return
        if self._pending():
            self._plan_read()

    def _pending(self) -> bool:
        sock = self._paho.socket()
        return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _present(callback: Callable[..., None] | None) -> Callable[..., None]:
    assert callback is not None, "aiomqtt no longer sets this callback of paho"
    return callback
