"""The daemon's own metrics: is it connected, does it keep up, what did it refuse, is it heard.

They are a few dozen samples whose labels come and go, so they are written anew each time.

Pure: no I/O, no clock.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from monitor.core.daemon import DaemonView
from monitor.core.snapshot import AlertState, Snapshot
from monitor.sinks.exposition import Header, label_pairs

Samples = Iterable[tuple[Mapping[str, str], float | None]]

_OWN: Final = "callcenter_monitor_"
_HASH_DIGITS: Final = 16


def write_family(header: Header, samples: Samples) -> bytes:
    """The lines of one family without its header; a value of None becomes NaN."""
    lines: list[str] = []
    for labels, value in samples:
        braced = f"{{{label_pairs(labels)}}}" if labels else ""
        number = "NaN" if value is None or math.isnan(value) else repr(value)
        lines.append(f"{header.name}{braced} {number}\n")
    return "".join(lines).encode()


def daemon_families(
    snapshot: Snapshot | None, daemon: DaemonView
) -> Iterator[tuple[Header, Samples]]:
    """Every family with its samples.

    Args:
        snapshot: None before the first tick: then only what the process knows is told.
        daemon: Its own figures.
    """
    yield from _process(daemon)
    yield from _ledger(daemon)
    yield from _sources(daemon)
    if snapshot is not None:
        yield from _engine(snapshot)


def _process(daemon: DaemonView) -> Iterator[tuple[Header, Samples]]:
    yield _gauge("build_info", "Always 1: the version that runs.", {"version": daemon.version}, 1)
    yield _gauge("start_time_seconds", "When the process started.", {}, daemon.started_ms / 1000)
    yield _gauge("tick_seconds", "Duration of the last tick.", {}, daemon.tick_s)
    yield _gauge("loop_lag_seconds", "How late the event loop last was.", {}, daemon.loop_lag_s)
    yield _gauge(
        "config_last_reload_successful",
        "1 when the last attempt to load the configuration succeeded.",
        {},
        int(daemon.reload_ok),
    )
    yield _gauge(
        "config_last_reload_success_timestamp_seconds",
        "When the configuration was last loaded with success.",
        {},
        daemon.reloaded_ms / 1000,
    )
    yield _counter("journal_commits_total", "Transactions of the journal.", daemon.journal_commits)
    yield _counter("journal_rows_total", "Rows written to the journal.", daemon.journal_rows)
    yield _gauge(
        "journal_last_commit_seconds",
        "Duration of the journal's last commit.",
        {},
        daemon.journal_commit_s,
    )
    yield _counter(
        "journal_damaged_rows_total",
        "Rows of the journal that failed their checksum when they were read and were left out.",
        daemon.damaged_rows,
    )
    yield _counter(
        "checkpoints_damaged_total",
        "Checkpoints that failed their digest when they were read and were passed over.",
        daemon.damaged_checkpoints,
    )
    yield _by(
        "quarantined_total",
        "Messages that could not be decoded and were set aside.",
        "reason",
        daemon.quarantined,
    )
    yield (
        Header(f"{_OWN}deliveries_total", "counter", "Attempts to deliver an alert."),
        [
            ({"channel": channel, "result": result}, count)
            for (channel, result), count in daemon.deliveries.items()
        ],
    )
    yield _by(
        "deliveries_discarded_total",
        "Changes of alerts that were given up before a receiver accepted them.",
        "channel",
        daemon.deliveries_discarded,
    )


def _ledger(daemon: DaemonView) -> Iterator[tuple[Header, Samples]]:
    head = daemon.ledger_head
    yield _gauge("ledger_rows", "Rows of the ledger.", {}, head.n)
    yield _gauge(
        "ledger_head_info",
        "Always 1: how the newest row's hash begins; noted elsewhere, it proves the rows before.",
        {"hash": head.hash[:_HASH_DIGITS]},
        1,
    )
    yield _gauge(
        "ledger_intact",
        "1 when every row of the ledger was as it was written when the process started, 0 when one"
        " was not; NaN while that is being checked.",
        {},
        None if daemon.ledger_intact is None else int(daemon.ledger_intact),
    )
    yield _counter(
        "ledger_conflicts_total",
        "Entries that had the key of an earlier one and said something else.",
        daemon.ledger_conflicts,
    )
    yield _gauge(
        "clock_behind_ledger",
        "1 while the clock is behind the ledger, so that no deadline is judged.",
        {},
        int(daemon.clock_behind_ledger),
    )
    yield _by(
        "clock_jumps_total",
        "How often the machine's clock was set while the daemon ran.",
        "direction",
        daemon.clock_jumps,
    )
    yield _gauge(
        "clock_offset_seconds",
        "How far the machine's clock is ahead of the time that the daemon goes by.",
        {},
        daemon.clock_off_s,
    )


def _sources(daemon: DaemonView) -> Iterator[tuple[Header, Samples]]:
    yield (
        Header("callcenter_source_up", "gauge", "1 while the source is connected."),
        [({"source": name}, int(is_up)) for name, is_up in daemon.sources_up.items()],
    )
    for name, text, counts in (
        ("messages_total", "Messages taken in.", daemon.messages),
        ("mqtt_connects_total", "Connections made to the broker.", daemon.connects),
        (
            "mqtt_sessions_forgotten_total",
            "Reconnections at which the broker no longer held the session.",
            daemon.sessions_forgotten,
        ),
        (
            "mqtt_takeovers_total",
            "Connections ended because another client came with the same name.",
            daemon.takeovers,
        ),
        (
            "mqtt_broker_discarded_total",
            "Messages that the broker says it threw away.",
            daemon.broker_discarded,
        ),
        (
            "inbox_discarded_total",
            "Messages that found the inbox full and will not come again.",
            daemon.inbox_discarded,
        ),
    ):
        yield _by(name, text, "source", counts)


def _engine(snapshot: Snapshot) -> Iterator[tuple[Header, Samples]]:
    yield (
        Header(
            "callcenter_source_last_event_timestamp_seconds",
            "gauge",
            "When the source's newest event happened; NaN before the first.",
        ),
        [
            (
                {"source": source.name},
                None if source.last_event_ms is None else source.last_event_ms / 1000,
            )
            for source in snapshot.sources
        ],
    )
    yield (
        Header("callcenter_agents", "gauge", "Agents by state."),
        [({"state": state}, count) for state, count in snapshot.agents.items()],
    )
    yield _gauge(
        "snapshot_timestamp_seconds",
        "The instant up to which the windows reach.",
        {},
        snapshot.at_ms / 1000,
    )
    yield _by(
        "events_total",
        "Events accepted.",
        "source",
        {source.name: source.events_total for source in snapshot.sources},
    )
    yield _by(
        "sequence_gaps_total",
        "Sequence numbers of the source that never came.",
        "source",
        {source.name: source.gaps_total for source in snapshot.sources},
    )
    yield (
        Header(
            f"{_OWN}events_missing",
            "gauge",
            "Events that the source says it has sent and that have not come, at least.",
        ),
        [({"source": source.name}, source.missing) for source in snapshot.sources],
    )
    yield _by(
        "events_discarded_total",
        "Events and parts of them that were not counted.",
        "reason",
        snapshot.discards,
    )
    yield _gauge("open_calls", "Calls in flight.", {}, snapshot.open_calls)
    yield _gauge(
        "ended_calls_remembered", "Ended calls that are remembered.", {}, snapshot.ended_calls
    )
    states = Counter(alert.state for alert in snapshot.alerts)
    yield (
        Header(f"{_OWN}alerts", "gauge", "Alerts by state; resolved ones for 15 minutes."),
        [({"state": str(state)}, states[state]) for state in AlertState],
    )


def _gauge(
    name: str, text: str, labels: Mapping[str, str], value: float | None
) -> tuple[Header, Samples]:
    return Header(_OWN + name, "gauge", text), [(labels, value)]


def _counter(name: str, text: str, value: int) -> tuple[Header, Samples]:
    return Header(_OWN + name, "counter", text), [({}, value)]


def _by(name: str, text: str, label: str, counts: Mapping[str, int]) -> tuple[Header, Samples]:
    header = Header(_OWN + name, "counter", text)
    return header, [({label: value}, count) for value, count in counts.items()]
