"""What the API and the page say of outages and of what cannot be seen."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from outage_parts import (
    DEADLINE_MS,
    HOUR_MS,
    MINUTE_MS,
    ONSET_MS,
    make_causes,
    make_notice_alert,
    make_outage,
    make_threat,
    watched,
)
from snapshots import AT_MS, QueueLoad, loaded_snapshot, make_snapshot, small_scopes
from web_parts import HandBoard, browse, serving

from monitor.core.outages.outage import Baseline, OutageState, Risk
from monitor.core.snapshot import Snapshot

QUIET = loaded_snapshot(small_scopes(), lambda _: QueueLoad(5, 41, 95))
RECOVERING = make_outage(
    state=OutageState.RECOVERING,
    lines=[],
    well_since_ms=AT_MS - 17 * MINUTE_MS,
    well_ms=17 * MINUTE_MS,
)
RESTORED = make_outage(
    id="S0002/call_center/1",
    contract="S0002",
    state=OutageState.NORMAL,
    restored_ms=AT_MS - HOUR_MS,
    closed_ms=AT_MS,
)


async def answer_of(snapshot: Snapshot, path: str) -> tuple[int, Any]:
    async with (
        serving(HandBoard(snapshot)) as server,
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}api/v1/{path}") as answer,
    ):
        return answer.status, msgspec.json.decode(await answer.read())


async def text_of(snapshot: Snapshot, tmp_path: Path, *, budget_ms: int = 3_000) -> str:
    """What stands on the page, without what is hidden; the figures go on meanwhile."""
    board = HandBoard(snapshot)

    async def go_on() -> None:
        while True:
            await asyncio.sleep(0.05)
            assert board.snapshot is not None
            board.snapshot = replace(board.snapshot, at_ms=board.snapshot.at_ms + 50)

    going_on = asyncio.create_task(go_on())
    async with serving(board) as server:
        dumped = await browse(server.url, tmp_path, "--dump-dom", budget_ms=budget_ms)
    going_on.cancel()
    dumped = re.sub(r"<noscript>.*?</noscript>", "", dumped, flags=re.DOTALL)
    dumped = re.sub(r'<(\w+)[^>]* hidden=""[^>]*>.*?</\1>', "", dumped, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", dumped))


async def test_outages_tell_all_that_is_known_and_what_is_left() -> None:
    _, body = await answer_of(watched(make_snapshot(), RECOVERING, RESTORED), "outages")
    assert body["at_ms"] == AT_MS
    open_one, over = body["outages"]
    assert (open_one["contract"], open_one["state"], open_one["is_open"]) == (
        "H0001",
        "recovering",
        True,
    )
    assert (open_one["onset_ms"], open_one["deadline_ms"]) == (ONSET_MS, DEADLINE_MS)
    assert open_one["remaining_ms"] == DEADLINE_MS - AT_MS
    assert open_one["well_lacking_ms"] == 43 * MINUTE_MS
    assert (open_one["restored_ms"], open_one["met_deadline"]) == (None, None)
    assert open_one["evidence"][0]["figures"]["waiting"] == 12
    assert "12 waiting" in open_one["evidence_words"]
    assert [step["kind"] for step in open_one["transitions"]] == [
        "opened",
        "recovering",
        "relapsed",
    ]
    assert (over["state"], over["is_open"], over["met_deadline"]) == ("restored", False, True)
    assert (over["remaining_ms"], over["restored_ms"]) == (None, AT_MS - HOUR_MS)


async def test_an_outage_tells_its_forecast_its_risks_and_what_speaks_for_which_cause() -> None:
    outage = make_outage(
        threat=make_threat(),
        risks=(Risk(1, "warning", ONSET_MS, AT_MS, "raised"), Risk(2, "critical", AT_MS)),
        baseline=Baseline("", 60),
        causes=make_causes(),
    )
    _, body = await answer_of(watched(make_snapshot(), outage, RESTORED), "outages")
    told, over = body["outages"]
    assert (told["threat"]["miss_ppm"], told["threat"]["p90_ms"]) == (789_999, None)
    assert (told["threat"]["told_ppm"], told["threat"]["low_since_ms"]) == (750_000, None)
    assert [one["until_ms"] for one in told["risks"]] == [AT_MS, None]
    assert told["baseline"] == {"scope": None, "agents": 60, "calls_per_hour": None}
    causes = told["causes"]
    assert (causes["at_ms"], causes["demand"]) == (AT_MS, None)
    assert causes["staffing"]["figures"]["agents_before"] == 60
    assert causes["staffing"]["signs"] == ["agents"]
    assert causes["staffing"]["words"].startswith("14 agents there, 60 before it began (23 %)")
    assert (over["causes"], over["baseline"], over["risks"]) == (None, None, [])


async def test_outages_are_filtered_by_contract() -> None:
    snapshot = watched(make_snapshot(), RECOVERING, RESTORED)
    _, body = await answer_of(snapshot, "outages?contract=S0002")
    assert [one["id"] for one in body["outages"]] == [RESTORED.id]
    _, body = await answer_of(snapshot, "outages?contract=none")
    assert body["outages"] == []
    status, body = await answer_of(snapshot, "outages?scope=x")
    assert status == 400
    assert "allowed: contract" in body["error"]


async def test_what_is_not_seen_is_blind_in_every_answer() -> None:
    snapshot = watched(QUIET, blind=("S0002",))
    _, body = await answer_of(snapshot, "verdicts?scope=contract/*&window=30m")
    states = {(one["scope"], one["state"]) for one in body["verdicts"]}
    assert states == {("contract/H0001", "met"), ("contract/S0002", "blind")}
    _, body = await answer_of(snapshot, "status")
    assert [one["blind_since_ms"] for one in body["contracts"]] == [None, AT_MS - 5 * MINUTE_MS]
    assert body["sources"][0]["is_seen"] is False


async def test_an_alert_about_an_outage_has_no_measure_but_a_notice() -> None:
    _, body = await answer_of(make_snapshot(alerts=(make_notice_alert(),)), "alerts")
    (alert,) = body["alerts"]
    assert [alert[name] for name in ("measure", "unit", "window", "value", "limit")] == [None] * 5
    assert alert["notice"]["deadline_ms"] == DEADLINE_MS
    assert alert["notice"]["what"] == "no call answered"


@pytest.mark.real
async def test_the_page_begins_with_the_outage_and_counts_down(tmp_path: Path) -> None:
    snapshot = replace(watched(QUIET, make_outage(relapses=1)), alerts=(make_notice_alert(),))
    text = await text_of(snapshot, tmp_path)
    assert "1 outage open" in text
    assert re.search(r"H0001: no call answered since \d\d:\d\d Outage, noticed at", text)
    assert "relapsed once" in text
    assert "12 waiting, 30 left unanswered" in text
    assert "Lines: pharmacy" in text
    assert re.search(r"\d\d:\d\d began .*noticed .*recovering .*relapsed", text)
    left = re.search(r"70:5(7|8):\d\d left to restore", text)
    assert left, text
    assert "Alerts (1) No call answered H0001 Firing, since" in text
    assert "to be missed" not in text
    assert "staffing" not in text


@pytest.mark.real
async def test_the_page_says_how_likely_the_deadline_is_missed_and_why(tmp_path: Path) -> None:
    outage = make_outage(threat=make_threat(), causes=make_causes())
    text = await text_of(watched(QUIET, outage), tmp_path)
    assert "78 % likely to be missed" in text
    assert re.search(r"Restored: 10 % by [^,]+, 50 % by [^,]+ · 31 more agents needed from", text)
    assert "demand not known staffing 14 agents there, 60 before it began (23 %)" in text
    assert "technology 2 of 96 calls cut off (2 %)" in text


@pytest.mark.real
async def test_a_recovery_says_how_much_longer_it_has_to_be_good(tmp_path: Path) -> None:
    text = await text_of(watched(QUIET, RECOVERING, RESTORED), tmp_path)
    assert re.search(r"Recovering since [^,]*, needs 43 more good minutes", text)
    assert text.count("left to restore") == 1


@pytest.mark.real
async def test_past_the_deadline_the_clock_counts_up(tmp_path: Path) -> None:
    late = watched(QUIET, make_outage(deadline_ms=AT_MS - HOUR_MS, is_missed=True))
    assert re.search(r"1:00:\d\d past the deadline to restore", await text_of(late, tmp_path))


@pytest.mark.real
async def test_what_cannot_be_seen_is_said_and_never_called_good(tmp_path: Path) -> None:
    text = await text_of(watched(QUIET, blind=("S0002",)), tmp_path)
    assert re.search(r"We cannot see S0002 since \d\d:\d\d: nothing is heard from pbx1\.", text)
    assert "What is seen meets all standards" in text
    assert "1 contract not seen" in text
    assert "All standards met" not in text
    assert "left to restore" not in text
    assert re.search(r"S0002 0:41 Not seen", text)
