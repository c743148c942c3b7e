"""Callers of one queue, over a broker: a call every few seconds, answered as long as a test says.

They live on the clock that the daemon runs on, so that an hour passes in a minute. Who is not
answered gives up after a while. The switch says that it lives, so its silence would be told from
ours.
"""

import heapq
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from daemon import Rehearsal, wall_now_s
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from real_parts import Mosquitto

SOURCE: Final = "pbx1"
QUEUE: Final = "member-en"
CALL_EVERY_S: Final = 3.0
BEAT_EVERY_S: Final = 10.0
ANSWERED_AFTER_S: Final = 4.0
TALK_S: Final = 45.0
PATIENCE_S: Final = 90.0
_STEP_S: Final = 0.02


class Callers(threading.Thread):
    """Calls until it is told to end.

    Args:
        broker: Where the events go.
        clock: What time it is for everybody.

    Attributes:
        is_answered: Whether calls that come now are answered.
    """

    def __init__(self, broker: Mosquitto, clock: Rehearsal) -> None:
        super().__init__(daemon=True)
        self.is_answered = True
        self._clock = clock
        self._over = threading.Event()
        self._due: list[tuple[float, int, str, dict[str, Any]]] = []
        self._order = itertools.count()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def now_s(self) -> float:
        """The time that the daemon has."""
        return self._clock.start_s + (wall_now_s() - self._clock.start_s) * self._clock.speed

    def run(self) -> None:
        next_call_s = next_beat_s = self.now_s()
        for number in itertools.count():
            while next_call_s > self.now_s() or (self._due and self._due[0][0] <= self.now_s()):
                while next_beat_s <= self.now_s():
                    self._publish(next_beat_s, "heartbeat", {})
                    next_beat_s += BEAT_EVERY_S
                while self._due and self._due[0][0] <= self.now_s():
                    at_s, _, kind, event = heapq.heappop(self._due)
                    self._publish(at_s, kind, event)
                if self._over.wait(_STEP_S):
                    return
            self._call(f"c{number}", next_call_s)
            next_call_s += CALL_EVERY_S

    def end(self) -> None:
        """Have it end, and wait for that."""
        self._over.set()
        self.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _call(self, call_id: str, at_s: float) -> None:
        event = {"call_id": call_id, "queue": QUEUE}
        course = [(0.0, "call.queued"), (PATIENCE_S, "call.abandoned")]
        if self.is_answered:
            ends_s = ANSWERED_AFTER_S + TALK_S
            course[1:] = [(ANSWERED_AFTER_S, "call.answered"), (ends_s, "call.completed")]
        for after_s, kind in course:
            heapq.heappush(self._due, (at_s + after_s, next(self._order), kind, event))

    def _publish(self, at_s: float, kind: str, event: dict[str, Any]) -> None:
        said = {"v": 1, "type": kind, "source": SOURCE, "ts": round(at_s, 3), **event}
        topic = "heartbeat" if kind == "heartbeat" else f"call/{QUEUE}"
        self._client.publish(f"acd/{SOURCE}/{topic}", json.dumps(said), qos=1)


@contextmanager
def calling(broker: Mosquitto, clock: Rehearsal) -> Iterator[Callers]:
    """Have people call; they end at the end."""
    callers = Callers(broker, clock)
    callers.start()
    try:
        yield callers
    finally:
        callers.end()
