"""One outage from its onset to its end: every state against everything that can be seen."""

from collections.abc import Callable

import pytest
from core.made_calls import LAWS
from core.outages_book.made_facts import (
    CONFIRM_MS,
    NAMES,
    ONSET_BEFORE_MS,
    PLAN,
    ROWS,
    T0,
    TURN_MS,
    HandBook,
    HandSignals,
    Sign,
    make_facts,
)
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.ledger import LedgerEntry, LedgerKind
from monitor.core.outages.book import OutageBook
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.outage import UNKNOWN, Outage, OutageState
from monitor.core.outages.signals import SignalKind
from monitor.core.outages.watched import Watched
from monitor.core.plan import HOUR_MS, MINUTE_MS

NORMAL, SUSPECTED = OutageState.NORMAL, OutageState.SUSPECTED
OUTAGE, RECOVERING = OutageState.OUTAGE, OutageState.RECOVERING
EVER_MS = TURN_MS + CONFIRM_MS + 5_000


def normal(_hand: HandBook) -> None:
    pass


def suspected(hand: HandBook) -> None:
    hand.tick(Sign.PENDING)


def failed(hand: HandBook) -> None:
    hand.tick(Sign.DOWN)


def recovering(hand: HandBook) -> None:
    hand.tick(Sign.DOWN)
    hand.last(Sign.WELL, TURN_MS + 1_000)


# (how to get there, what is seen, after one second, after long enough)
TABLE = [
    (normal, Sign.WELL, NORMAL, NORMAL),
    (normal, Sign.QUIET, NORMAL, NORMAL),
    (normal, Sign.BAD, NORMAL, NORMAL),
    (normal, Sign.PENDING, SUSPECTED, SUSPECTED),
    (normal, Sign.DOWN, OUTAGE, OUTAGE),
    (suspected, Sign.WELL, NORMAL, NORMAL),
    (suspected, Sign.QUIET, NORMAL, NORMAL),
    (suspected, Sign.BAD, NORMAL, NORMAL),
    (suspected, Sign.PENDING, SUSPECTED, SUSPECTED),
    (suspected, Sign.DOWN, OUTAGE, OUTAGE),
    (failed, Sign.WELL, OUTAGE, NORMAL),
    (failed, Sign.QUIET, OUTAGE, OUTAGE),
    (failed, Sign.BAD, OUTAGE, OUTAGE),
    (failed, Sign.PENDING, OUTAGE, OUTAGE),
    (failed, Sign.DOWN, OUTAGE, OUTAGE),
    (recovering, Sign.WELL, RECOVERING, NORMAL),
    # Nobody calls: nothing shows that it works.
    (recovering, Sign.QUIET, RECOVERING, RECOVERING),
    (recovering, Sign.BAD, RECOVERING, OUTAGE),
    (recovering, Sign.PENDING, RECOVERING, OUTAGE),
    (recovering, Sign.DOWN, OUTAGE, OUTAGE),
]


@pytest.mark.parametrize(("reach", "sign", "soon", "later"), TABLE)
def test_every_state_against_everything_that_is_seen(
    reach: Callable[[HandBook], None], sign: Sign, soon: OutageState, later: OutageState
) -> None:
    hand = HandBook()
    reach(hand)
    hand.tick(sign)
    assert hand.book.state_of("H1") is soon
    hand.last(sign, EVER_MS)
    assert hand.book.state_of("H1") is later
    assert hand.book.state_of("H2") is NORMAL


@pytest.mark.parametrize(
    ("reach", "state"),
    [(normal, NORMAL), (suspected, SUSPECTED), (failed, OUTAGE), (recovering, RECOVERING)],
)
@pytest.mark.parametrize("sign", [Sign.WELL, Sign.QUIET, Sign.BAD])
def test_what_is_not_seen_changes_no_state(
    reach: Callable[[HandBook], None], state: OutageState, sign: Sign
) -> None:
    hand = HandBook()
    reach(hand)
    hand.last(sign, EVER_MS, is_seen=False)
    assert hand.book.state_of("H1") is state


@pytest.mark.parametrize(("reach", "state"), [(failed, OUTAGE), (recovering, RECOVERING)])
def test_time_outside_of_required_hours_restores_nothing(
    reach: Callable[[HandBook], None], state: OutageState
) -> None:
    hand = HandBook()
    reach(hand)
    hand.last(Sign.WELL, EVER_MS, is_open=False)
    assert hand.book.state_of("H1") is state


def only(hand: HandBook) -> Outage:
    return hand.book.open["H1"]


def test_blindness_is_no_part_of_a_turn_for_the_better() -> None:
    hand = HandBook()
    hand.tick(Sign.DOWN)
    hand.tick(Sign.WELL)
    hand.last(Sign.WELL, 2 * EVER_MS, is_seen=False)
    hand.tick(Sign.WELL)
    assert only(hand).state is OUTAGE
    hand.last(Sign.WELL, TURN_MS)
    assert only(hand).state is RECOVERING
    assert only(hand).well_ms == TURN_MS


def test_a_turn_that_was_broken_off_begins_anew() -> None:
    hand = HandBook()
    hand.tick(Sign.DOWN)
    hand.last(Sign.WELL, TURN_MS - 1_000)
    hand.last(Sign.DOWN, 2 * EVER_MS)
    hand.tick(Sign.WELL)
    assert only(hand).state is OUTAGE


def test_a_relapse_continues_the_same_outage_and_the_good_time_begins_anew() -> None:
    hand = HandBook()
    recovering(hand)
    first = only(hand)
    hand.last(Sign.WELL, CONFIRM_MS - 2 * TURN_MS)
    hand.tick(Sign.DOWN)
    assert only(hand) is first
    assert (first.relapses, first.state, first.well_ms) == (1, OUTAGE, 0)
    hand.last(Sign.WELL, CONFIRM_MS - TURN_MS)
    assert first.is_open
    hand.last(Sign.WELL, 2 * TURN_MS)
    assert not first.is_open
    told = [one.kind for one in hand.book.take() if one.kind != "ladder"]
    assert told == ["opened", "recovering", "relapsed", "recovering", "restored"]


def test_restoration_is_dated_to_the_start_of_the_good_period() -> None:
    hand = HandBook()
    hand.last(Sign.DOWN, 2 * MINUTE_MS)
    well_ms = hand.at_ms + 1_000
    hand.last(Sign.WELL, EVER_MS)
    (outage,) = hand.book.closed
    assert outage.restored_ms == well_ms
    assert outage.closed_ms == well_ms + CONFIRM_MS
    assert outage.met_deadline


def test_time_that_is_not_seen_or_not_open_does_not_confirm() -> None:
    hand = HandBook()
    hand.tick(Sign.DOWN)
    hand.last(Sign.WELL, CONFIRM_MS // 2)
    hand.last(Sign.WELL, CONFIRM_MS, is_seen=False)
    hand.last(Sign.WELL, CONFIRM_MS, is_open=False)
    hand.last(Sign.WELL, CONFIRM_MS // 2 - 1_000)
    assert "H1" in hand.book.open
    hand.last(Sign.WELL, 3_000)
    assert "H1" not in hand.book.open


MOSTLY = st.sampled_from((True, True, True, False))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(Sign),
        st.integers(1, 40),
        MOSTLY,
        MOSTLY,
    ),
    max_size=30,
)


@LAWS
@given(steps=STEPS)
def test_nothing_moves_onset_and_deadline_and_no_clock_is_paused(
    steps: list[tuple[Sign, int, bool, bool]],
) -> None:
    hand = HandBook()
    begun: dict[str, tuple[int, int]] = {}
    good_s: dict[str, int] = {}
    last_restored_ms = 0
    rungs: dict[str, list[int]] = {}
    for sign, seconds, is_seen, is_open in steps:
        for _ in range(seconds):
            hand.tick(sign, is_seen=is_seen, is_open=is_open)
            outages = {one.id: one for one in (*hand.book.open.values(), *hand.book.closed)}
            for name, outage in outages.items():
                first = begun.setdefault(name, (outage.onset_ms, outage.deadline_ms))
                assert (outage.onset_ms, outage.deadline_ms) == first
                assert outage.deadline_ms - outage.onset_ms == PLAN.restore_within_ms
                good_s[name] = good_s.get(name, 0) + (is_seen and is_open and sign is Sign.WELL)
            for one in hand.book.take():
                if one.kind == "opened":
                    assert one.figures["onset_ms"] >= max(
                        last_restored_ms, T0 + 1_000 - ONSET_BEFORE_MS
                    )
                if one.kind == "restored":
                    last_restored_ms = one.figures["restored_ms"]
                    assert one.figures["onset_ms"] <= last_restored_ms <= one.at_ms
                    # QUIET seconds of a recovery count as well, so this is a lower bound.
                    assert good_s[one.outage] * 1_000 >= TURN_MS
                if one.kind == "ladder":
                    rungs.setdefault(one.outage, []).append(one.figures["age_ms"])
            for name, outage in outages.items():
                if outage.is_open:
                    age_ms = hand.at_ms - outage.onset_ms
                    assert rungs[name] == [age for age in ladder() if age <= age_ms]
    assert all(len(set(ages)) == len(ages) for ages in rungs.values())


def ladder() -> list[int]:
    last = PLAN.ladder_ms[-1]
    return [*PLAN.ladder_ms, *(last + more * PLAN.ladder_every_ms for more in range(1, 50))]


@LAWS
@given(gaps=st.lists(st.integers(1, 600), min_size=1, max_size=12))
def test_every_step_of_the_ladder_is_told_once_at_the_first_tick_after_it(gaps: list[int]) -> None:
    hand = HandBook()
    hand.tick(Sign.DOWN)
    outage = only(hand)
    for gap_s in gaps:
        before = hand.at_ms - outage.onset_ms
        hand.book.take()
        hand.tick(Sign.DOWN, by_ms=gap_s * 1_000, is_seen=gap_s % 2 == 0, is_open=gap_s % 3 == 0)
        after = hand.at_ms - outage.onset_ms
        told = [one for one in hand.book.take() if one.kind == "ladder"]
        assert [one.figures["age_ms"] for one in told] == [
            age for age in ladder() if before < age <= after
        ]
        for one in told:
            assert one.figures["left_ms"] == PLAN.restore_within_ms - one.figures["age_ms"]
    assert outage.is_missed == (hand.at_ms > outage.deadline_ms)


def test_a_deadline_that_passes_while_it_is_well_is_not_missed_yet() -> None:
    hand = HandBook()
    hand.last(Sign.DOWN, PLAN.restore_within_ms - ONSET_BEFORE_MS - CONFIRM_MS)
    hand.last(Sign.WELL, TURN_MS + 1_000)
    outage = only(hand)
    hand.tick(Sign.WELL, by_ms=CONFIRM_MS, is_open=False)
    assert hand.at_ms > outage.deadline_ms
    assert not outage.is_missed
    hand.last(Sign.WELL, CONFIRM_MS)
    assert outage.met_deadline
    # Had it relapsed, it would have been.
    other = HandBook()
    other.last(Sign.DOWN, PLAN.restore_within_ms - ONSET_BEFORE_MS - CONFIRM_MS)
    other.last(Sign.WELL, TURN_MS + 1_000)
    other.tick(Sign.WELL, by_ms=CONFIRM_MS, is_open=False)
    other.tick(Sign.DOWN)
    assert only(other).is_missed


@pytest.mark.parametrize(("apart_ms", "is_one"), [(14 * MINUTE_MS, True), (16 * MINUTE_MS, False)])
def test_outages_that_begin_together_are_one_incident(apart_ms: int, *, is_one: bool) -> None:
    hand = HandBook()
    hand.tick(Sign.DOWN, "H1")
    hand.tick(Sign.DOWN, "H2", by_ms=apart_ms)
    first, second = hand.book.open["H1"], hand.book.open["H2"]
    assert first.incident == first.id
    assert second.incident == (first.id if is_one else second.id)
    assert second.onset_ms - first.onset_ms == apart_ms
    assert second.deadline_ms - first.deadline_ms == apart_ms


def test_the_whole_failing_opens_no_outage_of_a_contract_that_is_closed_or_not_seen() -> None:
    for more in ({"is_open": False}, {"is_seen": False}):
        hand = HandBook()
        hand.signals.since_ms[SignalKind.SILENCE, 0] = T0
        hand.signals.is_active[SignalKind.SILENCE, 0] = True
        hand.last(Sign.QUIET, 5_000, **more)
        assert "H1" not in hand.book.open
        assert "H2" in hand.book.open  # which has to be open, and of which nothing good is known


# -- by hand ----------------------------------------------------------------------------------


def test_what_only_people_have_seen_ends_when_they_say_so() -> None:
    hand = HandBook()
    hand.last(Sign.WELL, MINUTE_MS)
    outage = hand.book.declare("H1", T0, hand.at_ms, "one", "callers tell of a dead line")
    hand.last(Sign.WELL, 10 * EVER_MS)
    assert only(hand) is outage
    assert outage.state is OUTAGE
    hand.book.restore(outage, hand.at_ms - 1_000, hand.at_ms, "two", "tested")
    assert (outage.restored_ms, outage.restored_by) == (hand.at_ms - 1_000, "two")
    # Once a signal has seen it as well, it ends as all others do.
    again = hand.book.declare("H1", hand.at_ms, hand.at_ms, "one", "dead again")
    hand.tick(Sign.DOWN)
    hand.last(Sign.WELL, EVER_MS)
    assert not again.is_open
    assert again.restored_by is None


def test_a_declared_onset_may_lie_further_back_than_signals_can_see() -> None:
    hand = HandBook()
    outage = hand.book.declare("H1", T0 - 40 * HOUR_MS, T0, "one", "since the weekend")
    assert outage.onset_ms == T0 - 40 * HOUR_MS
    assert outage.deadline_ms == outage.onset_ms + PLAN.restore_within_ms


def test_declaring_again_moves_nothing_and_a_new_one_has_an_id_of_its_own() -> None:
    hand = HandBook()
    first = hand.book.declare("H1", T0, T0, "one", "down")
    assert hand.book.declare("H1", T0 - HOUR_MS, T0, "two", "down before") is first
    assert first.onset_ms == T0
    hand.book.restore(first, T0, T0, "one", "up")
    second = hand.book.declare("H1", T0, T0, "one", "down again")
    assert second.id != first.id
    assert second.onset_ms >= first.restored_ms
    keys = [one.key for one in hand.book.take()]
    assert len(set(keys)) == len(keys)


def test_evidence_of_a_thousand_lines_fits_into_an_entry_of_the_ledger() -> None:
    lines = 1_000
    names = ("organization", "contract/H1", *(f"line/H1/{'x' * 60}{at:04}" for at in range(lines)))
    rows = tuple(range(1, lines + 2))
    book = OutageBook(PLAN, names, (Watched("H1", 1, rows),), 0, lambda _one, _two: None)
    signals = HandSignals(len(names))
    book.signals = signals  # type: ignore[assignment]
    signals.say(Sign.DOWN, rows, T0)
    book.update(make_facts(T0, len(names)))
    signals.say(Sign.WELL, rows[900:], T0)
    for at_ms in (T0 + 1_000, T0 + MINUTE_MS + 1_000):
        book.update(make_facts(at_ms, len(names)))
    happened = book.take()
    assert {one.kind for one in happened} >= {"opened", "partial"}
    for one in happened:
        LedgerEntry(one.at_ms, LedgerKind.OUTAGE, "contract/H1", one.key, one.figures)


def test_an_outage_of_a_contract_that_is_gone_goes_on_until_it_is_abandoned() -> None:
    hand = HandBook()
    hand.tick(Sign.DOWN)
    outage = only(hand)
    for plan, is_followed in ((PLAN, True), (abandoning("H1"), False), (abandoning("H2"), True)):
        book = OutageBook(plan, NAMES, (Watched("H2", 3, ROWS["H2"]),), 0, lambda _one, _two: None)
        book.open["H1"] = outage
        book.update(make_facts(outage.deadline_ms + 1_000))
        assert ("H1" in book.open) is is_followed
        told = [one.kind for one in book.take()]
        assert ("abandoned" in told) is not is_followed
    assert outage.restored_ms == UNKNOWN
    assert outage.is_missed


def abandoning(contract: str) -> ContinuityPlan:
    return ContinuityPlan(abandon=(contract,))
