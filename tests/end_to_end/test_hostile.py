"""Any bytes on any topic, while good traffic flows.

Whoever may publish may send anything. The daemon has to stay up, count the good calls exactly,
refuse the rest with a reason, acknowledge it all so that nothing blocks the feed, keep the number
of its series, and keep no caller's number anywhere.

Two daemons listen: one over MQTT 5, to which the broker sends no packet beyond the size that the
daemon has asked for, and one over MQTT 3.1.1, which knows no such limit and gets everything.
"""

import json
import random
import re
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from bank_table import bank_path
from daemon import (
    Daemon,
    Rehearsal,
    promtool_findings,
    running,
    source_config,
    wall_now_s,
)
from end_to_end.bank_day import BankDay, bank_config, cut, playing, wait_counted
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from real_parts import Mosquitto, mosquitto, wait_until

pytestmark = pytest.mark.real

SPEED: Final = 120.0
INVENTED: Final = 100_000
INVENTED_AT_ONCE: Final = 1_000
CANARIES: Final = 1_000
CANARY_PREFIX: Final = "8829917734"
LARGE_BYTES: Final = 2**20 + 1
# The most that a packet of MQTT can hold, less its topic and header.
HUGE_BYTES: Final = 268_435_455 - 64
# Beside the huge one, which one daemon has to take in whole, memory stays small.
MEMORY_BYTES_MAX: Final = 500 * 2**20
DEEP: Final = 100_000


@contextmanager
def client_of(
    broker: Mosquitto, name: str = "", *, version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5
) -> Iterator[Client]:
    """A connected client of the reference library."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=version)
    client.max_queued_messages_set(0)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        wait_until(client.is_connected, 10.0, "the broker to accept a client")
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


@dataclass
class Attacker:
    """Publishes and remembers what each message must become.

    Attributes:
        refused: How many messages or parts must be refused for which reason.
        sent: How many messages were published.
    """

    client: Client
    now_ms: int
    refused: Counter[str] = field(default_factory=Counter)
    sent: int = 0

    def send(self, topic: str, payload: bytes, reason: str | None, *, retain: bool = False) -> None:
        """Publish, and wait until the broker has it."""
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(60.0)
        self.sent += 1
        if reason is not None:
            self.refused[reason] += 1

    def event(self, **fields: object) -> dict[str, object]:
        """A good event of the bank, with other fields."""
        base = {"v": 1, "type": "call.queued", "source": "bank", "ts": self.now_ms / 1000}
        return {**base, "call_id": "hostile", "queue": "invented-0", **fields}


def send_malformed(attacker: Attacker, rng: random.Random) -> None:
    """Everything that is no event, each with the only reason that may be counted."""
    topic = "acd/bank/call/PS"
    good = json.dumps(attacker.event())

    def instead(name: str, raw: str) -> bytes:
        event = attacker.event(**{name: "HERE"})
        return json.dumps(event).replace('"HERE"', raw).encode()

    cases: list[tuple[bytes, str]] = [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (instead("ts", "NaN"), "bad_json"),
        (instead("ts", "Infinity"), "bad_json"),
        (instead("ts", "0"), "bad_time"),
        (instead("ts", "86400"), "bad_time"),
        (instead("ts", "4102444800"), "bad_time"),
        (instead("ts", '"1970-01-02T00:00:00Z"'), "bad_time"),
        (instead("ts", '"2100-01-01T00:00:00Z"'), "bad_time"),
        (instead("ts", "true"), "bad_time"),
        (instead("ts", "null"), "bad_time"),
        (instead("queue", '"\\ud800"'), "bad_json"),
        (instead("queue", '"a\\u0000b"'), "bad_text"),
        (instead("queue", '"' + "x" * 200 + '"'), "wrong_type"),
        (good.encode().replace(b"hostile", b"\xff\xfe"), "bad_utf8"),
        (b"\xc3\x28", "bad_utf8"),
        (b"[" * DEEP, "too_deep"),
        (b'{"v":1,"x":' + b"[" * DEEP, "too_deep"),
        (b'{"x":' * DEEP, "too_deep"),
        (b"nonsense", "bad_json"),
        (b'{"v":1', "bad_json"),
        (b"\x00" * 100, "bad_json"),
        (b"42", "wrong_type"),
        (b'"text"', "wrong_type"),
        (instead("call_id", "null"), "no_call_id"),
        (instead("call_id", "7"), "wrong_type"),
        (instead("v", "2"), "wrong_version"),
        (instead("source", '"other"'), "wrong_source"),
        (instead("source", '"BANK"'), "wrong_source"),
    ]
    for payload, reason in cases:
        attacker.send(topic, payload, reason)
    for wrong in ("acd/bank", "acd/bank/call", "acd/bank/call/PS/more", "acd/bank/nonsense"):
        attacker.send(wrong, good.encode(), "wrong_topic")
    for _ in range(300):
        # The first byte is no UTF-8, so the whole is one refused message.
        noise = b"\xff" + rng.randbytes(rng.randrange(2_000))
        kind = rng.choice(("call/PS", "agent", "heartbeat", "status"))
        attacker.send(f"acd/bank/{kind}", noise, "bad_utf8", retain=rng.random() < 0.1)
    # One good and three bad ones in one message: only the bad ones are refused.
    mixed = [attacker.event(call_id="mixed"), attacker.event(v=3), 5, attacker.event(ts=[])]
    attacker.send(topic, json.dumps(mixed).encode(), None)
    attacker.refused.update(["wrong_version", "wrong_type", "bad_time"])


def send_overflowing_time(attacker: Attacker) -> None:
    """1e999 is a number in JSON and no instant; either word for it will do."""
    payload = json.dumps(attacker.event(ts="HERE")).replace('"HERE"', "1e999").encode()
    attacker.send("acd/bank/call/PS", payload, "bad_json|bad_time")


def send_invented(attacker: Attacker) -> None:
    """Names of queues that nobody has configured, many to a message."""
    for start in range(0, INVENTED, INVENTED_AT_ONCE):
        batch = [
            attacker.event(call_id=f"i-{number}", queue=f"invented-{number}")
            for number in range(start, start + INVENTED_AT_ONCE)
        ]
        attacker.send("acd/bank/call/several", json.dumps(batch).encode(), None)


def send_canaries(attacker: Attacker) -> None:
    """Callers' numbers and names wherever a source might put them."""
    batch: list[dict[str, object]] = []
    for index in range(CANARIES):
        number = f"{CANARY_PREFIX}{index:03}"
        named = dict.fromkeys(("caller", "ani", "from", "cli", "callerid"), f"+{number}")
        who = {"call_id": number, "id": f"+{number}", "agent": number}
        batch.append(attacker.event(**named, **who, caller_name=f"Canary {number}"))
        if index % 10 == 0:
            broken = json.dumps(batch[-1]).encode()[:-1]
            attacker.send(f"acd/bank/call/{number}", broken, "bad_json")
    attacker.send("acd/bank/call/several", json.dumps(batch).encode(), None)


def quarantined(daemon: Daemon) -> Counter[str]:
    """What was refused, by reason; the two words for 1e999 as one."""
    counts = daemon.metrics().by("callcenter_monitor_quarantined_total", "reason")
    return Counter({reason: int(count) for reason, count in counts.items() if count})


def expected_quarantine(attacker: Attacker, found: Counter[str]) -> Counter[str]:
    """What must have been refused; where two words will do, the one that was found."""
    expected = Counter(attacker.refused)
    count = expected.pop("bad_json|bad_time", 0)
    expected["bad_json" if found["bad_json"] > expected["bad_json"] else "bad_time"] += count
    return expected


def memory_bytes(daemon: Daemon) -> int:
    """What the process has in memory now."""
    status = Path(f"/proc/{daemon.pid}/status").read_text(encoding="ascii")
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def check_no_canary(daemon: Daemon, texts: list[str]) -> None:
    """No caller's number in a file, in the unpacked state, or in what was answered."""
    canary = re.compile(rf"{CANARY_PREFIX}\d{{3}}|Canary".encode())
    for path in daemon.home.iterdir():
        assert canary.search(path.read_bytes()) is None, path
    for name, body in daemon.rows("SELECT name, body FROM checkpoint_part"):
        assert canary.search(zlib.decompress(body)) is None, f"part {name} of a checkpoint"
    for text in texts:
        assert canary.search(text.encode()) is None, text[:200]


def check_nothing_left(broker: Mosquitto, client_id: str, version: MQTTProtocolVersion) -> None:
    """The broker holds the session and nothing for it: all was acknowledged."""
    received: list[MQTTMessage] = []
    accepted: list[bool] = []
    is_version_5 = version == MQTTProtocolVersion.MQTTv5
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=version,
        clean_session=None if is_version_5 else False,
    )
    client.on_message = lambda _client, _data, message: received.append(message)
    client.on_connect = lambda _c, _d, flags, _r, _p: accepted.append(flags.session_present)
    more: dict[str, Any] = {}
    if is_version_5:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600
        more = {"clean_start": False, "properties": properties}
    client.connect("127.0.0.1", broker.port, **more)
    client.loop_start()
    try:
        wait_until(lambda: accepted, 10.0, "the broker to accept us in the daemon's place")
        # The answer to a ping would not stand behind messages, but that to a subscription does.
        subscribed: list[bool] = []
        client.on_subscribe = lambda *_: subscribed.append(True)
        client.subscribe("nothing/here")
        wait_until(lambda: subscribed, 10.0, "the broker to answer")
        time.sleep(0.5)
    finally:
        client.disconnect()
        client.loop_stop()
    assert accepted == [True]
    assert [message.topic for message in received] == []


def check_counted(daemon: Daemon, attacker: Attacker, series_before: int) -> str:
    """Hostile and good events as the metrics tell of them; returns their text."""
    wait_until(
        lambda: quarantined(daemon).total() >= attacker.refused.total(),
        30.0,
        "everything to be refused",
    )
    found = quarantined(daemon)
    assert found == expected_quarantine(attacker, found)
    in_store = daemon.rows("SELECT reason, count(*) FROM quarantine GROUP BY reason")
    assert dict(in_store) == dict(found)

    shown = daemon.metrics()
    assert promtool_findings(shown) == ""
    # The canaries and the good one among bad ones were in an invented queue, too.
    invented = INVENTED + CANARIES + 1
    assert shown.value("callcenter_calls_offered_total", queue="unconfigured") == invented
    discards = shown.by("callcenter_monitor_events_discarded_total", "reason")
    assert discards["unknown_queue"] == invented
    assert discards["unknown_type"] == 1
    # At most one more for each reason that was seen for the first time.
    assert shown.series_count <= series_before + len(found) + len(discards)
    return shown.text


def attack(attacker: Attacker, rng: random.Random) -> None:
    """Everything but the sizes."""
    send_malformed(attacker, rng)
    send_overflowing_time(attacker)
    exploded = attacker.event(type="call.exploded")
    attacker.send("acd/bank/call/PS", json.dumps(exploded).encode(), None)
    send_invented(attacker)
    send_canaries(attacker)


def play_and_attack(
    broker: Mosquitto, day: BankDay, clock: Rehearsal, rng: random.Random
) -> Attacker:
    """Good calls and hostile messages at the same time; returns when both are over."""
    with (
        playing(day, broker, clock) as publisher,
        client_of(broker) as client,
    ):
        now_ms = clock.start_s * 1000 + int((wall_now_s() - clock.start_s) * 1000 * clock.speed)
        attacker = Attacker(client, now_ms)
        attack(attacker, rng)
        publisher.finish(120.0)
    return attacker


def test_any_bytes_on_any_topic_harm_nothing(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)  # noqa: T201 (a failure has to be repeatable)
    day = cut(bank_path(), tmp_path / "day.txt", ["990803"], hours=(10, 11), talk_max_s=900)
    with mosquitto(tmp_path, "persistence false") as broker:
        clock = Rehearsal.beginning_in(4.0, speed=SPEED)
        versions = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}
        daemons = {
            version: Daemon(
                tmp_path / f"daemon-{version}",
                bank_config(
                    [source_config("bank", broker.url, client_id=f"m{version}", version=version)],
                    store={"checkpoint_every": "5s"},
                ),
                clock=clock,
            )
            for version in versions
        }
        with running(daemons["5"]), running(daemons["3.1.1"]):
            before = {version: daemon.metrics() for version, daemon in daemons.items()}
            attacker = play_and_attack(broker, day, clock, random.Random(seed))
            texts = []
            for version, daemon in daemons.items():
                wait_counted(daemon, day, clock, 60.0)
                series = before[version].series_count
                texts.append(check_counted(daemon, attacker, series))
                assert memory_bytes(daemon) < MEMORY_BYTES_MAX
                texts += [daemon.get(f"/api/v1/{name}")[1] for name in ("status", "windows")]
            check_sizes(broker, daemons)
            for daemon in daemons.values():
                assert daemon.get("/-/ready") == (200, "ready\n")
                assert daemon.terminate(10.0) == 0
                texts.append(daemon.log_text())
            for version, daemon in daemons.items():
                check_nothing_left(broker, f"m{version}", versions[version])
                check_no_canary(daemon, texts)


def has_refused(daemon: Daemon, bad_json: int) -> bool:
    return quarantined(daemon)["bad_json"] >= bad_json


def check_sizes(broker: Mosquitto, daemons: dict[str, Daemon]) -> None:
    """More than a message may hold, up to the most that MQTT can carry."""
    refused_before = {name: quarantined(daemon) for name, daemon in daemons.items()}
    with client_of(broker) as client:
        attacker = Attacker(client, 0)
        attacker.send("acd/bank/call/PS", b"x" * (2**20 - 100), "bad_json")
        attacker.send("acd/bank/call/PS", b"x" * LARGE_BYTES, "too_large")
        attacker.send("acd/bank/call/PS", b"x" * HUGE_BYTES, "too_large")
        attacker.send("acd/bank/call/PS", b"last", "bad_json")
    for name, daemon in daemons.items():
        before = refused_before[name]
        wait_until(partial(has_refused, daemon, before["bad_json"] + 2), 90.0, "the last message")
        more = quarantined(daemon) - before
        # Over MQTT 5 the broker keeps back what is larger than the daemon has said that it takes.
        too_large = {} if name == "5" else {"too_large": 2}
        assert more == Counter({"bad_json": 2, **too_large})
