"""Scopes: which row is what, who is above whom, and that roll-ups are sums and nothing else."""

from fnmatch import fnmatchcase

import numpy as np
import pytest
from core.made_calls import LAWS, shared_plan, standard
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.plan import ContractPlan, Limits, LinePlan, Plan
from monitor.core.scopes import ScopeTable, threshold_ms
from monitor.core.snapshot import IntArray, ScopeKind
from monitor.core.standards import Standard

KEYS = ("a", "b", "c-1", "c-2", "d", "none")


def test_rows_are_upper_scopes_then_sites_then_queues() -> None:
    table = ScopeTable(shared_plan())
    assert [scope.name for scope in table.scopes] == [
        "organization",
        "legal_entity/Plan, Inc.",
        "contract/H1",
        "contract/S2",
        "line/H1/members",
        "line/H1/pharmacy",
        "line/S2/members",
        "site/Fresno",
        "queue/",
        "queue/unconfigured",
        "queue/A",
        "queue/B",
        "queue/C",
    ]
    assert [scope.row for scope in table.scopes] == list(range(13))
    assert table.upper == 7
    assert table.direct_count == 6
    assert table.scopes[table.upper + table.no_queue].name == "queue/"
    assert table.scopes[table.upper + table.unconfigured].name == "queue/unconfigured"


def test_labels_name_what_is_the_only_one_above() -> None:
    by_name = {scope.name: scope for scope in ScopeTable(shared_plan()).scopes}
    above = {"organization": "Org", "legal_entity": "Plan, Inc."}
    assert by_name["organization"].labels == {"organization": "Org"}
    assert by_name["contract/H1"].labels == {**above, "contract": "H1"}
    line = {**above, "contract": "H1", "line": "members"}
    assert by_name["line/H1/members"].labels == line
    assert by_name["queue/A"].labels == {**line, "queue": "A"}
    # A shared queue belongs to no single contract, so it names none.
    assert by_name["queue/B"].labels == {"organization": "Org", "queue": "B"}
    assert by_name["queue/B"].lines == (("H1", "members"), ("H1", "pharmacy"), ("S2", "members"))
    assert by_name["site/Fresno"].labels == {"organization": "Org", "site": "Fresno"}


def test_shared_queue_counts_once_for_each_contract_and_once_for_all() -> None:
    table = ScopeTable(shared_plan())
    direct = np.zeros((table.direct_count, 1), dtype=np.int64)
    direct[table.queue_row("B")] = 7
    direct[table.queue_row("A")] = 100
    rolled = {
        scope.name: int(count)
        for scope, count in zip(table.scopes, table.roll_up(direct)[:, 0], strict=True)
    }
    assert rolled == {
        "organization": 107,
        "legal_entity/Plan, Inc.": 107,
        "contract/H1": 107,
        "contract/S2": 7,
        "line/H1/members": 107,
        "line/H1/pharmacy": 7,
        "line/S2/members": 7,
        "site/Fresno": 0,
        "queue/": 0,
        "queue/unconfigured": 0,
        "queue/A": 100,
        "queue/B": 7,
        "queue/C": 0,
    }


def test_calls_without_a_queue_and_of_unknown_queues_count_for_the_organization_alone() -> None:
    table = ScopeTable(shared_plan())
    for row in (table.no_queue, table.unconfigured):
        direct = np.zeros((table.direct_count, 1), dtype=np.int64)
        direct[row] = 1
        counted = np.flatnonzero(table.roll_up(direct)[:, 0]).tolist()
        assert counted == [0, table.upper + row]
        assert table.scopes[0].name == "organization"


def test_sites_lie_across_and_are_not_added_to_what_is_above() -> None:
    table = ScopeTable(shared_plan())
    direct = np.zeros((table.direct_count, 1), dtype=np.int64)
    direct[table.site_row("Fresno")] = 5
    assert table.roll_up(direct).sum() == 5
    assert table.site_row("Reno") == -1


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans of several entities and contracts whose lines share queues and name patterns."""
    keys = st.lists(st.sampled_from(("a", "b", "c-*", "c-1", "d", "?", "[ab]")), max_size=3)
    contracts = []
    for contract in range(draw(st.integers(0, 3))):
        lines = tuple(
            LinePlan(f"L{line}", "current-enrollee", tuple(draw(keys)), standard())
            for line in range(draw(st.integers(1, 3)))
        )
        entity = draw(st.sampled_from(("One", "Two")))
        contracts.append(ContractPlan(f"H{contract}", "Name", entity, lines))
    sites = tuple(draw(st.sets(st.sampled_from(("x", "y")))))
    queues = tuple(draw(keys))
    return Plan("Org", standard(), contracts=tuple(contracts), queues=queues, sites=sites)


def named_under(plan: Plan, name: str) -> list[str]:
    """The patterns of all lines below an upper scope."""
    return [
        pattern
        for contract in plan.contracts
        for line in contract.lines
        if name
        in (
            f"legal_entity/{contract.legal_entity}",
            f"contract/{contract.id}",
            f"line/{contract.id}/{line.name}",
        )
        for pattern in line.queues
    ]


def brute_force(plan: Plan, table: ScopeTable, direct: IntArray, name: str) -> IntArray:
    """Which counts belong to an upper scope, asked of every queue anew."""
    found = np.zeros(direct.shape[-1], dtype=np.int64)
    patterns = named_under(plan, name)
    for scope in table.scopes:
        if scope.kind is ScopeKind.QUEUE:
            key = scope.name.removeprefix("queue/")
            is_below = key and any(fnmatchcase(key, pattern) for pattern in patterns)
            if name == "organization" or is_below:
                found += direct[scope.row - table.upper]
    return found


@LAWS
@given(plan=plans(), asked=st.lists(st.sampled_from(KEYS), max_size=8), seed=st.integers(0, 99))
def test_roll_ups_equal_asking_every_queue(plan: Plan, asked: list[str], seed: int) -> None:
    table = ScopeTable(plan)
    rolled_once = np.zeros((table.direct_count, 3), dtype=np.int64)
    table.roll_up(rolled_once)
    for key in asked:
        table.queue_row(key)
    direct = np.random.default_rng(seed).integers(0, 50, size=(table.direct_count, 3))
    rolled = table.roll_up(direct)
    longest = table.highest(direct[:, 0] - 1)
    for scope in table.scopes:
        if scope.row < table.upper:
            np.testing.assert_array_equal(
                rolled[scope.row], brute_force(plan, table, direct, scope.name), err_msg=scope.name
            )
            highest = [
                direct[queue.row - table.upper, 0] - 1
                for queue in table.scopes
                if queue.kind is ScopeKind.QUEUE
                and brute_force(plan, table, one_hot(table, queue.row), scope.name).any()
            ]
            assert longest[scope.row] == max(highest, default=-1)
        else:
            np.testing.assert_array_equal(rolled[scope.row], direct[scope.row - table.upper])


def one_hot(table: ScopeTable, row: int) -> IntArray:
    direct = np.zeros((table.direct_count, 1), dtype=np.int64)
    direct[row - table.upper] = 1
    return direct


@LAWS
@given(plan=plans(), asked=st.lists(st.sampled_from(KEYS), max_size=12))
def test_a_queue_has_one_row_for_good_and_a_name_that_nothing_names_has_none(
    plan: Plan, asked: list[str]
) -> None:
    table = ScopeTable(plan)
    patterns = [*plan.queues, *(k for c in plan.contracts for line in c.lines for k in line.queues)]
    rows: dict[str, int] = {}
    for key in asked:
        row = table.queue_row(key)
        assert rows.setdefault(key, row) == row
        is_known = any(fnmatchcase(key, pattern) for pattern in patterns)
        assert (row != table.unconfigured) == is_known
        if is_known:
            assert table.scopes[table.upper + row].name == f"queue/{key}"
    known = [row for row in rows.values() if row != table.unconfigured]
    assert len(known) == len(set(known))


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_patterns_admit_queues_up_to_the_limit(limit: int) -> None:
    table = ScopeTable(
        Plan("Org", standard(), queues=("q-*", "exact"), limits=Limits(queues=limit))
    )
    rows = [table.queue_row(f"q-{number}") for number in range(9)]
    admitted = [row for row in rows if row != table.unconfigured]
    assert len(admitted) == len(set(admitted)) == limit
    assert rows[:limit] == admitted
    assert table.queue_row("exact") != table.unconfigured
    assert [table.queue_row(f"q-{number}") for number in range(9)] == rows


def test_names_of_the_house_cannot_be_taken_by_a_queue() -> None:
    table = ScopeTable(Plan("Org", standard(), queues=("*",)))
    assert table.queue_row("") == table.no_queue
    assert table.queue_row("unconfigured") == table.unconfigured


def test_rows_are_found_by_pattern_in_order_and_once() -> None:
    table = ScopeTable(shared_plan())
    names = [table.scopes[row].name for row in table.rows_matching(("queue/[AB]", "contract/*"))]
    assert names == ["contract/H1", "contract/S2", "queue/A", "queue/B"]
    assert table.rows_matching(("queue/A", "queue/*")) == table.rows_matching(("queue/*",))
    assert table.rows_matching(()) == []


def test_threshold_is_that_of_the_standard_or_thirty_seconds() -> None:
    assert threshold_ms(standard(20_000)) == 20_000
    assert threshold_ms(Standard("none", "None", None, ())) == 30_000
    table = ScopeTable(
        Plan(
            "Org",
            standard(45_000),
            contracts=(
                ContractPlan(
                    "H1", "N", "E", (LinePlan("L", "pharmacy", ("a",), standard(20_000)),)
                ),
            ),
            queues=("b",),
        )
    )
    assert table.thresholds_ms[table.queue_row("a")] == 20_000
    assert table.thresholds_ms[table.queue_row("b")] == 45_000
