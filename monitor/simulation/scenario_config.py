"""The configuration under which a monitor watches a scenario: its contracts, sites and sources.

Pure: no I/O, no clock.
"""

from pathlib import Path

from monitor.config.model import Config
from monitor.simulation.scenario_model import ScenarioFile


def config_of(scenario: ScenarioFile) -> Config:
    """The configuration of the plan that a scenario is about; all else has its defaults.

    Its broker is that of this machine, which nobody has to start: for engines, not for the daemon.
    """
    return Config.model_validate(
        {
            "organization": scenario.organization,
            "contracts": scenario.contracts,
            "sites": tuple(site.name for site in scenario.sites),
            "sources": tuple(
                {
                    "name": source,
                    "format": "normalized",
                    "mqtt": {"url": "mqtt://127.0.0.1:1883"},
                }
                for source in dict.fromkeys(site.source for site in scenario.sites)
            ),
            "continuity": {"confirm": f"{scenario.confirm // 1000}s"},
        },
        context={"directory": Path()},
    )
