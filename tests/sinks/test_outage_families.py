"""What Prometheus reads of outages."""

from itertools import chain

from outage_parts import DEADLINE_MS, ONSET_MS, make_outage, watched
from prometheus_client.parser import text_string_to_metric_families
from snapshots import AT_MS, make_snapshot
from web_parts import make_daemon

from monitor.core.outages.outage import OutageState
from monitor.core.snapshot import Snapshot
from monitor.sinks.prometheus import Exposition

CLOCKS = ("onset", "deadline", "effective_deadline")


def told(snapshot: Snapshot) -> dict[str, list[tuple[dict[str, str], float]]]:
    slices = Exposition().render_slices(snapshot, make_daemon())
    text = b"".join(chain.from_iterable(slices)).decode()
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found.setdefault(one.name, []).append((one.labels, one.value))
    return found


def by(rows: list[tuple[dict[str, str], float]], *labels: str) -> dict[tuple[str, ...], float]:
    return {tuple(row.get(name, "") for name in labels): value for row, value in rows}


def test_an_open_outage_has_its_clock_its_state_and_its_signals() -> None:
    outage = make_outage(state=OutageState.RECOVERING, effective_deadline_ms=DEADLINE_MS - 5)
    found = told(watched(make_snapshot(), outage, blind=("S0002",)))
    assert by(found["callcenter_outage_active"], "contract") == {("H0001",): 1, ("S0002",): 0}
    states = by(found["callcenter_outage_state"], "contract", "state")
    assert {key for key, value in states.items() if value} == {
        ("H0001", "recovering"),
        ("S0002", "normal"),
    }
    assert len(states) == 2 * len(OutageState)
    for name, expected_ms in zip(CLOCKS, (ONSET_MS, DEADLINE_MS, DEADLINE_MS - 5), strict=True):
        rows = found[f"callcenter_outage_{name}_timestamp_seconds"]
        assert by(rows, "scope", "contract") == {("contract", "H0001"): expected_ms / 1000}
    signals = by(found["callcenter_outage_signal_active"], "contract", "line", "signal")
    assert {key for key, value in signals.items() if value} == {("H0001", "pharmacy", "no_answer")}
    assert len(signals) == 5 * (2 + 3)
    assert by(found["callcenter_outages_total"], "contract")["H0001",] == 1
    assert by(found["callcenter_source_seen"], "source") == {("pbx1",): 0}
    blind = by(found["callcenter_scope_blind"], "scope", "contract", "line")
    assert {key for key, value in blind.items() if value} == {
        ("contract", "S0002", ""),
        ("line", "S0002", "member-services"),
    }
    verdicts = by(found["callcenter_verdict"], "contract", "state", "measure", "window", "line")
    assert verdicts["S0002", "blind", "average_hold", "30m", ""] == 1
    assert verdicts["S0002", "met", "average_hold", "30m", ""] == 0


def test_clocks_are_absent_without_an_outage_and_everything_without_a_watch() -> None:
    restored = make_outage(state=OutageState.NORMAL, restored_ms=AT_MS, closed_ms=AT_MS)
    found = told(watched(make_snapshot(), restored))
    assert not any(f"callcenter_outage_{name}_timestamp_seconds" in found for name in CLOCKS)
    assert by(found["callcenter_source_seen"], "source") == {("pbx1",): 1}
    assert not any("outage" in name for name in told(make_snapshot()))


def test_the_clock_of_a_contract_that_is_configured_no_longer_runs_on() -> None:
    found = told(watched(make_snapshot(), make_outage(contract="H9999", lines=[])))
    rows = found["callcenter_outage_deadline_timestamp_seconds"]
    assert by(rows, "contract", "organization") == {("H9999", "Example Health"): DEADLINE_MS / 1000}
