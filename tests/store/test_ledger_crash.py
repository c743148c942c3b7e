"""A process that is killed leaves a ledger that is whole, complete and without anything twice."""

import random
import subprocess
import sys
import time
from pathlib import Path

from store.ledger_parts import BASE_MS, entry

from monitor.core.ledger_check import check
from monitor.store.ledger_file import LedgerFile

ROUNDS = 15
_SCRIPT = Path(__file__).with_name("busy_ledger.py")
_ROOT = Path(__file__).parents[2]


def killed_writer(path: Path, said: Path, live_s: float) -> None:
    """Let the writer append and kill it so long after its first answer."""
    with said.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, str(_SCRIPT), str(path)],
            stdout=out,
            env={"PYTHONPATH": f"{_ROOT}:{_ROOT / 'tests'}"},
        )
    try:
        deadline = time.monotonic() + 60
        while not said.stat().st_size:
            assert child.poll() is None, "the writer ended by itself"
            assert time.monotonic() < deadline, "the writer never wrote"
            time.sleep(0.01)
        time.sleep(live_s)
        assert child.poll() is None, "the writer ended by itself"
    finally:
        child.kill()
        child.wait()


def test_kill_9_at_any_instant_keeps_every_acknowledged_entry_once(
    path: Path, tmp_path: Path
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 (repeats the round)
    chance = random.Random(seed)
    acknowledged: set[str] = set()
    hashes: list[str] = []
    for n in range(ROUNDS):
        said = tmp_path / f"said{n}"
        killed_writer(path, said, chance.uniform(0, 0.25))
        acknowledged.update(line for line in said.read_text().split("\n")[:-1])
        with LedgerFile(path) as file:
            rows = list(file.rows())
            checked = check(rows, file.head)
        assert checked.bad is None
        keys = [row.key for row in rows]
        assert len(set(keys)) == len(keys)
        assert acknowledged <= set(keys)
        # What was there after the kill before is there still.
        assert [row.hash for row in rows[: len(hashes)]] == hashes
        hashes = [row.hash for row in rows]
        for row in rows:
            number = int(row.key.removeprefix("test/"))
            assert (row.at_ms, row.content) == (BASE_MS + number * 1_000, entry(number).body)
    assert len(acknowledged) > ROUNDS
