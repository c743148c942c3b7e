"""Strategies that make wire events as an honest, a sloppy and a hostile sender would."""

from typing import Any, Final

from hypothesis import strategies as st

from monitor.core.events import CALL_TYPES, ENDED_BY, OTHER_TYPES, REASONS

KEY: Final = b"key of these tests"
BASE_S: Final = 1_760_000_000

seconds = st.floats(BASE_S, BASE_S + 1e6).map(lambda value: round(value, 3))
words = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=32)
printable = st.text(min_size=1, max_size=32).filter(str.isprintable)
durations = st.floats(0, 1e6).map(lambda value: round(value, 3))


@st.composite
def wire_events(draw: st.DrawFn) -> dict[str, Any]:
    """Make a good event of source `pbx1`, with any of the fields that it may have."""
    event: dict[str, Any] = {
        "v": 1,
        "type": draw(st.sampled_from(CALL_TYPES + OTHER_TYPES)),
        "source": "pbx1",
        "ts": draw(seconds),
        "call_id": "c-" + draw(words),
    }
    optional: dict[str, st.SearchStrategy[Any]] = {
        "entry": st.integers(1, 1_000_000),
        "queue": printable,
        "seq": st.integers(0, 2**53),
        "dnis": st.just("18005550100"),
        "skill": words | st.lists(words, max_size=4),
        "site": printable,
        "language": words,
        "tty": st.booleans(),
        "agent": printable,
        "queued_at": seconds,
        "answered_at": seconds,
        "wait_s": durations,
        "ring_s": durations,
        "talk_s": durations,
        "hold_s": durations,
        "ended_by": st.sampled_from(sorted(ENDED_BY)),
        "reason": st.sampled_from(sorted(REASONS)),
        "depth": st.integers(0, 1000),
    }
    for name in draw(st.sets(st.sampled_from(sorted(optional)))):
        event[name] = draw(optional[name])
    return event
