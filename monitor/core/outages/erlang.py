"""Erlang-A: what so many agents can do for so many callers who do not wait for ever.

The queue M/M/n+M: Poisson arrivals, exponential handle times, exponential patience, n agents, first
come first served. Callers who give up take load off the agents, so Erlang-A stays true in an
overload, where Erlang-C has no answer at all.

The virtual wait V of a caller of endless patience has, for x > 0, the density
`arrivals * p(n-1) * exp(arrivals * (1 - exp(-x / patience)) * patience - n * x / handle)`; every
measure is an integral over it (S. Zeltyn, A. Mandelbaum, "Call centers with impatient customers:
many-server asymptotics of the M/M/n+G queue", Queueing Systems 51, 2005; first C. Palm). The
reciprocal of Erlang's B formula is an integral, too: of `exp(-x) * (1 + x / load) ** n`. Both
integrands are log-concave, so each is integrated around its mode, relative to its greatest value:
nothing overflows, the work does not grow with the number of agents, and arrays go in one stroke.

Invariant: more agents never lower the service level nor lengthen a wait, but for rounding. Pure: no
I/O, no clock.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

AGENTS_MAX: Final = 100_000
# Beyond so many e-folds below its greatest value an integrand adds nothing.
_DEPTH: Final = 44.0
_HALVINGS: Final = 26
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
# The nodes on [0, 1].
_UNIT_NODES: Final[FloatArray] = (_NODES + 1) / 2
_UNIT_WEIGHTS: Final[FloatArray] = _WEIGHTS / 2


@dataclass(frozen=True, slots=True)
class Service:
    """What callers meet in the long run.

    Attributes:
        service_level: Share of all callers answered within the threshold, abandons counted as not
            answered (F3), float (...).
        wait_ms: Mean time in the queue of all callers, those who abandon included.
        answered_wait_ms: Mean hold of the callers who are answered.
        abandoned: Share of all callers who abandon.
    """

    service_level: FloatArray
    wait_ms: FloatArray
    answered_wait_ms: FloatArray
    abandoned: FloatArray


@dataclass(frozen=True, slots=True)
class Target:
    """What has to be met; the defaults are those of 42 CFR 422.111(h)(1)(ii)(A) and (B).

    Attributes:
        service_level: The least share answered within the threshold.
        threshold_ms: Within how long.
        wait_ms: The longest mean hold of those answered.
    """

    service_level: float = 0.80
    threshold_ms: float = 30_000
    wait_ms: float = 120_000


MEDICARE: Final = Target()


def service(
    calls_per_ms: ArrayLike,
    handle_ms: ArrayLike,
    patience_ms: ArrayLike,
    agents: ArrayLike,
    threshold_ms: float = MEDICARE.threshold_ms,
) -> Service:
    """What callers meet. The arguments broadcast to the shape of the answer.

    Args:
        calls_per_ms: Arrival rate, calls per ms, >= 0.
        handle_ms: Mean time that an agent spends on a call, ms, > 0.
        patience_ms: Mean time after which a caller gives up, ms, > 0.
        agents: Whole numbers, at least 0. Without any, nobody is answered.
        threshold_ms: Within how long a call has to be answered, ms, >= 0.
    """
    rate, handle, patience, staff = (
        np.array(one, np.float64)
        for one in np.broadcast_arrays(calls_per_ms, handle_ms, patience_ms, agents)
    )
    assert (rate >= 0).all()
    assert (handle > 0).all()
    assert (patience > 0).all()
    assert (staff >= 0).all()
    shape = rate.shape
    # Time in units of the mean handle time; without callers, the limit of few of them.
    load = np.maximum((rate * handle).ravel(), 1e-9)
    patience_units = (patience / handle).ravel()
    figures = _measures(load, patience_units, staff.ravel(), (threshold_ms / handle).ravel())
    within, waited, answered_wait, gone = (one.reshape(shape) for one in figures)
    return Service(
        service_level=within,
        wait_ms=waited * handle,
        answered_wait_ms=answered_wait * handle,
        abandoned=gone,
    )


def agents_needed(
    calls_per_ms: ArrayLike,
    handle_ms: ArrayLike,
    patience_ms: ArrayLike,
    target: Target = MEDICARE,
) -> NDArray[np.int64]:
    """The least whole number of agents that meets the target; 0 where nobody calls.

    Arguments as for `service`; int64 of their common shape, at most `AGENTS_MAX`.
    """
    rate, handle, patience = np.broadcast_arrays(
        np.asarray(calls_per_ms, np.float64),
        np.asarray(handle_ms, np.float64),
        np.asarray(patience_ms, np.float64),
    )
    load = rate * handle
    # `low` never meets it; `high` always does, as 6 roots above the load leave no queue.
    low = np.zeros(rate.shape, np.int64)
    high = np.ceil(load + 6 * np.sqrt(load) + 10).astype(np.int64)
    assert (high <= AGENTS_MAX).all()
    while (low + 1 < high).any():
        middle = (low + high) // 2
        got = service(rate, handle, patience, middle, target.threshold_ms)
        met = (got.service_level >= target.service_level) & (got.answered_wait_ms <= target.wait_ms)
        high = np.where(met & (low + 1 < high), middle, high)
        low = np.where(~met & (low + 1 < high), middle, low)
    return np.where(load > 0, high, 0)


def _measures(
    load: FloatArray, patience: FloatArray, agents: FloatArray, threshold: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Answered within the threshold, wait of all, wait of the answered, abandoned.

    All float (n,), times in units of the mean handle time.
    """
    nobody = agents == 0
    staff = np.maximum(agents, 1.0)

    def exponent(x: FloatArray) -> FloatArray:
        away = -np.expm1(-x / patience[:, None])
        return (load * patience)[:, None] * away - staff[:, None] * x

    # The density rises as long as fewer hang on than the agents take.
    mode = np.maximum(np.log(load / staff), 0.0) * patience
    peak = exponent(mode[:, None])[:, 0]
    low = _edge(exponent, peak, mode, np.zeros_like(mode))
    high = _edge(exponent, peak, mode, mode + (load * patience + _DEPTH) / staff)
    # Sharp patience has a panel of its own.
    brief = np.minimum(mode + 8 * patience, high)
    x, weights = _panels(low, mode, np.clip(threshold, low, high), brief, high)
    density = weights * np.exp(exponent(x) - peak[:, None])
    total = density.sum(axis=1)
    # P(V = 0) / P(V > 0), as a logarithm.
    free = _log_reciprocal_b(load, staff - 1) - np.log(load) - peak - np.log(total)
    queued = 1 / (1 + np.exp(np.clip(free, -700, 700)))
    share = density * (queued / total)[:, None]
    staying = share * np.exp(-x / patience[:, None])
    served = 1 - queued + staying.sum(axis=1)
    within = 1 - queued + (staying * (x <= threshold[:, None])).sum(axis=1)
    gone = (share * -np.expm1(-x / patience[:, None])).sum(axis=1)
    answered_wait = (staying * x).sum(axis=1) / np.maximum(served, 1e-300)
    return (
        np.where(nobody, 0.0, np.clip(within, 0.0, 1.0)),
        np.where(nobody, patience, gone * patience),
        np.where(nobody, np.inf, answered_wait),
        np.where(nobody, 1.0, np.clip(gone, 0.0, 1.0)),
    )


def _log_reciprocal_b(load: FloatArray, agents: FloatArray) -> FloatArray:
    """The logarithm of 1 / B(agents, load), Erlang's loss formula; float (n,)."""

    def exponent(x: FloatArray) -> FloatArray:
        return agents[:, None] * np.log1p(x / load[:, None]) - x

    mode = np.maximum(agents - load, 0.0)
    peak = exponent(mode[:, None])[:, 0]
    low = _edge(exponent, peak, mode, np.zeros_like(mode))
    # The right side falls at least as fast as that of a gamma law of this shape.
    wide = 12 * _DEPTH + 12 * np.sqrt(agents) * np.sqrt(_DEPTH)
    high = _edge(exponent, peak, mode, mode + wide)
    x, weights = _panels(low, mode, mode, high)
    total: FloatArray = (weights * np.exp(exponent(x) - peak[:, None])).sum(axis=1)
    return peak + np.log(total)


def _edge(
    exponent: Callable[[FloatArray], FloatArray],
    peak: FloatArray,
    mode: FloatArray,
    far: FloatArray,
) -> FloatArray:
    """Where the exponent has fallen by the depth between `mode` and `far`; else `far`."""
    near = mode
    floor = peak - _DEPTH
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        deep = exponent(middle[:, None])[:, 0] < floor
        far = np.where(deep, middle, far)
        near = np.where(deep, near, middle)
    return far


def _panels(*edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of Gauss and Legendre between each two neighbours of the sorted edges."""
    ordered = np.sort(np.stack(edges, axis=1), axis=1)
    starts, widths = ordered[:, :-1, None], np.diff(ordered, axis=1)[:, :, None]
    x = starts + widths * _UNIT_NODES
    return x.reshape(len(ordered), -1), (widths * _UNIT_WEIGHTS).reshape(len(ordered), -1)
