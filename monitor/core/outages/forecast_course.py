"""What a forecast of a restoration is made from: the outage so far, and what is known ahead.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor.core.outages.erlang import MEDICARE, Target

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

QUARTER_MS: Final = 900_000
# As far as a forecast looks.
HORIZON_MS: Final = 14 * 86_400_000
UNKNOWN: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """The minutes of the outage, all arrays of shape (n,).

    Attributes:
        at_ms: End of each minute, epoch ms, int64, ascending.
        offered: Calls that entered a queue within it, int64.
        answered: Calls answered within it, int64.
        abandoned: Callers who gave up within it, int64.
        waiting: Calls in queue at its end, int64.
        hold_floor_ms: The hold floor at its end, int64; `UNKNOWN` without a call to tell it by.
        agents: Agents who are there, int64; `UNKNOWN` where that is not known.
        lines_back: Share of the lines that work again, float64 in [0, 1]; NaN when not known.
    """

    at_ms: IntArray
    offered: IntArray
    answered: IntArray
    abandoned: IntArray
    waiting: IntArray
    hold_floor_ms: IntArray
    agents: IntArray
    lines_back: FloatArray

    def __post_init__(self) -> None:
        sizes = {getattr(self, name).shape for name in self.__slots__}
        assert len(sizes) == 1, sizes
        assert (np.diff(self.at_ms) > 0).all()

    @classmethod
    def none(cls) -> "Samples":
        """No minute at all."""
        nothing = np.zeros(0, np.int64)
        return cls(nothing, nothing, nothing, nothing, nothing, nothing, nothing, np.zeros(0))


@dataclass(frozen=True, slots=True, eq=False)
class Ordinary:
    """What an ordinary quarter-hour of this center looks like, over the outage and what follows it.

    Attributes:
        start_ms: Start of the first quarter-hour, epoch ms, a multiple of `QUARTER_MS`.
        calls: Calls expected to enter the queue in each, float64 (q,); NaN where not known.
        spread: Relative standard deviation of `calls`, float64 (q,); NaN where not known.
        agents: Agents who are there in each, float64 (q,); NaN where not known.
    """

    start_ms: int
    calls: FloatArray
    spread: FloatArray
    agents: FloatArray

    def __post_init__(self) -> None:
        assert self.start_ms % QUARTER_MS == 0
        assert self.calls.shape == self.spread.shape == self.agents.shape

    @classmethod
    def unknown(cls, start_ms: int = 0) -> "Ordinary":
        """Nothing is known."""
        nothing = np.zeros(0)
        return cls(start_ms, nothing, nothing, nothing)

    def at(self, values: FloatArray, at_ms: IntArray) -> FloatArray:
        """The value of the quarter-hours that hold the instants; NaN where none does."""
        rows = (at_ms - self.start_ms) // QUARTER_MS
        held = (rows >= 0) & (rows < values.size)
        found = np.full(at_ms.shape, np.nan)
        found[held] = values[rows[held]]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """An outage that is not restored yet.

    Attributes:
        at_ms: Now, epoch ms.
        onset_ms: When it began.
        deadline_ms: When it has to be over.
        samples: Its minutes, none after `at_ms`.
        ordinary: What would be usual.
        handle_ms: Mean time that an agent spends on a call, > 0.
        patience_ms: Mean patience, > 0; see `patience.py`.
        open_spans: When the center has to be open, [start, end), ascending, from the onset to as
            far as can be seen. Restoration shows only in them; the end of the last is the horizon.
            Empty: not known, and taken as always open.
        past_ms: How long earlier outages took to be restored; may be empty.
        confirm_ms: How long it has to be well, open, to count as restored.
        well_since_ms: Start of the good period that lasts now; `UNKNOWN` when it is not well.
        well_ms: How long it has been well, open and seen, since then.
        relapses: How often it was well and then not.
        target: What an answer has to keep to be good.
    """

    at_ms: int
    onset_ms: int
    deadline_ms: int
    samples: Samples
    ordinary: Ordinary
    handle_ms: float
    patience_ms: float
    open_spans: tuple[tuple[int, int], ...]
    past_ms: tuple[int, ...] = ()
    confirm_ms: int = 3_600_000
    well_since_ms: int = UNKNOWN
    well_ms: int = 0
    relapses: int = 0
    target: Target = field(default=MEDICARE)

    def __post_init__(self) -> None:
        assert self.onset_ms <= self.at_ms
        assert self.onset_ms < self.deadline_ms
        assert not self.samples.at_ms.size or self.samples.at_ms[-1] <= self.at_ms
        assert self.handle_ms > 0
        assert self.patience_ms > 0
        assert self.confirm_ms > 0
        assert all(start < end for start, end in self.open_spans)
        assert all(duration > 0 for duration in self.past_ms)

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The open spans that count, up to the horizon."""
        return self.open_spans or ((self.onset_ms, self.at_ms + HORIZON_MS),)
