"""The exposition says what the arrays say, in both formats, whatever the labels contain."""

import math
import shutil
import subprocess
from collections.abc import Callable, Iterable
from itertools import chain, zip_longest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from snapshots import make_alert, make_scopes, make_snapshot, many_scopes, small_scopes

from monitor.core import fields
from monitor.core.daemon import DaemonView
from monitor.core.fields import FIELD_COUNT, HOLD_BIN, HOLD_EDGES_S
from monitor.core.snapshot import AlertState, ScopeKind, Snapshot, SourceView, VerdictState
from monitor.core.standards import Measure
from monitor.sinks.exposition import CHUNK, escape_label
from monitor.sinks.prometheus import Exposition

DAEMON = DaemonView(
    version="0.1.0",
    started_ms=1_779_990_000_500,
    sources_up={"pbx1": True, "pbx2": False},
    messages={"pbx1": 7},
    quarantined={"not_json": 2},
    connects={"pbx1": 1},
    sessions_forgotten={"pbx1": 0},
    takeovers={"pbx1": 0},
    broker_discarded={"pbx1": 3},
    journal_commits=11,
    journal_rows=42,
    journal_commit_s=0.0025,
    reloaded_ms=1_779_990_000_000,
    tick_s=0.001,
    deliveries={("ops", "delivered"): 5, ("ops", "failed"): 1},
)
WINDOWS_MS = (60_000, 86_400_000)

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def render(snapshot: Snapshot | None, *, openmetrics: bool = False) -> str:
    slices = Exposition().render_slices(snapshot, DAEMON, openmetrics=openmetrics)
    return b"".join(chain.from_iterable(slices)).decode()


def series_of(families: Iterable[Metric]) -> Series:
    """All samples by name and labels; fails when two are the same."""
    found: Series = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def sample(series: Series, name: str, **labels: str) -> float:
    return series[name, frozenset(labels.items())]


def random_snapshot(seed: int, names: Iterable[str] = ("en", "es")) -> Snapshot:
    """Every array full of different numbers, some of them missing."""
    rng = np.random.default_rng(seed)
    scopes = make_scopes({("H1", "member"): tuple(names), ("H2", "rx"): ("en",)}, sites=("Cebu",))
    shape = (len(WINDOWS_MS), len(scopes))

    def floats(*sizes: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        values = rng.random(sizes) * 10.0 ** rng.integers(-9, 9, sizes)
        values[rng.random(sizes) < 0.3] = np.nan
        return values

    return make_snapshot(
        scopes,
        windows_ms=WINDOWS_MS,
        lifetime=rng.integers(0, 10**12, (len(scopes), FIELD_COUNT)),
        waiting=rng.integers(0, 100, len(scopes)),
        longest_wait_ms=rng.integers(-1, 10**6, len(scopes)),
        average_hold_s=floats(*shape),
        hold_floor_s=floats(*shape),
        service_level=floats(*shape),
        disconnect=floats(3, *shape),
        verdicts=rng.integers(0, 3, (len(Measure), *shape)).astype(np.int8),
    )


def expected_series(snapshot: Snapshot) -> Series:
    """What the metrics of calls must be, said once more in the slowest way."""
    series: Series = {}

    def add(name: str, value: float, **labels: str) -> None:
        series[name, frozenset((key, shown(text)) for key, text in labels.items())] = value

    for scope in snapshot.scopes:
        labels = {"scope": str(scope.kind), **scope.labels}
        is_judged = scope.kind not in (ScopeKind.QUEUE, ScopeKind.SITE)
        row = scope.row
        add("callcenter_calls_waiting", snapshot.waiting[row], **labels)
        longest = max(0, int(snapshot.longest_wait_ms[row])) / 1000
        add("callcenter_longest_wait_seconds", longest, **labels)
        for index, window in enumerate(("1m", "24h")):
            here = labels | {"window": window}
            add("callcenter_average_hold_seconds", snapshot.average_hold_s[index, row], **here)
            add("callcenter_hold_floor_seconds", snapshot.hold_floor_s[index, row], **here)
            add("callcenter_service_level_ratio", snapshot.service_level[index, row], **here)
            for band, name in enumerate(("low", "default", "high")):
                if is_judged or name == "default":
                    value = snapshot.disconnect[band, index, row]
                    add("callcenter_disconnect_ratio", value, **here, band=name)
            if is_judged:
                for number, measure in enumerate(Measure):
                    for state in VerdictState:
                        is_so = snapshot.verdicts[number, index, row] == state
                        own = here | {"measure": str(measure), "state": state.name.lower()}
                        add("callcenter_verdict", float(is_so), **own)
        if scope.kind is ScopeKind.QUEUE:
            add_counters(add, snapshot.lifetime[row].tolist(), scope.labels["queue"])
            for contract, line in scope.lines or (("", ""),):
                add(
                    "callcenter_queue_info",
                    1.0,
                    queue=scope.labels["queue"],
                    line=line,
                    contract=contract,
                    legal_entity="Example Community Plan, Inc." if contract else "",
                    organization=snapshot.organization,
                )
    return series


def add_counters(add: Callable[..., None], counts: list[int], queue: str) -> None:
    add("callcenter_calls_made_total", counts[fields.CALLS_ASSIGNED], queue=queue)
    add("callcenter_calls_offered_total", counts[fields.OFFERED], queue=queue)
    ended = {"completed": fields.COMPLETED, "transferred": fields.TRANSFERRED}
    ended |= {"abandoned": fields.ABANDONED, "dequeued": fields.DEQUEUED}
    ended |= {"disconnected": fields.DISCONNECTED, "unknown": fields.ENDED_UNKNOWN}
    for outcome, field in ended.items():
        add("callcenter_calls_ended_total", counts[field], queue=queue, outcome=outcome)
    decided = {"within": fields.ANSWERED_WITHIN, "late": fields.LATE}
    decided |= {"abandoned": fields.ABANDONED_WITHIN, "dequeued": fields.DEQUEUED_WITHIN}
    decided |= {"disconnected": fields.DISCONNECTED_WITHIN}
    for result, field in decided.items():
        name = "callcenter_service_level_decided_total"
        add(name, counts[field], queue=queue, result=result)
    bins = counts[HOLD_BIN:]
    edges = [*(str(float(edge)) for edge in HOLD_EDGES_S), "+Inf"]
    for index, edge in enumerate(edges):
        add("callcenter_hold_seconds_bucket", sum(bins[: index + 1]), queue=queue, le=edge)
    add("callcenter_hold_seconds_count", sum(bins), queue=queue)
    add("callcenter_hold_seconds_sum", counts[fields.WAIT_MS_SUM] / 1000, queue=queue)


def shown(label: str) -> str:
    """What a reader sees of a label: without what no format can carry."""
    return "".join(
        f"\ufffd{ord(character):04x}"
        if character == "\ufffd"
        or "\ud800" <= character <= "\udfff"
        or ("\x7f" <= character <= "\x9f")
        or (character < " " and character != "\n")
        else character
        for character in label
    )


def assert_same(found: Series, expected: Series) -> None:
    calls = {key: value for key, value in found.items() if key in expected}
    assert calls.keys() == expected.keys()
    for key, value in expected.items():
        assert calls[key] == value or (math.isnan(calls[key]) and math.isnan(value)), key
    others = {name for name, _ in found.keys() - expected.keys()}
    assert all(
        name.startswith(("callcenter_monitor_", "callcenter_source_", "callcenter_agents"))
        for name in others
    )


HOSTILE = (
    'quote " and \\ backslash \\n \\\\"',
    "two\nlines\r\n",
    "} 1\nforged_metric 1",
    '",queue="other',
    "%d %s %b %% {0}",
    "\u202eright to left\u202c \u05d0",
    "nul\x00 bell\x07 escape\x1b[31m delete\x7f next\x85 line\u2028 \u2029",
    "lone \ud800 surrogates \udfff",
    "\ufffd replaced \ufffd0000",
    "\x00",
    "Z\u0351\u036b\u0343\u036aa\u0321lgo",
    "\U0001f469\u200d\U0001f4bb",
    "' OR 1=1 --",
    "<script>alert(1)</script>",
    "$(touch /tmp/x) `id` ${HOME}",
    "# EOF",
    " spaces  and\ttab ",
    "\ufeff\u200b",
)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    names=st.lists(
        st.text(max_size=12)
        | st.sampled_from(HOSTILE)
        | st.text(st.sampled_from('"\\\n%{},=# \ud800\ufffd0d8'), max_size=12),
        unique=True,
        max_size=4,
    ),
)
def test_both_formats_read_back_as_the_arrays(seed: int, names: list[str]) -> None:
    snapshot = random_snapshot(seed, names)
    expected = expected_series(snapshot)
    assert_same(series_of(parse_text(render(snapshot))), expected)
    assert_same(series_of(parse_openmetrics(render(snapshot, openmetrics=True))), expected)  # type: ignore[no-untyped-call]


def test_families_longer_than_a_chunk_read_back_as_the_arrays() -> None:
    scopes = many_scopes(CHUNK + 7)
    rng = np.random.default_rng(3)
    zeros = make_snapshot(scopes, windows_ms=WINDOWS_MS)
    snapshot = make_snapshot(
        scopes,
        windows_ms=WINDOWS_MS,
        lifetime=rng.integers(0, 10**6, zeros.lifetime.shape),
        service_level=rng.random(zeros.service_level.shape),
    )
    found = series_of(parse_text(render(snapshot)))
    for scope in (scopes[-1], scopes[-CHUNK], scopes[-CHUNK - 1]):
        queue = scope.labels["queue"]
        counts = snapshot.lifetime[scope.row]
        assert sample(found, "callcenter_calls_offered_total", queue=queue) == counts[1]
        assert sample(found, "callcenter_hold_seconds_count", queue=queue) == sum(counts[HOLD_BIN:])
        labels = {"scope": "queue", "queue": queue, "window": "24h"}
        level = snapshot.service_level[1, scope.row]
        assert sample(found, "callcenter_service_level_ratio", **labels) == level


def test_different_labels_stay_different() -> None:
    assert len({escape_label(label) for label in HOSTILE}) == len(HOSTILE)
    for label in HOSTILE:
        escape_label(label).encode()


def test_golden_text_of_one_queue() -> None:
    scopes = make_scopes({("H0001", "member"): ("en",)}, queues=())
    lifetime = np.zeros((len(scopes), FIELD_COUNT), dtype=np.int64)
    queue = scopes[-1].row
    lifetime[queue, [fields.CALLS_ASSIGNED, fields.OFFERED]] = (5, 4)
    lifetime[queue, [fields.COMPLETED, fields.ABANDONED, fields.DISCONNECTED]] = (2, 1, 1)
    lifetime[queue, [fields.ANSWERED_WITHIN, fields.LATE]] = (2, 1)
    lifetime[queue, [HOLD_BIN, HOLD_BIN + 13, fields.WAIT_MS_SUM]] = (2, 1, 2_000_250)
    text = render(make_snapshot(scopes, windows_ms=(60_000,), lifetime=lifetime))
    for line in (
        "# TYPE callcenter_calls_made_total counter",
        'callcenter_calls_made_total{queue="en"} 5',
        'callcenter_calls_offered_total{queue="en"} 4',
        'callcenter_calls_ended_total{queue="en",outcome="disconnected"} 1',
        'callcenter_calls_ended_total{queue="en",outcome="unknown"} 0',
        'callcenter_service_level_decided_total{queue="en",result="within"} 2',
        "# TYPE callcenter_hold_seconds histogram",
        'callcenter_hold_seconds_bucket{queue="en",le="30.0"} 2',
        'callcenter_hold_seconds_bucket{queue="en",le="120.0"} 2',
        'callcenter_hold_seconds_bucket{queue="en",le="+Inf"} 3',
        'callcenter_hold_seconds_sum{queue="en"} 2000.25',
        'callcenter_hold_seconds_count{queue="en"} 3',
        (
            'callcenter_queue_info{queue="en",line="member",contract="H0001",'
            'legal_entity="Example Community Plan, Inc.",organization="Example Health"} 1'
        ),
        'callcenter_average_hold_seconds{scope="queue",queue="en",window="1m"} NaN',
        'callcenter_longest_wait_seconds{scope="queue",queue="en"} 0.0',
        'callcenter_disconnect_ratio{scope="queue",queue="en",window="1m",band="default"} NaN',
        (
            'callcenter_verdict{scope="organization",organization="Example Health",'
            'measure="average_hold",window="1m",state="insufficient"} 1'
        ),
        'callcenter_source_up{source="pbx1"} 1',
        'callcenter_source_up{source="pbx2"} 0',
        'callcenter_monitor_build_info{version="0.1.0"} 1',
        "callcenter_monitor_start_time_seconds 1779990000.5",
        'callcenter_monitor_deliveries_total{channel="ops",result="failed"} 1',
        "callcenter_monitor_loop_lag_seconds NaN",
    ):
        assert f"\n{line}\n" in text, line


def test_every_family_is_announced_once_before_its_samples() -> None:
    for openmetrics in (False, True):
        announced: list[str] = []
        for line in render(random_snapshot(1), openmetrics=openmetrics).splitlines():
            if line.startswith("# TYPE"):
                announced.append(line.split(" ")[2])
            elif not line.startswith("#"):
                assert line.startswith(announced[-1]), line
        assert len(announced) == len(set(announced))


def test_openmetrics_names_counters_without_suffix_and_ends_with_eof() -> None:
    text = render(random_snapshot(1), openmetrics=True)
    assert "# TYPE callcenter_calls_made counter\n" in text
    assert text.endswith("\n# EOF\n")
    assert "# EOF" not in render(random_snapshot(1))


def test_alerts_sources_and_agents_are_told() -> None:
    snapshot = make_snapshot(
        alerts=(make_alert(), make_alert(key="b", state=AlertState.PENDING)),
        agents={"available": 3, "busy": 9},
        discards={"bad_time": 4},
        sources=(SourceView("pbx1", None, 5, 2), SourceView("pbx2", 1_780_000_000_250, 6, 0)),
        open_calls=8,
        ended_calls=9,
    )
    found = series_of(parse_text(render(snapshot)))
    assert sample(found, "callcenter_monitor_alerts", state="firing") == 1
    assert sample(found, "callcenter_monitor_alerts", state="resolved") == 0
    assert sample(found, "callcenter_agents", state="busy") == 9
    assert sample(found, "callcenter_monitor_events_discarded_total", reason="bad_time") == 4
    assert sample(found, "callcenter_monitor_sequence_gaps_total", source="pbx1") == 2
    last = "callcenter_source_last_event_timestamp_seconds"
    assert math.isnan(sample(found, last, source="pbx1"))
    assert sample(found, last, source="pbx2") == 1_780_000_000.25
    assert sample(found, "callcenter_monitor_open_calls") == 8


def test_before_the_first_snapshot_the_daemon_alone_is_told() -> None:
    found = series_of(parse_openmetrics(render(None, openmetrics=True)))  # type: ignore[no-untyped-call]
    assert sample(found, "callcenter_monitor_journal_rows_total") == 42
    assert not any(name.startswith("callcenter_calls") for name, _ in found)


def test_a_queue_that_is_added_appears_and_keeps_the_others() -> None:
    exposition = Exposition()
    before = make_snapshot(small_scopes())
    after = make_snapshot(make_scopes({("H0001", "member"): ("en", "new")}))
    b"".join(chain.from_iterable(exposition.render_slices(before, DAEMON)))
    text = b"".join(chain.from_iterable(exposition.render_slices(after, DAEMON))).decode()
    assert text == render(after)


def test_two_renderings_may_be_interleaved() -> None:
    exposition = Exposition()
    scopes = many_scopes(3_000)
    lifetime = np.arange(len(scopes) * FIELD_COUNT).reshape(len(scopes), FIELD_COUNT)
    snapshots = (make_snapshot(scopes), make_snapshot(scopes, lifetime=lifetime))
    under_way = [exposition.render_slices(snapshot, DAEMON) for snapshot in snapshots]
    pairs = list(zip_longest(*under_way, fillvalue=[]))
    assert len(pairs) > 1
    for snapshot, slices in zip(snapshots, zip(*pairs, strict=True), strict=True):
        assert b"".join(chain.from_iterable(slices)).decode() == render(snapshot)


def test_the_rendering_is_cut_so_that_other_work_can_run() -> None:
    snapshot = make_snapshot(many_scopes(1_000))
    lines = [b"".join(part).count(b"\n") for part in Exposition().render_slices(snapshot, DAEMON)]
    assert len(lines) > 5
    assert max(lines) < 10_000


def test_a_thousand_queues_stay_within_the_bound_of_series() -> None:
    text = render(make_snapshot(many_scopes(1_000)))
    per_queue = sum("queue-00500" in line for line in text.splitlines())
    assert per_queue <= 56


@pytest.mark.real
def test_promtool_has_no_complaint() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed, and this test asks the real one")
    scopes = make_scopes({("H1", "member"): HOSTILE}, sites=("Fresno",))
    for snapshot in (random_snapshot(5), make_snapshot(scopes), None):
        checked = subprocess.run(
            [promtool, "check", "metrics"],
            input=render(snapshot),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
