"""Laws of counting: what the engine shows is what an independent recount of the events finds.

Histories are made by hypothesis; then they are told in order, twice over, out of order, and with
holes. `EventRecount` knows nothing of rings, stages or bookings.
"""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from core.made_calls import (
    BASE_MS,
    GROUPS,
    LAWS,
    QUEUES,
    WINDOWS_MS,
    after,
    deliver,
    figures,
    happened,
    histories,
    shared_plan,
    tick_to,
    whole,
)
from event_recount import EVENT_COUNTS, EventRecount
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.core import fields
from monitor.core.calls import visits_of
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.fields import FIELDS
from monitor.core.lifecycle import WAITING
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS, Limits
from monitor.core.snapshot import IntArray

SCOPES = ("organization", "queue/", *(f"queue/{queue}" for queue in QUEUES), *GROUPS)


def covered_ms(window_ms: int, at_ms: int) -> int:
    """What a window covers: one beyond an hour forgets by the whole minute."""
    return window_ms if window_ms <= HOUR_MS else window_ms + (at_ms - window_ms) % MINUTE_MS


def assert_equals_recount(engine: Engine, recount: EventRecount, at_ms: int) -> None:
    snapshot = engine.snapshot()
    assert snapshot.at_ms == at_ms
    for scope in SCOPES:
        for window_ms in WINDOWS_MS:
            seen = figures(snapshot, scope, window_ms)
            expected = recount.record(at_ms, scope, covered_ms(window_ms, at_ms))
            where = (scope, window_ms, at_ms)
            assert {name: seen[name] for name in expected} == pytest.approx(expected), where


def lifetime(engine: Engine) -> IntArray:
    return engine.table.roll_up(engine.ring.lifetime)


def assert_lifetime_equals_recount(engine: Engine, recount: EventRecount) -> None:
    for scope in engine.table.scopes:
        if scope.name in SCOPES:
            expected = recount.lifetime(scope.name)
            seen = dict(zip(FIELDS, lifetime(engine)[scope.row].tolist(), strict=True))
            for name in EVENT_COUNTS:
                assert seen[name] == expected[name], (scope.name, name)


@LAWS
@given(
    events=histories(),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    checks=st.lists(st.integers(1, 900), min_size=1, max_size=4),
    threshold_ms=st.sampled_from((30_000, 20_000)),
    jumps=st.booleans(),
)
def test_every_window_of_every_scope_equals_the_recount_at_any_instant(
    events: list[Event], sizes: list[int], checks: list[int], threshold_ms: int, *, jumps: bool
) -> None:
    engine = Engine(shared_plan(threshold_ms))
    recount = EventRecount(events, threshold_ms=threshold_ms, groups=GROUPS)
    done = 0
    for check_s in sorted({*checks, 600}):
        at_ms = BASE_MS + check_s * SECOND_MS
        told = [event for event in events if event.at_ms < at_ms]
        deliver(engine, told[done:], at_ms, sizes=sizes, jumps=jumps)
        done = len(told)
        assert_equals_recount(engine, recount, at_ms)


@LAWS
@given(
    events=histories(calls=4), gap_s=st.sampled_from((3_590, 3_661, 7_199, 7_260, 86_399, 86_460))
)
def test_windows_forget_what_has_left_them_and_nothing_else(
    events: list[Event], gap_s: int
) -> None:
    engine = Engine(shared_plan())
    deliver(engine, events, after(events))
    # A call that is still open would be given up in the meantime.
    assume(gap_s * SECOND_MS < 3 * HOUR_MS or not engine.tracker.register.open_count)
    at_ms = after(events) + gap_s * SECOND_MS
    tick_to(engine, after(events), at_ms, jumps=True)
    recount = EventRecount(events, groups=GROUPS)
    assert_equals_recount(engine, recount, at_ms)
    engine.on_tick(at_ms + SECOND_MS)
    assert_equals_recount(engine, recount, at_ms + SECOND_MS)


@LAWS
@given(data=st.data(), events=histories())
def test_duplicates_anywhere_after_the_original_change_nothing(
    data: st.DataObject, events: list[Event]
) -> None:
    until_ms = after(events)
    told = [(event.at_ms, index, event) for index, event in enumerate(events)]
    for index in data.draw(st.lists(st.integers(0, len(events) - 1), max_size=8)):
        late_ms = data.draw(st.integers(0, 120_000))
        told.append((min(events[index].at_ms + late_ms, until_ms - 1), len(told), events[index]))
    engine = Engine(shared_plan())
    now_ms = whole(BASE_MS)
    for at_ms, _, event in sorted(told, key=lambda item: item[:2]):
        now_ms = tick_to(engine, now_ms, at_ms // SECOND_MS * SECOND_MS)
        engine.on_events([event], at_ms)
    tick_to(engine, now_ms, until_ms)
    assert_equals_recount(engine, EventRecount(events, groups=GROUPS), until_ms)
    assert_lifetime_equals_recount(engine, EventRecount(events, groups=GROUPS))


@LAWS
@given(data=st.data(), events=histories(with_entries=True))
def test_order_of_arrival_does_not_matter_once_all_has_arrived(
    data: st.DataObject, events: list[Event]
) -> None:
    shuffled = data.draw(st.permutations(events))
    pause_s = data.draw(st.sampled_from((0, 1, 7)))
    engine = Engine(shared_plan())
    now_ms = after(events)
    engine.on_tick(now_ms)
    for event in shuffled:
        engine.on_events([event], now_ms)
        for _ in range(pause_s):
            now_ms += SECOND_MS
            engine.on_tick(now_ms)
    now_ms += SECOND_MS
    engine.on_tick(now_ms)
    recount = EventRecount(events, groups=GROUPS)
    assert_equals_recount(engine, recount, now_ms)
    assert_lifetime_equals_recount(engine, recount)


@LAWS
@given(data=st.data(), events=histories(with_entries=True, jitter=False))
def test_order_of_arrival_does_not_matter_even_when_events_are_missing(
    data: st.DataObject, events: list[Event]
) -> None:
    kept = data.draw(st.lists(st.sampled_from(events), unique_by=id, min_size=1))
    kept.sort(key=lambda event: next(i for i, told in enumerate(events) if told is event))
    now_ms = after(events)
    seen = []
    for told in (kept, data.draw(st.permutations(kept))):
        engine = Engine(shared_plan())
        engine.on_tick(now_ms - SECOND_MS)
        for event in told:
            engine.on_events([event], now_ms - SECOND_MS)
        engine.on_tick(now_ms)
        snapshot = engine.snapshot()
        # `calls_assigned` is a lifetime total; in which second it falls is of no account.
        counts = np.delete(snapshot.counts, fields.CALLS_ASSIGNED, axis=-1)
        seen.append((counts, lifetime(engine), snapshot.waiting, snapshot.longest_wait_ms))
    for first, second in zip(*seen, strict=True):
        np.testing.assert_array_equal(first, second)


def open_and_closed(engine: Engine) -> IntArray:
    """Lifetime counts of the direct rows with what is still open, so ahead of the ticks too."""
    totals = engine.ring.lifetime.copy()
    flat = totals.reshape(-1)
    for opened in engine.ring.opened.values():
        np.add.at(flat, opened.plus, 1)
        np.subtract.at(flat, opened.minus, 1)
        np.add.at(flat, opened.cells, opened.amounts)
    return totals


def assert_conserved(engine: Engine) -> None:
    total = open_and_closed(engine)
    direct = {name: total[:, index] for index, name in enumerate(FIELDS)}
    waiting = engine.waiting.counts()
    np.testing.assert_array_equal(
        direct["offered"],
        direct["answered"]
        + direct["abandoned"]
        + direct["dequeued"]
        + direct["disconnected_waiting"]
        + direct["ended_unknown_waiting"]
        + waiting,
    )
    ends = ("completed", "transferred", "abandoned", "dequeued", "disconnected", "ended_unknown")
    np.testing.assert_array_equal(direct["ended"], sum(direct[name] for name in ends))
    bins = total[:, fields.HOLD_BIN :].sum(axis=1)
    np.testing.assert_array_equal(bins, direct["answered"] - direct["answered_unmeasured"])
    for part, whole_of in (
        ("answered_within", "answered"),
        ("abandoned_within", "abandoned"),
        ("abandoned_short", "abandoned"),
        ("abandoned_suspicious", "abandoned"),
        ("dequeued_within", "dequeued"),
        ("disconnected_within", "disconnected_waiting"),
        ("disconnected_evident", "disconnected"),
        ("ended_unknown_waiting", "ended_unknown"),
    ):
        assert (direct[part] <= direct[whole_of]).all(), part
    assert (total >= 0).all()
    made = direct["calls_made"][_queue_rows(engine)].sum()
    calls = list(engine.tracker.register.calls())
    visits = [visit for call in calls for visit in visits_of(call)]
    waits = sum(visit.stage == WAITING for visit in visits)
    assert waits == waiting[_queue_rows(engine)].sum()
    assert made == sum(call.made_ms >= 0 for call in calls)
    assert direct["calls_assigned"].sum() == sum(call.assigned_row >= 0 for call in calls)


def _queue_rows(engine: Engine) -> list[int]:
    upper = engine.table.upper
    return [
        scope.row - upper
        for scope in engine.table.scopes[upper:]
        if scope.name.startswith("queue/")
    ]


@LAWS
@given(data=st.data(), events=histories())
def test_loss_disorder_and_repetition_break_no_conservation_law(
    data: st.DataObject, events: list[Event]
) -> None:
    told = data.draw(st.lists(st.sampled_from(events), min_size=1, max_size=2 * len(events)))
    # Calls are given up on the way but never forgotten, so that they can be counted here.
    limits = Limits(ended_for_ms=1_000 * HOUR_MS)
    engine = Engine(replace(shared_plan(), limits=limits))
    now_ms = after(events)
    for event in told:
        engine.on_events([event], now_ms)
        assert_conserved(engine)
        if data.draw(st.booleans()):
            now_ms += data.draw(st.sampled_from((1, 60, 3_600, 14_500))) * SECOND_MS
            engine.on_tick(now_ms)
            assert (engine.ring.lifetime >= 0).all()
            assert (engine.ring.sums >= 0).all()


@LAWS
@given(events=histories(with_entries=True))
def test_lifetime_totals_that_are_shown_never_go_down(events: list[Event]) -> None:
    engine = Engine(shared_plan())
    shown: IntArray | None = None
    for event in events:
        engine.on_events([event], event.at_ms)
        engine.on_tick(whole(event.at_ms + 1))
        lifetime_now = engine.snapshot().lifetime
        if shown is not None:
            down = np.flatnonzero((lifetime_now < shown).any(axis=0))
            assert not down.size, [FIELDS[field] for field in down]
        shown = lifetime_now


def test_beginning_that_only_the_end_tells_moves_the_call_as_made_with_it() -> None:
    events = [
        happened("answered", BASE_MS + 100_000),
        happened("completed", BASE_MS + 130_000, wait_ms=90_000),
    ]
    engine = Engine(shared_plan())
    deliver(engine, events, after(events))
    assert_equals_recount(engine, EventRecount(events, groups=GROUPS), after(events))
    row = figures(engine.snapshot(), "queue/A", MINUTE_MS)
    assert (row["calls_made"], row["offered"], row["late"]) == (0, 0, 0)


def test_queueing_that_a_later_event_carries_is_taken_up() -> None:
    events = [
        happened("answered", BASE_MS + 100_000),
        happened("completed", BASE_MS + 130_000, queued_ms=BASE_MS + 80_000),
    ]
    engine = Engine(shared_plan())
    deliver(engine, events, after(events))
    row = figures(engine.snapshot(), "organization", HOUR_MS)
    assert (row["wait_ms_sum"], row["answered_within"], row["answered_unmeasured"]) == (
        20_000,
        1,
        0,
    )


def test_hold_that_a_disconnect_states_is_kept_when_the_answer_comes_after_it() -> None:
    told = [
        happened("queued", BASE_MS),
        happened("answered", BASE_MS + 40_000),
        happened("disconnected", BASE_MS + 50_000, wait_ms=29_000),
    ]
    for order in permutations(told):
        engine = Engine(shared_plan())
        engine.on_tick(BASE_MS + 60_000)
        engine.on_events(order, BASE_MS + 60_000)
        engine.on_tick(BASE_MS + 61_000)
        row = figures(engine.snapshot(), "organization", HOUR_MS)
        assert (row["wait_ms_sum"], row["answered_within"], row["late"]) == (29_000, 1, 0)


def test_end_that_is_told_twice_does_not_end_the_next_visit() -> None:
    end = happened("abandoned", BASE_MS + 10_000)
    told = [happened("queued", BASE_MS), end, happened("queued", BASE_MS + 11_000), end]
    engine = Engine(shared_plan())
    deliver(engine, told[:3], BASE_MS + 20_000)
    engine.on_events(told[3:], BASE_MS + 20_000)
    engine.on_tick(BASE_MS + 21_000)
    row = figures(engine.snapshot(), "queue/A", MINUTE_MS)
    assert (row["offered"], row["abandoned"], row["waiting"]) == (2, 1, 1)
    assert engine.discards == {"duplicate_end": 1}


def test_end_whose_answer_was_never_told_is_no_measure_of_the_hold_in_either_order() -> None:
    told = [happened("queued", BASE_MS), happened("completed", BASE_MS + 40_000)]
    for order in permutations(told):
        engine = Engine(shared_plan())
        engine.on_tick(BASE_MS + 60_000)
        engine.on_events(order, BASE_MS + 60_000)
        engine.on_tick(BASE_MS + 61_000)
        row = figures(engine.snapshot(), "organization", HOUR_MS)
        assert (row["answered_unmeasured"], row["wait_ms_sum"], row["late"]) == (1, 0, 0)
