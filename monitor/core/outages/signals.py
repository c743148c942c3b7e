"""The signals of an outage: what has gone wrong, since when, and how sure that is.

    no_answer   callers wait and nobody is answered, longer than chance explains
    hold        answers come far too late
    drops       calls are cut off
    silence     no call comes although calls are expected, longer than chance explains
    agents      the agents have gone

A signal *begins* with its condition, is *active* when the condition has lasted, and carries the
onset: when things ceased to work, which is before anybody could know. Chance: answers (and calls)
are taken for a Poisson process, so none comes within a gap g at rate r with the probability
exp(-r g) (for calls, whose rate is itself uncertain, (1 + r g / k) ** -k: the same, mixed over a
gamma distribution of shape k). In a year there are about r * year such gaps, and the signal waits
until fewer than `false_per_year` of them would be as long.

What is not seen is not judged: while a source cannot be heard, all stands still. Outside required
hours nothing begins, and what has begun but is not active is forgotten.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Final

import numpy as np

from monitor.core import fields
from monitor.core.outages import evidence
from monitor.core.outages import facts as fx
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.cut_off import CutOff
from monitor.core.outages.facts import BoolArray, Facts, course, gaps, total
from monitor.core.outages.unanswered import Unanswered
from monitor.core.outages.workforce import Workforce
from monitor.core.plan import MINUTE_MS, SECOND_MS
from monitor.core.snapshot import FloatArray, IntArray

_PER_MILLE: Final = 1_000
# Fewer calls of a minute say nothing about it.
_MINUTE_MIN: Final = 3
# A lull of this long within a bad stretch does not end it.
_LULL_MS: Final = 2 * MINUTE_MS
_NEVER: Final = -1

# What is kept over a restart.
_STATE: Final = (
    "since_ms", "onset_ms", "is_active", "is_bad", "well_since_ms", "_offered_ms", "_expected",
    "_late_since_ms", "_late_until_ms", "_late_before", "_was_judged", "_bad_since_ms",
    "_bad_until_ms",
)  # fmt: skip


class SignalKind(IntEnum):
    """What has gone wrong. The name in lower case is the word outside."""

    NO_ANSWER = 0
    HOLD = 1
    DROPS = 2
    SILENCE = 3
    AGENTS = 4


_WITH_AN_END: Final = (SignalKind.HOLD, SignalKind.DROPS)

KINDS: Final = len(SignalKind)


class Signals:
    """The signals of all watched scopes.

    Args:
        plan: Thresholds.
        rows: Watched scopes.

    Attributes:
        since_ms: Shape (kinds, rows), int64: since when the condition lasts; -1 while it does not.
        onset_ms: Shape (kinds, rows), int64: when it began to go wrong; -1 without a condition.
        is_active: Shape (kinds, rows), bool: the condition has lasted.
        is_bad: Shape (rows,), bool: something speaks against its being well, at the last second
            that was seen.
        well_since_ms: Shape (rows,), int64: since when callers have been answered in time; -1 while
            they are not.
    """

    def __init__(self, plan: ContinuityPlan, rows: int) -> None:
        self._plan = plan
        shape = (KINDS, rows)
        self.since_ms: IntArray = np.full(shape, _NEVER, dtype=np.int64)
        self.onset_ms: IntArray = np.full(shape, _NEVER, dtype=np.int64)
        self.is_active: BoolArray = np.zeros(shape, dtype=np.bool_)
        self.is_bad: BoolArray = np.zeros(rows, dtype=np.bool_)
        self.well_since_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        durations_ms = (0, plan.hold.for_ms, plan.drops.for_ms, 0, plan.agents.for_ms)
        self._durations_ms = np.array(durations_ms, dtype=np.int64)[:, None]
        self._at_ms = _NEVER
        self._was_judged: BoolArray = np.zeros(rows, dtype=np.bool_)
        self.unanswered = Unanswered(plan, rows)
        self.workforce = Workforce(plan.agents, rows)
        self.cut_off = CutOff(plan.drops, rows)
        # Since the last call: how many were expected.
        self._offered_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._expected: FloatArray = np.zeros(rows)
        # Stretches in which callers are answered late, or cut off.
        self._late_since_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._late_until_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._late_before: IntArray = np.zeros((4, rows), dtype=np.int64)
        # Since when something speaks against it, and until when something besides late answers did.
        self._bad_since_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)
        self._bad_until_ms: IntArray = np.full(rows, _NEVER, dtype=np.int64)

    def state(self) -> dict[str, FloatArray | IntArray | BoolArray]:
        """Everything that a restart must not lose: arrays whose last axis is the rows."""
        return {name: getattr(part, key) for name, part, key in self._kept()}

    def restore(self, state: Mapping[str, FloatArray | IntArray | BoolArray], at_ms: int) -> None:
        """Take over what `state` gave, for the same rows, as of `at_ms`."""
        self._at_ms = at_ms
        for name, part, key in self._kept():
            own = getattr(part, key)
            if name in state and state[name].shape == own.shape:
                setattr(part, key, state[name].astype(own.dtype))

    def _kept(self) -> Iterator[tuple[str, object, str]]:
        """Name of each array that is kept, what has it, and as which attribute."""
        yield from ((name, self, name) for name in _STATE)
        for part in (self.unanswered, self.workforce, self.cut_off):
            prefix = type(part).__name__.lower()
            yield from ((f"{prefix}.{key}", part, key) for key in part.STATE)

    def update(self, facts: Facts) -> None:
        """Take up one second, not before the last one."""
        elapsed_ms = 0 if self._at_ms == _NEVER else facts.at_ms - self._at_ms
        assert elapsed_ms >= 0
        self._at_ms = facts.at_ms
        judged = facts.is_seen & facts.is_open
        # Time in which something was not seen or not open is of no account.
        elapsed = np.where(self._was_judged, elapsed_ms, 0)
        self._was_judged = judged
        self.unanswered.follow(facts, judged, elapsed)
        self.workforce.follow(facts, judged, elapsed)
        recent = facts.recent(self._plan.hold.min_calls)
        self._mark_late(facts, recent, judged)
        conditions = (
            self._no_answer(facts),
            self._hold(facts, recent),
            self._drops(facts),
            self._silence(facts, judged, elapsed),
            self._agents(facts),
        )
        holds, onset_ms, sure = (np.stack(part) for part in zip(*conditions, strict=True))
        self._move(facts, holds, onset_ms, sure)
        self._mark_well(facts, recent, judged)

    def _move(self, facts: Facts, holds: BoolArray, found_ms: IntArray, sure: BoolArray) -> None:
        """Begin, go on with, or end every signal.

        Args:
            facts: The second.
            holds: Shape (kinds, rows): whether the condition holds.
            found_ms: Shape (kinds, rows): the onset if it begins now; -1 for now.
            sure: Shape (kinds, rows): whether it need not last first.
        """
        seen, opened, active = facts.is_seen, facts.is_open, self.is_active
        since_ms, onset_ms = self.since_ms, self.onset_ms
        judged, has_begun = seen & opened, since_ms >= 0
        begins = holds & judged & ~has_begun
        ends = seen & has_begun & np.where(opened, ~holds, ~active)
        if begins.any():
            since_ms[begins] = facts.at_ms
            onset_ms[begins] = np.where(found_ms < 0, facts.at_ms, found_ms)[begins]
        if ends.any():
            since_ms[ends] = onset_ms[ends] = _NEVER
        has_begun = since_ms >= 0
        lasts = facts.at_ms - since_ms >= self._durations_ms
        active |= judged & has_begun & (lasts | sure)
        active &= has_begun

    # -- nobody is answered -------------------------------------------------------------------

    def _no_answer(self, facts: Facts) -> tuple[BoolArray, IntArray, BoolArray]:
        holds = self.unanswered.is_nobody(facts)
        return holds, self.unanswered.onset_ms(facts), holds

    # -- answered too late --------------------------------------------------------------------

    def _mark_late(self, facts: Facts, recent: IntArray, judged: BoolArray) -> None:
        """Follow the stretches in which most callers are answered late or not at all."""
        late, decided = facts.last_minute[:, fields.LATE], total(facts.last_minute, fx.DECIDED)
        few = decided < _MINUTE_MIN
        late = np.where(few, recent[:, fields.LATE], late)
        decided = np.where(few, total(recent, fx.DECIDED), decided)
        is_late = judged & (decided >= _MINUTE_MIN) & (2 * late >= decided)
        begins = is_late & (self._late_since_ms < 0)
        # Half of the last minute's calls were late, and each of them came before its threshold.
        self._late_since_ms[begins] = facts.at_ms - MINUTE_MS
        before = course(facts.lifetime) - course(facts.last_minute)
        self._late_before[:, begins] = before[:, begins]
        self._late_until_ms[is_late] = facts.at_ms
        over = judged & (self._late_since_ms >= 0) & ~is_late
        over &= facts.at_ms - self._late_until_ms >= _LULL_MS
        self._late_since_ms[over | ~facts.is_open] = _NEVER

    def _mark_well(self, facts: Facts, recent: IntArray, judged: BoolArray) -> None:
        """Say who is well: most callers in time, the hold within its limit, and no signal."""
        waited_ms, calls = facts.hold_floor(recent)
        decided = total(recent, fx.DECIDED)
        slow = (facts.hold_limit_ms >= 0) & (calls > 0) & (waited_ms > calls * facts.hold_limit_ms)
        slow |= (decided > 0) & (2 * recent[:, fields.LATE] >= decided)
        bad = (self.since_ms >= 0).any(axis=0) | slow
        self._bad_since_ms[judged & bad & ~self.is_bad] = facts.at_ms
        # Late answers and calls that are cut off have ends of their own.
        others = (np.delete(self.since_ms, _WITH_AN_END, axis=0) >= 0).any(axis=0)
        self._bad_until_ms[judged & others] = facts.at_ms
        self.is_bad = np.where(judged, bad, self.is_bad)
        is_well = judged & ~bad & (recent[:, fields.ANSWERED] > 0)
        begins = is_well & (self.well_since_ms < 0)
        # It was well again when the last of the late ones had come through, or the last one was cut
        # off, which the windows tell later; but not before it went bad, nor while anything else was
        # wrong.
        well_ms = np.maximum(self._late_until_ms, self._bad_until_ms)
        well_ms = np.maximum(well_ms, self.cut_off.until_ms)
        well_ms = np.maximum(well_ms, self._bad_since_ms)
        self.well_since_ms[begins] = np.where(well_ms >= 0, well_ms, facts.at_ms)[begins]
        self.well_since_ms[judged & bad] = _NEVER

    def _hold(self, facts: Facts, recent: IntArray) -> tuple[BoolArray, IntArray, BoolArray]:
        plan = self._plan.hold
        waited_ms, calls = facts.hold_floor(recent)
        limited = (facts.hold_limit_ms >= 0) & (calls >= plan.min_calls)
        limit_ms = calls * facts.hold_limit_ms
        within, decided = recent[:, fields.ANSWERED_WITHIN], total(recent, fx.DECIDED)
        few = (decided > 0) & (within * _PER_MILLE <= decided * plan.within_per_mille)
        far = (waited_ms >= limit_ms * plan.hold_floor_times) | (
            few & (waited_ms * _PER_MILLE >= limit_ms * plan.within_floor_per_mille)
        )
        within, decided, wait_ms, answered = course(facts.lifetime) - self._late_before
        limit_now_ms = (answered + facts.waiting) * facts.hold_limit_ms
        far_now = (self._late_since_ms >= 0) & (decided >= plan.min_stretch)
        far_now &= within * _PER_MILLE <= decided * plan.within_per_mille
        far_now &= wait_ms + facts.waited_ms >= limit_now_ms * plan.hold_floor_times
        slow = self.unanswered.is_slow(facts)
        holds = limited & far | far_now & (facts.hold_limit_ms >= 0) | slow
        onset_ms = self.workforce.onset_ms(facts)
        # Callers may have waited all day; what counts is since when too few were answered.
        lately = slow & (facts.staffed < 0)
        return holds, np.where(lately, self.unanswered.slow_ms, onset_ms), slow

    # -- cut off ------------------------------------------------------------------------------

    def _drops(self, facts: Facts) -> tuple[BoolArray, IntArray, BoolArray]:
        found = self.cut_off.is_cut(facts, self.is_active[SignalKind.DROPS])
        return found, self.cut_off.since_ms, np.zeros_like(found)

    # -- silence ------------------------------------------------------------------------------

    def _silence(
        self, facts: Facts, judged: BoolArray, elapsed_ms: IntArray
    ) -> tuple[BoolArray, IntArray, BoolArray]:
        plan = self._plan.silence
        over = (facts.last_offered_ms != self._offered_ms) | ~facts.is_open
        self._offered_ms = facts.last_offered_ms.copy()
        self._expected[over] = 0.0
        rate = np.where(np.isnan(facts.expected_per_s), 0.0, facts.expected_per_s)
        self._expected[judged] += (rate * elapsed_ms / SECOND_MS)[judged]
        gap_ms = facts.at_ms - facts.last_offered_ms
        surprise = facts.spread * np.log1p(self._expected / facts.spread)
        # Without a sign of life from the source, silence may as well be ours.
        holds = facts.is_beating & (gap_ms >= plan.for_ms)
        holds &= self._expected >= plan.min_expected
        holds &= surprise >= gaps(np.maximum(rate, 1e-9), self._plan.false_per_year)
        holds &= rate > 0
        # Once it has begun only a call ends it, whatever is expected of the next quarter-hour.
        holds |= (self.since_ms[SignalKind.SILENCE] >= 0) & ~over & facts.is_beating
        return holds, facts.last_offered_ms, holds

    # -- agents -------------------------------------------------------------------------------

    def _agents(self, facts: Facts) -> tuple[BoolArray, IntArray, BoolArray]:
        short = self.workforce.is_short(facts, self.unanswered.unseen_ms)
        holds = self.workforce.is_gone(facts) | short
        return holds, self.workforce.onset_ms(facts), np.zeros_like(holds)

    # -- evidence -----------------------------------------------------------------------------

    def evidence(self, kind: SignalKind, row: int, facts: Facts) -> dict[str, int]:
        """The figures that a signal has fired on, in plain numbers."""
        match kind:
            case SignalKind.NO_ANSWER:
                return evidence.no_answer(self.unanswered, row, facts)
            case SignalKind.HOLD:
                return evidence.hold(self._plan.hold.min_calls, row, facts)
            case SignalKind.DROPS:
                return evidence.drops(int(self.cut_off.burst[row]), row, facts)
            case SignalKind.SILENCE:
                return evidence.silence(float(self._expected[row]), row, facts)
            case SignalKind.AGENTS:
                return evidence.agents(self.workforce, row, facts)
