"""What counts as an outage, and what happens on the way to its deadline, as plain numbers.

The defaults are meant for a line with at least a few hundred calls a day. Every signal has a
threshold, a duration and a smallest volume, so that a single odd call starts no clock.

Pure: no I/O, no clock.
"""

from dataclasses import dataclass, field
from typing import Final

# The plan holds this, so it cannot lend its units.
_SECOND_MS: Final = 1_000
_MINUTE_MS: Final = 60 * _SECOND_MS
_HOUR_MS: Final = 60 * _MINUTE_MS
RESTORE_WITHIN_MS: Final = 72 * _HOUR_MS


@dataclass(frozen=True, slots=True)
class NoAnswerPlan:
    """Callers wait and nobody is answered, or far fewer than should be; see `unanswered.py`.

    Attributes:
        for_ms: At least this long, > 0.
        most_ms: From this long on whatever chance may say, if `min_unanswered` calls wait or have
            left unanswered meanwhile; >= `for_ms`.
        min_unanswered: Fewer calls that went unanswered prove nothing, >= 1.
        idle_for_ms: Or agents have been free all this while, whatever chance may say, > 0.
        min_ignored: And at least so many calls went unanswered, >= 1: where agents serve several
            queues, one alone may want another agent than those. Where they serve just one, one is
            enough.
        free_per_mille: Where nobody tells which agents are free: so many in a thousand of the most
            conversations there were of late at a time are held to be agents who still are there;
            1 to 1000. Those of them who do not talk should answer.
        wrap_up_ms: How long it takes on average until an agent who should answer does, > 0. That
            it takes t has the probability exp(-t / wrap_up_ms), for each of them.
        slow_per_mille: Answers that come at no more than so many in a thousand of their usual rate
            while callers wait are too few; 1 to 999. The smaller, the surer, and the later.
        slow_wait_ms: And a caller has waited so long, >= 0.
    """

    for_ms: int = 30 * _SECOND_MS
    most_ms: int = 20 * _MINUTE_MS
    min_unanswered: int = 3
    idle_for_ms: int = 25 * _SECOND_MS
    min_ignored: int = 2
    slow_per_mille: int = 500
    slow_wait_ms: int = _MINUTE_MS
    free_per_mille: int = 800
    wrap_up_ms: int = 30 * _SECOND_MS


@dataclass(frozen=True, slots=True)
class HoldPlan:
    """Callers are answered far too late.

    Judged over the last five minutes, or the quarter or the hour where five minutes have too few.

    Attributes:
        hold_floor_times: `hold_floor` is this many times the limit of the hold, >= 1.
        within_floor_per_mille: Or it is so many thousandths of the limit, >= 1000. At the limit
            itself, a line with just enough agents has such a stretch several times a year.
        within_per_mille: And then at most so many in a thousand of the decided calls were in time.
        for_ms: And that lasts.
        min_calls: On fewer calls nothing is said.
        min_stretch: But so many are enough since callers began to be answered late, if both hold.
    """

    hold_floor_times: int = 2
    within_floor_per_mille: int = 1_400
    within_per_mille: int = 200
    for_ms: int = _MINUTE_MS
    min_calls: int = 20
    min_stretch: int = 10


@dataclass(frozen=True, slots=True)
class DropPlan:
    """Calls are cut off.

    Attributes:
        per_mille: So many in a thousand of the calls that ended within a minute, five or fifteen
            were disconnected or look like it.
        min_calls: And at least so many, within a minute.
        min_spread: Or so many, within the longer times: they take as long as a small line needs.
        burst_calls: Or so many callers "gave up" within one and the same second.
        for_ms: And that lasts; a burst need not.
    """

    per_mille: int = 300
    min_calls: int = 10
    min_spread: int = 6
    burst_calls: int = 12
    for_ms: int = 10 * _SECOND_MS


@dataclass(frozen=True, slots=True)
class SilencePlan:
    """No call comes although calls are expected, and the feed is alive.

    Attributes:
        for_ms: At least this long.
        min_expected: And at least so many calls were expected meanwhile.
    """

    for_ms: int = _MINUTE_MS
    min_expected: int = 8


@dataclass(frozen=True, slots=True)
class AgentsPlan:
    """The agents have gone: nearly all, or so many that the rest cannot do the work.

    Attributes:
        per_mille: So many in a thousand of those who were there are left, or fewer.
        within_ms: Who were there at most within this time before.
        min_agents: Fewer before prove nothing: a shift of two may end.
        for_ms: And that lasts.
        work_per_mille: Or fewer are there than so many in a thousand of those whom the work takes,
            by what agents were busy with of late and what is expected; see `workforce.py`.
        talk_per_mille: Where nobody tells who is there: at most so many in a thousand of those
            conversations go on. Less than the above, since who does not talk may be busy.
        min_lacking: And at least so many conversations are lacking, >= 1.
        wait_ms: And a caller has waited so long, with no agent free, >= 0.
    """

    per_mille: int = 300
    within_ms: int = 30 * _MINUTE_MS
    min_agents: int = 10
    for_ms: int = 2 * _MINUTE_MS
    work_per_mille: int = 900
    talk_per_mille: int = 600
    min_lacking: int = 3
    wait_ms: int = _MINUTE_MS


@dataclass(frozen=True, slots=True)
class ForecastThreshold:
    """A probability to miss the deadline from which on it is an alert.

    Attributes:
        miss_ppm: The probability, in millionths.
        severity: Of the alert while this is the highest threshold that was passed.
    """

    miss_ppm: int
    severity: str


# One in four is known, even odds need attention, and from there somebody has to be woken.
FORECAST_THRESHOLDS: Final = (
    ForecastThreshold(250_000, "info"),
    ForecastThreshold(500_000, "warning"),
    ForecastThreshold(750_000, "critical"),
    ForecastThreshold(900_000, "critical"),
)
_HOURS: Final = (0, 24, 36, 48, 60, 66, 70, 71, 72)


@dataclass(frozen=True, slots=True)
class ContinuityPlan:
    """The restoration of an essential function, 42 CFR 422.504(o)(2) and 423.505(p)(2).

    Attributes:
        restore_within_ms: From the onset to the deadline.
        confirm_ms: How long a function has to have been good, open and seen, before it is restored.
        ladder_ms: Ages of an outage at which it is told anew, ascending.
        ladder_every_ms: And then again and again.
        forecast_thresholds: Probabilities to miss the deadline that are told, ascending.
        false_per_year: How many outages a year chance may feign for each scope and signal that
            counts on chance (no answer, silence).
        blind_after_ms: A source of which nothing is heard for this long is not seen any more.
        turn_ms: How long it has to be well before it is told to recover, or bad to relapse; an
            active signal is a relapse at once.
        recover_min_answered: Answered calls within fifteen minutes without which nothing is good.
        abandon: Contracts that are watched no longer, whose open outages are followed no longer.
    """

    restore_within_ms: int = RESTORE_WITHIN_MS
    confirm_ms: int = _HOUR_MS
    ladder_ms: tuple[int, ...] = tuple(hours * _HOUR_MS for hours in _HOURS)
    ladder_every_ms: int = _HOUR_MS
    forecast_thresholds: tuple[ForecastThreshold, ...] = FORECAST_THRESHOLDS
    false_per_year: float = 0.1
    blind_after_ms: int = 30 * _SECOND_MS
    turn_ms: int = 2 * _MINUTE_MS
    recover_min_answered: int = 3
    abandon: tuple[str, ...] = ()
    no_answer: NoAnswerPlan = field(default_factory=NoAnswerPlan)
    hold: HoldPlan = field(default_factory=HoldPlan)
    drops: DropPlan = field(default_factory=DropPlan)
    silence: SilencePlan = field(default_factory=SilencePlan)
    agents: AgentsPlan = field(default_factory=AgentsPlan)

    def ladder_step_ms(self, step: int) -> int:
        """Age of an outage at which a step of the ladder is reached, ms. `step`: from 0."""
        if step < len(self.ladder_ms):
            return self.ladder_ms[step]
        last_ms = self.ladder_ms[-1] if self.ladder_ms else 0
        return last_ms + (step - len(self.ladder_ms) + 1) * self.ladder_every_ms
