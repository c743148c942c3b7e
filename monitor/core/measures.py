"""The measures: every formula under its id, on whole arrays of counts at once.

A measure is a pair of integers (numerator, denominator), so that a verdict can compare it with its
limit without rounding; `ratio` turns the pair into a number for people, NaN where there is nothing
to divide by. "No data" is never 0.

Service level (`within` means within the threshold of the queue, 30 s by default):

    F1  (within + abandoned within) / decided        an early abandon is a success ("positive")
    F2  within / answered                            abandons are ignored
    F3  within / decided                             every abandon is a miss: the letter of
                                                     42 CFR 422.111(h)(1)(ii)(B), the default
    F4  within / (decided - abandoned within)        early abandons are left out ("ignored")
    F5  (within + short abandons) / decided          only short abandons are forgiven
    F6  within / (decided - short abandons)          only short abandons are left out
    decided = answered within + late + abandoned, dequeued and disconnected within

Average hold is the wait of the answered (422.111(h)(1)(ii)(A): time on hold before a live person);
`hold_floor` adds those who still wait, which tells the truth when nobody is answered. The
disconnect ratio (422.111(h)(1)(ii)(C)) is taken of the ended calls in rolling windows, as a band:
low counts positive evidence only, high adds unknown ends and doubtful abandons.

Pure: no I/O, no clock.
"""

from typing import Final

import numpy as np

from monitor.core import fields
from monitor.core.snapshot import FloatArray, IntArray
from monitor.core.standards import Formula

Pair = tuple[IntArray, IntArray]

LOW, DEFAULT, HIGH = range(3)
# The 97.5 % quantile of the standard normal distribution.
_Z: Final = 1.959963984540054


def service_level(formula: Formula, counts: IntArray) -> Pair:
    """Numerator and denominator of a service level.

    Args:
        formula: Which variant.
        counts: Shape (..., fields), int64.

    Returns:
        Two arrays of shape (...,), int64.
    """
    within = counts[..., fields.ANSWERED_WITHIN]
    abandoned = counts[..., fields.ABANDONED_WITHIN]
    short = counts[..., fields.ABANDONED_SHORT]
    decided = (
        within
        + counts[..., fields.LATE]
        + abandoned
        + counts[..., fields.DEQUEUED_WITHIN]
        + counts[..., fields.DISCONNECTED_WITHIN]
    )
    match formula:
        case Formula.F1:
            return within + abandoned, decided
        case Formula.F2:
            return within, measured_answers(counts)
        case Formula.F3:
            return within, decided
        case Formula.F4:
            return within, decided - abandoned
        case Formula.F5:
            return within + short, decided
        case Formula.F6:
            return within, decided - short


def measured_answers(counts: IntArray) -> IntArray:
    """Answered calls whose wait is known. Shape (..., fields) to (...,), int64."""
    answered: IntArray = counts[..., fields.ANSWERED] - counts[..., fields.ANSWERED_UNMEASURED]
    return answered


def average_hold(counts: IntArray) -> Pair:
    """Sum of waits (ms) and the answered calls they are of. Shape (..., fields) to (...,)."""
    return counts[..., fields.WAIT_MS_SUM], measured_answers(counts)


def hold_floor(counts: IntArray, waiting: IntArray, waited_ms: IntArray) -> Pair:
    """As `average_hold`, with those who still wait and the time they have waited so far.

    Args:
        counts: Shape (..., rows, fields), int64.
        waiting: Shape (rows,), int64.
        waited_ms: Shape (rows,), int64.
    """
    wait_ms_sum, answered = average_hold(counts)
    return wait_ms_sum + waited_ms, answered + waiting


def disconnects(counts: IntArray) -> tuple[IntArray, IntArray]:
    """Disconnected calls as a band, and the ended calls they are of.

    Args:
        counts: Shape (..., fields), int64.

    Returns:
        Shape (3, ...) in the order low, default, high; and shape (...,). Both int64.
    """
    disconnected = counts[..., fields.DISCONNECTED]
    doubtful = counts[..., fields.ENDED_UNKNOWN] + counts[..., fields.ABANDONED_SUSPICIOUS]
    band = np.stack(
        (counts[..., fields.DISCONNECTED_EVIDENT], disconnected, disconnected + doubtful)
    )
    return band, counts[..., fields.ENDED]


def ratio(numerator: IntArray, denominator: IntArray) -> FloatArray:
    """The quotient; NaN where the denominator is 0. Shapes broadcast, float64."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    quotient = np.full(shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def wilson_interval(successes: int, trials: int) -> tuple[float, float] | None:
    """The 95 % score interval of a proportion (E. B. Wilson, 1927); None without trials.

    With few calls a ratio says little: 9 of 10 in time is compatible with 60 % as with 98 %.
    """
    if trials <= 0:
        return None
    share = successes / trials
    square = _Z * _Z
    center = (share + square / (2 * trials)) / (1 + square / trials)
    spread = share * (1 - share) / trials + square / (4 * trials * trials)
    half = _Z * float(np.sqrt(max(spread, 0.0))) / (1 + square / trials)
    return max(0.0, center - half), min(1.0, center + half)
