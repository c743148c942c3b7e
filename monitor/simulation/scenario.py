"""What a simulated day is made of: queues, agents, demand, and what goes wrong when.

Plain frozen data in seconds from the start of the day, so that a scenario can be read, compared
and changed without touching the model that plays it (`call_center.py`).

Pure: no I/O, no clock, no randomness.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueueModel:
    """One queue and the callers who come to it.

    Attributes:
        key: The queue's key, as on the wire.
        dnis: The number that is dialled to reach it.
        language: Language of its callers, BCP 47.
        calls_per_minute: Calls to the number when the demand is 1.
        contained_share: Share of the calls that the IVR answers for good, 0..1.
        ivr_s: Mean time in the IVR, > 0.
        talk_s: Mean length of a conversation, > 0.
        wrapup_s: Mean work after a conversation, > 0.
        patience_s: Scale of the callers' Weibull patience, > 0.
        voicemail_after_s: From this wait on voicemail is offered; None means never.
        voicemail_share: Share of the callers who take it, 0..1.
        transfer_to: Queue to which some conversations are handed on; None means none are.
        transfer_share: Share of the conversations that are handed on, 0..1.
    """

    key: str
    dnis: str
    language: str
    calls_per_minute: float
    contained_share: float
    ivr_s: float
    talk_s: float
    wrapup_s: float
    patience_s: float
    voicemail_after_s: float | None = None
    voicemail_share: float = 0.0
    transfer_to: str | None = None
    transfer_share: float = 0.0


@dataclass(frozen=True, slots=True)
class AgentGroup:
    """Agents of one site who have the same skills and the same shift.

    Attributes:
        site: Where they sit.
        queues: Keys of the queues they serve.
        count: How many they are.
        from_s: When the shift begins.
        until_s: When it ends; a conversation in hand is finished first. None means that they stay
            until the last caller has been served.
    """

    site: str
    queues: tuple[str, ...]
    count: int
    from_s: float = 0.0
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class StaffLoss:
    """A part of a site's agents goes away and comes back.

    Attributes:
        site: Whose agents.
        at_s: When they leave; a conversation in hand is finished first.
        until_s: When the first of them is back.
        return_s: Over how long the others follow.
        share: Share of the agents present, 0..1.
    """

    site: str
    at_s: float
    until_s: float
    return_s: float
    share: float


@dataclass(frozen=True, slots=True)
class TrunkFailure:
    """The trunk of a site fails again and again: calls in every state are cut off in bursts.

    Attributes:
        site: Whose trunk.
        at_s: When the first burst comes.
        until_s: After this no burst comes.
        every_s: Mean time between bursts, > 0.
        share: Share of the calls on the trunk that one burst cuts off, 0..1.
    """

    site: str
    at_s: float
    until_s: float
    every_s: float
    share: float


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole day.

    Attributes:
        duration_s: When the last call comes; those in flight then are served to their end.
        queues: At least one.
        groups: The agents.
        trunks: Sites and the share of the calls that come in over each; shares add up to 1.
        demand: Points (second, factor) of the demand, ascending; linear in between.
        staff_losses: When agents go missing.
        trunk_failures: When the telephony fails.
        cut_share: Share of the conversations that are cut off on an ordinary day, 0..1.
        heartbeat_s: Time between the source's heartbeats, > 0.
    """

    duration_s: float
    queues: tuple[QueueModel, ...]
    groups: tuple[AgentGroup, ...]
    trunks: tuple[tuple[str, float], ...]
    demand: tuple[tuple[float, float], ...]
    staff_losses: tuple[StaffLoss, ...] = ()
    trunk_failures: tuple[TrunkFailure, ...] = ()
    cut_share: float = 0.01
    heartbeat_s: float = 10.0

    def demand_at(self, at_s: float) -> float:
        """The factor on `calls_per_minute` at an instant; beyond the points the nearest holds."""
        before_s, before = self.demand[0]
        if at_s <= before_s:
            return before
        for after_s, after in self.demand[1:]:
            if at_s <= after_s:
                return before + (after - before) * (at_s - before_s) / (after_s - before_s)
            before_s, before = after_s, after
        return before
