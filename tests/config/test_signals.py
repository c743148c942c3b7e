"""What the file says of signals reaches the plan, and nothing else of it changes."""

from dataclasses import replace
from pathlib import Path

from config_files import SHORT, load_text

from monitor.config.load import load
from monitor.config.plan import to_plan
from monitor.core.outages.continuity import ContinuityPlan

SHIPPED = Path(__file__).parents[2] / "config" / "example.yaml"

SIGNALS = """\
continuity:
  signals:
    false_per_year: 2
    no_answer: {for: 45s, most: 10m, min_unanswered: 5, idle_for: 1m}
    hold: {limit_times: 3, within: 12.5%, for: 90s, min_calls: 40}
    drops: {share: 0.4, for: 20s, min_calls: 9, min_spread: 7, burst_calls: 15}
    silence: {for: 2m, min_expected: 12}
    agents: {left: 50%, within: 1h, for: 3m, min_agents: 4}
"""


def test_every_threshold_duration_and_volume_reaches_the_plan(tmp_path: Path) -> None:
    plan = ContinuityPlan()
    expected = replace(
        plan,
        false_per_year=2.0,
        no_answer=replace(
            plan.no_answer, for_ms=45_000, most_ms=600_000, min_unanswered=5, idle_for_ms=60_000
        ),
        hold=replace(
            plan.hold, hold_floor_times=3, within_per_mille=125, for_ms=90_000, min_calls=40
        ),
        drops=replace(
            plan.drops, per_mille=400, for_ms=20_000, min_calls=9, min_spread=7, burst_calls=15
        ),
        silence=replace(plan.silence, for_ms=120_000, min_expected=12),
        agents=replace(
            plan.agents, per_mille=500, within_ms=3_600_000, for_ms=180_000, min_agents=4
        ),
    )
    assert to_plan(load_text(tmp_path, SHORT + SIGNALS)).continuity == expected


def test_the_example_shows_the_defaults(tmp_path: Path) -> None:
    shown = to_plan(load(SHIPPED)).continuity
    plain = to_plan(load_text(tmp_path, SHORT)).continuity
    assert shown == plain == ContinuityPlan()
