"""Outages as the ledger tells them: one story each, from the rows that are kept of it.

A later version of the program may tell of more than this one knows; what it does not know changes
no state and is shown as it is.

Pure: no I/O, no clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from monitor.core.ledger import LedgerRow

_KEYS: Final = "outage/"
_STATES: Final = {
    "opened": "outage",
    "relapsed": "outage",
    "recovering": "recovering",
    "restored": "restored",
    "abandoned": "abandoned",
}
_OVER: Final = frozenset(("restored", "abandoned"))


@dataclass(slots=True)
class OutageStory:
    """One outage.

    Attributes:
        id: Its id.
        contract: Id of the contract.
        state: outage, recovering, restored or abandoned.
        onset_ms: When it ceased to work, epoch ms; None when the ledger does not say.
        deadline_ms: When it has to be restored, epoch ms; None as well.
        restored_ms: When it was restored, epoch ms; None before.
        restored_by: Who said so, when it was said by hand.
        is_missed: Whether the deadline passed while it did not work.
        happenings: All that happened, in order: `at_ms`, `what`, and the figures of each.
    """

    id: str
    contract: str
    state: str = "outage"
    onset_ms: int | None = None
    deadline_ms: int | None = None
    restored_ms: int | None = None
    restored_by: str | None = None
    is_missed: bool = False
    happenings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it is followed still."""
        return self.state not in _OVER


def stories(rows: Iterable[LedgerRow]) -> dict[str, OutageStory]:
    """The outages that rows tell of, by id, in the order in which they began.

    Args:
        rows: Of the ledger, in their order; those of something else are passed over.
    """
    found: dict[str, OutageStory] = {}
    for row in rows:
        if not row.key.startswith(_KEYS):
            continue
        try:
            body = row.content
        except ValueError:
            continue  # a damaged row: `ledger verify` names it
        if not isinstance(body, dict) or not isinstance(body.get("outage"), str):
            continue
        name = body["outage"]
        contract = row.subject.removeprefix("contract/")
        _tell(found.setdefault(name, OutageStory(name, contract)), row.at_ms, body)
    return found


def find(found: dict[str, OutageStory], name: str) -> OutageStory | None:
    """The outage with an id; for the id of a contract its open one, else its newest."""
    if name in found:
        return found[name]
    theirs = [story for story in found.values() if story.contract == name]
    return next((one for one in theirs if one.is_open), theirs[-1] if theirs else None)


def _tell(story: OutageStory, at_ms: int, body: dict[str, Any]) -> None:
    what = str(body.get("what"))
    story.state = _STATES.get(what, story.state)
    if what in {"opened", "restored"}:
        story.onset_ms = body.get("onset_ms", story.onset_ms)
        story.deadline_ms = body.get("deadline_ms", story.deadline_ms)
    if what == "restored":
        story.restored_ms, story.restored_by = body.get("restored_ms"), body.get("who")
    story.is_missed |= what == "missed"
    figures = {name: value for name, value in body.items() if name not in {"what", "outage"}}
    story.happenings.append({"at_ms": at_ms, "what": what, **figures})
