"""The truth beside a simulated week agrees with a recount of its events."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from itertools import pairwise

import pytest

from monitor.config.plan import to_plan
from monitor.core import events as ev
from monitor.core import fields
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.plan import HOUR_MS, MINUTE_MS
from monitor.simulation.account import IN_ALL
from monitor.simulation.course import DAY_MS, Course
from monitor.simulation.operation import Operation
from monitor.simulation.outages import IMPAIRED, STOPPED, Outage
from monitor.simulation.scenario_config import config_of
from monitor.simulation.scenario_library import load_scenario, shipped
from monitor.simulation.scenario_model import ScenarioFile
from monitor.simulation.simulate import simulate
from monitor.simulation.truth import Truth

SEED = 11
BAD = ["typhoon", "enrolment_peak", "trunk_failure", "acd_silent", "flapping_recovery",
       "slow_recovery"]  # fmt: skip
# What the scenario is about, in the words of the evidence.
CAUSES = {
    "typhoon": {"staffing"},
    "enrolment_peak": {"demand"},
    "trunk_failure": {"technology"},
    "acd_silent": {"technology"},
    "flapping_recovery": {"technology"},
    "slow_recovery": {"technology"},
}
STANDS_STILL = {"acd_silent", "flapping_recovery", "slow_recovery"}


@dataclass
class Recount:
    """Plain facts of a week, by queue."""

    truth: Truth
    started_ms: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    # When a call was queued, and whether it was answered within 30 s and not cut off.
    served: dict[str, dict[str, tuple[int, bool]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    answered_ms: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


def scenario(name: str) -> ScenarioFile:
    return load_scenario(shipped()[name])


@cache
def recount(name: str) -> Recount:
    one = scenario(name)
    simulated = simulate(one, SEED)
    found = Recount(simulated.truth)
    of_dnis = {queue.dnis: queue.key for queue in one.queues}
    for _, event in simulated.deliveries:
        if event.type == ev.CALL_STARTED:
            assert event.dnis is not None
            found.started_ms[of_dnis[event.dnis]].append(event.at_ms)
        elif event.queue is not None:
            assert event.call_id is not None
            calls = found.served[event.queue]
            if event.type == ev.CALL_QUEUED:
                calls[event.call_id] = (event.at_ms, False)
            elif event.type == ev.CALL_ANSWERED:
                assert event.wait_ms is not None
                found.answered_ms[event.queue].append(event.at_ms)
                calls[event.call_id] = (calls[event.call_id][0], event.wait_ms <= 30_000)
            elif event.type == ev.CALL_DISCONNECTED:
                calls[event.call_id] = (calls[event.call_id][0], False)
    return found


def within(at_ms: int, spans: list[tuple[int, int]]) -> bool:
    return any(from_ms <= at_ms < until_ms for from_ms, until_ms in spans)


def well_served(found: Recount, outage: Outage, spans: list[tuple[int, int]]) -> float:
    """The share of calls queued within the spans that were answered soon and not cut off."""
    fates = [
        is_well
        for queue in outage.queues
        for queued_ms, is_well in found.served[queue].values()
        if within(queued_ms, spans)
    ]
    return sum(fates) / len(fates)


# -- outages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["normal_week", "quiet_sunday", "feed_lost"])
def test_where_nothing_fails_there_is_no_outage(name: str) -> None:
    truth = simulate(scenario(name), SEED).truth
    assert truth.outages == []
    assert bool(truth.blind) == (name == "feed_lost")


@pytest.mark.parametrize("name", BAD)
def test_a_bad_scenario_has_outages_of_its_own_cause(name: str) -> None:
    outages = simulate(scenario(name), SEED).truth.outages
    assert outages
    for outage in outages:
        assert set(outage.causes) == CAUSES[name]
        assert outage.restored_ms is not None
        assert outage.onset_ms < outage.restored_ms
        assert outage.onset_ms == outage.failing_ms[0][0]
        assert outage.failing_ms[-1][1] <= outage.restored_ms
    assert len({(one.contract, one.function) for one in outages}) == len(outages)


@pytest.mark.parametrize("name", BAD)
def test_nobody_is_answered_or_no_call_comes_while_a_queue_stands_still(name: str) -> None:
    found = recount(name)
    stopped = [
        (queue, spans) for one in found.truth.outages for queue, spans in one.stopped_ms.items()
    ]
    assert bool(stopped) == (name in STANDS_STILL | {"typhoon"})
    for queue, spans in stopped:
        if name == "acd_silent":
            assert not any(within(at_ms, spans) for at_ms in found.started_ms[queue])
        else:
            assert not any(within(at_ms, spans) for at_ms in found.answered_ms[queue])
            assert any(within(at_ms, spans) for at_ms in found.started_ms[queue])


@pytest.mark.parametrize("name", BAD)
def test_the_last_and_the_first_answer_are_those_of_the_events(name: str) -> None:
    found = recount(name)
    for outage in found.truth.outages:
        answers = [at_ms for queue in outage.queues for at_ms in found.answered_ms[queue]]
        assert outage.restored_ms is not None
        assert outage.last_answered_ms == max(at for at in answers if at <= outage.onset_ms)
        assert outage.first_answered_ms == min(at for at in answers if at >= outage.restored_ms)
        # It worked until the onset, or until the evening before, and works again soon.
        if name != "enrolment_peak":
            assert outage.onset_ms - outage.last_answered_ms < HOUR_MS / 2
        assert outage.first_answered_ms - outage.restored_ms < HOUR_MS / 2


@pytest.mark.parametrize("name", [name for name in BAD if name != "acd_silent"])
def test_callers_are_served_badly_while_it_fails_and_well_before_and_after(name: str) -> None:
    found = recount(name)
    for outage in found.truth.outages:
        assert outage.restored_ms is not None
        before = [(found.truth.start_ms, outage.onset_ms)]
        # The queues that have grown take a while to drain.
        after = [(outage.restored_ms + 2 * HOUR_MS, found.truth.end_ms)]
        assert well_served(found, outage, outage.failing_ms) < 0.8
        assert well_served(found, outage, before) > 0.85
        assert well_served(found, outage, after) > 0.85


def test_grades_say_whether_a_queue_stood_still() -> None:
    for name in BAD:
        for outage in simulate(scenario(name), SEED).truth.outages:
            assert outage.grade == (STOPPED if outage.stopped_ms else IMPAIRED)


def test_recoveries_that_do_not_hold_are_one_outage() -> None:
    at_ms = scenario("flapping_recovery").start.at_ms + 3 * DAY_MS
    for outage in recount("flapping_recovery").truth.outages:
        assert len(outage.failing_ms) == 5
        assert outage.onset_ms == at_ms + 9 * HOUR_MS + 20 * MINUTE_MS
        assert outage.restored_ms == at_ms + 14 * HOUR_MS + 40 * MINUTE_MS
        gaps = [later[0] - earlier[1] for earlier, later in pairwise(outage.failing_ms)]
        assert gaps == [20 * MINUTE_MS] * 4


def test_recoveries_that_hold_are_outages_of_their_own() -> None:
    one = scenario("flapping_recovery").model_copy(update={"confirm": 15 * MINUTE_MS})
    outages = simulate(one, SEED).truth.outages
    assert Counter((outage.contract, outage.function) for outage in outages) == {
        (contract, function): 5
        for contract in ("H0001", "H0002")
        for function in ("call-center", "pharmacy-assistance")
    }


def test_the_slow_recovery_misses_the_72_hours_of_every_function() -> None:
    outages = recount("slow_recovery").truth.outages
    assert len(outages) == 4
    for outage in outages:
        assert outage.restored_ms is not None
        assert outage.restored_ms - outage.onset_ms > 72 * HOUR_MS


def test_after_the_storm_queues_come_back_one_by_one() -> None:
    of_queue = {
        outage.queues: outage.restored_ms or 0 for outage in recount("typhoon").truth.outages
    }
    assert of_queue["pharmacy",] < of_queue["member-en",] < of_queue["advantage",]


def test_an_outage_that_the_scenario_does_not_see_the_end_of_is_not_restored() -> None:
    one = scenario("slow_recovery").model_copy(update={"duration": 5 * DAY_MS})
    outages = simulate(one, SEED).truth.outages
    assert len(outages) == 4
    assert all(outage.restored_ms is None for outage in outages)


def test_a_trunk_ends_many_calls_in_one_second_and_others_after_a_constant_wait() -> None:
    one = scenario("trunk_failure")
    in_second: Counter[int] = Counter()
    waits_ms: Counter[int] = Counter()
    for _, event in simulate(one, SEED).deliveries:
        if event.type == ev.CALL_DISCONNECTED and event.queue is not None:
            in_second[event.at_ms // 1000] += 1
            if event.answered_ms is None:
                assert event.wait_ms is not None
                waits_ms[event.wait_ms] += 1
    onset_ms = recount("trunk_failure").truth.outages[0].onset_ms
    assert in_second[onset_ms // 1000] >= 5
    assert sum(count >= 2 for count in in_second.values()) >= 10
    assert waits_ms[20_000] >= 20


# -- what is heard ------------------------------------------------------------------------------


def test_what_is_not_heard_comes_never_or_late_all_at_once() -> None:
    course = Course.of(scenario("feed_lost"))
    simulated = simulate(course, SEED)
    never, late = simulated.truth.blind
    assert (never.events, late.events) == ("never", "late")
    heard: list[Event] = []
    at_once: list[Event] = []
    before_ms = 0
    for received_ms, event in simulated.deliveries:
        assert received_ms >= before_ms
        before_ms = received_ms
        assert not never.from_ms <= received_ms < never.until_ms
        assert not late.from_ms <= received_ms < late.until_ms
        assert simulated.hearing.received_ms(event) == received_ms
        if received_ms != event.at_ms:
            assert received_ms == late.until_ms
            at_once.append(event)
        heard.append(event)
    happened = [event for batch in Operation(course, SEED).run() for event in batch]
    assert heard == [one for one in happened if not never.from_ms <= one.at_ms < never.until_ms]
    assert at_once == [one for one in happened if late.from_ms <= one.at_ms < late.until_ms]
    counts = simulated.truth.counts[IN_ALL]
    assert (counts["events"], counts["delivered"]) == (len(happened), len(heard))


def test_the_broker_says_when_a_source_is_away() -> None:
    truth = simulate(scenario("feed_lost"), SEED).truth
    assert [(change.at_ms, change.state) for change in truth.statuses] == [
        (at_ms, state)
        for span in truth.blind
        for at_ms, state in ((span.from_ms + 15_000, "offline"), (span.until_ms, "online"))
    ]


# -- in the engine ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", shipped())
def test_the_engine_counts_what_the_truth_says_and_discards_nothing(name: str) -> None:
    whole = scenario(name)
    # From the day on which something happens: the engine takes longer than the simulation.
    first = min((one.at for one in whole.happenings if isinstance(one.at, datetime)), default=None)
    start = whole.start.model_copy(
        update={"date": whole.start.date if first is None else first.date()}
    )
    days = 3 if name == "feed_lost" else 1
    one = whole.model_copy(update={"start": start, "duration": days * DAY_MS})
    engine = Engine(replace(to_plan(config_of(one)), windows_ms=(DAY_MS,)))
    simulated = simulate(one, SEED)
    batch: list[Event] = []
    minute = one.start.at_ms // MINUTE_MS
    for received_ms, event in simulated.deliveries:
        if received_ms // MINUTE_MS > minute:
            engine.on_events(batch, (minute + 1) * MINUTE_MS - 1)
            batch = []
            minute = received_ms // MINUTE_MS
            engine.on_tick(minute * MINUTE_MS)
        batch.append(event)
    engine.on_events(batch, (minute + 1) * MINUTE_MS - 1)
    engine.on_tick((minute + 1) * MINUTE_MS)
    snapshot = engine.snapshot()
    assert simulated.truth.counts[IN_ALL]["answered"] > 0
    # Calls whose end was told while nobody heard.
    assert set(snapshot.discards) == ({"expired"} if name == "feed_lost" else set())
    if name == "feed_lost":
        assert engine.sources["pbx1"].gaps_total > 500
        return
    (row,) = (scope.row for scope in snapshot.scopes if scope.name == "organization")
    told = simulated.truth.counts[IN_ALL]
    for key in ("calls_made", "offered", "answered", "abandoned", "dequeued", "disconnected"):
        counted = int(snapshot.lifetime[row, fields.FIELDS.index(key)])
        assert counted == told.get(key, 0), key
    assert snapshot.open_calls == told["in_progress"]
    assert engine.sources["pbx1"].gaps_total == 0
