"""The demo as a visitor runs it: a page that lives, and nothing left behind."""

import json
import re
import signal
from pathlib import Path

from commands import (
    ANSWERS_WITHIN_S,
    Command,
    fetch,
    is_alive,
    is_ready,
    run,
    running,
    write_recording,
)
from real_parts import wait_until


def offered(url: str) -> float:
    """The calls that entered any queue since the start."""
    samples = re.findall(
        r"^callcenter_calls_offered_total\S+ (\S+)$", fetch(f"{url}metrics"), re.MULTILINE
    )
    return sum(map(float, samples))


def ends_and_leaves_nothing(command: Command) -> None:
    """An interrupt ends it with 0, and neither process nor directory is left of it."""
    children = command.children
    assert children, "the broker is a process of its own"
    assert any(command.temporary.iterdir())
    assert command.end(signal.SIGINT) == 0
    wait_until(
        lambda: not any(is_alive(pid) for pid in children), ANSWERS_WITHIN_S, "its broker to end"
    )
    assert list(command.temporary.iterdir()) == []
    assert command.stdout == ""
    assert "Traceback" not in command.stderr


def test_the_demo_shows_a_living_page_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with running(tmp_path, "demo", "--listen", "127.0.0.1:0", "--speed", "200") as demo:
        url = demo.url()
        wait_until(lambda: is_ready(url), ANSWERS_WITHIN_S, "the demo to be ready")
        assert "<html" in fetch(url)
        wait_until(lambda: offered(url) > 10, ANSWERS_WITHIN_S, "calls to be counted")
        status = json.loads(fetch(f"{url}api/v1/status"))
        assert (status["not_ready"], status["quarantined"]) == ([], {})
        ends_and_leaves_nothing(demo)


def test_the_demo_plays_a_recording_from_its_first_event_on(tmp_path: Path) -> None:
    recording = write_recording(tmp_path / "recording.ndjson")
    given = ("--listen", "127.0.0.1:0", "--speed", "300", "--recording", recording)
    with running(tmp_path / "demo", "demo", *given) as demo:
        url = demo.url()
        wait_until(lambda: is_ready(url), ANSWERS_WITHIN_S, "the demo to be ready")
        wait_until(lambda: offered(url) == 4, ANSWERS_WITHIN_S, "the recorded calls to be counted")
        ends_and_leaves_nothing(demo)


def test_a_demo_whose_address_is_taken_says_so_and_leaves_with_1(tmp_path: Path) -> None:
    given = ("--listen", "127.0.0.1:0")
    with running(tmp_path, "demo", *given) as demo:
        taken = demo.url().removeprefix("http://").rstrip("/")
        result = run("demo", "--listen", taken)
        assert (result.returncode, result.stdout) == (1, "")
        assert "Traceback" not in result.stderr
        assert demo.end(signal.SIGINT) == 0
