"""The daemon in a process of its own, and what the system says of that process."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import real_parts
import yaml
from workload import LINES_A_CONTRACT, QUEUES_A_LINE, SOURCE, queue_name

_ROOT: Final = Path(__file__).resolve().parents[2]
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
BROKER_SETTINGS: Final = "max_queued_messages 0\npersistence false\nlog_type error\n"


def cpu_s(pid: int) -> float:
    """CPU time of a process with all its threads so far, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def peak_mb(pid: int | str = "self") -> float:
    """The most memory that a process has held, MB."""
    return _status_mb(pid, "VmHWM:")


def resident_mb(pid: int | str = "self") -> float:
    """The memory that a process holds now, MB."""
    return _status_mb(pid, "VmRSS:")


def _status_mb(pid: int | str, key: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(key))


def write_config(folder: Path, broker_port: int, queues: int) -> Path:
    """Write the configuration of a daemon with so many queues; return its path."""
    keys = [queue_name(index) for index in range(queues)]
    lines = [
        {"name": f"line-{at}", "kind": "current-enrollee", "queues": keys[at : at + QUEUES_A_LINE]}
        for at in range(0, queues, QUEUES_A_LINE)
    ]
    contracts = [
        {"id": f"H{at:04d}", "name": f"Plan {at}", "lines": lines[at : at + LINES_A_CONTRACT]}
        for at in range(0, len(lines), LINES_A_CONTRACT)
    ]
    port = real_parts.free_port()
    config = {
        "organization": "Example Health",
        "contracts": contracts,
        "sources": [
            {
                "name": SOURCE,
                "format": "normalized",
                "mqtt": {"url": f"mqtt://127.0.0.1:{broker_port}"},
            }
        ],
        "store": {"path": str(folder / "monitor.db")},
        "http": {"listen": f"127.0.0.1:{port}"},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


class Daemon:
    """A running daemon.

    Attributes:
        pid: Its process id.
        url: Of its page.
        store: The path of its store.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", config: dict[str, Any]) -> None:
        self._process = process
        self.pid = process.pid
        self.url = f"http://{config['http']['listen']}"
        self.store = config["store"]["path"]

    def is_ready(self) -> bool:
        """Whether it says so."""
        assert self._process.poll() is None, "the daemon has ended"
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def status(self) -> Any:  # noqa: ANN401 (JSON)
        """The whole at a glance."""
        with urllib.request.urlopen(f"{self.url}/api/v1/status", timeout=30) as answer:
            return json.load(answer)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()


@contextmanager
def running(config: Path, *command: str) -> Iterator[Daemon]:
    """Run the daemon until the end of the block; it is ready at the beginning.

    Args:
        config: Its configuration.
        command: What to start it with; `python -m monitor run --config` by default.
    """
    arguments = command or (sys.executable, "-m", "monitor", "run", "--config", str(config))
    log_path = config.parent / "daemon.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(arguments, cwd=_ROOT, stdout=log, stderr=log)
    daemon = Daemon(process, yaml.safe_load(config.read_text()))
    try:
        try:
            real_parts.wait_until(daemon.is_ready, 300, "the daemon")
        except (AssertionError, TimeoutError) as fault:
            raise RuntimeError(f"{fault}; its log:\n{log_path.read_text()[-2000:]}") from fault
        yield daemon
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
