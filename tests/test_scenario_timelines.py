"""The shipped scenarios, played whole: what is told of each, when, and on what evidence.

The truth is the simulator's. Times are bounds and not the exact seconds, so that a better detector
passes; what has to be exact is exact: deadlines, the ladder, who is blind, and that nothing is told
of weeks in which nothing happens.
"""

from itertools import pairwise
from typing import Any

import pytest
from scenario_timeline import HOUR_MS, MINUTE_MS, SECOND_MS, Played, play

from monitor.core.outages.outage import Happening

SEED = 1
CALL_CENTER = "call-center"


def truth_of(played: Played, contract: str) -> Any:  # noqa: ANN401 (an outage of the simulator)
    """The first failure of a contract that is to be found."""
    return min(
        (one for one in played.truth.outages if one.contract == contract),
        key=lambda one: one.onset_ms,
    )


def end_of(played: Played, contract: str) -> int:
    """When all functions of a contract worked again."""
    found = [one.restored_ms for one in played.truth.outages if one.contract == contract]
    assert all(one is not None for one in found)
    return max(one for one in found if one is not None)


def opened(played: Played, contract: str) -> Happening:
    (found,) = (one for one in played.of_kind("opened") if one.contract == contract)
    return found


def ladder(played: Played, contract: str) -> list[float]:
    """The steps that were told, hours."""
    return [
        one.figures["age_ms"] / HOUR_MS
        for one in played.of_kind("ladder")
        if one.contract == contract
    ]


def check_opened(played: Played, contract: str, within_ms: int, onset_off_ms: int) -> Happening:
    """Found within a time of the true onset, dated to it, and due 72 hours later to the second."""
    true, found = truth_of(played, contract), opened(played, contract)
    assert 0 <= found.at_ms - true.onset_ms <= within_ms
    assert abs(found.figures["onset_ms"] - true.onset_ms) <= onset_off_ms
    assert found.figures["deadline_ms"] - found.figures["onset_ms"] == 72 * HOUR_MS
    fired = [at for at, one in played.alerts("CallCenterOutage") if one.scope.endswith(contract)]
    assert fired == [found.at_ms]
    return found


def check_restored(played: Played, contract: str, early_ms: int, late_ms: int) -> Happening:
    (found,) = (one for one in played.of_kind("restored") if one.contract == contract)
    off_ms = found.figures["restored_ms"] - end_of(played, contract)
    assert -early_ms <= off_ms <= late_ms
    assert found.at_ms - found.figures["restored_ms"] >= played.truth.confirm_ms
    ended = [one for at, one in played.ended if at == found.at_ms]
    assert "CallCenterOutage" in {one.rule for one in ended}
    return found


def check_order(played: Played) -> None:
    """Every change of an outage fits the state before it, and no key is told twice."""
    states: dict[str, str] = {}
    after = {
        "opened": (None, "outage"),
        "recovering": ("outage", "recovering"),
        "relapsed": ("recovering", "outage"),
        "restored": ("recovering", "normal"),
    }
    for one in played.told:
        if one.kind in after:
            before, state = after[one.kind]
            assert states.get(one.outage) == before, one
            states[one.outage] = state
    keys = [one.key for one in played.told]
    assert len(set(keys)) == len(keys)
    assert all(first.at_ms <= second.at_ms for first, second in pairwise(played.told))


def signs(found: Happening, cause: str) -> list[str]:
    told = found.figures["causes"][cause]
    return [] if told is None else list(told["signs"])


def test_a_storm_closes_a_site() -> None:
    played = play("typhoon", SEED)
    check_order(played)
    first = check_opened(played, "H0001", 30 * SECOND_MS, 30 * SECOND_MS)
    # Half of its agents are left, so the other contract's callers wait before it can be known.
    check_opened(played, "H0002", 15 * MINUTE_MS, 10 * MINUTE_MS)
    assert {one["signal"] for one in first.figures["evidence"]} <= {"drops", "agents", "no_answer"}
    touched = {line for one in played.of_kind("evidence") for line in one.figures["lines"]}
    assert {"line/H0001/pharmacy", "line/H0002/pharmacy"} <= touched
    assert ladder(played, "H0001") == ladder(played, "H0002") == [0, 24, 36, 48]
    later = [one for one in played.of_kind("ladder") if one.figures["age_ms"] == 24 * HOUR_MS]
    assert all("agents" in signs(one, "staffing") for one in later)
    assert "relapsed" in played.kinds("H0001")
    check_restored(played, "H0001", HOUR_MS, HOUR_MS)
    check_restored(played, "H0002", HOUR_MS, 2 * HOUR_MS)
    assert played.alerts("CallCenterDeadlineAtRisk")
    assert not played.of_kind("missed")
    assert not played.alerts("CallCenterBlind")


def test_twice_as_many_call_at_the_peak_of_an_enrolment() -> None:
    played = play("enrolment_peak", SEED, is_used_to_it=True)
    check_order(played)
    for contract in ("H0001", "H0002"):
        # It comes and goes, and an hour that is good enough ends the outage.
        found = next(one for one in played.of_kind("opened") if one.contract == contract)
        # The queue has to grow first.
        assert truth_of(played, contract).onset_ms < found.figures["onset_ms"] <= found.at_ms
        assert found.at_ms - truth_of(played, contract).onset_ms <= 5 * HOUR_MS
        assert {one["signal"] for one in found.figures["evidence"]} <= {
            "hold",
            "agents",
            "no_answer",
        }
    told = [one for one in played.told if "causes" in one.figures]
    assert any("offered" in signs(one, "demand") for one in told)
    assert not any("cut_off" in signs(one, "technology") for one in told)


def test_a_trunk_drops_calls() -> None:
    played = play("trunk_failure", SEED)
    check_order(played)
    found = check_opened(played, "H0001", 30 * SECOND_MS, 30 * SECOND_MS)
    assert {one["signal"] for one in found.figures["evidence"]} == {"drops"}
    assert signs(found, "technology") == ["cut_off"]
    assert opened(played, "H0002").at_ms - truth_of(played, "H0002").onset_ms <= HOUR_MS
    check_restored(played, "H0001", 10 * MINUTE_MS, 20 * MINUTE_MS)
    assert not played.of_kind("missed")


def test_no_call_reaches_the_acd() -> None:
    played = play("acd_silent", SEED)
    check_order(played)
    for contract, within_ms in (("H0001", 15 * MINUTE_MS), ("H0002", 25 * MINUTE_MS)):
        # In its first week it knows no more than the hour before.
        found = check_opened(played, contract, within_ms, 2 * MINUTE_MS)
        assert [one["signal"] for one in found.figures["evidence"]] == ["silence"]
        # The silence lasts into the quarter-hours that nothing was expected of for want of calls.
        turned = next(one for one in played.of_kind("recovering") if one.contract == contract)
        assert turned.at_ms >= end_of(played, contract)
        check_restored(played, contract, 0, 10 * MINUTE_MS)
    told = [one for one in played.told if "causes" in one.figures]
    assert any("missing" in signs(one, "technology") for one in told)
    assert not played.alerts("CallCenterBlind")


def test_the_feed_is_lost() -> None:
    played = play("feed_lost", SEED)
    assert not played.told
    blind = played.alerts("CallCenterBlind")
    ended = [(at, one) for at, one in played.ended if one.rule == "CallCenterBlind"]
    contracts = [contract.id for contract in played.engine.plan.contracts]
    assert len(blind) == len(ended) == len(played.truth.blind) * len(contracts)
    for at_ms, _ in blind:
        assert any(0 < at_ms - one.from_ms <= 90 * SECOND_MS for one in played.truth.blind)
    for at_ms, _ in ended:
        assert any(0 <= at_ms - one.until_ms <= 90 * SECOND_MS for one in played.truth.blind)
    assert {one.rule for _, one in played.fired} == {"CallCenterBlind"}


def test_recovery_flaps() -> None:
    played = play("flapping_recovery", SEED)
    check_order(played)
    first = truth_of(played, "H0001")
    assert first.grade == "stopped"
    for contract in ("H0001", "H0002"):
        found = check_opened(played, contract, 10 * MINUTE_MS, 2 * MINUTE_MS)
        assert "no_answer" in {one["signal"] for one in found.figures["evidence"]}
        assert signs(found, "technology") == ["ignored"] or not signs(found, "demand")
        # One outage over all of it: a good time that is too short restores nothing.
        restored = check_restored(played, contract, HOUR_MS, 2 * HOUR_MS)
        assert restored.outage == found.outage
        assert {one.outage for one in played.told if one.contract == contract} == {found.outage}


def test_recovery_is_too_slow_for_the_deadline() -> None:
    played = play("slow_recovery", SEED)
    check_order(played)
    for contract in ("H0001", "H0002"):
        found = check_opened(played, contract, 5 * MINUTE_MS, 90 * SECOND_MS)
        steps = ladder(played, contract)
        assert steps[:9] == [0, 24, 36, 48, 60, 66, 70, 71, 72]
        assert steps[9:] == list(range(73, 73 + len(steps) - 9))
        (missed,) = (one for one in played.of_kind("missed") if one.contract == contract)
        assert 0 < missed.at_ms - found.figures["deadline_ms"] <= MINUTE_MS
        fired = {
            rule: [at for at, one in played.alerts(rule) if one.scope.endswith(contract)]
            for rule in ("CallCenterDeadlineAtRisk", "CallCenterDeadlineMissed")
        }
        assert fired["CallCenterDeadlineMissed"] == [missed.at_ms]
        # Somebody knew for a day that it would be.
        assert fired["CallCenterDeadlineAtRisk"][0] <= missed.at_ms - 24 * HOUR_MS
        check_restored(played, contract, 4 * HOUR_MS, 4 * HOUR_MS)


@pytest.mark.parametrize("name", ["normal_week", "quiet_sunday"])
def test_nothing_is_told_where_nothing_happens(name: str) -> None:
    played = play(name, SEED)
    assert not played.told
    assert not played.fired
