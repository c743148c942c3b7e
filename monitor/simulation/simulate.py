"""A scenario, played: events as they are received, and the truth about them.

    simulated = simulate(load_scenario(shipped()["typhoon"]), seed=1)
    for received_ms, event in simulated.deliveries: ...
    simulated.truth.outages

An event is received at the instant at which it happens, unless its source is not heard then; so the
order of receipt is that of the instants within a source. Events are made directly, without JSON on
the way, and a week of twenty thousand calls takes less than half a second.

Deterministic from the seed. No I/O, no clock.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from monitor.simulation.account import IN_ALL
from monitor.simulation.course import Course
from monitor.simulation.hearing import Delivery, Hearing
from monitor.simulation.operation import Operation
from monitor.simulation.outages import Outage
from monitor.simulation.scenario_model import ScenarioFile
from monitor.simulation.truth import truth_of


class Simulated:
    """A scenario that is being played.

    Args:
        course: What happens.
        seed: Of all chance.

    Attributes:
        truth: What really happened. Outages, blind and silent spans are there from the beginning,
            counts and answers when `deliveries` has come to its end.
        hearing: When an event is received.
        deliveries: The instant at which an event is received (UTC epoch ms, ascending) and the
            event; can be read once.
    """

    def __init__(self, course: Course, seed: int) -> None:
        self.truth = truth_of(course, seed)
        self.hearing = Hearing(self.truth.blind)
        self._operation = Operation(course, seed)
        self.deliveries: Iterator[Delivery] = self._deliver()

    def _deliver(self) -> Iterator[Delivery]:
        delivered = 0
        for delivery in self.hearing.deliver(self._operation.run()):
            delivered += 1
            yield delivery
        self._complete_truth(delivered)

    def _complete_truth(self, delivered: int) -> None:
        counts = self._operation.counts()
        counts[IN_ALL]["delivered"] = delivered
        self.truth.counts = {key: dict(sorted(found.items())) for key, found in counts.items()}
        for outage in self.truth.outages:
            self._find_answers(outage)

    def _find_answers(self, outage: Outage) -> None:
        """The last answer before an outage, and the first one after it."""
        for queue in outage.queues:
            answers_ms = self._operation.answers_ms(queue)
            before = bisect_right(answers_ms, outage.onset_ms) - 1
            if before >= 0:
                last_ms = outage.last_answered_ms
                outage.last_answered_ms = max(answers_ms[before], last_ms or answers_ms[before])
            if outage.restored_ms is None:
                continue
            after = bisect_left(answers_ms, outage.restored_ms)
            if after < len(answers_ms):
                first_ms = outage.first_answered_ms
                outage.first_answered_ms = min(answers_ms[after], first_ms or answers_ms[after])


def simulate(scenario: ScenarioFile | Course, seed: int) -> Simulated:
    """Play a scenario; nothing happens before `deliveries` is read.

    Args:
        scenario: A scenario file, or its course, which can be played with many seeds.
        seed: >= 0. The same seed gives the same events.
    """
    assert seed >= 0
    course = scenario if isinstance(scenario, Course) else Course.of(scenario)
    return Simulated(course, seed)
