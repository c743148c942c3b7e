"""How many more agents it would take to make the deadline, and from when.

An answer is a stretch of open time: so many more agents come at its beginning, half an hour later
callers are answered in time, and they go on to be for as long as it takes to confirm that. All of
it has enough agents by Erlang-A for the calls that are expected, with those who should be there
anyway. *Soon* is the first stretch that gives people the time to come, with those who are needed
for the callers who wait already; *latest* is the stretch that takes the fewest agents of all that
make the deadline, and of those the last.

Where agents are there and it fails nevertheless, more of them are not what is missing, and there is
no answer.

Pure: no I/O, no clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from monitor.core.outages.forecast_course import QUARTER_MS, Course, FloatArray
from monitor.core.outages.forecast_evidence import Evidence
from monitor.core.outages.forecast_model import Outlook, Pieces, causes

# Somebody who is called takes so long to sit at a telephone.
CALLED_MS: Final = 1_800_000
# In this time those who wait are answered and the measures forget what was before.
CLEARED_MS: Final = 1_800_000
_MOSTLY: Final = 0.5


@dataclass(frozen=True, slots=True)
class Needed:
    """More agents than there would be otherwise.

    Attributes:
        agents: How many, at least 0.
        from_ms: From when, epoch ms.
        restored_ms: From when callers would be answered in time, epoch ms.
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
    """What is needed soon, and what at the latest; None without an answer.

    Args:
        course: The course.
        evidence: What it shows.
        pieces: The open time ahead.
        outlook: What will be there if things go on.
        miss_with: The probability to miss with so many more agents in each piece.
    """
    first_ms = -(-(course.at_ms + CALLED_MS) // QUARTER_MS) * QUARTER_MS
    begins = np.flatnonzero((pieces.start_ms >= first_ms) & (pieces.end_ms <= course.deadline_ms))
    if not begins.size or causes(evidence)["technology"] > _MOSTLY:
        return None, None
    open_ms = np.cumsum(pieces.end_ms - pieces.start_ms)
    before_ms = open_ms - (pieces.end_ms - pieces.start_ms)
    cleared = np.searchsorted(open_ms, before_ms + CLEARED_MS)
    until = np.searchsorted(open_ms, before_ms + CLEARED_MS + course.confirm_ms)
    begins = begins[until[begins] < open_ms.size]
    begins = begins[pieces.end_ms[cleared[begins]] <= course.deadline_ms]
    short = outlook.needed - outlook.agents
    lacking = np.array([short[at : until[at] + 1].max() for at in begins.tolist()])
    begins, lacking = begins[~np.isnan(lacking)], lacking[~np.isnan(lacking)]
    if not begins.size:
        return None, None

    def answer(row: int, agents: float) -> Needed:
        at = int(begins[row])
        more = np.where(np.arange(open_ms.size) >= at, agents, 0.0)
        restored_ms = int(pieces.end_ms[cleared[at]])
        return Needed(int(agents), int(pieces.start_ms[at]), restored_ms, miss_with(more))

    waiting = course.samples.waiting[-1] if course.samples.waiting.size else 0
    backlog = float(waiting) * course.handle_ms / CLEARED_MS
    fewest = np.ceil(np.maximum(lacking, 0.0))
    last = int(np.flatnonzero(fewest == fewest.min())[-1])
    soon = max(float(np.ceil(lacking[0] + backlog)), 0.0)
    return answer(0, soon), answer(last, float(fewest[last]))
