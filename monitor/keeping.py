"""How long things are kept, and how often the state is saved."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long things are kept, and how often the state is saved.

    Attributes:
        checkpoint_every_ms: On the wall.
        events_ms: Journal records.
        quarantine_ms: Records of refused messages.
        alerts_ms: The history of alerts.
        calls_ms: Intervals.
    """

    checkpoint_every_ms: int
    events_ms: int
    quarantine_ms: int
    alerts_ms: int
    calls_ms: int
