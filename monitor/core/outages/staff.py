"""Whose agents they are: the agents of each watched scope, from those of the sources.

An agent's state says at which source the agent works, and not for whom. So a scope knows its agents
when the sources that feed it feed nothing else; one that shares a source with others does not.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from monitor.core.outages.facts import BoolArray
from monitor.core.outages.sight import Sight
from monitor.core.scopes import ScopeTable
from monitor.core.snapshot import IntArray

_ENGAGED: Final = ("busy", "ringing", "wrapup")

# Agents of each source by state.
AgentsBySource = Mapping[str, Mapping[str, int]]


class Staff:
    """The agents of all watched scopes.

    Args:
        table: The scopes.
        sight: Knows which source feeds what.
    """

    def __init__(self, table: ScopeTable, sight: Sight) -> None:
        self._table = table
        self._sight = sight
        self._feeds = -1
        self._names: list[str] = []
        # Pairs of a row and a source that is its own, as positions.
        self._rows: npt.NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._sources: npt.NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self._is_single: BoolArray = np.zeros(table.upper, dtype=np.bool_)

    def of_rows(self, agents: AgentsBySource) -> tuple[IntArray, IntArray, BoolArray]:
        """Agents who are there, those of them who are free for a call, and who serve one queue.

        Returns:
            Two arrays of shape (rows,), int64; -1 where that is not known. And one of bool, for the
            rows whose agents are known and serve a single queue.
        """
        upper = self._table.upper
        staffed = np.full(upper, -1, dtype=np.int64)
        idle = staffed.copy()
        if not agents:
            return staffed, idle, self._is_single
        if self._feeds != self._sight.feeds_total:
            self._assign()
        told = np.zeros((3, len(self._names)), dtype=np.int64)
        for at, name in enumerate(self._names):
            states = agents.get(name)
            if states:
                free = states.get("available", 0)
                engaged = sum(states.get(state, 0) for state in _ENGAGED)
                told[:, at] = (free + engaged, free, 1)
        there, free_there, is_told = (
            np.bincount(self._rows, weights=one[self._sources], minlength=upper).astype(np.int64)
            for one in told
        )
        known = is_told > 0
        staffed[known], idle[known] = there[known], free_there[known]
        # The organization has everybody, whatever they serve.
        free = sum(states.get("available", 0) for states in agents.values())
        engaged = sum(states.get(one, 0) for states in agents.values() for one in _ENGAGED)
        staffed[0], idle[0] = free + engaged, free
        return staffed, idle, self._is_single

    def _assign(self) -> None:
        """Find the rows of which all sources are their own."""
        self._feeds = self._sight.feeds_total
        self._names = sorted({name for names in self._sight.feeds.values() for name in names})
        position = {name: at for at, name in enumerate(self._names)}
        fed = np.zeros((self._table.direct_count, len(self._names)), dtype=np.int64)
        for row, names in self._sight.feeds.items():
            fed[row, [position[name] for name in names]] = 1
        below = self._table.roll_up(fed)[: self._table.upper]
        is_own = ((below == 0) | (below == np.add.reduce(fed))).all(axis=1)
        is_own[0] = False
        is_fed = np.maximum.reduce(fed, axis=1, initial=0)[:, None]
        queues = self._table.roll_up(is_fed)
        self._is_single = is_own & (queues[: self._table.upper, 0] == 1)
        self._rows, self._sources = np.nonzero((below > 0) & is_own[:, None])
