"""The bank's recorded calls as plain facts, and as normalized events made from those facts.

The table is a real call center's, call by call: seventeen tab-separated columns, local time without
a zone, dates by arrival. It is read here a second time, apart from `monitor.formats`, so that the
oracle that stands on it shares no mistake with the program. What the columns mean:

- Times are UTC+3. One that lies more than twelve hours before the call's arrival is the next day's.
- A call arrives at `vru_entry`. It is queued at `q_start`; if that is 0:00:00 and an agent took it
  at once, at the earlier of `vru_exit` and `ser_start`, with a wait of nothing.
- AGENT is an answer at `ser_start` and a normal end at `ser_exit`; without any recorded service it
  is no answer but a disconnect (error) at the exit from the queue, or from the IVR if never queued.
- HANG is an abandon at `q_exit`, or, never queued, a call that ended content within the IVR.
- PHANTOM is a disconnect at `q_exit`. The hold is `q_time` in every case.

Invariant: each call has one arrival, at most one stay in a queue, and exactly one end.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

BANK_FILE = "technion-anonymous-bank/calls_1999-08_days_01-15.txt"

_UTC_OFFSET = timedelta(hours=3)
_HALF_DAY_MS = 12 * 3_600_000
_DAY_MS = 24 * 3_600_000
_NEVER = "0:00:00"


@dataclass(frozen=True, slots=True)
class BankCall:
    """What happened to one call. Instants are epoch milliseconds.

    Attributes:
        call_id: date, line and the table's own id, which together are unique.
        day: day of the month of its arrival, local time.
        outcome: as in the table: AGENT, HANG or PHANTOM.
        started_ms: when it reached the IVR.
        queue: the queue it reached; None when it ended in the IVR.
        queued_ms: when it reached that queue; None when it ended in the IVR.
        wait_ms: how long it was held.
        answered_ms: when an agent took it; None when none did.
        ended_ms: when it ended.
        end: the type of the event that ended it.
        ended_by: who ended it, as far as the table says.
        reason: why it ended.
        talk_ms: how long the service took; None when unanswered.
    """

    call_id: str
    day: int
    outcome: str
    started_ms: int
    queue: str | None
    queued_ms: int | None
    wait_ms: int
    answered_ms: int | None
    ended_ms: int
    end: str
    ended_by: str
    reason: str
    talk_ms: int | None


def bank_path() -> Path:
    """Return where the recorded calls lie; skip the test when they are not beside this checkout."""
    data = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = data / BANK_FILE
    if not path.exists():
        pytest.skip(f"the recorded calls {BANK_FILE} are not at {data}")
    return path


def load_bank(path: Path) -> list[BankCall]:
    """Read the table.

    Args:
        path: the tab-separated file with its header line.

    Returns:
        One for each row, in the order of the file.
    """
    with path.open(encoding="ascii", newline="") as table:
        return [_call(row) for row in csv.DictReader(table, delimiter="\t")]


def _call(row: dict[str, str]) -> BankCall:
    midnight = datetime.strptime(row["date"], "%y%m%d").replace(tzinfo=UTC) - _UTC_OFFSET
    midnight_ms = int(midnight.timestamp()) * 1000
    started_ms = midnight_ms + _clock_ms(row["vru_entry"])

    def instant(column: str) -> int:
        at_ms = midnight_ms + _clock_ms(row[column])
        return at_ms + _DAY_MS if at_ms < started_ms - _HALF_DAY_MS else at_ms

    outcome = row["outcome"]
    was_queued = row["q_start"] != _NEVER
    was_served = outcome == "AGENT" and (row["ser_start"] != _NEVER or int(row["ser_time"]) > 0)
    left_ms = instant("q_exit") if was_queued else instant("vru_exit")

    queued_ms: int | None
    if was_queued:
        queued_ms = instant("q_start")
    elif was_served:
        queued_ms = min(instant("vru_exit"), instant("ser_start"))
    elif outcome == "AGENT":
        queued_ms = instant("vru_exit")
    else:
        queued_ms = None

    ended_ms = left_ms
    if was_served:
        ended_ms, end, ended_by, reason = instant("ser_exit"), "completed", "unknown", "unknown"
    elif outcome == "AGENT":
        end, ended_by, reason = "disconnected", "system", "error"
    elif outcome == "PHANTOM":
        end, ended_by, reason = "disconnected", "unknown", "phantom"
    elif was_queued:
        end, ended_by, reason = "abandoned", "caller", "abandon"
    else:
        end, ended_by, reason = "completed", "caller", "ivr"
    return BankCall(
        call_id=f"{row['date']}-{row['vru+line']}-{row['call_id']}",
        day=int(row["date"][4:]),
        outcome=outcome,
        started_ms=started_ms,
        queue=row["type"] if queued_ms is not None else None,
        queued_ms=queued_ms,
        wait_ms=int(row["q_time"]) * 1000,
        answered_ms=instant("ser_start") if was_served else None,
        ended_ms=ended_ms,
        end=f"call.{end}",
        ended_by=ended_by,
        reason=reason,
        talk_ms=int(row["ser_time"]) * 1000 if was_served else None,
    )


def _clock_ms(text: str) -> int:
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return (hours * 3600 + minutes * 60 + seconds) * 1000


def bank_events(calls: Iterable[BankCall], source: str = "bank") -> list[dict[str, object]]:
    """Make normalized events, version 1, of calls.

    Args:
        calls: their facts.
        source: the name of the source the events shall bear.

    Returns:
        JSON objects, call by call; the events of a call in the order start, queued, answered, end.
    """
    events: list[dict[str, object]] = []
    for call in calls:
        base: dict[str, object] = {"v": 1, "source": source, "call_id": call.call_id}
        events.append(base | {"type": "call.started", "ts": call.started_ms / 1000, "queue": None})
        of_queue: dict[str, object] = base | {"queue": call.queue}
        ending: dict[str, object] = {"ended_by": call.ended_by, "reason": call.reason}
        if call.queued_ms is not None:
            of_queue["queued_at"] = call.queued_ms / 1000
            events.append(of_queue | {"type": "call.queued", "ts": call.queued_ms / 1000})
            ending["wait_s"] = call.wait_ms / 1000
        if call.answered_ms is not None and call.talk_ms is not None:
            answer = {"ts": call.answered_ms / 1000, "wait_s": call.wait_ms / 1000}
            events.append(of_queue | {"type": "call.answered"} | answer)
            ending["talk_s"] = call.talk_ms / 1000
            ending["answered_at"] = call.answered_ms / 1000
        events.append(of_queue | {"type": call.end, "ts": call.ended_ms / 1000} | ending)
    return events
