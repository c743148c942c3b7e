"""Calls, queues and agents of a simulated call center, as they are at this moment.

Pure: no I/O, no clock.
"""

from array import array
from bisect import bisect_right
from collections import deque
from typing import Final

from monitor.simulation.account import QueueAccount
from monitor.simulation.callers import Caller
from monitor.simulation.happenings import TrunkFailure
from monitor.simulation.scenario_model import Site

AVAILABLE: Final = "available"
BUSY: Final = "busy"
WRAPUP: Final = "wrapup"
OFFLINE: Final = "offline"
# Where a call is.
IN_IVR, WAITING, TALKING, ENDED = range(4)


class Agent:
    """One agent.

    Attributes:
        key: What the wire calls the agent.
        site: Where.
        pool: The queue that the agent serves.
        state: The last state that was told.
        wanted: Whether the agent is to be there.
        able: Whether calls are given to the agent.
        idle: Whether the agent stands in the pool's row of the free ones.
        call: The conversation in hand.
        until_ms: When the work after the last one is done, UTC epoch ms.
    """

    __slots__ = ("able", "call", "idle", "key", "pool", "site", "state", "until_ms", "wanted")

    def __init__(self, key: str, site: Site, pool: "Pool") -> None:
        self.key = key
        self.site = site
        self.pool = pool
        self.state = OFFLINE
        self.wanted = False
        self.able = False
        self.idle = False
        self.call: Call | None = None
        self.until_ms = 0


class Pool:
    """A queue, who waits in it, and who is free for it.

    Attributes:
        account: Its name on the wire, and its counts.
        edges: Where its open hours begin and end, in turns, UTC epoch ms.
        longest_ms: How long a call may wait.
        answers_ms: When its calls were answered, ascending.
        waiting: Its calls in the order of their arrival, and some that no longer wait.
        free: Its free agents, who has been so the longest first, and some who are no longer.
    """

    __slots__ = ("account", "answers_ms", "edges", "free", "longest_ms", "waiting")

    def __init__(self, account: QueueAccount, edges: list[int], longest_ms: int) -> None:
        self.account = account
        self.edges = edges
        self.longest_ms = longest_ms
        self.answers_ms = array("q")
        self.waiting: deque[Call] = deque()
        self.free: deque[Agent] = deque()

    def is_open(self, at_ms: int) -> bool:
        """Whether any of its lines has to be open."""
        return bisect_right(self.edges, at_ms) % 2 == 1

    def take_free(self) -> Agent | None:
        """Take the agent who has been free the longest; None when nobody is."""
        free = self.free
        while free:
            agent = free.popleft()
            if agent.idle:
                agent.idle = False
                return agent
        return None

    def take_waiting(self) -> "Call | None":
        """Take the call that has waited the longest; None when none waits."""
        waiting = self.waiting
        while waiting:
            call = waiting.popleft()
            if call.stage == WAITING:
                return call
        return None


class Call:
    """One call.

    Attributes:
        id: Opaque.
        caller: Who calls, and when.
        pool: The queue.
        site: Over whose trunk it comes in.
        stage: Where it is.
        queued_ms: When it entered the queue, UTC epoch ms; 0 before.
        answered_ms: When it was answered; 0 before.
        agent: Who answered; None before and after the conversation.
        failure: The failing trunk that cuts it off.
    """

    __slots__ = ("agent", "answered_ms", "caller", "failure", "id", "pool", "queued_ms", "site",
                 "stage")  # fmt: skip

    def __init__(self, call_id: str, caller: Caller, pool: Pool, site: Site) -> None:
        self.id = call_id
        self.caller = caller
        self.pool = pool
        self.site = site
        self.stage = IN_IVR
        self.queued_ms = 0
        self.answered_ms = 0
        self.agent: Agent | None = None
        self.failure: TrunkFailure | None = None
