"""The configuration of the demo: the plan whose call center `bad_day.py` simulates.

Kept beside the scenario, because the queues, the numbers and the source's name must be the same.

Pure: text in, text out.
"""

import json
from typing import Final

from monitor.simulation.bad_day import BAD_DAY_SITES, BAD_DAY_SOURCE

_TEMPLATE: Final = """\
# Written by `callcenter-monitor demo`. A fictitious health plan on a bad day.
organization: Example Health
standard: cms-ma-partd
windows: [1m, 5m, 15m, 30m, 1h]
sites: [{sites}]
contracts:
  - id: H0001
    name: Example Community Plan
    legal_entity: Example Community Plan, Inc.
    members: 51200
    service_areas: [America/Los_Angeles, America/Phoenix]
    lines:
      - name: member-services
        kind: current-enrollee
        queues: [member-en, "member-es*"]
        dnis: ["8005550101", "8005550102"]
        hours: always
      - name: pharmacy
        kind: pharmacy
        queues: [pharmacy]
        dnis: ["8005550301"]
        hours: always
        shared: true
  - id: H0002
    name: Example Advantage Plan
    legal_entity: Example Advantage of Arizona, Inc.
    members: 33800
    service_areas: [America/Phoenix]
    lines:
      - name: member-services
        kind: current-enrollee
        queues: [advantage-en]
        dnis: ["8005550201"]
        hours: always
      - name: pharmacy
        kind: pharmacy
        queues: [pharmacy]
        dnis: ["8005550301"]
        hours: always
        shared: true
sources:
  - name: {source}
    format: normalized
    mqtt: {{url: {url}, topics: ["acd/{source}/#"], version: "3.1.1"}}
continuity: {{restore_within: 72h, confirm: 15m}}
alerts:
  rules:
    - name: hold-breached
      measure: average_hold
      window: 5m
      for: 2m
      severity: critical
    - name: service-level-breached
      measure: service_level
      window: 5m
      for: 2m
      severity: warning
    - name: disconnects-breached
      measure: disconnect_ratio
      window: 15m
      for: 1m
      severity: critical
store: {{path: {store}}}
http: {{listen: {listen}}}
"""


def demo_config_yaml(broker_url: str, listen: str, store_path: str) -> str:
    """Write the demo's configuration.

    Args:
        broker_url: The broker, such as `mqtt://127.0.0.1:1883`.
        listen: Where the page is served, such as `127.0.0.1:9108`.
        store_path: The database file.

    Returns:
        YAML. Every line is open at every hour, because the demo's clock runs through a day in
        minutes and may start at night.
    """
    # A JSON string is also a YAML string, whatever is in it.
    return _TEMPLATE.format(
        sites=", ".join(BAD_DAY_SITES),
        source=BAD_DAY_SOURCE,
        url=json.dumps(broker_url),
        store=json.dumps(store_path),
        listen=json.dumps(listen),
    )
