"""Made-up outages of a call center, minute by minute, with the instant at which each was restored.

The queue is followed call by call in steps of a minute, many outages beside each other: arrivals,
agents at work, callers who give up, the first come served first. What happens to agents, lines and
demand is drawn for each outage from one of six stories. Restored is what the measures say: hold and
service level over thirty minutes within their limits, all lines back, for an hour of open time.

It knows nothing of the forecast and shares neither code nor figures with it: no formula of a queue,
no climatology. `outage_ranges.py` says from where the outages are drawn.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from outage_ranges import Ranges

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS: Final = ("technology", "typhoon", "enrolment peak", "flapping", "slow", "multi-site")
MINUTE_MS: Final = 60_000
HOUR: Final = 60
DAY: Final = 24 * HOUR
QUARTER: Final = 15
# An outage is followed for ten days; the last four days are only there to be expected.
MINUTES: Final = 10 * DAY
AHEAD: Final = 14 * DAY
DEADLINE: Final = 72 * HOUR
CONFIRM: Final = HOUR
WINDOW: Final = 30
# Monday, 5 January 2026, midnight.
FIRST_MS: Final = 1_767_571_200_000
_COHORTS: Final = 45
_TOLD: Final = ("offered", "answered", "abandoned", "waiting")
_BATCH: Final = 125


@dataclass(frozen=True)
class Made:
    """One outage. Minutes count from its onset; arrays of minutes end soon after it is over.

    Attributes:
        kind: Which story.
        onset_ms: When it began, epoch ms.
        restored: Minute of the restoration; None when not within ten days.
        minutes: offered, answered, abandoned, waiting, hold_floor_ms, agents, lines_back, each of
            shape (minutes,); -1 or NaN for what is not known.
        well_since: Start of the good period that lasts at each minute; -1 for none.
        relapses: Good periods that had ended by each minute.
        spans: Open spans in minutes over fourteen days.
        expected, staff: Calls and agents of an ordinary quarter-hour, as the center believes.
        spread: Relative standard deviation that it gives for `expected`.
        handle_s, patience_s: Means of the center.
    """

    kind: str
    onset_ms: int
    restored: int | None
    minutes: dict[str, NDArray[Any]]
    well_since: Ints
    relapses: Ints
    spans: tuple[tuple[int, int], ...]
    expected: Floats
    staff: Floats
    spread: float
    handle_s: float
    patience_s: float


def make(seed: int, count: int, ranges: Ranges, lasting: int = HOUR) -> list[Made]:
    """So many outages of all kinds in turn that last, unconfirmed, at least so many minutes."""
    rng = np.random.default_rng(seed)
    made: list[Made] = []
    while len(made) < count:
        centers = [_center(rng, ranges) for _ in range(_BATCH)]
        kinds = [KINDS[(len(made) + at) % len(KINDS)] for at in range(_BATCH)]
        stories = [_story(rng, ranges, kind) for kind in kinds]
        run = _run(rng, centers, stories)
        for at, kind in enumerate(kinds):
            found = _observed(
                rng, kind, centers[at], stories[at], {k: v[at] for k, v in run.items()}
            )
            if found.well_since.size > lasting:
                made.append(found)
    return made[:count]


@dataclass(frozen=True)
class _Center:
    onset: int
    is_open: NDArray[np.bool_]
    rate: Floats
    staff: Floats
    handle: float
    patience: float
    guess: float


@dataclass(frozen=True)
class _Story:
    """Per minute: share of agents there, able to work, of calls that arrive, demand, lines back."""

    there: Floats
    working: Floats
    reaching: Floats
    demand: Floats
    lines: Floats
    needs_lines: bool


def _center(rng: np.random.Generator, ranges: Ranges) -> _Center:
    closes = 20 * HOUR + 60 * int(rng.integers(0, 4))
    begins, ends = (0, DAY) if rng.random() < 0.12 else (8 * HOUR, closes)
    day = int(rng.integers(0, 7))
    onset = day * DAY + int(rng.integers(begins, ends - 30))
    clock = np.arange(onset, onset + AHEAD)
    of_day = clock % DAY
    is_open = (of_day >= begins) & (of_day < ends)
    hours = of_day / HOUR
    humps = (
        0.25 + np.exp(-(((hours - 10.6) / 2.1) ** 2)) + 0.8 * np.exp(-(((hours - 15) / 2.6) ** 2))
    )
    week = np.array([1.15, 1.0, 0.97, 0.95, 0.93, 0.5, 0.4])[(clock // DAY) % 7]
    handle = rng.uniform(*ranges.handle_s) / 60
    busiest = np.exp(rng.uniform(*np.log(ranges.agents)))
    load = np.where(is_open, humps * week * busiest / 1.4, 0.0)
    # A roster is made in quarter-hours of the clock.
    roster = (clock // QUARTER) * QUARTER - onset
    level = load[np.clip(roster + QUARTER // 2, 0, AHEAD - 1)]
    staff = np.where(
        is_open, np.maximum(2, np.ceil(level + rng.uniform(*ranges.reserve) * level**0.5)), 0
    )
    return _Center(
        onset, is_open, load / handle, staff, handle,
        rng.uniform(*ranges.patience_s) / 60, rng.uniform(*ranges.guess),
    )  # fmt: skip


def _story(rng: np.random.Generator, ranges: Ranges, kind: str) -> _Story:
    minute = np.arange(MINUTES) / HOUR
    one = np.ones(MINUTES)
    calm = 1 + rng.uniform(-0.08, 0.08) * one
    if kind in {"typhoon", "slow"}:
        return _of_agents(rng, ranges, kind, minute)
    if kind == "enrolment peak":
        top, begin = rng.uniform(*ranges.surge), rng.uniform(0, 24)
        demand = 1 + top * np.exp(-np.maximum(0, minute - begin) / rng.uniform(*ranges.ebb))
        extra = 1 + rng.uniform(0, 0.2) * np.clip(minute / rng.uniform(12, 60), 0, 1)
        lines = _by_threshold(rng, extra / demand)
        return _Story(extra, one, one, demand, lines, needs_lines=False)
    if kind == "flapping":
        over = _repair(rng, ranges, 1.2)
        working = np.full(MINUTES, rng.uniform(0, 0.4))
        at = 0.0
        bad, good = rng.uniform(1, 6), rng.uniform(0.25, 1.1)
        while at < over:
            at += rng.exponential(bad) + 0.2
            until = at + min(rng.exponential(good) + 0.1, 2.5)
            working[(minute >= at) & (minute < until)] = 1
            at = until
        working[minute >= over] = 1
        return _Story(one, working, one, calm, (working >= 1).astype(float), needs_lines=True)
    return _of_parts(rng, ranges, kind, minute)


def _of_parts(rng: np.random.Generator, ranges: Ranges, kind: str, minute: Floats) -> _Story:
    """Technology as a whole or in steps, or sites that return each by itself."""
    one = np.ones(MINUTES)
    parts = int(rng.integers(1, 6)) if kind == "technology" else int(rng.integers(2, 7))
    share = rng.dirichlet(np.full(parts, 4.0))
    if kind == "technology":
        over = _repair(rng, ranges, 1.0)
        staged = rng.random() < 0.4
        back = over * (rng.uniform(0.4, 1, parts) if staged else np.ones(parts))
        left = rng.uniform(0, 0.3)
    else:
        back = np.array([_repair(rng, ranges, 0.9) for _ in range(parts)])
        back[rng.random(parts) < 0.3] = 0.0
        left = 0.0
    ramp = rng.uniform(0.1, 2.5)
    grown = np.clip((minute[None] - back[:, None]) / ramp, 0, 1)
    grown[back == 0] = 1
    working = (share[:, None] * (left + (1 - left) * grown)).sum(axis=0)
    lines = (grown >= 1).mean(axis=0)
    silent = kind == "technology" and rng.random() < 0.4
    reaching = np.clip(working + 0.05, 0, 1) if silent else one
    rebound = (
        rng.uniform(0, 0.5)
        * np.exp(-np.maximum(0, minute - back.max()) / 4)
        * (minute > back.max())
    )
    there = working if kind == "multi-site" and rng.random() < 0.5 else one
    working = one if there is working else working
    return _Story(there, working, reaching, 1 + rebound, lines, needs_lines=True)


def _of_agents(rng: np.random.Generator, ranges: Ranges, kind: str, minute: Floats) -> _Story:
    """The agents have gone and come back, in a curve or in steps."""
    left = rng.uniform(*ranges.left)
    if kind == "typhoon":
        begin, takes = rng.uniform(*ranges.waiting), rng.uniform(*ranges.returning)
    else:
        begin = rng.uniform(0, 20)
        takes = rng.uniform(*ranges.slow) - begin
    way = np.clip((minute - begin) / takes, 0, 1) ** rng.uniform(0.6, 1.8)
    if rng.random() < 0.35:
        steps = int(rng.integers(3, 9))
        way = np.floor(way * steps) / steps
    there = left + (1.02 - left) * way
    wander = np.cumsum(rng.normal(0, 1, MINUTES // 30)) * rng.uniform(0, 0.012)
    there = np.clip(there + np.repeat(wander, 30) * (way < 1), 0, 1.1)
    demand = np.full(MINUTES, rng.uniform(0.8, 1.15))
    return _Story(
        there,
        np.ones(MINUTES),
        np.ones(MINUTES),
        demand,
        _by_threshold(rng, there),
        needs_lines=False,
    )


def _repair(rng: np.random.Generator, ranges: Ranges, times: float) -> float:
    median, sigma = rng.uniform(*ranges.repair), rng.uniform(*ranges.repair_sigma)
    return float(times * median * np.exp(rng.normal(0, sigma)))


def _by_threshold(rng: np.random.Generator, share: Floats) -> Floats:
    """Each line works again as soon as the center has so much of what it needs."""
    needs = rng.uniform(0.75, 1.0, int(rng.integers(1, 6)))
    back: Floats = (share[None] >= needs[:, None]).mean(axis=0)
    return back


def _run(
    rng: np.random.Generator, centers: list[_Center], stories: list[_Story]
) -> dict[str, NDArray[np.float32]]:
    """All queues, minute by minute."""
    many = len(centers)
    names = ("offered", "answered", "within", "abandoned", "waiting", "wait_s", "waited_s")
    told = {name: np.zeros((many, MINUTES), np.float32) for name in names}
    rate = np.stack(
        [c.rate[:MINUTES] * s.demand * s.reaching for c, s in zip(centers, stories, strict=True)]
    )
    able = np.stack(
        [
            np.round(c.staff[:MINUTES] * s.there * s.working)
            for c, s in zip(centers, stories, strict=True)
        ]
    )
    is_open = np.stack([c.is_open[:MINUTES] for c in centers])
    ending = 1 - np.exp(-1 / np.array([c.handle for c in centers]))
    leaving = 1 - np.exp(-1 / np.array([c.patience for c in centers]))
    ages_s = np.arange(_COHORTS) * 60.0 + 30
    queue = np.zeros((many, _COHORTS))
    busy = np.minimum(
        able[:, 0], np.round(rate[:, 0] * np.array([c.handle for c in centers]))
    ).astype(int)
    weather = np.zeros(many)
    for at in range(MINUTES):
        weather = 0.98 * weather + rng.normal(0, 0.012, many)
        offered = rng.poisson(rate[:, at] * np.exp(weather)) * is_open[:, at]
        waiting = np.round(queue.sum(axis=1)).astype(int)
        gone = rng.binomial(waiting, leaving)
        queue *= (1 - gone / np.maximum(waiting, 1))[:, None]
        busy = np.minimum(busy, able[:, at].astype(int))
        done = rng.binomial(busy, ending)
        idle = able[:, at] - busy
        room = idle + done
        # The oldest, who stand at the end, go first.
        before = np.cumsum(queue[:, ::-1], axis=1)[:, ::-1] - queue
        taken = np.clip(room[:, None] - before, 0, queue)
        old = taken.sum(axis=1)
        queue -= taken
        fresh = np.minimum(offered, np.floor(room - old + 1e-6))
        at_once = np.minimum(fresh, np.maximum(idle - old, 0))
        queue[:, -1] += queue[:, -2]
        queue[:, 1:-1] = queue[:, :-2]
        queue[:, 0] = offered - fresh
        busy = busy - done + np.round(old).astype(int) + fresh.astype(int)
        queue[~is_open[:, at]] = 0
        told["offered"][:, at] = offered
        told["answered"][:, at] = old + fresh
        told["within"][:, at] = at_once + (fresh - at_once) / 2
        told["abandoned"][:, at] = gone
        told["waiting"][:, at] = queue.sum(axis=1)
        told["wait_s"][:, at] = (
            (taken * (ages_s + 30)).sum(axis=1) + 4 * at_once + 30 * (fresh - at_once)
        )
        told["waited_s"][:, at] = (queue * ages_s).sum(axis=1)
    return told


def _rolling(values: Floats, window: int = WINDOW) -> Floats:
    sums: Floats = np.cumsum(values)
    sums[window:] -= sums[:-window].copy()
    return np.asarray(sums)


def _observed(
    rng: np.random.Generator, kind: str, center: _Center, story: _Story, run: dict[str, Any]
) -> Made:
    """What the center sees of it, and when it was over."""
    run = {name: values.astype(float) for name, values in run.items()}
    is_open = center.is_open[:MINUTES]
    answered, offered = _rolling(run["answered"]), _rolling(run["offered"])
    floor_s = (_rolling(run["wait_s"]) + run["waited_s"]) / np.maximum(answered + run["waiting"], 1)
    known = answered + run["waiting"] > 0
    level = _rolling(run["within"]) / np.maximum(offered, 1)
    good = known & (floor_s <= 120) & (level >= 0.8) & (offered >= 3)
    good &= (story.lines >= 0.999) | (not story.needs_lines)
    good[:WINDOW] = False
    restored, well_since, relapses = _followed(good, is_open)
    over = MINUTES if restored is None else _confirmed(restored, is_open)
    agents = np.round(center.staff[:MINUTES] * story.there)
    if rng.random() < 0.2:
        agents[:] = -1
    lines = story.lines.copy()
    if rng.random() < 0.3:
        lines[:] = np.nan
    of = slice(0, over)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], center.is_open, [0]])))
    quarters = (
        (center.onset // QUARTER) * QUARTER - center.onset + QUARTER * np.arange(AHEAD // QUARTER)
    )
    middle = np.clip(quarters + QUARTER // 2, 0, AHEAD - 1)
    wrong = np.exp(
        rng.normal(0, center.guess) + rng.normal(0, center.guess / 2, 15)[quarters // DAY]
    )
    return Made(
        kind, FIRST_MS + center.onset * MINUTE_MS, restored,
        {
            **{name: np.round(run[name][of]).astype(np.int64) for name in _TOLD},
            "hold_floor_ms": np.where(known, floor_s * 1000, -1)[of].astype(np.int64),
            "agents": agents[of].astype(np.int64),
            "lines_back": lines[of],
        },
        well_since[of], relapses[of],
        tuple((int(a), int(b)) for a, b in edges.reshape(-1, 2)),
        center.rate[middle] * QUARTER * wrong, center.staff[middle],
        center.guess, center.handle * 60, center.patience * 60,
    )  # fmt: skip


def _followed(good: NDArray[np.bool_], is_open: NDArray[np.bool_]) -> tuple[int | None, Ints, Ints]:
    """Minute of the restoration; start of the good period and relapses at each minute."""
    well_since, relapses = np.full(MINUTES, -1), np.zeros(MINUTES, np.int64)
    since, lasted, fallen = -1, 0, 0
    for at in range(MINUTES):
        if is_open[at]:
            if good[at]:
                since, lasted = (at, 1) if since < 0 else (since, lasted + 1)
            else:
                fallen += since >= 0
                since, lasted = -1, 0
        well_since[at], relapses[at] = since, fallen
        if lasted >= CONFIRM:
            return since, well_since, relapses
    return None, well_since, relapses


def _confirmed(restored: int, is_open: NDArray[np.bool_]) -> int:
    """The minute at which the restoration was confirmed."""
    lasted = np.cumsum(is_open[restored:])
    return restored + int(np.searchsorted(lasted, CONFIRM)) + 1
