"""Agents by state, from `agent.state` events. Agents are keyed hashes, never names.

Pure: no I/O, no clock.
"""

from collections import Counter
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

    def reset(self, source: str) -> None:
        """Forget the agents of a source that has restarted."""
        self._latest = {key: state for key, state in self._latest.items() if key[0] != source}

    def counts(self) -> dict[str, int]:
        """Agents in each of `STATES`."""
        found = Counter(state for _, state in self._latest.values())
        return {state: found[state] for state in STATES}

    def state(self) -> list[tuple[str, str, int, str]]:
        """Everything that a restart must not lose."""
        return [(*key, *value) for key, value in self._latest.items()]

    def restore(self, state: list[tuple[str, str, int, str]]) -> None:
        """Take over what `state` gave."""
        self._latest = {(source, agent): (at_ms, known) for source, agent, at_ms, known in state}
