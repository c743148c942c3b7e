"""How many more agents it would take to make the deadline, and from when.

Two answers. Soon: with so many more from the next quarter-hour that gives them time to come, every
expected quarter-hour of the confirmation time is staffed by Erlang-A, and those who wait by then are
answered within it, too. At the latest: the fewest with which that can still be had in any stretch
that begins by the effective deadline, and the last instant for them to come.

Where lines do not work, or the agents who are there are idle while callers wait, more agents are
not what is missing, and there is no answer.

Pure: no I/O, no clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.core.outages.forecast_course import QUARTER_MS, Course, FloatArray
from monitor.core.outages.forecast_evidence import Evidence
from monitor.core.outages.forecast_model import Outlook, Pieces

# Somebody who is called takes so long to sit at a telephone.
CALLED_MS: Final = 1_800_000
# What waits has to be gone within this.
_DRAIN_MS: Final = 1_800_000
# A logarithm: callers wait, and agents in this share of what is there are not kept busy.
_IDLE: Final = -0.5


@dataclass(frozen=True, slots=True)
class Needed:
    """More agents than there would be otherwise.

    Attributes:
        agents: How many, at least 0.
        from_ms: From when, epoch ms, a quarter-hour.
        restored_ms: Start of the stretch that they carry, epoch ms.
        miss_probability: To miss the deadline nevertheless.
    """

    agents: int
    from_ms: int
    restored_ms: int
    miss_probability: float


def needed_agents(
    course: Course,
    evidence: Evidence,
    pieces: Pieces,
    outlook: Outlook,
    miss_with: Callable[[FloatArray], float],
) -> tuple[Needed | None, Needed | None]:
    """What is needed soon, and what at the latest.

    Args:
        course: The course.
        evidence: What it shows.
        pieces: The open time ahead.
        outlook: What will be there if things go on.
        miss_with: The probability to miss with so many more agents in each piece.
    """
    short = outlook.needed - outlook.agents
    if not pieces.start_ms.size or np.isnan(short).all() or not _is_staffing(evidence, outlook):
        return None, None
    first_ms = -(-(course.at_ms + CALLED_MS) // QUARTER_MS) * QUARTER_MS
    # The latest piece in which a good period may begin and count.
    begins = np.flatnonzero(
        (pieces.start_ms >= first_ms) & (pieces.end_ms <= course.deadline_ms) & ~np.isnan(short)
    )
    if not begins.size:
        return None, None
    backlog = course.samples.waiting[-1] if course.samples.waiting.size else 0
    drain = float(backlog) * course.handle_ms / _DRAIN_MS
    open_ms = np.cumsum(pieces.end_ms - pieces.start_ms)
    until = np.searchsorted(open_ms, open_ms + course.confirm_ms, side="left")
    lacking = np.array([np.nanmax(short[at : until[at] + 1]) for at in begins.tolist()])

    def answer(at: int, agents: float) -> Needed:
        start_ms = int(pieces.start_ms[at])
        count = max(0, int(np.ceil(agents - 1e-9)))
        more = np.where(pieces.start_ms >= start_ms, float(count), 0.0)
        return Needed(
            count, start_ms, min(start_ms + _DRAIN_MS, course.deadline_ms), miss_with(more)
        )

    soon = answer(int(begins[0]), float(lacking[0]) + drain)
    fewest = np.ceil(np.maximum(lacking, 0) - 1e-9)
    # Of the stretches with the fewest, the last one.
    at = int(np.flatnonzero(fewest == fewest.min())[-1])
    late = answer(int(begins[at]), float(lacking[at]))
    return soon, late


def _is_staffing(evidence: Evidence, outlook: Outlook) -> bool:
    """Whether more agents would help: those who are there work, and the lines do."""
    if evidence.lines is not None and evidence.is_told and (evidence.throughput or 0.0) < _IDLE:
        here = outlook.agents[0] / outlook.needed[0] if outlook.agents.size else np.nan
        return bool(np.isnan(here) or np.log(max(here, 1e-9)) < (evidence.throughput or 0) - _IDLE)
    return True
