"""What an outage was opened on, in words: the same ones at the pager, in the API and on the page.

No sentence holds an instant: whoever shows it knows in which zone its reader lives.

Pure: no I/O, no clock.
"""

from collections.abc import Sequence
from typing import Final

from monitor.core.outages.outage import Evidence, Outage
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS

_WHAT: Final = {
    "no_answer": "no call answered",
    "hold": "calls answered far too late",
    "drops": "calls cut off",
    "silence": "no call coming in",
    "agents": "agents gone",
}
_TOLD_TO_SECONDS: Final = 10
_NOT_WORKING: Final = "not working"
# What says most when several signals fired at once.
_ORDER: Final = ("no_answer", "silence", "drops", "hold", "agents")


def what_fails(outage: Outage) -> str:
    """A few words that "since" can follow, by the strongest signal that the outage opened on."""
    names = {one.signal for one in outage.evidence}
    return next((_WHAT[name] for name in _ORDER if name in names), _NOT_WORKING)


def evidence_sentence(evidence: Sequence[Evidence]) -> str:
    """Everything that an outage was opened on, without a full stop; empty without any evidence.

    The same signal on several scopes is told once, of a line before what lines are part of.
    """
    first: dict[str, Evidence] = {}
    for one in sorted(evidence, key=lambda one: not one.scope.startswith("line/")):
        first.setdefault(one.signal, one)
    return "; ".join(_sentence(one) for one in first.values())


def place_words(scope: str) -> str:
    """The name of a scope as people say it: `line/H0001/pharmacy` is `pharmacy, H0001`."""
    kind, _, name = scope.partition("/")
    if kind == "line":
        contract, _, line = name.partition("/")
        return f"{line}, {contract}"
    return name or "the whole organization"


def length_words(duration_ms: int) -> str:
    """A duration as people say it: `70 h 58 min`, `12 min`, `2 min 41 s`, `40 s`.

    Seconds are told below ten minutes. Of a negative one the amount is told.
    """
    duration_ms = abs(duration_ms)
    hours, rest_ms = divmod(duration_ms, HOUR_MS)
    minutes, rest_ms = divmod(rest_ms, MINUTE_MS)
    seconds = rest_ms // SECOND_MS
    if hours:
        return f"{hours} h {minutes} min"
    if not minutes:
        return f"{seconds} s"
    return (
        f"{minutes} min {seconds} s" if seconds and minutes < _TOLD_TO_SECONDS else f"{minutes} min"
    )


def _sentence(one: Evidence) -> str:
    figures = one.figures
    match one.signal:
        case "no_answer":
            said = (
                f"nobody answered for {length_words(figures['without_answer_ms'])},"
                f" {figures['waiting']} waiting, {figures['left_unanswered']} left unanswered"
            )
        case "hold":
            said = (
                f"hold {length_words(figures['hold_floor_ms'])} with a limit of"
                f" {length_words(figures['hold_limit_ms'])},"
                f" {figures['answered_within']} of {figures['decided']} answered in time"
            )
        case "drops":
            said = f"{figures['cut_off']} calls cut off, {figures['ended']} ended in a minute"
        case "silence":
            said = (
                f"no call for {length_words(figures['silent_ms'])},"
                f" {figures['expected']} expected meanwhile"
            )
        case "agents":
            said = f"{figures['agents']} agents there, {figures['agents_before']} before"
        case _:
            return "declared by hand"
    return f"{said} ({place_words(one.scope)})"
