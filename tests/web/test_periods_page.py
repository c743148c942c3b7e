"""What `/api/v1/periods` answers, and what it says of questions that have no answer."""

from typing import Any

import aiohttp
import msgspec
import numpy as np
import pytest
from core.made_calls import standard
from web_parts import HandBoard, serving

from monitor.core.fields import FIELD_COUNT, FIELDS
from monitor.core.periods import Amendment, Period, PeriodFigures, PeriodKind, measure
from monitor.core.snapshot import IntArray
from monitor.core.standards import Formula
from monitor.web.periods import PeriodsPage

MONTH = Period(PeriodKind.MONTH, "America/New_York", 1_000_000, 9_000_000)


def counted(**given: int) -> IntArray:
    counts = np.zeros(FIELD_COUNT, dtype=np.int64)
    for name, count in given.items():
        counts[FIELDS.index(name)] = count
    return counts


COUNTS = counted(calls_made=100, offered=90, answered=80, answered_within=70, late=10, ended=85)
AMENDED = counted(answered=1, wait_ms_sum=-250)
ASKED: list[tuple[str, PeriodKind, int | None]] = []


async def period_of(scope: str, kind: PeriodKind, at_ms: int | None) -> PeriodFigures | None:
    ASKED.append((scope, kind, at_ms))
    if scope == "contract/torn":
        raise OSError("the database cannot be read")
    if scope != "contract/H0001":
        return None
    return PeriodFigures(
        period=MONTH,
        scope=scope,
        at_ms=5_000_000,
        counted_from_ms=500_000,
        counts=COUNTS,
        formula=Formula.F3,
        verdicts=measure(COUNTS, standard(), MONTH, 20),
        amended_total=7,
        amendments=(Amendment(2_000_000, 8_000_000, tuple(AMENDED.tolist())),),
    )


async def answer_of(query: str) -> tuple[int, Any]:
    async with (
        serving(HandBoard(), extra_routes=(PeriodsPage(period_of).route,)) as server,
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}api/v1/periods?{query}") as answer,
    ):
        return answer.status, msgspec.json.decode(await answer.read())


async def test_a_period_tells_bounds_counts_measures_verdicts_and_amendments() -> None:
    status, body = await answer_of("scope=contract/H0001&period=month")
    assert status == 200
    assert ASKED[-1] == ("contract/H0001", PeriodKind.MONTH, None)
    assert {name: body[name] for name in ("period", "zone", "start_ms", "end_ms", "at_ms")} == {
        "period": "month",
        "zone": "America/New_York",
        "start_ms": 1_000_000,
        "end_ms": 9_000_000,
        "at_ms": 5_000_000,
    }
    assert body["is_over"] is False
    assert body["counted_from_ms"] == 1_000_000
    assert (body["calls_made"], body["offered"], body["answered"]) == (100, 90, 80)
    assert body["visits_in_progress"] == 10
    assert "calls_assigned" not in body
    assert body["service_level_ratio"] == 70 / 80
    assert (body["average_hold_seconds"], body["disconnect_ratio"]) == (0.0, 0.0)
    verdicts = {one["measure"]: one for one in body["verdicts"]}
    assert verdicts["service_level"]["state"] == "met"
    assert verdicts["disconnect_ratio"]["denominator"] == 100
    assert "window" not in verdicts["average_hold"]
    assert body["amendments_total"] == 7
    assert body["amendments"] == [
        {
            "start_ms": 2_000_000,
            "recorded_ms": 8_000_000,
            "added": {"answered": 1, "wait_ms_sum": -250},
        }
    ]


async def test_a_day_of_now_is_meant_unless_something_else_is_said() -> None:
    await answer_of("scope=contract/H0001")
    await answer_of("scope=contract/H0001&period=quarter&at=1970-01-02T00:00:00%2B01:00")
    assert ASKED[-2:] == [
        ("contract/H0001", PeriodKind.DAY, None),
        ("contract/H0001", PeriodKind.QUARTER, 82_800_000),
    ]


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("period=day", 400, "scope is missing"),
        ("scope=contract/H0001&period=week", 400, "none of day, month, quarter"),
        ("scope=contract/H0001&at=yesterday", 400, "no instant"),
        ("scope=contract/H0001&at=2026-03-01T00:00:00", 400, "no instant"),
        ("scope=contract/H0001&scope=queue/A", 400, "one each"),
        ("scope=contract/H0001&window=5m", 400, "'window'"),
        ("scope=contract/H9", 404, "there is no 'contract/H9'"),
        ("scope=contract/torn", 503, "cannot be read"),
    ],
)
async def test_what_is_wrong_with_a_question_is_said(query: str, status: int, told: str) -> None:
    found, body = await answer_of(query)
    assert found == status
    assert told in body["error"]
