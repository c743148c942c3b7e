"""What the file says about hours reaches the plan as a calendar that keeps the rules."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from config_files import load_text

from monitor.config.plan import to_plan
from monitor.core.calendar import ALWAYS, Calendar, Duty
from monitor.core.plan import LinePlan
from monitor.core.presets import PRESETS

TEMPLATE = """\
organization: Example Health
contracts:
  - id: H0001
    name: Example Plan
    {contract}
    lines:
      - {{name: l, kind: {kind}, queues: [q]{line}}}
sources:
  - {{name: pbx1, format: normalized, mqtt: {{url: mqtts://b.example}}}}
"""
AREAS = "service_areas: [America/Phoenix]"
# Days in Phoenix, where no clock changes.
WEEKDAY, SUNDAY, CHRISTMAS = "2026-07-15", "2026-07-19", "2026-12-25"


def line(folder: Path, kind: str, contract: str = AREAS, more: str = "") -> LinePlan:
    text = TEMPLATE.format(contract=contract, kind=kind, line=more)
    return to_plan(load_text(folder, text)).contracts[0].lines[0]


def at(text: str, zone: str = "America/Phoenix") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1_000)


def hours_of(calendar: Calendar, day: str) -> list[tuple[int, int]]:
    """Required spans of a day in Phoenix, in hours of that day."""
    start_ms = at(f"{day}T00:00")
    spans = calendar.required_spans(start_ms, start_ms + 24 * 3_600_000)
    return [((a - start_ms) // 3_600_000, (b - start_ms) // 3_600_000) for a, b in spans]


@pytest.mark.parametrize("kind", ["current-enrollee", "prospective", "tty", "provider"])
def test_lines_have_medicare_s_hours_when_nobody_says(tmp_path: Path, kind: str) -> None:
    calendar = line(tmp_path, kind).hours
    assert hours_of(calendar, WEEKDAY) == [(8, 20)]
    assert hours_of(calendar, SUNDAY) == []
    assert calendar.duty(at(f"{SUNDAY}T12:00")) is Duty.PERMITTED
    assert calendar.duty(at(f"{CHRISTMAS}T12:00")) is Duty.PERMITTED


@pytest.mark.parametrize("kind", ["crisis", "pharmacy"])
def test_crisis_and_pharmacy_lines_are_open_around_the_clock_when_nobody_says(
    tmp_path: Path, kind: str
) -> None:
    for day in (WEEKDAY, SUNDAY, CHRISTMAS):
        assert hours_of(line(tmp_path, kind).hours, day) == [(0, 24)]


def test_what_is_said_wins_over_the_kind(tmp_path: Path) -> None:
    assert hours_of(line(tmp_path, "crisis", more=", hours: cms").hours, WEEKDAY) == [(8, 20)]
    own = ', hours: {mon-fri: ["07:00-11:00", "12:00-24:00"]}'
    assert hours_of(line(tmp_path, "tty", more=own).hours, WEEKDAY) == [(7, 11), (12, 24)]
    assert hours_of(line(tmp_path, "tty", more=own).hours, SUNDAY) == []


def test_a_contract_that_names_no_area_is_judged_around_the_clock(tmp_path: Path) -> None:
    for kind in ("current-enrollee", "pharmacy"):
        calendar = line(tmp_path, kind, "members: 1").hours
        assert calendar.next_change(0) is None
        assert calendar.is_required(0)


def test_a_pharmacy_line_is_open_while_any_pharmacy_is(tmp_path: Path) -> None:
    groups = (
        f"{AREAS}\n    pharmacies:\n"
        '      - {zone: America/Phoenix, hours: {mon-sat: "09:00-21:00"}}\n'
        '      - {zone: Pacific/Honolulu, hours: {mon-sun: "08:00-20:00"}}'
    )
    calendar = line(tmp_path, "pharmacy", groups).hours
    # Honolulu is three hours behind Phoenix.
    assert hours_of(calendar, WEEKDAY) == [(9, 23)]
    assert hours_of(calendar, SUNDAY) == [(11, 23)]
    everywhere = f"{groups}\n      - {{zone: Pacific/Guam, hours: always}}"
    assert hours_of(line(tmp_path, "pharmacy", everywhere).hours, SUNDAY) == [(0, 24)]


CLOSURE = f'{{from: "{WEEKDAY} 00:00", to: "{WEEKDAY} 24:00", reason: moving}}'


@pytest.mark.parametrize(
    ("kind", "more", "left"),
    [
        ("current-enrollee", "", [(8, 20)]),
        ("current-enrollee", ", hours: always", [(8, 20)]),
        ("prospective", ', hours: {mon-fri: "06:00-10:00"}', [(8, 10)]),
        ("pharmacy", "", [(0, 24)]),
        ("pharmacy", ", hours: always", [(0, 24)]),
        ("crisis", "", [(0, 24)]),
        ("crisis", ', hours: {mon-fri: "06:00-10:00"}', [(6, 10)]),
        ("provider", "", [(8, 20)]),
        ("provider", ", hours: always", []),
        ("current-enrollee", ", hours: always, standard: commercial-guarantee", []),
    ],
)
def test_a_closure_excuses_what_the_rules_leave_to_the_plan(
    tmp_path: Path, kind: str, more: str, left: list[tuple[int, int]]
) -> None:
    for_all = line(tmp_path, kind, f"{AREAS}\n    closures: [{CLOSURE}]", more)
    for_one = line(tmp_path, kind, more=f"{more}, closures: [{CLOSURE}]")
    assert hours_of(for_all.hours, WEEKDAY) == hours_of(for_one.hours, WEEKDAY) == left
    assert for_all.hours == for_one.hours


def test_a_closure_is_by_the_clock_of_the_first_area_or_of_its_own_zone(tmp_path: Path) -> None:
    closure = f'{{from: "{WEEKDAY} 00:00", to: "{WEEKDAY} 05:00", reason: a}}'
    elsewhere = closure.replace("}", ", zone: Pacific/Honolulu}")
    areas = "service_areas: [America/Phoenix, America/New_York]"
    for written, expected in ((closure, [(5, 24)]), (elsewhere, [(0, 3), (8, 24)])):
        more = f", hours: always, closures: [{written}]"
        assert hours_of(line(tmp_path, "provider", areas, more).hours, WEEKDAY) == expected


def test_lines_with_the_same_hours_share_a_calendar(tmp_path: Path) -> None:
    assert line(tmp_path, "tty").hours is line(tmp_path, "prospective").hours


def test_a_plan_made_by_hand_has_no_closed_hours() -> None:
    assert LinePlan("l", "tty", ("q",), PRESETS["cms-ma-partd"]).hours is ALWAYS
