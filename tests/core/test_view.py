"""Views: the figures are the same however many windows are judged in one step."""

from dataclasses import fields as attributes
from itertools import count

import numpy as np
import pytest
from core.made_calls import BASE_MS, LAWS, deliver, histories, shared_plan
from hypothesis import given
from hypothesis import strategies as st

from monitor.core import view
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.levels import levels_of
from monitor.core.plan import SECOND_MS
from monitor.core.snapshot import Snapshot


def in_steps(engine: Engine) -> tuple[int, Snapshot]:
    """How many steps a snapshot takes, and the snapshot."""
    steps = engine.snapshot_steps()
    for number in count(1):
        try:
            next(steps)
        except StopIteration as done:
            return number, done.value
    raise AssertionError


@LAWS
@given(events=histories(calls=4), after_s=st.integers(1, 400))
def test_windows_judged_one_by_one_or_together_give_the_same(
    events: list[Event], after_s: int
) -> None:
    engine = Engine(shared_plan())
    engine.on_tick(BASE_MS)
    deliver(engine, events, BASE_MS + after_s * SECOND_MS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view, "_AT_ONCE", 1)
        many, one_by_one = in_steps(engine)
    few, together = in_steps(engine)
    assert many - few == len(engine.plan.windows_ms) - 1
    for attribute in attributes(Snapshot):
        np.testing.assert_equal(
            getattr(together, attribute.name),
            getattr(one_by_one, attribute.name),
            err_msg=attribute.name,
        )


@LAWS
@given(seed=st.integers(0, 2**32 - 1), upper=st.integers(0, 8), direct=st.integers(0, 8))
def test_levels_add_up_what_single_rows_would(seed: int, upper: int, direct: int) -> None:
    rng = np.random.default_rng(seed)
    rows = upper + direct
    # Each row adds up some of those after it, so the last ones come first.
    below = [
        (row, row + 1 + np.flatnonzero(rng.random(rows - row - 1) < rng.random()))
        for row in reversed(range(upper))
    ]
    counts = rng.integers(-5, 50, (2, rows, 3))
    counts[:, :upper] = 0
    highest = np.where(np.arange(rows) < upper, -1, counts[0, :, 0])
    expected, expected_highest = counts.copy(), highest.copy()
    for row, parts in below:
        if parts.size:
            expected[:, row] = expected[:, parts].sum(axis=1)
            expected_highest[row] = expected_highest[parts].max()
    for level in levels_of(below, rows):
        level.add_up(counts)
        level.find_highest(highest)
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(highest, expected_highest)
