"""What the web server reads and asks: the parts that the program hands to it.

Pure: no I/O, no clock.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

from monitor.core.daemon import DaemonView
from monitor.core.snapshot import Snapshot, Verdict


class Board(Protocol):
    """Where the newest state hangs; replaced by the loop that makes it."""

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest snapshot; None before the first."""

    @property
    def daemon(self) -> DaemonView:
        """The daemon's own figures now."""


class RenderSlices(Protocol):
    """Writes the exposition in slices, each a list of pieces to be joined."""

    def __call__(
        self, snapshot: Snapshot | None, daemon: DaemonView, *, openmetrics: bool
    ) -> Iterator[list[bytes]]:
        """Begin to write; work is done as the iterator is read."""


VerdictsOf = Callable[[Snapshot, int], Sequence[Verdict]]
"""All verdicts of one row, with what explains them."""

Readiness = Callable[[], list[str]]
"""Reasons why the daemon is not ready; empty when it is."""

Reload = Callable[[str | None], Awaitable[Sequence[str]]]
"""Loads the configuration anew for the user who has signed in, None when nobody has; returns its
faults, none when it is in force."""
