"""What a source could not see becomes a gap, with its true bounds, and nothing else does."""

from itertools import pairwise

from monitor.core.ledger import LedgerEntry
from monitor.core.source_watch import SHORT_MS, SourceReading, SourceWatch

T = 1_760_000_000_000


def sight(
    *,
    connected: bool = True,
    session: bool | None = True,
    adapter: bool = True,
    **lost: int,
) -> SourceReading:
    return SourceReading(connected, session, adapter, lost)


def told(entries: list[LedgerEntry]) -> list[tuple[str, int, int | None]]:
    found = []
    for entry in entries:
        body = entry.body
        assert entry.subject == "source/pbx1"
        assert entry.at_ms == body["from_ms"]
        found.append((str(body["why"]), entry.at_ms, body["to_ms"]))
    return found  # type: ignore[return-value]


def test_a_connection_that_comes_soon_is_no_gap() -> None:
    watch = SourceWatch("pbx1", T, None, None)
    assert watch.see(T + 100, sight(connected=False)) == []
    assert watch.see(T + 900, sight(session=False)) == []


def test_a_short_break_whose_session_was_kept_is_no_gap() -> None:
    watch = SourceWatch("pbx1", T, None, None)
    watch.see(T, sight())
    assert watch.see(T + 5_000, sight(connected=False)) == []
    assert watch.see(T + 5_000 + SHORT_MS - 1, sight()) == []


def test_a_long_break_is_told_while_it_lasts_and_when_it_is_over() -> None:
    watch = SourceWatch("pbx1", T, None, None)
    watch.see(T, sight())
    down = sight(connected=False)
    assert watch.see(T + 1_000, down) == []
    assert watch.see(T + 1_000 + SHORT_MS - 1, down) == []
    opened = watch.see(T + 1_000 + SHORT_MS, down)
    assert told(opened) == [("not_connected", T + 1_000, None)]
    assert watch.see(T + 50_000, down) == []
    closed = watch.see(T + 60_000, sight())
    assert told(closed) == [("not_connected", T + 1_000, T + 60_000)]
    assert closed[0].body["kept_by_broker"] is True
    assert opened[0].key != closed[0].key
    assert watch.see(T + 61_000, sight()) == []


def test_a_session_that_the_broker_forgot_is_a_gap_however_short() -> None:
    watch = SourceWatch("pbx1", T, None, None)
    watch.see(T, sight(session=False))
    watch.see(T + 1_000, sight(connected=False, session=False))
    (lost,) = watch.see(T + 1_050, sight(session=False))
    assert told([lost]) == [("session_lost", T + 1_000, T + 1_050)]
    assert lost.body["kept_by_broker"] is False


def test_a_session_that_was_forgotten_while_the_daemon_was_away_begins_with_its_end() -> None:
    watch = SourceWatch("pbx1", T, T - 3_600_000, None)
    assert told(watch.see(T + 500, sight(session=False))) == [
        ("session_lost", T - 3_600_000, T + 500)
    ]
    kept = SourceWatch("pbx1", T, T - 3_600_000, None)
    assert kept.see(T + 500, sight(session=True)) == []


def test_a_break_that_a_killed_daemon_had_told_goes_on() -> None:
    watch = SourceWatch("pbx1", T, T - 10_000, T - 90_000)
    assert watch.see(T + 60_000, sight(connected=False)) == []
    assert told(watch.see(T + 61_000, sight())) == [("not_connected", T - 90_000, T + 61_000)]


def test_an_adapter_that_goes_and_comes_is_told_at_once() -> None:
    watch = SourceWatch("pbx1", T, None, None)
    watch.see(T, sight())
    away = sight(adapter=False)
    assert told(watch.see(T + 1_000, away)) == [("adapter_offline", T + 1_000, None)]
    assert watch.see(T + 2_000, away) == []
    assert told(watch.see(T + 3_000, sight())) == [("adapter_offline", T + 1_000, T + 3_000)]


def test_counts_of_what_was_lost_are_gathered_and_none_is_left_out() -> None:
    watch = SourceWatch("pbx1", T, None, None)
    # What was counted before we came is not ours.
    assert watch.see(T, sight(broker_discarded=1_000)) == []
    total = 0
    found: list[LedgerEntry] = []
    for second in range(1, 61):
        total += second % 7
        found += watch.see(T + second * 1_000, sight(broker_discarded=1_000 + total))
    found += watch.see(T + 90_000, sight(broker_discarded=1_000 + total))
    assert sum(int(str(one.body["count"])) for one in found) == total
    assert len(found) <= 60_000 // SHORT_MS + 2
    bounds = told(found)
    assert bounds[0][1] <= T + 1_000
    assert all(
        before[2] is not None and before[2] <= after[1] for before, after in pairwise(bounds)
    )


def test_a_count_that_begins_anew_counts_from_0() -> None:
    watch = SourceWatch("pbx1", T, None, None)
    watch.see(T, sight(broker_discarded=500))
    (lost,) = watch.see(T + 20_000, sight(broker_discarded=3))
    assert lost.body["count"] == 3
    assert watch.see(T + 60_000, sight(broker_discarded=0)) == []
