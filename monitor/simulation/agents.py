"""The agents of the simulated call center: who is free, who is on a call, who has gone.

An agent is free, engaged or absent, and at most one visit holds an agent at any instant. The one
who has been free the longest is taken first, as in an ACD. The order of everything follows from
the order of the calls to this class, so that a seed reproduces the day.

Pure: no I/O, no clock; the instant is an argument and the effects are what `report` is told.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from monitor.simulation.scenario import AgentGroup

AVAILABLE: Final = "available"
RINGING: Final = "ringing"
BUSY: Final = "busy"
WRAPUP: Final = "wrapup"
PAUSED: Final = "paused"
OFFLINE: Final = "offline"


@dataclass(eq=False, slots=True)
class Agent:
    """One agent.

    Attributes:
        key: What the wire calls the agent; a hash, never a name.
        group: Site, skills and shift.
        wanted: Whether the agent is to be here; one who is not leaves when the call is done.
        state: The last state that was reported.
    """

    key: str
    group: AgentGroup
    wanted: bool = False
    state: str = OFFLINE


class Floor:
    """All agents.

    Args:
        groups: Who works here.
        salt: Makes the agents' keys differ from those of another day.
        report: Called with each agent whose state has changed.
    """

    def __init__(
        self, groups: Iterable[AgentGroup], *, salt: str, report: Callable[[Agent], None]
    ) -> None:
        self.agents = [
            Agent(hashlib.blake2b(f"{salt}/{n}/{k}".encode(), digest_size=8).hexdigest(), group)
            for n, group in enumerate(groups)
            for k in range(group.count)
        ]
        self._report = report
        # A dict because it keeps the order in which agents became free.
        self._free: dict[Agent, None] = {}

    def take(self, queue: str) -> Agent | None:
        """Engage the agent for `queue` who has been free the longest; None when nobody is."""
        for agent in self._free:
            if queue in agent.group.queues:
                self.engage(agent)
                return agent
        return None

    def engage(self, agent: Agent) -> None:
        """Let a call ring at an agent."""
        self._free.pop(agent, None)
        self.move(agent, RINGING)

    def release(self, agent: Agent) -> None:
        """An agent has nothing more to do: becomes free, or leaves when no longer wanted."""
        if agent.wanted:
            self._free[agent] = None
            self.move(agent, AVAILABLE)
        else:
            self._free.pop(agent, None)
            self.move(agent, OFFLINE)

    def send_away(self, agents: Iterable[Agent]) -> None:
        """Free agents leave now, engaged ones when they are done."""
        for agent in agents:
            agent.wanted = False
            if agent in self._free:
                self.release(agent)

    def move(self, agent: Agent, state: str) -> None:
        """Change an agent's state and report it."""
        if agent.state != state:
            agent.state = state
            self._report(agent)
