"""Adapters that push: their configuration, one request, and one that never gives up."""

import http.client
import json
import random
import threading
import time
from pathlib import Path
from typing import Any, Final

from daemon import Daemon, contract_config, wall_now_s

TOKEN: Final = "token-of-dialer-0001"
OTHER: Final = "token-of-vendor-0001"
EVENTS: Final = "/api/v1/events/dialer"


def push_config(home: Path, **http: object) -> dict[str, Any]:
    """Two sources that push, and no other."""
    home.mkdir(exist_ok=True)
    for name, token in (("dialer", TOKEN), ("vendor", OTHER)):
        file = home / f"{name}.token"
        file.write_text(f"{token}\n", encoding="ascii")
        file.chmod(0o600)
    return {
        "organization": "Example Health",
        "contracts": [contract_config("H0001", members=["member-en"])],
        "sources": [
            {"name": name, "format": "normalized", "http": {"token_file": f"{name}.token"}}
            for name in ("dialer", "vendor")
        ],
        "http": http,
    }


def post(
    daemon: Daemon,
    body: bytes,
    *,
    path: str = EVENTS,
    token: str | None = TOKEN,
    headers: dict[str, str] | None = None,
    timeout_s: float = 30.0,
) -> tuple[int, Any]:
    """Status and answer.

    Raises:
        OSError: There was no answer.
        http.client.HTTPException: The answer broke off.
    """
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=timeout_s)
    said = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        connection.request("POST", path, body, {**said, **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text[:1] == b"{" else text.decode()
    finally:
        connection.close()


def event(kind: str, call: str, **fields: object) -> dict[str, object]:
    """A good event of now."""
    base = {"v": 1, "type": f"call.{kind}", "source": "dialer", "ts": wall_now_s() - 1}
    return {**base, "call_id": call, "queue": "member-en", **fields}


class Sender(threading.Thread):
    """Sends the events of its calls one after another, each until it is answered with 200."""

    def __init__(self, daemon: Daemon, number: int, *, calls: int) -> None:
        super().__init__(daemon=True)
        self.attempts = 0
        self.answers = 0
        self._daemon_under_test = daemon
        self._number = number
        self._calls = calls

    def run(self) -> None:
        rng = random.Random(self._number)
        for index in range(self._calls):
            call = f"s{self._number}-{index}"
            ts = wall_now_s() - 1
            waited_s = rng.randrange(60)
            told = [event("queued", call, ts=ts - waited_s), event("answered", call, ts=ts)]
            told.append(event("completed", call, ts=ts + 0.5))
            for one in told:
                self._send(json.dumps(one).encode())

    def _send(self, body: bytes) -> None:
        deadline_s = time.monotonic() + 60.0
        while time.monotonic() < deadline_s:
            self.attempts += 1
            try:
                status, _ = post(self._daemon_under_test, body, timeout_s=10.0)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.02)
                continue
            if status == 200:
                self.answers += 1
                return
            assert status in (429, 503), status
            time.sleep(0.02)
        raise TimeoutError("no answer within a minute")
