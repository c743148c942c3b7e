"""Happenings as the simulation needs them: instants, and the queues and sites that they are about.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from monitor.simulation.happenings import (
    AcdSilent,
    AgentHappening,
    AgentsTimes,
    FeedLost,
    Happening,
    QueueHappening,
    SiteClosed,
    StopAnswering,
    TrunkFailure,
)
from monitor.simulation.scenario_model import ScenarioFile

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Effect:
    """A happening, resolved.

    Attributes:
        happening: What the file says.
        spans: When it holds, [from, until) in UTC epoch ms, ascending; several when it flaps.
        queues: Keys of the queues that it is about; all for those that are not about queues.
        sites: Names of the sites; likewise.
        sources: Names of the sources; likewise.
    """

    happening: Happening
    spans: tuple[Span, ...]
    queues: frozenset[str]
    sites: frozenset[str]
    sources: frozenset[str]

    @property
    def returns_ms(self) -> int:
        """Over how long agents come back after the last span."""
        happening = self.happening
        return happening.returns if isinstance(happening, AgentHappening) else 0

    def holds(self, at_ms: int) -> bool:
        """Whether it holds at an instant."""
        return any(from_ms <= at_ms < until_ms for from_ms, until_ms in self.spans)

    def closes(self, site: str) -> bool:
        """Whether it closes the trunk of a site: the site closes as a whole."""
        happening = self.happening
        return (
            isinstance(happening, SiteClosed)
            and site in self.sites
            and happening.queue is None
            and happening.line is None
        )

    def present_share(self) -> float:
        """Share of its agents that is there while it holds."""
        match self.happening:
            case SiteClosed():
                return 0.0
            case AgentsTimes(share=share):
                return share
        return 1.0

    def able_share(self) -> float:
        """Share of its agents to whom calls are given while it holds."""
        return 0.0 if isinstance(self.happening, StopAnswering) else 1.0

    def is_about_agents(self, site: str, queue: str) -> bool:
        """Whether it takes away agents of this kind."""
        return (
            isinstance(self.happening, AgentHappening)
            and site in self.sites
            and queue in self.queues
        )

    def silences(self, queue: str) -> bool:
        """Whether calls for this queue do not reach the ACD."""
        return isinstance(self.happening, AcdSilent) and queue in self.queues


def effects_of(scenario: ScenarioFile) -> tuple[Effect, ...]:
    """The effects of a scenario's happenings, in their order."""
    return tuple(_effect(scenario, happening) for happening in scenario.happenings)


def _effect(scenario: ScenarioFile, happening: Happening) -> Effect:
    queues = frozenset(queue.key for queue in scenario.queues)
    if isinstance(happening, QueueHappening):
        if happening.line is not None:
            queues &= {
                queue
                for contract in scenario.contracts
                for line in contract.lines
                if line.name == happening.line
                for queue in line.queues
            }
        if happening.queue is not None:
            queues &= {happening.queue}
    site = None
    if isinstance(happening, SiteClosed | AgentsTimes | StopAnswering | TrunkFailure):
        site = happening.site
    source = happening.source if isinstance(happening, FeedLost) else None
    return Effect(
        happening,
        tuple(_spans(scenario, happening)),
        queues,
        frozenset(one.name for one in scenario.sites if site in {None, one.name}),
        frozenset(one.source for one in scenario.sites if source in {None, one.source}),
    )


def _spans(scenario: ScenarioFile, happening: Happening) -> Iterator[Span]:
    from_ms = scenario.start.instant_ms(happening.at)
    until_ms = scenario.start.instant_ms(happening.until)
    yield from_ms, until_ms
    flaps = happening.flaps
    for _ in range(0 if flaps is None else flaps.times):
        assert flaps is not None
        from_ms = until_ms + flaps.up
        until_ms = from_ms + flaps.down
        yield from_ms, until_ms
