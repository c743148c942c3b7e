"""How long an event is on its way: from being published until it is counted, and until it is shown.

The windows move on whole seconds, so an event cannot be shown before its second has ended; that
wait is the design and not a delay. Two delays are measured:

- *counted*: from the publisher's send until `Engine.on_events` has returned with the event; by
  then it is on its way to the disk, too.
- *shown*: from the whole second at which the windows take the event in until the snapshot that
  contains it hangs where the page, the API and `/metrics` read it. An event that is published in
  the last moment of its second and counted after that second's tick is taken in a second later;
  how many these are stands in the remark, and cannot be fewer than the first delay's share of 1 s.

The daemon is the real one (mosquitto, QoS 1, journal on, 1,000 queues), in a process of its own
that notes when `on_events` and `snapshot_steps` return; that costs about 0.1 us an event. All
processes read the same monotonic clock. The first tenth of a run is left out.

    PYTHONPATH=.:tests python tests/benchmarks/bench_latency.py [--quick]
"""

import asyncio
import logging
import signal
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import real_parts
from daemon_process import BROKER_SETTINGS, cpu_s, running, write_config
from figures import Figure, percentile, present
from publisher import Publisher, prepare
from workload import Load

from monitor.app import App
from monitor.clock import Clock
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.snapshot import Snapshot

QUEUES: Final = 1_000
TARGETS_MS: Final = {1_000: 50.0, 5_000: 200.0}
_NS: Final = 1_000_000_000


class Seen(msgspec.Struct):
    """What the daemon noted.

    Attributes:
        counted: `[ns, seq, seq, ...]` of each batch, monotonic.
        shown: `[ns, epoch second of the tick]` of each snapshot.
        epoch_ns: What is added to a monotonic instant to get the epoch's.
    """

    counted: list[list[int]]
    shown: list[tuple[int, int]]
    epoch_ns: int


def probe(config: Path, output: Path) -> None:
    """Run the daemon and note what it does; write that down at the end."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    seen = Seen([], [], Clock().now_ms() * 1_000_000 - time.monotonic_ns())
    on_events, snapshot_steps = Engine.on_events, Engine.snapshot_steps

    def noting_events(self: Engine, batch: Sequence[Event], now_ms: int) -> None:
        on_events(self, batch, now_ms)
        seen.counted.append([time.monotonic_ns(), *[event.seq or 0 for event in batch]])

    def noting_steps(self: Engine) -> Generator[None, None, Snapshot]:
        snapshot = yield from snapshot_steps(self)
        seen.shown.append((time.monotonic_ns(), snapshot.at_ms // 1000))
        return snapshot

    Engine.on_events = noting_events  # type: ignore[method-assign]
    Engine.snapshot_steps = noting_steps  # type: ignore[method-assign]

    async def serve() -> None:
        app = App(config, Clock())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.stop)
        await app.run()

    asyncio.run(serve())
    output.write_bytes(msgspec.json.encode(seen))


async def run(folder: Path, port: int, rate: int, seconds: int) -> tuple[Seen, list[int], float]:
    """Publish at a rate.

    Returns:
        What the daemon noted, when each event was sent (monotonic ns), and the daemon's share of
        a core.
    """
    config, output = write_config(folder, port, QUEUES), folder / f"seen-{rate}.json"
    command = (sys.executable, __file__, "--probe", str(config), str(output))
    with running(config, *command) as monitor:
        prepared = prepare(folder, Load(QUEUES, rate), rate * seconds, 1)
        async with Publisher(port, prepared, rate) as publisher:
            before_s, begun_s = cpu_s(monitor.pid), time.monotonic()
            publisher.go()
            sent_ns = await publisher.sent_ns()
            # The last event has to be shown as well.
            await asyncio.sleep(2.5)
            share = (cpu_s(monitor.pid) - before_s) / (time.monotonic() - begun_s)
    return msgspec.json.decode(output.read_bytes(), type=Seen), sent_ns, share


def delays_ms(seen: Seen, sent_ns: list[int]) -> tuple[list[float], list[float], float]:
    """Both delays of every event but those of the first tenth.

    Returns:
        The delays, and the share of events that were taken in a second later.
    """
    counted_ns = {seq: batch[0] for batch in seen.counted for seq in batch[1:]}
    assert len(counted_ns) == len(sent_ns)
    shown_at = [at for at, _ in seen.shown]
    counted: list[float] = []
    shown: list[float] = []
    late = 0
    for seq in range(len(sent_ns) // 10, len(sent_ns)):
        counted.append((counted_ns[seq] - sent_ns[seq]) / 1e6)
        second = (sent_ns[seq] + seen.epoch_ns) // _NS
        # A snapshot made after the event was counted, of a tick at the end of its second or later.
        index = bisect_left(shown_at, counted_ns[seq])
        while seen.shown[index][1] <= second:
            index += 1
        taken_in = seen.shown[index][1]
        late += taken_in > second + 1
        shown.append((shown_at[index] + seen.epoch_ns - taken_in * _NS) / 1e6)
    return counted, shown, late / len(counted)


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 (the one argument of every benchmark)
    """Measure both rates."""
    seconds = 6 if quick else 20
    figures: list[Figure] = []
    for rate, target_ms in TARGETS_MS.items():
        with (
            tempfile.TemporaryDirectory() as folder,
            real_parts.mosquitto(Path(folder), BROKER_SETTINGS) as broker,
        ):
            seen, sent_ns, share = asyncio.run(run(Path(folder), broker.port, rate, seconds))
        counted, shown, late = delays_ms(seen, sent_ns)
        for title, all_of, remark in (
            ("published to counted", counted, f"{share:.0%} of a core"),
            ("whole second to shown", shown, f"{late:.1%} of events a second later"),
        ):
            figures.append(
                Figure(
                    "latency",
                    f"{rate:,} events/s, {title}, p99",
                    percentile(all_of, 99),
                    "ms",
                    target_ms,
                    at_least=False,
                    note=f"p50 {percentile(all_of, 50):.1f}, worst {max(all_of):.0f} ms; {remark}",
                )
            )
    return figures


if __name__ == "__main__":
    if sys.argv[1:2] == ["--probe"]:
        probe(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        present(measure)
