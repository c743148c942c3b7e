"""The oracle agrees with what is published about the recorded calls, and with itself."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from bank_table import BankCall, bank_events, bank_path, load_bank
from recount import COUNTS, ORGANIZATION, BankRecount, EventRecount

# Day of August 1999: calls that asked for an agent, and those of them that gave up.
REQUESTS_AND_ABANDONS = {
    1: (2257, 728), 2: (2232, 640), 3: (2193, 813), 4: (1805, 365), 5: (1857, 385),
    6: (613, 114), 7: (125, 20), 8: (1840, 373), 9: (1536, 354), 10: (2034, 741),
    11: (1743, 525), 12: (1336, 346), 13: (513, 56), 14: (154, 21), 15: (1595, 265),
}  # fmt: skip
DAY_MS = 86_400_000
MIDNIGHT_AUG_1_MS = 933_454_800_000  # 1999-08-01T00:00:00+03:00


@pytest.fixture(scope="module")
def calls() -> list[BankCall]:
    return load_bank(bank_path())


@pytest.fixture(scope="module")
def bank(calls: list[BankCall]) -> BankRecount:
    return BankRecount(calls)


def test_every_row_is_one_call_with_an_id_of_its_own(calls: list[BankCall]) -> None:
    assert len(calls) == 23_668
    assert len({call.call_id for call in calls}) == 23_668


def test_calls_of_each_day_are_those_published(calls: list[BankCall]) -> None:
    requests = Counter(call.day for call in calls if call.queue is not None)
    abandons = Counter(call.day for call in calls if call.end == "call.abandoned")
    assert {day: (requests[day], abandons[day]) for day in requests} == REQUESTS_AND_ABANDONS


def test_lifetime_counts_are_those_published(bank: BankRecount) -> None:
    total = bank.lifetime()
    assert total["calls_made"] == 23_668
    assert total["offered"] == 21_833
    assert total["answered"] == 15_866
    assert total["abandoned"] == 5_746
    assert total["dequeued"] == 0
    assert total["disconnected"] == 199 + 22
    assert total["ended"] == 23_668


def test_lifetime_counts_of_the_queues_add_up_to_the_organization(bank: BankRecount) -> None:
    queues = [bank.lifetime(scope) for scope in bank.scopes if scope != ORGANIZATION]
    for name in COUNTS:
        assert sum(queue[name] for queue in queues) == bank.lifetime()[name], name


def test_every_visit_is_decided_once_within_or_late(bank: BankRecount) -> None:
    total = bank.lifetime()
    within = ("answered", "abandoned", "dequeued", "disconnected")
    assert sum(total[f"{name}_within"] for name in within) + total["late"] == total["offered"]


def test_waits_are_those_published(calls: list[BankCall], bank: BankRecount) -> None:
    agent = [call for call in calls if call.outcome == "AGENT"]
    assert len(agent) == 15_888
    assert sum(call.wait_ms for call in agent) == 1_821_941_000
    unserved_ms = sum(call.wait_ms for call in agent if call.answered_ms is None)
    assert bank.lifetime()["wait_ms_sum"] == 1_821_941_000 - unserved_ms

    # Who was queued at all, as against taken at once, waited 149.1 s on average.
    in_queue = [call.wait_ms for call in agent if call.wait_ms > 0]
    assert statistics.median(in_queue) == pytest.approx(112_000, abs=1000)
    assert max(in_queue) == 1_797_000
    assert sum(in_queue) / 12_220 == pytest.approx(149_100, abs=50)
    gave_up = [call.wait_ms for call in calls if call.end == "call.abandoned"]
    assert max(gave_up) == 2_405_000
    assert [sum(wait <= limit for wait in gave_up) for limit in (20_000, 10_000, 5_000)] == [
        1_512,
        711,
        210,
    ]


def test_shares_answered_in_time_are_those_published(calls: list[BankCall]) -> None:
    # The published shares take the rows without service for answers; the recount does not.
    for threshold_ms, published in ((20_000, 0.234), (30_000, 0.268)):
        quick = [c for c in calls if c.outcome == "AGENT" and c.wait_ms <= threshold_ms]
        assert len(quick) / 21_833 == pytest.approx(published, abs=0.0005)
        unserved = sum(call.answered_ms is None for call in quick)
        recount = BankRecount(calls, threshold_ms).lifetime()
        assert recount["answered_within"] == len(quick) - unserved


def test_mean_service_is_that_published(calls: list[BankCall]) -> None:
    talks = [call.talk_ms for call in calls if call.talk_ms is not None]
    assert statistics.fmean(talks) == pytest.approx(187_600, rel=0.002)


def test_normalized_events_are_as_many_as_published(calls: list[BankCall]) -> None:
    events = bank_events(calls)
    assert Counter(event["type"] for event in events) == {
        "call.started": 23_668,
        "call.queued": 21_833,
        "call.answered": 15_866,
        "call.completed": 15_866 + 1_835,
        "call.abandoned": 5_746,
        "call.disconnected": 221,
    }
    assert max(Counter(event["ts"] for event in events).values()) == 7


def test_queue_is_as_deep_as_published(bank: BankRecount) -> None:
    seconds = range(MIDNIGHT_AUG_1_MS, MIDNIGHT_AUG_1_MS + 16 * DAY_MS, 1000)
    waiting = bank.columns(seconds, ORGANIZATION, 60_000)["waiting"]
    assert waiting.max() == 21
    assert waiting[-1] == 0


def test_windows_that_adjoin_add_up_to_the_long_one(bank: BankRecount) -> None:
    # Only `late` and the place of a call in `queue/` are ever taken back; nothing is pending here.
    night_ms = MIDNIGHT_AUG_1_MS + 15 * DAY_MS + DAY_MS // 4
    for scope in bank.scopes:
        whole = bank.record(night_ms, scope, 16 * DAY_MS)
        assert {name: whole[name] for name in COUNTS} == bank.lifetime(scope)


@dataclass(frozen=True)
class MadeEvent:
    type: str
    at_ms: int
    source: str = "pbx"
    call_id: str | None = "c"
    queue: str | None = "Q"
    entry: int | None = None
    queued_ms: int | None = None
    answered_ms: int | None = None
    wait_ms: int | None = None
    ended_by: str | None = None
    reason: str | None = None


def made_events(calls: Iterable[BankCall]) -> list[MadeEvent]:
    return [
        MadeEvent(
            type=str(event["type"]),
            at_ms=_ms(event["ts"]) or 0,
            call_id=str(event["call_id"]),
            queue=None if event["queue"] is None else str(event["queue"]),
            queued_ms=_ms(event.get("queued_at")),
            answered_ms=_ms(event.get("answered_at")),
            wait_ms=_ms(event.get("wait_s")),
        )
        for event in bank_events(calls)
    ]


def _ms(seconds: object) -> int | None:
    return round(seconds * 1000) if isinstance(seconds, float) else None


def test_count_from_events_equals_the_count_from_facts(calls: list[BankCall]) -> None:
    day = [call for call in calls if call.day == 13]
    from_facts, from_events = BankRecount(day), EventRecount(made_events(day))
    noon_ms = MIDNIGHT_AUG_1_MS + 12 * DAY_MS + DAY_MS // 2
    for at_ms in range(noon_ms - 14_400_000, noon_ms + 14_400_000, 1_801_000):
        for scope in from_facts.scopes:
            found = from_events.record(at_ms, scope, 900_000)
            for name, value in from_facts.record(at_ms, scope, 900_000).items():
                assert found[name] == pytest.approx(value), (at_ms, scope, name)
    for scope in from_facts.scopes:
        assert from_facts.lifetime(scope).items() <= from_events.lifetime(scope).items()


def test_late_is_counted_until_a_short_hold_disproves_it() -> None:
    recount = EventRecount(
        [
            MadeEvent("call.queued", 0),
            MadeEvent("call.answered", 34_000, wait_ms=29_000),
        ]
    )
    late = [recount.record(at_ms, "queue/Q", 60_000)["late"] for at_ms in (30_000, 30_001, 34_001)]
    assert late == [0, 1, 0]


def test_queueing_after_the_end_is_a_second_visit_and_any_other_a_duplicate() -> None:
    first = [MadeEvent("call.queued", 0), MadeEvent("call.abandoned", 4_000)]
    again = [MadeEvent("call.queued", 9_000), MadeEvent("call.answered", 12_000)]
    total = EventRecount([*first, *first, *again, *again]).lifetime()
    assert (total["offered"], total["calls_made"]) == (2, 1)
    assert (total["abandoned_short"], total["answered_within"], total["ended"]) == (1, 1, 1)


def test_visit_known_by_its_end_alone_is_placed_by_the_hold_it_states() -> None:
    recount = EventRecount([MadeEvent("call.abandoned", 100_000, wait_ms=40_000)])
    assert recount.record(100_001, "organization", 100_000)["offered"] == 1
    assert recount.record(100_001, "organization", 30_002)["late"] == 1
    assert recount.record(100_001, "organization", 10_000)["late"] == 0


def test_answer_far_before_its_queueing_is_refused() -> None:
    queueing = MadeEvent("call.queued", 10_000)
    for answer_ms, answered in ((5_000, 1), (4_999, 0)):
        recount = EventRecount([queueing, MadeEvent("call.answered", answer_ms)])
        assert recount.lifetime()["answered"] == answered
        assert recount.lifetime()["wait_ms_sum"] == 0


def test_columns_equal_a_count_call_by_call(calls: list[BankCall], bank: BankRecount) -> None:
    """The definitions once more, as one plain question to every call."""
    for hours in range(30, 15 * 24, 81):
        at_ms = MIDNIGHT_AUG_1_MS + hours * 3_600_000 + 7 * hours * 1000
        for window_ms in (60_000, 900_000, 3_600_000):
            expected = _plain_counts(calls, at_ms, window_ms)
            for scope in bank.scopes:
                record = bank.record(at_ms, scope, window_ms)
                found = {name: record[name] for name in (*COUNTS, "waiting")}
                assert found == expected[scope], (scope, at_ms, window_ms)


def _plain_counts(
    calls: list[BankCall], at_ms: int, window_ms: int
) -> defaultdict[str, dict[str, Any]]:
    counts: defaultdict[str, dict[str, Any]] = defaultdict(
        lambda: dict.fromkeys((*COUNTS, "waiting"), 0)
    )

    def known(instant_ms: int | None) -> bool:
        return instant_ms is not None and instant_ms < at_ms

    def held(instant_ms: int | None) -> bool:
        return instant_ms is not None and at_ms - window_ms <= instant_ms < at_ms

    for call in calls:
        reached = known(call.queued_ms) or known(call.answered_ms)
        reached = call.queue is not None and (reached or known(call.ended_ms))
        where = f"queue/{call.queue}" if reached else "queue/"
        made_ms = call.started_ms if known(call.started_ms) else None
        if made_ms is None and reached:
            made_ms = call.queued_ms
        answered, ended = known(call.answered_ms), known(call.ended_ms)
        unanswered_end = call.end.removeprefix("call.") if call.answered_ms is None else None
        quick = (answered and call.wait_ms <= 30_000) or (
            ended and unanswered_end is not None and call.wait_ms < 30_000
        )
        for scope in (ORGANIZATION, where):
            row = counts[scope]
            row["calls_made"] += held(made_ms)
            row["ended"] += held(call.ended_ms)
            if not reached or call.queued_ms is None:
                continue
            row["offered"] += held(call.queued_ms)
            row["late"] += held(call.queued_ms + 30_000) and not quick
            row["waiting"] += known(call.queued_ms) and not answered and not ended
            if held(call.answered_ms):
                row["answered"] += 1
                row["wait_ms_sum"] += call.wait_ms
                row["answered_within"] += call.wait_ms <= 30_000
            if held(call.ended_ms) and unanswered_end is not None:
                row[unanswered_end] += 1
                row[f"{unanswered_end}_within"] += call.wait_ms < 30_000
    return counts
