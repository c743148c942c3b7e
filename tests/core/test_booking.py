"""Quick steps book what the general parts book; calls that reach no queue count for their line."""

import random
from typing import Any

import numpy as np
import pytest

from monitor.core import checkpoint, fields
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.outages.inputs import LinkChanged
from monitor.core.plan import ContractPlan, LinePlan, Plan
from monitor.core.presets import PRESETS

BASE_MS = 1_760_000_000_000
STANDARD = PRESETS["cms-ma-partd"]


def event(kind: str, at_ms: int, **given: Any) -> Event:  # noqa: ANN401 (fields of the event)
    made = Event(f"call.{kind}", "pbx", at_ms / 1000, call_id=given.pop("call_id", "c"), **given)
    made.at_ms = at_ms
    return made


def totals(engine: Engine, at_ms: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    engine.on_tick(at_ms)
    return engine.ring.lifetime.copy()


@pytest.mark.parametrize("seed", range(25))
def test_quick_steps_book_what_the_general_parts_book(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an ordinary life in quick steps, unbooking all in general leaves nothing."""
    rng = random.Random(seed)
    engine = Engine(Plan(organization="Example", standard=STANDARD, queues=("a", "b")))
    general: list[str] = []
    real = engine.tracker._visit

    def noted(*args: Any) -> None:  # noqa: ANN401 (whatever it takes)
        general.append("general")
        real(*args)

    monkeypatch.setattr(engine.tracker, "_visit", noted)
    engine.on_tick(BASE_MS)
    happened = []
    for number in range(40):
        call_id, queue = f"c{number}", rng.choice("ab")
        at_ms = BASE_MS + rng.randrange(20_000)
        if rng.random() < 0.7:
            happened.append(event("started", at_ms, call_id=call_id))
        queued_ms = at_ms + rng.randrange(5_000)
        answered_ms = queued_ms + rng.choice((0, 1, 29_999, 30_000, 30_001, 45_000))
        happened.append(event("queued", queued_ms, call_id=call_id, queue=queue))
        wait_ms = rng.choice((None, 30_000, 12_345))
        happened.append(
            event("answered", answered_ms, call_id=call_id, queue=queue, wait_ms=wait_ms)
        )
        happened.append(event("completed", answered_ms + 9_000, call_id=call_id, queue=queue))
    happened.sort(key=lambda one: one.at_ms)
    engine.on_events(happened, BASE_MS + 20_000)
    assert not general
    for call in list(engine.tracker.register.calls()):
        assert call.visit is not None
        engine.tracker._books.visit(call.visit, -1)
        engine.tracker._books.cell(call.made_ms, call.made_row, fields.CALLS_MADE, -1)
        engine.tracker._books.cell(call.assigned_ms, call.assigned_row, fields.CALLS_ASSIGNED, -1)
    assert not totals(engine, BASE_MS + 200_000).any()
    assert not engine.intervals.counts("organization", 0, 2**62).any()


def line(name: str, queue: str, number: str) -> LinePlan:
    return LinePlan(name, "current-enrollee", (queue,), STANDARD, dnis=(number,))


def test_a_call_that_reaches_no_queue_counts_for_the_line_whose_number_was_dialled() -> None:
    contract = ContractPlan("H1", "One", "Entity", (line("l", "a", "800"), line("m", "b", "801")))
    engine = Engine(Plan(organization="Example", standard=STANDARD, contracts=(contract,)))
    engine.on_tick(BASE_MS)
    engine.on_events(
        [
            event("started", BASE_MS, call_id="ivr", dnis="800"),
            event("completed", BASE_MS + 100, call_id="ivr", reason="ivr"),
            event("started", BASE_MS, call_id="cut", dnis="801"),
            event("disconnected", BASE_MS + 100, call_id="cut", reason="telecom"),
            event("started", BASE_MS, call_id="queued", dnis="800"),
            event("queued", BASE_MS + 200, call_id="queued", queue="b", dnis="800"),
            event("started", BASE_MS, call_id="stranger", dnis="999"),
        ],
        BASE_MS + 300,
    )
    engine.on_tick(BASE_MS + 1_000)
    snapshot = engine.snapshot()
    found = {
        scope.name: tuple(
            int(snapshot.counts[0, scope.row, field])
            for field in (fields.CALLS_MADE, fields.ENDED, fields.DISCONNECTED)
        )
        for scope in snapshot.scopes
    }
    assert found["organization"] == (4, 2, 1)
    assert found["contract/H1"] == (3, 2, 1)
    assert found["line/H1/l"] == (1, 1, 0)
    assert found["line/H1/m"] == (2, 1, 1)
    assert found["queue/"] == (3, 2, 1)
    assert found["queue/b"] == (1, 0, 0)


@pytest.mark.parametrize("ending", ["completed", "disconnected"])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 0, 1, 2), (0, 3, 1, 2), (0, 1, 3, 2)])
def test_an_end_without_a_queue_ends_the_visit_that_it_overtook(
    ending: str, order: tuple[int, ...]
) -> None:
    engine = Engine(Plan(organization="Example", standard=STANDARD, queues=("a",)))
    engine.on_tick(BASE_MS)
    told = [
        event("started", BASE_MS + 1),
        event("queued", BASE_MS + 2, queue="a"),
        event("answered", BASE_MS + 5_002, queue="a"),
        event(ending, BASE_MS + 9_000, reason="telecom"),
    ]
    for index in order:
        engine.on_events([told[index]], BASE_MS + 10_000)
    engine.on_tick(BASE_MS + 60_000)
    assert engine.tracker.register.open_count == 0
    assert not engine.waiting.counts().any()
    row = engine.table.queue_row("a")
    found = {
        name: int(engine.ring.lifetime[row, index])
        for index, name in enumerate(fields.FIELDS)
        if engine.ring.lifetime[row, index]
    }
    evident = {"disconnected_evident": 1} if ending == "disconnected" else {}
    expected = {
        "calls_made", "calls_assigned", "offered", "answered", "answered_within", "ended", ending,
        "hold_bin_0",
    }  # fmt: skip
    assert found == {
        **dict.fromkeys(expected, 1), **evident, "wait_ms_sum": 5_000, "hold_bin_0": 1,
    }  # fmt: skip
    assert not engine.ring.lifetime[engine.table.no_queue].any()


def test_time_in_which_nobody_listened_ends_no_call_and_forgets_none() -> None:
    engine = Engine(Plan(organization="Example", standard=STANDARD, queues=("a",)))
    engine.on_tick(BASE_MS)
    told = [
        event("queued", BASE_MS + 1, queue="a"),
        event("abandoned", BASE_MS + 2, queue="a"),
        event("queued", BASE_MS + 3, queue="a", call_id="open"),
    ]
    engine.on_events(told, BASE_MS + 10)
    later_ms = BASE_MS + 36_000_000
    engine.on_tick(BASE_MS + 1_000)
    engine.on_resume(later_ms)
    for _ in engine.advance(later_ms):
        pass
    assert engine.tracker.register.open_count == 1
    before = engine.ring.lifetime.copy()
    engine.on_events(told, later_ms)
    for _ in engine.advance(later_ms + 60_000):
        pass
    assert (engine.ring.lifetime == before).all()
    assert engine.discards["duplicate"] + engine.discards["duplicate_end"] == len(told)


def test_what_comes_again_after_a_way_was_down_for_long_counts_once() -> None:
    """A broker delivers anew what was not acknowledged when the way broke, however late."""
    plan = Plan(organization="Example", standard=STANDARD, queues=("a",), sources=("pbx",))
    engine = Engine(plan)
    engine.on_tick(BASE_MS)
    told = [
        event("queued", BASE_MS + 1, queue="a"),
        event("abandoned", BASE_MS + 2, queue="a"),
    ]
    engine.on_events(told, BASE_MS + 10)
    engine.on_input(LinkChanged("pbx", is_linked=False), BASE_MS + 20)
    later_ms = BASE_MS + 20 * plan.limits.ended_for_ms // 7
    for _ in engine.advance(later_ms):
        pass
    parts = checkpoint.take(engine).items()
    engine = checkpoint.restore(
        plan, {name: part() if callable(part) else part for name, part in parts}
    )
    engine.on_input(LinkChanged("pbx", is_linked=True), later_ms)
    before = engine.ring.lifetime.copy()
    engine.on_events(told, later_ms)
    for _ in engine.advance(later_ms + 2 * plan.limits.ended_for_ms):
        pass
    assert (engine.ring.lifetime == before).all()
    assert engine.discards["duplicate"] + engine.discards["duplicate_end"] == len(told)
    assert engine.tracker.register.ended_count == 0
