"""What `/metrics` says: the snapshot and the daemon in Prometheus' text and in OpenMetrics.

The exposition is its own instead of a client library's because every figure is already in arrays:
see `exposition.py` for how, and `tests/benchmarks/bench_exposition.py` for how much.

It is written in slices of about a millisecond. Between two of them the caller may let other work
run; the snapshot is frozen, so all slices tell of the same second.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator
from typing import Final

from monitor.core.daemon import DaemonView
from monitor.core.snapshot import Snapshot
from monitor.sinks.call_families import FAMILIES
from monitor.sinks.daemon_families import daemon_families, write_family
from monitor.sinks.exposition import FamilyWriter, Layout
from monitor.sinks.outage_families import OUTAGE_FAMILIES, outage_clocks, source_lines

# Samples after which the caller is given the chance to let other work run: about a millisecond.
_SLICE: Final = 8_192


class Exposition:
    """Renders snapshots; keeps the labels as long as the scopes stay the same.

    Several renderings may be under way at once on one thread.
    """

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._writers: tuple[FamilyWriter, ...] = ()

    def render_slices(
        self, snapshot: Snapshot | None, daemon: DaemonView, *, openmetrics: bool = False
    ) -> Iterator[list[bytes]]:
        """The exposition in slices of about a millisecond, each a list of pieces to be joined.

        Args:
            snapshot: None before the first tick.
            daemon: The daemon's own figures.
            openmetrics: OpenMetrics 1.0 instead of Prometheus' text format 0.0.4.
        """
        pending: list[bytes] = []
        for header, samples in daemon_families(snapshot, daemon):
            pending += (header.render(openmetrics=openmetrics), write_family(header, samples))
        written = 0
        writers = () if snapshot is None else self._writers_for(snapshot)
        if snapshot is not None:
            assert self._layout is not None
            for header, lines in (*outage_clocks(snapshot, self._layout), source_lines(snapshot)):
                pending += (header.render(openmetrics=openmetrics), lines)
        yield pending
        pending = []
        for writer in writers:
            assert snapshot is not None
            pending.append(writer.header.render(openmetrics=openmetrics))
            for weight, lines in writer.write(snapshot):
                pending.append(lines)
                written += weight
                if written >= _SLICE:
                    yield pending
                    pending = []
                    written = 0
        if openmetrics:
            pending.append(b"# EOF\n")
        yield pending

    def _writers_for(self, snapshot: Snapshot) -> tuple[FamilyWriter, ...]:
        if self._layout is None or not self._layout.fits(snapshot):
            self._layout = layout = Layout(snapshot)
            self._writers = tuple(
                FamilyWriter(family, layout) for family in (*FAMILIES, *OUTAGE_FAMILIES)
            )
        return self._writers
