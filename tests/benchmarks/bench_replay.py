"""Decoding and counting together, as `replay` does, beside pandas and river on the same recording.

First from messages of 100 events in memory, ticked at every second of the events' time. Then the
whole `replay` from a file of lines, which also puts the events in order and prints its steps. The
peers are given only a part of the job: the mean wait, the share answered within 30 s and the share
that abandoned, of each queue over the last 60 s; they read the waits from the ends, follow no call,
remove no duplicates, and judge nothing. pandas' `rolling` does it once for the whole file, and
cannot be asked on the way; so it is also asked the only way it can be live, for the last 60 s once
a second. river does it event by event, like the engine.

    PYTHONPATH=.:tests python tests/benchmarks/bench_replay.py [--quick]
"""

import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec
from figures import Figure, Spent, in_turns, present, timed
from workload import SOURCE, Load, make_plan, wire_events

from monitor.core import events as types
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.plan import SECOND_MS
from monitor.formats.normalized import NormalizedDecoder
from monitor.formats.ordering import in_order
from monitor.formats.recordings import read_recording
from monitor.replay import Replay


def _installed(name: str) -> Any:  # noqa: ANN401 (a module that may be missing)
    try:
        return import_module(name)
    except ImportError:
        return None


pd, stats, utils = map(_installed, ("pandas", "river.stats", "river.utils"))

QUEUES: Final = 1_000
MESSAGE_EVENTS: Final = 100
TARGET: Final = 300_000.0
_WITHIN_S: Final = 30.0
_PEERS: Final[tuple[str, ...]] = ("pandas rolling", "pandas each second", "river TimeRolling")
_EVERY_MS: Final = 15 * 60 * SECOND_MS
_DECIDED: Final = frozenset((types.CALL_ANSWERED, types.CALL_ABANDONED, types.CALL_DEQUEUED))


def decode_and_count(messages: list[bytes]) -> None:
    """Decode and count each message, with a tick at every whole second."""
    engine = Engine(make_plan(QUEUES))
    decoder = NormalizedDecoder(SOURCE, b"benchmark")
    now_ms = second = 0
    for message in messages:
        events = decoder.decode(message).events
        now_ms = max(now_ms, events[-1].at_ms)
        second = second or now_ms // SECOND_MS
        while second < now_ms // SECOND_MS:
            second += 1
            engine.on_tick(second * SECOND_MS)
        engine.on_events(events, now_ms)


def decode_only(messages: list[bytes]) -> None:
    """Decode each message."""
    decoder = NormalizedDecoder(SOURCE, b"benchmark")
    for message in messages:
        decoder.decode(message)


def replay_file(path: Path) -> None:
    """Do as the command does, but print nowhere."""
    engine = Engine(make_plan(QUEUES))
    encode = msgspec.json.Encoder().encode
    events = in_order(read_recording("normalized", [path]), 60 * SECOND_MS)
    for record in Replay(engine, _EVERY_MS).run(events):
        encode(record)


def decided(messages: list[bytes]) -> list[tuple[Event, float, float]]:
    """Decode, and keep what decides a call: with whether it was within and whether abandoned."""
    decoder = msgspec.json.Decoder(list[Event])
    return [
        (
            event,
            float(event.type == types.CALL_ANSWERED and (event.wait_s or 0.0) <= _WITHIN_S),
            float(event.type == types.CALL_ABANDONED),
        )
        for message in messages
        for event in decoder.decode(message)
        if event.type in _DECIDED
    ]


def with_pandas(messages: list[bytes]) -> None:
    """All three means of every queue at every decided call, in one go."""
    _frame(messages).groupby("queue").rolling("60s").mean()


def with_pandas_live(messages: list[bytes]) -> None:
    """All three means of every queue at every second."""
    frame = _frame(messages)
    first, last = frame.index[0].ceil("s"), frame.index[-1]
    for end in pd.date_range(first, last, freq="s"):
        start = end - pd.Timedelta(seconds=60)
        frame.loc[start:end].groupby("queue").mean()


def _frame(messages: list[bytes]) -> Any:  # noqa: ANN401 (pandas may not be installed)
    rows = [
        (event.ts, event.queue, event.wait_s, within, abandoned)
        for event, within, abandoned in decided(messages)
    ]
    frame = pd.DataFrame(rows, columns=["at", "queue", "wait", "within", "abandoned"])
    frame["at"] = pd.to_datetime(frame["at"], unit="s")
    return frame.sort_values("at").set_index("at")


def with_river(messages: list[bytes]) -> None:
    """The same three means, event by event."""
    period = timedelta(seconds=60)
    means: dict[str | None, list[Any]] = {}
    newest_s = 0.0
    for event, within, abandoned in decided(messages):
        rolling = means.get(event.queue)
        if rolling is None:
            rolling = means[event.queue] = [
                utils.TimeRolling(stats.Mean, period=period) for _ in range(3)
            ]
        # river refuses events that are out of order.
        newest_s = max(newest_s, float(event.ts))
        at = datetime.fromtimestamp(newest_s, UTC).replace(tzinfo=None)
        for one, value in zip(rolling, (event.wait_s, within, abandoned), strict=True):
            one.update(value, t=at)


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 (the one argument of every benchmark)
    """Measure ours, and each peer that is installed."""
    count, rounds = (100_000, 3) if quick else (400_000, 5)
    wire = [msgspec.json.encode(event) for event in wire_events(count, Load(QUEUES))]
    messages = [
        b"[" + b",".join(wire[at : at + MESSAGE_EVENTS]) + b"]"
        for at in range(0, count, MESSAGE_EVENTS)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording.ndjson"
        path.write_bytes(b"\n".join(wire) + b"\n")
        jobs: dict[str, Callable[[], None]] = {
            "decode": lambda: decode_only(messages),
            "ours": lambda: decode_and_count(messages),
            "replay": lambda: replay_file(path),
        }
        if pd is not None:
            jobs["pandas rolling"] = lambda: with_pandas(messages)
            jobs["pandas each second"] = lambda: with_pandas_live(messages)
        if utils is not None:
            jobs["river TimeRolling"] = lambda: with_river(messages)

        def run(job: Callable[[], None]) -> Callable[[], Spent]:
            return lambda: timed(job)

        spent = in_turns({name: run(job) for name, job in jobs.items()}, rounds)
    for name in _PEERS:
        if name not in spent:
            sys.stderr.write(f"{name}: not installed (pip install .[bench]), its row is left out\n")
    peers = tuple(name for name in _PEERS if name in spent)
    titles = {"ours": "decode + engine, messages of 100", "replay": "the whole command, from lines"}
    figures = [_figure("decode alone, messages of 100", "decode", spent, count)]
    figures += [_figure(titles["ours"], "ours", spent, count, peer) for peer in peers or ("",)]
    figures.append(_figure(titles["replay"], "replay", spent, count))
    return figures


def _figure(title: str, name: str, spent: dict[str, Spent], count: int, peer: str = "") -> Figure:
    return Figure(
        "replay",
        title,
        count / spent[name].cpu_s,
        "events/s",
        target=TARGET if name == "ours" else None,
        baseline_name=peer,
        baseline=count / spent[peer].cpu_s if peer else None,
        wall=count / spent[name].wall_s,
    )


if __name__ == "__main__":
    present(measure)
