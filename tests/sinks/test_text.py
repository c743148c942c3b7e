"""What people and programs read about an alert outside."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from sink_parts import START_MS, firing

from monitor.core.snapshot import AlertState
from monitor.core.standards import Measure
from monitor.sinks.text import (
    annotations,
    clock_time,
    generator_url,
    labels,
    percent,
    rfc3339,
    summary,
    window_words,
)


@given(st.integers(0, 10**9), st.integers(0, 3))
def test_a_duration_reads_back_as_itself(scaled: int, digits: int) -> None:
    text = clock_time(scaled / 10**digits, digits)
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    assert round(seconds * 10**digits) == scaled


def test_sentences_are_written_for_people() -> None:
    assert [clock_time(seconds) for seconds in (0, 59.6, 161, 3761)] == [
        "0:00",
        "1:00",
        "2:41",
        "1:02:41",
    ]
    assert percent(0.8) == "80.0 %"
    assert [window_words(ms) for ms in (60_000, 90_000, 1_800_000, 86_400_000, 1)] == [
        "1 minute",
        "90 seconds",
        "30 minutes",
        "24 hours",
        "1 millisecond",
    ]
    assert rfc3339(START_MS + 7) == "2026-03-02T15:00:00.007Z"
    level = firing(
        scope="organization",
        measure=Measure.SERVICE_LEVEL,
        value=0.79996,
        limit=0.8,
        denominator=25_001,
    )
    # One digit more than usual would still read as if the limit were kept.
    assert summary(level) == (
        "Example: service level 79.996 % over 1 hour, limit 80.0 %, 25,001 calls"
    )
    hold = firing(
        scope="queue/", measure=Measure.AVERAGE_HOLD, value=120.4, limit=120.0, denominator=1
    )
    assert summary(hold) == (
        "Calls that reached no queue: average hold 2:00.4 over 1 hour, limit 2:00, 1 call"
    )
    ended = replace(
        firing(state=AlertState.RESOLVED, resolved_ms=START_MS),
        scope="contract/H1",
        value=None,
        reason="no_calls",
        denominator=0,
    )
    assert summary(ended) == (
        "Resolved: Contract H1: disconnect ratio not measurable over 1 hour, limit 5.0 %, 0 calls"
    )


@given(st.floats(0, 1), st.sampled_from([0.05, 0.8]))
def test_a_sentence_shows_the_limit_as_the_value_only_when_they_are_as_good_as_equal(
    value: float, limit: float
) -> None:
    shown = summary(firing(value=value, limit=limit)).split("ratio ")[1].split(" %")[0]
    if abs(value - limit) > 0.00001:
        assert shown != f"{limit * 100:.1f}"


@given(st.integers(0, 4_102_444_800_000))
def test_an_instant_keeps_its_milliseconds(at_ms: int) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert datetime.fromisoformat(rfc3339(at_ms)) == epoch + timedelta(milliseconds=at_ms)


def test_labels_hold_nothing_that_changes_and_no_empty_value() -> None:
    unqueued = firing(scope="queue/", labels={"organization": "Example", "queue": ""})
    later = replace(
        unqueued,
        state=AlertState.RESOLVED,
        resolved_ms=START_MS + 1,
        value=None,
        denominator=0,
        reason="no_calls",
    )
    assert labels(unqueued) == labels(later)
    assert labels(unqueued) == {
        "alertname": "too-many-disconnects",
        "organization": "Example",
        "scope": "queue",
        "severity": "warning",
    }


def test_annotations_explain_the_alert_to_programs_and_engineers() -> None:
    told = annotations(firing(), lambda at_ms: at_ms + 1_000)
    assert told["description"] == (
        "Rule too-many-disconnects on queue/a: disconnect_ratio over 1 hour = 60 calls / 980 calls,"
        " breached 2026-03-02T15:00:01.000Z, fired 2026-03-02T15:05:01.000Z, last change: held."
        " 42 CFR 422.111(h)(1)(ii)(D)"
    )
    assert (told["value"], told["limit"], told["calls"]) == ("0.0612", "0.05", "980")
    assert "value" not in annotations(firing(value=None), int)


def test_the_link_leads_to_the_alert_whatever_its_key_holds() -> None:
    link = generator_url("https://monitor.example/", firing("a b/é#?"))
    assert link == "https://monitor.example/#alert-a%20b%2F%C3%A9%23%3F"
