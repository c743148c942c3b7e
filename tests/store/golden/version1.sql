-- A database of schema version 1 as the program of that version made it.
BEGIN TRANSACTION;
CREATE TABLE alerts (
        id INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        key TEXT NOT NULL,
        rule TEXT NOT NULL,
        scope TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
INSERT INTO "alerts" VALUES(1,1760000000000,'key','hold','organization','firing','too long','{}');
CREATE TABLE checkpoint (
        id INTEGER PRIMARY KEY,
        journal_id INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        config_hash TEXT NOT NULL,
        sha256 BLOB NOT NULL
    ) STRICT;
CREATE TABLE checkpoint_part (
        checkpoint_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (checkpoint_id, name)
    ) STRICT;
CREATE TABLE deliveries (
        channel TEXT NOT NULL,
        key TEXT NOT NULL,
        state TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        status TEXT NOT NULL,
        PRIMARY KEY (channel, key)
    ) STRICT, WITHOUT ROWID;
INSERT INTO "deliveries" VALUES('ops','key','firing',1760000000001,'200');
CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        received_ms INTEGER NOT NULL,
        source TEXT NOT NULL,
        kind TEXT NOT NULL,
        count INTEGER NOT NULL,
        crc32 INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
INSERT INTO "journal" VALUES(1,1760000000000,'pbx1','events',0,1817902903,X'5B5D');
CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY,
        received_ms INTEGER NOT NULL,
        source TEXT NOT NULL,
        reason TEXT NOT NULL,
        size INTEGER NOT NULL,
        sha256 TEXT NOT NULL
    ) STRICT;
CREATE TABLE retention (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        alerts_from_ms INTEGER NOT NULL
    ) STRICT;
INSERT INTO "retention" VALUES(1,-9223372036854775808);
CREATE INDEX journal_by_time ON journal (received_ms);
CREATE INDEX alerts_by_key ON alerts (key, id);
CREATE INDEX alerts_by_time ON alerts (at_ms);
CREATE TRIGGER retention_forward BEFORE UPDATE ON retention
        WHEN NEW.alerts_from_ms < OLD.alerts_from_ms
        BEGIN SELECT RAISE(ABORT, 'retention only moves forward'); END;
CREATE TRIGGER retention_single BEFORE INSERT ON retention
        BEGIN SELECT RAISE(ABORT, 'retention has one row'); END;
CREATE TRIGGER retention_stays BEFORE DELETE ON retention
        BEGIN SELECT RAISE(ABORT, 'retention stays'); END;
CREATE TRIGGER alerts_no_update BEFORE UPDATE ON alerts
        BEGIN SELECT RAISE(ABORT, 'the alert history is append-only'); END;
CREATE TRIGGER alerts_no_replace BEFORE INSERT ON alerts
        WHEN EXISTS (SELECT 1 FROM alerts WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'the alert history is append-only'); END;
CREATE TRIGGER alerts_no_delete BEFORE DELETE ON alerts
        WHEN OLD.at_ms >= coalesce((SELECT alerts_from_ms FROM retention), OLD.at_ms)
        BEGIN SELECT RAISE(ABORT, 'the alert history is append-only'); END;
COMMIT;
PRAGMA application_id = 1128484179;
PRAGMA user_version = 1;
