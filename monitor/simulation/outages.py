"""The outages of a scenario: when essential functions of contracts really failed.

They follow from the course alone and not from chance. A queue *fails* while its line has to be
open, calls are to be expected and

- none of them reaches the ACD, or no agent is given one (*stopped*), or
- they bring more work than the agents can do, or more than 5 % of them are cut off (*impaired*).

A function of a contract fails while any queue of its lines does. It is restored at the beginning of
the first good time that lasts for the scenario's `confirm`; time in which nobody is to be served,
such as the night, is neither good nor bad and restores nothing.

Pure: no I/O, no clock.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.simulation.course import Course, LineCourse
from monitor.simulation.effects import Effect, Span
from monitor.simulation.happenings import TrunkFailure
from monitor.simulation.scenario_model import Queue

CALL_CENTER: Final = "call-center"
PHARMACY_ASSISTANCE: Final = "pharmacy-assistance"
STOPPED: Final = "stopped"
IMPAIRED: Final = "impaired"
# The standard's limit: 5 % of the calls.
_MOST_DROPPED: Final = 0.05
_Bools = NDArray[np.bool_]
_Instants = NDArray[np.int64]


class Outage(msgspec.Struct):
    """An outage of one essential function of one contract. Instants are UTC epoch ms.

    Attributes:
        contract: Its id.
        function: `call-center`, or `pharmacy-assistance` for lines of the kind pharmacy.
        lines: Names of its lines that failed.
        queues: Keys of the queues that failed.
        grade: `stopped` when a queue was not served at all for a while, else `impaired`.
        causes: Of demand, staffing and technology those that took part.
        kinds: Kinds of the happenings that did.
        onset_ms: When it stopped working.
        restored_ms: When the sustained good time began; None when it had not by the end.
        failing_ms: When it failed, [from, until); between them it worked, or nobody was to be
            served.
        stopped_ms: For each queue when no call reached it, or nobody in it could be answered.
        last_answered_ms: The last answer in its queues up to the onset; None when there was none.
        first_answered_ms: The first answer in them from the restoration on; likewise.
    """

    contract: str
    function: str
    lines: tuple[str, ...]
    queues: tuple[str, ...]
    grade: str
    causes: tuple[str, ...]
    kinds: tuple[str, ...]
    onset_ms: int
    restored_ms: int | None
    failing_ms: list[Span]
    stopped_ms: dict[str, list[Span]]
    last_answered_ms: int | None = None
    first_answered_ms: int | None = None


@dataclass(frozen=True)
class _Stretches:
    """A queue, sampled at instants; each sample holds until the next instant."""

    line: LineCourse
    queue: Queue
    served: _Bools
    stopped: _Bools
    failing: _Bools


@dataclass
class _Open:
    """An outage that is being put together."""

    spans: list[Span] = field(default_factory=list)
    good_ms: int = 0
    good_from_ms: int | None = None


def outages_of(course: Course) -> Iterator[Outage]:
    """Every outage, contract by contract."""
    functions: dict[tuple[str, str], list[LineCourse]] = {}
    for line in course.lines:
        function = PHARMACY_ASSISTANCE if line.kind == "pharmacy" else CALL_CENTER
        functions.setdefault((line.contract, function), []).append(line)
    for (contract, function), lines in functions.items():
        at_ms = _instants(course, lines)
        sampled = [
            _sampled(course, line, queue, at_ms)
            for line in lines
            for queue in course.scenario.queues
            if queue.key in line.queues
        ]
        for spans, restored_ms in _joined(sampled, at_ms, course):
            yield _outage(course, contract, function, sampled, at_ms, spans, restored_ms)


def _instants(course: Course, lines: Iterable[LineCourse]) -> _Instants:
    """Every instant at which anything about the lines may change."""
    keys = {queue for line in lines for queue in line.queues}
    found = [course.demand[key].starts_ms for key in sorted(keys)]
    edges = {edge for line in lines for span in line.open for edge in span}
    edges.update(edge for effect in course.effects for span in effect.spans for edge in span)
    edges.update(
        level.at_ms for group in course.groups if group.queue in keys for level in group.levels
    )
    at_ms = np.unique(np.concatenate([*found, np.array(sorted(edges), np.int64)]))
    return at_ms[(at_ms >= course.start_ms) & (at_ms < course.end_ms)]


def _sampled(course: Course, line: LineCourse, queue: Queue, at_ms: _Instants) -> _Stretches:
    demand = course.demand[queue.key]
    stretch = np.searchsorted(demand.starts_ms, at_ms, side="right") - 1
    made = (demand.made / demand.lengths_ms)[stretch]
    silent = demand.silent[stretch]
    is_open = _within(at_ms, line.open)
    able = np.zeros(len(at_ms), np.int64)
    for group in course.groups:
        if group.queue == queue.key:
            levels_ms = np.array([level.at_ms for level in group.levels])
            of_level = np.array([level.able for level in group.levels])
            able += of_level[np.searchsorted(levels_ms, at_ms, side="right") - 1]
    work = made * (1 - queue.contained) * (queue.talk + queue.wrap_up)
    served = is_open & (made > 0)
    stopped = served & (silent | (able == 0))
    failing = stopped | (
        served & ((work > able) | (_dropped(course, queue, at_ms) > _MOST_DROPPED))
    )
    return _Stretches(line, queue, served, stopped, failing)


def _dropped(course: Course, queue: Queue, at_ms: _Instants) -> NDArray[np.float64]:
    """The share of a queue's calls that failing trunks cut off, on average."""
    ratios = {site.name: site.calls for site in course.scenario.sites}
    total = sum(ratios.values()) or 1.0
    lasts_ms = queue.ivr + (1 - queue.contained) * queue.talk
    dropped = np.zeros(len(at_ms))
    for effect in course.effects:
        failure = effect.happening
        if isinstance(failure, TrunkFailure):
            kept = 1 - failure.new_calls
            if failure.burst_every is not None:
                kept *= (1 - failure.burst) ** (lasts_ms / failure.burst_every)
            share = sum(ratios[site] for site in effect.sites) / total
            dropped[_within(at_ms, effect.spans)] += share * (1 - kept)
    return dropped


def _within(at_ms: _Instants, spans: Iterable[Span]) -> _Bools:
    found = np.zeros(len(at_ms), np.bool_)
    for from_ms, until_ms in spans:
        found |= (at_ms >= from_ms) & (at_ms < until_ms)
    return found


def _joined(
    sampled: list[_Stretches], at_ms: _Instants, course: Course
) -> Iterator[tuple[list[Span], int | None]]:
    """The failing spans of each outage, and when it was restored."""
    failing = np.logical_or.reduce([one.failing for one in sampled])
    served = np.logical_or.reduce([one.served for one in sampled])
    ends_ms = [*at_ms[1:].tolist(), course.end_ms]
    outage: _Open | None = None
    for from_ms, until_ms, is_bad, is_served in zip(
        at_ms.tolist(), ends_ms, failing.tolist(), served.tolist(), strict=True
    ):
        if is_bad:
            outage = outage or _Open()
            outage.good_ms, outage.good_from_ms = 0, None
            if outage.spans and outage.spans[-1][1] == from_ms:
                outage.spans[-1] = (outage.spans[-1][0], until_ms)
            else:
                outage.spans.append((from_ms, until_ms))
        elif outage is not None and is_served:
            if outage.good_from_ms is None:
                outage.good_from_ms = from_ms
            outage.good_ms += until_ms - from_ms
            if outage.good_ms >= course.scenario.confirm:
                yield outage.spans, outage.good_from_ms
                outage = None
    if outage is not None:
        # Good up to the end is as good as can be shown.
        yield outage.spans, outage.good_from_ms


def _outage(
    course: Course,
    contract: str,
    function: str,
    sampled: list[_Stretches],
    at_ms: _Instants,
    spans: list[Span],
    restored_ms: int | None,
) -> Outage:
    ends_ms = np.append(at_ms[1:], course.end_ms)
    concerned = _within(at_ms, spans)
    failed = [one for one in sampled if (one.failing & concerned).any()]
    queues = tuple(dict.fromkeys(one.queue.key for one in failed))
    stopped: dict[str, list[Span]] = {}
    for one in failed:
        found = _runs(at_ms, ends_ms, one.stopped & concerned)
        if found:
            stopped[one.queue.key] = found
    effects = [
        effect
        for effect in course.effects
        if effect.happening.cause is not None
        and effect.queues & set(queues)
        and any(_takes_part(effect, span) for span in spans)
    ]
    return Outage(
        contract=contract,
        function=function,
        lines=tuple(dict.fromkeys(one.line.name for one in failed)),
        queues=queues,
        grade=STOPPED if stopped else IMPAIRED,
        causes=tuple(sorted({effect.happening.cause or "" for effect in effects})),
        kinds=tuple(sorted({effect.happening.kind for effect in effects})),
        onset_ms=spans[0][0],
        restored_ms=restored_ms,
        failing_ms=spans,
        stopped_ms=stopped,
    )


def _takes_part(effect: Effect, span: Span) -> bool:
    """Whether an effect, or its slow end, falls into a span."""
    over_ms = effect.spans[-1][1]
    held = (*effect.spans, (over_ms, over_ms + effect.returns_ms))
    return any(from_ms < span[1] and until_ms > span[0] for from_ms, until_ms in held)


def _runs(at_ms: _Instants, ends_ms: _Instants, holds: _Bools) -> list[Span]:
    """The spans in which something holds."""
    runs: list[Span] = []
    for from_ms, until_ms in zip(at_ms[holds].tolist(), ends_ms[holds].tolist(), strict=True):
        if runs and runs[-1][1] == from_ms:
            runs[-1] = (runs[-1][0], until_ms)
        else:
            runs.append((from_ms, until_ms))
    return runs
