"""From where made-up outages are drawn: those to judge by, and the others to fit on.

The forecast's effects are fitted to outages drawn from `FITTED` alone, whose ranges are wider on
both sides, with other seeds; what is judged is drawn from `JUDGED`.
"""

from dataclasses import dataclass
from typing import Final

Span = tuple[float, float]


@dataclass(frozen=True)
class Ranges:
    """From where the outages are drawn: (least, most), drawn evenly, hours where not said.

    Attributes:
        agents: At the busiest time; drawn evenly by its logarithm.
        handle_s, patience_s: Means of the center.
        reserve: Agents above the load, in roots of it.
        repair: Median of the time to repair of technology; `repair_sigma`: its log-normal sigma.
        left: Share of the agents who are still there in a typhoon.
        returning: How long the agents take to come back, after `waiting`.
        surge: Calls above normal in an enrolment peak; `ebb`: its time constant.
        slow: When the slow recovery is complete.
        guess: Standard deviation of the expected arrivals' error.
    """

    agents: Span
    handle_s: Span
    patience_s: Span
    reserve: Span
    repair: Span
    repair_sigma: Span
    left: Span
    waiting: Span
    returning: Span
    surge: Span
    ebb: Span
    slow: Span
    guess: Span


JUDGED: Final = Ranges(
    agents=(12, 500), handle_s=(270, 540), patience_s=(90, 330), reserve=(1.0, 1.7),
    repair=(6, 18), repair_sigma=(1.1, 1.5), left=(0.05, 0.35), waiting=(4, 30),
    returning=(10, 70), surge=(0.4, 1.4), ebb=(10, 45), slow=(70, 130), guess=(0.04, 0.12),
)  # fmt: skip
FITTED: Final = Ranges(
    agents=(6, 900), handle_s=(180, 720), patience_s=(50, 600), reserve=(0.8, 2.2),
    repair=(2, 40), repair_sigma=(0.7, 2.0), left=(0.0, 0.6), waiting=(0, 50),
    returning=(3, 120), surge=(0.2, 2.2), ebb=(4, 80), slow=(40, 190), guess=(0.0, 0.25),
)  # fmt: skip
