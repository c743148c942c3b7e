"""Evidence of causes: each figure against expectation, and nothing where nothing is known."""

from typing import Any

import numpy as np
import pytest
from core.outages_book.made_facts import NAMES, ROWS, T0, make_facts
from hypothesis import given
from hypothesis import strategies as st
from outage_parts import make_outage

from monitor.core import fields
from monitor.core.outages.cause_words import cause_sentences
from monitor.core.outages.causes import CauseKeeper
from monitor.core.outages.facts import Facts
from monitor.core.outages.outage import Cause, Causes, Outage
from monitor.core.plan import HOUR_MS, MINUTE_MS
from monitor.core.snapshot import FloatArray

LINE = ROWS["H1"][1]
# On the second in which the first open outage is due.
AT_MS = T0 // MINUTE_MS * MINUTE_MS + 31_000
QUARTER_MS = 15 * MINUTE_MS


class Usual:
    """So many calls in each quarter of an hour, in place of what was learned."""

    def __init__(self, calls: float = float("nan")) -> None:
        self.calls = calls

    def course(self, _row: int, _start_ms: int, count: int) -> FloatArray:
        return np.full(count, self.calls)


def outage_of(**given: Any) -> Outage:  # noqa: ANN401 (any attribute of an outage)
    values = {"contract": "H1", "onset_ms": AT_MS - 5 * MINUTE_MS, "opened_ms": AT_MS}
    return make_outage(**(values | {"touched": ["line/H1/m"], "lines": ["line/H1/m"]} | given))


def facts_of(usual: float = float("nan"), at_ms: int = AT_MS, **given: Any) -> Facts:  # noqa: ANN401
    """A second at which so many calls are expected in a quarter of an hour."""
    rate = np.full(len(NAMES), usual / 900)
    return make_facts(at_ms, **({"expected_per_s": rate} | given))


def each(value: int) -> Any:  # noqa: ANN401 (an array)
    return np.full(len(NAMES), value, dtype=np.int64)


def looked(
    facts: Facts,
    outage: Outage | None = None,
    *,
    usual: float = float("nan"),
    before: tuple[tuple[int, int], ...] = (),
    unseen: int = 0,
) -> Causes:
    """The causes that are found, with so many agents some time before the onset."""
    outage = outage or outage_of()
    keeper = CauseKeeper(NAMES)
    for back_ms, agents in before:
        at_ms = (outage.onset_ms - back_ms) // (5 * MINUTE_MS) * 5 * MINUTE_MS
        keeper.follow(make_facts(at_ms, staffed=each(agents)))
    keeper.look(outage, 0, facts, ROWS["H1"], Usual(usual), unseen)  # type: ignore[arg-type]
    assert outage.causes is not None
    assert outage.causes.at_ms == facts.at_ms
    return outage.causes


def counted(counts: Any, **numbers: int) -> None:  # noqa: ANN401 (an array)
    for name, number in numbers.items():
        counts[:, getattr(fields, name.upper())] = number


def known(cause: Cause | None) -> Cause:
    assert cause is not None
    return cause


def test_without_anything_known_there_is_no_demand_and_no_staffing() -> None:
    causes = looked(facts_of())
    assert (causes.demand, causes.staffing) == (None, None)
    technology = known(causes.technology)
    assert (technology.ratio_ppm, technology.signs, technology.scope) == (None, (), "line/H1/m")


@pytest.mark.parametrize(
    ("offered", "signs"), [(100, ()), (120, ()), (190, ()), (200, ("offered",)), (30, ())]
)
def test_more_calls_than_expected_are_a_sign_beyond_chance_alone(
    offered: int, signs: tuple[str, ...]
) -> None:
    facts = facts_of(100.0)
    counted(facts.quarter, offered=offered)
    counted(facts.hour, abandoned=40)
    demand = known(looked(facts, usual=100.0).demand)
    # A spread of five is a standard deviation of 45.8 calls; two of them are chance.
    assert demand.signs == signs
    assert demand.ratio_ppm == offered * 10_000
    assert demand.figures == {
        "offered": offered,
        "expected": 100,
        "window_ms": QUARTER_MS,
        "abandoned_hour": 40,
        "is_learned": 1,
    }


def test_where_few_calls_are_expected_the_hour_is_compared() -> None:
    facts = facts_of(3.0)
    counted(facts.quarter, offered=9)
    counted(facts.hour, offered=12)
    demand = known(looked(facts, usual=3.0).demand)
    assert (demand.ratio_ppm, demand.figures["window_ms"]) == (1_000_000, HOUR_MS)
    assert demand.signs == ()


def test_what_was_never_learned_is_what_was_expected_at_the_opening_for_two_hours() -> None:
    outage, keeper = outage_of(), CauseKeeper(NAMES)
    first = facts_of(60.0)
    keeper.look(outage, 0, first, ROWS["H1"], Usual(), 0)  # type: ignore[arg-type]
    for minutes, is_known in ((0, True), (119, True), (121, False)):
        facts = facts_of(at_ms=AT_MS + minutes * MINUTE_MS)
        counted(facts.quarter, offered=90)
        keeper.look(outage, 0, facts, ROWS["H1"], Usual(), 0)  # type: ignore[arg-type]
        assert outage.causes is not None
        assert (outage.causes.demand is not None) == is_known
    # On a holiday the weeks do not tell what is expected today.
    holiday = looked(facts_of(), usual=60.0)
    assert holiday.demand is None


@pytest.mark.parametrize(
    ("before", "now", "signs"),
    [(60, 48, ("agents",)), (60, 49, ()), (5, 4, ()), (5, 3, ("agents",)), (60, 80, ())],
)
def test_agents_are_compared_with_those_before_the_onset(
    before: int, now: int, signs: tuple[str, ...]
) -> None:
    minutes = ((40 * MINUTE_MS, 99), (20 * MINUTE_MS, before), (5 * MINUTE_MS, before - 1))
    outage = outage_of()
    facts = facts_of(staffed=each(now), idle=each(2))
    staffing = known(looked(facts, outage, before=minutes).staffing)
    assert staffing.figures == {"agents": now, "agents_before": before, "agents_free": 2}
    assert staffing.signs == signs
    assert staffing.ratio_ppm == now * 1_000_000 // before
    # Those who come later change nothing of what was before.
    later = known(looked(facts_of(staffed=each(now), idle=each(0)), outage).staffing)
    assert later.figures["agents_before"] == before


def test_agents_of_nobody_in_particular_are_those_of_everybody() -> None:
    staffed = each(-1)
    staffed[0] = 30
    staffing = known(looked(facts_of(staffed=staffed, idle=np.maximum(staffed, 0))).staffing)
    assert (staffing.scope, staffing.ratio_ppm) == ("organization", None)
    assert "agents_before" not in staffing.figures


@pytest.mark.parametrize(
    ("cut_off", "ended", "signs"),
    [(3, 30, ("cut_off",)), (3, 31, ()), (2, 2, ()), (40, 60, ("cut_off",)), (0, 0, ())],
)
def test_calls_cut_off_are_told_as_a_share_of_those_that_ended(
    cut_off: int, ended: int, signs: tuple[str, ...]
) -> None:
    facts = facts_of()
    counted(facts.quarter, disconnected=cut_off, ended=ended)
    technology = known(looked(facts).technology)
    assert technology.signs == signs
    assert technology.ratio_ppm == (cut_off * 1_000_000 // ended if ended else None)


def test_free_agents_whom_no_call_reaches_are_a_sign_after_a_minute() -> None:
    waiting = {"waiting": each(9), "last_answered_ms": each(AT_MS - 5 * MINUTE_MS)}
    for wait_ms, free, is_sign in ((60_000, 4, True), (59_000, 4, False), (90_000, 0, False)):
        given = {"staffed": each(9), "idle": each(free), "longest_wait_ms": each(wait_ms)}
        technology = known(looked(facts_of(**waiting, **given)).technology)
        assert ("ignored" in technology.signs) == is_sign


def test_calls_that_do_not_come_are_a_sign_of_technology_and_not_of_demand() -> None:
    causes = looked(facts_of(100.0), usual=100.0)
    assert known(causes.technology).signs == ("missing",)
    assert known(causes.demand).signs == ()
    assert known(causes.demand).ratio_ppm == 0


def test_what_is_not_seen_is_not_known_and_hours_that_are_closed_expect_nobody() -> None:
    hidden = looked(
        facts_of(100.0, staffed=each(0), idle=each(0), is_seen=each(0).astype(bool)),
        usual=100.0,
        unseen=2,
    )
    assert (hidden.demand, hidden.staffing) == (None, None)
    assert known(hidden.technology) == Cause("line/H1/m", None, (), {"sources_unseen": 2})
    shut = looked(
        facts_of(100.0, staffed=each(0), idle=each(0), is_open=each(0).astype(bool)),
        usual=100.0,
        before=((20 * MINUTE_MS, 50),),
    )
    assert (shut.demand, shut.staffing) == (None, None)
    assert known(shut.technology).signs == ()


def test_an_outage_of_several_lines_or_of_none_is_that_of_the_contract() -> None:
    outage = outage_of(touched=["contract/H1"], lines=["contract/H1"])
    assert known(looked(facts_of(), outage).technology).scope == "contract/H1"


def test_it_is_looked_at_once_a_minute() -> None:
    outage, keeper = outage_of(), CauseKeeper(NAMES)
    seen = set()
    for second in range(180):
        facts = facts_of(at_ms=AT_MS + second * 1_000)
        keeper.look(outage, 7, facts, ROWS["H1"], Usual(), 0)  # type: ignore[arg-type]
        assert outage.causes is not None
        seen.add(outage.causes.at_ms)
    assert len(seen) == 4


COUNTS = st.integers(0, 5_000)


@given(
    counts=st.lists(COUNTS, min_size=7, max_size=7),
    usual=st.floats(0.0, 3_000.0) | st.just(float("nan")),
    staffed=st.integers(-1, 300),
    before=st.integers(-1, 300),
    is_seen=st.booleans(),
    is_open=st.booleans(),
)
def test_any_second_gives_evidence_that_can_be_true_and_said(
    *, counts: list[int], usual: float, staffed: int, before: int, is_seen: bool, is_open: bool
) -> None:
    offered, cut_off, completed, waiting, silent_s, idle, abandoned = counts
    facts = facts_of(
        usual,
        staffed=each(staffed),
        idle=each(min(idle, staffed)),
        waiting=each(waiting),
        longest_wait_ms=each(silent_s * 1_000 if waiting else -1),
        last_answered_ms=each(AT_MS - silent_s * 1_000),
        is_seen=each(is_seen).astype(bool),
        is_open=each(is_open).astype(bool),
    )
    counted(facts.quarter, offered=offered, disconnected=cut_off, ended=cut_off + completed)
    counted(facts.hour, offered=offered, abandoned=abandoned)
    causes = looked(facts, usual=usual, before=((10 * MINUTE_MS, before),))
    found = {
        name: getattr(causes, name)
        for name in ("demand", "staffing", "technology")
        if getattr(causes, name) is not None
    }
    for cause in found.values():
        assert cause.ratio_ppm is None or cause.ratio_ppm >= 0
        assert all(value >= 0 for value in cause.figures.values())
        assert is_seen or not cause.signs
    # Demand cannot be too high and too low at once.
    signs = [sign for cause in found.values() for sign in cause.signs]
    assert not {"offered", "missing"} <= set(signs)
    words = cause_sentences(causes)
    assert words.keys() == found.keys()
    assert all(word.isprintable() and not word.endswith(".") for word in words.values())


def test_the_words_have_every_figure_that_counts() -> None:
    facts = facts_of(
        100.0,
        staffed=each(14),
        idle=each(1),
        waiting=each(9),
        longest_wait_ms=each(200_000),
        last_answered_ms=each(AT_MS - 190_000),
    )
    counted(facts.quarter, offered=212, disconnected=40, ended=96)
    counted(facts.hour, abandoned=77)
    causes = looked(facts, usual=100.0, before=((10 * MINUTE_MS, 60),))
    assert cause_sentences(causes) == {
        "demand": "212 calls in the last 15 minutes, 100 expected (212 %), 77 abandoned in the last"
        " hour and may call again (m, H1)",
        "staffing": "14 agents there, 60 before it began (23 %), 1 free (m, H1)",
        "technology": "40 of 96 calls cut off (41 %), 9 waiting with 1 free agent and no answer for"
        " 3 min 10 s (m, H1)",
    }
