"""A small call center, first come first served, made from a seed: its events and its troubles.

Calls come at random and wait for one of the agents; some give up. In a stop nobody is answered, in
a cut those who talk or wait are cut off. The same seed makes the same events.
"""

import heapq
import random
from collections.abc import Iterable
from dataclasses import dataclass

from core.made_calls import standard

from monitor.core import checkpoint
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.outage import Happening
from monitor.core.plan import MINUTE_MS, ContractPlan, LinePlan, Plan

T0_MS = 1_760_000_400_000
PLAN = Plan(
    organization="Example Health",
    standard=standard(),
    windows_ms=(MINUTE_MS, 5 * MINUTE_MS),
    contracts=tuple(
        ContractPlan(
            name, name, name, (LinePlan("m", "current-enrollee", (f"q-{name}",), standard()),)
        )
        for name in ("H1", "H2")
    ),
    sources=("pbx",),
    continuity=ContinuityPlan(
        restore_within_ms=25 * MINUTE_MS,
        confirm_ms=5 * MINUTE_MS,
        ladder_ms=(0, 10 * MINUTE_MS, 20 * MINUTE_MS),
        ladder_every_ms=5 * MINUTE_MS,
        turn_ms=30_000,
        false_per_year=5.0,
    ),
)


@dataclass(frozen=True)
class Day:
    """What happens.

    Attributes:
        seed: Of chance.
        seconds: How long it lasts.
        calls_per_minute: How many come to each contract.
        agents: How many each contract has.
        stops: From and to, s: nobody is answered at H1.
        blind: From and to, s: nothing is heard.
    """

    seed: int
    seconds: int
    calls_per_minute: float = 6.0
    agents: int = 14
    stops: tuple[tuple[int, int], ...] = ()
    blind: tuple[tuple[int, int], ...] = ()


def events_of(day: Day) -> list[Event]:
    """Its events in the order of time, with a heartbeat every ten seconds."""
    chance = random.Random(day.seed)
    found: list[tuple[float, int, Event]] = []
    for name in ("H1", "H2"):
        stops = day.stops if name == "H1" else ()
        for at_s, kind, call in _calls(day, chance, stops):
            event = Event(f"call.{kind}", "pbx", at_s, call_id=f"{name}-{call}", queue=f"q-{name}")
            found.append((at_s, len(found), event))
    for at_s in range(0, day.seconds, 10):
        found.append((float(at_s), len(found), Event("heartbeat", "pbx", at_s)))
    told = []
    for at_s, _, event in sorted(found, key=lambda one: one[:2]):
        if not _within(at_s, day.blind):
            event.at_ms = T0_MS + int(at_s * 1000)
            event.ts = event.at_ms / 1000
            told.append(event)
    return told


def happenings_of(day: Day, restarts: Iterable[int] = (), plan: Plan = PLAN) -> list[Happening]:
    """What the engine tells of its outages, restarted from a checkpoint after some seconds."""
    engine, events, found = Engine(plan), events_of(day), list[Happening]()
    restarting, at = frozenset(restarts), 0
    for second in range(day.seconds + 1):
        now_ms, batch = T0_MS + second * 1_000, list[Event]()
        while at < len(events) and events[at].at_ms < now_ms:
            batch.append(events[at])
            at += 1
        if batch:
            engine.on_events(batch, now_ms)
        engine.on_tick(now_ms)
        found += engine.happenings()
        if second in restarting:
            engine = reborn(engine, plan)
    return found


def reborn(engine: Engine, plan: Plan) -> Engine:
    """The engine as a restart makes it."""
    parts = {
        name: part() if callable(part) else part for name, part in checkpoint.take(engine).items()
    }
    return checkpoint.restore(plan, parts)


def _calls(
    day: Day, chance: random.Random, stops: tuple[tuple[int, int], ...]
) -> list[tuple[float, str, int]]:
    told: list[tuple[float, str, int]] = []
    due: list[tuple[float, int, str, int]] = []
    queue: list[int] = []
    busy = calls = 0

    def plan_for(at_s: float, kind: str, call: int) -> None:
        heapq.heappush(due, (at_s, len(told) * 10 + len(due), kind, call))

    plan_for(chance.expovariate(day.calls_per_minute / 60), "queued", 0)
    for _, end_s in stops:
        plan_for(end_s, "again", -1)
    while due and due[0][0] < day.seconds:
        at_s, _, kind, call = heapq.heappop(due)
        if kind == "queued":
            calls += 1
            told.append((at_s, kind, call))
            queue.append(call)
            plan_for(at_s + chance.expovariate(1 / 240), "abandoned", call)
            plan_for(at_s + chance.expovariate(day.calls_per_minute / 60), "queued", calls)
        elif kind == "abandoned" and call in queue:
            queue.remove(call)
            told.append((at_s, kind, call))
        elif kind == "completed":
            busy -= 1
            told.append((at_s, kind, call))
        while queue and busy < day.agents and not _within(at_s, stops):
            call = queue.pop(0)
            busy += 1
            told.append((at_s, "answered", call))
            plan_for(at_s + chance.lognormvariate(4.2, 0.5), "completed", call)
    return told


def _within(at_s: float, spans: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= at_s < last for first, last in spans)
