"""An outage as the plain values that `/api/v1/outages` speaks; None for no data.

Instants are epoch milliseconds. What is left is counted from the snapshot's instant, so that a page
whose own clock is wrong still counts down right.

Pure: no I/O, no clock.
"""

from dataclasses import asdict
from typing import Any

from msgspec import structs

from monitor.core.outages.outage import UNKNOWN, Outage, OutageState
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
        "threat": None if outage.threat is None else structs.asdict(outage.threat),
        "remaining_ms": outage.deadline_ms - snapshot.at_ms if is_open else None,
        "effective_remaining_ms": (
            outage.effective_deadline_ms - snapshot.at_ms if is_open else None
        ),
        "well_lacking_ms": lacking_ms,
        "blind_since_ms": blind_since.get(outage.contract) if is_open else None,
        "transitions": [asdict(one) for one in course],
    }
