"""Fifteen recorded days through the command line, compared with the oracle figure by figure.

Every count of every scope and window at every quarter of an hour has to be what `recount` finds in
the table by itself; so have the same days told in another format, with the events shuffled within
the bound on lateness and some of them told twice.
"""

import json
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bank_table import BankCall, bank_events, bank_path, load_bank
from recount import RATIOS, RECORD_FIELDS, BankRecount, Floats

STEP_MS = 900_000
WINDOWS = {
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "24h": 86_400_000,
}
LATENESS_S = 60.0
SEED = 20_260_423
REPLAY_WITHIN_S = 900
DIFFERENCES_SHOWN = 5
# A ratio may be printed with fewer digits than a float holds; counts have to be equal.
RATIO_TOLERANCE = 1e-6


@dataclass
class Replayed:
    """What a replay printed: the window records by scope and window, and the other records."""

    rows: dict[tuple[str, str], list[tuple[float, ...]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    others: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def calls() -> list[BankCall]:
    return load_bank(bank_path())


@pytest.fixture(scope="module")
def bank(calls: list[BankCall]) -> BankRecount:
    return BankRecount(calls)


@pytest.fixture(scope="module")
def steps_ms(calls: list[BankCall]) -> range:
    """The steps at which a replay of all days has to report: from the first event to the last."""
    first_ms = min(call.started_ms for call in calls)
    last_ms = max(call.ended_ms for call in calls)
    return range(first_ms // STEP_MS * STEP_MS + STEP_MS, last_ms + 1, STEP_MS)


def replay(tmp_path: Path, format_name: str, *inputs: Path) -> Replayed:
    output = tmp_path / "replayed.jsonl"
    command = [sys.executable, "-m", "monitor", "replay", "--format", format_name]
    command += ["--every", "15m", "--output", str(output), *(str(path) for path in inputs)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=REPLAY_WITHIN_S, check=False
    )
    assert done.returncode == 0, f"replay ended with {done.returncode}:\n{done.stderr[-4000:]}"
    replayed = Replayed()
    with output.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["record"] == "window":
                at_ms = _epoch_ms(record["at"])
                # A record lacks no field: what is missing here must fail, not pass for None.
                values = tuple(_number(record[name]) for name in RECORD_FIELDS)
                replayed.rows[record["scope"], record["window"]].append((at_ms, *values))
            else:
                replayed.others.append(record)
    return replayed


def _epoch_ms(rfc3339: str) -> int:
    instant = datetime.fromisoformat(rfc3339)
    assert instant.utcoffset() == UTC.utcoffset(None), f"not UTC: {rfc3339}"
    return round(instant.timestamp() * 1000)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def differences(replayed: Replayed, bank: BankRecount, steps_ms: range) -> list[str]:
    """Describe every figure in which the replay and the recount differ.

    A scope that is not reported, or not yet, has to be one of which nothing is to be reported, and
    a reported scope that the recount does not know has to be empty.
    """
    found: list[str] = []
    for scope in sorted({*bank.scopes, *(scope for scope, _ in replayed.rows)}):
        for window, window_ms in WINDOWS.items():
            table = np.array(replayed.rows.get((scope, window), ()), dtype=np.float64)
            table = table.reshape(-1, 1 + len(RECORD_FIELDS))
            ats_ms = table[:, 0].astype(np.int64)
            where = f"{scope} {window}"
            misplaced = list(_misplaced(where, ats_ms))
            if misplaced:
                found += misplaced
                continue
            seen = dict(zip(RECORD_FIELDS, table[:, 1:].T, strict=True))
            every_ms = np.union1d(ats_ms, np.array(steps_ms, dtype=np.int64))
            expected = bank.columns(every_ms.tolist(), scope, window_ms)
            present = np.isin(every_ms, ats_ms)
            found += _unequal(where, ats_ms, seen, {k: v[present] for k, v in expected.items()})
            absent = {name: values[~present] for name, values in expected.items()}
            found += _unreported(where, every_ms[~present], absent)
    unknown = {window for _, window in replayed.rows} - WINDOWS.keys()
    return [*found, *(f"a window {window} that nobody asked for" for window in sorted(unknown))]


def _misplaced(where: str, ats_ms: np.ndarray[Any, np.dtype[np.int64]]) -> Iterable[str]:
    if np.any(np.diff(ats_ms) <= 0):
        yield f"{where}: the steps do not ascend, or one is reported twice"
    for at_ms in ats_ms[ats_ms % STEP_MS != 0]:
        yield f"{where}: {_text(at_ms)} is no step"


def _unequal(
    where: str,
    ats_ms: np.ndarray[Any, np.dtype[np.int64]],
    seen: Mapping[str, Floats],
    expected: Mapping[str, Floats],
) -> Iterable[str]:
    for name in RECORD_FIELDS:
        tolerance = RATIO_TOLERANCE if name in RATIOS else 0.0
        equal = np.isclose(seen[name], expected[name], rtol=0.0, atol=tolerance, equal_nan=True)
        for index in np.flatnonzero(~equal):
            figures = f"replay {seen[name][index]}, recount {expected[name][index]}"
            yield f"{where} at {_text(ats_ms[index])} {name}: {figures}"


def _unreported(
    where: str, ats_ms: np.ndarray[Any, np.dtype[np.int64]], expected: Mapping[str, Floats]
) -> Iterable[str]:
    for name, values in expected.items():
        for index in np.flatnonzero(np.nan_to_num(values) != 0):
            text = f"not reported, recount {values[index]}"
            yield f"{where} at {_text(ats_ms[index])} {name}: {text}"


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(int(at_ms) / 1000, UTC).isoformat()


def assert_equal(replayed: Replayed, bank: BankRecount, steps_ms: range) -> None:
    found = differences(replayed, bank, steps_ms)
    shown = "\n".join(found[:DIFFERENCES_SHOWN])
    assert not found, f"{len(found)} figures differ, the first of them:\n{shown}"
    reported = {int(row[0]) for row in replayed.rows["organization", "15m"]}
    assert reported.issuperset(steps_ms), "steps without a record of the organization"
    assert [record["record"] for record in replayed.others].count("summary") == 1
    assert replayed.others[-1]["record"] == "summary"


def test_replayed_days_equal_the_recount(
    tmp_path: Path, bank: BankRecount, steps_ms: range
) -> None:
    assert_equal(replay(tmp_path, "anonymous-bank", bank_path()), bank, steps_ms)


def test_normalized_events_in_any_order_within_the_bound_and_repeated_change_no_figure(
    tmp_path: Path, calls: list[BankCall], bank: BankRecount, steps_ms: range
) -> None:
    print(f"seed {SEED}")  # noqa: T201 - a failure must be repeatable
    told = _shuffled_and_repeated(bank_events(calls), random.Random(SEED))
    history = tmp_path / "events.jsonl"
    history.write_text("".join(f"{json.dumps(event)}\n" for event in told), encoding="utf-8")
    assert_equal(replay(tmp_path, "normalized", history), bank, steps_ms)


def _shuffled_and_repeated(
    events: Iterable[dict[str, Any]], rng: random.Random
) -> list[dict[str, Any]]:
    """Delay every event by less than the bound, and tell a fifth of them once more within it."""
    delivered = []
    for event in events:
        times = 2 if rng.random() < 0.2 else 1
        delivered += [(event["ts"] + rng.uniform(0, LATENESS_S - 1), event) for _ in range(times)]
    delivered.sort(key=lambda delivery: delivery[0])
    return [event for _, event in delivered]


def test_comparison_sees_a_wrong_a_missing_and_a_surplus_record(
    bank: BankRecount, steps_ms: range
) -> None:
    replayed = Replayed()
    steps_ms = steps_ms[: len(steps_ms) // 4]
    for scope in bank.scopes:
        for window, window_ms in WINDOWS.items():
            columns = bank.columns(steps_ms, scope, window_ms)
            figures = [columns[name].tolist() for name in RECORD_FIELDS]
            replayed.rows[scope, window] = list(zip(steps_ms, *figures, strict=True))
    assert differences(replayed, bank, steps_ms) == []

    rows = replayed.rows["queue/PS", "15m"]
    late = 1 + RECORD_FIELDS.index("late")
    busy = next(index for index, row in enumerate(rows) if row[late] > 0)
    right = rows[busy]
    rows[busy] = (*right[:late], right[late] + 1, *right[late + 1 :])
    assert len(differences(replayed, bank, steps_ms)) == 1
    del rows[busy]
    assert any("not reported" in text for text in differences(replayed, bank, steps_ms))
    rows[busy:busy] = [right, right]
    assert any("twice" in text for text in differences(replayed, bank, steps_ms))
