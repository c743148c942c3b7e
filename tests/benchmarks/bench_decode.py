"""What decoding costs, per event, beside the standard library's parser on the same bytes.

Run `python tests/benchmarks/bench_decode.py`. Times are per event, the best of many rounds, so
that a busy machine shows up as little as possible. `json.loads` only makes dicts: it checks
nothing, hashes nothing and sets no milliseconds, which the decoder does. The last two columns are
how many times faster a row is than `json.loads` on the array, and on the events one by one.
"""

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from monitor.core.events import Event
from monitor.formats import journal
from monitor.formats.normalized import NormalizedDecoder
from monitor.formats.writing import to_wire

EVENTS: Final = 100
_ROUNDS: Final = 500
_ARRAY: Final = "json.loads, array"
_SINGLE: Final = "json.loads, one by one"
_BASE_S: Final = 1_760_000_000.25


def wire_events(count: int = EVENTS) -> list[bytes]:
    """Make `count` events of calls that queue, are answered and end, about 185 bytes each."""
    made: list[dict[str, object]] = []
    for n in range(count):
        call = n // 3
        at = round(_BASE_S + n * 0.37, 3)
        head = {"v": 1, "type": "", "source": "pbx1", "ts": at, "call_id": f"c-{call:08d}-5f1e"}
        head |= {"queue": "member-en", "dnis": "18005550100"}
        queued = {"queued_at": round(at - 42.5, 3), "wait_s": 42.5, "agent": f"agent-{call % 50}"}
        made.append(
            (
                head | {"type": "call.queued", "skill": "spanish", "site": "phoenix", "entry": 1},
                head | {"type": "call.answered"} | queued,
                head | {"type": "call.completed", "ended_by": "caller"} | queued,
            )[n % 3]
        )
    return [json.dumps(event, separators=(",", ":")).encode() for event in made]


def _as_rfc3339(found: re.Match[bytes]) -> bytes:
    at = datetime.fromtimestamp(float(found[1]), UTC)
    return f'"ts":"{at.isoformat(timespec="milliseconds")}"'.encode()


def microseconds(works: dict[str, Callable[[], object]], events: int) -> dict[str, float]:
    """Return the best time of each work in microseconds per event.

    The works take turns, so that a slow spell of the machine meets them all alike.
    """
    best = dict.fromkeys(works, float("inf"))
    for _ in range(_ROUNDS):
        for name, work in works.items():
            begun = perf_counter()
            work()
            best[name] = min(best[name], perf_counter() - begun)
    return {name: taken / events * 1e6 for name, taken in best.items()}


def main() -> None:
    """Print the table."""
    singles = wire_events()
    array = b"[" + b",".join(singles) + b"]"
    lines = b"\n".join(singles)
    spanish = array.replace(b"member-en", "en-español".encode())
    texts = re.sub(rb'"ts":([0-9.]+)', _as_rfc3339, array)
    bare = msgspec.json.Decoder(list[Event])
    decoder = NormalizedDecoder("pbx1", b"benchmark")
    events = decoder.decode(array).events
    assert len(events) == EVENTS
    body = journal.encode(events)
    aged_ms = 1_760_000_100_000
    topic = "acd/pbx1/call/member-en"
    costs = microseconds(
        {
            _ARRAY: lambda: json.loads(array),
            _SINGLE: lambda: [json.loads(single) for single in singles],
            "msgspec alone, array": lambda: bare.decode(array),
            "decode, array": lambda: decoder.decode(array),
            "decode, array, topic and age": lambda: decoder.decode(array, aged_ms, topic=topic),
            "decode, array, not ASCII": lambda: decoder.decode(spanish),
            "decode, array, ts as RFC 3339": lambda: decoder.decode(texts),
            "decode, lines": lambda: decoder.decode(lines),
            "decode, one by one": lambda: [decoder.decode(single) for single in singles],
            "journal.encode": lambda: journal.encode(events),
            "journal.decode": lambda: journal.decode(body),
            "to_wire": lambda: [to_wire(event, 1) for event in events],
        },
        EVENTS,
    )
    print(f"{len(array) / EVENTS:.0f} bytes an event as JSON, {len(body) / EVENTS:.0f} journalled")
    print(
        f"{'messages of 100 events':32}{'us/event':>9}{'events/s':>12}{'x array':>9}{'x single':>9}"
    )
    for name, cost_us in costs.items():
        ratios = f"{costs[_ARRAY] / cost_us:9.1f}{costs[_SINGLE] / cost_us:9.1f}"
        print(f"{name:32}{cost_us:9.3f}{1e6 / cost_us:12,.0f}{ratios}")


if __name__ == "__main__":
    main()
