"""An outage as everybody outside is told of it: by the API, the ledger, and a live Alertmanager.

Alertmanager pages a receiver of webhooks, each alert in a group of its own, so the receiver's
`Pager` counts what a person would have been woken by. An alert that is said again is no page; one
that is new, or had ended in between, is.
"""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from commands import run
from daemon import Daemon
from end_to_end.pager import Pager
from real_parts import Alertmanager, alertmanager, wait_until

OUTAGE: Final = "CallCenterOutage"
MISSED: Final = "CallCenterDeadlineMissed"
CLOCK: Final = "CallCenterClockWrong"
HOUR_MS: Final = 3_600_000
WITHIN_MS: Final = 72 * HOUR_MS


@dataclass
class Pages:
    """A live Alertmanager and the receiver that it pages."""

    manager: Alertmanager
    pager: Pager

    @property
    def channel(self) -> dict[str, Any]:
        """For the daemon's configuration."""
        return {"name": "ops", "alertmanager": {"urls": [self.manager.url]}}

    def firing(self, rule: str) -> dict[str, Any] | None:
        """The one alert of a rule that Alertmanager holds; None when it holds none."""
        found = [one for one in self.manager.alerts() if one["labels"]["alertname"] == rule]
        assert len(found) < 2, found
        return found[0] if found else None

    def wait_firing(self, rule: str, timeout_s: float = 20.0) -> dict[str, Any]:
        """Wait until Alertmanager holds an alert of a rule, and return it."""
        wait_until(lambda: self.firing(rule), timeout_s, f"{rule} at Alertmanager")
        found = self.firing(rule)
        assert found is not None
        return found

    def wait_over(self, rule: str, timeout_s: float = 20.0) -> None:
        """Wait until Alertmanager holds none any more."""
        wait_until(lambda: self.firing(rule) is None, timeout_s, f"the end of {rule}")

    def identity(self, rule: str) -> tuple[str, str]:
        """What makes Alertmanager, and people, take an alert for the same."""
        found = self.firing(rule)
        assert found is not None
        return found["fingerprint"], found["startsAt"]

    def pages(self, rule: str, status: str) -> int:
        """How often the receiver was paged for a rule."""
        told = self.pager.told.items()
        return sum(n for (key, said), n in told if said == status and f"/{rule}/" in key)


@contextmanager
def paging(tmp_path: Path) -> Iterator[Pages]:
    """Run an Alertmanager and its receiver."""
    with Pager().serving() as pager:
        hook = {"url": pager.url, "send_resolved": True}
        route = {
            "receiver": "pager",
            "group_by": ["..."],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "24h",
        }
        receivers = [{"name": "pager", "webhook_configs": [hook]}]
        config = json.dumps({"route": route, "receivers": receivers})
        with alertmanager(tmp_path, config) as manager:
            yield Pages(manager, pager)


def declare(daemon: Daemon, contract: str, onset_ms: int) -> dict[str, Any]:
    """Somebody declares an outage; returns it as the daemon tells it now."""
    said = {
        "action": "declare",
        "contract": contract,
        "why": "no call goes through",
        "who": "operator",
        "onset": datetime.fromtimestamp(onset_ms / 1000, UTC).isoformat(timespec="milliseconds"),
    }
    request = urllib.request.Request(
        f"{daemon.url}/api/v1/outages", data=json.dumps(said).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=10.0) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def open_outages(daemon: Daemon) -> list[dict[str, Any]]:
    """Those that the API tells of."""
    return [one for one in daemon.api("outages")["outages"] if one["is_open"]]


def instants(outage: dict[str, Any]) -> tuple[str, int, int, int]:
    """What nothing may change: id, onset, opening and deadline."""
    return outage["id"], outage["onset_ms"], outage["opened_ms"], outage["deadline_ms"]


def told(daemon: Daemon, contract: str) -> list[tuple[str, dict[str, Any]]]:
    """What the ledger tells of a contract's outages: each happening with its figures."""
    bodies = daemon.rows(
        f"SELECT body FROM ledger WHERE subject = 'contract/{contract}' ORDER BY n"
    )
    found = [json.loads(body) for (body,) in bodies]
    return [(body["what"], body) for body in found]


def verify(daemon: Daemon) -> None:
    """The ledger's chain holds, as `ledger verify` says."""
    done = run("ledger", "verify", "--config", daemon.config_path)
    assert done.returncode == 0, done.stderr
