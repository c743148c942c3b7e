"""Fifteen recorded days, stored by the quarter of an hour, equal a count of the call table.

The events come late, out of order and some of them twice, the engine restarts from a checkpoint in
between, and what its boundaries close goes through the store; then every day of every queue has to
be what the table says of the calls that arrived on it.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from bank_table import BankCall, bank_events, bank_path, load_bank

from monitor.calendars.period_bounds import containing
from monitor.core.checkpoint import restore, take
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.fields import FIELDS
from monitor.core.intervals import ClosedIntervals
from monitor.core.periods import Period, PeriodKind
from monitor.core.plan import MINUTE_MS
from monitor.formats.normalized import NormalizedDecoder
from monitor.replay import default_plan
from monitor.store.store import Store

ZONE = "Asia/Jerusalem"
THRESHOLD_MS = 30_000
SEED = 20_260_423
LATENESS_MS = 5 * MINUTE_MS
RECEIVED_MS = 935_000_000_000  # about when all of it happened

Figures = dict[tuple[str, int], Counter[str]]
"""By scope and beginning of the day; what is zero is left out."""


@pytest.fixture(scope="module")
def calls() -> list[BankCall]:
    return load_bank(bank_path())


def recount(calls: Iterable[BankCall]) -> Figures:
    """Every day of every queue from the table alone."""
    found: Figures = {}
    starts = sorted({_day(call.started_ms).start_ms for call in calls})

    def add(scope: str, at_ms: int, **counts: int) -> None:
        day_ms = max(start_ms for start_ms in starts if start_ms <= at_ms)
        found.setdefault((scope, day_ms), Counter()).update(counts)

    for call in calls:
        if call.queue is None or call.queued_ms is None:
            for scope in ("organization", "queue/"):
                add(scope, call.started_ms, calls_made=1, ended=1, completed=1)
            continue
        for scope in ("organization", f"queue/{call.queue}"):
            add(scope, call.started_ms, calls_made=1)
            end = call.end.removeprefix("call.")
            counts = Counter(offered=1, ended=1, **{end: 1})
            if call.answered_ms is not None:
                within = call.wait_ms <= THRESHOLD_MS
                counts.update(answered=1, wait_ms_sum=call.wait_ms, answered_within=within)
            else:
                within = call.wait_ms < THRESHOLD_MS
                counts[f"{end}_within"] += within
                counts["disconnected_waiting"] += end == "disconnected"
            counts["late"] += not within
            add(scope, call.queued_ms, **counts)
    return {key: +counts for key, counts in found.items()}


def deliveries(calls: Iterable[BankCall], rng: random.Random) -> list[tuple[int, Event]]:
    """The events as they are received: delayed by minutes at most, a tenth of them again later."""
    decoder = NormalizedDecoder("bank", bytes(32))
    events: list[Event] = []
    for told in bank_events(calls):
        decoded = decoder.decode(msgspec.json.encode(told), RECEIVED_MS)
        assert not decoded.rejected
        events += decoded.events
    found = []
    for event in events:
        received_ms = event.at_ms + rng.randrange(LATENESS_MS)
        found.append((received_ms, event))
        if rng.random() < 0.1:
            found.append((received_ms + rng.randrange(LATENESS_MS), event))
    return sorted(found, key=lambda delivery: delivery[0])


def run(told: list[tuple[int, Event]], restarts: int) -> Iterator[list[ClosedIntervals]]:
    """What the boundaries close, restarting from a checkpoint now and then."""
    # One window and nothing to watch for: ticks are to cost little here.
    engine = Engine(replace(default_plan(), windows_ms=(MINUTE_MS,), rules=(), continuity=None))
    every = len(told) // (restarts + 1)
    for number, (received_ms, event) in enumerate(told, 1):
        for _ in engine.advance(received_ms):
            pass
        yield engine.intervals.take()
        engine.on_events([event], received_ms)
        if number % every == 0:
            parts = take(engine)
            held = {name: part() if callable(part) else part for name, part in parts.items()}
            engine = restore(engine.plan, held)
    for _ in engine.advance(told[-1][0] + 86_400_000):
        pass
    yield engine.intervals.take()


async def test_stored_days_equal_the_call_table(tmp_path: Path, calls: list[BankCall]) -> None:
    print(f"seed {SEED}")  # noqa: T201 - a failure must be repeatable
    told = deliveries(calls, random.Random(SEED))
    expected = recount(calls)
    scopes = {scope for scope, _ in expected}
    days = {start_ms for _, start_ms in expected}
    assert len(scopes) > 4
    assert len(days) == 15
    async with Store.open(tmp_path / "monitor.db") as store:
        for closed in run(told, restarts=20):
            if closed:
                await store.append((), closed=closed)
        for start_ms in days:
            day = _day(start_ms)
            for scope in scopes:
                stored = await store.period(scope, day.start_ms, day.end_ms, amendments=1)
                counts = Counter(dict(zip(FIELDS, stored.counts, strict=True)))
                bins = sum(counts.pop(name) for name in FIELDS if name.startswith("hold_bin"))
                assert bins == counts["answered"]
                for unknown_here in ("abandoned_short", "disconnected_evident"):
                    del counts[unknown_here]
                assert +counts == expected.get((scope, start_ms), Counter()), (scope, start_ms)


def _day(at_ms: int) -> Period:
    return containing(PeriodKind.DAY, at_ms, ZONE)
