"""A call center in simpy: callers arrive, hear the IVR, wait, lose patience, talk, are cut off.

A process for each call, interrupted when its trunk fails, is the shortest true description of a
telephone call; simpy runs a day of ten thousand of them in about a second. Every visit to a queue
ends exactly once: in `_visit`, or in `_cut` when the trunk fails.

Deterministic: all chance comes from one `random.Random`. No I/O, no clock; instants are counted
from `start_ms`.
"""

import math
import random
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Final

import simpy

from monitor.core import events as ev
from monitor.core.events import Event
from monitor.simulation.agents import BUSY, OFFLINE, PAUSED, WRAPUP, Agent, Floor
from monitor.simulation.scenario import AgentGroup, QueueModel, Scenario, StaffLoss, TrunkFailure

_PATIENCE_SHAPE: Final = 1.2
_TALK_SIGMA: Final = 0.6
_LONGEST_WAIT_S: Final = 1800.0
_PAUSE_SHARE: Final = 0.01
_PAUSE_S: Final = 600.0
_CALLER_ENDS_SHARE: Final = 0.6
_RING_S: Final = (2.0, 8.0)

_Steps = Generator[simpy.Event, Any, None]


@dataclass(eq=False, slots=True)
class _Call:
    """A call in flight, and its visit to a queue if it is in one."""

    id: str
    line: QueueModel
    site: str
    entries: dict[str, int] = field(default_factory=dict)
    queue: QueueModel | None = None
    queued_ms: int | None = None
    answered_ms: int | None = None
    agent: Agent | None = None
    granted: simpy.Event | None = None


class CallCenter:
    """One day of one call center.

    Args:
        scenario: What happens.
        rng: The only chance there is.
        source: Name of the ACD on the wire.
        start_ms: When the day begins, epoch ms.
        name: Prefix of the calls' ids and salt of the agents' keys; differs from day to day.
    """

    def __init__(
        self, scenario: Scenario, *, rng: random.Random, source: str, start_ms: int, name: str
    ) -> None:
        self._scenario = scenario
        self._rng = rng
        self._source = source
        self._start_ms = start_ms
        self._name = name
        self._env = simpy.Environment()
        self._queues = {queue.key: queue for queue in scenario.queues}
        self._waiting: dict[str, dict[_Call, None]] = {key: {} for key in self._queues}
        self._live: dict[_Call, simpy.Process] = {}
        self._made = 0
        self._events: list[Event] = []
        self._floor = Floor(scenario.groups, salt=name, report=self._report_agent)

    def run(self) -> list[Event]:
        """Play the day.

        Returns:
            The events in the order in which they happened, `at_ms` ascending.
        """
        env = self._env
        env.process(self._beat())
        for group in self._scenario.groups:
            env.process(self._shift(group))
        for queue in self._scenario.queues:
            env.process(self._arrive(queue))
        for loss in self._scenario.staff_losses:
            env.process(self._lose_staff(loss))
        for failure in self._scenario.trunk_failures:
            env.process(self._fail_trunk(failure))
        env.run()
        assert not self._live
        return self._events

    def _now_ms(self) -> int:
        return self._start_ms + round(self._env.now * 1000)

    def _add(self, event: Event) -> None:
        event.at_ms = self._now_ms()
        event.ts = event.at_ms / 1000
        event.seq = len(self._events)
        self._events.append(event)

    def _emit(self, kind: str, call: _Call, **fields: Any) -> None:  # noqa: ANN401 (wire fields)
        queue = call.queue
        event = Event(kind, self._source, 0.0, call_id=call.id, dnis=call.line.dnis, **fields)
        event.site = call.site
        event.language = call.line.language
        if queue is not None:
            event.queue = queue.key
            event.entry = call.entries[queue.key]
            event.queued_ms = call.queued_ms
            event.answered_ms = call.answered_ms
            event.agent = call.agent.key if call.agent and call.answered_ms is not None else None
        self._add(event)
        _explain(event)

    def _report_agent(self, agent: Agent) -> None:
        self._add(
            Event(
                ev.AGENT_STATE,
                self._source,
                0.0,
                agent=agent.key,
                state=agent.state,
                site=agent.group.site,
                skill=list(agent.group.queues),
            )
        )

    def _beat(self) -> _Steps:
        while self._env.now <= self._scenario.duration_s:
            self._add(Event(ev.HEARTBEAT, self._source, 0.0))
            yield self._env.timeout(self._scenario.heartbeat_s)

    def _arrive(self, queue: QueueModel) -> _Steps:
        # Thinning: arrivals at the day's highest rate, of which the demand of the moment keeps
        # its part. That is the exact way to draw a Poisson process whose rate changes.
        highest = max(factor for _, factor in self._scenario.demand)
        sites, shares = zip(*self._scenario.trunks, strict=True)
        while True:
            yield self._env.timeout(
                self._rng.expovariate(queue.calls_per_minute * highest / 60),
            )
            if self._env.now >= self._scenario.duration_s:
                return
            if self._rng.random() * highest < self._scenario.demand_at(self._env.now):
                self._made += 1
                site = self._rng.choices(sites, shares)[0]
                call = _Call(f"{self._name}-{self._made:06d}", queue, site)
                self._live[call] = self._env.process(self._serve(call))

    def _serve(self, call: _Call) -> _Steps:
        """The life of one call, whatever cuts it short."""
        rng = self._rng
        try:
            self._emit(ev.CALL_STARTED, call)
            yield self._env.timeout(2 + rng.expovariate(1 / call.line.ivr_s))
            if rng.random() < call.line.contained_share:
                self._emit(ev.CALL_COMPLETED, call, ended_by="caller", reason="ivr")
                return
            wanted: str | None = call.line.key
            while wanted is not None:
                wanted = yield from self._visit(call, self._queues[wanted])
                if wanted is not None:
                    yield self._env.timeout(1.5)
        except simpy.Interrupt:
            self._cut(call)
        finally:
            del self._live[call]

    def _visit(self, call: _Call, queue: QueueModel) -> Generator[simpy.Event, Any, str | None]:
        """One visit to a queue; the queue it is handed on to, None when the call has ended."""
        call.queue = queue
        call.entries[queue.key] = call.entries.get(queue.key, 0) + 1
        call.queued_ms = self._now_ms()
        self._emit(ev.CALL_QUEUED, call)
        call.agent = self._floor.take(queue.key)
        if call.agent is None and not (yield from self._wait(call, queue)):
            return None
        yield self._env.timeout(self._rng.uniform(*_RING_S))
        assert call.agent is not None
        self._floor.move(call.agent, BUSY)
        call.answered_ms = self._now_ms()
        self._emit(ev.CALL_ANSWERED, call)
        talk_s = self._lognormal(queue.talk_s)
        chance = self._rng.random()
        if chance < self._scenario.cut_share:
            yield self._env.timeout(talk_s * self._rng.random())
            self._cut(call)
            return None
        yield self._env.timeout(talk_s)
        handed_on = chance > 1 - queue.transfer_share
        if handed_on:
            self._emit(ev.CALL_TRANSFERRED, call, ended_by="agent", reason="transfer_attended")
        else:
            by = "caller" if self._rng.random() < _CALLER_ENDS_SHARE else "agent"
            self._emit(ev.CALL_COMPLETED, call, ended_by=by, reason="normal")
        self._leave(call)
        return queue.transfer_to if handed_on else None

    def _wait(self, call: _Call, queue: QueueModel) -> Generator[simpy.Event, Any, bool]:
        """Wait for an agent; False when the caller left or was sent away, which is then told."""
        rng = self._rng
        kind, by, reason = ev.CALL_ABANDONED, "caller", "abandon"
        stays_s = rng.weibullvariate(queue.patience_s, _PATIENCE_SHAPE)
        voicemail_s = queue.voicemail_after_s
        if voicemail_s is not None and rng.random() < queue.voicemail_share:
            offered_s = voicemail_s + rng.uniform(3, 20)
            if offered_s < stays_s:
                kind, by, reason, stays_s = ev.CALL_DEQUEUED, "caller", "exit_key", offered_s
        if stays_s > _LONGEST_WAIT_S:
            kind, by, reason, stays_s = ev.CALL_DEQUEUED, "system", "timeout", _LONGEST_WAIT_S
        call.granted = self._env.event()
        self._waiting[queue.key][call] = None
        yield call.granted | self._env.timeout(stays_s)
        if call.agent is not None:
            return True
        self._emit(kind, call, ended_by=by, reason=reason)
        self._leave(call)
        return False

    def _cut(self, call: _Call) -> None:
        """The line fails under a call, in whatever state it is."""
        self._emit(ev.CALL_DISCONNECTED, call, ended_by="system", reason="telecom")
        self._leave(call)

    def _leave(self, call: _Call) -> None:
        """End the call's visit: out of the queue, and the agent goes on to the work after it."""
        queue, agent = call.queue, call.agent
        call.queue = call.queued_ms = call.answered_ms = call.agent = call.granted = None
        if queue is None:
            return
        self._waiting[queue.key].pop(call, None)
        if agent is not None:
            self._env.process(self._wrap_up(agent, queue))

    def _wrap_up(self, agent: Agent, queue: QueueModel) -> _Steps:
        self._floor.move(agent, WRAPUP)
        yield self._env.timeout(self._rng.expovariate(1 / queue.wrapup_s))
        if agent.wanted and self._rng.random() < _PAUSE_SHARE:
            self._floor.move(agent, PAUSED)
            yield self._env.timeout(_PAUSE_S)
        self._hand_out(agent)

    def _hand_out(self, agent: Agent) -> None:
        """Give an agent the call that has waited longest of those that the agent may take."""
        heads = (next(iter(self._waiting[key]), None) for key in agent.group.queues)
        queued = [(call.queued_ms or 0, call.id, call) for call in heads if call is not None]
        if not agent.wanted or not queued:
            self._floor.release(agent)
            return
        call = min(queued)[2]
        assert call.queue is not None
        assert call.granted is not None
        del self._waiting[call.queue.key][call]
        # Set here and not when the caller's process wakes: a trunk that fails at this very
        # instant then finds the agent and frees it.
        call.agent = agent
        self._floor.engage(agent)
        call.granted.succeed()

    def _arrive_at_work(self, agent: Agent) -> None:
        agent.wanted = True
        if agent.state == OFFLINE:
            self._hand_out(agent)

    def _shift(self, group: AgentGroup) -> _Steps:
        agents = [agent for agent in self._floor.agents if agent.group is group]
        yield self._env.timeout(group.from_s)
        for agent in agents:
            self._arrive_at_work(agent)
        if group.until_s is not None:
            yield self._env.timeout(group.until_s - group.from_s)
            self._floor.send_away(agents)

    def _lose_staff(self, loss: StaffLoss) -> _Steps:
        yield self._env.timeout(loss.at_s)
        present = [a for a in self._floor.agents if a.wanted and a.group.site == loss.site]
        gone = self._rng.sample(present, round(loss.share * len(present)))
        self._floor.send_away(gone)
        yield self._env.timeout(loss.until_s - loss.at_s)
        for agent in gone:
            if agent.group.until_s is None or self._env.now < agent.group.until_s:
                self._arrive_at_work(agent)
            yield self._env.timeout(loss.return_s / len(gone))

    def _fail_trunk(self, failure: TrunkFailure) -> _Steps:
        yield self._env.timeout(failure.at_s)
        while self._env.now <= failure.until_s:
            for call, process in list(self._live.items()):
                # Between two queues there is nothing to end: the last visit has, no new one began.
                between = call.queue is None and call.entries
                hit = call.site == failure.site and self._rng.random() < failure.share
                if hit and not between:
                    process.interrupt()
            yield self._env.timeout(self._rng.expovariate(1 / failure.every_s))

    def _lognormal(self, mean_s: float) -> float:
        mu = math.log(mean_s) - _TALK_SIGMA**2 / 2
        return max(5.0, self._rng.lognormvariate(mu, _TALK_SIGMA))


def _explain(event: Event) -> None:
    """Fill the durations and the wire's seconds from the instants of an event of a visit."""
    if event.queued_ms is None:
        return
    event.queued_at = event.queued_ms / 1000
    if event.answered_ms is not None:
        event.answered_at = event.answered_ms / 1000
    if event.type != ev.CALL_QUEUED:
        until_ms = event.at_ms if event.answered_ms is None else event.answered_ms
        event.wait_ms = until_ms - event.queued_ms
        event.wait_s = event.wait_ms / 1000
    if event.answered_ms is not None and event.type != ev.CALL_ANSWERED:
        event.talk_ms = event.at_ms - event.answered_ms
        event.talk_s = event.talk_ms / 1000
