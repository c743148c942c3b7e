"""Whatever is killed and whenever, the stored intervals say in the end what they should."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from core.made_calls import ANSWERED_ENDS, QUEUES, happened, shared_plan

from monitor.core import checkpoint
from monitor.core.engine import Engine
from monitor.core.events import Event
from monitor.core.fields import FIELDS
from monitor.core.intervals import INTERVAL_MS, IntervalOutbox
from monitor.core.periods import PeriodFigures, PeriodKind
from monitor.core.plan import MINUTE_MS, SECOND_MS, Limits, Plan
from monitor.formats import journal
from monitor.period_reader import PeriodReader
from monitor.recovery import EVENTS, recover
from monitor.store.records import JournalRecord
from monitor.store.store import Store

DAY_MS = 86_400_000
BASE_MS = 1_760_000_000_000 // DAY_MS * DAY_MS + 12 * 3_600_000
PLAN: Plan = replace(
    shared_plan(windows_ms=(MINUTE_MS,)),
    limits=Limits(call_age_ms=DAY_MS, ended_for_ms=DAY_MS),
    continuity=None,
)
SCOPES = ("organization", "contract/H1", "contract/S2", "site/Fresno", "queue/")


def batches(rng: random.Random) -> list[list[Event]]:
    """Three hours of calls, told within minutes, in batches as a broker delivers them."""
    told = []
    for number in range(150):
        call, queue = f"c{number}", rng.choice(QUEUES)
        site = rng.choice((None, "Fresno"))
        at_ms = BASE_MS + rng.randrange(180 * MINUTE_MS)
        told.append(happened("started", at_ms, call, None))
        at_ms += rng.randrange(30_000)
        if rng.random() < 0.2:
            told.append(happened("completed", at_ms, call, None))
            continue
        told.append(happened("queued", at_ms, call, queue, site=site))
        at_ms += rng.randrange(60_000)
        if rng.random() < 0.2:
            told.append(happened("abandoned", at_ms, call, queue, site=site))
            continue
        told.append(happened("answered", at_ms, call, queue, site=site))
        at_ms += rng.randrange(20 * MINUTE_MS)
        told.append(happened(rng.choice(ANSWERED_ENDS), at_ms, call, queue, site=site))
    received = sorted(told, key=lambda one: one.at_ms + rng.randrange(2 * MINUTE_MS))
    found = []
    while received:
        size = rng.randrange(1, 12)
        found.append(received[:size])
        received = received[size:]
    return found


@dataclass
class Life:
    """A daemon's loop without its surroundings: it dies where it is told to.

    Attributes:
        engine: As it is.
        outbox: What was closed and may not be stored.
        now_ms: The clock.
    """

    store: Store
    engine: Engine
    outbox: IntervalOutbox
    position: int
    now_ms: int

    async def take(self, batch: Sequence[Event], dies: str | None) -> bool:
        """One turn of the loop; False when it died before the broker was told."""
        self.now_ms = max([self.now_ms, *(one.at_ms + SECOND_MS for one in batch)])
        for _ in self.engine.advance(self.now_ms):
            pass
        self.outbox.add(self.engine.intervals.take())
        if dies == "before the commit":
            return False
        record = JournalRecord(self.now_ms, "pbx", EVENTS, len(batch), journal.encode(list(batch)))
        self.position = await self.store.append([record], closed=self.outbox.hand_over())
        if dies != "before it counted":
            self.engine.on_events(batch, self.now_ms)
        return True

    async def save(self) -> None:
        """A checkpoint, when nothing waits to be stored before it."""
        assert not self.outbox.pending
        at_ms = self.engine.ring.closed_s * SECOND_MS
        parts = checkpoint.take(self.engine)
        await self.store.save_checkpoint(self.position, at_ms, "hash", parts)

    async def restart(self) -> None:
        """Everything that was in memory is gone."""
        recovered = await recover(PLAN, self.store, self.now_ms)
        self.engine, self.position = recovered.engine, recovered.position
        self.outbox = IntervalOutbox()


async def live(path: Path, told: list[list[Event]], rng: random.Random, deaths: int) -> list[int]:
    """All figures of all scopes after a life with so many deaths."""
    dying = Counter(rng.randrange(len(told)) for _ in range(deaths))
    async with Store.open(path) as store:
        recovered = await recover(PLAN, store, BASE_MS)
        life = Life(store, recovered.engine, IntervalOutbox(), recovered.position, BASE_MS)
        for number, batch in enumerate(told):
            if dying[number]:
                dies = rng.choice(("before the commit", "before it counted", "after all"))
                was_stored = await life.take(batch, dies)
                await life.restart()
                if not was_stored:
                    await life.take(batch, None)  # the broker delivers it again
            else:
                await life.take(batch, None)
            if rng.random() < 0.15:
                await life.save()
        found = []
        life.now_ms += SECOND_MS
        await life.take((), None)
        for scope in SCOPES:
            figures = await PeriodReader(store, lambda: life).read(scope, PeriodKind.DAY, BASE_MS)
            assert figures is not None
            found += figures.counts.tolist()
        life.now_ms += 2 * INTERVAL_MS
        await life.take((), None)
        for scope in SCOPES:
            stored = await store.period(scope, BASE_MS, BASE_MS + DAY_MS, amendments=0)
            assert list(stored.counts) == found[: len(FIELDS)]
            found = [*found[len(FIELDS) :], *stored.counts]
        return found


@pytest.mark.parametrize("seed", range(8))
async def test_deaths_at_any_moment_change_no_figure(tmp_path: Path, seed: int) -> None:
    told = batches(random.Random(seed))
    steady = await live(tmp_path / "steady.db", told, random.Random(seed), 0)
    killed = await live(tmp_path / "killed.db", told, random.Random(seed), 25)
    assert killed == steady
    assert sum(steady) > 0


async def test_a_boundary_that_was_closed_and_not_stored_is_closed_again(tmp_path: Path) -> None:
    async with Store.open(tmp_path / "monitor.db") as store:
        recovered = await recover(PLAN, store, BASE_MS)
        life = Life(store, recovered.engine, IntervalOutbox(), recovered.position, BASE_MS)
        await life.take([happened("queued", BASE_MS, "c")], None)
        await life.save()
        life.now_ms += INTERVAL_MS
        await life.take([happened("abandoned", BASE_MS + 5_000, "c")], "before the commit")
        assert life.outbox.pending
        await life.restart()
        await life.take([happened("abandoned", BASE_MS + 5_000, "c")], None)
        figures = await read(store, life)
        assert (figures.in_progress, figures.counts[FIELDS.index("abandoned")]) == (0, 1)
        stored = await store.period("queue/A", BASE_MS, BASE_MS + DAY_MS, amendments=0)
        assert stored.counts[FIELDS.index("offered")] == 1
        assert stored.recorded_ms == BASE_MS + INTERVAL_MS


async def test_a_reading_during_a_boundary_counts_everything_once(tmp_path: Path) -> None:
    async with Store.open(tmp_path / "monitor.db") as store:
        recovered = await recover(PLAN, store, BASE_MS)
        life = Life(store, recovered.engine, IntervalOutbox(), recovered.position, BASE_MS)
        seen = []
        await life.take([happened("queued", BASE_MS, "c")], None)
        life.now_ms += SECOND_MS
        for _ in life.engine.advance(life.now_ms):
            pass
        seen.append(await read(store, life))
        life.now_ms += INTERVAL_MS
        for _ in life.engine.advance(life.now_ms):
            pass
        seen.append(await read(store, life))  # closed, in the book
        life.outbox.add(life.engine.intervals.take())
        seen.append(await read(store, life))  # in the outbox
        closed = life.outbox.hand_over()
        seen.append(await read(store, life))  # on its way
        await store.append((), closed=closed)
        seen.append(await read(store, life))  # stored
        assert [one.counts[FIELDS.index("offered")] for one in seen] == [1] * 5
        assert [one.in_progress for one in seen] == [1] * 5


async def read(store: Store, life: Life) -> PeriodFigures:
    figures = await PeriodReader(store, lambda: life).read("queue/A", PeriodKind.DAY, BASE_MS)
    assert figures is not None
    return figures


async def test_a_scope_that_there_is_not_has_no_periods(tmp_path: Path) -> None:
    async with Store.open(tmp_path / "monitor.db") as store:
        recovered = await recover(PLAN, store, BASE_MS)
        life = Life(store, recovered.engine, IntervalOutbox(), recovered.position, BASE_MS)
        assert await PeriodReader(store, lambda: life).read("queue/Z", PeriodKind.DAY, None) is None
