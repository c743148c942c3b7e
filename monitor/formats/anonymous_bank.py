"""The Technion "Anonymous Bank" table: one row for each call of a bank's call center in 1999.

Tab-separated, 17 columns, local time without zone (UTC+3) and without dates for what follows the
arrival. The rows of a day are not quite in order of arrival and a row's events reach hours ahead,
so the events of a day are held until a row of a later day arrives: a month costs the memory of one
busy day (about 30 MB).

Invariant: a row becomes all of its events or one counted discard, and events come out in order as
long as the days do. Reads files; no clock.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from monitor.core.events import (
    CALL_ABANDONED,
    CALL_ANSWERED,
    CALL_COMPLETED,
    CALL_DISCONNECTED,
    CALL_QUEUED,
    CALL_STARTED,
    Event,
)
from monitor.formats import rejection
from monitor.formats.lines import LINE_BYTES_MAX, RecordingError, read_lines
from monitor.formats.ordering import Sorter
from monitor.formats.pseudonyms import Pseudonyms

SOURCE: Final = "anonymous-bank"
COLUMNS: Final = (
    "vru+line", "call_id", "customer_id", "priority", "type", "date", "vru_entry", "vru_exit",
    "vru_time", "q_start", "q_exit", "q_time", "outcome", "ser_start", "ser_exit", "ser_time",
    "server",
)  # fmt: skip

_TIME: Final = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)", re.ASCII)
_DATE: Final = re.compile(r"(\d\d)(\d\d)(\d\d)", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,6}", re.ASCII)
_WORD: Final = re.compile(r"[\x21-\x7e]{1,32}")
_NEVER: Final = "0:00:00"
_NO_SERVER: Final = "NO_SERVER"
_DAY_MS: Final = 86_400_000
_ZONE_MS: Final = 3 * 3_600_000
_CENTURY: Final = 1900
_EPOCH_DAYS: Final = date(1970, 1, 1).toordinal()
# The clock of the IVR is up to 279 s behind, so a row's first events may precede its arrival.
_EARLY_MS: Final = 3_600_000


class _BadRowError(Exception):
    """A row that does not fit; its only argument is one of the rejection reasons."""


class _Row(NamedTuple):
    """One call; instants in epoch ms, None for what never happened.

    Attributes:
        day: Days since 1970 of its date.
        service: From ser_start and ser_exit; None when no service is recorded.
    """

    day: int
    call_id: str
    queue: str
    outcome: str
    entry_ms: int
    vru_exit_ms: int
    queue_stay_ms: tuple[int, int] | None
    wait_s: int
    service_ms: tuple[int, int] | None
    talk_s: int
    server: str | None


def read_anonymous_bank(
    paths: Iterable[Path],
    *,
    discards: Counter[str],
    pseudonyms: Pseudonyms,
    source: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Event]:
    """Read tables, in the order of their days, into events in order.

    Args:
        paths: The files; each begins with the header line.
        discards: Rows that do not fit are counted here by reason.
        pseudonyms: Stand-ins for the agents' names.
        source: The source that the events name; `SOURCE` by default.
        progress: Told the bytes read; see `read_lines`.

    Raises:
        RecordingError: When a file cannot be read or does not begin with the header.
    """
    sorter = Sorter()
    newest_day = 0
    for path in paths:
        for cells in _read_rows(path, discards, progress):
            try:
                row = _read_row(cells)
            except _BadRowError as bad:
                discards[str(bad)] += 1
                continue
            if row.day > newest_day:
                newest_day = row.day
                yield from sorter.release(newest_day * _DAY_MS - _ZONE_MS - _EARLY_MS)
            for event in _events(row, source or SOURCE, pseudonyms):
                sorter.add(event)
    yield from sorter.release()


def _read_rows(
    path: Path, discards: Counter[str], progress: Callable[[int], None] | None
) -> Iterator[list[str]]:
    lines = read_lines(path, progress)
    header = next(lines, b"").decode(errors="replace").strip()
    if tuple(header.split("\t")) != COLUMNS:
        found = repr(header[:60]) if header else "an empty file"
        raise RecordingError(
            f"{path}:1: expected the header of the Anonymous Bank table, {len(COLUMNS)} "
            f"tab-separated columns from {COLUMNS[0]!r} to {COLUMNS[-1]!r}, found {found}: "
            "restore the header line, or name the format that the file has"
        )
    for line in lines:
        if len(line) > LINE_BYTES_MAX:
            discards[rejection.TOO_LARGE] += 1
        elif line.strip():
            yield line.decode(errors="replace").split("\t")


def _read_row(cells: list[str]) -> _Row:
    if len(cells) != len(COLUMNS):
        raise _BadRowError(rejection.WRONG_COLUMNS)
    line, call_id, _, _, queue, day_text, entry, vru_exit, _ = cells[:9]
    q_start, q_exit, q_time, outcome, ser_start, ser_exit, ser_time, server = cells[9:]
    if outcome not in {"AGENT", "HANG", "PHANTOM"}:
        raise _BadRowError(rejection.UNKNOWN_OUTCOME)
    if not all(map(_WORD.fullmatch, (line, call_id, queue, server))):
        raise _BadRowError(rejection.BAD_TEXT)
    day = _days(day_text)
    entry_ms = day * _DAY_MS + _time_ms(entry) - _ZONE_MS

    def instant_ms(text: str) -> int:
        """A time without a date: the next day's if it lies more than 12 h before the arrival."""
        at_ms = day * _DAY_MS + _time_ms(text) - _ZONE_MS
        return at_ms + _DAY_MS if at_ms < entry_ms - _DAY_MS // 2 else at_ms

    wait_s, talk_s = _seconds(q_time), _seconds(ser_time)
    was_queued = q_start != _NEVER
    was_served = ser_start != _NEVER or talk_s > 0
    return _Row(
        day=day,
        call_id=f"{day_text}-{line}-{call_id}",
        queue=queue,
        outcome=outcome,
        entry_ms=entry_ms,
        vru_exit_ms=instant_ms(vru_exit),
        queue_stay_ms=(instant_ms(q_start), instant_ms(q_exit)) if was_queued else None,
        wait_s=wait_s,
        service_ms=(instant_ms(ser_start), instant_ms(ser_exit)) if was_served else None,
        talk_s=talk_s,
        server=None if server == _NO_SERVER else server,
    )


def _events(row: _Row, source: str, pseudonyms: Pseudonyms) -> Iterator[Event]:
    """Yield the events of a call: started, queued, answered, and one end."""

    def event(kind: str, at_ms: int) -> Event:
        return Event(type=kind, source=source, ts=at_ms / 1000, call_id=row.call_id, at_ms=at_ms)

    yield event(CALL_STARTED, row.entry_ms)
    served_ms = row.service_ms if row.outcome == "AGENT" else None
    if row.queue_stay_ms is None and row.outcome != "AGENT":
        end = event(CALL_COMPLETED, row.vru_exit_ms)
        end.ended_by, end.reason = "caller", "ivr"
        if row.outcome == "PHANTOM":
            end.type, end.ended_by, end.reason = CALL_DISCONNECTED, None, "phantom"
        yield end
        return
    if row.queue_stay_ms is not None:
        queued_ms, left_ms = row.queue_stay_ms
    else:  # An agent was free at once
        left_ms = row.vru_exit_ms
        queued_ms = left_ms if served_ms is None else min(left_ms, served_ms[0])
    wait_ms = 0 if row.queue_stay_ms is None else row.wait_s * 1000

    def queue_event(kind: str, at_ms: int) -> Event:
        made = event(kind, at_ms)
        made.queue = row.queue
        made.queued_at, made.queued_ms = queued_ms / 1000, queued_ms
        made.wait_s, made.wait_ms = wait_ms / 1000, wait_ms
        return made

    queued = event(CALL_QUEUED, queued_ms)
    queued.queue = row.queue
    yield queued
    if served_ms is not None:
        yield from _served(row, served_ms, queue_event, pseudonyms)
        return
    end = queue_event(CALL_DISCONNECTED, left_ms)
    if row.outcome == "HANG":
        end.type, end.ended_by, end.reason = CALL_ABANDONED, "caller", "abandon"
    else:
        end.reason = "phantom" if row.outcome == "PHANTOM" else "error"
    yield end


def _served(
    row: _Row,
    served_ms: tuple[int, int],
    queue_event: Callable[[str, int], Event],
    pseudonyms: Pseudonyms,
) -> Iterator[Event]:
    """Yield the answer and the end of a call that an agent took."""
    answered_ms, completed_ms = served_ms
    answered = queue_event(CALL_ANSWERED, answered_ms)
    completed = queue_event(CALL_COMPLETED, completed_ms)
    answered.agent = completed.agent = row.server and pseudonyms.agents[row.server]
    completed.answered_at, completed.answered_ms = answered_ms / 1000, answered_ms
    completed.talk_s, completed.talk_ms = float(row.talk_s), row.talk_s * 1000
    completed.ended_by, completed.reason = "unknown", "normal"
    yield answered
    yield completed


def _days(text: str) -> int:
    found = _DATE.fullmatch(text)
    try:
        year, month, day = map(int, found.groups()) if found else (0, 0, 0)
        return date(_CENTURY + year, month, day).toordinal() - _EPOCH_DAYS
    except ValueError:
        raise _BadRowError(rejection.BAD_TIME) from None


def _time_ms(text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None or int(found[1]) > 23:  # noqa: PLR2004 (hours of a day)
        raise _BadRowError(rejection.BAD_TIME)
    return (int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])) * 1000


def _seconds(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise _BadRowError(rejection.BAD_TIME)
    return int(text)
