"""Nothing that names a caller or an agent survives decoding."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_events import BASE_S, KEY, printable, wire_events

from monitor.formats import journal
from monitor.formats.normalized import NormalizedDecoder
from monitor.formats.pseudonyms import CACHED_MAX, Pseudonyms, is_number
from monitor.formats.writing import to_wire

SEED = 20_251_009
CALLER_FIELDS = (
    "ani", "caller", "callerid", "caller_id", "caller_number", "caller_name", "CallerIDNum",
    "from", "customer", "customer_endpoint", "name", "phone", "cid_num", "raw", "ANI",
)  # fmt: skip
SHAPES = (
    "{0}{1}{2}", "1{0}{1}{2}", "+1{0}{1}{2}", "({0}) {1}-{2}", "{0}-{1}-{2}", "{0}.{1}.{2}",
    "+1 {0} {1} {2}", "1-{0}-{1}-{2}", "+1 ({0}) {1}-{2}",
)  # fmt: skip


def canaries(random: Random, shape: str) -> tuple[str, str]:
    """Make a number in a shape, and its last seven digits as they are in it."""
    area, office, line = random.randint(200, 999), random.randint(200, 999), random.randint(0, 9999)
    number = shape.format(area, office, f"{line:04}")
    return number, number[-8:] if number[-5] in "-. " else number[-7:]


def test_a_thousand_planted_numbers_come_out_nowhere() -> None:
    random = Random(SEED)
    decoder = NormalizedDecoder("pbx1", KEY)
    planted: list[str] = []
    messages: list[dict[str, Any]] = []
    for n in range(1_000):
        number, tail = canaries(random, SHAPES[n % len(SHAPES)])
        planted.append(tail)
        fields: dict[str, Any] = dict.fromkeys(CALLER_FIELDS, number)
        fields |= {"call_id": number, "id": number, "agent": number, "participants": [dict(fields)]}
        fields |= {"ended_by": number, "reason": number}
        messages.append(fields | {"type": "call.completed", "source": "pbx1", "ts": BASE_S})
    payloads = [json.dumps(messages[i : i + 50]).encode() for i in range(0, 1_000, 50)]
    payloads += [json.dumps(one | {"v": 2}).encode() for one in messages]
    decoded = [decoder.decode(payload) for payload in payloads]
    events = [event for one in decoded for event in one.events]
    assert len(events) == 1_000
    assert sum(len(one.rejected) for one in decoded) == 1_000
    out = repr(decoded) + journal.encode(events).decode(errors="replace")
    out += b"".join(map(to_wire, events)).decode()
    assert [tail for tail in planted if tail in out] == [], f"seed {SEED}"


@pytest.mark.parametrize(
    "text",
    ["2025550143", " 2025550143", "+442079460958", "(202) 555-0143", "202/555/0143", "٢٠٢٥٥٥٠١٤٣"],
)
def test_a_call_id_that_is_a_number_is_replaced_by_a_steady_stand_in(text: str) -> None:
    decoder = NormalizedDecoder("pbx1", KEY)
    for ascii_only in (True, False):
        payload = json.dumps(
            {"type": "call.queued", "source": "pbx1", "ts": BASE_S, "call_id": text},
            ensure_ascii=ascii_only,
        ).encode()
        (event,) = decoder.decode(payload).events
        assert event.call_id == Pseudonyms(KEY).call_id(text)
        assert event.call_id is not None
        assert len(event.call_id) == 16
        assert event.call_id != Pseudonyms(KEY + b"2").call_id(text)


@pytest.mark.parametrize(
    "text",
    ["1760000000.1234", "c-2025550143", "12345", "2025550143a", "0f3a9b2c77", "1" * 20, "990801-7"],
)
def test_an_opaque_call_id_stays_as_it_is(text: str) -> None:
    assert not is_number(text)
    assert Pseudonyms(KEY).call_id(text) == text


@given(st.lists(wire_events(), min_size=1, max_size=4), printable)
def test_an_agent_is_always_the_same_hash_and_never_the_name(
    events: list[dict[str, Any]], name: str
) -> None:
    payload = json.dumps([event | {"agent": name} for event in events]).encode()
    decoded = NormalizedDecoder("pbx1", KEY).decode(payload)
    assert {event.agent for event in decoded.events} == {Pseudonyms(KEY).agents[name]}
    assert Pseudonyms(KEY).agents[name] not in {name, Pseudonyms(KEY + b"2").agents[name]}


def test_endless_names_do_not_take_endless_memory() -> None:
    pseudonyms = Pseudonyms(KEY)
    first = pseudonyms.agents["0"]
    for n in range(CACHED_MAX * 2 + 1):
        assert pseudonyms.agents[str(n)]
    assert len(pseudonyms.agents) <= CACHED_MAX
    assert pseudonyms.agents["0"] == first
