"""What an alert says outside: its labels, the sentences about it, and the link back to it.

Receivers know an alert by its labels, so labels hold nothing that changes while it lives; every
figure is in an annotation. Invariant: a sentence about a breach never shows the measure equal to
its limit: digits are added until they differ, because "80.0 %, limit 80.0 %" reads as a mistake.

Pure: no I/O, no clock.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

from monitor.core.outages.notices import MISSED
from monitor.core.outages.outage import Threat
from monitor.core.outages.sentences import length_words
from monitor.core.snapshot import Alert, AlertState, Notice, ScopeKind
from monitor.core.standards import Measure

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = ((3_600_000, "hour"), (60_000, "minute"), (1_000, "second"), (1, "millisecond"))
_MEASURES: Final = {
    Measure.AVERAGE_HOLD: "average hold",
    Measure.SERVICE_LEVEL: "service level",
    Measure.DISCONNECT_RATIO: "disconnect ratio",
}
_DIGITS_MORE: Final = 3
_PPM: Final = 1_000_000


def rfc3339(at_ms: int) -> str:
    """An instant (epoch ms) in UTC with milliseconds: `2026-03-02T15:04:05.678Z`."""
    instant = _EPOCH + timedelta(milliseconds=at_ms)
    return instant.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def clock_time(seconds: float, digits: int = 0) -> str:
    """A duration as people read it off a phone: `2:41`, `1:02:41`, with digits `2:00.4`."""
    unit = 10**digits
    minutes, rest = divmod(round(seconds * unit), 60 * unit)
    hours, minutes = divmod(minutes, 60)
    whole, fraction = divmod(rest, unit)
    text = f"{hours}:{minutes:02}:{whole:02}" if hours else f"{minutes}:{whole:02}"
    return f"{text}.{fraction:0{digits}}" if digits else text


def percent(ratio: float, digits: int = 1) -> str:
    """A ratio 0..1 in percent: `79.6 %`."""
    return f"{ratio * 100:.{digits}f} %"


def window_words(window_ms: int) -> str:
    """The length of a window in its largest whole unit: `30 minutes`, `1 hour`, `90 seconds`."""
    size, word = next(unit for unit in _UNITS if window_ms % unit[0] == 0)
    number = window_ms // size
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def labels(alert: Alert) -> dict[str, str]:
    """What identifies the alert for receivers. Same from the first sending to the last.

    Empty values are left out, as receivers treat them as absent: the scope of calls that reached
    no queue is then `scope="queue"` without `queue`.
    """
    named = {
        **alert.labels,
        "alertname": alert.rule,
        "severity": alert.severity,
        "scope": alert.scope.split("/", 1)[0],
    }
    return {name: value for name, value in sorted(named.items()) if value}


def annotations(alert: Alert, wall_ms: Callable[[int], int]) -> dict[str, str]:
    """Everything else about the alert, for people and for programs.

    Args:
        alert: Firing or resolved.
        wall_ms: From an instant of the engine to the wall's, both epoch ms.
    """
    if alert.notice is not None:
        return _notice_annotations(alert, alert.notice, wall_ms)
    assert alert.measure is not None
    assert alert.window_ms is not None
    figures = {
        "summary": summary(alert),
        "description": description(alert, wall_ms),
        "clause": alert.clause,
        "dedup_key": alert.key,
        "measure": alert.measure.value,
        "window": window_words(alert.window_ms),
        "limit": f"{alert.limit:g}",
        "calls": str(alert.denominator),
        "reason": alert.reason,
    }
    if alert.value is not None:
        figures["value"] = f"{alert.value:.6g}"
    return figures


def generator_url(external_url: str, alert: Alert) -> str:
    """Where the alert is shown: the status page, at the element `alert-KEY` (percent-encoded)."""
    return f"{external_url.rstrip('/')}/#alert-{quote(alert.key, safe='')}"


def summary(alert: Alert) -> str:
    """One sentence for people, without any word of ours.

    For example: `Part D help desk, H3237: average hold 2:41 over 30 minutes, limit 2:00, 412
    calls`. The alert is on a measure.
    """
    assert alert.measure is not None
    assert alert.window_ms is not None
    value, limit = _figures(alert)
    calls = "1 call" if alert.denominator == 1 else f"{alert.denominator:,} calls"
    sentence = (
        f"{_place(alert)}: {_MEASURES[alert.measure]} {value} over"
        f" {window_words(alert.window_ms)}, limit {limit}, {calls}"
    )
    return f"Resolved: {sentence}" if alert.state is AlertState.RESOLVED else sentence


def description(alert: Alert, wall_ms: Callable[[int], int]) -> str:
    """What an engineer asks next: rule, scope, exact figures, instants and why it changed last."""
    assert alert.measure is not None
    assert alert.window_ms is not None
    unit = "ms of waiting" if alert.measure is Measure.AVERAGE_HOLD else "calls"
    judged = (
        f"Rule {alert.rule} on {alert.scope}:"
        f" {alert.measure.value} over {window_words(alert.window_ms)}"
        f" = {alert.numerator} {unit} / {alert.denominator} calls"
    )
    instants = (
        ("breached", alert.breached_ms),
        ("fired", alert.fired_ms),
        ("resolved", alert.resolved_ms),
    )
    when = [f"{word} {rfc3339(wall_ms(at))}" for word, at in instants if at is not None]
    parts = [judged, *when, f"last change: {alert.reason}"]
    return ", ".join(parts) + f". {alert.clause}"


def starts_ms(alert: Alert) -> int:
    """What receivers are told as its start: when it fired, but of a notice since when it is so."""
    assert alert.fired_ms is not None
    return alert.fired_ms if alert.notice is None else alert.breached_ms


def notice_summary(alert: Alert, wall_ms: Callable[[int], int]) -> str:
    """One sentence for people about an outage, its deadline, or what cannot be seen.

    For example: `H0001 call center: no call answered since 14:02 UTC (nobody answered for 31 s, 9
    waiting, 4 left unanswered (pharmacy, H0001)), 70 h 58 min left to restore (42 CFR ...),
    deadline 5 Mar 14:02 UTC`.
    """
    notice = alert.notice
    assert notice is not None
    at_ms = notice.at_ms

    def instant(then_ms: int) -> str:
        return _instant_words(wall_ms(then_ms), wall_ms(at_ms))

    who = f"{notice.contract} call center"
    since = instant(alert.breached_ms)
    if alert.reason == "rule_removed":
        return f"Resolved: {who}: no longer watched"
    if notice.deadline_ms is None:
        lost = ", ".join(notice.sources)
        heard = f": nothing is heard from {lost}" if lost else ""
        return (
            f"{who}: cannot be seen since {since}{heard}; whether it works is not known"
            if alert.resolved_ms is None
            else f"Resolved: {who}: seen again since {instant(alert.resolved_ms)}"
        )
    deadline = f"deadline {instant(notice.deadline_ms)}"
    if notice.restored_ms is not None:
        margin_ms = notice.deadline_ms - notice.restored_ms
        side = "before" if margin_ms >= 0 else "after"
        end = f"{length_words(margin_ms)} {side} the {deadline}"
        return f"Resolved: {who}: restored at {instant(notice.restored_ms)}, {end}"
    if notice.threat is not None:
        return _risk_summary(alert, notice.threat, who, deadline, instant)
    left_ms = notice.deadline_ms - at_ms
    if alert.rule == MISSED:
        return (
            f"{who}: not restored in time, {deadline} passed {length_words(left_ms)} ago"
            f" ({alert.clause}); {notice.what}"
        )
    figures = f" ({notice.evidence})" if notice.evidence else ""
    left = (
        f"{length_words(left_ms)} left to restore ({alert.clause}), {deadline}"
        if left_ms >= 0
        else f"{deadline} passed {length_words(left_ms)} ago ({alert.clause})"
    )
    return f"{who}: {notice.what} since {since}{figures}, {left}"


def _risk_summary(
    alert: Alert, threat: Threat, who: str, deadline: str, instant: Callable[[int], str]
) -> str:
    """One sentence about a deadline that is in danger. The outage goes on."""
    risk = f"{_whole_percent(threat.miss_ppm)} likely to miss the {deadline}"
    if alert.reason == "missed":
        return f"Resolved: {who}: at risk no longer, the {deadline} has been missed"
    if alert.resolved_ms is not None:
        # It went over into an alert that is more or less severe, or into none.
        return f"Resolved: {who}: {alert.reason} from {alert.severity}: {risk}"
    assert alert.notice is not None
    outlook = ", ".join(_outlook(threat, instant))
    return f"{who}: {risk} ({alert.clause}): {outlook}; {alert.notice.what}"


def _notice_annotations(
    alert: Alert, notice: Notice, wall_ms: Callable[[int], int]
) -> dict[str, str]:
    instants = {
        "since": alert.breached_ms,
        "noticed": alert.fired_ms,
        "deadline": notice.deadline_ms,
        "restored": notice.restored_ms,
        "resolved": alert.resolved_ms,
    }
    told = {name: rfc3339(wall_ms(at)) for name, at in instants.items() if at is not None}
    parts = [notice.evidence, *(f"{name} {at}" for name, at in told.items())]
    said = ", ".join(part for part in parts if part)
    figures = {
        "summary": notice_summary(alert, wall_ms)
        if notice.contract
        else _own_summary(notice, alert),
        "description": f"Rule {alert.rule} on {alert.scope}: {said},"
        f" last change: {alert.reason}. {alert.clause}".rstrip(),
        "clause": alert.clause,
        "dedup_key": alert.key,
        "reason": alert.reason,
        "outage": notice.outage or "",
        "sources": ", ".join(notice.sources),
        **told,
        **({} if notice.threat is None else _threat_annotations(notice.threat, wall_ms)),
    }
    return {name: value for name, value in figures.items() if value}


def _outlook(threat: Threat, instant: Callable[[int], str]) -> Iterator[str]:
    """When it will be restored, and what would be needed, in words."""
    for name, at_ms in (("P10", threat.p10_ms), ("P50", threat.p50_ms), ("P90", threat.p90_ms)):
        yield f"restored {name} {'later than can be seen' if at_ms is None else instant(at_ms)}"
    if threat.agents_more and threat.agents_from_ms is not None:
        agents = "agent" if threat.agents_more == 1 else "agents"
        yield f"{threat.agents_more} more {agents} needed from {instant(threat.agents_from_ms)}"


def _threat_annotations(threat: Threat, wall_ms: Callable[[int], int]) -> dict[str, str]:
    """A forecast for programs: a probability, and instants; what is not known is left out."""
    instants = {
        "forecast_at": threat.at_ms,
        "restored_p10": threat.p10_ms,
        "restored_p50": threat.p50_ms,
        "restored_p90": threat.p90_ms,
        "agents_needed_from": threat.agents_from_ms if threat.agents_more else None,
    }
    return {
        "miss_probability": f"{threat.miss_ppm / _PPM:.3f}",
        "threshold": _whole_percent(threat.told_ppm) if threat.told_ppm > 0 else "",
        "agents_needed": str(threat.agents_more) if threat.agents_more else "",
        **{name: rfc3339(wall_ms(at)) for name, at in instants.items() if at is not None},
    }


def _whole_percent(ppm: int) -> str:
    """A probability in millionths, never rounded up: nothing is certain."""
    return f"{ppm * 100 // _PPM} %"


def _own_summary(notice: Notice, alert: Alert) -> str:
    """What is wrong with the daemon itself, and what to do."""
    if alert.resolved_ms is not None:
        return f"Resolved: callcenter-monitor: no longer so: {notice.what}"
    return f"callcenter-monitor: {notice.what}: {notice.evidence}"


def _instant_words(then_ms: int, now_ms: int) -> str:
    """`14:02 UTC`, with its day when that is not the day of `now_ms`."""
    then, now = (_EPOCH + timedelta(milliseconds=at) for at in (then_ms, now_ms))
    day = "" if then.date() == now.date() else f"{then.day} {then:%b} "
    return f"{day}{then:%H:%M} UTC"


def _place(alert: Alert) -> str:
    kind, _, name = alert.scope.partition("/")
    match kind:
        case ScopeKind.LINE:
            contract, _, line = name.partition("/")
            return f"{alert.labels.get('line', line)}, {alert.labels.get('contract', contract)}"
        case ScopeKind.ORGANIZATION:
            return alert.labels.get("organization", "Organization")
        case ScopeKind.LEGAL_ENTITY:
            return name
        case ScopeKind.QUEUE if not name:
            return "Calls that reached no queue"
        case ScopeKind.QUEUE if name == "unconfigured":
            return "Unconfigured queues"
        case _:
            return f"{kind.capitalize()} {name}"


def _figures(alert: Alert) -> tuple[str, str]:
    """The measure and its limit as text; `not measurable` without calls."""
    assert alert.limit is not None
    base, write = (0, clock_time) if alert.measure is Measure.AVERAGE_HOLD else (1, percent)
    limit = write(alert.limit, base)
    if alert.value is None:
        return "not measurable", limit
    digits = base
    while (
        alert.value != alert.limit
        and digits < base + _DIGITS_MORE
        and write(alert.value, digits) == write(alert.limit, digits)
    ):
        digits += 1
    return write(alert.value, digits), limit
