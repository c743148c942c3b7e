"""The table of transitions, walked in full, and what each of its cells counts."""

import numpy as np
import pytest
from core.made_calls import BASE_MS, after, happened, shared_plan

from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.fields import CALLS_ASSIGNED, CALLS_MADE, FIELDS, HOLD_BIN, WAIT_MS_SUM
from monitor.core.lifecycle import (
    ACTIONS,
    KIND_OF_TYPE,
    STARTED,
    TRANSITIONS,
    Action,
    Kind,
    Stage,
)
from monitor.core.plan import SECOND_MS

ENDS = (Kind.ABANDONED, Kind.DEQUEUED, Kind.DISCONNECTED, Kind.COMPLETED, Kind.TRANSFERRED)
CELLS = [(stage, kind) for stage in Stage for kind in Kind]
# How a visit comes to each stage, by (kind, seconds after it began).
WAYS: dict[Stage, tuple[tuple[str, int], ...]] = {
    Stage.NEW: (),
    Stage.WAITING: (("queued", 0),),
    Stage.TALKING: (("queued", 0), ("answered", 10)),
    Stage.LEFT: (("queued", 0), ("abandoned", 40)),
    Stage.FINISHED: (("queued", 0), ("answered", 10), ("completed", 40)),
    Stage.LAPSED: (("queued", 0), ("source.reset", 40)),
}
WORD_OF_KIND = {kind: name.removeprefix("call.") for name, kind in KIND_OF_TYPE.items()}
# What is counted in all when the event of a kind comes 50 s after the beginning (so later than
# whatever ended the visit). A field that is not named is 0; holds are left to other tests.
LATE_ANSWER = {"offered": 1, "answered": 1, "late": 1}
ENDED = {"ended": 1}
LEFT_COUNTS = {"offered": 1, "late": 1, "abandoned": 1, **ENDED}
TALKING_COUNTS = {"offered": 1, "answered": 1, "answered_within": 1}
FINISHED_COUNTS = {**TALKING_COUNTS, "completed": 1, **ENDED}
LAPSED_COUNTS = {"offered": 1, "late": 1, **ENDED, "ended_unknown": 1, "ended_unknown_waiting": 1}
UNKNOWN_HOLD = {"offered": 1, "answered": 1, "answered_unmeasured": 1}
AGAIN = {"offered": 2, "late": 2}
EXPECTED: dict[tuple[Stage, Kind], dict[str, int]] = {
    (Stage.NEW, Kind.QUEUED): {"offered": 1, "late": 1, "waiting": 1},
    (Stage.NEW, Kind.ANSWERED): UNKNOWN_HOLD,
    (Stage.NEW, Kind.ABANDONED): {"offered": 1, "abandoned": 1, **ENDED},
    (Stage.NEW, Kind.DEQUEUED): {"offered": 1, "dequeued": 1, **ENDED},
    (Stage.NEW, Kind.DISCONNECTED): {
        "offered": 1,
        "disconnected": 1,
        "disconnected_waiting": 1,
        **ENDED,
    },
    (Stage.NEW, Kind.COMPLETED): {**UNKNOWN_HOLD, "completed": 1, **ENDED},
    (Stage.NEW, Kind.TRANSFERRED): {**UNKNOWN_HOLD, "transferred": 1, **ENDED},
    (Stage.NEW, Kind.LAPSE): {},
    (Stage.WAITING, Kind.QUEUED): {"offered": 1, "late": 1, "waiting": 1, "discards": 1},
    (Stage.WAITING, Kind.ANSWERED): LATE_ANSWER,
    (Stage.WAITING, Kind.ABANDONED): LEFT_COUNTS,
    (Stage.WAITING, Kind.DEQUEUED): {"offered": 1, "late": 1, "dequeued": 1, **ENDED},
    (Stage.WAITING, Kind.DISCONNECTED): {
        "offered": 1,
        "late": 1,
        "disconnected": 1,
        "disconnected_waiting": 1,
        **ENDED,
    },
    (Stage.WAITING, Kind.COMPLETED): {
        **UNKNOWN_HOLD,
        "completed": 1,
        **ENDED,
    },
    (Stage.WAITING, Kind.TRANSFERRED): {
        **UNKNOWN_HOLD,
        "transferred": 1,
        **ENDED,
    },
    (Stage.WAITING, Kind.LAPSE): {**LAPSED_COUNTS, "discards": 1},
    (Stage.TALKING, Kind.QUEUED): {**TALKING_COUNTS, "discards": 1},
    (Stage.TALKING, Kind.ANSWERED): {**TALKING_COUNTS, "discards": 1},
    (Stage.TALKING, Kind.ABANDONED): {**TALKING_COUNTS, "discards": 1},
    (Stage.TALKING, Kind.DEQUEUED): {**TALKING_COUNTS, "discards": 1},
    (Stage.TALKING, Kind.DISCONNECTED): {**TALKING_COUNTS, "disconnected": 1, **ENDED},
    (Stage.TALKING, Kind.COMPLETED): FINISHED_COUNTS,
    (Stage.TALKING, Kind.TRANSFERRED): {**TALKING_COUNTS, "transferred": 1, **ENDED},
    (Stage.TALKING, Kind.LAPSE): {**TALKING_COUNTS, **ENDED, "ended_unknown": 1, "discards": 1},
    (Stage.LEFT, Kind.QUEUED): {**LEFT_COUNTS, **AGAIN, "waiting": 1},
    (Stage.LEFT, Kind.LAPSE): LEFT_COUNTS,
    (Stage.FINISHED, Kind.QUEUED): {**FINISHED_COUNTS, "offered": 2, "late": 1, "waiting": 1},
    (Stage.FINISHED, Kind.LAPSE): FINISHED_COUNTS,
    (Stage.LAPSED, Kind.QUEUED): {**LAPSED_COUNTS, **AGAIN, "waiting": 1, "discards": 1},
    (Stage.LAPSED, Kind.ANSWERED): {**LATE_ANSWER, "discards": 1},
    (Stage.LAPSED, Kind.ABANDONED): {**LEFT_COUNTS, "discards": 1},
    (Stage.LAPSED, Kind.DEQUEUED): {
        "offered": 1,
        "late": 1,
        "dequeued": 1,
        **ENDED,
        "discards": 1,
    },
    (Stage.LAPSED, Kind.DISCONNECTED): {
        "offered": 1,
        "late": 1,
        "disconnected": 1,
        "disconnected_waiting": 1,
        **ENDED,
        "discards": 1,
    },
    (Stage.LAPSED, Kind.COMPLETED): {**UNKNOWN_HOLD, "completed": 1, **ENDED, "discards": 1},
    (Stage.LAPSED, Kind.TRANSFERRED): {**UNKNOWN_HOLD, "transferred": 1, **ENDED, "discards": 1},
    (Stage.LAPSED, Kind.LAPSE): {**LAPSED_COUNTS, "discards": 1},
}
for _kind in (Kind.ANSWERED, *ENDS):
    EXPECTED[Stage.LEFT, _kind] = {**LEFT_COUNTS, "discards": 1}
    EXPECTED[Stage.FINISHED, _kind] = {**FINISHED_COUNTS, "discards": 1}


def test_every_stage_answers_to_every_kind_and_nothing_else_is_in_the_table() -> None:
    assert [(stage, kind) for stage, row in TRANSITIONS.items() for kind in row] == CELLS
    assert set(EXPECTED) == set(CELLS)


@pytest.mark.parametrize(("stage", "kind"), CELLS)
def test_the_table_by_position_is_the_same_table(stage: Stage, kind: Kind) -> None:
    assert ACTIONS[int(stage)][int(kind)] == TRANSITIONS[stage][kind][1]


@pytest.mark.parametrize(("stage", "kind"), CELLS)
def test_an_action_leads_where_its_name_says(stage: Stage, kind: Kind) -> None:
    target, action = TRANSITIONS[stage][kind]
    if action in (Action.CONFIRM, Action.CONTRADICT, Action.DUPLICATE):
        assert target is stage
    leads_to = {
        Action.ENTER: {Stage.WAITING},
        Action.REENTER: {Stage.WAITING},
        Action.ANSWER: {Stage.TALKING},
        Action.REVIVE: {Stage.TALKING},
        Action.LEAVE: {Stage.LEFT},
        Action.FINISH: {Stage.FINISHED},
        Action.ANSWER_AND_FINISH: {Stage.FINISHED},
        Action.AMEND_ANSWER: {Stage.FINISHED},
        Action.AMEND_END: {Stage.LEFT, Stage.FINISHED},
        Action.LAPSE: {Stage.LAPSED},
    }
    assert target in leads_to.get(action, {stage})


def test_every_action_is_in_use_and_every_type_of_a_visit_has_its_kind() -> None:
    assert {action for row in TRANSITIONS.values() for _, action in row.values()} == set(Action)
    assert {*KIND_OF_TYPE.values()} == {STARTED, *map(int, Kind)} - {Kind.LAPSE}


@pytest.mark.parametrize("stage", Stage)
def test_only_open_visits_lapse_and_no_end_is_overturned_by_another(stage: Stage) -> None:
    is_open = stage in (Stage.WAITING, Stage.TALKING)
    assert (TRANSITIONS[stage][Kind.LAPSE][1] is Action.LAPSE) == is_open
    if stage in (Stage.LEFT, Stage.FINISHED):
        assert {TRANSITIONS[stage][kind][1] for kind in ENDS} == {Action.DUPLICATE}


def reach(engine: Engine, stage: Stage) -> None:
    for word, after_s in WAYS[stage]:
        engine.on_events([_event(word, after_s)], BASE_MS + after_s * SECOND_MS)
    call = next(engine.tracker.register.calls(), None)
    found = None if call is None else call.visit
    assert (Stage.NEW if found is None else Stage(found.stage)) is stage


def _event(word: str, after_s: int) -> Event:
    if word == "source.reset":
        made = happened("started", BASE_MS + after_s * SECOND_MS, "r", None)
        made.type, made.call_id = word, None
        return made
    return happened(word, BASE_MS + after_s * SECOND_MS)


def counted(engine: Engine, at_ms: int) -> dict[str, int]:
    """Everything that is counted in queue A, whoever waits there, and all discards."""
    engine.on_tick(at_ms)
    row = engine.table.queue_row("A")
    lifetime = engine.ring.lifetime[row].copy()
    lifetime[[CALLS_MADE, CALLS_ASSIGNED, WAIT_MS_SUM]] = 0
    lifetime[HOLD_BIN:] = 0
    found = {name: int(count) for name, count in zip(FIELDS, lifetime, strict=True) if count}
    found["waiting"] = int(engine.waiting.counts()[row])
    found["discards"] = engine.discards.total()
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize(("stage", "kind"), CELLS)
def test_what_each_stage_counts_when_each_kind_of_event_comes(stage: Stage, kind: Kind) -> None:
    engine = Engine(shared_plan())
    engine.on_tick(BASE_MS)
    reach(engine, stage)
    told = _event("source.reset" if kind is Kind.LAPSE else WORD_OF_KIND[kind], 50)
    engine.on_events([told], told.at_ms)
    assert counted(engine, after([told])) == EXPECTED[stage, kind]
    assert (engine.ring.lifetime >= 0).all()
    made = 0 if (stage, kind) == (Stage.NEW, Kind.LAPSE) else 1
    assert engine.ring.lifetime[:, CALLS_MADE].sum() == made


@pytest.mark.parametrize("kind", [*ENDS, Kind.ANSWERED])
def test_disconnect_that_was_overtaken_by_its_answer_or_not_counts_the_same(kind: Kind) -> None:
    """Whatever comes after a disconnect, but happened before it, finds the call answered or not."""
    engine = Engine(shared_plan())
    engine.on_tick(BASE_MS)
    for word, after_s in (("queued", 0), ("disconnected", 40), (WORD_OF_KIND[kind], 20)):
        told = _event(word, after_s)
        engine.on_events([told], BASE_MS + 60_000)
    unanswered = {"offered": 1, "late": 1, "disconnected": 1, "disconnected_waiting": 1, **ENDED}
    answered = {**TALKING_COUNTS, "disconnected": 1, **ENDED}
    expected = answered if kind is Kind.ANSWERED else {**unanswered, "discards": 1}
    assert counted(engine, BASE_MS + 90_000) == expected


def test_roll_ups_see_what_the_queue_counts() -> None:
    engine = Engine(shared_plan())
    engine.on_tick(BASE_MS)
    reach(engine, Stage.FINISHED)
    engine.on_tick(BASE_MS + 60_000)
    rolled = engine.table.roll_up(engine.ring.lifetime)
    for name in ("organization", "contract/H1", "line/H1/members", "queue/A"):
        row = next(scope.row for scope in engine.table.scopes if scope.name == name)
        np.testing.assert_array_equal(
            rolled[row], engine.ring.lifetime[engine.table.queue_row("A")]
        )
