"""The dashboard asks only for what the monitor exports, and real Prometheus understands it."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from outage_parts import make_outage, make_threat, watched
from real_parts import Prometheus, find_program, prometheus, wait_until
from snapshots import QueueLoad, loaded_snapshot, make_alert, small_scopes

from monitor.core.daemon import DaemonView
from monitor.sinks.prometheus import Exposition

GRAFANA = Path(__file__).parent.parent / "grafana"
DASHBOARD: dict[str, Any] = json.loads(
    (GRAFANA / "dashboards" / "callcenter-overview.json").read_text(encoding="utf-8")
)
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES: dict[str, dict[str, Any]] = {
    variable["name"]: variable for variable in DASHBOARD["templating"]["list"]
}
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
QUERIES = [
    *EXPRESSIONS,
    *(variable["definition"] for variable in VARIABLES.values() if variable["type"] == "query"),
]
# Okabe and Ito's palette, told apart with every kind of colour vision, and a grey for "cannot say".
COLOURS = {"#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#009E73", "#CC79A7", "#999999"}


def exposition() -> str:
    """What a monitor with something in every metric exports."""
    snapshot = loaded_snapshot(
        small_scopes(),
        lambda _: QueueLoad(3.0, 75.0, 82.0, waiting=2, longest_wait_ms=41_000),
        alerts=(make_alert(),),
        discards={"duplicate": 3},
        agents={"available": 4, "talk": 9},
    )
    snapshot = watched(snapshot, make_outage(threat=make_threat()), blind=("S0002",))
    daemon = DaemonView(
        version="1",
        started_ms=1,
        sources_up={"pbx1": True, "pbx2": False},
        quarantined={"malformed": 2},
        deliveries={("ops", "sent"): 5},
    )
    slices = Exposition().render_slices(snapshot, daemon)
    return b"".join(piece for pieces in slices for piece in pieces).decode()


def exported() -> dict[str, set[str]]:
    """The labels of every exported sample name."""
    catalogue: dict[str, set[str]] = {}
    for line in exposition().splitlines():
        if line.startswith("#"):
            continue
        found = re.match(r"(\w+)(\{.*\})? ", line)
        assert found, line
        labels = set(re.findall(r"[{,](\w+)=\"", found[2] or ""))
        catalogue.setdefault(found[1], set()).update(labels)
    return catalogue


def substituted(expression: str, instance: str = "127.0.0.1:9108") -> str:
    """The expression as Grafana sends it."""
    values = {
        "__rate_interval": "1m",
        "instance": instance,
        "window": "30m",
        "contract": ".+",
    }
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], expression)


def test_the_dashboard_is_kept_in_files_under_a_name_that_stays() -> None:
    assert DASHBOARD["id"] is None
    assert DASHBOARD["uid"] == "callcenter-overview"
    assert DASHBOARD["editable"] is False
    assert DASHBOARD["schemaVersion"] >= 39


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for grid in (panel["gridPos"] for panel in panels)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: f"{panel['id']} {panel['title']}")
def test_every_panel_says_what_it_shows_in_which_unit(panel: dict[str, Any]) -> None:
    assert panel["title"].strip()
    assert panel["description"].endswith(".")
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    # Nothing to show must not look like nothing wrong.
    assert defaults["noValue"]
    assert panel["targets"]
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)
    assert all(target["legendFormat"] for target in panel["targets"])


def test_the_data_source_is_always_the_chosen_one() -> None:
    assert VARIABLES["datasource"]["query"] == "prometheus"
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in PANELS:
        assert panel["datasource"] == chosen
        assert all(target["datasource"] == chosen for target in panel["targets"])


def test_outages_have_their_clocks_their_forecast_and_their_sight_on_the_dashboard() -> None:
    asked = " ".join(EXPRESSIONS)
    for name in (
        "outage_active",
        "outage_onset_timestamp_seconds",
        "outage_deadline_timestamp_seconds",
        "outage_effective_deadline_timestamp_seconds",
        "outage_miss_probability",
        "outage_state",
        "scope_blind",
        "source_seen",
    ):
        assert f"callcenter_{name}{{" in asked


@pytest.mark.real
def test_what_is_not_seen_is_no_outage_and_an_outage_is_one_even_when_it_is_not_seen(
    tmp_path: Path,
) -> None:
    (panel,) = [one for one in PANELS if one["title"] == "State of contracts over time"]
    (asked,) = panel["targets"]
    mapped = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
    with serving(exposition()) as target, prometheus(tmp_path, [target]) as server:
        expression = substituted(asked["expr"], target)
        wait_until(lambda: server.query(expression), 30, "a scrape")
        found = {
            series["metric"]["contract"]: mapped[series["value"][1]]["text"]
            for series in server.query(expression)
        }
    assert found == {"H0001": "OUTAGE", "S0002": "not seen"}


def test_every_colour_can_be_told_apart_with_any_colour_vision() -> None:
    used = set(re.findall(r'"color": "([^"]*)"', json.dumps(DASHBOARD)))
    assert used
    assert used <= COLOURS


def test_a_measure_at_its_limit_has_the_colour_of_passing() -> None:
    at_limit = {"Average hold": 120.0, "Service level": 0.8, "Disconnect ratio": 0.05}
    judged = [panel for panel in PANELS if panel["title"] in at_limit and panel["type"] == "stat"]
    assert len(judged) == 3
    for panel in judged:
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        value = at_limit[panel["title"]]
        reached = [step for step in steps if step["value"] is None or step["value"] <= value]
        assert reached[-1]["color"] == "#0072B2", panel["title"]


@pytest.mark.parametrize("query", dict.fromkeys(QUERIES))
def test_queries_name_only_exported_metrics_and_labels(query: str) -> None:
    catalogue = exported()
    names = re.findall(r"callcenter_\w+", query)
    assert names
    for name in names:
        assert name in catalogue
    for name, selector in re.findall(r"(callcenter_\w+)\{([^}]*)\}", query):
        labels = set(re.findall(r"(\w+)!?=~?\"", selector))
        assert "instance" in labels, "two monitors of the same calls would be added up"
        assert labels - {"instance"} <= catalogue[name]


def test_every_expression_is_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"dashboard:expression:{number}", "expr": substituted(expression)}
        for number, expression in enumerate(EXPRESSIONS)
    ]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = subprocess.run(
        [find_program("promtool"), "check", "rules", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(EXPRESSIONS)} rules found" in checked.stdout


@contextmanager
def serving(text: str) -> Iterator[str]:
    """Serve one exposition; gives HOST:PORT."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.real
def test_a_real_prometheus_answers_every_panel_and_knows_every_label_of_the_legends(
    tmp_path: Path,
) -> None:
    with serving(exposition()) as target, prometheus(tmp_path, [target]) as server:
        twice = f'count_over_time(callcenter_monitor_build_info{{instance="{target}"}}[1m]) >= 2'
        wait_until(lambda: server.query(twice), 30, "two scrapes, so that rates exist")
        for panel in PANELS:
            for asked in panel["targets"]:
                _assert_answered(server, asked, target)


def _assert_answered(server: Prometheus, asked: dict[str, Any], instance: str) -> None:
    answer = server.query(substituted(asked["expr"], instance))
    assert answer, asked["expr"]
    for label in re.findall(r"\{\{(\w+)\}\}", asked["legendFormat"]):
        assert all(label in series["metric"] for series in answer), (label, asked["expr"])
    legends = [
        re.sub(r"\{\{(\w+)\}\}", lambda found: series["metric"][found[1]], asked["legendFormat"])  # noqa: B023
        for series in answer
    ]
    assert len(set(legends)) == len(legends), "two curves would have one name"


def test_the_provisioning_files_are_what_grafana_reads() -> None:
    folder = GRAFANA / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text())
    assert sources["apiVersion"] == 1
    assert [source["type"] for source in sources["datasources"]] == ["prometheus"]
    providers = yaml.safe_load((folder / "dashboards" / "callcenter.yaml").read_text())
    assert providers["apiVersion"] == 1
    (provider,) = providers["providers"]
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False
