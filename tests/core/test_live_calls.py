"""Who waits in a queue, one by one: against a plain list of who came and who left."""

import random

import pytest
from core.made_calls import BASE_MS, QUEUES, happened, shared_plan

from monitor.core import checkpoint
from monitor.core.engine import Engine
from monitor.core.live_calls import LiveCall, waiting_calls

SITES = ("Fresno", None, "elsewhere")


def waiting(engine: Engine, scope: str, limit: int = 1_000) -> list[LiveCall] | None:
    return waiting_calls(engine.table, engine.waiting, scope, limit)


@pytest.mark.parametrize("seed", range(20))
def test_they_are_those_who_came_and_did_not_leave_longest_first(seed: int) -> None:
    rng = random.Random(seed)
    engine = Engine(shared_plan())
    # call id: queue as told, site, when it came
    here: dict[str, tuple[str, str | None, int]] = {}
    now_ms = BASE_MS
    for number in range(300):
        now_ms += rng.randrange(2_000)
        if here and rng.random() < 0.45:
            call_id = rng.choice(list(here))
            queue, site, _ = here.pop(call_id)
            kind = rng.choice(("answered", "abandoned", "dequeued", "disconnected"))
            events = [happened(kind, now_ms, call_id, queue, site=site)]
        else:
            queue, site = rng.choice((*QUEUES, "nowhere")), rng.choice(SITES)
            # Some come out of order, as networks deliver them.
            queued_ms = now_ms - rng.choice((0, 0, 0, 5_000))
            call_id = f"c{number}"
            here[call_id] = (queue, site, queued_ms)
            events = [happened("queued", queued_ms, call_id, queue, site=site)]
        engine.on_events(events, now_ms)
        engine.on_tick(now_ms // 1_000 * 1_000)
    again = checkpoint.restore(
        shared_plan(),
        {
            name: part() if callable(part) else part
            for name, part in checkpoint.take(engine).items()
        },
    )
    for one in (engine, again):
        for scope, wanted in (
            *((f"queue/{queue}", {queue}) for queue in QUEUES),
            ("queue/unconfigured", {"nowhere"}),
        ):
            found = waiting(one, scope)
            assert found is not None
            expected = {
                (call_id, wanted_ms)
                for call_id, (queue, _, wanted_ms) in here.items()
                if queue in wanted
            }
            assert {(call.call_id, call.queued_ms) for call in found} == expected
            assert [call.queued_ms for call in found] == sorted(call.queued_ms for call in found)
            assert {call.queue for call in found} <= {scope.removeprefix("queue/")}
        at_site = waiting(one, "site/Fresno")
        assert at_site is not None
        assert {call.call_id for call in at_site} == {
            call_id for call_id, (_, site, _) in here.items() if site == "Fresno"
        }


def test_the_longest_ones_are_within_the_limit() -> None:
    engine = Engine(shared_plan())
    for number in range(50):
        at_ms = BASE_MS + number
        engine.on_events([happened("queued", at_ms, f"c{number}")], at_ms)
    found = waiting(engine, "queue/A", 3)
    assert [call.call_id for call in found or ()] == ["c0", "c1", "c2"]


def test_reading_changes_nothing_and_admits_no_queue() -> None:
    engine = Engine(shared_plan())
    engine.on_events([happened("queued", BASE_MS, "c", entry=2)], BASE_MS)
    rows = len(engine.table.scopes)
    assert waiting(engine, "queue/A") == [LiveCall("c", "A", 2, BASE_MS)]
    assert waiting(engine, "queue/A") == [LiveCall("c", "A", 2, BASE_MS)]
    for unknown in (
        "queue/nobody",
        "queue/*",
        "",
        "organization",
        "contract/H1",
        "line/H1/members",
    ):
        assert waiting(engine, unknown) is None
    assert waiting(engine, "queue/B") == []
    assert len(engine.table.scopes) == rows
