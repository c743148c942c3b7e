"""How long an outage has been well: each line that had failed has to show that for itself.

A line shows it while it has to be open. So the pharmacy line that is answered until midnight says
nothing of the members' line that failed and has closed at eight.

Pure: no I/O, no clock.
"""

from collections.abc import Sequence

from monitor.core.outages.facts import BoolArray
from monitor.core.outages.outage import Outage
from monitor.core.outages.watched import Watched


def can_show(outage: Outage, watched: Watched, names: Sequence[str], is_open: BoolArray) -> bool:
    """Whether any line that had failed has to be open."""
    return any(bool(is_open[row]) for row in _failed(outage, watched, names).values())


def count_well(
    outage: Outage, watched: Watched, names: Sequence[str], is_open: BoolArray, elapsed_ms: int
) -> None:
    """Add a time in which all was well to `well_by`, and to `well_ms` what all have shown."""
    failed = _failed(outage, watched, names)
    for name, row in failed.items():
        if is_open[row]:
            outage.well_by[name] = outage.well_by.get(name, 0) + elapsed_ms
    outage.well_ms = min(outage.well_by.get(name, 0) for name in failed)


def _failed(outage: Outage, watched: Watched, names: Sequence[str]) -> dict[str, int]:
    """Rows of the lines that had failed, by name; the contract's own where none is known."""
    found = {names[row]: row for row in watched.rows[1:] if names[row] in outage.touched}
    return found or {names[watched.row]: watched.row}
