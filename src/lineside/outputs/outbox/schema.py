"""The tables of an outbox."""

VERSION = 1
"""Kept in the file's `user_version`; a file of a later version is refused."""

SCHEMA = """
CREATE TABLE parcel (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order of the answers
    key TEXT NOT NULL UNIQUE,
    at_s REAL NOT NULL,                        -- of the outbox's own clock, see store.py
    bytes INTEGER NOT NULL,
    record TEXT NOT NULL
);
CREATE TABLE picture (
    parcel INTEGER NOT NULL,
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (parcel, place)
) WITHOUT ROWID;
CREATE INDEX picture_file ON picture (file);
CREATE TABLE delivery (
    sink TEXT NOT NULL,
    state INTEGER NOT NULL,                    -- 0 waiting, 1 aside
    parcel INTEGER NOT NULL,
    fault TEXT,
    PRIMARY KEY (sink, state, parcel)
) WITHOUT ROWID;
CREATE INDEX delivery_parcel ON delivery (parcel);
CREATE TABLE counter (
    sink TEXT NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (sink, name)
) WITHOUT ROWID;
CREATE TABLE garbage (file TEXT PRIMARY KEY) WITHOUT ROWID;  -- files that nobody needs any more
CREATE TABLE total (one INTEGER PRIMARY KEY CHECK (one = 1), rows INTEGER, bytes INTEGER, clock_s REAL, wall_s REAL);
INSERT INTO total VALUES (1, 0, 0, 0.0, NULL);
CREATE TRIGGER parcel_in AFTER INSERT ON parcel BEGIN
    UPDATE total SET rows = rows + 1, bytes = bytes + NEW.bytes;
END;
CREATE TRIGGER parcel_out AFTER DELETE ON parcel BEGIN
    UPDATE total SET rows = rows - 1, bytes = bytes - OLD.bytes;
    INSERT OR IGNORE INTO garbage SELECT file FROM picture WHERE parcel = OLD.number;
    DELETE FROM picture WHERE parcel = OLD.number;
END;
CREATE TRIGGER delivery_out AFTER DELETE ON delivery
WHEN NOT EXISTS (SELECT 1 FROM delivery WHERE parcel = OLD.parcel) BEGIN
    DELETE FROM parcel WHERE number = OLD.parcel;
END;
"""
"""A parcel goes with its last delivery, and its pictures' files become garbage in the same transaction."""
