"""Whatever the decoder lets through: it never raises, never makes a count negative, and passes."""

from dataclasses import replace

from core.made_calls import BASE_MS, LAWS, watched_plan
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.engine import Engine
from monitor.core.events import CALL_TYPES, ENDED_BY, OTHER_TYPES, REASONS, Event
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS, Limits, RulePlan
from monitor.core.standards import Measure

DAY_MS = 24 * HOUR_MS
RULE = RulePlan("r", Measure.SERVICE_LEVEL, MINUTE_MS, 3_000, 2_000, "page", ("*",))

_instants = st.integers(-(10**14), 10**14) | st.integers(BASE_MS - DAY_MS, BASE_MS + DAY_MS)
_near = st.integers(BASE_MS - 60_000, BASE_MS + 60_000)
_durations = st.none() | st.integers(0, 10**10) | st.integers(0, 60_000)
events_of_any_kind = st.builds(
    Event,
    type=st.sampled_from((*CALL_TYPES, *CALL_TYPES, *OTHER_TYPES, "", "call.", "x" * 64)),
    source=st.sampled_from(("pbx", "pbx", "", "other")),
    ts=st.just(0.0),
    call_id=st.none() | st.sampled_from(("a", "b", "c")),
    entry=st.none() | st.integers(1, 3) | st.just(1_000_000),
    queue=st.none() | st.sampled_from(("A", "B", "q-1", "nowhere", "unconfigured", "queue/")),
    seq=st.none() | st.integers(0, 2**53),
    site=st.none() | st.sampled_from(("Fresno", "", "Reno")),
    agent=st.none() | st.sampled_from(("x", "y")),
    state=st.none() | st.sampled_from(("busy", "", "asleep")),
    ended_by=st.none() | st.sampled_from((*sorted(ENDED_BY), "nobody")),
    reason=st.none() | st.sampled_from((*sorted(REASONS), "whim")),
    depth=st.none() | st.integers(0, 2),
    at_ms=_instants | _near | _near,
    queued_ms=st.none() | _instants | _near,
    answered_ms=st.none() | _instants | _near,
    wait_ms=_durations,
    talk_ms=_durations,
)


@LAWS
@given(
    events=st.lists(st.tuples(events_of_any_kind, st.sampled_from((0, 0, 0, 1, 70, 20_000)))),
    sources=st.sampled_from(((), ("pbx",))),
)
def test_no_event_that_the_decoder_lets_through_raises_or_makes_a_count_negative(
    events: list[tuple[Event, int]], sources: tuple[str, ...]
) -> None:
    plan = replace(watched_plan(), sources=sources, queues=("q-*",), rules=(RULE,), min_calls=1)
    limits = Limits(open_calls=2, ended_calls=1, queues=1)
    engine = Engine(replace(plan, limits=limits))
    engine.on_tick(BASE_MS)
    now_ms = BASE_MS
    for event, wait_s in events:
        engine.on_events([event], now_ms)
        if wait_s:
            now_ms += wait_s * SECOND_MS
            engine.on_tick(now_ms)
    for _ in range(8):
        now_ms += 20_000 * SECOND_MS
        engine.on_tick(now_ms)
    assert (engine.ring.lifetime >= 0).all()
    assert not engine.ring.sums.any()
    register = engine.tracker.register
    assert register.open_count == register.ended_count == 0
    assert not engine.waiting.counts().any()
    assert engine.snapshot().open_calls == 0
