"""Rendering `/metrics` for many queues, against prometheus_client on the same values.

Run from the top: PYTHONPATH=.:tests python tests/benchmarks/bench_exposition.py
"""

import gc
from collections.abc import Callable, Iterable
from itertools import chain
from time import perf_counter

import numpy as np
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from snapshots import WINDOWS_MS, make_snapshot, many_scopes

from monitor.core.daemon import DaemonView
from monitor.core.snapshot import Snapshot
from monitor.sinks.prometheus import Exposition

ROUNDS = 15


def random_snapshot(queue_count: int, seed: int = 1) -> Snapshot:
    """A snapshot full of numbers of the usual size, two in a hundred of them missing."""
    rng = np.random.default_rng(seed)
    scopes = many_scopes(queue_count)
    shape = (len(WINDOWS_MS), len(scopes))
    arrays = make_snapshot(scopes)

    def ratios(*sizes: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        values = rng.integers(0, 500, sizes) / rng.integers(500, 900, sizes)
        values[rng.random(sizes) < 0.02] = np.nan
        return values

    return make_snapshot(
        scopes,
        lifetime=rng.integers(0, 1_000_000, arrays.lifetime.shape),
        waiting=rng.integers(0, 50, len(scopes)),
        longest_wait_ms=rng.integers(-1, 900_000, len(scopes)),
        average_hold_s=ratios(*shape) * 300,
        hold_floor_s=ratios(*shape) * 400,
        service_level=ratios(*shape),
        disconnect=ratios(3, *shape),
        verdicts=rng.integers(0, 3, arrays.verdicts.shape).astype(np.int8),
    )


def best_of(work: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Best and median of some rounds, ms."""
    times = []
    for _ in range(rounds):
        gc.collect()
        start = perf_counter()
        work()
        times.append((perf_counter() - start) * 1000)
    return min(times), sorted(times)[len(times) // 2]


def slice_times(slices: Iterable[list[bytes]]) -> list[float]:
    """How long each slice took, ms."""
    times = []
    start = perf_counter()
    for _ in slices:
        now = perf_counter()
        times.append((now - start) * 1000)
        start = now
    return times


def client_registry(text: str) -> CollectorRegistry:
    """The same samples as gauges of prometheus_client, all labels resolved beforehand."""
    registry = CollectorRegistry()
    gauges: dict[tuple[str, tuple[str, ...]], Gauge] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels)))
            if key not in gauges:
                name = f"{sample.name}_{len(gauges)}"
                gauges[key] = Gauge(name, "A gauge.", key[1], registry=registry)
            gauge = gauges[key].labels(**sample.labels) if key[1] else gauges[key]
            gauge.set(sample.value)
    return registry


def measure(queue_count: int) -> tuple[bytes, float]:
    """Print what rendering so many queues takes; return the text and the median, ms."""
    daemon = DaemonView(version="0.1.0", started_ms=0)
    snapshot = random_snapshot(queue_count)
    exposition = Exposition()

    def render() -> list[list[bytes]]:
        return list(exposition.render_slices(snapshot, daemon))

    first = slice_times(exposition.render_slices(snapshot, daemon))
    body = b"".join(chain.from_iterable(render()))
    series = sum(1 for line in body.splitlines() if not line.startswith(b"#"))
    best, median = best_of(render)
    longest = max(slice_times(exposition.render_slices(snapshot, daemon)))
    print(
        f"{queue_count:6} queues: {series} series, {len(body) / 1e6:.2f} MB; "
        f"best {best:.2f} ms, median {median:.2f} ms, longest slice {longest:.2f} ms; "
        f"first time {sum(first):.1f} ms, longest slice {max(first):.2f} ms"
    )
    return body, median


def main() -> None:
    """Print the table."""
    body, median = measure(1_000)
    registry = client_registry(body.decode())
    client, client_median = best_of(lambda: generate_latest(registry), 5)
    print(
        f"{'':6} prometheus_client.generate_latest: best {client:.0f} ms, median "
        f"{client_median:.0f} ms, {client_median / median:.0f} times as long"
    )
    measure(10_000)


if __name__ == "__main__":
    main()
