"""The page in a real browser: what a supervisor reads in each state."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from snapshots import AT_MS, QueueLoad, loaded_snapshot, make_alert, make_snapshot, small_scopes
from web_parts import HandBoard, browse, make_daemon, serving

from monitor.core.snapshot import Snapshot, SourceView

pytestmark = pytest.mark.real

QUIET = QueueLoad(5, 41, 95)
BAD = QueueLoad(5, 244, 38, disconnected_percent=9, waiting=37, longest_wait_ms=811_000)


def snapshot_of(load: QueueLoad, **given: Any) -> Snapshot:  # noqa: ANN401 (of a snapshot)
    return loaded_snapshot(small_scopes(), lambda _: load, **given)


async def text_of(board: HandBoard, tmp_path: Path, *, budget_ms: int = 4_000) -> str:
    """What stands on the page, without what is hidden; the figures go on meanwhile."""

    async def go_on() -> None:
        while True:
            await asyncio.sleep(0.05)
            if board.snapshot is not None:
                board.snapshot = replace(board.snapshot, at_ms=board.snapshot.at_ms + 50)

    going_on = asyncio.create_task(go_on())
    async with serving(board) as server:
        dumped = await browse(server.url, tmp_path, "--dump-dom", budget_ms=budget_ms)
    going_on.cancel()
    dumped = re.sub(r"<noscript>.*?</noscript>", "", dumped, flags=re.DOTALL)
    dumped = re.sub(r'<(\w+)[^>]* hidden=""[^>]*>.*?</\1>', "", dumped, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", dumped))


async def test_a_normal_night_is_calm(tmp_path: Path) -> None:
    text = await text_of(HandBoard(snapshot_of(QUIET)), tmp_path)
    assert "All standards met in the last 30 minutes" in text
    assert "Breached" not in text
    assert re.search(r"Average hold Met 0:41 at most 2:00 Over 876 answered calls", text)
    assert "No open alerts." in text
    assert "pbx1 connected" in text
    assert "cannot see" not in text


async def test_a_breach_says_what_where_since_when_and_against_which_limit(tmp_path: Path) -> None:
    board = HandBoard(
        snapshot_of(
            BAD,
            alerts=(make_alert(breached_ms=AT_MS - 1_020_000),),
            agents={"available": 0, "busy": 31},
        )
    )
    text = await text_of(board, tmp_path)
    assert "Breached in the last 30 minutes: average hold, service level, disconnects" in text
    assert "1 alert firing" in text
    assert "Average hold Breached 4:04 at most 2:00" in text
    assert "Alerts (1) Average hold 3:35 member-services, H0001 Firing, breached since" in text
    assert "(17 min ago)" in text
    assert "Longest wait 13:31" in text
    assert re.search(r"rx 4:04 Breached", text)


async def test_a_good_whole_does_not_hide_a_line_that_is_breached(tmp_path: Path) -> None:
    busy = QueueLoad(90, 20, 97)
    board = HandBoard(loaded_snapshot(small_scopes(), lambda queue: BAD if queue == "rx" else busy))
    text = await text_of(board, tmp_path)
    assert "Breached on 1 line in the last 30 minutes, not over all" in text
    assert "All standards met" not in text


async def test_a_limit_that_is_just_missed_is_not_rounded_onto(tmp_path: Path) -> None:
    board = HandBoard(snapshot_of(QueueLoad(5, 120.2, 80)))
    assert "Average hold Breached 2:00.2 at most 2:00" in await text_of(board, tmp_path)


async def test_a_source_that_is_gone_is_said_at_the_top(tmp_path: Path) -> None:
    board = HandBoard(
        snapshot_of(QUIET, sources=(SourceView("pbx2", AT_MS - 600_000, 17, 3),)),
        make_daemon(sources_up={"pbx2": False}),
    )
    text = await text_of(board, tmp_path)
    assert "We cannot see pbx2: not connected." in text
    assert "not connected · last event 10 min ago · 17 events · 3 never came" in text


async def test_without_calls_nothing_is_judged(tmp_path: Path) -> None:
    text = await text_of(HandBoard(make_snapshot()), tmp_path)
    assert "Too few calls in the last 30 minutes to judge" in text
    assert text.count("No calls in this window.") == 3


async def test_before_the_first_figures_the_page_says_why(tmp_path: Path) -> None:
    text = await text_of(HandBoard(reasons=["restoring from the store"]), tmp_path)
    assert "Not ready: restoring from the store." in text
    assert "No figures yet: the monitor is starting." in text


async def test_figures_that_stand_still_are_called_so(tmp_path: Path) -> None:
    board = HandBoard(snapshot_of(QUIET))
    async with serving(board) as server:
        text = await browse(server.url, tmp_path, "--dump-dom", budget_ms=9_000)
    assert re.search(r"The figures stand still at \d\d:\d\d:\d\d\.", text)
    assert '<body class="stale">' in text


async def test_text_from_outside_never_becomes_markup(tmp_path: Path) -> None:
    attack = "<img src=x onerror=\"document.title='owned'\">"
    alerts = (make_alert(rule=attack, scope=f"queue/{attack}", severity=attack),)
    board = HandBoard(
        snapshot_of(BAD, organization=attack, alerts=alerts, sources=(SourceView(attack, 1, 1, 0),))
    )
    async with serving(board) as server:
        dumped = await browse(server.url, tmp_path, "--dump-dom")
    assert "<img" not in dumped
    assert "&lt;img src=x" in dumped
    assert "<title>owned" not in dumped
