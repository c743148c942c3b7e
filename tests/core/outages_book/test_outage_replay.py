"""`replay` tells of outages what the daemon would have told."""

from core.outages_book.made_day import PLAN, Day, events_of, happenings_of

from monitor.core.engine import Engine
from monitor.core.plan import MINUTE_MS
from monitor.replay import Replay, rfc3339


def test_a_replay_tells_every_change_of_an_outage_at_its_second() -> None:
    day = Day(seed=11, seconds=3_000, stops=((900, 1_500),))
    records = list(Replay(Engine(PLAN), 15 * MINUTE_MS).run(iter(events_of(day))))
    told = [record for record in records if record["record"] == "outage"]
    assert [(one["at"], one["what"], one["key"]) for one in told] == [
        (rfc3339(one.at_ms), one.kind, one.key) for one in happenings_of(day)
    ]
    opened = told[0]
    assert opened["scope"] == "contract/H1"
    assert opened["deadline_ms"] - opened["onset_ms"] == 25 * MINUTE_MS
    # Among the other records it stands where its second is.
    places = [record["at"] for record in records if record["record"] in {"outage", "alert"}]
    assert places == sorted(places)
