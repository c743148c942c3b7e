"""What people and programs read about an outage, its deadline, and what cannot be seen."""

from dataclasses import replace
from typing import Any

import pytest
from outage_parts import DEADLINE_MS, HOUR_MS, MINUTE_MS, ONSET_MS, make_notice_alert, make_threat
from snapshots import AT_MS

from monitor.core.snapshot import Alert, AlertState, Notice
from monitor.sinks.text import annotations, labels, notice_summary, rfc3339, starts_ms


def told(alert: Alert, **changed: Any) -> Alert:  # noqa: ANN401 (any attribute of a notice)
    assert alert.notice is not None
    return replace(alert, notice=replace(alert.notice, **changed))


def summary(alert: Alert) -> str:
    return notice_summary(alert, lambda at_ms: at_ms)


def test_an_open_outage_says_what_since_when_and_how_much_is_left() -> None:
    assert summary(make_notice_alert()) == (
        "H0001 call center: no call answered since 19:24 UTC (nobody answered for 31 s, 12 waiting,"
        " 30 left unanswered (pharmacy, H0001)), 70 h 58 min left to restore"
        " (42 CFR 422.504(o)(2), 423.505(p)(2)), deadline 31 May 19:24 UTC"
    )
    late = told(make_notice_alert(), at_ms=DEADLINE_MS + 12 * MINUTE_MS)
    assert "deadline 19:24 UTC passed 12 min ago (42 CFR" in summary(late)


def test_a_missed_deadline_and_an_end_say_by_how_much() -> None:
    missed = make_notice_alert(rule="CallCenterDeadlineMissed", breached_ms=DEADLINE_MS)
    missed = told(missed, at_ms=DEADLINE_MS + HOUR_MS)
    assert "not restored in time, deadline 19:24 UTC passed 1 h 0 min ago" in summary(missed)
    over = make_notice_alert(state=AlertState.RESOLVED, resolved_ms=AT_MS)
    over = told(over, restored_ms=AT_MS - 30 * MINUTE_MS)
    assert summary(over) == (
        "Resolved: H0001 call center: restored at 19:56 UTC, 71 h 28 min before the"
        " deadline 31 May 19:24 UTC"
    )


def test_blindness_says_that_nothing_is_known() -> None:
    notice = Notice(AT_MS, "H0001", "not seen", "not seen: H0001", sources=("pbx1", "pbx2"))
    alert = make_notice_alert(rule="CallCenterBlind", severity="warning", clause="", notice=notice)
    assert summary(alert) == (
        "H0001 call center: cannot be seen since 19:24 UTC: nothing is heard from pbx1, pbx2;"
        " whether it works is not known"
    )
    assert "clause" not in annotations(alert, lambda at_ms: at_ms)
    seen = replace(alert, state=AlertState.RESOLVED, resolved_ms=AT_MS, reason="seen")
    assert summary(seen) == "Resolved: H0001 call center: seen again since 20:26 UTC"


def at_risk(**given: Any) -> Alert:  # noqa: ANN401 (any attribute of an alert)
    values = {"rule": "CallCenterDeadlineAtRisk", "reason": "likely", "breached_ms": AT_MS}
    return told(make_notice_alert(**(values | given)), threat=make_threat())


def test_a_deadline_at_risk_says_how_likely_until_when_and_what_is_needed() -> None:
    alert = at_risk()
    assert summary(alert) == (
        "H0001 call center: 78 % likely to miss the deadline 31 May 19:24 UTC"
        " (42 CFR 422.504(o)(2), 423.505(p)(2)): restored P10 29 May 05:24 UTC, restored P50 1 Jun"
        " 03:24 UTC, restored P90 later than can be seen, 31 more agents needed from 21:24 UTC;"
        " no call answered"
    )
    said = annotations(alert, lambda at_ms: at_ms)
    assert (said["miss_probability"], said["threshold"]) == ("0.790", "75 %")
    assert said["restored_p10"] == rfc3339(ONSET_MS + 10 * HOUR_MS)
    assert "restored_p90" not in said
    assert (said["agents_needed"], said["deadline"]) == ("31", rfc3339(DEADLINE_MS))
    assert labels(alert) == labels(at_risk(breached_ms=AT_MS + HOUR_MS))


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("raised", "Resolved: H0001 call center: raised from critical: 78 % likely to miss the"),
        ("lowered", "Resolved: H0001 call center: lowered from critical: 78 % likely to miss the"),
        ("missed", "Resolved: H0001 call center: at risk no longer, the deadline 31 May 19:24 UTC"),
    ],
)
def test_a_risk_that_is_over_says_what_became_of_it(reason: str, sentence: str) -> None:
    over = at_risk(reason=reason, state=AlertState.RESOLVED, resolved_ms=AT_MS)
    assert summary(over).startswith(sentence)


def test_labels_never_change_and_the_start_is_the_onset() -> None:
    alert = make_notice_alert()
    assert starts_ms(alert) == ONSET_MS
    later = told(alert, at_ms=AT_MS + HOUR_MS)
    assert labels(alert) == labels(later)
    assert labels(alert) == {
        "alertname": "CallCenterOutage",
        "contract": "H0001",
        "organization": "Example Health",
        "scope": "contract",
        "severity": "critical",
    }
    said = annotations(alert, lambda at_ms: at_ms)
    assert said["deadline"] == rfc3339(DEADLINE_MS)
    assert said["since"] == rfc3339(ONSET_MS)
    assert said["dedup_key"] == alert.key
