"""Answers that come too slowly or not at all, and agents who are too few: dated and told apart."""

from typing import Any

import numpy as np
from core.outages_book.made_facts import T0, make_facts

from monitor.core import fields
from monitor.core.outages.continuity import ContinuityPlan
from monitor.core.outages.facts import Facts
from monitor.core.outages.signals import SignalKind, Signals
from monitor.core.plan import HOUR_MS, MINUTE_MS

QUARTER_S = 900
AGENTS, HOLD, NOBODY = SignalKind.AGENTS, SignalKind.HOLD, SignalKind.NO_ANSWER


class Line:
    """A line of one row, second by second: 0.2 answers a second while all is well."""

    def __init__(self, seed: int = 5, per_s: float = 0.2, **plan: Any) -> None:  # noqa: ANN401
        self.signals = Signals(ContinuityPlan(**plan), 1)
        self.chance = np.random.default_rng(seed)
        self.at_ms, self.answers, self.answered_ms = T0, 0, T0
        self.per_s = self.now_per_s = per_s
        self.queued_ms = -1

    def second(self, **given: int) -> Facts:
        self.at_ms += 1_000
        comes = self.chance.random() < self.now_per_s
        self.answers += comes
        self.answered_ms = self.at_ms if comes else self.answered_ms
        waiting = given.get("waiting", 0)
        self.queued_ms = (self.at_ms if self.queued_ms < 0 else self.queued_ms) if waiting else -1
        arrays = {name: np.array([value]) for name, value in given.items()}
        longest_ms = self.at_ms - self.queued_ms if waiting else -1
        facts = make_facts(
            self.at_ms,
            1,
            **{
                "last_answered_ms": np.array([self.answered_ms]),
                "longest_wait_ms": np.array([longest_ms]),
                **arrays,
            },
        )
        facts.lifetime[:, fields.ANSWERED] = self.answers
        facts.lifetime[:, fields.OFFERED] = self.answers + waiting
        facts.quarter[:, fields.ANSWERED] = round(self.per_s * QUARTER_S)
        facts.hour[:, fields.ANSWERED] = round(self.per_s * 4 * QUARTER_S)
        self.signals.update(facts)
        return facts

    def last(self, seconds: int, **given: int) -> None:
        for _ in range(seconds):
            self.second(**given)

    def until(self, kind: SignalKind, most_s: int, **given: int) -> int:
        """Seconds until a signal is active; fails when it never is."""
        for second in range(1, most_s + 1):
            self.second(**given)
            if self.signals.is_active[kind, 0]:
                return second
        raise AssertionError(f"{kind.name} not told within {most_s} s")

    def onset_s(self, kind: SignalKind, since_ms: int) -> float:
        return (int(self.signals.onset_ms[kind, 0]) - since_ms) / 1_000


def test_agents_who_are_free_while_a_caller_waits_are_no_matter_of_chance() -> None:
    line = Line()
    line.last(2 * QUARTER_S, staffed=10, idle=3, is_single=True)
    began_ms, line.now_per_s = line.at_ms, 0.0
    took = line.until(NOBODY, 60, staffed=10, idle=3, waiting=1, is_single=True)
    plan = ContinuityPlan().no_answer
    assert plan.idle_for_ms <= took * 1_000 <= plan.idle_for_ms + 2_000
    assert 0 <= line.onset_s(NOBODY, began_ms) <= 1


def test_conversations_that_end_and_are_followed_by_no_answer_tell_as_much_without_agents() -> None:
    found = {}
    for told in (False, True):
        line = Line()
        line.last(2 * QUARTER_S, **({"talking": 60} if told else {}))
        line.now_per_s = 0.0
        for second in range(600):
            talking = {"talking": max(0, 50 - second // 5)} if told else {}
            line.second(waiting=3 + second // 5, **talking)
            if line.signals.is_active[NOBODY, 0]:
                found[told] = second
                break
    assert found[True] < found[False]
    # With as many conversations as ever, agents are just busy.
    line = Line()
    line.last(2 * QUARTER_S, talking=60)
    line.now_per_s = 0.0
    line.last(found[True] + 1, talking=58, waiting=5)
    assert not line.signals.is_active[NOBODY, 0]


def test_too_few_answers_are_told_although_some_come_and_dated_to_when_they_became_few() -> None:
    line = Line()
    line.last(QUARTER_S)
    # Callers wait, and are answered as fast as ever.
    line.last(QUARTER_S, waiting=3)
    assert not line.signals.is_active[HOLD, 0]
    began_ms, line.now_per_s = line.at_ms, 0.03
    took = line.until(HOLD, 900, waiting=30)
    assert took > 60
    assert abs(line.onset_s(HOLD, began_ms)) <= 120


def test_fewer_agents_than_the_work_takes_are_dated_to_when_they_began_to_leave() -> None:
    line = Line()
    line.last(2 * QUARTER_S, staffed=25, idle=5)
    began_ms, line.now_per_s = line.at_ms, 0.05
    # At first nobody has to wait; then callers do.
    for staffed in (18, 16, 13, 11):
        line.last(40, staffed=staffed, idle=1)
    took = line.until(AGENTS, 400, staffed=9, idle=0, waiting=4)
    plan = ContinuityPlan().agents
    assert took * 1_000 >= plan.wait_ms + plan.for_ms
    assert 0 <= line.onset_s(AGENTS, began_ms) <= 1
    # The end of a shift long before is no part of it.
    line = Line()
    line.last(2 * QUARTER_S, staffed=30, idle=10)
    line.last(2 * QUARTER_S, staffed=25, idle=5)
    began_ms = line.at_ms
    line.until(AGENTS, 400, staffed=15, idle=0, waiting=4)
    assert abs(line.onset_s(AGENTS, began_ms)) <= 31


def test_enough_agents_are_never_called_too_few_however_long_callers_wait() -> None:
    line = Line()
    line.last(2 * QUARTER_S, staffed=25, idle=5)
    line.last(QUARTER_S, staffed=20, idle=0, waiting=9)
    assert not line.signals.is_active[AGENTS, 0]


def test_conversations_that_are_too_few_stand_in_for_agents_that_nobody_tells_of() -> None:
    line = Line()
    line.last(2 * QUARTER_S, talking=20)
    line.now_per_s = 0.1
    line.last(MINUTE_MS // 1_000 * 5, talking=15, waiting=4)
    assert not line.signals.is_active[AGENTS, 0]
    line.until(AGENTS, 400, talking=8, waiting=4)


def test_what_was_learned_of_a_line_is_not_spoilt_by_an_outage() -> None:
    line = Line()
    line.last(QUARTER_S)
    for _ in range(6):
        line.last(60, waiting=1)
        line.last(60)
    before = float(line.signals.unanswered.factor[0])
    line.now_per_s = 0.0
    line.last(HOUR_MS // 1_000, waiting=5)
    line.now_per_s = line.per_s
    line.last(1, waiting=5)
    assert float(line.signals.unanswered.factor[0]) == before
