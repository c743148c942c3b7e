"""A disk that is full, locked or broken: wait while it passes, end when it cannot be trusted."""

import asyncio
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from monitor.store import schema
from monitor.store.errors import StoreError
from monitor.store.records import JournalRecord
from monitor.store.store import Store

SHIM = Path(__file__).with_name("failing_fsync.c")
StartWriter = Callable[..., AbstractContextManager[subprocess.Popen[bytes]]]


def record(n: int, size: int = 3_000) -> JournalRecord:
    return JournalRecord(n, "pbx1", "events", n, b"x" * size)


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        await asyncio.sleep(0.01)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "disk"
    directory.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(directory)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.decode().strip()}")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


async def test_a_full_disk_holds_the_callers_back_until_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    async with Store.open(small_disk / "monitor.db") as store:
        stored = 0

        async def fill() -> None:
            nonlocal stored
            while True:
                stored = await store.append([record(stored)])

        filling = asyncio.create_task(fill())
        await until(lambda: store.status.failing)
        assert stored > 20
        assert "SQLITE_FULL" in (store.status.last_error or "")
        assert store.status.failing_ms is not None
        acknowledged = stored
        assert len(list(store.journal_after(0))) == acknowledged
        ballast.unlink()
        await until(lambda: stored > acknowledged)
        filling.cancel()
        last_id = await store.append([record(0)])
        assert not store.status.failing
        counts = [r.count for r in store.journal_after(0)]
        assert counts == [*range(last_id - 1), 0]


async def limit_pages(store: Store, path: Path, *, full: bool) -> None:
    """Make SQLite itself say that the disk is full, on any machine."""
    with sqlite3.connect(path) as other:
        (pages,) = other.execute("PRAGMA page_count").fetchone()
    other.close()
    limit = pages if full else 2**30
    store._writer._connection.execute(f"PRAGMA max_page_count = {limit}").fetchone()


async def test_a_checkpoint_that_does_not_fit_is_given_up_and_holds_nobody_up(
    store: Store, path: Path
) -> None:
    await store.append([record(1)])
    await limit_pages(store, path, full=True)
    parts = {"state": bytes(range(256)) * 4_000}
    noise = {"state": b"".join(hash((n, "x")).to_bytes(8, "big", signed=True) for n in range(9999))}
    assert not await store.save_checkpoint(1, 1, "hash", noise)
    assert store.status.failing
    assert store.load_checkpoint() is None
    await limit_pages(store, path, full=False)
    assert await store.append([record(2)]) == 2
    assert not store.status.failing
    assert await store.save_checkpoint(2, 1, "hash", parts)
    checkpoint = store.load_checkpoint()
    assert checkpoint is not None
    assert checkpoint.parts == parts


async def test_a_store_that_closes_on_a_full_disk_tells_those_who_wait(path: Path) -> None:
    store = Store.open(path)
    await store.append([record(1)])
    await limit_pages(store, path, full=True)
    pending = [asyncio.create_task(store.append([record(n, 100_000)])) for n in range(3)]
    await until(lambda: store.status.failing)
    await store.close(flush_s=0.2)
    outcomes = await asyncio.gather(*pending, return_exceptions=True)
    assert all(isinstance(outcome, StoreError) for outcome in outcomes)
    async with Store.open(path) as again:
        assert [r.count for r in again.journal_after(0)] == [1]


async def test_a_lock_of_another_program_is_waited_out_while_the_loop_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_BUSY_TIMEOUT_S", 0.05)
    async with Store.open(path) as store:
        await store.append([record(1)])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        pending = [asyncio.create_task(store.append([record(n)])) for n in range(2, 12)]
        await until(lambda: store.status.failures_total >= 3)
        assert "SQLITE_BUSY" in (store.status.last_error or "")
        # The loop still turns and the readers still read.
        assert await store.recent_quarantine(1) == ()
        assert not any(task.done() for task in pending)
        other.execute("COMMIT")
        assert await asyncio.gather(*pending) == list(range(2, 12))
        assert not store.status.failing
        other.close()


async def test_the_loop_turns_while_the_writer_waits_for_a_lock(store: Store, path: Path) -> None:
    """With the full timeout of five seconds: were the loop waiting, the lock would never go."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    pending = asyncio.create_task(store.append([record(1)]))
    for _ in range(1_000):
        await asyncio.sleep(0)
    assert not pending.done()
    other.execute("COMMIT")
    assert await pending == 1
    other.close()


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to build the failing fsync with")
    library = tmp_path_factory.mktemp("shim") / "failing_fsync.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(library), str(SHIM), "-ldl"], check=True
    )
    return library


@pytest.mark.parametrize("suffix", ["-wal", ".db"])
def test_a_failed_fsync_ends_the_store_and_is_never_tried_again(
    shim: Path, path: Path, tmp_path: Path, start_writer: StartWriter, suffix: str
) -> None:
    """On the log it fails in a commit, on the database when the log is copied into it."""
    flag, log, said = tmp_path / "flag", tmp_path / "log", tmp_path / "said"
    with start_writer(
        path,
        "eio",
        said,
        LD_PRELOAD=str(shim),
        FAIL_SUFFIX=suffix,
        FAIL_FLAG=str(flag),
        FAIL_LOG=str(log),
    ) as child:
        flag.touch()
        child.wait(timeout=60)
    assert log.read_bytes() == b"x"
    lines = said.read_text().splitlines()
    assert lines[-1] == "again StoreError"
    assert "SQLITE_IOERR_FSYNC" in lines[-2]
    acknowledged = {
        int(line.split()[1]): line.split()[2] for line in lines if line.startswith("journal ")
    }
    stored, set_aside = asyncio.run(read_back(path))
    assert set_aside is None
    assert {i: body for i, body in acknowledged.items() if stored.get(i) != body} == {}


async def read_back(path: Path) -> tuple[dict[int, str], Path | None]:
    async with Store.open(path) as store:
        return {r.id: r.body.decode() for r in store.journal_after(0)}, store.set_aside
