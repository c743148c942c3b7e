"""Conversations as they are counted against those of a made day."""

from dataclasses import replace

import numpy as np
from core.outages_book.made_day import PLAN, T0_MS, Day, events_of, reborn

from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.outages.facts import Facts
from monitor.core.outages.inputs import LinkChanged
from monitor.core.plan import HOUR_MS

DAY = Day(seed=5, seconds=1_200, stops=((700, 800),))


def facts_of(engine: Engine) -> Facts:
    assert engine.watch is not None
    assert engine.watch.facts is not None
    return engine.watch.facts


def row_of(engine: Engine, name: str) -> int:
    assert engine.watch is not None
    return engine.watch.names.index(name)


def test_conversations_are_those_that_were_answered_and_have_not_ended() -> None:
    line = replace(PLAN.contracts[0].lines[0], dnis=("8005550100",))
    first = replace(PLAN.contracts[0], lines=(line,))
    plan = replace(PLAN, contracts=(first, PLAN.contracts[1]))
    engine, talking = Engine(plan), dict.fromkeys(("H1", "H2"), 0)
    ivr = 0
    for at, event in enumerate(events_of(DAY)):
        for now_ms, _ in engine.advance(event.at_ms):
            if now_ms % 10_000 == 0:
                found = facts_of(engine).talking
                assert found is not None
                for name, count in talking.items():
                    assert found[row_of(engine, f"contract/{name}")] == count
                assert found[0] == sum(talking.values())
        engine.on_events([event], event.at_ms)
        if event.call_id is not None and event.type == "call.answered":
            talking[event.call_id[:2]] += 1
        elif event.type == "call.completed" and event.call_id is not None:
            talking[event.call_id[:2]] -= 1
        if at % 40 == 0:
            # Calls that end in the IVR are no conversations, whatever number they dialled.
            for kind in ("started", "completed"):
                told = Event(f"call.{kind}", "pbx", 0.0, call_id=f"ivr-{at}", dnis="8005550100")
                told.at_ms = event.at_ms
                engine.on_events([told], event.at_ms)
            ivr += 1
        if at % 100 == 0:
            engine = reborn(engine, plan)
    assert ivr > 5


def test_after_a_time_unseen_they_are_not_known_until_no_call_can_be_left_over() -> None:
    engine = Engine(PLAN)
    for event in events_of(DAY):
        for _ in engine.advance(event.at_ms):
            pass
        engine.on_events([event], event.at_ms)
    at_ms = T0_MS + 1_300_000

    def known(lost_s: int) -> bool:
        nonlocal at_ms
        engine.on_input(LinkChanged("pbx", is_linked=False), at_ms)
        for _ in range(lost_s):
            at_ms += 1_000
            engine.on_tick(at_ms)
        engine.on_input(LinkChanged("pbx", is_linked=True), at_ms)
        at_ms += 1_000
        engine.on_tick(at_ms)
        found = facts_of(engine).talking
        assert found is not None
        return bool(np.all(found >= 0))

    assert known(40)
    assert not known(90)
    at_ms += PLAN.limits.call_age_ms - HOUR_MS
    assert not known(1)
    at_ms += HOUR_MS
    assert known(1)
