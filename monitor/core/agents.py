"""Agents by state, from `agent.state` events. Agents are keyed hashes, never names.

Pure: no I/O, no clock.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from monitor.core.events import Event

STATES: Final = ("available", "busy", "ringing", "wrapup", "paused", "offline")


class AgentRoster:
    """The latest state of every agent.

    Args:
        limit: How many agents are held at most; events of further ones are counted and discarded.
        discards: Counts what was not counted, by reason.
    """

    def __init__(self, limit: int, discards: Counter[str]) -> None:
        self._limit = limit
        self._discards = discards
        self._latest: dict[tuple[str, str], tuple[int, str]] = {}
        # Kept up with every event: they are asked for each second, and agents are many.
        self._by_source: dict[str, Counter[str]] = {}

    def apply(self, event: Event) -> None:
        """Take up a state; one that is older than what is known is of no account."""
        if event.agent is None or event.state not in STATES:
            self._discards["bad_agent_state"] += 1
            return
        key = (event.source, event.agent)
        known = self._latest.get(key)
        if known is None and len(self._latest) >= self._limit:
            self._discards["too_many_agents"] += 1
        elif known is None or event.at_ms >= known[0]:
            self._latest[key] = (event.at_ms, event.state)
            counts = self._by_source.setdefault(event.source, Counter())
            counts[event.state] += 1
            if known is not None:
                counts[known[1]] -= 1

    def reset(self, source: str) -> None:
        """Forget the agents of a source that has restarted."""
        self._latest = {key: state for key, state in self._latest.items() if key[0] != source}
        self._by_source.pop(source, None)

    def counts(self) -> dict[str, int]:
        """Agents in each of `STATES`."""
        every = self._by_source.values()
        return {state: sum(counts[state] for counts in every) for state in STATES}

    def by_source(self) -> Mapping[str, Mapping[str, int]]:
        """Agents in each state by source, for the sources that tell of agents; not to be kept."""
        return self._by_source

    def state(self) -> list[tuple[str, str, int, str]]:
        """Everything that a restart must not lose."""
        return [(*key, *value) for key, value in self._latest.items()]

    def restore(self, state: list[tuple[str, str, int, str]]) -> None:
        """Take over what `state` gave."""
        self._latest = {(source, agent): (at_ms, known) for source, agent, at_ms, known in state}
        self._by_source = {}
        for source, _, _, known in state:
            self._by_source.setdefault(source, Counter())[known] += 1
