"""The decoder takes what is good, names what is not, and never raises."""

import json
from gc import is_tracked
from hashlib import blake2b, md5, sha1, sha256
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wire_events import BASE_S, KEY, wire_events

from monitor.core.events import Event
from monitor.formats import journal
from monitor.formats.instants import carried_ms, instant_ms
from monitor.formats.normalized import (
    AHEAD_MS_MAX,
    BEHIND_MS_MAX,
    EVENTS_MAX,
    MESSAGE_BYTES_MAX,
    Decoded,
    NormalizedDecoder,
)
from monitor.formats.rejection import REJECTION_REASONS

GOOD: dict[str, Any] = {
    "v": 1, "type": "call.queued", "source": "pbx1", "ts": BASE_S + 0.25, "call_id": "c-1",
    "queue": "member-en",
}  # fmt: skip


def decode(payload: object, received_ms: int | None = None, *, topic: str | None = None) -> Decoded:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return NormalizedDecoder("pbx1", KEY).decode(body, received_ms, topic=topic)


def reasons(decoded: Decoded) -> list[str]:
    return [one.reason for one in decoded.rejected]


def good(**changes: object) -> Event:
    decoded = decode(GOOD | changes)
    assert decoded.rejected == []
    (event,) = decoded.events
    return event


def refused(**changes: object) -> str:
    """Refused alone, among others in an array, and in lines: always for the same reason."""
    bad = GOOD | changes
    (reason,) = reasons(decode(bad))
    mixed = decode([GOOD, bad, GOOD])
    assert reasons(mixed) == [reason]
    assert len(mixed.events) == 2
    lines = decode(b"\n".join(json.dumps(one).encode() for one in (GOOD, bad, GOOD)))
    assert (lines.events, lines.rejected) == (mixed.events, mixed.rejected)
    return reason


@given(st.binary() | st.text().map(str.encode))
@example(b"")
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"type":"a","source":"pbx1","ts":1,"x":' + b"[" * 100_000)
@example(b'{"type":"a","source":"pbx1","ts":1,"agent":"\\udc00"}')
@example(b'{"type":"a","source":"pbx1","ts":1,"agent":"\\ud800"}')
@example(b'{"type":"a","source":"pbx1","ts":1e999}')
@example(b'{"type":"a","source":"pbx1","ts":NaN}')
@example(b'{"type":"a","source":"pbx1","ts":-Infinity}')
@example(b'{"type":"a","source":"pbx1","ts":1,"seq":' + b"9" * 5_000 + b"}")
@example(b'{"type":"a","source":"pbx1","ts":1,"x":"\xff"}')
@example(b'{"type":"a","source":"pbx1","ts":1,"x":"\xed\xa0\x80"}')
@example(b"\xef\xbb\xbf{}")
@example(b"\n\n{\n[\n]\n}")
def test_any_bytes_become_events_and_named_refusals(payload: bytes) -> None:
    decoded = decode(payload, BASE_S * 1000)
    assert {*reasons(decoded)} <= REJECTION_REASONS
    assert decoded.events or decoded.rejected or payload.strip().startswith(b"[")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(wire_events(), st.data())
def test_an_event_with_anything_in_any_field_is_taken_or_refused(
    event: dict[str, Any], data: st.DataObject
) -> None:
    for name in data.draw(st.sets(st.sampled_from(Event.__struct_fields__), min_size=1)):
        event[name] = data.draw(_JSON)
    payload = json.dumps(event).encode()
    decoded = decode(payload)
    assert len(decoded.events) + len(decoded.rejected) == 1
    assert {*reasons(decoded)} <= REJECTION_REASONS
    assert journal.decode(journal.encode(decoded.events)) == decoded.events


@given(
    st.lists(wire_events() | st.dictionaries(st.text(), _JSON, max_size=3), min_size=1, max_size=8)
)
def test_array_lines_and_single_messages_decode_alike(events: list[dict[str, Any]]) -> None:
    bodies = [json.dumps(event, allow_nan=False).encode() for event in _finite(events)]
    one_by_one = [decode(body) for body in bodies]
    expected = [event for one in one_by_one for event in one.events]
    expected_reasons = [reason for one in one_by_one for reason in reasons(one)]
    for payload in (b"[" + b", ".join(bodies) + b"]", b"\r\n".join(bodies)):
        decoded = decode(payload)
        assert decoded.events == expected
        assert reasons(decoded) == expected_reasons


def _finite(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    text = json.dumps(events)
    finite: list[dict[str, Any]] = json.loads(text, parse_constant=str)
    return finite


def test_every_millisecond_field_comes_from_the_wires_seconds() -> None:
    event = good(
        type="call.completed", ts=BASE_S + 0.1235, queued_at=BASE_S - 60.0005,
        answered_at="2025-10-09T08:53:00.250-00:00", wait_s=42.4996, talk_s=17,
    )  # fmt: skip
    assert event.at_ms == BASE_S * 1000 + 124
    assert event.queued_ms == BASE_S * 1000 - 60_000
    assert event.answered_ms == BASE_S * 1000 - 19_750
    assert (event.wait_ms, event.talk_ms) == (42_500, 17_000)


seconds = st.floats(1, 1e11) | st.integers(1, 10**11)


@given(ts=seconds, carried=seconds, lasted=st.floats(0, 1e7) | st.integers(0, 10**7))
@example(ts=BASE_S + 0.1235, carried=BASE_S + 0.4995, lasted=0.0005)
@example(ts=86_399.9995, carried=86_400, lasted=1e7)
@example(ts=1e11, carried=1e11, lasted=0)
def test_numbers_are_rounded_as_the_careful_reader_rounds_them(
    ts: float, carried: float, lasted: float
) -> None:
    event = good(ts=ts, queued_at=carried, answered_at=carried, wait_s=lasted, talk_s=lasted)
    at_ms = instant_ms(ts)
    assert at_ms is not None
    assert event.at_ms == at_ms
    assert (True, event.queued_ms) == (True, event.answered_ms) == carried_ms(carried, at_ms)
    assert event.wait_ms == event.talk_ms == int(lasted * 1000 + 0.5)
    stored = (event.at_ms, event.queued_ms, event.answered_ms, event.wait_ms, event.talk_ms)
    assert {type(one) for one in stored} <= {int, type(None)}


def test_an_event_takes_its_own_fields_and_no_others() -> None:
    event = good()
    event.queue = "member-es"
    assert event.queue == "member-es"
    with pytest.raises(AttributeError):
        event.caller = "17"  # type: ignore[attr-defined]
    assert not is_tracked(event)


def test_millisecond_fields_on_the_wire_are_never_believed() -> None:
    planted = {
        "at_ms": 5, "queued_ms": 5, "answered_ms": 5, "wait_ms": 5, "talk_ms": 5,
    }  # fmt: skip
    assert good(**planted) == good()
    spelled_out = json.dumps(GOOD | planted).replace("wait_ms", "wait\\u005fms").encode()
    assert decode(spelled_out).events == [good()]


@pytest.mark.parametrize("sentinel", [0, 0.001, 18_000, -18_000, "1970-01-01T00:00:00.001Z"])
def test_a_carried_instant_of_1970_means_that_it_has_not_happened(sentinel: float | str) -> None:
    event = good(queued_at=sentinel, answered_at=sentinel)
    assert (event.queued_ms, event.answered_ms) == (None, None)


@pytest.mark.parametrize(
    "ts",
    [
        0, 0.001, -1, 1e12, 1e20, 10**400, True, None, [], "", "now", "1760000000",
        "2025-10-09T08:53:20", "2025-10-09 08:53", "2025-10-09T08:53:20 Z", "2025-02-30T00:00:00Z",
        "2025-10-09T24:00:00Z", "2025-10-09T08:53:20+0200", "9999-12-31T23:59:59Z",
        "٢٠٢٥-10-09T08:53:20Z",
    ],
)  # fmt: skip
def test_an_instant_that_cannot_be_one_is_a_bad_time(ts: object) -> None:
    assert refused(ts=ts) == "bad_time"


@pytest.mark.parametrize("field", ["queued_at", "answered_at"])
@pytest.mark.parametrize("value", ["2025-10-09T08:53:20", "soon", -1e9, True])
def test_a_carried_instant_that_cannot_be_read_is_a_bad_time(field: str, value: object) -> None:
    assert refused(**{field: value}) == "bad_time"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"source": "pbx2"}, "wrong_source"),
        ({"call_id": None}, "no_call_id"),
        ({"call_id": ""}, "wrong_type"),
        ({"call_id": 17}, "wrong_type"),
        ({"call_id": "c" * 129}, "wrong_type"),
        ({"type": None}, "wrong_type"),
        ({"v": 2}, "wrong_version"),
        ({"v": "1"}, "wrong_version"),
        ({"wait_s": -1}, "wrong_type"),
        ({"entry": 0}, "wrong_type"),
        ({"skill": ["s"] * 17}, "wrong_type"),
        ({"queue": "a\u0000b"}, "bad_text"),
        ({"queue": "a\u007fb"}, "bad_text"),
        ({"queue": "a\u202eb"}, "bad_text"),
        ({"site": "a\nb"}, "bad_text"),
        ({"skill": ["fine", "a\u0007"]}, "bad_text"),
        ({"type": "call\u0085"}, "bad_text"),
    ],
)
def test_a_bad_event_is_refused_alone_and_by_name(changes: dict[str, Any], reason: str) -> None:
    assert refused(**changes) == reason


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b"online", "bad_json"),
        (b"17", "wrong_type"),
        (b'"text"', "wrong_type"),
        (b"{} {}", "wrong_type"),
        (b'{"type":"a","source":"pbx1","ts":1} {}', "bad_json"),
        (b"[" * 100_000, "too_deep"),
        (b'{"x":' + b"[" * 30_000, "too_deep"),
        (b'[{"type":"a","source":"pbx1","ts":1},', "bad_json"),
        (b'{"x":NaN}', "bad_json"),
        (b'{"type":"\\ud800","source":"pbx1","ts":1}', "bad_json"),
        (b'{"type":"a","source":"pbx1","ts":1,"x":"\xff"}', "bad_utf8"),
        (b'{"type":"a","source":"pbx1","ts":1,"x":"\xed\xa0\x80"}', "bad_utf8"),
        (b" " * (MESSAGE_BYTES_MAX + 1), "too_large"),
        (b"[" + b"0," * EVENTS_MAX + b"0]", "too_many"),
    ],
)
def test_a_message_that_is_none_is_refused_whole(payload: bytes, reason: str) -> None:
    decoded = decode(payload)
    assert decoded.events == []
    assert reasons(decoded) == [reason]
    assert decoded.rejected[0].size == len(payload)


def test_a_huge_payload_is_neither_parsed_nor_hashed_whole() -> None:
    payload = bytes(256_000_000)
    (rejected,) = decode(payload).rejected
    assert (rejected.reason, rejected.size) == ("too_large", 256_000_000)
    # Hashing all of it would take half a second of processor time.
    assert rejected.digest == decode(bytes(MESSAGE_BYTES_MAX + 1)).rejected[0].digest
    assert rejected.digest != decode(b"x" + bytes(MESSAGE_BYTES_MAX)).rejected[0].digest


def test_a_refused_number_cannot_be_found_from_its_digest_without_the_key() -> None:
    number = b"4155550137"
    digests = {
        key: NormalizedDecoder("pbx1", key).decode(number).rejected[0].digest
        for key in (KEY, KEY + b"2")
    }
    assert digests[KEY] == decode(number).rejected[0].digest
    assert digests[KEY] == blake2b(number, digest_size=32, key=KEY, person=b"refused").hexdigest()
    guesses = {hash_(number).hexdigest() for hash_ in (sha256, blake2b, md5, sha1)}
    guesses.add(blake2b(number, digest_size=32).hexdigest())
    assert len({*guesses, *digests.values()}) == len(guesses) + 2


def test_the_last_of_duplicate_keys_holds_and_is_the_one_that_is_judged() -> None:
    body = json.dumps(GOOD).encode()
    assert reasons(decode(body[:-1] + b',"source":"pbx2"}')) == ["wrong_source"]
    assert decode(b'{"source":"pbx2",' + body[1:]).events == [good()]


def test_an_unknown_type_stays_an_event() -> None:
    assert good(type="call.parked", call_id=None).type == "call.parked"
    assert good(type="RINGNOANSWER").type == "RINGNOANSWER"


def test_unknown_words_become_unknown() -> None:
    event = good(type="call.disconnected", ended_by="martian", reason="\u202ecosmic rays")
    assert (event.ended_by, event.reason) == ("unknown", "unknown")


def test_names_are_composed_so_that_they_compare_equal() -> None:
    assert good(queue="espan\u0303ol", skill=["n\u0303"]).queue == "espa\u00f1ol"
    assert good(skill=["n\u0303"]).skill == ["\u00f1"]


def test_an_object_printed_over_lines_is_one_event() -> None:
    assert decode(json.dumps(GOOD, indent=2).encode()).events == [good()]
    spread = json.dumps([GOOD, GOOD | {"v": 2}], indent=2).encode()
    assert reasons(decode(spread)) == ["wrong_version"]


def test_a_line_may_hold_an_array() -> None:
    array = json.dumps([GOOD, GOOD]).encode()
    decoded = decode(json.dumps(GOOD).encode() + b"\n" + array + b"\n[")
    assert len(decoded.events) == 3
    assert reasons(decoded) == ["bad_json"]


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("acd/pbx1/call/member-en", []),
        ("acd/pbx1/agent", []),
        ("acd/pbx2/call/member-en", ["wrong_topic"]),
        ("acd/pbx1", ["wrong_topic"]),
        ("elsewhere", ["wrong_topic"]),
    ],
)
def test_the_topic_must_name_the_expected_source(topic: str, expected: list[str]) -> None:
    assert reasons(decode(GOOD, topic=topic)) == expected


def test_a_decoder_of_any_source_still_holds_the_payload_to_its_topic() -> None:
    decoder = NormalizedDecoder(None, KEY)
    payload = json.dumps(GOOD).encode()
    assert decoder.decode(payload).rejected == []
    assert decoder.decode(payload, topic="acd/pbx1/agent").rejected == []
    assert reasons(decoder.decode(payload, topic="acd/pbx2/agent")) == ["wrong_source"]


@pytest.mark.parametrize(
    ("age_ms", "expected"),
    [
        (0, []), (BEHIND_MS_MAX, []), (BEHIND_MS_MAX + 1, ["bad_time"]),
        (-AHEAD_MS_MAX, []), (-AHEAD_MS_MAX - 1, ["bad_time"]),
    ],
)  # fmt: skip
def test_an_event_absurdly_far_from_its_receipt_is_a_bad_time(
    age_ms: int, expected: list[str]
) -> None:
    assert reasons(decode(GOOD, BASE_S * 1000 + 250 + age_ms)) == expected
