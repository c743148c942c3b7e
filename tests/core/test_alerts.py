"""The life of an alert: every state against every judgement, and a second opinion on long lives."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from core.made_calls import BASE_MS, LAWS, standard
from hypothesis import given
from hypothesis import strategies as st

from monitor.core import fields
from monitor.core.alerts import RESOLVED_FOR_MS, AlertBook
from monitor.core.fields import FIELD_COUNT
from monitor.core.plan import MINUTE_MS, ContractPlan, LinePlan, Plan, RulePlan
from monitor.core.scopes import ScopeTable
from monitor.core.snapshot import Alert, AlertState, IntArray
from monitor.core.standards import Measure, Standard
from monitor.core.verdict import Judge

MIN_CALLS = 10
FIRST_RULE = RulePlan(
    name="level",
    measure=Measure.SERVICE_LEVEL,
    window_ms=MINUTE_MS,
    for_ms=3_000,
    clear_for_ms=2_000,
    severity="critical",
    scopes=("queue/A",),
    clear=850,
    no_data_for_ms=4_000,
)
# Answers in time of 100, by what they mean to a rule that breaches below 80 % and clears at 85 %.
BREACHED, MET, CLEAR, EDGE = 79, 84, 85, 80
NOTHING = None
Share = int | None


class Book:
    """An alert book over one line with queues A and B, fed with shares of calls in time."""

    def __init__(self, *rules: RulePlan, organization: str = "Org") -> None:
        held = standard()
        free = Standard("free", "Free", None, ())
        lines = (
            LinePlan("members", "current-enrollee", ("A", "B"), held),
            LinePlan("free", "provider", ("N",), free),
        )
        contract = ContractPlan("H1", "First", "Plan, Inc.", lines)
        windows_ms = tuple(sorted({rule.window_ms for rule in rules}))
        self.plan = Plan(organization, held, windows_ms, contracts=(contract,), rules=rules)
        self.table = ScopeTable(self.plan)
        judge = Judge(self.table, MIN_CALLS)
        self.book = AlertBook(organization, rules, self.table, judge, windows_ms)
        self.now_ms = BASE_MS

    def tick(self, share: Share, *, queue: str = "A", after_ms: int = 1_000) -> list[Alert]:
        return self.tick_all({queue: share}, after_ms=after_ms)

    def tick_all(self, shares: dict[str, Share], *, after_ms: int = 1_000) -> list[Alert]:
        self.now_ms += after_ms
        direct = np.zeros((self.table.direct_count, FIELD_COUNT), dtype=np.int64)
        for queue, share in shares.items():
            if share is not None:
                row = self.table.queue_row(queue)
                direct[row, fields.ANSWERED_WITHIN] = share
                direct[row, fields.LATE] = 100 - share
        counts: IntArray = self.table.roll_up(direct)
        windows = range(len(self.plan.windows_ms))
        return self.book.evaluate(dict.fromkeys(windows, counts), self.now_ms)

    @property
    def alerts(self) -> list[tuple[str, str, AlertState]]:
        return [(alert.rule, alert.scope, alert.state) for alert in self.book.alerts()]

    @property
    def state(self) -> str:
        found = self.book.alerts()
        return found[-1].state.value if found else "inactive"


def way_to(state: str) -> Book:
    book = Book(FIRST_RULE)
    steps = {"inactive": 0, "pending": 1, "firing": 4, "resolved": 4}[state]
    for _ in range(steps):
        book.tick(BREACHED)
    if state == "resolved":
        for _ in range(3):
            book.tick(CLEAR)
    assert book.state == state
    return book


@pytest.mark.parametrize(
    ("state", "share", "expected", "seconds"),
    [
        # From each state, what a lasting judgement leads to, and after how many seconds.
        ("inactive", BREACHED, "pending", 1),
        ("inactive", EDGE, "inactive", 60),
        ("inactive", MET, "inactive", 60),
        ("inactive", CLEAR, "inactive", 60),
        ("inactive", NOTHING, "inactive", 60),
        ("pending", BREACHED, "firing", 3),
        ("pending", EDGE, "inactive", 1),
        ("pending", MET, "inactive", 1),
        ("pending", CLEAR, "inactive", 1),
        ("pending", NOTHING, "inactive", 1),
        ("firing", BREACHED, "firing", 3_600),
        ("firing", EDGE, "firing", 3_600),
        ("firing", MET, "firing", 3_600),
        ("firing", CLEAR, "resolved", 3),
        ("firing", NOTHING, "resolved", 5),
        ("resolved", BREACHED, "resolved", 1),
        ("resolved", MET, "resolved", 1),
        ("resolved", CLEAR, "inactive", 900),
        ("resolved", NOTHING, "inactive", 900),
    ],
)
def test_a_lasting_judgement_leads_to_the_next_state_in_its_time_and_not_before(
    state: str, share: Share, expected: str, seconds: int
) -> None:
    book = way_to(state)
    lasts = expected == state
    for passed in range(1, seconds + 1):
        book.tick(share)
        now = book.state if state != "resolved" or share != BREACHED else book.alerts[-1][2]
        assert now == (expected if lasts or passed == seconds else state), passed


def test_a_new_breach_is_a_new_alert_beside_the_resolved_one() -> None:
    book = way_to("resolved")
    resolved = book.book.alerts()[0]
    book.tick(BREACHED)
    states = {alert.key: alert.state for alert in book.book.alerts()}
    assert len(states) == 2
    assert states[resolved.key] is AlertState.RESOLVED
    assert set(states.values()) == {AlertState.RESOLVED, AlertState.PENDING}


def test_changes_are_told_once_with_their_reason() -> None:
    book = Book(FIRST_RULE)
    told = []
    for share in (MET, *[BREACHED] * 6, *[CLEAR] * 6):
        told += [(alert.state, alert.reason) for alert in book.tick(share)]
    assert told == [
        (AlertState.PENDING, "breached"),
        (AlertState.FIRING, "held"),
        (AlertState.RESOLVED, "cleared"),
    ]


def test_when_nobody_calls_any_more_it_says_so() -> None:
    book = way_to("firing")
    firing = book.book.alerts()[0]
    ended = [alert for _ in range(6) for alert in book.tick(NOTHING)]
    assert [(alert.state, alert.reason) for alert in ended] == [(AlertState.RESOLVED, "no_calls")]
    assert (ended[0].numerator, ended[0].denominator) == (firing.numerator, firing.denominator)
    assert (ended[0].value, ended[0].limit) == (0.79, 0.8)


@pytest.mark.parametrize("gap", [BREACHED, MET])
def test_the_time_within_the_clear_limit_has_to_be_unbroken(gap: int) -> None:
    book = way_to("firing")
    for share in (CLEAR, CLEAR, gap, CLEAR, CLEAR):
        book.tick(share)
        assert book.state == "firing"
    book.tick(CLEAR)
    assert book.state == "resolved"


def test_the_time_without_calls_has_to_be_unbroken() -> None:
    book = way_to("firing")
    for share in (*[NOTHING] * 4, MET, *[NOTHING] * 4):
        book.tick(share)
        assert book.state == "firing"
    book.tick(NOTHING)
    assert book.state == "resolved"


def test_without_a_duration_it_fires_and_resolves_at_once() -> None:
    book = Book(replace(FIRST_RULE, for_ms=0, clear_for_ms=0, clear=None))
    assert [alert.state for alert in book.tick(BREACHED)] == [AlertState.PENDING, AlertState.FIRING]
    assert [alert.state for alert in book.tick(EDGE)] == [AlertState.RESOLVED]


def test_a_resolved_alert_is_remembered_for_fifteen_minutes() -> None:
    book = way_to("resolved")
    book.tick(MET, after_ms=RESOLVED_FOR_MS - 1_000)
    assert book.state == "resolved"
    book.tick(MET)
    assert book.state == "inactive"
    assert book.book.is_idle


def test_keys_tell_rule_scope_and_beginning_and_nothing_that_changes() -> None:
    one, other = way_to("pending"), way_to("firing")
    assert one.book.alerts()[0].key == other.book.alerts()[0].key
    alert = other.book.alerts()[0]
    assert alert.key == f"Org/level/queue/A/{BASE_MS + 1_000}"
    assert (alert.severity, alert.clause) == ("critical", "(B)")
    assert (alert.breached_ms, alert.fired_ms) == (BASE_MS + 1_000, BASE_MS + 4_000)
    assert alert.labels == {
        "organization": "Org",
        "legal_entity": "Plan, Inc.",
        "contract": "H1",
        "line": "members",
        "queue": "A",
    }


def test_rules_and_scopes_live_apart_and_unjudged_scopes_not_at_all() -> None:
    quick = replace(FIRST_RULE, name="quick", for_ms=0, scopes=("queue/*",))
    above = replace(FIRST_RULE, name="above", scopes=("line/*", "contract/H1"))
    book = Book(FIRST_RULE, quick, above)
    book.tick_all({"A": BREACHED, "B": CLEAR, "N": 0})
    # The line has 164 of 200 calls in time, the contract 164 of 300. N itself has no standard.
    assert sorted(book.alerts) == [
        ("above", "contract/H1", AlertState.PENDING),
        ("level", "queue/A", AlertState.PENDING),
        ("quick", "queue/A", AlertState.FIRING),
    ]
    book.tick_all({"A": BREACHED, "B": BREACHED})
    assert sorted(book.alerts) == [
        ("above", "contract/H1", AlertState.PENDING),
        ("above", "line/H1/members", AlertState.PENDING),
        ("level", "queue/A", AlertState.PENDING),
        ("quick", "queue/A", AlertState.FIRING),
        ("quick", "queue/B", AlertState.FIRING),
    ]


def test_a_queue_that_is_admitted_later_is_watched_after_a_refresh() -> None:
    held = standard()
    rule = replace(FIRST_RULE, scopes=("queue/*",), for_ms=0)
    plan = Plan("Org", held, (MINUTE_MS,), queues=("q-*",), rules=(rule,))
    table = ScopeTable(plan)
    judge = Judge(table, MIN_CALLS)
    book = AlertBook("Org", (rule,), table, judge, plan.windows_ms)
    row = table.queue_row("q-1")
    judge.refresh()
    book.refresh()
    direct = np.zeros((table.direct_count, FIELD_COUNT), dtype=np.int64)
    direct[row, fields.LATE] = 100
    book.evaluate({0: table.roll_up(direct)}, BASE_MS)
    assert [alert.scope for alert in book.alerts()] == ["queue/q-1"]


# -- long lives -----------------------------------------------------------------------------------


@dataclass
class PlainAlert:
    """The rules of an alert's life once more, from the whole history of judgements."""

    rule: RulePlan

    def resolved_after(self, since: list[tuple[int, str]]) -> bool:
        """Whether a firing alert resolves at the last of the judgements since it fired."""
        now_ms = since[-1][0]
        for word, duration_ms in (
            ("clear", self.rule.clear_for_ms),
            ("nothing", self.rule.no_data_for_ms),
        ):
            start = len(since)
            while start and since[start - 1][1] == word:
                start -= 1
            if start < len(since) and now_ms - since[start][0] >= duration_ms:
                return True
        return False

    def states(self, judged: list[tuple[int, str]]) -> list[str]:
        found, state, since = [], "inactive", 0
        for index, (at_ms, word) in enumerate(judged):
            if state in ("inactive", "resolved") and word == "breached":
                state, since = "pending", index
            if state == "pending":
                if word != "breached":
                    state = "inactive"
                elif at_ms - judged[since][0] >= self.rule.for_ms:
                    state, since = "firing", index + 1
            elif state == "firing" and self.resolved_after(judged[since : index + 1]):
                state = "resolved"
            found.append(state)
        return found


def word_of(share: Share) -> str:
    if share is None:
        return "nothing"
    return "breached" if share < EDGE else "clear" if share >= CLEAR else "met"


@LAWS
@given(
    shares=st.lists(st.sampled_from((BREACHED, BREACHED, MET, CLEAR, NOTHING)), max_size=60),
    for_s=st.integers(0, 4),
    clear_for_s=st.integers(0, 3),
    no_data_for_s=st.integers(0, 4),
    restarts=st.sets(st.integers(0, 59)),
)
def test_long_lives_with_restarts_equal_the_plain_rules(
    shares: list[Share], for_s: int, clear_for_s: int, no_data_for_s: int, restarts: set[int]
) -> None:
    rule = replace(
        FIRST_RULE,
        for_ms=for_s * 1_000,
        clear_for_ms=clear_for_s * 1_000,
        no_data_for_ms=no_data_for_s * 1_000,
    )
    book, stayed = Book(rule), Book(rule)
    judged = []
    for index, share in enumerate(shares):
        if index in restarts:
            restarted = Book(rule)
            restarted.now_ms = book.now_ms
            assert restarted.book.restore(book.book.state()) == []
            book = restarted
        assert book.tick(share) == stayed.tick(share)
        assert book.book.alerts() == stayed.book.alerts()
        judged.append((book.now_ms, word_of(share)))
        live = [state for _, _, state in book.alerts if state is not AlertState.RESOLVED]
        expected = PlainAlert(rule).states(judged)[-1]
        assert [state.value for state in live] == (
            [expected] if expected in ("pending", "firing") else []
        )
    keys = [alert.key for alert in stayed.book.alerts()]
    assert len(keys) == len(set(keys))
