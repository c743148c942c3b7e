"""What is written is read back the same: journal bodies and wire events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_events import KEY, wire_events

from monitor.core.events import Event
from monitor.formats import journal
from monitor.formats.normalized import NormalizedDecoder
from monitor.formats.writing import to_wire

FIELDS = ("at_ms", "queued_ms", "answered_ms", "wait_ms", "talk_ms")


def decoded(events: list[dict[str, Any]]) -> list[Event]:
    result = NormalizedDecoder("pbx1", KEY).decode(json.dumps(events).encode())
    assert result.rejected == []
    return result.events


@given(st.lists(wire_events(), max_size=8))
def test_the_journal_gives_back_exactly_what_it_was_given(wire: list[dict[str, Any]]) -> None:
    events = decoded(wire)
    again = journal.decode(journal.encode(events))
    assert again == events
    assert [[getattr(one, name) for name in FIELDS] for one in again] == [
        [getattr(one, name) for name in FIELDS] for one in events
    ]


@given(st.binary())
def test_a_damaged_body_is_one_kind_of_error(body: bytes) -> None:
    for damaged in (body, b"\x01" + body):
        try:
            events = journal.decode(damaged)
        except journal.JournalError:
            continue
        assert all(isinstance(event, Event) for event in events)


@pytest.mark.parametrize("body", [b"", b"\x02\x90", b"\x00", b"[]"])
def test_another_version_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(journal.JournalError, match="expected a body of version 1"):
        journal.decode(body)


@given(wire_events(), st.integers(-(10**9), 10**12))
def test_a_published_event_decodes_to_itself_shifted(wire: dict[str, Any], shift_ms: int) -> None:
    (event,) = decoded([wire])
    (again,) = NormalizedDecoder("pbx1", KEY).decode(to_wire(event, shift_ms)).events
    assert again.at_ms == event.at_ms + shift_ms
    for name in ("queued_ms", "answered_ms"):
        before, after = getattr(event, name), getattr(again, name)
        assert after == (None if before is None else before + shift_ms)
    assert (again.wait_ms, again.talk_ms) == (event.wait_ms, event.talk_ms)
    kept = set(Event.__struct_fields__) - {*FIELDS, "ts", "queued_at", "answered_at", "agent"}
    kept -= {"wait_s", "talk_s"}
    assert all(getattr(again, name) == getattr(event, name) for name in kept)


@given(wire_events())
def test_the_wire_form_holds_wire_fields_only(wire: dict[str, Any]) -> None:
    (event,) = decoded([wire])
    written = json.loads(to_wire(event))
    assert written["v"] == 1
    assert not any(name.endswith("_ms") for name in written)
    assert None not in written.values()
    assert set(written) == set(wire)
