"""What the daemon knows about itself, for its own metrics and the status page.

The snapshot tells of the calls; this tells of the program that counts them: whether it is
connected, keeps up, writes its journal and delivers its alerts. It is data in the core because
both the exposition and the web server read it, and neither may know the other.

Pure: no I/O, no clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.core.ledger import LedgerHead


@dataclass(frozen=True, slots=True)
class DaemonView:
    """The state of the process at the time of reading; counters count since its start.

    Attributes:
        version: Of the program.
        started_ms: When the process started (epoch ms).
        sources_up: For each configured source, whether it is connected now.
        messages: Messages taken in, by source.
        quarantined: Messages that could not be decoded and were set aside, by reason.
        connects: Connections that were made, by source.
        sessions_forgotten: Reconnections at which the broker no longer held the session, so that
            what it had kept for us is gone; by source.
        takeovers: Connections that ended because another client came with our name; by source.
        broker_discarded: Messages that the broker says it threw away; by source.
        inbox_discarded: Messages that found the inbox full and will not come again, by source.
        journal_commits: Transactions of the journal.
        journal_rows: Rows that they wrote.
        journal_commit_s: Duration of the last commit in seconds; None before the first.
        damaged_rows: Rows of the journal that failed their checksum and were left out.
        damaged_checkpoints: Checkpoints that failed their digest and were passed over.
        ledger_head: The end of the ledger.
        ledger_intact: Whether the ledger was as it was written when the process started; None while
            that is being checked, and when it cannot be read.
        ledger_conflicts: Entries that had the key of an earlier one and said something else.
        clock_behind_ledger: Whether the clock is behind the ledger, so that no deadline is judged.
        clock_jumps: How often the wall clock was set, by direction (`forward`, `back`).
        clock_off_s: By how much it is ahead of the time that the daemon goes by.
        reload_ok: Whether the last attempt to load the configuration succeeded.
        reloaded_ms: When the configuration was last loaded with success (epoch ms).
        tick_s: Duration of the last tick in seconds; None before the first.
        loop_lag_s: How late the event loop last was in seconds; None when not measured yet.
        deliveries: Attempts to deliver an alert, by (channel, result).
        deliveries_discarded: Changes of alerts that were given up before a receiver accepted them,
            by channel.
    """

    version: str
    started_ms: int
    sources_up: Mapping[str, bool] = field(default_factory=dict)
    messages: Mapping[str, int] = field(default_factory=dict)
    quarantined: Mapping[str, int] = field(default_factory=dict)
    connects: Mapping[str, int] = field(default_factory=dict)
    sessions_forgotten: Mapping[str, int] = field(default_factory=dict)
    takeovers: Mapping[str, int] = field(default_factory=dict)
    broker_discarded: Mapping[str, int] = field(default_factory=dict)
    inbox_discarded: Mapping[str, int] = field(default_factory=dict)
    journal_commits: int = 0
    journal_rows: int = 0
    journal_commit_s: float | None = None
    damaged_rows: int = 0
    damaged_checkpoints: int = 0
    ledger_head: LedgerHead = field(default_factory=LedgerHead)
    ledger_intact: bool | None = None
    ledger_conflicts: int = 0
    clock_behind_ledger: bool = False
    clock_jumps: Mapping[str, int] = field(default_factory=dict)
    clock_off_s: float = 0.0
    reload_ok: bool = True
    reloaded_ms: int = 0
    tick_s: float | None = None
    loop_lag_s: float | None = None
    deliveries: Mapping[tuple[str, str], int] = field(default_factory=dict)
    deliveries_discarded: Mapping[str, int] = field(default_factory=dict)
