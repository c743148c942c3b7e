"""Events by HTTP, into a real daemon: hostile ones, over kills, stops and reloads.

The counts are compared with what was sent, and the files with what must not be in them.
"""

import gzip
import http.client
import json
import random
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
import zlib
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import Final

from daemon import COMMAND, Daemon, ending, running
from end_to_end.pushing import EVENTS, OTHER, Sender, event, post, push_config
from real_parts import wait_until

KILLS: Final = 12
CALLS: Final = 400
CANARIES: Final = 1_000
CANARY_PREFIX: Final = "8829917734"
MIB: Final = 2**20


def offered(daemon: Daemon) -> float:
    return daemon.metrics().value("callcenter_calls_offered_total", queue="member-en")


def wait_offered(daemon: Daemon, count: int) -> None:
    wait_until(lambda: offered(daemon) >= count, 20.0, f"{count} calls to be shown")
    assert offered(daemon) == count


def test_what_was_answered_is_in_the_journal_and_shown(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "daemon", push_config(tmp_path / "daemon"))
    with running(daemon):
        one = event("queued", "a")
        several = [event("queued", "b"), event("queued", "c", v=9), 7]
        lines = "\n".join(json.dumps(event("queued", f"l{n}")) for n in range(3)).encode()
        packed = gzip.compress(lines.replace(b'"l', b'"z'))
        assert post(daemon, json.dumps(one).encode()) == (200, {"accepted": 1, "refused": {}})
        # At once, without waiting: the answer came after the commit.
        assert daemon.rows("SELECT source, sum(count) FROM journal WHERE kind = 'events'") == [
            ("dialer", 1)
        ]
        refused = {"wrong_version": 1, "wrong_type": 1}
        answer = (200, {"accepted": 1, "refused": refused})
        assert post(daemon, json.dumps(several).encode()) == answer
        assert post(daemon, lines)[1]["accepted"] == 3
        coded = {"Content-Encoding": "gzip"}
        assert post(daemon, packed, headers=coded)[1]["accepted"] == 3
        # A second time nothing counts, as after a broken connection.
        assert post(daemon, lines)[1]["accepted"] == 3
        wait_offered(daemon, 8)

        shown = daemon.metrics()
        assert shown.value("callcenter_source_up", source="dialer") == 1
        assert shown.value("callcenter_source_last_event_timestamp_seconds", source="dialer") > 0
        assert shown.value("callcenter_monitor_messages_total", source="dialer") == 5
        assert shown.by("callcenter_monitor_quarantined_total", "reason") == refused
        assert "callcenter_monitor_mqtt_connects_total{" not in shown.text
        calls = daemon.api("calls?scope=queue/member-en&limit=3")
        assert calls["is_complete"] is False
        assert len({call["id"] for call in calls["calls"]}) == 3
        waited_ms = [call["waited_ms"] for call in calls["calls"]]
        assert waited_ms == sorted(waited_ms, reverse=True)
        assert post(daemon, lines, token=None)[0] == 401
        assert post(daemon, lines, token=OTHER)[0] == 403
        assert post(daemon, lines, path="/api/v1/events/nobody")[0] == 404


def hostile_bodies() -> list[tuple[bytes, str]]:
    """Everything that is no event, each with the only reason that may be counted."""
    good = json.dumps(event("queued", "hostile")).encode()

    def instead(name: str, raw: bytes) -> bytes:
        return json.dumps(event("queued", "h", **{name: "HERE"})).encode().replace(b'"HERE"', raw)

    return [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b"nonsense", "bad_json"),
        (good[:-1], "bad_json"),
        (b"\x00" * 100, "bad_json"),
        (b"\xff" + good, "bad_utf8"),
        (good.replace(b"hostile", b"\xed\xa0\x80"), "bad_utf8"),
        (b"[" * 100_000, "too_deep"),
        (b'{"x":' * 100_000, "too_deep"),
        (b"[" + b"0," * 10_000 + b"0]", "too_many"),
        (b"42", "wrong_type"),
        (instead("ts", b"NaN"), "bad_json"),
        (instead("ts", b"0"), "bad_time"),
        (instead("ts", b"4102444800"), "bad_time"),
        (instead("queue", b'"a\\u0000b"'), "bad_text"),
        (instead("call_id", b"null"), "no_call_id"),
        (instead("source", b'"vendor"'), "wrong_source"),
        (instead("v", b"2"), "wrong_version"),
    ]


def send_canaries(daemon: Daemon) -> Counter[str]:
    """Callers' numbers wherever a source might put them; returns what must be refused."""
    batch = []
    refused: Counter[str] = Counter()
    for index in range(CANARIES):
        number = f"{CANARY_PREFIX}{index:03}"
        named = dict.fromkeys(("caller", "ani", "from", "cli", "callerid"), f"+{number}")
        who = {"call_id": number, "id": f"+{number}", "agent": number}
        batch.append(event("queued", "", **named, **who, caller_name=f"Canary {number}"))
        if index % 10 == 0:
            status, answer = post(daemon, json.dumps(batch[-1]).encode()[:-1])
            assert (status, answer) == (200, {"accepted": 0, "refused": {"bad_json": 1}})
            refused["bad_json"] += 1
        if index % 50 == 0:
            # A number where the protocol has none: in the path, a header, a broken frame.
            assert post(daemon, b"{}", path=f"/api/v1/events/{number}")[0] == 404
            assert post(daemon, b"{}", token=f"{number}-{number}")[0] == 401
            assert post(daemon, b"{}", headers={"Content-Encoding": number})[0] == 415
            refused["bad_body"] += 1
            send_broken_frame(daemon, number)
    assert post(daemon, json.dumps(batch).encode())[1] == {"accepted": CANARIES, "refused": {}}
    return refused


def send_broken_frame(daemon: Daemon, number: str) -> None:
    """What is no HTTP, with a number in it."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10.0)
    connection.connect()
    assert connection.sock is not None
    connection.sock.sendall(
        f"POST {EVENTS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        f"Transfer-Encoding: chunked, {number}\r\n\r\n".encode()
    )
    assert b" 400 " in connection.sock.recv(1_000)
    connection.close()


def check_no_canary(daemon: Daemon, texts: list[str]) -> None:
    """No caller's number in a file, in the unpacked state, or in what was answered."""
    canary = re.compile(rf"{CANARY_PREFIX}\d{{3}}|Canary".encode())
    for path in daemon.home.iterdir():
        assert canary.search(path.read_bytes()) is None, path
    for name, body in daemon.rows("SELECT name, body FROM checkpoint_part"):
        assert canary.search(zlib.decompress(body)) is None, f"part {name} of a checkpoint"
    for text in texts:
        assert canary.search(text.encode()) is None, text[:200]


def test_hostile_bodies_are_refused_with_a_reason_and_leave_nothing_behind(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "daemon", push_config(tmp_path / "daemon"))
    with running(daemon):
        expected: Counter[str] = Counter()
        for body, reason in hostile_bodies():
            status, answer = post(daemon, body)
            assert (status, answer) == (200, {"accepted": 0, "refused": {reason: 1}}), body[:80]
            expected[reason] += 1
        in_quarantine = Counter(expected)
        bomb = gzip.compress(bytes(64 * MIB))
        coded = {"Content-Encoding": "gzip"}
        assert post(daemon, bomb, headers=coded)[0] == 413
        assert post(daemon, b" " * (MIB + 1))[0] == 413
        assert post(daemon, bomb[:1_000], headers=coded)[0] in (400, 413)
        assert post(daemon, b"{}", headers=coded)[0] == 400
        told = daemon.metrics().by("callcenter_monitor_quarantined_total", "reason")
        assert told["too_large"] + told["bad_body"] == 4
        expected.update(too_large=int(told["too_large"]), bad_body=int(told["bad_body"]))

        canaries = send_canaries(daemon)
        expected += canaries
        in_quarantine["bad_json"] += canaries["bad_json"]
        wait_offered(daemon, CANARIES)
        assert daemon.metrics().by("callcenter_monitor_quarantined_total", "reason") == expected
        rows = daemon.rows("SELECT reason, count(*) FROM quarantine GROUP BY reason")
        assert dict(rows) == in_quarantine
        texts = [daemon.get(f"/api/v1/{name}")[1] for name in ("status", "windows")]
        texts += [daemon.metrics().text, daemon.get("/api/v1/calls?scope=queue/member-en")[1]]
        assert daemon.get("/-/ready") == (200, "ready\n")
        assert daemon.terminate(10.0) == 0
        texts.append(daemon.log_text())
        assert "Traceback" not in daemon.log_text()
        check_no_canary(daemon, texts)


def test_kills_between_request_and_answer_lose_nothing_and_count_nothing_twice(
    tmp_path: Path,
) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 (a failure has to be repeatable)
    rng = random.Random(seed)
    daemon = Daemon(tmp_path / "daemon", push_config(tmp_path / "daemon"))
    senders = [Sender(daemon, number, calls=CALLS // 4) for number in range(4)]
    with ending(daemon):
        daemon.start_and_connect()
        for sender in senders:
            sender.start()
        kills = 0
        while any(sender.is_alive() for sender in senders) and kills < KILLS:
            time.sleep(rng.uniform(0.0, 0.3))
            daemon.kill()
            daemon.launch()
            kills += 1
            wait_until(lambda: daemon.get("/-/healthy")[0] == 200, 30.0, "its start")
        for sender in senders:
            sender.join(120.0)
            assert not sender.is_alive()
        assert kills > 3
        assert [sender.answers for sender in senders] == [CALLS // 4 * 3] * 4
        # Some had to be sent again, or the kills would have proved nothing.
        assert sum(sender.attempts - sender.answers for sender in senders) > 0
        wait_offered(daemon, CALLS)
        shown = daemon.metrics()
        ended = "callcenter_calls_ended_total"
        assert shown.value(ended, queue="member-en", outcome="completed") == CALLS
        assert shown.value("callcenter_hold_seconds_count", queue="member-en") == CALLS
        assert shown.by("callcenter_monitor_quarantined_total", "reason") == {}


def test_a_stop_in_good_order_answers_or_says_to_come_again(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "daemon", push_config(tmp_path / "daemon"))
    senders = [Sender(daemon, number, calls=60) for number in range(3)]
    with ending(daemon):
        daemon.start_and_connect()
        for sender in senders:
            sender.start()
        for _ in range(3):
            time.sleep(0.1)
            assert daemon.terminate(15.0) == 0
            daemon.start_and_connect()
        for sender in senders:
            sender.join(90.0)
            assert not sender.is_alive()
        wait_offered(daemon, 180)
        assert "Traceback" not in daemon.log_text()


def status_from_elsewhere(daemon: Daemon, password: str) -> int:
    """What a reader elsewhere gets, who comes through a proxy on this machine."""
    said = b64encode(f"floor:{password}".encode()).decode()
    request = urllib.request.Request(
        f"{daemon.url}/-/healthy",
        headers={"Via": "1.1 proxy", "Authorization": f"Basic {said}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10.0) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def test_a_reload_reads_the_users_again_and_keeps_the_old_ones_when_it_cannot(
    tmp_path: Path,
) -> None:
    home = tmp_path / "daemon"
    daemon = Daemon(home, push_config(home, users_file="users"))
    users = home / "users"
    lines = [
        subprocess.run(
            [*COMMAND, "user", "floor"], input=f"{password}\n", text=True, capture_output=True,
            check=True, timeout=30.0,
        ).stdout
        for password in ("night shift", "day shift")
    ]  # fmt: skip
    users.write_text(lines[0], encoding="utf-8")
    users.chmod(0o600)
    with running(daemon):
        assert status_from_elsewhere(daemon, "night shift") == 200
        users.write_text("floor:night shift\n", encoding="utf-8")
        status, told = daemon.get("/-/reload", method="POST")
        assert status == 422
        assert "users:1: is not NAME:scrypt" in told
        assert status_from_elsewhere(daemon, "night shift") == 200
        users.write_text(lines[1], encoding="utf-8")
        daemon.signal(signal.SIGHUP)
        wait_until(
            lambda: status_from_elsewhere(daemon, "day shift") == 200, 10.0, "the new password"
        )
        assert status_from_elsewhere(daemon, "night shift") == 401


def test_a_reload_reads_tokens_and_sources_again(tmp_path: Path) -> None:
    home = tmp_path / "daemon"
    first = push_config(home)
    daemon = Daemon(home, first)
    body = json.dumps(event("queued", "a")).encode()
    with running(daemon):
        assert post(daemon, body)[0] == 200
        (home / "dialer.token").write_text("another-token-of-dialer\n", encoding="ascii")
        assert post(daemon, body)[0] == 200
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: post(daemon, body)[0] == 401, 10.0, "the old token to be refused")
        assert post(daemon, body, token="another-token-of-dialer")[0] == 200

        # A token that is none keeps what is in force, and the answer says what is wrong with it.
        (home / "dialer.token").write_text("short\n", encoding="ascii")
        status, told = daemon.get("/-/reload", method="POST")
        assert status == 422
        assert "sources[0].http.token_file" in told
        assert "short" not in told
        assert post(daemon, body, token="another-token-of-dialer")[0] == 200

        daemon.write_config({**first, "sources": first["sources"][1:]})
        assert daemon.get("/-/reload", method="POST")[0] == 200
        assert post(daemon, body, token="another-token-of-dialer")[0] == 401
        assert post(daemon, body, token=OTHER)[0] == 404
        assert set(daemon.metrics().by("callcenter_source_up", "source")) == {"vendor"}
