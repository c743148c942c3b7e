"""Decoding, typed and checked, beside the standard library's parser on the same bytes.

What of `bench_decode.py` has a target, by CPU time; that script shows the whole table, with every
way in which a message may hold its events. `json.loads` makes dicts and checks nothing.

    PYTHONPATH=.:tests python tests/benchmarks/bench_decoding.py [--quick]
"""

import json
from collections.abc import Callable
from itertools import chain, repeat
from typing import Final

from bench_decode import wire_events
from figures import Figure, Spent, in_turns, present, timed

from monitor.formats.normalized import NormalizedDecoder

TARGET_US: Final = 0.5
TIMES_FASTER: Final = 7.0
_EVENTS: Final = 1_000


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 (the one argument of every benchmark)
    """Measure arrays of 100 events and single events."""
    singles = wire_events(_EVENTS)
    arrays = [b"[" + b",".join(singles[at : at + 100]) + b"]" for at in range(0, _EVENTS, 100)]
    repeats = 20 if quick else 100
    decoder = NormalizedDecoder("pbx1", b"benchmark")

    def work(decode: Callable[[bytes], object], messages: list[bytes]) -> Callable[[], Spent]:
        def all_of_it() -> None:
            for message in chain.from_iterable(repeat(messages, repeats)):
                decode(message)

        return lambda: timed(all_of_it)

    spent = in_turns(
        {
            "ours, 100": work(decoder.decode, arrays),
            "json.loads, the same": work(json.loads, arrays),
            "ours, 1": work(decoder.decode, singles),
            "json.loads, one by one": work(json.loads, singles),
        },
        5 if quick else 9,
    )
    micros = 1e6 / (_EVENTS * repeats)

    def figure(each: int, base: str, *, aimed: bool) -> Figure:
        mine = spent[f"ours, {each}"]
        return Figure(
            "decode",
            f"typed and checked, {each} a message",
            mine.cpu_s * micros,
            "us/event",
            TARGET_US if aimed else None,
            at_least=False,
            baseline_name=base,
            baseline=spent[base].cpu_s * micros,
            ratio_target=TIMES_FASTER if aimed else None,
            wall=mine.wall_s * micros,
        )

    return [
        figure(100, "json.loads, one by one", aimed=True),
        figure(100, "json.loads, the same", aimed=False),
        figure(1, "json.loads, one by one", aimed=False),
    ]


if __name__ == "__main__":
    present(measure)
