"""Scrapes: the forms, the shared work, and readers that do not read."""

import asyncio
import gzip
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from real_parts import free_port, prometheus, wait_until_async
from snapshots import AT_MS, make_scopes, make_snapshot, many_scopes
from web_parts import HandBoard, port_of, serving

from monitor.core.daemon import DaemonView
from monitor.core.snapshot import Snapshot
from monitor.sinks.prometheus import Exposition
from monitor.web import scrape
from monitor.web.scrape import MetricsPage

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


async def test_text_openmetrics_and_gzip_say_the_same() -> None:
    board = HandBoard(make_snapshot())
    async with serving(board) as server, aiohttp.ClientSession(auto_decompress=False) as session:
        url = f"{server.url}metrics"
        async with session.get(url, headers={"Accept-Encoding": "identity"}) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert "Content-Encoding" not in answer.headers
            text = await answer.text()
        async with session.get(url, headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(await answer.read()).decode() == text
        headers = OPENMETRICS | {"Accept-Encoding": "gzip"}
        async with session.get(url, headers=headers) as answer:
            expected = "application/openmetrics-text; version=1.0.0; charset=utf-8"
            assert answer.headers["Content-Type"] == expected
            openmetrics = gzip.decompress(await answer.read()).decode()
    samples = [list(family.samples) for family in parse_text(text)]
    others = [list(family.samples) for family in parse_openmetrics(openmetrics)]  # type: ignore[no-untyped-call]
    # A family without samples is told by one of the parsers and passed over by the other.
    assert repr([found for found in samples if found]) == repr([found for found in others if found])


async def test_figures_of_the_daemon_go_on_while_no_snapshot_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board = HandBoard(make_snapshot())
    async with serving(board) as server, aiohttp.ClientSession() as session:

        async def conflicts() -> str:
            async with session.get(f"{server.url}metrics") as answer:
                lines = (await answer.text()).splitlines()
            name = "callcenter_monitor_ledger_conflicts_total "
            return next(line for line in lines if line.startswith(name)).removeprefix(name)

        monkeypatch.setattr(scrape, "_FRESH_S", 1e9)
        assert await conflicts() == "0"
        board.daemon = replace(board.daemon, ledger_conflicts=3)
        # One body serves all who ask at about the same time.
        assert await conflicts() == "0"
        monkeypatch.setattr(scrape, "_FRESH_S", 0.0)
        board.snapshot = make_snapshot()
        assert await conflicts() == "3"
        board.daemon = replace(board.daemon, ledger_conflicts=4)
        assert await conflicts() == "4"


async def test_head_has_the_headers_of_get_and_no_body() -> None:
    async with (
        serving(HandBoard(make_snapshot())) as server,
        aiohttp.ClientSession() as session,
        session.head(f"{server.url}metrics", headers={"Accept-Encoding": "identity"}) as answer,
    ):
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) > 1000
        assert await answer.read() == b""


async def test_many_scrapes_of_one_snapshot_are_one_rendering() -> None:
    exposition = Exposition()
    rendered: list[bool] = []

    def render(
        snapshot: Snapshot | None, daemon: DaemonView, *, openmetrics: bool
    ) -> Iterator[list[bytes]]:
        rendered.append(openmetrics)
        yield from exposition.render_slices(snapshot, daemon, openmetrics=openmetrics)

    board = HandBoard(make_snapshot(many_scopes(500)))
    async with serving(board, render=render) as server, aiohttp.ClientSession() as session:

        async def scrape() -> bytes:
            async with session.get(f"{server.url}metrics") as answer:
                return await answer.read()

        assert len(set(await asyncio.gather(*[scrape() for _ in range(20)]))) == 1
        assert rendered == [False]
        board.snapshot = make_snapshot(waiting=make_snapshot().waiting + 1)
        assert b'callcenter_calls_waiting{scope="queue",queue="rx"} 1' in await scrape()
        assert rendered == [False, False]


async def test_a_reader_that_goes_away_does_not_end_the_work_for_the_others() -> None:
    board = HandBoard(make_snapshot(many_scopes(2_000)))
    async with serving(board) as server, aiohttp.ClientSession() as session:
        url = f"{server.url}metrics"
        impatient = asyncio.create_task(session.get(url))
        patient = asyncio.create_task(session.get(url))
        await asyncio.sleep(0)
        impatient.cancel()
        async with await patient as answer:
            assert (await answer.text()).count("\n") > 100_000


async def test_slow_readers_leave_the_others_alone() -> None:
    board = HandBoard(make_snapshot(many_scopes(1_000)))
    async with serving(board) as server, aiohttp.ClientSession() as session:
        port = port_of(server)
        sleepers = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
        for sleeper in sleepers:
            sleeper.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for number in range(5):
            board.snapshot = make_snapshot(board.snapshot.scopes, at_ms=AT_MS + number)  # type: ignore[union-attr]
            async with asyncio.timeout(30), session.get(f"{server.url}metrics") as answer:
                assert answer.status == 200
                await answer.read()
        for sleeper in sleepers:
            sleeper.close()


async def test_more_scrapes_at_once_than_allowed_are_turned_away() -> None:
    board = HandBoard(make_snapshot())
    page = MetricsPage(board, Exposition().render_slices, max_readers=0)
    with pytest.raises(aiohttp.web.HTTPServiceUnavailable):
        await page.answer(None)  # type: ignore[arg-type]
    page.close()


async def test_a_reader_that_never_reads_is_cut_off() -> None:
    board = HandBoard(make_snapshot(many_scopes(2_000)))
    page = MetricsPage(board, Exposition().render_slices, timeout_s=0.2)
    app = aiohttp.web.Application()
    app.router.add_get("/metrics", page.answer)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", port).start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await writer.drain()
    async with asyncio.timeout(20):
        await reader.readexactly(1)
        await wait_until_async(lambda: page._readers == 0, 15.0, "the reader to be cut off")
    writer.close()
    page.close()
    await runner.cleanup()


async def test_the_loop_stays_free_while_thousands_of_queues_are_scraped() -> None:
    """Measured in turns of the loop, not in time, so that a slow machine passes, too."""
    board = HandBoard(make_snapshot(many_scopes(2_000)))
    async with serving(board) as server, aiohttp.ClientSession() as session:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        turning = asyncio.create_task(turn())
        async with session.get(f"{server.url}metrics") as answer:
            await answer.read()
        turning.cancel()
        assert turns > 20


@pytest.mark.real
async def test_the_real_prometheus_reads_it(tmp_path: Path) -> None:
    hostile = ('quote " \\', "two\nlines", "lone \ud800", "\u202eturned")
    scopes = make_scopes({("H1", "member"): ("en", *hostile)})
    board = HandBoard(make_snapshot(scopes, waiting=make_snapshot(scopes).waiting + 3))
    async with serving(board) as server:
        port = port_of(server)
        with prometheus(tmp_path, [f"127.0.0.1:{port}"]) as reader:
            found: list[dict[str, Any]] = []
            async with asyncio.timeout(60):
                while not found:
                    await asyncio.sleep(0.1)
                    expr = 'callcenter_calls_waiting{scope="queue"}'
                    found = await asyncio.to_thread(reader.query, expr)
    waiting = {row["metric"].get("queue", ""): row["value"][1] for row in found}
    expected = {"en", *hostile[:2], "lone \ufffdd800", hostile[3], "", "unconfigured"}
    assert waiting == dict.fromkeys(expected, "3")
