"""The daemon as operators run it: its own process, told by signals, asked over HTTP.

Nothing here imports the program. It is started as a command with a configuration file, and what it
did is read from its metrics, its API, its log, its database and its exit code, so that a test holds
for the program and not for its parts.

`Rehearsal` is a clock that the daemon and a publisher share: it runs fast, so that a recorded day
passes in a minute. Every wait polls up to a deadline.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from real_parts import RealProgram, find_program, free_port, wait_until

CHECKOUT = Path(__file__).resolve().parents[1]

COMMAND = ("env", f"PYTHONPATH={CHECKOUT}", sys.executable, "-m", "monitor")
"""`env` becomes the program, so the process id is the program's own."""

ANSWER_WITHIN_S = 10.0

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Rehearsal:
    """A clock that daemon and publisher share.

    Attributes:
        speed: Seconds that pass in one second of the wall.
        start_s: Wall instant (epoch s) at which it agrees with the wall, and on which the first
            event of a recording falls.
    """

    speed: float
    start_s: int

    @classmethod
    def beginning_in(cls, wall_s: float, *, speed: float) -> "Rehearsal":
        """One that leaves `wall_s` seconds for everything to start."""
        return cls(speed, int(wall_now_s() + wall_s) + 1)

    @property
    def options(self) -> list[str]:
        """For `run` and `publish`."""
        return ["--speed", f"{self.speed:g}", "--start", str(self.start_s)]


def wall_now_s() -> float:
    """The wall's now, epoch s."""
    return time.time()  # noqa: TID251 (tests start processes at instants of the wall)


class Metrics:
    """One scrape, parsed by the reference implementation.

    Attributes:
        text: As it was sent.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._values: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = frozenset(sample.labels.items())
                series = self._values.setdefault(sample.name, {})
                assert labels not in series, f"{sample.name} says {sorted(labels)} twice"
                series[labels] = sample.value

    @property
    def series_count(self) -> int:
        """How many samples there are."""
        return sum(len(series) for series in self._values.values())

    def value(self, name: str, **labels: str) -> float:
        """One sample; 0 when there is none yet, as for a counter without events."""
        return self._values.get(name, {}).get(frozenset(labels.items()), 0.0)

    def by(self, name: str, label: str) -> dict[str, float]:
        """The samples of one name by one of their labels, added up over the others."""
        found: dict[str, float] = {}
        for labels, value in self._values.get(name, {}).items():
            key = dict(labels)[label]
            found[key] = found.get(key, 0.0) + value
        return found


def promtool_findings(metrics: Metrics) -> str:
    """What Prometheus' own checker dislikes about a scrape; empty when nothing."""
    checked = subprocess.run(
        [find_program("promtool"), "check", "metrics"],
        input=metrics.text,
        capture_output=True,
        text=True,
        check=False,
        timeout=30.0,
    )
    told = checked.stdout + checked.stderr
    return told if checked.returncode == 0 else f"exit code {checked.returncode}: {told}"


class Daemon(RealProgram):
    """`callcenter-monitor run` under a test's control.

    Attributes:
        config_path: Its configuration file; `write_config` replaces it.
        database_path: Its database.
    """

    def __init__(
        self,
        home: Path,
        config: Mapping[str, Any],
        *,
        clock: Rehearsal | None = None,
    ) -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self.config_path = home / "config.yaml"
        self.database_path = home / "monitor.db"
        self._port = free_port()
        self._exit_code: int | None = None
        url = f"http://127.0.0.1:{self._port}"
        super().__init__(
            name="callcenter-monitor",
            command=[
                *COMMAND,
                "run",
                "--config",
                str(self.config_path),
                *([] if clock is None else clock.options),
            ],
            port=self._port,
            url=url,
            log_path=home / "daemon.log",
            is_ready=lambda: self.get("/-/healthy")[0] == 200,
        )
        self.write_config(config)

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Put another configuration in place, with this daemon's own store and address."""
        own = {
            "store": {"path": str(self.database_path), **config.get("store", {})},
            "http": {"listen": f"127.0.0.1:{self._port}", **config.get("http", {})},
        }
        # JSON is YAML, so no text has to be quoted by hand.
        self.config_path.write_text(json.dumps({**config, **own}, indent=1), encoding="utf-8")

    def start_and_connect(self) -> None:
        """Start and wait until it says that it is ready."""
        self.start()
        self.wait_ready()

    def launch(self) -> None:
        """Start without waiting for anything."""
        assert not self.is_running
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Wait until `/-/ready` agrees."""
        try:
            wait_until(lambda: self.get("/-/ready")[0] == 200, timeout_s, "the daemon to be ready")
        except TimeoutError as late:
            raise TimeoutError(f"{late}: {self.get('/-/ready')[1]!r}; {self.log_tail()}") from late

    def terminate(self, timeout_s: float = 10.0) -> int:
        """Ask it to end (SIGTERM) and return its exit code.

        Raises:
            subprocess.TimeoutExpired: It did not end in time.
        """
        self.signal(signal.SIGTERM)
        return self.wait_exit(timeout_s)

    def wait_exit(self, timeout_s: float) -> int:
        """Wait until it has ended by itself and return its exit code.

        Raises:
            subprocess.TimeoutExpired: It did not end in time.
        """
        assert self._process is not None
        code = self._process.wait(timeout_s)
        self._process = None
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the running process."""
        os.kill(self.pid, number)

    def get(self, path: str, *, method: str = "GET") -> tuple[int, str]:
        """Status and body of an answer; status 0 when nobody answers."""
        request = urllib.request.Request(f"{self.url}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()
        except OSError as fault:
            return 0, str(fault)

    def api(self, path: str) -> Any:  # noqa: ANN401 (JSON)
        """The JSON of an answer below `/api/v1/`."""
        status, body = self.get(f"/api/v1/{path}")
        assert status == 200, f"{path}: {status} {body}"
        return json.loads(body)

    def metrics(self) -> Metrics:
        """One scrape."""
        status, body = self.get("/metrics")
        assert status == 200, f"/metrics: {status} {body}"
        return Metrics(body)

    def wait_metric(self, name: str, value: float, timeout_s: float, **labels: str) -> Metrics:
        """Scrape until a sample has at least a value, and return that scrape."""
        last = [Metrics("")]

        def has_come() -> bool:
            last[0] = self.metrics()
            return last[0].value(name, **labels) >= value

        try:
            wait_until(has_come, timeout_s, f"{name}{labels} to be {value:g}")
        except TimeoutError as late:
            found = last[0].value(name, **labels)
            raise TimeoutError(f"{late}: it is {found:g}; {self.log_tail()}") from late
        return last[0]

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a query finds in its database, which it may have open."""
        address = f"{self.database_path.as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=10.0)) as connection:
            return connection.execute(statement).fetchall()


@contextmanager
def ending(*daemons: Daemon) -> Iterator[None]:
    """End these at the end, however it comes."""
    try:
        yield
    finally:
        for each in daemons:
            each.stop()


@contextmanager
def running(daemon: Daemon) -> Iterator[Daemon]:
    """A daemon that is ready, and is ended at the end."""
    with ending(daemon):
        daemon.start_and_connect()
        yield daemon


@dataclass
class Publisher:
    """A `callcenter-monitor publish` that is under way."""

    process: subprocess.Popen[str]

    @property
    def is_running(self) -> bool:
        """Whether it still plays."""
        return self.process.poll() is None

    def finish(self, timeout_s: float) -> str:
        """Wait until everything is published; returns what it said."""
        said, _ = self.process.communicate(timeout=timeout_s)
        assert self.process.returncode == 0, said
        return said


@contextmanager
def publishing(
    recording: Path,
    *,
    form: str,
    broker_url: str,
    clock: Rehearsal,
    source: str,
    options: Iterable[str] = (),
) -> Iterator[Publisher]:
    """Play a recording into a broker in the background; it is ended at the end."""
    command = [*COMMAND, "publish", "--format", form, "--broker", broker_url, *clock.options]
    process = subprocess.Popen(
        [*command, "--source", source, *options, str(recording)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    publisher = Publisher(process)
    try:
        yield publisher
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def source_config(
    name: str, broker_url: str, *, client_id: str | None = None, **more: object
) -> dict[str, Any]:
    """A source at a broker on loopback."""
    mqtt: dict[str, Any] = {"url": broker_url, **more}
    if client_id is not None:
        mqtt["client_id"] = client_id
    return {"name": name, "format": "normalized", "mqtt": mqtt}


def contract_config(contract: str, **lines: Sequence[str]) -> dict[str, Any]:
    """A contract whose lines are always open: line name to queues."""
    return {
        "id": contract,
        "name": f"Plan {contract}",
        "lines": [
            {"name": name, "kind": "current-enrollee", "queues": list(queues), "hours": "always"}
            for name, queues in lines.items()
        ],
    }
