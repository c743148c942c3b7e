"""A short file is a whole configuration: what it leaves out has the documented default."""

from pathlib import Path

import pytest
from config_files import SHORT, load_text

from monitor.config.plan import to_plan
from monitor.core.plan import Limits, Plan
from monitor.core.presets import PRESETS
from monitor.core.standards import Formula, Measure

HOUR_MS = 3_600_000


def test_a_short_file_has_every_default(tmp_path: Path) -> None:
    config = load_text(tmp_path, SHORT)
    assert config.windows_ms == (60_000, 300_000, 900_000, 1_800_000, HOUR_MS, 24 * HOUR_MS)
    assert config.contracts[0].legal_entity == "Example Plan"
    assert config.verdicts.min_calls == 20
    assert config.store.path == Path("/var/lib/callcenter-monitor/monitor.db")
    assert config.store.keep_calls_ms >= 10 * 365.2425 * 24 * HOUR_MS
    assert (config.http.host, config.http.port) == ("127.0.0.1", 9108)
    assert config.continuity.restore_within_ms == 72 * HOUR_MS
    assert config.continuity.abandon == ()


def test_topics_and_client_id_follow_from_the_name_of_the_source(tmp_path: Path) -> None:
    mqtt = load_text(tmp_path, SHORT).sources[0].mqtt
    assert mqtt is not None
    assert mqtt.topics == ("acd/pbx1/#",)
    assert mqtt.client_id == "callcenter-monitor-pbx1"
    assert (mqtt.host, mqtt.port, mqtt.tls) == ("b.example", 8883, True)
    assert (mqtt.receive_maximum, mqtt.session_expiry_ms) == (1_000, 7 * 24 * HOUR_MS)
    assert (mqtt.max_unacknowledged_bytes, mqtt.maximum_packet_size) == (64 * 2**20, 2**20)


def test_without_rules_there_is_one_for_each_limited_measure(tmp_path: Path) -> None:
    plan = to_plan(load_text(tmp_path, SHORT))
    assert [rule.measure for rule in plan.rules] == list(Measure)
    for rule in plan.rules:
        assert (rule.window_ms, rule.for_ms, rule.severity) == (1_800_000, 300_000, "critical")
    plan = to_plan(load_text(tmp_path, SHORT + "standard: mmp-ohio\nwindows: [1m, 10m, 1h]\n"))
    assert [(rule.measure, rule.window_ms) for rule in plan.rules] == [
        (Measure.SERVICE_LEVEL, 600_000)
    ]
    plan = to_plan(load_text(tmp_path, SHORT + "windows: [2h]\n"))
    assert {rule.window_ms for rule in plan.rules} == {2 * HOUR_MS}


def test_an_empty_list_of_rules_means_none(tmp_path: Path) -> None:
    assert to_plan(load_text(tmp_path, SHORT + "alerts: {rules: []}\n")).rules == ()


def test_the_plan_of_a_short_file_is_the_core_s_own_default(tmp_path: Path) -> None:
    plan = to_plan(load_text(tmp_path, SHORT))
    bare = Plan(organization="Example Health", standard=PRESETS["cms-ma-partd"])
    assert plan.windows_ms == bare.windows_ms
    assert plan.limits == bare.limits == Limits()
    assert (plan.min_calls, plan.short_abandon_ms) == (bare.min_calls, bare.short_abandon_ms)
    assert (plan.organization, plan.standard) == (bare.organization, bare.standard)


def test_everything_reaches_the_plan(tmp_path: Path) -> None:
    plan = to_plan(
        load_text(
            tmp_path,
            """\
organization: Example Health
standard: mmp-90
windows: [7s, 1m]
contracts:
  - id: H0001
    name: Example Plan
    legal_entity: Example, Inc.
    members: 7
    service_areas: [America/Phoenix]
    lines:
      - {name: a, kind: tty, queues: [q1, "p*"], shared: true, standard: nhs-111, dnis: ["800"]}
queues: [spare]
sites: [tucson]
sources:
  - name: pbx1
    format: normalized
    mqtt: {url: mqtts://b.example}
    queues: {7001: q1, "7002": pa}
  - {name: pbx2, format: normalized, mqtt: {url: mqtts://b.example}}
verdicts: {min_calls: 5, short_abandon: 9s, formula: F6}
alerts:
  rules:
    - {name: r, measure: service_level, window: 1m, for: 2s, clear_for: 3s, clear: 95.5%,
       severity: warning, scopes: ["line/*"], no_data_for: 2m}
limits: {open_calls: 101, ended_calls: 102, ended_for: 61s, call_age: 62s, queues: 3, agents: 4,
         skew: 5s, past: 66s}
""",
        )
    )
    (contract,) = plan.contracts
    (line,) = contract.lines
    assert (contract.id, contract.name, contract.legal_entity) == (
        "H0001", "Example Plan", "Example, Inc.",
    )  # fmt: skip
    assert (contract.members, contract.service_areas) == (7, ("America/Phoenix",))
    assert (line.name, line.kind, line.queues) == ("a", "tty", ("q1", "p*"))
    assert (line.shared, line.dnis, line.standard.id) == (True, ("800",), "nhs-111")
    assert (plan.queues, plan.sites, plan.sources) == (("spare",), ("tucson",), ("pbx1", "pbx2"))
    assert plan.aliases == {"pbx1": {"7001": "q1", "7002": "pa"}}
    assert (plan.windows_ms, plan.min_calls, plan.short_abandon_ms) == ((7_000, 60_000), 5, 9_000)
    (rule,) = plan.rules
    assert (rule.name, rule.measure, rule.window_ms) == ("r", Measure.SERVICE_LEVEL, 60_000)
    assert (rule.for_ms, rule.clear_for_ms, rule.no_data_for_ms) == (2_000, 3_000, 120_000)
    assert (rule.clear, rule.severity, rule.scopes) == (955, "warning", ("line/*",))
    assert plan.limits == Limits(101, 102, 61_000, 62_000, 3, 4, 5_000, 66_000)


@pytest.mark.parametrize("formula", list(Formula))
def test_a_chosen_formula_counts_in_every_service_level(tmp_path: Path, formula: Formula) -> None:
    plan = to_plan(load_text(tmp_path, SHORT + f"verdicts: {{formula: {formula}}}\n"))
    for standard in (plan.standard, plan.contracts[0].lines[0].standard):
        requirement = standard.requirement(Measure.SERVICE_LEVEL)
        assert requirement is not None
        assert requirement.formula is formula
        assert (requirement.limit, requirement.threshold_ms) == (800, 30_000)


@pytest.mark.parametrize(
    ("measure", "clear", "inside"),
    [
        ("average_hold", "110s", 110_000),
        ("average_hold", "2m", 120_000),
        ("service_level", "82%", 820),
        ("service_level", "0.82", 820),
        ("service_level", "82.5%", 825),
        ("service_level", "1", 1_000),
        ("disconnect_ratio", "4%", 40),
        ("disconnect_ratio", "0.045", 45),
        ("disconnect_ratio", "0", 0),
    ],
)
def test_clear_is_written_in_the_unit_of_the_measure(
    tmp_path: Path, measure: str, clear: str, inside: int
) -> None:
    rule = f"alerts: {{rules: [{{name: r, measure: {measure}, window: 5m, clear: {clear}}}]}}\n"
    (plan,) = to_plan(load_text(tmp_path, SHORT + rule)).rules
    assert plan.clear == inside
