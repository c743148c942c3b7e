"""Nobody answers any more: one page, from its onset to its end, whatever happens to the daemon.

Calls come over a real broker and stop being answered; a live Alertmanager is told of the outage and
pages somebody. While the outage lasts the daemon is killed again and again. Then calls are answered
again, and what was opened is restored.
"""

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
from daemon import Daemon, Rehearsal, contract_config, ending, source_config
from end_to_end.calls_over_mqtt import QUEUE, SOURCE, Callers, calling
from end_to_end.outage_pages import (
    MISSED,
    OUTAGE,
    WITHIN_MS,
    Pages,
    instants,
    open_outages,
    paging,
    told,
    verify,
)
from real_parts import Mosquitto, mosquitto, wait_until

pytestmark = pytest.mark.real

KILLS: Final = 20
SPEED: Final = 60.0
MINUTE_MS: Final = 60_000
# The broker outlives this test, and need not write its memory down at every acknowledgement.
IN_MEMORY: Final = "persistence false"


def watched(home: Path, broker: Mosquitto, pages: Pages, clock: Rehearsal) -> Daemon:
    config = {
        "organization": "Example Health",
        "contracts": [contract_config("H0001", members=[QUEUE])],
        "sources": [source_config(SOURCE, broker.url, client_id=home.name)],
        "continuity": {"confirm": "5m", "ladder": ["0m", "10m", "20m", "30m"]},
        "alerts": {"channels": [pages.channel]},
        "store": {"checkpoint_every": "1s"},
    }
    return Daemon(home, config, clock=clock)


def answers_are_known(daemon: Daemon) -> bool:
    """Whether enough calls were answered for nobody's being answered to mean something."""
    window = daemon.api("windows?window=1h&scope=organization")["windows"][0]
    return bool(window["answered"] >= 60)


def wait_open(daemon: Daemon, pages: Pages, callers: Callers) -> dict[str, Any]:
    """The outage that the daemon finds and tells of; it began when nobody was answered."""
    wait_until(lambda: open_outages(daemon), 60.0, "the outage to be found")
    (outage,) = open_outages(daemon)
    assert outage["deadline_ms"] == outage["onset_ms"] + WITHIN_MS
    assert 0 < callers.now_s() * 1000 - outage["onset_ms"] < 15 * MINUTE_MS
    assert {one["signal"] for one in outage["evidence"]} <= {"no_answer", "hold"}
    alert = pages.wait_firing(OUTAGE)
    assert alert["labels"] == {
        "alertname": OUTAGE,
        "severity": "critical",
        "scope": "contract",
        "organization": "Example Health",
        "legal_entity": "Plan H0001",
        "contract": "H0001",
    }
    assert alert["annotations"]["outage"] == outage["id"]
    return outage


def kill_again_and_again(daemon: Daemon, rng: random.Random) -> None:
    """Kill it at random instants: at work, in its start, in the middle of a commit."""
    for _ in range(KILLS):
        if rng.random() < 0.5:
            wait_until(lambda: daemon.get("/-/healthy")[0] == 200, 30.0, "its start")
        time.sleep(rng.uniform(0.0, 0.8))
        daemon.kill()
        daemon.launch()


def check_story(daemon: Daemon, outage: dict[str, Any]) -> None:
    """The ledger tells of one outage, each thing once, and its chain holds."""
    story = told(daemon, "H0001")
    assert {body["outage"] for _, body in story} == {outage["id"]}
    whats = Counter(what for what, _ in story)
    assert (whats["opened"], whats["restored"], whats["missed"]) == (1, 1, 0)
    ages = [body["age_ms"] for what, body in story if what == "ladder"]
    assert ages == sorted(set(ages))
    for what, body in story:
        if what in {"opened", "restored"}:
            assert body["onset_ms"] == outage["onset_ms"]
            assert body["deadline_ms"] == outage["deadline_ms"]
    verify(daemon)


def test_an_outage_is_one_page_however_often_the_daemon_is_killed(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 (a failure has to be repeatable)
    rng = random.Random(seed)
    clock = Rehearsal.beginning_in(0.0, speed=SPEED)
    with mosquitto(tmp_path, IN_MEMORY) as broker, paging(tmp_path) as pages:
        daemon = watched(tmp_path / "daemon", broker, pages, clock)
        with ending(daemon), calling(broker, clock) as callers:
            daemon.start_and_connect()
            wait_until(lambda: answers_are_known(daemon), 60.0, "answers")
            assert pages.firing(OUTAGE) is None
            callers.is_answered = False
            outage = wait_open(daemon, pages, callers)
            identity = pages.identity(OUTAGE)
            kill_again_and_again(daemon, rng)
            daemon.wait_ready(60.0)
            # Enough of them found it at work, with something to restore.
            assert daemon.log_text().count("restored: ") > KILLS // 4
            wait_until(lambda: open_outages(daemon), 60.0, "the outage to be shown")
            assert instants(open_outages(daemon)[0]) == instants(outage)
            assert pages.identity(OUTAGE) == identity
            callers.is_answered = True
            pages.wait_over(OUTAGE, 90.0)
            wait_until(lambda: pages.pages(OUTAGE, "resolved"), 30.0, "the end to be told")
            assert pages.pages(OUTAGE, "firing") == pages.pages(OUTAGE, "resolved") == 1
            assert pages.pages(MISSED, "firing") == 0
            assert daemon.terminate() == 0
            check_story(daemon, outage)
