"""Which line claims which queues, and where two lines claim one.

A queue that two lines count by accident doubles calls without anybody noticing, so a claim is
shared only when both lines say so. Shared or not, a queue has one service-level threshold: a call
is late once, not once for each line.

The work is bounded: names are looked up in a table, and the number of patterns, which have to be
compared with everything, is limited.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from monitor.config.contracts import Line
from monitor.config.durations import format_ms
from monitor.config.faults import KeyPath
from monitor.config.model import Config
from monitor.config.patterns import is_pattern, matching, overlap
from monitor.config.section import Finding
from monitor.core.presets import PRESETS
from monitor.core.standards import DEFAULT_THRESHOLD_MS, Measure

_MOST_NAMES: Final = 20_000
_MOST_PATTERNS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Claim:
    """One entry of a line's `queues`.

    Attributes:
        queue: Name or pattern.
        line: `CONTRACT/NAME` of the line.
        shared: Whether the line says that it shares.
        threshold_ms: Within how long its standard wants an answer.
        path: Where it stands.
    """

    queue: str
    line: str
    shared: bool
    threshold_ms: int
    path: KeyPath


def claims_in(config: Config) -> list[Claim]:
    """Every claim, in the order of the file."""
    return [
        Claim(
            queue=queue,
            line=f"{contract.id}/{line.name}",
            shared=line.shared,
            threshold_ms=_threshold_ms(config, line),
            path=("contracts", i, "lines", j, "queues", k),
        )
        for i, contract in enumerate(config.contracts)
        for j, line in enumerate(contract.lines)
        for k, queue in enumerate(line.queues)
    ]


def queue_misfits(config: Config) -> Iterator[Finding]:
    """Claims that exclude each other, at the later of the two."""
    claims = claims_in(config)
    patterns = [claim for claim in claims if is_pattern(claim.queue)]
    if len(claims) - len(patterns) > _MOST_NAMES or len(patterns) > _MOST_PATTERNS:
        yield (
            ("contracts",),
            (
                f"have too many queues, {_MOST_NAMES} names and {_MOST_PATTERNS} patterns at most, "
                "use fewer, wider patterns"
            ),
        )
        return
    by_name: dict[str, list[Claim]] = {}
    for claim in claims:
        if not is_pattern(claim.queue):
            by_name.setdefault(claim.queue, []).append(claim)
    for same in by_name.values():
        for earlier, later in pairwise(same):
            yield from _conflict(earlier, later)
    yield from _pattern_conflicts(patterns, by_name)
    for at, queue in enumerate(config.queues):
        if queue in by_name:
            line = by_name[queue][0].line
            yield ("queues", at), f"is a queue of line {line} already, name it in one place"


def _pattern_conflicts(patterns: list[Claim], by_name: dict[str, list[Claim]]) -> Iterator[Finding]:
    """Patterns against each other and against the plain names."""
    names = list(by_name)
    for at, claim in enumerate(patterns):
        for earlier in patterns[:at]:
            if overlap(earlier.queue, claim.queue):
                yield from _conflict(earlier, claim)
        for name in matching(claim.queue, names):
            for other in by_name[name]:
                first, second = sorted((other, claim), key=lambda one: one.path)
                yield from _conflict(first, second)


def _conflict(earlier: Claim, later: Claim) -> Iterator[Finding]:
    same = earlier.queue == later.queue
    if earlier.line == later.line:
        if same:
            yield later.path, f"is {later.queue}, which this line has already, remove it"
        return
    claim = (
        f"{later.queue} is a queue of line {earlier.line} too"
        if same
        else f"{later.queue} overlaps {earlier.queue} of line {earlier.line}"
    )
    if not (earlier.shared and later.shared):
        yield later.path, f"{claim}, give a queue to one line or set shared: true on both"
    elif earlier.threshold_ms != later.threshold_ms:
        yield (
            later.path,
            (
                f"{claim}, which is to answer within {_told(earlier.threshold_ms)} and this one "
                f"within {_told(later.threshold_ms)}, standards with one threshold are needed"
            ),
        )


def _threshold_ms(config: Config, line: Line) -> int:
    requirement = PRESETS[line.standard or config.standard].requirement(Measure.SERVICE_LEVEL)
    threshold_ms = requirement.threshold_ms if requirement is not None else None
    return DEFAULT_THRESHOLD_MS if threshold_ms is None else threshold_ms


def _told(threshold_ms: int) -> str:
    return f"{threshold_ms}ms" if threshold_ms % 1_000 else format_ms(threshold_ms)
