"""What really happened in a simulated scenario: the yardstick for whatever is said about it.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np

from monitor.simulation.course import Course
from monitor.simulation.happenings import FeedLost
from monitor.simulation.outages import Outage, outages_of

# One and a half times the keep-alive of an adapter that beats every ten seconds.
WILL_AFTER_MS: Final = 15_000


class BlindSpan(msgspec.Struct):
    """A time in which a source is not heard.

    Attributes:
        source: Which.
        from_ms: Events that happen from here on are not heard, UTC epoch ms.
        until_ms: Up to here.
        events: What becomes of them: `never` delivered, or `late`, all at once at `until_ms`.
    """

    source: str
    from_ms: int
    until_ms: int
    events: str


class StatusChange(msgspec.Struct):
    """What the broker says of a source on its status topic.

    Attributes:
        source: Which.
        at_ms: From when on, UTC epoch ms.
        state: `online` or `offline`.
    """

    source: str
    at_ms: int
    state: str


class SilentSpan(msgspec.Struct):
    """A time in which no call for a queue reaches the ACD, UTC epoch ms, [from, until)."""

    queue: str
    from_ms: int
    until_ms: int


class Expected(msgspec.Struct):
    """Calls to be expected for a queue.

    Attributes:
        starts_ms: Where stretches of constant rate begin: quarter-hours, and where it changes.
        usual: Calls in each, were it not for the happenings.
        made: Calls in each with them; also those that do not reach the ACD.
    """

    starts_ms: list[int]
    usual: list[float]
    made: list[float]


class Truth(msgspec.Struct):
    """All that is to be known.

    Attributes:
        scenario: Its name.
        seed: Of the chance.
        start_ms: When it begins, UTC epoch ms.
        end_ms: When it ends.
        confirm_ms: A shorter recovery is none.
        outages: Of all contracts, by their onset.
        blind: When sources are not heard.
        statuses: What the broker says of them, by instant.
        silent: When no call reaches the ACD.
        expected: Of each queue.
        counts: What was played so far, by queue and in all (`*`): calls_made, unreached (calls that
            did not reach the ACD and are not among those made), contained, offered, answered,
            abandoned, dequeued, disconnected, completed, in_progress; under `*` also events,
            delivered (by the end, as far as it was played), heartbeats.
    """

    scenario: str
    seed: int
    start_ms: int
    end_ms: int
    confirm_ms: int
    outages: list[Outage]
    blind: list[BlindSpan]
    statuses: list[StatusChange]
    silent: list[SilentSpan]
    expected: dict[str, Expected]
    counts: dict[str, dict[str, int]]


def truth_of(course: Course, seed: int) -> Truth:
    """The truth about a course before it is played: `counts` and answers are still missing."""
    scenario = course.scenario
    blind = [
        BlindSpan(source, from_ms, until_ms, effect.happening.events)
        for effect in course.effects
        if isinstance(effect.happening, FeedLost)
        for source in sorted(effect.sources)
        for from_ms, until_ms in effect.spans
        if from_ms < course.end_ms
    ]
    return Truth(
        scenario=scenario.name,
        seed=seed,
        start_ms=course.start_ms,
        end_ms=course.end_ms,
        confirm_ms=scenario.confirm,
        outages=sorted(outages_of(course), key=lambda one: (one.onset_ms, one.contract)),
        blind=sorted(blind, key=lambda span: span.from_ms),
        statuses=sorted(_statuses(blind), key=lambda change: change.at_ms),
        silent=[
            SilentSpan(queue.key, from_ms, min(until_ms, course.end_ms))
            for effect in course.effects
            for queue in scenario.queues
            if effect.silences(queue.key)
            for from_ms, until_ms in effect.spans
            if from_ms < course.end_ms
        ],
        expected={
            key: Expected(
                demand.starts_ms.tolist(),
                np.round(demand.usual, 4).tolist(),
                np.round(demand.made, 4).tolist(),
            )
            for key, demand in course.demand.items()
        },
        counts={},
    )


def _statuses(blind: list[BlindSpan]) -> Iterator[StatusChange]:
    """A broker publishes a source's last will when it has heard nothing for a while."""
    for span in blind:
        if span.until_ms - span.from_ms > WILL_AFTER_MS:
            yield StatusChange(span.source, span.from_ms + WILL_AFTER_MS, "offline")
            yield StatusChange(span.source, span.until_ms, "online")
