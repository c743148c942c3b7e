"""A shipped scenario played through the engine, and everything that was said of it, in order.

The seconds about whatever begins or ends are ticked one by one, as the daemon does. In between a
tick a minute is enough, and one in five minutes of days on which nothing happens, which makes a
week take seconds.
"""

from dataclasses import dataclass, field

import numpy as np

from monitor.calendars.local_quarter import local_quarter
from monitor.config.plan import to_plan
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.outages.inputs import LinkChanged
from monitor.core.outages.outage import Happening
from monitor.core.outages.week_clock import SLOTS
from monitor.core.snapshot import Alert, AlertState
from monitor.simulation.scenario_config import config_of
from monitor.simulation.scenario_library import load_scenario, shipped
from monitor.simulation.scenario_model import ScenarioFile
from monitor.simulation.simulate import simulate
from monitor.simulation.truth import Truth

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
_BEFORE_MS = 2 * MINUTE_MS
_AFTER_MS = 15 * MINUTE_MS
_QUIET_MS = 5 * MINUTE_MS


@dataclass
class Played:
    """What was said of a scenario.

    Attributes:
        truth: What really happened.
        told: Every change of an outage.
        fired: Alerts that began to fire, with the instant.
        ended: Alerts that ended.
        engine: As it was at the end.
    """

    truth: Truth
    engine: Engine
    told: list[Happening] = field(default_factory=list)
    fired: list[tuple[int, Alert]] = field(default_factory=list)
    ended: list[tuple[int, Alert]] = field(default_factory=list)

    def kinds(self, contract: str) -> list[str]:
        """What was told of a contract, in order, the ladder and forecasts left out."""
        return [
            one.kind
            for one in self.told
            if one.contract == contract and one.kind not in ("ladder", "forecast", "evidence")
        ]

    def of_kind(self, kind: str) -> list[Happening]:
        """Everything of one kind."""
        return [one for one in self.told if one.kind == kind]

    def alerts(self, name: str) -> list[tuple[int, Alert]]:
        """When an alert began to fire."""
        return [(at_ms, alert) for at_ms, alert in self.fired if alert.rule == name]


def play(name: str, seed: int, *, is_used_to_it: bool = False) -> Played:
    """Play a shipped scenario.

    Args:
        name: Of the scenario.
        seed: Of its chance.
        is_used_to_it: Whether ordinary weeks were learned before.
    """
    scenario = load_scenario(shipped()[name])
    simulated = simulate(scenario, seed)
    truth = simulated.truth
    engine = Engine(to_plan(config_of(scenario)))
    if is_used_to_it:
        _learn(engine, scenario, truth)
    played = Played(truth, engine)
    links = _links(truth, engine)
    batch: list[Event] = []
    delivery = next(simulated.deliveries, None)
    for now_ms in _instants(truth):
        while delivery is not None and delivery[0] < now_ms:
            batch.append(delivery[1])
            delivery = next(simulated.deliveries, None)
        if batch:
            engine.on_events(batch, now_ms)
            batch = []
        while links and links[0][0] <= now_ms:
            engine.on_input(links.pop(0)[1], now_ms)
        for alert in engine.on_tick(now_ms):
            if alert.state is AlertState.FIRING:
                played.fired.append((now_ms, alert))
            elif alert.state is AlertState.RESOLVED:
                played.ended.append((now_ms, alert))
        played.told += engine.happenings()
    return played


def _learn(engine: Engine, scenario: ScenarioFile, truth: Truth) -> None:
    """Give the engine what eight ordinary weeks would have taught it."""
    watch = engine.watch
    assert watch is not None
    into_queue = {queue.key: 1 - queue.contained for queue in scenario.queues}
    for contract in engine.plan.contracts:
        queues_of = {f"line/{contract.id}/{line.name}": set(line.queues) for line in contract.lines}
        queues_of[f"contract/{contract.id}"] = set().union(*queues_of.values())
        for name, queues in queues_of.items():
            calls = np.zeros(SLOTS)
            for queue in queues:
                expected = truth.expected[queue]
                for start_ms, usual in zip(expected.starts_ms, expected.usual, strict=True):
                    slot, _ = local_quarter(contract.service_areas[0], start_ms)
                    calls[slot] += usual * into_queue[queue]
            watch.expectation.kept[watch.names.index(name)] = np.round(calls)[:, None]


def _links(truth: Truth, engine: Engine) -> list[tuple[int, LinkChanged]]:
    found = [(truth.start_ms, LinkChanged(name, is_linked=True)) for name in engine.plan.sources]
    found += [
        (change.at_ms, LinkChanged(change.source, is_linked=change.state == "online"))
        for change in truth.statuses
    ]
    return sorted(found, key=lambda one: one[0])


def _instants(truth: Truth) -> list[int]:
    """The ticks of a scenario, ascending."""
    edges = {span_ms for span in truth.blind for span_ms in (span.from_ms, span.until_ms)}
    edges |= {outage.onset_ms for outage in truth.outages}
    edges |= {one.restored_ms for one in truth.outages if one.restored_ms is not None}
    edges |= {span.from_ms for span in truth.silent}
    first_ms = min(edges, default=truth.start_ms) - 2 * HOUR_MS
    last_ms = max(edges, default=truth.end_ms) + 3 * HOUR_MS
    instants = set(range(truth.start_ms, truth.end_ms + 1, _QUIET_MS))
    minutes = range(first_ms // MINUTE_MS * MINUTE_MS, last_ms, MINUTE_MS)
    # The first outage is forecast a second after the minute, the second one at the minute.
    instants |= {*minutes, *(minute_ms + SECOND_MS for minute_ms in minutes)}
    for edge_ms in edges:
        from_ms = (edge_ms - _BEFORE_MS) // SECOND_MS * SECOND_MS
        instants |= set(range(from_ms, edge_ms + _AFTER_MS, SECOND_MS))
    return sorted(one for one in instants if truth.start_ms < one <= truth.end_ms)
