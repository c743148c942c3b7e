"""A store in a fresh directory, a child process that writes, and nothing left running."""

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from monitor.store.store import Store

StartWriter = Callable[..., AbstractContextManager[subprocess.Popen[bytes]]]

_SCRIPT = Path(__file__).with_name("busy_writer.py")
_ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "monitor.db"


@pytest_asyncio.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    opened = Store.open(path)
    yield opened
    await opened.close()


@contextmanager
def _writing(
    path: Path, name: str, said: Path, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    with said.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, str(_SCRIPT), str(path), name],
            stdout=out,
            env={"PYTHONPATH": str(_ROOT), **environment},
        )
    try:
        deadline = time.monotonic() + 60
        while not said.stat().st_size:
            assert child.poll() is None, "the writer ended by itself"
            assert time.monotonic() < deadline, "the writer never wrote"
            time.sleep(0.01)
        yield child
    finally:
        child.kill()
        child.wait()


@pytest.fixture
def start_writer() -> StartWriter:
    """Runs `busy_writer.py` on a database; entered once it has acknowledged something.

    Called with the database, a name for the bodies, the file for what the child says, and
    variables for its environment. The child is killed at the end of the context.
    """
    return _writing
