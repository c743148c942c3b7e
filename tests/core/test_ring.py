"""The rolling windows against a plain list of everything that was ever added to them."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from core.made_calls import LAWS
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.fields import FIELD_COUNT
from monitor.core.plan import SECOND_MS
from monitor.core.ring import WindowRing
from monitor.core.snapshot import IntArray

START_S = 1_760_000_017
HOUR_S = 3_600
WINDOWS = (
    (5,),
    (7, 60, 300),
    (5, 60, 3_600),
    (60, 3_600, 7_200),
    (3_660,),
    (10, 3_660, 86_400),
    (7_200, 86_400),
)
CELLS = (0, 1, FIELD_COUNT - 1, FIELD_COUNT, 2 * FIELD_COUNT + 3)
ROWS = 3

windows = st.sampled_from(WINDOWS)
amounts = st.sampled_from((1, 1, 1, -1, 127, -128, 30_000, -5_000_000, 2**40))
# How far from the present an addition lies: now, ahead, late by a little, late by a lot.
distances = st.sampled_from((0, 0, 0, 1, 30, 300)) | st.integers(-90_000, 0) | st.integers(-400, 0)
steps = st.sampled_from((0, 1, 1, 2, 60, 299, 301, 3_599, 3_600, 7_201, 86_400, 200_000))
additions = st.lists(st.tuples(distances, st.sampled_from(CELLS), amounts), max_size=4)
stories = st.lists(st.tuples(additions, steps), min_size=1, max_size=8)


@dataclass
class PlainList:
    """Everything that was added, and the sums by going through all of it."""

    windows_s: tuple[int, ...]
    added: list[tuple[int, int, int]] = field(default_factory=list)

    def sums(self, at_s: int, rows: int = ROWS) -> IntArray:
        found = np.zeros((len(self.windows_s), rows * FIELD_COUNT), dtype=np.int64)
        for index, window in enumerate(self.windows_s):
            first_s = at_s - window
            if window > HOUR_S:
                first_s = first_s // 60 * 60
            for second, cell, amount in self.added:
                if first_s <= second < at_s:
                    found[index, cell] += amount
        return found.reshape(len(self.windows_s), rows, FIELD_COUNT)

    def lifetime(self, at_s: int) -> IntArray:
        found = np.zeros(ROWS * FIELD_COUNT, dtype=np.int64)
        for second, cell, amount in self.added:
            if second < at_s:
                found[cell] += amount
        return found.reshape(ROWS, FIELD_COUNT)


def made(windows_s: tuple[int, ...], rows: int = ROWS) -> WindowRing:
    return WindowRing(tuple(window * SECOND_MS for window in windows_s), rows)


def add(ring: WindowRing, plain: PlainList, second: int, cell: int, amount: int) -> None:
    opened = ring.opened.get(second) or ring.open(second)
    if amount == 1:
        opened.plus.append(cell)
    elif amount == -1:
        opened.minus.append(cell)
    else:
        opened.cells.append(cell)
        opened.amounts.append(amount)
    plain.added.append((second, cell, amount))


@LAWS
@given(windows_s=windows, story=stories, ticked_first=st.booleans())
def test_sums_and_lifetime_equal_those_of_a_plain_list(
    windows_s: tuple[int, ...],
    story: list[tuple[list[tuple[int, int, int]], int]],
    *,
    ticked_first: bool,
) -> None:
    ring, plain, now_s = made(windows_s), PlainList(windows_s), START_S
    if ticked_first:
        ring.advance(now_s)
    for added, step_s in story:
        for distance, cell, amount in added:
            add(ring, plain, now_s + distance, cell, amount)
        now_s += step_s
        ring.advance(now_s)
        np.testing.assert_array_equal(ring.sums, plain.sums(now_s))
        np.testing.assert_array_equal(ring.lifetime, plain.lifetime(now_s))


@LAWS
@given(windows_s=windows, story=stories)
def test_a_sum_changes_at_the_seconds_that_are_named_and_at_no_other(
    windows_s: tuple[int, ...], story: list[tuple[list[tuple[int, int, int]], int]]
) -> None:
    ring, plain, now_s = made(windows_s), PlainList(windows_s), START_S
    ring.advance(now_s)
    for added, step_s in [*story, ([], 400_000)]:
        for distance, cell, amount in added:
            add(ring, plain, now_s + distance, cell, amount)
        until_s = now_s + step_s
        while (named_s := ring.next_change_s()) is not None and named_s <= until_s:
            named_s = max(named_s, ring.closed_s + 1)
            if not ring.opened:
                np.testing.assert_array_equal(ring.sums, plain.sums(named_s - 1))
            ring.advance(named_s)
            np.testing.assert_array_equal(ring.sums, plain.sums(named_s))
        now_s = max(until_s, ring.closed_s)
        if not ring.opened:
            np.testing.assert_array_equal(ring.sums, plain.sums(now_s))
    assert ring.next_change_s() is None
    assert not ring.sums.any()


@LAWS
@given(windows_s=windows, story=stories, grown_at=st.integers(0, 7))
def test_rows_that_are_added_later_count_from_then_on(
    windows_s: tuple[int, ...],
    story: list[tuple[list[tuple[int, int, int]], int]],
    grown_at: int,
) -> None:
    ring, plain, now_s = made(windows_s), PlainList(windows_s), START_S
    rows = ROWS
    for turn, (added, step_s) in enumerate(story):
        if turn == grown_at:
            rows += 2
            ring.grow(rows)
        for distance, cell, amount in added:
            row = ROWS if rows > ROWS else 0
            add(ring, plain, now_s + distance, cell + row * FIELD_COUNT * (cell == 0), amount)
        now_s += step_s
        ring.advance(now_s)
        np.testing.assert_array_equal(ring.sums, plain.sums(now_s, rows))


@LAWS
@given(old=windows, new=windows, story=stories, later=stories)
def test_a_ring_goes_on_from_its_state_and_shared_windows_stay_exact(
    old: tuple[int, ...],
    new: tuple[int, ...],
    story: list[tuple[list[tuple[int, int, int]], int]],
    later: list[tuple[list[tuple[int, int, int]], int]],
) -> None:
    """A window that the old ring had, too, shows the same; a new one never invents anything."""
    ring, plain, now_s = made(old), PlainList(new), START_S
    for added, step_s in story:
        for distance, cell, amount in added:
            add(ring, plain, now_s + distance, cell, abs(amount))
        now_s += step_s
        ring.advance(now_s)
    restored = made(new)
    restored.restore(ring.state())
    shared = [index for index, window in enumerate(new) if window <= max(old)]
    for added, step_s in [([], 0), *later, ([], 400_000)]:
        for distance, cell, amount in added:
            add(restored, plain, now_s + distance, cell, abs(amount))
        now_s += step_s
        restored.advance(now_s)
        exact = plain.sums(now_s)
        kept = [index for index in shared if new[index] in old]
        np.testing.assert_array_equal(restored.sums[kept], exact[kept])
        assert (restored.sums >= 0).all()
        assert (restored.sums <= exact).all()
    assert not restored.sums.any()


@settings(LAWS, max_examples=30)
@given(windows_s=windows, seconds=st.lists(st.integers(0, 100_000), min_size=1, max_size=30))
def test_what_has_left_every_window_is_not_held(
    windows_s: tuple[int, ...], seconds: list[int]
) -> None:
    ring, plain, now_s = made(windows_s), PlainList(windows_s), START_S
    ring.advance(now_s)
    for second in sorted(seconds):
        add(ring, plain, START_S + second, 0, 1)
        now_s = START_S + second + 1
        ring.advance(now_s)
    ring.advance(now_s + max(*windows_s, HOUR_S) + 120)
    state = ring.state()
    assert (state.seconds, state.minutes, state.opened, state.amended) == ({}, {}, {}, {})


def test_additions_that_come_after_every_window_are_counted_as_beyond() -> None:
    ring, plain = made((5, 60)), PlainList((5, 60))
    ring.advance(START_S)
    add(ring, plain, START_S - 61, 0, 1)
    add(ring, plain, START_S - 59, 0, 1)
    ring.advance(START_S + 1)
    assert ring.beyond == 1
    assert ring.lifetime[0, 0] == 2
    assert ring.sums[:, 0, 0].tolist() == [0, 1]


def test_amounts_of_any_size_are_kept_exactly() -> None:
    ring, plain = made((5,)), PlainList((5,))
    for amount in (2**52, 2**31, -(2**31), 127, 128, -127, -128, -129):
        add(ring, plain, START_S, amount % CELLS[-1], amount)
    ring.advance(START_S + 1)
    np.testing.assert_array_equal(ring.sums, plain.sums(START_S + 1))


def test_time_does_not_run_backwards() -> None:
    ring = made((5,))
    ring.advance(START_S)
    with pytest.raises(AssertionError):
        ring.advance(START_S - 1)
