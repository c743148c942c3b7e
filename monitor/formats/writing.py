"""Events back to the wire form, for publishing recordings and simulated days.

Only what the wire knows is written: the integer fields of the engine go back into seconds, and
what is None is left out.

Invariant: decoding what was written gives the same instants, shifted. Pure: no I/O, no clock.
"""

from typing import Final

import msgspec

from monitor.core.events import Event

_ENCODER: Final = msgspec.json.Encoder()
# The struct leaves out defaults, and 1 is the default of `v`, which the wire requires.
_HEAD: Final = b'{"v":1,'


def to_wire(event: Event, shift_ms: int = 0) -> bytes:
    """Write one event as JSON.

    Args:
        event: An event with its `_ms` fields set.
        shift_ms: Added to every instant; durations stay.
    """
    wire = msgspec.structs.replace(
        event,
        ts=(event.at_ms + shift_ms) / 1000,
        queued_at=_seconds(event.queued_ms, shift_ms),
        answered_at=_seconds(event.answered_ms, shift_ms),
        wait_s=event.wait_s if event.wait_ms is None else event.wait_ms / 1000,
        talk_s=event.talk_s if event.talk_ms is None else event.talk_ms / 1000,
        at_ms=0,
        queued_ms=None,
        answered_ms=None,
        wait_ms=None,
        talk_ms=None,
    )
    return _HEAD + _ENCODER.encode(wire)[1:]


def _seconds(at_ms: int | None, shift_ms: int) -> float | None:
    return None if at_ms is None else (at_ms + shift_ms) / 1000
