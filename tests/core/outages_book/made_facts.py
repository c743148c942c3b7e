"""Facts and signals by hand: two contracts with a line each, below one organization.

`HandSignals` stands in for the signals of a book, so that a test says what is wrong and the book
has to say what follows.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

import numpy as np

from monitor.core import fields
from monitor.core.fields import FIELD_COUNT
from monitor.core.outages.book import OutageBook
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.facts import Facts
from monitor.core.outages.signals import KINDS, SignalKind
from monitor.core.outages.watched import Watched
from monitor.core.plan import MINUTE_MS

T0: Final = 1_760_000_400_000
ONSET_BEFORE_MS: Final = 90_000
NAMES: Final = ("organization", "contract/H1", "line/H1/m", "contract/H2", "line/H2/m")
ROWS: Final = {"H1": (1, 2), "H2": (3, 4)}
TURN_MS: Final = 10_000
CONFIRM_MS: Final = MINUTE_MS
PLAN: Final = ContinuityPlan(
    restore_within_ms=10 * MINUTE_MS,
    confirm_ms=CONFIRM_MS,
    ladder_ms=(0, 3 * MINUTE_MS, 8 * MINUTE_MS, 10 * MINUTE_MS),
    ladder_every_ms=4 * MINUTE_MS,
    turn_ms=TURN_MS,
)


class Sign(Enum):
    """What can be seen of a contract."""

    DOWN = "a signal is active"
    PENDING = "a condition has begun"
    BAD = "something speaks against it"
    WELL = "callers are answered in time"
    QUIET = "nothing is known"


class HandSignals:
    """What a test says."""

    def __init__(self, rows: int = len(NAMES)) -> None:
        self.since_ms = np.full((KINDS, rows), -1, dtype=np.int64)
        self.onset_ms = np.full((KINDS, rows), -1, dtype=np.int64)
        self.is_active = np.zeros((KINDS, rows), dtype=np.bool_)
        self.is_bad = np.zeros(rows, dtype=np.bool_)
        self.well_since_ms = np.full(rows, -1, dtype=np.int64)

    def update(self, facts: Facts) -> None:
        pass

    def evidence(self, _kind: SignalKind, _row: int, facts: Facts) -> dict[str, int]:
        return {"waiting": int(facts.waiting[0])}

    def say(self, sign: Sign, rows: Iterable[int], at_ms: int) -> None:
        for row in rows:
            fails = sign in {Sign.DOWN, Sign.PENDING}
            if not fails:
                self.since_ms[:, row] = self.onset_ms[:, row] = -1
            elif self.since_ms[0, row] < 0:
                self.since_ms[0, row], self.onset_ms[0, row] = at_ms, at_ms - ONSET_BEFORE_MS
            self.is_active[0, row] = sign is Sign.DOWN
            self.is_bad[row] = fails or sign is Sign.BAD
            if sign is not Sign.WELL:
                self.well_since_ms[row] = -1
            elif self.well_since_ms[row] < 0:
                self.well_since_ms[row] = at_ms


class HandBook:
    """A book of outages whose signals a test says, and its time."""

    def __init__(self, plan: ContinuityPlan = PLAN) -> None:
        watched = tuple(Watched(name, rows[0], rows) for name, rows in ROWS.items())
        self.book = OutageBook(plan, NAMES, watched, 0, lambda _contract, _deadline_ms: None)
        self.signals = HandSignals()
        self.book.signals = self.signals  # type: ignore[assignment]
        self.at_ms = T0
        self.answered = 0

    def tick(
        self,
        sign: Sign,
        contract: str = "H1",
        *,
        by_ms: int = 1_000,
        is_seen: bool = True,
        is_open: bool = True,
    ) -> None:
        self.at_ms += by_ms
        self.answered += sign is Sign.WELL
        self.signals.say(sign, ROWS[contract], self.at_ms)
        seen, due = np.ones(5, dtype=np.bool_), np.ones(5, dtype=np.bool_)
        seen[list(ROWS[contract])], due[list(ROWS[contract])] = is_seen, is_open
        facts = make_facts(self.at_ms, is_seen=seen, is_open=due)
        facts.lifetime[:, fields.ANSWERED] = self.answered
        self.book.update(facts)

    def last(self, sign: Sign, for_ms: int, **more: Any) -> None:  # noqa: ANN401 (of `tick`)
        """The same for a while, second by second."""
        for _ in range(for_ms // 1_000):
            self.tick(sign, **more)


def make_facts(at_ms: int, rows: int = len(NAMES), **given: Any) -> Facts:  # noqa: ANN401
    """A second at which nothing is going on; `given` replaces attributes."""

    def counts() -> Any:  # noqa: ANN401
        return np.zeros((rows, FIELD_COUNT), dtype=np.int64)

    def each(value: float, dtype: type = np.int64) -> Any:  # noqa: ANN401
        return np.full(rows, value, dtype=dtype)

    values: dict[str, Any] = {
        "last_minute": counts(),
        "five_minutes": counts(),
        "quarter": counts(),
        "hour": counts(),
        "lifetime": counts(),
        "burst": each(0),
        "waiting": each(0),
        "waited_ms": each(0),
        "longest_wait_ms": each(-1),
        "last_answered_ms": each(-1),
        "last_offered_ms": each(-1),
        "staffed": each(-1),
        "idle": each(-1),
        "is_single": each(0, np.bool_),
        "expected_per_s": each(np.nan, np.float64),
        "spread": each(5.0, np.float64),
        "is_seen": each(1, np.bool_),
        "is_beating": each(1, np.bool_),
        "is_open": each(1, np.bool_),
        "hold_limit_ms": each(120_000),
    }
    return Facts(at_ms=at_ms, **(values | given))
