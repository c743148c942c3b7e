"""Real programs for the tests: mosquitto, Prometheus and Alertmanager on loopback.

What the daemon speaks to is started for real, from the installed packages, because a stand-in
proves only what its author believed of the real one. Each program gets a free port, its own
directory below the test's ``tmp_path`` and a log file there; readiness is polled up to a deadline,
and when it does not come the error carries the end of that log. A program is always ended by its
own process id.

A missing program skips the test with its reason, except where the environment variable ``CI`` is
set: there it fails, so that a runner without the packages cannot pass by proving nothing.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

READY_WITHIN_S = 20.0
"""How long a program may take until it answers; generous, for a loaded machine."""

STOP_WITHIN_S = 10.0
"""How long a program may take to end after SIGTERM before it is killed."""

POLL_EVERY_S = 0.02

DEFAULT_ALERTMANAGER_CONFIG = """\
route:
  receiver: nowhere
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: nowhere
"""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until(predicate: Callable[[], object], timeout_s: float, what: str) -> None:
    """Poll ``predicate`` until it is true.

    Args:
        predicate: asked again and again; what it raises is not caught.
        timeout_s: seconds after which the wait is given up.
        what: what is waited for, for the error's text.

    Raises:
        TimeoutError: it did not become true in time.
    """
    deadline_s = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {timeout_s} s in vain for: {what}")
        time.sleep(POLL_EVERY_S)


async def wait_until_async(predicate: Callable[[], object], timeout_s: float, what: str) -> None:
    """Do as `wait_until`, and let the event loop run meanwhile; the predicate must not block."""
    deadline_s = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {timeout_s} s in vain for: {what}")
        await asyncio.sleep(POLL_EVERY_S)


def find_program(name: str) -> str:
    """Return the path of a program; skip the test (in CI: fail it) when it is missing."""
    # mosquitto lives in /usr/sbin, which is not on everybody's PATH.
    search_path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=search_path)
    if found is not None:
        return found
    reason = f"the program {name!r} is not installed, and this test speaks to the real one"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _answers_http(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2.0) as answer:
            status: int = answer.status
            return status == 200
    except (urllib.error.URLError, OSError):
        return False


def _accepts_tcp(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0):
            return True
    except OSError:
        return False


class RealProgram:
    """One program under a test's control; it can be stopped, killed and started again.

    Attributes:
        name: the program's name, for messages.
        port: the TCP port of 127.0.0.1 it listens on, the same after every start.
        url: where to reach it.
        log_path: file with everything it printed, over all its starts.
    """

    def __init__(
        self,
        *,
        name: str,
        command: Sequence[str],
        port: int,
        url: str,
        log_path: Path,
        is_ready: Callable[[], bool],
    ) -> None:
        self.name = name
        self.port = port
        self.url = url
        self.log_path = log_path
        self._command = list(command)
        self._is_ready = is_ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running program."""
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the program was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the program and wait until it answers.

        Raises:
            RuntimeError: it ended, or did not answer in time; the text holds the end of its log.
        """
        assert not self.is_running, f"{self.name} runs already"
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            wait_until(self._is_ready_or_ended, READY_WITHIN_S, f"{self.name} to answer")
        except TimeoutError as late:
            self.kill()
            raise RuntimeError(f"{late}; its log ends:\n{self.log_tail()}") from late
        if not self.is_running:
            code = self._process.returncode
            raise RuntimeError(f"{self.name} ended with {code}; its log ends:\n{self.log_tail()}")

    def stop(self) -> None:
        """End the program in its own good order (SIGTERM); harmless when it does not run."""
        if self._process is None:
            return
        # A paused program would keep the signal pending until it is continued.
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """End the program at once (SIGKILL), as a crash would; harmless when it does not run."""
        if self._process is None:
            return
        self._signal(signal.SIGKILL)
        self._process.wait(STOP_WITHIN_S)
        self._process = None

    def pause(self) -> None:
        """Freeze the program (SIGSTOP): its connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused program go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def log_text(self) -> str:
        """Return everything the program printed so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines of the program's log.

        Args:
            lines: how many at most.
        """
        return "\n".join(self.log_text().splitlines()[-lines:])

    def _is_ready_or_ended(self) -> bool:
        return not self.is_running or self._is_ready()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


class Mosquitto(RealProgram):
    """A running mosquitto; ``url`` is ``mqtt://127.0.0.1:PORT``."""

    @property
    def database_path(self) -> Path:
        """The file in which it keeps messages and sessions; absent before the first writing."""
        return self.log_path.parent / "mosquitto.db"


class Alertmanager(RealProgram):
    """A running Alertmanager; ``url`` is ``http://127.0.0.1:PORT``."""

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts it holds now, as its API v2 gives them."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=5.0) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found


class Prometheus(RealProgram):
    """A running Prometheus; ``url`` is ``http://127.0.0.1:PORT``."""

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Evaluate an expression now.

        Args:
            expr: PromQL whose value is an instant vector (or a matrix).

        Returns:
            The series found, each with ``metric`` and ``value`` as the HTTP API gives them.
        """
        address = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expr})}"
        with urllib.request.urlopen(address, timeout=5.0) as answer:
            body = json.load(answer)
        result: list[dict[str, Any]] = body["data"]["result"]
        return result

    def targets(self) -> list[dict[str, Any]]:
        """Return the active scrape targets with their health and last error."""
        with urllib.request.urlopen(f"{self.url}/api/v1/targets", timeout=5.0) as answer:
            body = json.load(answer)
        found: list[dict[str, Any]] = body["data"]["activeTargets"]
        return found


@contextmanager
def mosquitto(tmp_path: Path, extra_config: str = "") -> Iterator[Mosquitto]:
    """Run a broker that accepts anyone on loopback and keeps every message.

    What it has acknowledged it writes to disk within its next turn, some 100 ms later at most: a
    test that kills it has to let that pass (`database_path` shows the writing).

    Args:
        tmp_path: directory for its configuration, log and database; several brokers may share it.
        extra_config: lines of mosquitto.conf put after the listener's. A global setting given here
            replaces the harness's own (its queue limits, persistence, ``allow_anonymous``).
    """
    program = find_program("mosquitto")
    port = free_port()
    home = tmp_path / f"mosquitto-{port}"
    home.mkdir()
    # Started by root it would become the user `mosquitto`, who may not write below tmp_path.
    defaults = {
        "user": "root",
        "listener": f"{port} 127.0.0.1",
        "allow_anonymous": "true",
        "max_inflight_messages": "0",
        "max_queued_messages": "0",
        "persistence": "true",
        "persistence_location": f"{home}/",
        "autosave_on_changes": "true",
        "autosave_interval": "1",
        "sys_interval": "1",
        "log_type": "all",
        "log_dest": "stdout",
    }
    config_path = home / "mosquitto.conf"
    config_path.write_text(_mosquitto_config(defaults, extra_config))
    broker = Mosquitto(
        name="mosquitto",
        command=[program, "-c", str(config_path)],
        port=port,
        url=f"mqtt://127.0.0.1:{port}",
        log_path=home / "log.txt",
        is_ready=lambda: _accepts_tcp(port),
    )
    with _running(broker):
        yield broker


def _mosquitto_config(defaults: Mapping[str, str], extra_config: str) -> str:
    # mosquitto refuses some settings given twice, so the caller's stand in the harness's place; a
    # further `listener` is an addition and replaces nothing.
    own = set(re.findall(r"^\s*([a-z_]+)", extra_config, re.MULTILINE)) - {"listener"}
    lines = [f"{key} {value}" for key, value in defaults.items() if key not in own]
    return "\n".join([*lines, extra_config, ""])


@contextmanager
def alertmanager(tmp_path: Path, config: str | None = None) -> Iterator[Alertmanager]:
    """Run one Alertmanager without a cluster.

    Args:
        tmp_path: directory for its configuration, log and state.
        config: the text of its configuration file; None for one that notifies nobody.
    """
    program = find_program("prometheus-alertmanager")
    port = free_port()
    home = tmp_path / f"alertmanager-{port}"
    home.mkdir()
    config_path = home / "alertmanager.yml"
    config_path.write_text(DEFAULT_ALERTMANAGER_CONFIG if config is None else config)
    url = f"http://127.0.0.1:{port}"
    manager = Alertmanager(
        name="prometheus-alertmanager",
        command=[
            program,
            f"--config.file={config_path}",
            f"--storage.path={home / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ],
        port=port,
        url=url,
        log_path=home / "log.txt",
        is_ready=lambda: _answers_http(f"{url}/-/ready"),
    )
    with _running(manager):
        yield manager


@contextmanager
def prometheus(
    tmp_path: Path, scrape_targets: Sequence[str], scrape_interval: str = "1s"
) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes the given targets.

    Args:
        tmp_path: directory for its configuration, log and database.
        scrape_targets: ``HOST:PORT`` each, scraped at ``/metrics`` under the job ``monitor``.
        scrape_interval: a Prometheus duration.
    """
    program = find_program("prometheus")
    port = free_port()
    home = tmp_path / f"prometheus-{port}"
    home.mkdir()
    config_path = home / "prometheus.yml"
    # JSON is YAML, so no text has to be quoted by hand.
    job = {"job_name": "monitor", "static_configs": [{"targets": list(scrape_targets)}]}
    pace = {"scrape_interval": scrape_interval, "scrape_timeout": scrape_interval}
    config_path.write_text(json.dumps({"global": pace, "scrape_configs": [job]}))
    url = f"http://127.0.0.1:{port}"
    server = Prometheus(
        name="prometheus",
        command=[
            program,
            f"--config.file={config_path}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        port=port,
        url=url,
        log_path=home / "log.txt",
        is_ready=lambda: _answers_http(f"{url}/-/ready"),
    )
    with _running(server):
        yield server


@contextmanager
def _running(program: RealProgram) -> Iterator[None]:
    program.start()
    try:
        yield
    finally:
        program.stop()
