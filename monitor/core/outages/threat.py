"""Whether the deadline of each open outage will be missed: told every minute, with its reasons.

Keeps the minutes of each open outage, puts together what a forecast needs, and notes when the
probability to miss the deadline has passed a threshold, upwards or clearly downwards. Many outages
at once are not forecast in the same second.

Pure: no I/O, no clock.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from msgspec import Struct

from monitor.core import fields
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.expectation import Expectation
from monitor.core.outages.facts import Facts
from monitor.core.outages.forecast import Forecast, forecast
from monitor.core.outages.forecast_course import HORIZON_MS, QUARTER_MS, Course, Ordinary, Samples
from monitor.core.outages.outage import UNKNOWN, Outage, Threat
from monitor.core.outages.patience import mean_patience
from monitor.core.outages.risk import risks_after, standing
from monitor.core.plan import HOUR_MS, MINUTE_MS, SECOND_MS

_PPM: Final = 1_000_000
# Events do not tell how long agents work on a call; this is usual for such a line.
_HANDLE_MS: Final = 360_000.0
_MINUTES_KEPT: Final = 14 * 24 * 60
_DUE_SECOND: Final = 1
_SPANS_EVERY_MS: Final = 6 * HOUR_MS
# A forecast that has seen nothing of an outage yet wakes nobody for so long.
_GUESSED_MS: Final = 15 * MINUTE_MS
# Outages that are forecast for the first time in one second: where a hundred contracts fail at
# once, the others wait for a few seconds, so that the tick holds nobody up.
_FIRST_AT_ONCE: Final = 2

Spans = tuple[tuple[int, int], ...]
# (contract, from, to) -> when it has to be open.
OpenSpans = Callable[[str, int, int], Spans]
# (kind, figures) of something to be told about an outage.
Told = tuple[str, dict[str, Any]]


class Minute(Struct, frozen=True, array_like=True):
    """One minute of an outage; see `Samples`."""

    at_ms: int
    offered: int
    answered: int
    abandoned: int
    waiting: int
    hold_floor_ms: int
    agents: int
    lines_back_ppm: int


class ThreatKeeper:
    """The threats of all open outages.

    Args:
        plan: How long it has to be well to count as restored, and which probabilities are told.
        open_spans: Tells the required hours of a contract.

    Attributes:
        minutes: Of each open outage, by its id.
    """

    def __init__(self, plan: ContinuityPlan, open_spans: OpenSpans) -> None:
        self._plan = plan
        self._open_spans = open_spans
        self.minutes: dict[str, list[Minute]] = {}
        self._spans: dict[str, tuple[int, Spans]] = {}
        self._first: tuple[int, int] = (UNKNOWN, 0)  # a second, and first forecasts made in it

    def follow(
        self,
        outage: Outage,
        turn: int,
        facts: Facts,
        rows: tuple[int, ...],
        expectation: Expectation,
        past_ms: tuple[int, ...],
    ) -> Told | None:
        """Take up one second of an open outage.

        Args:
            outage: Gets its threat and its risks.
            turn: Its place among the open ones.
            facts: The second.
            rows: The contract's row and those of its lines.
            expectation: What is usual.
            past_ms: How long earlier outages lasted.

        Returns:
            What is to be told; None when no threshold was passed, either way.
        """
        if facts.at_ms % MINUTE_MS == 0 and facts.is_seen[rows[0]]:
            minutes = self.minutes.setdefault(outage.id, [])
            if len(minutes) < _MINUTES_KEPT:
                minutes.append(_minute(outage, facts, rows))
        if not self._is_due(outage, turn, facts.at_ms):
            return None
        found = forecast(self._course(outage, facts.at_ms, rows[0], expectation, past_ms))
        before = UNKNOWN if outage.threat is None else outage.threat.told_ppm
        outage.threat = self._threat(outage, found)
        told_ppm = outage.threat.told_ppm
        if not outage.is_missed:
            outage.risks = risks_after(
                outage.risks, before, told_ppm, self._plan.forecast_thresholds, facts.at_ms
            )
        return None if told_ppm == before else ("forecast", _plain(outage.threat))

    def _threat(self, outage: Outage, found: Forecast) -> Threat:
        miss_ppm = round(found.miss_probability * _PPM)
        before = outage.threat
        told_ppm, low_since_ms = UNKNOWN, UNKNOWN
        if outage.is_missed:
            # What is missed is in danger no longer, and is told by itself.
            told_ppm = UNKNOWN if before is None else before.told_ppm
        elif outage.id in self.minutes or found.at_ms - outage.opened_ms >= _GUESSED_MS:
            told_ppm, low_since_ms = standing(
                miss_ppm, before, self._plan.forecast_thresholds, found.at_ms
            )
        return Threat(
            at_ms=found.at_ms,
            miss_ppm=miss_ppm,
            climatology_ppm=round(found.climatology * _PPM),
            p10_ms=found.p10_ms,
            p50_ms=found.p50_ms,
            p90_ms=found.p90_ms,
            agents_more=None if found.needed is None else found.needed.agents,
            agents_from_ms=None if found.needed is None else found.needed.from_ms,
            drivers={one.name: round(one.effect * _PPM) for one in found.drivers},
            version=found.version,
            told_ppm=told_ppm,
            low_since_ms=low_since_ms,
        )

    def _is_due(self, outage: Outage, turn: int, at_ms: int) -> bool:
        """Whether to forecast now: once a minute, each outage in a second of its own."""
        if at_ms < outage.onset_ms:
            return False  # declared within this second
        if outage.threat is not None:
            return (at_ms // SECOND_MS + turn) % 60 == _DUE_SECOND
        second_ms, made = self._first
        if second_ms != at_ms:
            made = 0
        if made >= _FIRST_AT_ONCE:
            return False
        self._first = (at_ms, made + 1)
        return True

    def next_due_ms(self, outage: Outage, turn: int, at_ms: int) -> int:
        """The next instant at which the outage is forecast."""
        if outage.threat is None:
            return at_ms + SECOND_MS
        return next_turn_ms(turn, at_ms, _DUE_SECOND)

    def forget(self, outage: Outage) -> None:
        """Drop the minutes of an outage that is restored."""
        self.minutes.pop(outage.id, None)
        self._spans.pop(outage.id, None)

    def _course(
        self,
        outage: Outage,
        at_ms: int,
        row: int,
        expectation: Expectation,
        past_ms: tuple[int, ...],
    ) -> Course:
        minutes = self.minutes.get(outage.id, [])
        waited_ms = sum(minute.waiting for minute in minutes) * MINUTE_MS
        abandons = sum(minute.abandoned for minute in minutes)
        return Course(
            at_ms=at_ms,
            onset_ms=outage.onset_ms,
            deadline_ms=outage.deadline_ms,
            samples=_samples(minutes),
            ordinary=_ordinary(expectation, row, outage.onset_ms, at_ms),
            handle_ms=_HANDLE_MS,
            patience_ms=mean_patience(waited_ms, abandons).mean_ms,
            open_spans=self._spans_of(outage, at_ms),
            past_ms=past_ms,
            confirm_ms=self._plan.confirm_ms,
            well_since_ms=outage.well_since_ms,
            well_ms=outage.well_ms,
            relapses=outage.relapses,
        )

    def _spans_of(self, outage: Outage, at_ms: int) -> Spans:
        # Up to a multiple of some hours, so that it is the same whenever it is asked.
        until_ms = (at_ms // _SPANS_EVERY_MS + 1) * _SPANS_EVERY_MS + HORIZON_MS
        known = self._spans.get(outage.id)
        if known is None or known[0] != until_ms:
            spans = self._open_spans(outage.contract, outage.onset_ms, until_ms)
            known = self._spans[outage.id] = (until_ms, spans)
        return known[1]


def _minute(outage: Outage, facts: Facts, rows: tuple[int, ...]) -> Minute:
    row, lines = rows[0], max(1, len(rows) - 1)
    waited_ms, calls = facts.hold_floor(facts.five_minutes)
    down = sum(scope.startswith("line/") for scope in outage.lines)
    counts = facts.last_minute[row]
    return Minute(
        at_ms=facts.at_ms,
        offered=int(counts[fields.OFFERED]),
        answered=int(counts[fields.ANSWERED]),
        abandoned=int(counts[fields.ABANDONED]),
        waiting=int(facts.waiting[row]),
        hold_floor_ms=int(waited_ms[row] // calls[row]) if calls[row] else UNKNOWN,
        agents=int(facts.staffed[0]),
        lines_back_ppm=_PPM * max(0, lines - down) // lines,
    )


def _samples(minutes: list[Minute]) -> Samples:
    if not minutes:
        return Samples.none()
    named = {
        name: np.array([getattr(minute, name) for minute in minutes], dtype=np.int64)
        for name in Minute.__struct_fields__
    }
    lines_back = named.pop("lines_back_ppm") / _PPM
    return Samples(**named, lines_back=lines_back)


def _ordinary(expectation: Expectation, row: int, onset_ms: int, at_ms: int) -> Ordinary:
    start_ms = onset_ms // QUARTER_MS * QUARTER_MS
    count = (at_ms + HORIZON_MS - start_ms) // QUARTER_MS + 1
    unknown = np.full(count, np.nan)
    return Ordinary(start_ms, expectation.course(row, start_ms, count), unknown, unknown)


def _plain(threat: Threat) -> dict[str, Any]:
    figures = {name: getattr(threat, name) for name in threat.__struct_fields__}
    del figures["at_ms"], figures["low_since_ms"]
    return figures


def next_turn_ms(turn: int, at_ms: int, second: int) -> int:
    """The next instant after `at_ms` at which an outage's turn is in that second of its minute."""
    at_s = at_ms // SECOND_MS
    return (at_s + (second - turn - at_s - 1) % 60 + 1) * SECOND_MS
