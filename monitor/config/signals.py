"""When something is taken for an outage: threshold, duration and smallest volume of each signal.

Attributes are named as in `ContinuityPlan`, from which the defaults come; the keys in the file are
shorter. Thresholds that only statistics care about are there and not here.

Pure: no I/O, no clock.
"""

from dataclasses import replace
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from monitor.config.alerting import format_share, parse_thousandths
from monitor.config.scalars import DurationMs, between
from monitor.config.section import Section
from monitor.core.outages.continuity import ContinuityPlan

_PLAN: Final = ContinuityPlan()
_MOST_CALLS: Final = 1_000_000


def _some(thousandths: int) -> int:
    if thousandths < 1:
        raise ValueError("is 0%, 0.1% or more is needed")
    return thousandths


Share = Annotated[
    int,
    BeforeValidator(parse_thousandths),
    AfterValidator(_some),
    PlainSerializer(format_share, return_type=str),
    WithJsonSchema({"type": ["string", "number"]}),
]
Lasting = Annotated[DurationMs, between("1s", "24h")]
Calls = Annotated[int, Field(ge=1, le=_MOST_CALLS)]


class NoAnswer(Section):
    """Callers wait and nobody is answered."""

    for_ms: Lasting = Field(default=_PLAN.no_answer.for_ms, alias="for")
    """At least this long, and longer than chance explains on a line with few answers."""
    most_ms: Lasting = Field(default=_PLAN.no_answer.most_ms, alias="most")
    """From this long on, whatever chance explains."""
    min_unanswered: Calls = _PLAN.no_answer.min_unanswered
    """Calls that have to have gone unanswered."""
    idle_for_ms: Lasting = Field(default=_PLAN.no_answer.idle_for_ms, alias="idle_for")
    """Or agents have been free for this long while callers waited."""


class Hold(Section):
    """Callers are answered far too late."""

    limit_times: int = Field(default=_PLAN.hold.hold_floor_times, ge=1, le=100)
    """The hold, callers who wait included, is so many times its limit,"""
    within_per_mille: Share = Field(default=_PLAN.hold.within_per_mille, alias="within")
    """or a little less, and not more than this share of calls was answered in time."""
    for_ms: Lasting = Field(default=_PLAN.hold.for_ms, alias="for")
    """How long that lasts."""
    min_calls: Calls = _PLAN.hold.min_calls
    """On how many calls."""


class Drops(Section):
    """Calls are cut off."""

    per_mille: Share = Field(default=_PLAN.drops.per_mille, alias="share")
    """Of the calls that ended."""
    for_ms: Lasting = Field(default=_PLAN.drops.for_ms, alias="for")
    """How long that lasts."""
    min_calls: Calls = _PLAN.drops.min_calls
    """Calls that were cut off within a minute,"""
    min_spread: Calls = _PLAN.drops.min_spread
    """or within five or fifteen."""
    burst_calls: Calls = _PLAN.drops.burst_calls
    """Callers who "give up" within one second were cut off."""


class Silence(Section):
    """No call comes although some are expected, and the source lives."""

    for_ms: Lasting = Field(default=_PLAN.silence.for_ms, alias="for")
    """At least this long, and longer than chance explains."""
    min_expected: Calls = _PLAN.silence.min_expected
    """Calls that were expected meanwhile."""


class Agents(Section):
    """The agents have gone."""

    per_mille: Share = Field(default=_PLAN.agents.per_mille, alias="left")
    """Of those who were there, not more are left."""
    within_ms: Lasting = Field(default=_PLAN.agents.within_ms, alias="within")
    """Within this time."""
    for_ms: Lasting = Field(default=_PLAN.agents.for_ms, alias="for")
    """How long that lasts."""
    min_agents: Calls = _PLAN.agents.min_agents
    """How many were there before."""


class Signals(Section):
    """What an outage is seen by."""

    false_per_year: float = Field(
        default=_PLAN.false_per_year, ge=0.001, le=100, allow_inf_nan=False, strict=False
    )
    """How often a year chance may feign a signal of a line: more finds outages sooner."""
    no_answer: NoAnswer = NoAnswer()
    """Nobody is answered."""
    hold: Hold = Hold()
    """Answers come far too late."""
    drops: Drops = Drops()
    """Calls are cut off."""
    silence: Silence = Silence()
    """No call comes."""
    agents: Agents = Agents()
    """The agents have gone."""

    def into(self, plan: ContinuityPlan) -> ContinuityPlan:
        """The plan with these signals."""
        hold = dict(self.hold)
        hold["hold_floor_times"] = hold.pop("limit_times")
        return replace(
            plan,
            false_per_year=self.false_per_year,
            no_answer=replace(plan.no_answer, **dict(self.no_answer)),
            hold=replace(plan.hold, **hold),
            drops=replace(plan.drops, **dict(self.drops)),
            silence=replace(plan.silence, **dict(self.silence)),
            agents=replace(plan.agents, **dict(self.agents)),
        )
