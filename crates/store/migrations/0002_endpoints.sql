-- Who is told of changes by signed webhooks, and how far each has been told.
CREATE TABLE endpoint (
    no INTEGER PRIMARY KEY AUTOINCREMENT CHECK (no > 0),
    settings TEXT NOT NULL,                                  -- JSON: url, types, ...
    secrets TEXT NOT NULL,                                   -- JSON [[secret, ms until which it counts or null], ...], newest first
    off TEXT,                                                -- why it is switched off; NULL: it is on
    place TEXT NOT NULL,                                     -- a cursor: what is before it was taken, or is in `delivery`
    failing_ms INTEGER,                                      -- since when it has taken nothing; NULL: it takes
    created_ms INTEGER NOT NULL
) STRICT;
-- Messages that were not taken at once, until they are.
CREATE TABLE delivery (
    endpoint INTEGER NOT NULL,
    pos INTEGER NOT NULL CHECK (pos > 0),
    n INTEGER NOT NULL CHECK (n >= 0),
    member INTEGER,
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    next_ms INTEGER,                                         -- when it is tried again; NULL: a dead letter
    PRIMARY KEY (endpoint, pos, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (endpoint, next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX delivery_of ON delivery (endpoint, member, pos, n) WHERE next_ms IS NOT NULL;
-- The newest attempts of each endpoint, for people.
CREATE TABLE attempt (
    no INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint INTEGER NOT NULL,
    pos INTEGER NOT NULL,
    n INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    took_ms INTEGER NOT NULL,
    status INTEGER,                                          -- NULL: there was no answer
    said TEXT NOT NULL                                       -- beginning of the answer, or why there was none
) STRICT;
CREATE INDEX attempt_of ON attempt (endpoint, no);
