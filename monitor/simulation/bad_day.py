"""A bad day of a fictitious health plan, made to be watched: the demo's and the tests' world.

Eight hours. The first three quarters of an hour are an ordinary morning in which every standard is
met. Then two thirds of one site's agents vanish, an hour and a quarter later the other site's trunk
fails for half an hour, and after four hours the agents are back and the queues drain. Timed for a
clock at 60x: the first breach is seen within about a minute, the recovery after four.

Deterministic from the seed. No I/O, no clock.
"""

import random
from typing import Final

from monitor.core.events import Event
from monitor.simulation.call_center import CallCenter
from monitor.simulation.scenario import (
    AgentGroup,
    QueueModel,
    Scenario,
    StaffLoss,
    TrunkFailure,
)

_MINUTE_S: Final = 60.0
_HOUR_S: Final = 60 * _MINUTE_S

BAD_DAY_SOURCE: Final = "pbx1"
BAD_DAY_SITES: Final = ("harbor", "mesa")
BAD_DAY_HOURS: Final = 8

STAFF_LOSS: Final = StaffLoss(
    site="mesa",
    at_s=45 * _MINUTE_S,
    until_s=4 * _HOUR_S,
    return_s=10 * _MINUTE_S,
    share=2 / 3,
)
TRUNK_FAILURE: Final = TrunkFailure(
    site="harbor",
    at_s=2 * _HOUR_S,
    until_s=2.5 * _HOUR_S,
    every_s=2 * _MINUTE_S,
    share=0.4,
)

BAD_DAY_QUEUES: Final = (
    QueueModel(
        key="member-en",
        dnis="8005550101",
        language="en",
        calls_per_minute=9.0,
        contained_share=0.2,
        ivr_s=40,
        talk_s=330,
        wrapup_s=30,
        patience_s=840,
        voicemail_after_s=150,
        voicemail_share=0.15,
        transfer_to="pharmacy",
        transfer_share=0.04,
    ),
    QueueModel(
        key="member-es",
        dnis="8005550102",
        language="es",
        calls_per_minute=3.0,
        contained_share=0.12,
        ivr_s=45,
        talk_s=360,
        wrapup_s=30,
        patience_s=960,
        voicemail_after_s=150,
        voicemail_share=0.1,
    ),
    QueueModel(
        key="advantage-en",
        dnis="8005550201",
        language="en",
        calls_per_minute=6.0,
        contained_share=0.18,
        ivr_s=40,
        talk_s=330,
        wrapup_s=30,
        patience_s=780,
        transfer_to="pharmacy",
        transfer_share=0.04,
    ),
    QueueModel(
        key="pharmacy",
        dnis="8005550301",
        language="en",
        calls_per_minute=5.0,
        contained_share=0.3,
        ivr_s=35,
        talk_s=240,
        wrapup_s=20,
        patience_s=540,
        voicemail_after_s=120,
        voicemail_share=0.1,
        transfer_to="member-en",
        transfer_share=0.02,
    ),
)

_MEMBER: Final = ("member-en", "advantage-en")
_BILINGUAL: Final = ("member-es", "member-en")
_PHARMACY: Final = ("pharmacy",)
_LATE_S: Final = 1 * _HOUR_S

BAD_DAY: Final = Scenario(
    duration_s=BAD_DAY_HOURS * _HOUR_S,
    queues=BAD_DAY_QUEUES,
    groups=(
        AgentGroup("harbor", _MEMBER, 17),
        AgentGroup("harbor", _MEMBER, 8, until_s=6 * _HOUR_S),
        AgentGroup("harbor", _MEMBER, 6, until_s=7 * _HOUR_S),
        AgentGroup("harbor", _MEMBER, 10, from_s=_LATE_S, until_s=6 * _HOUR_S),
        AgentGroup("mesa", _MEMBER, 36),
        AgentGroup("mesa", _MEMBER, 12, until_s=6.5 * _HOUR_S),
        AgentGroup("harbor", _BILINGUAL, 14),
        AgentGroup("mesa", _BILINGUAL, 16),
        AgentGroup("harbor", _PHARMACY, 8),
        AgentGroup("mesa", _PHARMACY, 17),
    ),
    trunks=(("harbor", 0.55), ("mesa", 0.45)),
    demand=(
        (0, 0.9),
        (0.75 * _HOUR_S, 1.0),
        (2 * _HOUR_S, 1.15),
        (4 * _HOUR_S, 1.0),
        (6 * _HOUR_S, 0.8),
        (8 * _HOUR_S, 0.6),
    ),
    staff_losses=(STAFF_LOSS,),
    trunk_failures=(TRUNK_FAILURE,),
    cut_share=0.005,
)


def simulate_bad_day(
    seed: int,
    start_ms: int,
    *,
    source: str = BAD_DAY_SOURCE,
    scenario: Scenario = BAD_DAY,
) -> list[Event]:
    """Play a day.

    Args:
        seed: The same seed gives the same events; calls' ids differ between seeds, so that days
            can follow one another.
        start_ms: When the day begins, epoch ms.
        source: Name of the ACD on the wire.
        scenario: What happens.

    Returns:
        Complete events, `at_ms` ascending and `seq` counting from 0, the wire's fields filled from
        the same instants. Every call is over at the end, which is somewhat after the scenario's
        duration.
    """
    rng = random.Random(seed)  # noqa: S311 (a simulation, not a secret)
    return CallCenter(scenario, rng=rng, source=source, start_ms=start_ms, name=f"d{seed}").run()
