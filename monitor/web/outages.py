"""An outage as the plain values that `/api/v1/outages` speaks; None for no data.

Instants are epoch milliseconds. What is left is counted from the snapshot's instant, so that a page
whose own clock is wrong still counts down right.

Pure: no I/O, no clock.
"""

from dataclasses import asdict
from typing import Any

from msgspec import structs

from monitor.core.outages.cause_words import cause_sentences
from monitor.core.outages.outage import (
    UNKNOWN,
    Baseline,
    Causes,
    Outage,
    OutageState,
    Risk,
    Threat,
)
from monitor.core.outages.sentences import evidence_sentence, what_fails
from monitor.core.snapshot import Snapshot

_INSTANTS = ("turn_ms", "well_since_ms", "seen_ms", "restored_ms", "closed_ms")


def outage_record(snapshot: Snapshot, outage: Outage) -> dict[str, Any]:
    """Everything that is known of one outage.

    Args:
        snapshot: At whose instant.
        outage: One of the snapshot's.
    """
    record = structs.asdict(outage)
    record |= {name: None if record[name] == UNKNOWN else record[name] for name in _INSTANTS}
    watch, is_open = snapshot.watch, outage.is_open
    course = () if watch is None else watch.courses.get(outage.id, ())
    lacking_ms = None
    if watch is not None and outage.state is OutageState.RECOVERING:
        lacking_ms = max(0, watch.confirm_ms - outage.well_ms)
    blind = () if watch is None else watch.contracts
    blind_since = {one.contract: one.blind_since_ms for one in blind}
    return {
        **record,
        "state": outage.state.name.lower() if is_open else "restored",
        "is_open": is_open,
        "met_deadline": outage.met_deadline,
        "what": what_fails(outage),
        "evidence": [structs.asdict(one) for one in outage.evidence],
        "evidence_words": evidence_sentence(outage.evidence),
        "threat": None if outage.threat is None else _threat(outage.threat),
        "risks": [_risk(one) for one in outage.risks],
        "baseline": None if outage.baseline is None else _baseline(outage.baseline),
        "causes": None if outage.causes is None else _causes(outage.causes),
        "remaining_ms": outage.deadline_ms - snapshot.at_ms if is_open else None,
        "effective_remaining_ms": (
            outage.effective_deadline_ms - snapshot.at_ms if is_open else None
        ),
        "well_lacking_ms": lacking_ms,
        "blind_since_ms": blind_since.get(outage.contract) if is_open else None,
        "transitions": [asdict(one) for one in course],
    }


def _known(record: dict[str, Any]) -> dict[str, Any]:
    """The same with None where UNKNOWN stands."""
    return {name: None if value == UNKNOWN else value for name, value in record.items()}


def _threat(threat: Threat) -> dict[str, Any]:
    record = structs.asdict(threat)
    return record | _known({name: record[name] for name in ("told_ppm", "low_since_ms")})


def _risk(risk: Risk) -> dict[str, Any]:
    return _known(structs.asdict(risk))


def _baseline(baseline: Baseline) -> dict[str, Any]:
    return _known(structs.asdict(baseline)) | {"scope": baseline.scope or None}


def _causes(causes: Causes) -> dict[str, Any]:
    """What speaks for each cause, in figures and words; None for one of which nothing is known."""
    words = cause_sentences(causes)
    found = {name: getattr(causes, name) for name in ("demand", "staffing", "technology")}
    return {
        "at_ms": causes.at_ms,
        **{
            name: None if cause is None else structs.asdict(cause) | {"words": words[name]}
            for name, cause in found.items()
        },
    }
