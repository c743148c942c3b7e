"""Whose agents they are: those of a scope whose sources feed nothing else."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from core.outages_book.made_day import PLAN

from monitor.core.outages.sight import Sight
from monitor.core.outages.staff import Staff
from monitor.core.plan import Plan
from monitor.core.scopes import ScopeTable

SHARED = "shared"


class Floor:
    """Agents of the plan's scopes, with sources that feed queues."""

    def __init__(self, feeds: Mapping[str, tuple[str, ...]], plan: Plan = PLAN) -> None:
        self.table = ScopeTable(plan)
        self.sight = Sight(30_000)
        self.staff = Staff(self.table, self.sight)
        for queue, sources in feeds.items():
            for source in sources:
                self.feed(queue, source)

    def feed(self, queue: str, source: str) -> None:
        self.sight.feed(self.table.queue_row(queue), source)

    def of(self, scope: str, **agents: dict[str, int]) -> tuple[int, int, bool]:
        """Agents there and free, and whether they serve a single queue."""
        (row,) = [row for row, one in enumerate(self.table.scopes) if one.name == scope]
        staffed, idle, is_single = self.staff.of_rows(agents)
        return int(staffed[row]), int(idle[row]), bool(is_single[row])


OWN = {"q-H1": ("one",), "q-H2": ("two",)}
STATES = {"available": 3, "busy": 4, "ringing": 1, "wrapup": 2, "paused": 5, "offline": 9}


def test_who_is_free_or_at_work_is_there_and_who_pauses_or_has_left_is_not() -> None:
    floor = Floor(OWN)
    for scope in ("line/H1/m", "contract/H1"):
        assert floor.of(scope, one=STATES, two={"busy": 7}) == (10, 3, True)
    assert floor.of("line/H2/m", one=STATES, two={"busy": 7}) == (7, 0, True)


def test_the_organization_has_everybody_whomever_they_serve() -> None:
    floor = Floor({"q-H1": (SHARED,), "q-H2": (SHARED,)})
    agents = {SHARED: STATES, "elsewhere": {"available": 1, "busy": 1}}
    assert floor.of("organization", **agents)[:2] == (12, 4)


def test_a_scope_that_shares_a_source_does_not_know_its_agents() -> None:
    floor = Floor({"q-H1": (SHARED, "one"), "q-H2": (SHARED,)})
    agents = {SHARED: STATES, "one": STATES}
    for scope in ("line/H1/m", "contract/H1", "line/H2/m"):
        assert floor.of(scope, **agents) == (-1, -1, False)


def test_agents_of_all_sources_that_are_its_own_are_added_up() -> None:
    floor = Floor({"q-H1": ("one", "more"), "q-H2": ("two",)})
    assert floor.of("line/H1/m", one=STATES, more={"available": 2}) == (12, 5, True)
    # One that tells nothing of agents has none that are known.
    assert floor.of("line/H1/m", one=STATES) == (10, 3, True)


def test_nothing_is_known_where_no_source_tells_of_agents() -> None:
    floor = Floor(OWN)
    assert floor.of("line/H1/m") == (-1, -1, False)
    assert floor.of("line/H1/m", two=STATES)[:2] == (-1, -1)


def test_a_source_that_begins_to_feed_another_line_is_shared_from_then_on() -> None:
    floor = Floor(OWN)
    assert floor.of("line/H1/m", one=STATES) == (10, 3, True)
    floor.feed("q-H2", "one")
    assert floor.of("line/H1/m", one=STATES) == (-1, -1, False)


def test_agents_of_several_queues_serve_no_single_one() -> None:
    first, second = PLAN.contracts
    line = replace(first.lines[0], queues=("q-H1", "q-more"))
    plan = replace(PLAN, contracts=(replace(first, lines=(line,)), second))
    floor = Floor({"q-H1": ("one",), "q-more": ("one",), "q-H2": ("two",)}, plan)
    assert floor.of("line/H1/m", one=STATES) == (10, 3, False)
    staffed, idle, is_single = floor.staff.of_rows({"one": STATES})
    assert staffed.dtype == idle.dtype == np.int64
    assert is_single.dtype == np.bool_
