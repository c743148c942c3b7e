"""A process that is killed, and a machine that loses power, lose nothing they acknowledged."""

import asyncio
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from monitor.store.store import Store

StartWriter = Callable[..., AbstractContextManager[subprocess.Popen[bytes]]]


def read_said(said: Path) -> tuple[dict[int, str], int]:
    """The records by id and the newest checkpoint that the writer acknowledged."""
    records: dict[int, str] = {}
    checkpoint = 0
    for line in said.read_text().splitlines(keepends=True):
        if not line.endswith("\n"):
            continue
        kind, number, *rest = line.split()
        if kind == "journal":
            records[int(number)] = rest[0]
        elif kind == "checkpoint":
            checkpoint = int(number)
    return records, checkpoint


async def assert_all_there(path: Path, records: dict[int, str], checkpoint: int) -> None:
    async with Store.open(path) as store:
        assert store.set_aside is None
        stored = {record.id: record.body.decode() for record in store.journal_after(0)}
        assert store.status.damaged_rows == 0
        assert list(stored) == list(range(1, len(stored) + 1))
        missing = {i: body for i, body in records.items() if stored.get(i) != body}
        assert not missing
        newest = store.load_checkpoint()
        assert store.status.damaged_checkpoints == 0
        assert (newest.journal_id if newest else 0) >= checkpoint
        if newest:
            assert newest.parts["state"].startswith(f"state at {newest.journal_id}".encode())
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_kill_9_at_any_instant_keeps_every_acknowledged_record(
    path: Path, tmp_path: Path, start_writer: StartWriter
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 (repeats the round)
    chance = random.Random(seed)
    records: dict[int, str] = {}
    newest = 0
    for n in range(25):
        said = tmp_path / f"said{n}"
        with start_writer(path, f"round{n}", said):
            time.sleep(chance.uniform(0, 0.25))
        more, checkpoint = read_said(said)
        records |= more
        newest = max(newest, checkpoint)
        if n % 5 == 4:
            asyncio.run(assert_all_there(path, records, newest))
    assert len(records) >= 25


@contextmanager
def mounted(image: Path, directory: Path) -> Iterator[Path]:
    """A file system image, mounted by a loop device; skips where that is not permitted."""
    directory.mkdir()
    done = subprocess.run(
        ["mount", "-o", "loop", str(image), str(directory)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"a loop device cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_a_power_cut_keeps_every_acknowledged_record(
    tmp_path: Path, start_writer: StartWriter
) -> None:
    """What an image holds at one instant is what a disk holds when the power goes."""
    if not shutil.which("mkfs.ext4"):
        pytest.skip("mkfs.ext4 is not installed")
    image = tmp_path / "disk.img"
    with image.open("wb") as blank:
        blank.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 (repeats the round)
    chance = random.Random(seed)
    with mounted(image, tmp_path / "disk") as disk:
        records: dict[int, str] = {}
        for n in range(3):
            said = tmp_path / f"said{n}"
            with start_writer(disk / "monitor.db", f"round{n}", said) as child:
                time.sleep(chance.uniform(0, 0.5))
                child.send_signal(signal.SIGSTOP)
                more, checkpoint = read_said(said)
                cut = tmp_path / f"cut{n}.img"
                shutil.copyfile(image, cut)
            records |= more
            with mounted(cut, tmp_path / f"cut{n}") as after:
                asyncio.run(assert_all_there(after / "monitor.db", records, checkpoint))
            # What the writer wrote after its last answer stays on the disk of the next round.
    assert records
