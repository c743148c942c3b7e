"""One scrape of 1,000 queues, gzip: rendered, compressed and sent, beside prometheus_client.

Each scrape is of a new snapshot, so nothing is answered from what was kept. CPU time is that of
server and reader in one process; the wall is the reader's. prometheus_client writes the same
values, held as gauges with all labels resolved beforehand, and has neither compressed nor sent
them yet.

    PYTHONPATH=.:tests python tests/benchmarks/bench_scrape.py [--quick]
"""

import asyncio
import gc
import urllib.request
from dataclasses import replace
from itertools import chain
from statistics import median
from time import perf_counter, process_time
from typing import Final

from bench_exposition import client_registry, random_snapshot
from figures import Figure, Spent, present, timed
from prometheus_client import generate_latest
from web_parts import HandBoard, serving

from monitor.core.daemon import DaemonView
from monitor.sinks.prometheus import Exposition

QUEUES: Final = 1_000
TARGET_MS: Final = 50.0
TIMES_FASTER: Final = 10.0


def _fetch(url: str) -> int:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        return len(answer.read())


async def scrapes(rounds: int) -> tuple[list[Spent], int]:
    """Scrape a server as often as said.

    Returns:
        What each scrape took, and the bytes of the last.
    """
    first, second = random_snapshot(QUEUES, 1), random_snapshot(QUEUES, 2)
    # They have the same scopes, as snapshots of one engine.
    snapshots = (first, replace(second, scopes=first.scopes))
    board = HandBoard()
    spent: list[Spent] = []
    size = 0
    async with serving(board) as server:
        for number in range(rounds + 2):
            board.snapshot = snapshots[number % 2]
            gc.collect()
            wall_s, cpu_s = perf_counter(), process_time()
            size = await asyncio.to_thread(_fetch, f"{server.url}metrics")
            spent.append(Spent(perf_counter() - wall_s, process_time() - cpu_s))
    # The first makes the labels, which stay.
    return spent[2:], size


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 (the one argument of every benchmark)
    """Measure scrapes, and the client library."""
    spent, size = asyncio.run(scrapes(5 if quick else 25))
    daemon = DaemonView(version="0.1.0", started_ms=0)
    slices = Exposition().render_slices(random_snapshot(QUEUES), daemon)
    body = b"".join(chain.from_iterable(slices))
    series = sum(1 for line in body.splitlines() if not line.startswith(b"#"))
    registry = client_registry(body.decode())
    client = [timed(lambda: generate_latest(registry)) for _ in range(3 if quick else 9)]
    return [
        Figure(
            "scrape",
            f"{QUEUES:,} queues, {series:,} series, gzip, over HTTP",
            median(one.cpu_s for one in spent) * 1000,
            "ms",
            TARGET_MS,
            at_least=False,
            baseline_name="generate_latest",
            baseline=median(one.cpu_s for one in client) * 1000,
            ratio_target=TIMES_FASTER,
            wall=median(one.wall_s for one in spent) * 1000,
            note=f"{len(body) / 1e6:.2f} MB, {size / 1e6:.2f} MB sent",
        )
    ]


if __name__ == "__main__":
    present(measure)
