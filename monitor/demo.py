"""`demo`: an embedded broker, a call center that fails, and the daemon, on a clock that runs fast.

Everything is the real thing but the calls: the broker is a child process, the events go through
MQTT, the daemon journals them and serves its page. `--recording` plays a file instead of the
simulated day, `--scenario` a written one.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from monitor.app import App
from monitor.clock import Clock
from monitor.core.events import Event
from monitor.formats.ordering import in_order
from monitor.formats.recordings import read_recording
from monitor.simulation.bad_day import BAD_DAY_SOURCE, simulate_bad_day
from monitor.simulation.broker import EmbeddedBroker
from monitor.simulation.demo_config import demo_config_yaml
from monitor.simulation.player import Destination, play
from monitor.simulation.rehearsal import Rehearsal
from monitor.simulation.status_player import play_statuses

_LATENESS_MS = 60_000
_BATCH = 50
_LOOK_EVERY_S = 0.05

_RECORDING_CONFIG = """\
# Written by `callcenter-monitor demo --recording`.
organization: Recording
contracts:
  - id: R0001
    name: Recording
    lines:
      - {{name: all-queues, kind: current-enrollee, queues: ["*"], hours: always}}
sources:
  - name: {source}
    format: normalized
    mqtt: {{url: {url}, topics: ["acd/{source}/#"], version: "3.1.1"}}
store: {{path: {store}}}
http: {{listen: {listen}}}
"""


class Demo:
    """One demonstration.

    Args:
        speed: Seconds of the call center's time in one second.
        listen: HOST:PORT of the page; port 0 takes a free one.
        seed: Of the first simulated day.
        recording: A file to play instead, with its format; None simulates.
        rehearsal: A written scenario to play instead.
    """

    def __init__(
        self,
        *,
        speed: float,
        listen: str,
        seed: int,
        recording: tuple[Path, str] | None,
        rehearsal: Rehearsal | None = None,
    ) -> None:
        self._clock = Clock(speed)
        self._listen = listen
        self._seed = seed
        self._recording = recording
        self._rehearsal = rehearsal
        self._app: App | None = None

    async def run(self, started: Callable[[str], None]) -> None:
        """Run until `stop`, or until a recording has been played and somebody stops.

        Args:
            started: Called once with the address of the page.

        Raises:
            RecordingError: The recording cannot be read.
            OSError: The address cannot be listened on.
            RuntimeError: The broker did not start.
        """
        events = self._events()
        first = next(events, None)
        if first is None:
            return
        with tempfile.TemporaryDirectory(prefix="callcenter-monitor-") as directory:
            async with EmbeddedBroker() as broker:
                config = Path(directory) / "demo.yaml"
                config.write_text(self._config(broker.url, directory), encoding="utf-8")
                self._app = App(config, self._clock)
                playing = asyncio.create_task(self._play(first, events, broker.url))
                try:
                    await self._app.run(started)
                finally:
                    playing.cancel()
                    await asyncio.gather(playing, return_exceptions=True)

    def stop(self) -> None:
        """End `run` in good order."""
        if self._app is not None:
            self._app.stop()

    async def _play(self, first: Event, events: Iterator[Event], url: str) -> None:
        def all_of_them() -> Iterator[Event]:
            yield first
            yield from events

        # The broker keeps nothing for a subscriber that it has never seen.
        assert self._app is not None
        while self._app.unreadiness():  # noqa: ASYNC110 (readiness is asked for, not told)
            await asyncio.sleep(_LOOK_EVERY_S)
        destination = Destination.parse(url)
        rehearsal = self._rehearsal
        if rehearsal is None:
            await play(all_of_them(), destination=destination, clock=self._clock, batch=_BATCH)
            return
        await asyncio.gather(
            play(
                all_of_them(),
                destination=destination,
                clock=self._clock,
                batch=_BATCH,
                due_ms=rehearsal.due_ms,
            ),
            play_statuses(
                rehearsal.statuses,
                destination=destination,
                clock=self._clock,
                first_ms=rehearsal.first_ms,
            ),
        )

    def _events(self) -> Iterator[Event]:
        if self._rehearsal is not None:
            return self._rehearsal.events()
        if self._recording is None:
            return self._days()
        path, format_name = self._recording
        return _renamed(in_order(read_recording(format_name, [path]), _LATENESS_MS))

    def _days(self) -> Iterator[Event]:
        """One bad day after another."""
        start_ms = self._clock.origin_ms
        for seed in count(self._seed):
            day = simulate_bad_day(seed, start_ms)
            yield from day
            start_ms = day[-1].at_ms

    def _config(self, url: str, directory: str) -> str:
        store = str(Path(directory) / "demo.db")
        if self._rehearsal is not None:
            return self._rehearsal.config_yaml(url, self._listen, store)
        if self._recording is None:
            return demo_config_yaml(url, self._listen, store)
        return _RECORDING_CONFIG.format(
            source=BAD_DAY_SOURCE,
            url=json.dumps(url),
            store=json.dumps(store),
            listen=json.dumps(self._listen),
        )


def _renamed(events: Iterator[Event]) -> Iterator[Event]:
    """The same events as if they came from the demo's source."""
    for event in events:
        event.source = BAD_DAY_SOURCE
        yield event
