"""The tables of the intervals, as one numbered step of the schema.

One row for each scope, quarter of an hour and boundary at which something was added to it; the
figures of an interval are the sums of its rows. Columns are the engine's counters under their own
names, so that anybody with SQLite can read them; `intervals` and `interval_amendments` are views
for people:

    SELECT * FROM intervals WHERE scope = 'contract/H0001' AND start >= '2026-03-01 00:00:00'

Rows are keyed by time first: what is written at a boundary lies together, and so does what is
pruned. Like the alert history they are never changed or replaced, and only what is older than the
boundary in `interval_retention` can be deleted. `interval_sets` says which boundaries are stored.

Names are written out here and not taken from the engine: a step of the schema never changes.

Pure: no I/O, no clock.
"""

from typing import Final

COLUMNS: Final = (
    "calls_made", "offered", "answered", "answered_within", "answered_unmeasured", "late",
    "abandoned", "abandoned_within", "abandoned_short", "abandoned_suspicious",
    "dequeued", "dequeued_within",
    "disconnected", "disconnected_within", "disconnected_waiting", "disconnected_evident",
    "completed", "transferred", "ended_unknown", "ended_unknown_waiting", "ended",
    "calls_assigned", "wait_ms_sum",
    "hold_bin_0", "hold_bin_1", "hold_bin_2", "hold_bin_3", "hold_bin_4", "hold_bin_5",
    "hold_bin_6", "hold_bin_7", "hold_bin_8", "hold_bin_9", "hold_bin_10", "hold_bin_11",
    "hold_bin_12", "hold_bin_13",
)  # fmt: skip

_COUNTS: Final = ", ".join(f"{name} INTEGER NOT NULL" for name in COLUMNS)
_SUMS: Final = ", ".join(f"sum({name}) AS {name}" for name in COLUMNS)
_PLAIN: Final = ", ".join(COLUMNS)
# What is recorded more than an hour after the end of its interval.
AMENDED: Final = "recorded_s > start_s + 900 + 3600"

STEP: Final = (
    """CREATE TABLE interval_scopes (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) STRICT""",
    "CREATE TABLE interval_sets (recorded_s INTEGER PRIMARY KEY) STRICT",
    f"""CREATE TABLE interval_entries (
        start_s INTEGER NOT NULL,
        scope_id INTEGER NOT NULL,
        recorded_s INTEGER NOT NULL,
        {_COUNTS},
        PRIMARY KEY (start_s, scope_id, recorded_s)
    ) STRICT, WITHOUT ROWID""",
    f"""CREATE VIEW intervals AS
        SELECT datetime(start_s, 'unixepoch') AS start, name AS scope,
            max(CASE WHEN {AMENDED} THEN datetime(recorded_s, 'unixepoch') END) AS amended,
            {_SUMS}
        FROM interval_entries JOIN interval_scopes ON id = scope_id
        GROUP BY start_s, scope_id""",  # noqa: S608 (names of ours)
    f"""CREATE VIEW interval_amendments AS
        SELECT datetime(start_s, 'unixepoch') AS start, name AS scope,
            datetime(recorded_s, 'unixepoch') AS recorded, {_PLAIN}
        FROM interval_entries JOIN interval_scopes ON id = scope_id
        WHERE {AMENDED}""",  # noqa: S608 (names of ours)
    """CREATE TABLE interval_retention (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        from_s INTEGER NOT NULL
    ) STRICT""",
    # Long before the first telephone: nothing was ever pruned.
    "INSERT INTO interval_retention VALUES (1, -9000000000)",
    """CREATE TRIGGER interval_retention_forward BEFORE UPDATE ON interval_retention
        WHEN NEW.from_s < OLD.from_s
        BEGIN SELECT RAISE(ABORT, 'retention only moves forward'); END""",
    """CREATE TRIGGER interval_retention_single BEFORE INSERT ON interval_retention
        BEGIN SELECT RAISE(ABORT, 'retention has one row'); END""",
    """CREATE TRIGGER interval_retention_stays BEFORE DELETE ON interval_retention
        BEGIN SELECT RAISE(ABORT, 'retention stays'); END""",
    """CREATE TRIGGER interval_entries_no_update BEFORE UPDATE ON interval_entries
        BEGIN SELECT RAISE(ABORT, 'intervals are append-only'); END""",
    """CREATE TRIGGER interval_entries_no_replace BEFORE INSERT ON interval_entries
        WHEN EXISTS (SELECT 1 FROM interval_entries WHERE start_s = NEW.start_s
            AND scope_id = NEW.scope_id AND recorded_s = NEW.recorded_s)
        BEGIN SELECT RAISE(ABORT, 'intervals are append-only'); END""",
    """CREATE TRIGGER interval_entries_no_delete BEFORE DELETE ON interval_entries
        WHEN OLD.start_s >= coalesce((SELECT from_s FROM interval_retention), OLD.start_s)
        BEGIN SELECT RAISE(ABORT, 'intervals are append-only'); END""",
    """CREATE TRIGGER interval_scopes_no_update BEFORE UPDATE ON interval_scopes
        BEGIN SELECT RAISE(ABORT, 'scopes keep their names'); END""",
    """CREATE TRIGGER interval_scopes_no_delete BEFORE DELETE ON interval_scopes
        BEGIN SELECT RAISE(ABORT, 'scopes keep their names'); END""",
    """CREATE TRIGGER interval_scopes_no_replace BEFORE INSERT ON interval_scopes
        WHEN EXISTS (SELECT 1 FROM interval_scopes WHERE id = NEW.id OR name = NEW.name)
        BEGIN SELECT RAISE(ABORT, 'scopes keep their names'); END""",
)
