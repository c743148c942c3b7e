"""Windows by the bundle against windows by the queue that are summed up."""

from dataclasses import replace

import numpy as np
from core.made_calls import LAWS, shared_plan
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.bundles import BundledWindows, Bundles
from monitor.core.fields import FIELD_COUNT
from monitor.core.plan import SECOND_MS, LinePlan, Plan
from monitor.core.ring import WindowRing
from monitor.core.scopes import ScopeTable

START_S = 1_760_000_017
WINDOWS_S = (1, 60, 300, 3_600)
# Named queues, some shared, and what patterns of one line, of two, and of none at all admit.
NEW_QUEUES = ("member-1", "member-vip", "other", "vip-1")

windows_of_the_plan = st.sampled_from(((5,), (60, 300), (900, 3_600), (60, 86_400)))
distances = st.sampled_from((0, 0, 0, 1, 30)) | st.integers(-4_000, 0) | st.integers(-100_000, 0)
amounts = st.sampled_from((1, 1, 1, -1, 127, 30_000, -5_000_000, 2**40))
fields = st.sampled_from((0, 1, 2, FIELD_COUNT - 1))
additions = st.lists(st.tuples(distances, st.integers(0, 200), fields, amounts), max_size=6)
steps = st.sampled_from((0, 1, 1, 1, 2, 60, 299, 3_599, 90_000))
admitted = st.sampled_from((None, None, *NEW_QUEUES))
stories = st.lists(st.tuples(additions, steps, admitted, st.booleans()), min_size=1, max_size=8)


def plan() -> Plan:
    """Two contracts whose lines share a queue, with patterns and numbers that reach no queue."""
    shared = shared_plan()
    first, second = shared.contracts
    held = shared.standard
    vip = LinePlan("vip", "current-enrollee", ("*vip*",), held)
    members = replace(first.lines[0], queues=("A", "B", "member-*"), dnis=("+18005550100",))
    return replace(
        shared,
        sites=("north",),
        contracts=(
            replace(first, lines=(members, *first.lines[1:])),
            replace(second, lines=(*second.lines, vip)),
        ),
    )


@LAWS
@given(windows_s=windows_of_the_plan, story=stories)
def test_bundles_add_up_to_what_the_queues_add_up_to(
    windows_s: tuple[int, ...],
    story: list[tuple[list[tuple[int, int, int, int]], int, str | None, bool]],
) -> None:
    """Whatever comes when, whatever is admitted, and however often the ring is made anew."""
    table = ScopeTable(plan())

    def made() -> WindowRing:
        bundled = BundledWindows(WINDOWS_S, Bundles(table.hierarchy()))
        windows_ms = tuple(window * SECOND_MS for window in windows_s)
        return WindowRing(windows_ms, table.direct_count, bundled=bundled)

    ring = made()
    plain = WindowRing(tuple(one * SECOND_MS for one in WINDOWS_S), table.direct_count)
    now_s = START_S
    for added, step_s, queue, is_anew in story:
        if queue is not None:
            table.queue_row(queue)
            ring.grow(2 * table.direct_count)
            plain.grow(table.direct_count)
        for distance, row, field, amount in added:
            cell = row % table.direct_count * FIELD_COUNT + field
            for one in (ring, plain):
                opened = one.opened.get(now_s + distance) or one.open(now_s + distance)
                opened.cells.append(cell)
                opened.amounts.append(amount)
        now_s += step_s
        plain.advance(now_s)
        assert ring.bundled is not None
        ring.bundled.follow(table.hierarchy())
        ring.advance(now_s)
        if is_anew:
            state, ring = ring.state(), made()
            ring.grow(state.lifetime.shape[0])
            ring.restore(state)
        assert ring.bundled is not None
        sums, lifetime = ring.bundled.upper()
        np.testing.assert_array_equal(sums, table.roll_up(plain.sums)[:, : table.upper])
        np.testing.assert_array_equal(lifetime, table.roll_up(plain.lifetime)[: table.upper])


def test_queues_with_the_same_rows_above_them_are_one_bundle() -> None:
    table = ScopeTable(plan())
    bundles = Bundles(table.hierarchy())
    before = bundles.count
    table.queue_row("member-1")
    bundles.follow(table.hierarchy())
    assert bundles.count == before  # as queue A and numbers of members
    table.queue_row("vip-1")
    bundles.follow(table.hierarchy())
    assert bundles.count == before + 1
