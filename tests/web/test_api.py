"""What the JSON API, readiness and reload answer."""

import math
from typing import Any

import aiohttp
import msgspec
import pytest
from snapshots import (
    AT_MS,
    QueueLoad,
    loaded_snapshot,
    make_alert,
    make_snapshot,
    small_scopes,
    verdicts_of,
)
from web_parts import HandBoard, make_daemon, serving

from monitor.core.fields import FIELDS, HOLD_BIN
from monitor.core.snapshot import AlertState
from monitor.core.standards import Measure

BUSY = loaded_snapshot(small_scopes(), lambda _: QueueLoad(4, 50, 80, waiting=2, longest_wait_ms=9))


async def answer_of(board: HandBoard, path: str) -> tuple[int, Any]:
    async with (
        serving(board) as server,
        aiohttp.ClientSession() as session,
        session.get(server.url + path) as answer,
    ):
        return answer.status, msgspec.json.decode(await answer.read())


async def test_windows_tell_the_arrays() -> None:
    _, body = await answer_of(HandBoard(BUSY), "api/v1/windows")
    assert body["at_ms"] == AT_MS
    rows = body["windows"]
    assert len(rows) == len(BUSY.scopes) * len(BUSY.windows_ms)
    labels = ["1m", "5m", "15m", "30m", "1h", "24h"]
    for row in rows:
        scope = next(scope for scope in BUSY.scopes if scope.name == row["scope"])
        window = labels.index(row["window"])
        counts = BUSY.counts[window, scope.row].tolist()
        assert [row[name] for name in FIELDS[:HOLD_BIN]] == counts[:HOLD_BIN]
        level = float(BUSY.service_level[window, scope.row])
        assert row["service_level_ratio"] == (None if math.isnan(level) else level)
        state = int(BUSY.verdicts[1, window, scope.row])
        assert row["verdicts"]["service_level"] == ("insufficient", "met", "breached")[state]


async def test_no_data_is_null_and_never_a_number() -> None:
    _, body = await answer_of(HandBoard(make_snapshot()), "api/v1/windows?scope=organization")
    for row in body["windows"]:
        for name in ("average_hold_seconds", "service_level_ratio", "disconnect_ratio_high"):
            assert row[name] is None
        assert row["longest_wait_ms"] is None


@pytest.mark.parametrize(
    ("query", "scopes"),
    [
        ("scope=organization", {"organization"}),
        ("scope=contract/*&scope=site/*", {"contract/H0001", "contract/S0002", "site/Fresno"}),
        ("under=line/H0001/pharmacy", {"queue/rx"}),
        ("under=line/S0002/member-services", {"queue/pdp", "queue/member-es"}),
        ("under=", {"queue/", "queue/unconfigured"}),
        ("under=line/H0001/pharmacy&scope=queue/p*", {"queue/rx", "queue/pdp"}),
        ("scope=nothing", set()),
    ],
)
async def test_filters_choose_scopes(query: str, scopes: set[str]) -> None:
    for path in ("windows", "verdicts"):
        status, body = await answer_of(HandBoard(BUSY), f"api/v1/{path}?window=5m&{query}")
        assert status == 200
        assert {row["scope"] for row in body[path]} == scopes
        assert all(row["window"] == "5m" for row in body[path])


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("windows?window=7m", "none of 1m, 5m"),
        ("windows?windw=5m", "no filter here"),
        ("status?scope=x", "no filter here"),
        ("alerts?state=loud", "none of pending"),
        ("verdicts?" + "&".join(["scope=x"] * 65), "at most 64"),
    ],
)
async def test_a_wrong_filter_is_told(path: str, word: str) -> None:
    status, body = await answer_of(HandBoard(BUSY), f"api/v1/{path}")
    assert status == 400
    assert word in body["error"]


async def test_verdicts_explain_themselves() -> None:
    path = "api/v1/verdicts?scope=contract/H0001&window=1h"
    _, body = await answer_of(HandBoard(BUSY), path)
    row = next(scope.row for scope in BUSY.scopes if scope.name == "contract/H0001")
    expected = [verdict for verdict in verdicts_of(BUSY, row) if verdict.window_ms == 3_600_000]
    assert [verdict["measure"] for verdict in body["verdicts"]] == list(Measure)
    for told, verdict in zip(body["verdicts"], expected, strict=True):
        assert told["state"] == verdict.state.name.lower()
        assert (told["value"], told["limit"]) == (verdict.value, verdict.limit)
        assert (told["numerator"], told["denominator"]) == (verdict.numerator, verdict.denominator)
        assert told["interval"] == (list(verdict.interval) if verdict.interval else None)
        assert told["clause"] == verdict.clause


async def test_alerts_come_with_the_loudest_first() -> None:
    alerts = (
        make_alert(key="a", state=AlertState.RESOLVED, resolved_ms=AT_MS),
        make_alert(key="b", state=AlertState.PENDING, fired_ms=None, value=None),
        make_alert(key="c", breached_ms=AT_MS - 1),
        make_alert(key="d", breached_ms=AT_MS - 2),
    )
    board = HandBoard(make_snapshot(alerts=alerts))
    _, body = await answer_of(board, "api/v1/alerts")
    assert [alert["key"] for alert in body["alerts"]] == ["d", "c", "b", "a"]
    assert body["alerts"][2]["value"] is None
    _, body = await answer_of(board, "api/v1/alerts?state=pending&state=resolved")
    assert [alert["key"] for alert in body["alerts"]] == ["b", "a"]


async def test_status_tells_the_whole_at_a_glance() -> None:
    daemon = make_daemon(sources_up={"pbx1": False}, quarantined={"not_json": 1})
    snapshot = make_snapshot(agents={"busy": 2}, alerts=(make_alert(),), discards={"bad_time": 1})
    _, body = await answer_of(
        HandBoard(snapshot, daemon, ["pbx1: not connected yet"]), "api/v1/status"
    )
    assert body["at_ms"] == AT_MS
    assert body["organization"] == "Example Health"
    assert body["not_ready"] == ["pbx1: not connected yet"]
    assert body["sources"][0]["is_connected"] is False
    assert body["alerts"] == {"pending": 0, "firing": 1, "resolved": 0}
    assert body["scopes"]["queue"] == 6
    assert (body["agents"], body["discards"]) == ({"busy": 2}, {"bad_time": 1})


async def test_before_the_first_snapshot_only_the_status_answers() -> None:
    status, body = await answer_of(HandBoard(), "api/v1/status")
    assert (status, body["at_ms"]) == (200, None)
    for path in ("windows", "verdicts", "alerts"):
        status, body = await answer_of(HandBoard(), f"api/v1/{path}")
        assert status == 503
        assert "starting" in body["error"]


async def test_readiness_gives_its_reasons() -> None:
    board = HandBoard(reasons=["restoring", "pbx1: not connected yet"])
    async with serving(board) as server, aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}-/ready") as answer:
            assert answer.status == 503
            assert await answer.text() == "restoring\npbx1: not connected yet\n"
        board.reasons = []
        async with session.get(f"{server.url}-/ready") as answer:
            assert (answer.status, await answer.text()) == (200, "ready\n")


async def test_reload_lists_the_faults_of_the_configuration() -> None:
    board = HandBoard(faults=["monitor.yaml:3: standard: is unknown"])
    async with serving(board) as server, aiohttp.ClientSession() as session:
        async with session.post(f"{server.url}-/reload") as answer:
            assert answer.status == 422
            assert await answer.text() == "monitor.yaml:3: standard: is unknown\n"
        board.faults = []
        async with session.post(f"{server.url}-/reload") as answer:
            assert answer.status == 200
    assert board.reloads == 2


async def test_routes_of_other_parts_stand_behind_the_same_gate() -> None:
    async def take(request: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.Response(text=str(len(await request.read())))

    routes = [aiohttp.web.post("/api/v1/events/{source}", take)]
    async with (
        serving(HandBoard(), extra_routes=routes) as server,
        aiohttp.ClientSession() as session,
    ):
        url = f"{server.url}api/v1/events/pbx1"
        async with session.post(url, data=b"{}") as answer:
            assert await answer.text() == "2"
        async with session.post(url, data=b"{}", headers={"Via": "1.1 proxy"}) as answer:
            assert answer.status == 403
