"""`calendar preview` as an operator runs it: both forms of what it says, and mistakes."""

import json
from pathlib import Path
from typing import Any

import pytest
from commands import run

CONFIG = """\
organization: Example Health
contracts:
  - id: H0001
    name: Example Plan
    service_areas: [America/Los_Angeles, America/Phoenix]
    closures: [{from: 2026-11-01 00:00, to: 2026-11-01 24:00, reason: moving house}]
    lines:
      - {name: members, kind: current-enrollee, queues: [a]}
      - {name: nurses, kind: prospective, queues: [b], hours: always}
      - {name: crisis, kind: crisis, queues: [c]}
  - id: H0002
    name: Another Plan
    lines: [{name: members, kind: current-enrollee, queues: [d]}]
sources:
  - {name: pbx1, format: normalized, mqtt: {url: "mqtt://127.0.0.1"}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


def preview(config: Path, *more: str, first: str, last: str | None = None) -> list[dict[str, Any]]:
    result = run(
        "calendar", "preview", "-c", config, "--from", first, "--to", last or first,
        "--format", "json", *more,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_line_and_day_has_a_record_with_its_spans_and_reasons(config: Path) -> None:
    records = preview(config, "--contract", "H0001", first="2026-10-31", last="2026-11-01")
    assert [(one["line"], one["date"]) for one in records] == [
        (line, day)
        for line in ("members", "nurses", "crisis")
        for day in ("2026-10-31", "2026-11-01")
    ]
    before, after = records[:2]
    assert before["spans"] == [
        {
            "duty": "required",
            "from": "2026-10-31T15:00:00Z",
            "to": "2026-11-01T03:00:00Z",
            "local": {
                "America/Los_Angeles": {
                    "from": "2026-10-31T08:00:00-07:00",
                    "to": "2026-10-31T20:00:00-07:00",
                },
                "America/Phoenix": {
                    "from": "2026-10-31T08:00:00-07:00",
                    "to": "2026-10-31T20:00:00-07:00",
                },
            },
        }
    ]
    # The clock of Los Angeles is turned back and that of Phoenix is not.
    assert [(one["from"], one["to"]) for one in after["spans"]] == [
        ("2026-11-01T15:00:00Z", "2026-11-02T04:00:00Z")
    ]
    assert (before["required_seconds"], after["required_seconds"]) == (12 * 3_600, 13 * 3_600)
    assert {one["reason"] for one in before["reasons"]} == {"any day from October to March"}


def test_a_closure_says_what_it_excuses_and_what_not(config: Path) -> None:
    records = preview(config, "--contract", "H0001", first="2026-11-01")
    told = {one["line"]: one["closures"][0] for one in records}
    # A day of 25 hours, 13 of which the regulation requires.
    assert {
        name: (one["excused_seconds"] // 3_600, one["still_required_seconds"] // 3_600)
        for name, one in told.items()
    } == {"members": (0, 13), "nurses": (12, 13), "crisis": (0, 25)}
    assert {one["reason"] for one in told.values()} == {"moving house"}


def test_people_read_the_hours_the_holiday_and_the_closure(config: Path) -> None:
    result = run(
        "calendar", "preview", "-c", config, "--contract", "H0001", "--line", "members",
        "--from", "2026-11-01", "--to", "2026-11-26",
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    told = result.stdout.splitlines()
    assert told[0].startswith("H0001/members: hours cms (42 CFR 422.111(h)(1)(i)(B)")
    assert "\n".join(told[2:5]) == (
        "  Sun 2026-11-01  required               15:00-04:00 Mon UTC; "
        "America/Los_Angeles 07:00-20:00, America/Phoenix 08:00-21:00\n"
        "      any day from October to March\n"
        "      closure 2026-11-01T07:00:00Z to 2026-11-02T08:00:00Z (moving house): "
        "excuses 0h00m of this day, does not excuse 13h00m"
    )
    assert "\n".join(told[-2:]) == (
        "  Thu 2026-11-26  permitted-alternative  15:00-04:00 Fri UTC; "
        "America/Los_Angeles 07:00-20:00, America/Phoenix 08:00-21:00\n"
        "      Thanksgiving Day"
    )


def test_a_contract_without_areas_is_shown_in_utc_with_the_reason(config: Path) -> None:
    (record,) = preview(config, "--contract", "H0002", first="2026-07-04")
    assert (record["zone"], record["required_seconds"]) == ("UTC", 24 * 3_600)
    assert "no service_areas" in record["clause"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--contract", "H0009", "--from", "2026-01-01", "--to", "2026-01-01"), "allowed: H0001"),
        (
            ("--contract", "H0001", "--line", "x", "--from", "2026-01-01", "--to", "2026-01-01"),
            "allowed: members",
        ),
        (("--contract", "H0001", "--from", "2026-01-02", "--to", "2026-01-01"), "is before"),
        (("--contract", "H0001", "--from", "2026-02-30", "--to", "2026-03-01"), "--from"),
        (("--contract", "H0001", "--from", "1812-01-02", "--to", "2026-01-01"), "a day from"),
        (("--contract", "H0001", "--from", "2000-01-02", "--to", "2026-01-01"), "3660 days"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "--contract"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_usage_leaves_with_2(config: Path, given: tuple[str, ...], told: str) -> None:
    result = run("calendar", "preview", "-c", config, *given)
    assert (result.returncode, result.stdout) == (2, "")
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_a_faulty_configuration_is_told_with_its_lines(config: Path) -> None:
    config.write_text(CONFIG.replace("2026-11-01 00:00", "2026-11-31 00:00"), encoding="utf-8")
    result = run(
        "calendar", "preview", "-c", config, "--contract", "H0001",
        "--from", "2026-01-01", "--to", "2026-01-01",
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"{config}:6: contracts[0].closures[0].from: ")
