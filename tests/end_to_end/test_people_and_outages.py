"""What people say about outages: over the command and HTTP, through kills and reloads."""

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import arguments, environment
from daemon import Daemon, contract_config, running
from real_parts import wait_until

TOKEN = "token-of-dialer-0001"


def config_of(home: Path, *contracts: str, **more: object) -> dict[str, Any]:
    home.mkdir(exist_ok=True)
    file = home / "dialer.token"
    file.write_text(f"{TOKEN}\n", encoding="ascii")
    file.chmod(0o600)
    return {
        "organization": "Example Health",
        "contracts": [contract_config(one, members=[f"q-{one}"]) for one in contracts],
        "sources": [
            {"name": "dialer", "format": "normalized", "http": {"token_file": "dialer.token"}}
        ],
        **more,
    }


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    home = tmp_path / "home"
    with running(Daemon(home, config_of(home, "H0001", "H0002"))) as started:
        yield started


def outage(daemon: Daemon, *given: str, **more: str) -> subprocess.CompletedProcess[str]:
    # A user of this machine without a name in its list of users.
    return subprocess.run(
        arguments("outage", *given, "--config", daemon.config_path),
        capture_output=True,
        text=True,
        timeout=60.0,
        env=environment(LOGNAME="operator", **more),
        check=False,
    )


def told(daemon: Daemon, contract: str) -> dict[str, Any]:
    """The story of a contract's outage once the ledger has one."""
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        shown = outage(daemon, "show", contract, "--format", "json")
        if shown.returncode == 0:
            found.append(json.loads(shown.stdout))
        return shown.returncode == 0

    wait_until(is_there, 20.0, f"the ledger to tell of {contract}")
    return found[-1]


def whats(story: dict[str, Any]) -> list[str]:
    return [one["what"] for one in story["happenings"] if one["what"] != "forecast"]


def test_an_outage_is_declared_noted_and_restored_and_a_kill_in_between_loses_nothing(
    daemon: Daemon,
) -> None:
    said = outage(daemon, "declare", "H0001", "--why", "trunks down", "--format", "json")
    assert said.returncode == 0, said.stderr
    first = json.loads(said.stdout)
    assert first["contract"] == "H0001"
    assert first["state"] == "outage"
    assert first["deadline_ms"] == first["onset_ms"] + 72 * 3_600_000
    # What was answered is on the disk, whatever happens now.
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait_exit(10.0)
    daemon.start_and_connect()
    assert outage(daemon, "note", first["id"], "carrier called, INC0012345").returncode == 0
    again = outage(daemon, "declare", "H0001", "--why", "still down", "--format", "json")
    assert json.loads(again.stdout)["id"] == first["id"]
    assert json.loads(again.stdout)["onset_ms"] == first["onset_ms"]
    done = outage(daemon, "restore", "H0001", "--why", "test calls pass", "--who", "Example Name")
    assert done.returncode == 0, done.stderr
    assert "restored 2" in done.stdout
    wait_until(
        lambda: told(daemon, "H0001")["state"] == "restored", 20.0, "the ledger to tell the end"
    )
    story = told(daemon, "H0001")
    assert whats(story) == ["opened", "declared", "ladder", "noted", "declared", "restored"]
    assert (story["restored_by"], story["id"]) == ("Example Name", first["id"])
    assert story["happenings"][1]["who"] == "operator"
    # The ledger tells it while no daemon runs as well.
    assert daemon.terminate() == 0
    listed = outage(daemon, "list")
    assert listed.returncode == 0
    assert first["id"] in listed.stdout
    assert outage(daemon, "list", "--open").stdout == ""
    late = outage(daemon, "note", first["id"], "too late")
    assert late.returncode == 1
    assert daemon.url in late.stderr


def test_refusals_say_why_and_keep_to_the_exit_codes(daemon: Daemon) -> None:
    unknown = outage(daemon, "declare", "H9", "--why", "down")
    assert (unknown.returncode, "none of H0001, H0002" in unknown.stderr) == (2, True)
    number = outage(daemon, "declare", "H0001", "--why", "caller (415) 555-0137 says so")
    assert (number.returncode, "telephone number" in number.stderr) == (2, True)
    assert outage(daemon, "note", "H0001", "nothing is open").returncode == 2
    assert outage(daemon, "show", "H0001").returncode == 2
    assert outage(daemon, "declare", "H0001").returncode == 2
    assert outage(daemon, "declare", "H0001", "--why", "down").returncode == 0
    assert outage(daemon, "restore", "H0001", "--why", "up").returncode == 0
    name = told(daemon, "H0001")["id"]
    twice = outage(daemon, "restore", name, "--why", "up")
    assert (twice.returncode, "restored already" in twice.stderr) == (1, True)


def test_a_contract_with_an_open_outage_is_not_removed_unless_that_is_said(
    daemon: Daemon, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    assert outage(daemon, "declare", "H0002", "--why", "down").returncode == 0
    daemon.write_config(config_of(home, "H0001"))
    status, faults = daemon.get("/-/reload", method="POST")
    assert status == 422
    assert f"{daemon.config_path}:3: contracts: H0002 has an open outage" in faults
    assert "continuity.abandon: [H0002]" in faults
    # It is still there, and so is what it was asked about.
    assert outage(daemon, "note", "H0002", "still watched").returncode == 0
    # A start takes the file as it is, and says so; the clock goes on.
    assert daemon.terminate() == 0
    daemon.start_and_connect()
    assert "H0002 has an open outage" in daemon.log_path.read_text(encoding="utf-8")
    assert outage(daemon, "note", "H0002", "followed still").returncode == 0
    daemon.write_config(config_of(home, "H0001", continuity={"abandon": ["H0002"]}))
    assert daemon.get("/-/reload", method="POST")[0] == 200
    wait_until(
        lambda: told(daemon, "H0002")["state"] == "abandoned", 20.0, "the outage to be given up"
    )
    assert whats(told(daemon, "H0002"))[-1] == "abandoned"
    assert outage(daemon, "note", "H0002", "gone").returncode == 2


def test_an_outage_survives_a_reload(daemon: Daemon, tmp_path: Path) -> None:
    said = outage(daemon, "declare", "H0002", "--why", "down", "--format", "json")
    before = json.loads(said.stdout)
    daemon.write_config(config_of(tmp_path / "home", "H0002", "H0003"))
    assert daemon.get("/-/reload", method="POST")[0] == 200
    after = outage(daemon, "declare", "H0002", "--why", "still down", "--format", "json")
    assert json.loads(after.stdout) == before


def test_where_there_are_users_the_name_is_that_of_who_signed_in(tmp_path: Path) -> None:
    home = tmp_path / "home"
    config = config_of(home, "H0001", http={"users_file": str(home / "users")})
    line = subprocess.run(
        arguments("user", "operations"),
        input="a password of some length",
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60.0,
        check=True,
    ).stdout
    (home / "users").write_text(line, encoding="ascii")
    (home / "users").chmod(0o600)
    with running(Daemon(home, config)) as daemon:
        declare = ("declare", "H0001", "--why", "down")
        anonymous = outage(daemon, *declare)
        assert (anonymous.returncode, "password" in anonymous.stderr) == (1, True)
        wrong = outage(
            daemon, *declare, "--user", "operations", CALLCENTER_MONITOR_PASSWORD="wrong"
        )
        assert wrong.returncode == 1
        right = {"CALLCENTER_MONITOR_PASSWORD": "a password of some length"}
        other = outage(daemon, *declare, "--user", "operations", "--who", "another", **right)
        assert (other.returncode, "leave it out" in other.stderr) == (2, True)
        said = outage(daemon, *declare, "--user", "operations", **right)
        assert said.returncode == 0, said.stderr
        wait_until(
            lambda: "declared" in whats(told(daemon, "H0001")), 20.0, "the ledger to tell of it"
        )
        first = told(daemon, "H0001")["happenings"][1]
        assert (first["what"], first["who"]) == ("declared", "operations")
        # Reading on this machine is as free as before.
        assert daemon.get("/api/v1/status")[0] == 200


def test_a_body_is_bounded(daemon: Daemon) -> None:
    request = urllib.request.Request(
        f"{daemon.url}/api/v1/outages", data=b'"' + b"x" * 20_000 + b'"', method="POST"
    )
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=10.0)
    with refusal.value as answer:
        assert answer.code == 400
        assert b"16384 bytes at most" in answer.read()
