"""The daemon's own metrics: nothing that it counts stays unseen."""

from dataclasses import fields, replace
from itertools import chain

from prometheus_client.parser import text_string_to_metric_families
from snapshots import make_snapshot, many_scopes

from monitor.core.daemon import DaemonView
from monitor.core.ledger import LedgerHead
from monitor.sinks.prometheus import Exposition

OWN = "callcenter_monitor_"


def own_samples(daemon: DaemonView) -> dict[tuple[str, str], float]:
    """The samples before the first snapshot, by name and the value of their only label."""
    slices = Exposition().render_slices(None, daemon)
    text = b"".join(chain.from_iterable(slices)).decode()
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_is_discarded_or_damaged_is_told_before_the_first_snapshot_too() -> None:
    found = own_samples(
        DaemonView(
            version="1",
            started_ms=0,
            quarantined={"not_json": 2},
            broker_discarded={"pbx1": 3},
            inbox_discarded={"pbx1": 13},
            damaged_rows=17,
            damaged_checkpoints=19,
            deliveries_discarded={"ops": 23},
        )
    )
    assert found[f"{OWN}quarantined_total", "not_json"] == 2
    assert found[f"{OWN}mqtt_broker_discarded_total", "pbx1"] == 3
    assert found[f"{OWN}inbox_discarded_total", "pbx1"] == 13
    assert found[f"{OWN}journal_damaged_rows_total", ""] == 17
    assert found[f"{OWN}checkpoints_damaged_total", ""] == 19
    assert found[f"{OWN}deliveries_discarded_total", "ops"] == 23


def another(name: str, value: object) -> object:
    """A value of a field of `DaemonView` that differs from its default."""
    if name == "deliveries":
        return {("ops", "sent"): 1}
    match value:
        case LedgerHead():
            return LedgerHead(n=7)
        case bool():
            return not value
        case dict():
            return {"one": 1}
        case str():
            return "2"
    return 2_000


def test_every_figure_of_the_daemon_changes_what_is_told() -> None:
    plain = DaemonView(version="1", started_ms=1)
    told = own_samples(plain)
    for field in fields(DaemonView):
        other = {field.name: another(field.name, getattr(plain, field.name))}
        assert own_samples(replace(plain, **other)) != told, field.name  # type: ignore[arg-type]


def test_the_first_page_is_cut_finer_because_its_labels_are_made() -> None:
    exposition, snapshot = Exposition(), make_snapshot(many_scopes(1_000))
    daemon = DaemonView(version="1", started_ms=0)
    first, second = (
        [b"".join(part) for part in exposition.render_slices(snapshot, daemon)] for _ in range(2)
    )
    assert b"".join(first) == b"".join(second)
    assert max(part.count(b"\n") for part in first) * 4 < max(part.count(b"\n") for part in second)
