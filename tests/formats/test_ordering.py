"""Disorder within the bound changes nothing; beyond it, it is counted."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.events import CALL_TYPES, HEARTBEAT, RANK, Event
from monitor.formats.ordering import in_order

LATENESS_MS = 60_000


def event(at_ms: int, kind: str = CALL_TYPES[0], call_id: str = "c") -> Event:
    return Event(type=kind, source="pbx1", ts=at_ms / 1000, call_id=call_id, at_ms=at_ms)


events = st.builds(
    event, st.integers(0, 600_000), st.sampled_from((*CALL_TYPES, HEARTBEAT, "unheard.of"))
)


def key(one: Event) -> tuple[int, int]:
    return one.at_ms, RANK.get(one.type, 99)


@given(st.lists(events), st.randoms(use_true_random=False))
def test_disorder_within_the_bound_is_mended(made: list[Event], random: object) -> None:
    delays = [getattr(random, "randint")(0, LATENESS_MS) for _ in made]  # noqa: B009
    order = sorted(range(len(made)), key=lambda n: made[n].at_ms + delays[n])
    arrived = [made[n] for n in order]
    ordered = in_order(arrived, LATENESS_MS)
    assert list(ordered) == sorted(arrived, key=key)
    assert ordered.late == 0


@given(st.lists(events), st.integers(0, 100_000))
def test_every_event_comes_out_once_and_the_late_ones_are_counted(
    made: list[Event], lateness_ms: int
) -> None:
    ordered = in_order(made, lateness_ms)
    out = list(ordered)
    assert sorted(map(id, out)) == sorted(map(id, made))
    newest: tuple[int, int] = (-1, -1)
    behind = 0
    for one in out:
        behind += key(one) < newest
        newest = max(newest, key(one))
    assert ordered.late == behind


def test_an_event_is_released_once_nothing_within_the_bound_can_precede_it() -> None:
    seen: list[int] = []

    def arriving() -> list[Event]:
        return [event(at_ms) for at_ms in (0, 60_000, 60_001, 200_000)]

    def watched() -> object:
        for one in arriving():
            seen.append(one.at_ms)
            yield one

    ordered = in_order(watched(), LATENESS_MS)  # type: ignore[arg-type]
    assert next(ordered).at_ms == 0
    assert seen == [0, 60_000, 60_001]


def test_ties_keep_the_order_of_rank_then_of_the_input() -> None:
    tied = [event(5, "call.completed"), event(5, "call.queued", "b"), event(5, "call.queued", "a")]
    assert list(in_order(tied, 0)) == [tied[1], tied[2], tied[0]]
