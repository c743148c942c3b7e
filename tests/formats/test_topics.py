"""A topic fits exactly or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.formats.topics import Topic, parse_topic, source_of, status_up


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("acd/pbx1/call/member-en", Topic("pbx1", "call", "member-en")),
        ("acd/pbx1/call/espa\u00f1ol 2", Topic("pbx1", "call", "espa\u00f1ol 2")),
        ("acd/pbx1/agent", Topic("pbx1", "agent")),
        ("acd/pbx1/heartbeat", Topic("pbx1", "heartbeat")),
        ("acd/pbx1/status", Topic("pbx1", "status")),
    ],
)
def test_the_four_topics_fit(topic: str, expected: Topic) -> None:
    assert parse_topic(topic) == expected
    assert source_of(topic) == "pbx1"


@pytest.mark.parametrize(
    "topic",
    [
        "", "acd", "acd/pbx1", "acd//agent", "acd/pbx1/", "acd/pbx1/call", "acd/pbx1/call/",
        "acd/pbx1/call/a/b", "acd/pbx1/agent/x", "acd/pbx1/status/", "/acd/pbx1/agent",
        "ACD/pbx1/agent", "acd/pbx1/Agent", "acd/+/agent", "acd/#", "acd/pbx1/call/#",
        "acd/pbx1/call/a+b", "$SYS/broker/uptime", "$share/g/acd/pbx1/agent", "acd/pb\u0000x/agent",
        "acd/pb\u202ex/agent", "acd/pbx1/agent\n", "acd/../agent/x", "acd/" + "s" * 65 + "/agent",
        "acd/pbx1/call/" + "q" * 129, "a" * 60_000,
    ],
)  # fmt: skip
def test_everything_else_has_no_source(topic: str) -> None:
    assert parse_topic(topic) is None
    assert source_of(topic) is None


@given(st.text())
def test_no_text_raises(topic: str) -> None:
    parsed = parse_topic(topic)
    assert parsed is None or topic.startswith(f"acd/{parsed.source}/{parsed.kind}")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"online", True), (b" Online\n", True), (b'"online"', True), (b'{"state":"online"}', True),
        (b'{"status": "up", "version": 3}', True), (b"offline", False), (b'"offline"', False),
        (b'{"state":"lost"}', False), (b'{"state":"offline","since":17}', False), (b"", None),
        (b"maybe", None), (b"{}", None), (b'{"state":17}', None), (b"\xff\xfe", None),
        (b"{" * 500, None), (b" " * 2000 + b"online", None),
    ],
)  # fmt: skip
def test_a_status_is_up_down_or_unreadable(payload: bytes, *, expected: bool | None) -> None:
    assert status_up(payload) is expected


@given(st.binary())
def test_no_status_raises(payload: bytes) -> None:
    assert status_up(payload) in {True, False, None}
