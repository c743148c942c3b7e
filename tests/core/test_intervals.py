"""Intervals equal a recount by arrival, whatever the order of events and wherever it restarts."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from core.made_calls import (
    ANSWERED_ENDS,
    BASE_MS,
    GROUPS,
    LAWS,
    QUEUES,
    happened,
    histories,
    shared_plan,
    tell,
)
from core.test_any_event import events_of_any_kind
from event_recount import EVENT_COUNTS, NO_QUEUE, ORGANIZATION
from hypothesis import given
from hypothesis import strategies as st
from interval_recount import Figures, IntervalRecount

from monitor.core import fields
from monitor.core.checkpoint import restore, take
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.fields import FIELDS
from monitor.core.intervals import INTERVAL_MS, ClosedIntervals, IntervalEntry, IntervalOutbox
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS, Limits

SCOPES = (ORGANIZATION, NO_QUEUE, *(f"queue/{key}" for key in QUEUES), *GROUPS)
# So that calls lie on both sides of a boundary.
BOUNDARY_MS = BASE_MS // INTERVAL_MS * INTERVAL_MS + INTERVAL_MS
SHIFT_MS = BOUNDARY_MS - BASE_MS - 2 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def shifted(events: Iterable[Event]) -> list[Event]:
    """The events moved to a boundary of intervals."""
    moved = []
    for told in events:
        given_ms = {
            name: None if value is None else value + SHIFT_MS
            for name in ("queued_ms", "answered_ms")
            for value in (getattr(told, name),)
        }
        at_ms = told.at_ms + SHIFT_MS
        one = happened(told.type.removeprefix("call."), at_ms, told.call_id or "", told.queue)
        for name in ("entry", "site", "wait_ms", "reason", "ended_by"):
            setattr(one, name, getattr(told, name))
        for name, value in given_ms.items():
            setattr(one, name, value)
        moved.append(one)
    return moved


def made_engine(limits: Limits | None = None) -> Engine:
    """One that watches for no outages: hours are ticked through here."""
    return Engine(replace(shared_plan(), limits=limits or Limits(), continuity=None))


def settled_sets(engine: Engine) -> list[ClosedIntervals]:
    """What is closed at the next boundary and before."""
    closed_ms = engine.ring.closed_s * SECOND_MS
    for _ in engine.advance(closed_ms // INTERVAL_MS * INTERVAL_MS + INTERVAL_MS):
        pass
    return engine.intervals.take()


def sums(sets: Iterable[ClosedIntervals]) -> dict[str, Figures]:
    """The figures of each scope: the sums of all entries."""
    found: dict[str, Figures] = {scope: Counter() for scope in SCOPES}
    for closed in sets:
        for entry in closed.entries():
            figures = found.setdefault(entry.scope, Counter())
            for name, count in zip(FIELDS, entry.counts, strict=True):
                figures[entry.start_ms, name] += count
    return {
        scope: Counter({key: count for key, count in figures.items() if count})
        for scope, figures in found.items()
    }


def counted(figures: Figures) -> Figures:
    """The figures that the oracle knows."""
    return Counter({key: count for key, count in figures.items() if key[1] in EVENT_COUNTS})


def listed(sets: Iterable[ClosedIntervals]) -> list[tuple[int, IntervalEntry]]:
    return [(closed.recorded_ms, entry) for closed in sets for entry in closed.entries()]


def assert_recount(sets: Sequence[ClosedIntervals], events: Sequence[Event]) -> None:
    recount = IntervalRecount(events, groups=GROUPS)
    found = sums(sets)
    for scope in SCOPES:
        assert counted(found[scope]) == recount.intervals(scope), scope


def feed(engine: Engine, deliveries: Sequence[tuple[int, Event]]) -> list[ClosedIntervals]:
    """Feed events, each when it is received, and tick before as the daemon does."""
    found: list[ClosedIntervals] = []
    for received_ms, told in deliveries:
        for _ in engine.advance(received_ms):
            pass
        found += engine.intervals.take()
        engine.on_events([told], received_ms)
    return found


@st.composite
def delivered(draw: st.DrawFn) -> list[tuple[int, Event]]:
    """Histories told in any order, some of it twice, minutes or hours after it happened."""
    events = shifted(draw(histories(with_entries=True, jitter=False)))
    told = draw(st.permutations(events))
    now_ms = max(one.at_ms for one in events)
    found = []
    for one in told:
        now_ms += draw(st.sampled_from((0, 0, 1, 700, 20_000, 8 * MINUTE_MS, 31 * MINUTE_MS)))
        found.append((now_ms, one))
    # A duplicate comes after its original.
    for received_ms, one in draw(st.lists(st.sampled_from(found), max_size=4)):
        found.append((max(received_ms, now_ms), one))
    return found


PATIENT = Limits(call_age_ms=7 * DAY_MS, ended_for_ms=7 * DAY_MS)


@LAWS
@given(events=histories())
def test_intervals_of_a_history_in_order_equal_the_recount(events: list[Event]) -> None:
    events = shifted(events)
    engine = made_engine(PATIENT)
    sets = feed(engine, [(told.at_ms, told) for told in events])
    assert_recount([*sets, *settled_sets(engine)], events)


def busy_hour(rng: random.Random) -> list[Event]:
    """Ordinary calls by the hundred, many of them in the same seconds, around a boundary."""
    told = []
    for number in range(600):
        call, queue = f"c{number}", rng.choice("AAAAABC")
        off_ms = rng.choice((-1_000, -1_000, -1_000, -1, 0, rng.randrange(-240_000, 240_000)))
        at_ms = BOUNDARY_MS + off_ms
        if rng.random() < 0.3:
            told.append(happened("started", at_ms, call, None))
            at_ms += rng.randrange(20_000)
        if told and told[-1].call_id == call and rng.random() < 0.2:
            told.append(happened(rng.choice(("completed", "disconnected")), at_ms, call, None))
            continue
        told.append(happened("queued", at_ms, call, queue, entry=1))
        at_ms += rng.choice((0, 1_000, 29_999, 30_000, 30_001, 65_000))
        if rng.random() < 0.2:
            told.append(happened("abandoned", at_ms, call, queue, entry=1))
            continue
        told.append(happened("answered", at_ms, call, queue, entry=1))
        at_ms += rng.randrange(1_000, 700_000)
        told.append(happened(rng.choice(ANSWERED_ENDS), at_ms, call, queue, entry=1))
    return told


@pytest.mark.parametrize("seed", range(6))
def test_intervals_of_a_busy_hour_equal_the_recount_with_delays_of_seconds(seed: int) -> None:
    rng = random.Random(seed)
    events = busy_hour(rng)
    deliveries = sorted(
        ((told.at_ms + rng.choice((0, 0, 40, 900, 3_000, 400_000)), told) for told in events),
        key=lambda delivery: delivery[0],
    )
    engine = made_engine(PATIENT)
    sets = feed(engine, deliveries)
    assert_recount([*sets, *settled_sets(engine)], events)


@LAWS
@given(deliveries=delivered())
def test_any_order_delay_and_repetition_give_the_same_sums(
    deliveries: list[tuple[int, Event]],
) -> None:
    engine = made_engine(PATIENT)
    sets = feed(engine, deliveries)
    assert_recount([*sets, *settled_sets(engine)], tell(told for _, told in deliveries))


@LAWS
@given(deliveries=delivered(), cut=st.integers(0, 60))
def test_restart_at_any_instant_gives_the_same_sets(
    deliveries: list[tuple[int, Event]], cut: int
) -> None:
    stayed, before = made_engine(PATIENT), made_engine(PATIENT)
    whole = feed(stayed, deliveries)
    sets = feed(before, deliveries[:cut])
    parts = {
        name: part if isinstance(part, bytes) else part() for name, part in take(before).items()
    }
    again = restore(before.plan, parts)
    sets += feed(again, deliveries[cut:])
    assert listed([*whole, *settled_sets(stayed)]) == listed([*sets, *settled_sets(again)])


@LAWS
@given(deliveries=delivered())
def test_ticks_that_the_engine_does_not_ask_for_change_no_set(
    deliveries: list[tuple[int, Event]],
) -> None:
    asked, unasked = made_engine(), made_engine()
    found: list[list[ClosedIntervals]] = [feed(asked, deliveries), []]
    for received_ms, told in deliveries:
        last_ms = unasked.ring.closed_s * SECOND_MS
        for now_ms in range(max(last_ms, received_ms - HOUR_MS), received_ms, 20 * SECOND_MS):
            for _ in unasked.advance(now_ms):
                pass
            unasked.on_tick(max(unasked.ring.closed_s * SECOND_MS, now_ms // SECOND_MS * SECOND_MS))
        found[1].extend(feed(unasked, [(received_ms, told)]))
        found[1].extend(unasked.intervals.take())
    ends = [settled_sets(engine) for engine in (asked, unasked)]
    assert listed([*found[0], *ends[0]]) == listed([*found[1], *ends[1]])


@LAWS
@given(
    events=st.lists(st.tuples(events_of_any_kind, st.sampled_from((0, 0, 0, 1, 70, 20_000)))),
)
def test_what_every_event_brings_is_in_an_interval_once_and_nothing_stays_negative(
    events: list[tuple[Event, int]],
) -> None:
    """When all calls are over, the intervals add up to the totals of the windows."""
    engine = Engine(
        replace(shared_plan(), queues=("q-*",), limits=Limits(open_calls=2), continuity=None)
    )
    engine.on_tick(BASE_MS)
    now_ms = BASE_MS
    for event, wait_s in events:
        engine.on_events([event], now_ms)
        now_ms += wait_s * SECOND_MS
        for _ in engine.advance(now_ms):
            pass
    for _ in engine.advance(now_ms + 10 * DAY_MS):
        pass
    sets = engine.intervals.take()
    assert engine.intervals.next_close_ms() is None
    totals = engine.table.roll_up(engine.ring.lifetime)
    totals[:, fields.CALLS_ASSIGNED] = 0
    found = np.zeros_like(totals)
    rows = {scope.name: scope.row for scope in engine.table.scopes}
    for _, entry in listed(sets):
        found[rows[entry.scope]] += entry.counts
    np.testing.assert_array_equal(found, totals)
    for figures in sums(sets).values():
        assert all(count > 0 for count in figures.values())


def test_late_correction_is_a_difference_of_its_own_at_its_own_boundary() -> None:
    engine = made_engine()
    begin_ms = BOUNDARY_MS + MINUTE_MS
    sets = feed(
        engine,
        [
            (begin_ms, happened("queued", begin_ms)),
            (begin_ms + 50_000, happened("answered", begin_ms + 50_000)),
            (begin_ms + 90_000, happened("completed", begin_ms + 90_000)),
        ],
    )
    # Two hours later the same call turns out to have been queued earlier, in the interval before.
    late_ms = begin_ms + 2 * HOUR_MS
    sets += feed(engine, [(late_ms, happened("started", begin_ms - 2 * MINUTE_MS, queue=None))])
    sets += settled_sets(engine)
    assert [closed.recorded_ms for closed in sets] == [
        BOUNDARY_MS + INTERVAL_MS,
        BOUNDARY_MS + 2 * HOUR_MS + INTERVAL_MS,
    ]
    moved = {
        entry.start_ms: entry.counts[fields.CALLS_MADE]
        for entry in sets[1].entries()
        if entry.scope == "queue/A"
    }
    assert moved == {BOUNDARY_MS - INTERVAL_MS: 1, BOUNDARY_MS: -1}


def test_visits_in_progress_are_offered_less_those_that_are_over() -> None:
    engine = made_engine()
    begin_ms = BOUNDARY_MS + MINUTE_MS
    told = [
        happened("queued", begin_ms, "waits"),
        happened("queued", begin_ms, "talks"),
        happened("answered", begin_ms + 1_000, "talks"),
        happened("queued", begin_ms, "over"),
        happened("abandoned", begin_ms + 2_000, "over"),
    ]
    feed(engine, [(one.at_ms, one) for one in told])
    for _ in engine.advance(begin_ms + 5_000):
        pass
    counts = engine.intervals.counts("queue/A", BOUNDARY_MS, BOUNDARY_MS + INTERVAL_MS)
    assert counts[fields.OFFERED] == 3
    assert counts[fields.ABANDONED] == counts[fields.ENDED] == 1
    assert counts[fields.ANSWERED] == 0
    assert not engine.intervals.counts("queue/A", 0, BOUNDARY_MS).any()
    assert not engine.intervals.counts("queue/none", 0, 2**60).any()


@pytest.mark.parametrize("scope", SCOPES)
def test_counts_of_a_scope_are_those_of_its_entries(scope: str) -> None:
    engine = made_engine()
    sets = feed(
        engine,
        [
            (at_ms, happened(kind, at_ms, f"c{number}", QUEUES[number % 3]))
            for number in range(9)
            for kind, at_ms in (("queued", BOUNDARY_MS + number), ("abandoned", BOUNDARY_MS + 90))
        ],
    )
    held = engine.intervals.counts(scope, 0, 2**60)
    sets += settled_sets(engine)
    assert not engine.intervals.counts(scope, 0, 2**60).any()
    (closed,) = sets
    total = np.zeros(len(FIELDS), dtype=np.int64)
    for entry in closed.entries():
        if entry.scope == scope:
            total += np.array(entry.counts)
    np.testing.assert_array_equal(closed.counts(scope, 0, 2**60), total)
    np.testing.assert_array_equal(held[fields.ABANDONED], total[fields.ABANDONED])
    assert not closed.counts(scope, 0, BOUNDARY_MS).any()


def test_long_lists_are_summed_up_and_count_the_same() -> None:
    engine = made_engine()
    deliveries = []
    for number in range(30_000):
        at_ms = BOUNDARY_MS + number * 10
        call = f"c{number}"
        deliveries.append((at_ms, happened("queued", at_ms, call)))
        deliveries.append((at_ms, happened("answered", at_ms + 5, call)))
        deliveries.append((at_ms, happened("completed", at_ms + 9, call)))
    feed(engine, deliveries)
    book = engine.intervals
    assert sum(opened.size for opened in book.opened.values()) <= 21_000
    assert sum(cells.size for parts in book._parts.values() for cells, _ in parts) <= 60_000
    (closed,) = settled_sets(engine)
    (entry,) = [one for one in closed.entries() if one.scope == "queue/A"]
    assert entry.counts[fields.COMPLETED] == entry.counts[fields.ANSWERED_WITHIN] == 30_000
    assert entry.counts[fields.WAIT_MS_SUM] == 150_000


def test_outbox_hands_over_once_and_shows_what_a_store_may_not_show_yet() -> None:
    engine = made_engine()
    outbox = IntervalOutbox()
    for number in range(3):
        begin_ms = BOUNDARY_MS + number * INTERVAL_MS
        feed(engine, [(begin_ms, happened("queued", begin_ms, f"c{number}"))])
        outbox.add(settled_sets(engine))
        if number == 1:
            assert len(outbox.hand_over()) == 2
            assert not outbox.pending
    seen = [
        sum(int(counts[fields.OFFERED]) for counts in found)
        for recorded_ms in (0, BOUNDARY_MS + INTERVAL_MS, BOUNDARY_MS + 3 * INTERVAL_MS)
        for found in (outbox.counts_since(recorded_ms, "queue/A", 0, 2**60),)
    ]
    assert seen == [3, 2, 0]
