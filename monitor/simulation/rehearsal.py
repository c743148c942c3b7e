"""A written scenario for the demo: from shortly before anything happens, with its configuration.

The demo's clock starts at the machine's own hour, which need not be the scenario's; so its lines
are always open there, and nobody has to wait for two quiet days.

Deterministic from the seed. No I/O, no clock.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from monitor.core import events as ev
from monitor.core.events import Event
from monitor.simulation.course import Course
from monitor.simulation.scenario_model import ScenarioFile
from monitor.simulation.simulate import Simulated

_AHEAD_MS: Final = 3_600_000

_TEMPLATE: Final = """\
# Written by `callcenter-monitor demo --scenario`.
organization: {organization}
windows: [1m, 5m, 15m, 30m, 1h, 24h]
sites: {sites}
contracts: {contracts}
sources: {sources}
continuity: {{restore_within: 72h, confirm: {confirm_s}s}}
store: {{path: {store}}}
http: {{listen: {listen}}}
"""


class Rehearsal:
    """A scenario, to be watched.

    Args:
        scenario: What happens.
        seed: Of all chance.

    Attributes:
        first_ms: From here on it is shown, epoch ms: an hour before anything happens, or, where
            nothing does, before the first line opens.
        statuses: What the broker is to say of the sources meanwhile.
    """

    def __init__(self, scenario: ScenarioFile, seed: int) -> None:
        self._scenario = scenario
        course = Course.of(scenario)
        self._simulated = Simulated(course, seed)
        begins = [effect.spans[0][0] for effect in course.effects]
        opens = [line.open[0][0] for line in course.lines if line.open]
        self.first_ms = max(course.start_ms, min(begins or opens, default=0) - _AHEAD_MS)
        self.statuses = tuple(self._simulated.truth.statuses)

    def due_ms(self, event: Event) -> int:
        """When an event of `events` is to be received."""
        received_ms = self._simulated.hearing.received_ms(event)
        assert received_ms is not None
        return max(received_ms, self.first_ms)

    def events(self) -> Iterator[Event]:
        """Yield what is received, with the state of every agent at the beginning."""
        states: dict[str, Event] = {}
        for received_ms, event in self._simulated.deliveries:
            if received_ms >= self.first_ms:
                yield from _restated(states, self.first_ms)
                states.clear()
                yield event
            elif event.type == ev.AGENT_STATE and event.agent is not None:
                states[event.agent] = event

    def config_yaml(self, broker_url: str, listen: str, store_path: str) -> str:
        """Write the demo's configuration; see `demo_config_yaml`."""
        scenario = self._scenario
        contracts = [
            {
                "id": contract.id,
                "name": contract.name,
                "legal_entity": contract.legal_entity,
                **({} if contract.members is None else {"members": contract.members}),
                "service_areas": contract.service_areas,
                "lines": [
                    {
                        "name": line.name,
                        "kind": line.kind,
                        "queues": line.queues,
                        "dnis": line.dnis,
                        "shared": line.shared,
                        "hours": "always",
                        **({} if line.standard is None else {"standard": line.standard}),
                    }
                    for line in contract.lines
                ],
            }
            for contract in scenario.contracts
        ]
        sources = [
            {
                "name": source,
                "format": "normalized",
                "mqtt": {"url": broker_url, "topics": [f"acd/{source}/#"], "version": "3.1.1"},
            }
            for source in dict.fromkeys(site.source for site in scenario.sites)
        ]
        # What is JSON is YAML.
        parts: dict[str, Any] = {
            "organization": scenario.organization,
            "sites": [site.name for site in scenario.sites],
            "contracts": contracts,
            "sources": sources,
            "store": store_path,
            "listen": listen,
        }
        return _TEMPLATE.format(
            confirm_s=scenario.confirm // 1000,
            **{key: json.dumps(value) for key, value in parts.items()},
        )


def _restated(states: dict[str, Event], at_ms: int) -> Iterator[Event]:
    """The agents' states as if they had been told at an instant."""
    for event in states.values():
        yield msgspec.structs.replace(event, ts=at_ms / 1000, at_ms=at_ms, seq=None)
