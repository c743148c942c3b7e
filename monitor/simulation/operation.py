"""A call center at work: calls are queued, answered, given up and cut off, one after another.

Driven by a heap of what comes next rather than by simpy, whose process for each call takes two to
three times as long; weeks are simulated by the hundred. Each queue is served in the order of its
calls' arrival, by the agent who has been free the longest.

Invariants: a call ends exactly once or is still in progress at the end; an agent has one call at a
time; no call waits while an agent who may take it is free.

Deterministic: all chance comes from the seed. No I/O, no clock.
"""

import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from heapq import heappop, heappush
from itertools import accumulate
from typing import Any, Final

from monitor.core import events as ev
from monitor.core.events import Event
from monitor.simulation.account import IN_ALL, Account, QueueAccount
from monitor.simulation.callers import Caller, callers_by_day
from monitor.simulation.course import DAY_MS, Course
from monitor.simulation.effects import Effect
from monitor.simulation.happenings import ABANDONED, TrunkFailure
from monitor.simulation.pools import (
    AVAILABLE,
    BUSY,
    ENDED,
    IN_IVR,
    OFFLINE,
    TALKING,
    WAITING,
    WRAPUP,
    Agent,
    Call,
    Pool,
)  # fmt: skip
from monitor.simulation.scenario_model import Site
from monitor.simulation.staffing import Group, Level

HEARTBEAT_MS: Final = 10_000
_BATCH: Final = 1_000


class Operation:
    """A course, played with a seed.

    Args:
        course: What happens.
        seed: Of all chance.
    """

    def __init__(self, course: Course, seed: int) -> None:
        self._course = course
        self._seed = seed
        self._chance = random.Random(seed)  # noqa: S311 (a simulation, not a secret)
        self._account = Account(course.sources)
        self._pools = [
            Pool(
                QueueAccount(queue.key, queue.dnis, queue.language, [queue.key], Counter()),
                course.open_edges[queue.key],
                queue.longest_wait,
            )
            for queue in course.scenario.queues
        ]
        self._days = callers_by_day(course, seed)
        self._live: dict[Call, None] = {}
        self._made = 0
        self._steps: list[tuple[int, int, Callable[[int, Any], None], Any]] = []
        self._added = 0
        self._failures = [one for one in course.effects if isinstance(one.happening, TrunkFailure)]
        self._trunks: tuple[list[float], list[Site]] = ([], [])
        self._set_up()

    def run(self) -> Iterator[list[Event]]:
        """Play; yield the events in order, `at_ms` ascending, in batches."""
        steps, end_ms, account = self._steps, self._course.end_ms, self._account
        while steps and steps[0][0] < end_ms:
            at_ms, _, act, subject = heappop(steps)
            act(at_ms, subject)
            if len(account.told) >= _BATCH:
                yield account.take()
        if account.told:
            yield account.take()

    def counts(self) -> dict[str, Counter[str]]:
        """What was played so far: by queue, and under `IN_ALL` the totals."""
        found = {pool.account.key: pool.account.counts.copy() for pool in self._pools}
        totals = sum(found.values(), Counter()) + self._account.totals
        totals["in_progress"] = len(self._live)
        for counts in found.values():
            counts["in_progress"] = 0
        for call in self._live:
            found[call.pool.account.key]["in_progress"] += 1
        return {**found, IN_ALL: totals}

    def answers_ms(self, queue: str) -> Sequence[int]:
        """When calls of a queue were answered so far, UTC epoch ms, ascending."""
        return next(pool.answers_ms for pool in self._pools if pool.account.key == queue)

    # -- what is known beforehand -------------------------------------------------------------

    def _set_up(self) -> None:
        """Lay out the steps that do not depend on chance; at one instant they come first."""
        course = self._course
        pools = {pool.account.key: pool for pool in self._pools}
        for number, group in enumerate(course.groups):
            agents = [
                Agent(self._agent_key(number, at), group.site, pools[group.queue])
                for at in range(group.count)
            ]
            before = Level(course.start_ms, 0, 0, abrupt=False)
            for level in group.levels:
                self._add(level.at_ms, self._change, (group, agents, before, level))
                before = level
        self._route(course.start_ms, None)
        for effect in course.effects:
            if any(effect.closes(site.name) for site in course.scenario.sites):
                for edge_ms in {edge for span in effect.spans for edge in span}:
                    self._add(edge_ms, self._route, None)
        for effect in self._failures:
            for from_ms, until_ms in effect.spans:
                self._add(from_ms, self._fail, (effect, until_ms))
        self._add(course.start_ms, self._next_day, None)
        for source in course.sources:
            self._add(course.start_ms, self._beat, source)

    def _agent_key(self, group: int, number: int) -> str:
        return blake2b(f"{self._seed}/{group}/{number}".encode(), digest_size=8).hexdigest()

    def _add(self, at_ms: int, act: Callable[[int, Any], None], subject: object) -> None:
        self._added += 1
        heappush(self._steps, (at_ms, self._added, act, subject))

    def _beat(self, at_ms: int, source: str) -> None:
        self._account.heartbeat(source, at_ms)
        self._add(at_ms + HEARTBEAT_MS, self._beat, source)

    def _next_day(self, _at_ms: int, _subject: None) -> None:
        day = next(self._days, None)
        if day is None:
            return
        from_ms, callers = day
        for caller in callers:
            self._add(caller.at_ms, self._arrive, caller)
        self._add(from_ms + DAY_MS, self._next_day, None)

    def _route(self, at_ms: int, _subject: None) -> None:
        """Spread new calls over the trunks that are open; over all when none is."""
        sites = self._course.scenario.sites
        closing = [effect for effect in self._course.effects if effect.holds(at_ms)]
        opened = [site for site in sites if not any(effect.closes(site.name) for effect in closing)]
        ratio = {site.name: site.calls for site in opened}
        if not sum(ratio.values()):
            opened = list(sites)
        shares = [site.calls for site in opened]
        if not sum(shares):
            shares = [1.0] * len(opened)
        total = sum(shares)
        self._trunks = ([share / total for share in accumulate(shares)], opened)

    # -- calls --------------------------------------------------------------------------------

    def _arrive(self, at_ms: int, caller: Caller) -> None:
        pool = self._pools[caller.queue]
        if not caller.reaches:
            pool.account.counts["unreached"] += 1
            return
        edges, sites = self._trunks
        site = sites[min(bisect_right(edges, caller.trunk), len(sites) - 1)]
        self._made += 1
        call = Call(f"s{self._seed}-{self._made}", caller, pool, site)
        self._live[call] = None
        for effect in self._failures:
            happening = effect.happening
            assert isinstance(happening, TrunkFailure)
            if (
                site.name in effect.sites
                and effect.holds(at_ms)
                and caller.luck < happening.new_calls
            ):
                call.failure = happening
        self._account.started(site.source, at_ms, call.id, site.name, pool.account)
        self._add(at_ms + caller.ivr_ms, self._leave_ivr, call)

    def _leave_ivr(self, at_ms: int, call: Call) -> None:
        if call.stage != IN_IVR:
            return
        pool, site, caller = call.pool, call.site, call.caller
        if caller.contained or not pool.is_open(at_ms):
            self._end(call)
            self._account.ended_before_queue(
                ev.CALL_COMPLETED, site.source, at_ms, call.id, site.name, pool.account
            )
            return
        call.stage = WAITING
        call.queued_ms = at_ms
        self._account.queued(site.source, at_ms, call.id, site.name, pool.account)
        if call.failure is not None:
            # Its trunk carries no voice: nobody can answer it.
            self._add(at_ms + call.failure.after, self._cut_by_trunk, (call, call.failure))
            return
        agent = pool.take_free()
        if agent is not None:
            self._answer(at_ms, call, agent)
        else:
            pool.waiting.append(call)
            self._add(at_ms + min(caller.patience_ms, pool.longest_ms), self._give_up, call)

    def _answer(self, at_ms: int, call: Call, agent: Agent) -> None:
        caller, site = call.caller, call.site
        call.stage = TALKING
        call.answered_ms = at_ms
        call.agent = agent
        agent.call = call
        call.pool.answers_ms.append(at_ms)
        self._account.answered(
            site.source, at_ms, call.id, site.name, call.pool.account, agent.key, call.queued_ms
        )
        self._show(agent, at_ms, BUSY)
        self._add(at_ms + caller.talk_ms, self._cut if caller.is_dropped else self._complete, call)

    def _give_up(self, at_ms: int, call: Call) -> None:
        if call.stage != WAITING:
            return
        self._end(call)
        if call.caller.patience_ms > call.pool.longest_ms:
            self._tell_unanswered(at_ms, call, ev.CALL_DEQUEUED, "system", "timeout")
        else:
            self._tell_unanswered(at_ms, call, ev.CALL_ABANDONED, "caller", "abandon")

    def _complete(self, at_ms: int, call: Call) -> None:
        if call.stage == TALKING:
            self._end_conversation(
                at_ms, call, ev.CALL_COMPLETED, "caller" if call.caller.by_caller else "agent",
                "normal",
            )  # fmt: skip

    def _cut(self, at_ms: int, call: Call) -> None:
        """The line fails under a call, wherever it is."""
        site, account = call.site, call.pool.account
        if call.stage == TALKING:
            self._end_conversation(at_ms, call, ev.CALL_DISCONNECTED, "system", "telecom")
        elif call.stage == WAITING:
            self._end(call)
            self._tell_unanswered(at_ms, call, ev.CALL_DISCONNECTED, "system", "telecom")
        elif call.stage == IN_IVR:
            self._end(call)
            self._account.ended_before_queue(
                ev.CALL_DISCONNECTED, site.source, at_ms, call.id, site.name, account
            )

    def _cut_by_trunk(self, at_ms: int, cut: tuple[Call, TrunkFailure]) -> None:
        """A failing trunk ends a call; the ACD may take that for the caller's doing."""
        call, failure = cut
        if call.stage == WAITING and failure.told_as == ABANDONED:
            self._end(call)
            self._tell_unanswered(at_ms, call, ev.CALL_ABANDONED, "caller", "abandon")
        else:
            self._cut(at_ms, call)

    def _tell_unanswered(
        self, at_ms: int, call: Call, kind: str, ended_by: str, reason: str
    ) -> None:
        site = call.site
        self._account.ended_unanswered(
            kind, site.source, at_ms, call.id, site.name, call.pool.account, call.queued_ms,
            ended_by, reason,
        )  # fmt: skip

    def _end_conversation(
        self, at_ms: int, call: Call, kind: str, ended_by: str, reason: str
    ) -> None:
        agent, site = call.agent, call.site
        assert agent is not None
        self._end(call)
        self._account.ended_answered(
            kind, site.source, at_ms, call.id, site.name, call.pool.account, agent.key,
            call.queued_ms, call.answered_ms, ended_by, reason,
        )  # fmt: skip
        agent.call = None
        agent.until_ms = at_ms + call.caller.wrap_up_ms
        self._show(agent, at_ms, WRAPUP)
        self._add(agent.until_ms, self._wrapped_up, agent)

    def _end(self, call: Call) -> None:
        call.stage = ENDED
        call.agent = None
        del self._live[call]

    def _fail(self, at_ms: int, failure: tuple[Effect, int]) -> None:
        """A trunk begins to fail."""
        effect, until_ms = failure
        happening = effect.happening
        assert isinstance(happening, TrunkFailure)
        self._cut_some(at_ms, effect, happening.at_once)
        if happening.burst_every is not None:
            self._add(at_ms + happening.burst_every, self._burst, (effect, until_ms))

    def _burst(self, at_ms: int, failure: tuple[Effect, int]) -> None:
        effect, until_ms = failure
        happening = effect.happening
        assert isinstance(happening, TrunkFailure)
        assert happening.burst_every is not None
        if at_ms < until_ms:
            self._cut_some(at_ms, effect, happening.burst)
            self._add(at_ms + happening.burst_every, self._burst, failure)

    def _cut_some(self, at_ms: int, effect: Effect, share: float) -> None:
        happening = effect.happening
        assert isinstance(happening, TrunkFailure)
        for call in list(self._live):
            if call.site.name in effect.sites and self._chance.random() < share:
                self._cut_by_trunk(at_ms, (call, happening))

    # -- agents -------------------------------------------------------------------------------

    def _show(self, agent: Agent, at_ms: int, state: str) -> None:
        """Change an agent's state and tell it."""
        if agent.state != state:
            agent.state = state
            site = agent.site
            self._account.agent(site.source, at_ms, agent.key, state, site.name, agent.pool.account)

    def _wrapped_up(self, at_ms: int, agent: Agent) -> None:
        # An agent who was sent away meanwhile may be wrapping up another call by now.
        if agent.state == WRAPUP and agent.until_ms == at_ms:
            self._settle(at_ms, agent)

    def _settle(self, at_ms: int, agent: Agent) -> None:
        """What an agent who has nothing in hand does: leave, take a call, or wait for one."""
        if not agent.wanted:
            agent.idle = False
            self._show(agent, at_ms, OFFLINE)
            return
        call = agent.pool.take_waiting() if agent.able else None
        if call is not None:
            agent.idle = False
            self._answer(at_ms, call, agent)
            return
        self._show(agent, at_ms, AVAILABLE)
        if agent.able and not agent.idle:
            agent.pool.free.append(agent)
        agent.idle = agent.able

    def _change(self, at_ms: int, change: tuple[Group, list[Agent], Level, Level]) -> None:
        """Another number of a group's agents is there, or is given calls."""
        _, agents, before, level = change
        numbers = (before.present, before.able, level.present, level.able)
        for number in range(min(numbers), max(numbers)):
            agent = agents[number]
            agent.wanted = number < level.present
            agent.able = number < level.able
            if level.abrupt and not agent.wanted:
                self._send_away(at_ms, agent)
            elif agent.state in (AVAILABLE, OFFLINE):
                self._settle(at_ms, agent)

    def _send_away(self, at_ms: int, agent: Agent) -> None:
        """An agent leaves in the middle of whatever is in hand."""
        if agent.call is not None:
            self._cut(at_ms, agent.call)
        self._settle(at_ms, agent)
