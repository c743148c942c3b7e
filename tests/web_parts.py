"""A web server on a free port with a board made by hand, and a browser to look at it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from real_parts import find_program
from snapshots import AT_MS, verdicts_of

from monitor.core.daemon import DaemonView
from monitor.core.snapshot import Snapshot
from monitor.sinks.prometheus import Exposition
from monitor.web.server import WebServer
from monitor.web.settings import WebSettings

BROWSER_WITHIN_S = 60.0


def make_daemon(**given: Any) -> DaemonView:  # noqa: ANN401 (any attribute of a view)
    """A daemon of one connected source."""
    values: dict[str, Any] = {
        "version": "0.1.0",
        "started_ms": AT_MS - 3_600_000,
        "sources_up": {"pbx1": True},
    }
    return DaemonView(**(values | given))


@dataclass
class HandBoard:
    """A board on which a test hangs what it likes."""

    snapshot: Snapshot | None = None
    daemon: DaemonView = field(default_factory=make_daemon)
    reasons: list[str] = field(default_factory=list)
    faults: Sequence[str] = ()
    reloads: int = 0
    reloaded_by: str | None = None

    def readiness(self) -> list[str]:
        return self.reasons

    async def reload(self, user: str | None) -> Sequence[str]:
        self.reloads += 1
        self.reloaded_by = user
        return self.faults


@asynccontextmanager
async def serving(
    board: HandBoard,
    settings: WebSettings | None = None,
    **given: Any,  # noqa: ANN401 (any part of the server)
) -> AsyncIterator[WebServer]:
    """A running server; `given` replaces its parts."""
    parts: dict[str, Any] = {
        "render": Exposition().render_slices,
        "verdicts_of": verdicts_of,
        "readiness": board.readiness,
        "reload": board.reload,
    }
    server = WebServer(settings or WebSettings(port=0), board, **(parts | given))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def port_of(server: WebServer) -> int:
    """The port on which it listens."""
    return int(server.url.rstrip("/").rpartition(":")[2])


async def browse(url: str, profile: Path, *arguments: str, budget_ms: int = 4_000) -> str:
    """Let a headless Chromium load the page; return what it printed."""
    program = find_program("chromium")
    process = await asyncio.create_subprocess_exec(
        program,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
        f"--virtual-time-budget={budget_ms}",
        *arguments,
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(BROWSER_WITHIN_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return output.decode()
