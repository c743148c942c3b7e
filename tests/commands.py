"""The commands, run as an operator runs them: each in a process of its own, told by signals."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from real_parts import wait_until

ROOT = Path(__file__).parent.parent
RUNS_WITHIN_S = 120.0
ANSWERS_WITHIN_S = 60.0

# A is answered after 10 s, B gives up after 10 s, C is answered after 50 s and then cut off, and D
# waits.
RECORDING = [
    ("call.started", "A", "15:00:00", {}),
    ("call.queued", "A", "15:00:05", {"queue": "members"}),
    ("call.answered", "A", "15:00:15", {"queue": "members"}),
    ("call.started", "B", "15:01:00", {}),
    ("call.queued", "B", "15:01:00", {"queue": "members"}),
    ("call.abandoned", "B", "15:01:10", {"queue": "members"}),
    ("call.started", "C", "15:02:00", {}),
    ("call.queued", "C", "15:02:00", {"queue": "members"}),
    ("call.answered", "C", "15:02:50", {"queue": "members"}),
    ("call.completed", "A", "15:03:00", {"queue": "members"}),
    ("call.disconnected", "C", "15:04:00", {"queue": "members"}),
    ("call.started", "D", "15:05:00", {}),
    ("call.queued", "D", "15:05:00", {"queue": "members"}),
]


def arguments(*given: str | Path) -> list[str]:
    return [sys.executable, "-m", "monitor", *map(str, given)]


def environment(**more: str) -> dict[str, str]:
    """Ours without what would change the commands' behaviour."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CALLCENTER_")}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def run(*given: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments(*given),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=RUNS_WITHIN_S,
        env=environment(),
        check=False,
    )


def write_recording(path: Path) -> Path:
    lines = [
        json.dumps(
            {"v": 1, "type": kind, "source": "pbx1", "ts": f"2026-03-02T{at}Z", "call_id": call}
            | more
        )
        for kind, call, at, more in RECORDING
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


class Command:
    """A command that runs until it is told to end; what it says is read while it runs."""

    def __init__(self, given: Sequence[str | Path], folder: Path) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir(parents=True)
        self._process = subprocess.Popen(
            arguments(*given),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(TMPDIR=str(self.temporary)),
        )
        self._said: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._readers = [
            threading.Thread(target=self._read, args=(name,), daemon=True) for name in self._said
        ]
        for reader in self._readers:
            reader.start()

    @property
    def stdout(self) -> str:
        return "".join(self._said["stdout"])

    @property
    def stderr(self) -> str:
        return "".join(self._said["stderr"])

    @property
    def children(self) -> list[int]:
        """Process ids of what it has started."""
        pid = self._process.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def url(self) -> str:
        """The address of the page, once it is said."""

        def said() -> bool:
            assert self._process.poll() is None, self.stderr
            return re.search(r"http://127\.0\.0\.1:\d+/\s", self.stderr) is not None

        wait_until(said, ANSWERS_WITHIN_S, "the address of the page")
        found = re.search(r"http://127\.0\.0\.1:\d+/", self.stderr)
        assert found is not None
        return found[0]

    def tell(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end; its exit code."""
        self._process.send_signal(number)
        code = self._process.wait(ANSWERS_WITHIN_S)
        for reader in self._readers:
            reader.join()
        return code

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _read(self, name: str) -> None:
        for line in getattr(self._process, name):
            self._said[name].append(line)


@contextmanager
def running(folder: Path, *given: str | Path) -> Iterator[Command]:
    command = Command(given, folder)
    try:
        yield command
    finally:
        command.kill()


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10.0) as answer:
        body: bytes = answer.read()
    return body.decode()


def is_ready(url: str) -> bool:
    try:
        return fetch(f"{url}-/ready") == "ready\n"
    except OSError:
        return False


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
