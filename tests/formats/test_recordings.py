"""Recorded files become events and counted discards; what cannot be read says so in one line."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.core.events import RANK, Event
from monitor.formats.anonymous_bank import COLUMNS
from monitor.formats.lines import LINE_BYTES_MAX
from monitor.formats.recordings import RECORDING_FORMATS, RecordingError, read_recording
from monitor.formats.rejection import REJECTION_REASONS

TABLE = (
    Path(__file__).resolve().parents[3]
    / "shared/data/technion-anonymous-bank/calls_1999-08_days_01-15.txt"
)
needs_table = pytest.mark.skipif(not TABLE.exists(), reason=f"the recorded days are not at {TABLE}")
HEADER = "\t".join(COLUMNS)
ROW = (
    "AA0101", "7", "0", "1", "PS", "990802", "23:59:00", "23:59:10", "10", "23:59:10", "0:00:50",
    "100", "AGENT", "0:00:49", "0:02:00", "71", "BASCH",
)  # fmt: skip
LINE = json.dumps({"type": "call.started", "source": "pbx1", "ts": 1_760_000_000, "call_id": "c-1"})


def row(**changes: str) -> str:
    cells = dict(zip(COLUMNS, ROW, strict=True))
    return "\t".join((cells | changes).values())


def bank(path: Path, *rows: str, header: str = HEADER) -> tuple[list[Event], Counter[str]]:
    path.write_text("\n".join((header, *rows)) + "\n")
    discards: Counter[str] = Counter()
    return list(read_recording("anonymous-bank", [path], discards=discards)), discards


def test_the_formats_are_registered_by_name() -> None:
    assert set(RECORDING_FORMATS) == {"normalized", "anonymous-bank"}
    with pytest.raises(RecordingError, match=r"'csv': choose one of anonymous-bank, normalized"):
        read_recording("csv", [])


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_normalized_lines_are_read_with_their_discards_and_progress(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"day{suffix}"
    text = "\n".join(
        ["\ufeff" + LINE, "", "not json", LINE, LINE[:-1] + ',"v":2}', f"[{LINE},{LINE}]"] * 500
    )
    text += "\n" + " " * (LINE_BYTES_MAX + 5) + "x\n" + LINE
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    discards: Counter[str] = Counter()
    progress: list[int] = []
    events = list(read_recording("normalized", [path], progress.append, discards=discards))
    # The mark of byte order is no JSON except at the very beginning, where it is taken off.
    assert len(events) == 500 * 3 + 1 + 1
    assert discards == {"bad_json": 500 + 499, "wrong_version": 500, "too_large": 1}
    assert sum(progress) == path.stat().st_size
    assert {event.at_ms for event in events} == {1_760_000_000_000}


def test_a_missing_file_is_named_before_anything_is_read(tmp_path: Path) -> None:
    present = tmp_path / "present.jsonl"
    present.write_text(LINE)
    for absent in (tmp_path / "absent.jsonl", tmp_path):
        with pytest.raises(RecordingError) as caught:
            read_recording("normalized", [present, absent])
        assert str(caught.value).startswith(f"{absent}: ")
        assert "give the path" in str(caught.value)
        assert "\n" not in str(caught.value)


WHOLE = gzip.compress("\n".join([LINE] * 5_000).encode())


@pytest.mark.parametrize(
    "damaged",
    [WHOLE[:-20], b"no gzip", WHOLE[:30] * 3, WHOLE[:-8] + bytes(8)],
    ids=["cut short", "not compressed", "overwritten", "wrong checksum"],
)
def test_a_damaged_archive_is_one_clear_line(tmp_path: Path, damaged: bytes) -> None:
    path = tmp_path / "day.jsonl.gz"
    path.write_bytes(damaged)
    with pytest.raises(RecordingError, match="the compressed data is damaged") as caught:
        list(read_recording("normalized", [path]))
    assert str(caught.value).startswith(f"{path}:")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("header", ["", LINE, HEADER.replace("\t", ","), row()])
def test_a_table_without_its_header_names_line_and_remedy(tmp_path: Path, header: str) -> None:
    path = tmp_path / "table.txt"
    with pytest.raises(RecordingError, match="restore the header line") as caught:
        bank(path, row(), header=header)
    assert str(caught.value).startswith(f"{path}:1: ")


def test_a_row_carries_its_facts_over_midnight(tmp_path: Path) -> None:
    events, discards = bank(tmp_path / "table.txt", row())
    assert discards == {}
    assert [(event.type, _utc(event.at_ms)) for event in events] == [
        ("call.started", "1999-08-02T20:59:00"),
        ("call.queued", "1999-08-02T20:59:10"),
        ("call.answered", "1999-08-02T21:00:49"),
        ("call.completed", "1999-08-02T21:02:00"),
    ]
    _, queued, answered, completed = events
    assert {event.call_id for event in events} == {"990802-AA0101-7"}
    assert [event.queue for event in events] == [None, "PS", "PS", "PS"]
    assert answered.queued_ms == completed.queued_ms == queued.at_ms
    assert (answered.wait_ms, completed.wait_ms) == (100_000, 100_000)
    assert (completed.answered_ms, completed.talk_ms) == (answered.at_ms, 71_000)
    assert (completed.ended_by, completed.reason) == ("unknown", "normal")
    assert answered.agent == completed.agent != "BASCH"
    assert all(event.ts * 1000 == event.at_ms for event in events if isinstance(event.ts, float))


def test_an_agent_who_was_free_at_once_is_a_wait_of_nothing(tmp_path: Path) -> None:
    events, _ = bank(
        tmp_path / "t.txt",
        row(
            q_start="0:00:00",
            q_exit="0:00:00",
            q_time="0",
            ser_start="23:59:08",
            ser_exit="23:59:50",
        ),
    )
    assert [(event.type, event.wait_ms) for event in events] == [
        ("call.started", None), ("call.queued", None), ("call.answered", 0), ("call.completed", 0),
    ]  # fmt: skip
    assert events[1].at_ms == events[2].at_ms == events[2].queued_ms


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"outcome": "HANG"}, ("call.abandoned", "PS", "caller", "abandon", 100_000)),
        ({"outcome": "PHANTOM"}, ("call.disconnected", "PS", None, "phantom", 100_000)),
        (
            {"ser_start": "0:00:00", "ser_time": "0"},
            ("call.disconnected", "PS", None, "error", 100_000),
        ),
        (
            {"outcome": "HANG", "q_start": "0:00:00"},
            ("call.completed", None, "caller", "ivr", None),
        ),
    ],
)
def test_each_outcome_ends_in_its_own_way(
    tmp_path: Path, changes: dict[str, str], end: tuple[object, ...]
) -> None:
    events, _ = bank(tmp_path / "table.txt", row(**changes))
    last = events[-1]
    assert (last.type, last.queue, last.ended_by, last.reason, last.wait_ms) == end
    assert "call.answered" not in {event.type for event in events}


def test_bad_rows_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    events, discards = bank(
        tmp_path / "table.txt",
        row(),
        "",
        "one\ttwo",
        row(outcome="VANISHED"),
        row(date="990231"),
        row(vru_entry="25:00:00"),
        row(q_exit="soon"),
        row(q_time="-1"),
        row(type="P\u0007S"),
        "x" * (LINE_BYTES_MAX + 10),
        row(call_id="8"),
    )
    assert {event.call_id for event in events} == {"990802-AA0101-7", "990802-AA0101-8"}
    assert discards == {
        "wrong_columns": 1, "unknown_outcome": 1, "bad_time": 4, "bad_text": 1, "too_large": 1,
    }  # fmt: skip
    assert set(discards) <= REJECTION_REASONS


@needs_table
def test_the_recorded_days_give_their_published_totals() -> None:
    discards: Counter[str] = Counter()
    progress: list[int] = []
    events = list(read_recording("anonymous-bank", [TABLE], progress.append, discards=discards))
    assert len(events) == 85_035
    assert Counter(event.type for event in events) == {
        "call.started": 23_668,
        "call.queued": 21_833,
        "call.answered": 15_866,
        "call.completed": 15_866 + 1_835,
        "call.abandoned": 5_746,
        "call.disconnected": 221,
    }
    ends = Counter((event.type, event.queue is None, event.reason) for event in events)
    assert ends["call.completed", True, "ivr"] == 1_835
    assert ends["call.disconnected", False, "phantom"] == 199
    assert ends["call.disconnected", False, "error"] == 22
    agent_waits = [
        event.wait_ms or 0
        for event in events
        if event.type == "call.answered" or event.reason == "error"
    ]
    assert (len(agent_waits), sum(agent_waits)) == (15_888, 1_821_941_000)
    abandons = [event.wait_ms for event in events if event.type == "call.abandoned"]
    assert max(wait for wait in abandons if wait is not None) == 2_405_000
    assert max(Counter(event.at_ms for event in events).values()) == 7
    assert len({event.call_id for event in events}) == 23_668
    assert events == sorted(events, key=lambda event: (event.at_ms, RANK[event.type]))
    assert discards == {}
    assert sum(progress) == TABLE.stat().st_size
    assert not any(event.agent in {"BASCH", "NO_SERVER"} for event in events)


def _utc(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).replace(tzinfo=None).isoformat()
