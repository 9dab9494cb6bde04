-- Numbers are whole, times are milliseconds since 1970 (UTC). Positions and numbers of members start at 1.

-- What came in and what was decided, in the order of commits. Never changed, never deleted.
CREATE TABLE journal (
    pos INTEGER PRIMARY KEY CHECK (pos > 0),
    member INTEGER CHECK (member > 0),
    prev INTEGER NOT NULL CHECK (prev >= 0 AND prev < pos),  -- the member's row before this one, 0 if none
    now_ms INTEGER NOT NULL,                                 -- when it was decided
    again INTEGER CHECK (again > 0 AND again < pos),         -- a row that waited, applied now: where it waited
    input TEXT,                                              -- the event as JSON, `data` word for word
    body_hash BLOB,
    decided TEXT NOT NULL,                                   -- JSON of domain::outcome::Decision
    hash BLOB NOT NULL CHECK (length(hash) = 32),            -- SHA-256(hash of the row before, every field above; of input and decided their SHA-256)
    CHECK ((input IS NULL) = (again IS NOT NULL)),
    CHECK ((input IS NULL) = (body_hash IS NULL))
) STRICT;
-- Rows of erased members: what was told of them is gone from `input` and `decided`. The chain was built on these digests.
CREATE TABLE redacted (
    pos INTEGER PRIMARY KEY CHECK (pos > 0),
    by INTEGER NOT NULL CHECK (by > pos),                    -- the row that erased the member
    input BLOB CHECK (length(input) = 32),                   -- SHA-256 of the input that was; NULL: the row has none
    decided BLOB NOT NULL CHECK (length(decided) = 32),      -- SHA-256 of the decision that was
    kept BLOB NOT NULL CHECK (length(kept) = 32)             -- SHA-256 of the SHA-256 of both as they stand now
) STRICT;
-- Members whose erasure is under way. It begins with the row `by` and takes a while if there are many rows.
CREATE TABLE erasing (
    by INTEGER PRIMARY KEY CHECK (by > 0),
    rest TEXT NOT NULL                                       -- JSON: the rows to go on with, and what to look for
) STRICT;
CREATE TRIGGER redacted_update BEFORE UPDATE OF pos, by, input, decided ON redacted BEGIN SELECT RAISE(ABORT, 'what is erased stays erased'); END;
CREATE TRIGGER redacted_delete BEFORE DELETE ON redacted BEGIN SELECT RAISE(ABORT, 'what is erased stays erased'); END;
CREATE TRIGGER journal_update BEFORE UPDATE ON journal
    WHEN NEW.pos <> OLD.pos OR NEW.member IS NOT OLD.member OR NEW.prev <> OLD.prev OR NEW.now_ms <> OLD.now_ms
        OR NEW.again IS NOT OLD.again OR NEW.body_hash IS NOT OLD.body_hash OR NEW.hash <> OLD.hash
        OR NOT EXISTS (SELECT 1 FROM redacted WHERE pos = OLD.pos)
    BEGIN SELECT RAISE(ABORT, 'the journal is never changed'); END;
CREATE TRIGGER journal_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is never shortened'); END;

-- A member's state is JSON of domain::member::Member. It comes with the batch that made it and is brought to the
-- member's own row later, with its neighbours; until then `member_tail` says what is newest.
CREATE TABLE member_swept (
    no INTEGER PRIMARY KEY CHECK (no > 0),
    image TEXT NOT NULL
) STRICT;
CREATE TABLE member_tail (
    pos INTEGER PRIMARY KEY,                                 -- first position of the batch
    images TEXT NOT NULL                                     -- JSON {"no": image, ...}
) STRICT;
CREATE VIEW member AS
    WITH newest AS MATERIALIZED (
        SELECT CAST(i.key AS INTEGER) AS no, i.value AS image, max(t.pos)
        FROM member_tail t, json_each(t.images) i GROUP BY 1)
    SELECT no, image FROM member_swept WHERE no NOT IN (SELECT no FROM newest)
    UNION ALL SELECT no, image FROM newest;

-- Of a wallet with many lots, those between the first and the last. Where they belong in the member's state stands
-- {"p": [page, count, sum, lowest pos, highest pos, end of the first]} among its lots. A page is never changed: a new one takes its place.
CREATE TABLE lot_page (
    at INTEGER PRIMARY KEY CHECK (at > 16777216),            -- member << 24 | page
    lots TEXT NOT NULL                                       -- JSON [lot, ...] in spending order
) STRICT;
CREATE TRIGGER lot_page_update BEFORE UPDATE ON lot_page BEGIN SELECT RAISE(ABORT, 'a page of lots is never changed'); END;

CREATE TABLE identity (
    name TEXT PRIMARY KEY CHECK (name <> ''),
    member INTEGER NOT NULL CHECK (member > 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE budget (
    id TEXT PRIMARY KEY CHECK (id <> ''),
    parts TEXT NOT NULL                                      -- JSON [[window, used], ...]
) STRICT, WITHOUT ROWID;

-- The vendor's own words, for replay and for people.
CREATE TABLE raw (
    pos INTEGER PRIMARY KEY CHECK (pos > 0),
    source TEXT NOT NULL,
    headers TEXT NOT NULL,                                   -- JSON [[name, value], ...]
    body BLOB NOT NULL
) STRICT;

-- What nobody could apply: an event whose id came before with other contents, a body that was refused at the door.
CREATE TABLE quarantine (
    no INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('conflict', 'refused')),
    source TEXT NOT NULL,
    event_id TEXT,
    pos INTEGER,                                             -- the row that it contradicts
    reason TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    print BLOB NOT NULL UNIQUE                               -- the same thing sent again is kept once
) STRICT;

-- Keys (64-bit hashes) of positions: the newest by batch, older ones as sorted runs of pages.
CREATE TABLE tail_keys (
    pos INTEGER PRIMARY KEY,                                 -- first position of the batch
    entries BLOB NOT NULL                                    -- (key u64, position u40), little endian
) STRICT;
CREATE TABLE run (
    no INTEGER PRIMARY KEY CHECK (no > 0),
    level INTEGER NOT NULL,
    last_pos INTEGER NOT NULL,                               -- every key up to here is in a run
    count INTEGER NOT NULL,
    bits INTEGER NOT NULL CHECK (bits BETWEEN 0 AND 24)      -- page number = so many top bits of the key
) STRICT;
CREATE TABLE run_page (
    at INTEGER PRIMARY KEY,                                  -- run << 24 | page number
    entries BLOB NOT NULL                                    -- as in tail_keys, sorted
) STRICT;
CREATE TABLE run_filter (
    at INTEGER PRIMARY KEY,                                  -- run << 24 | number of the part
    part BLOB NOT NULL
) STRICT;

CREATE TABLE program_version (
    version INTEGER PRIMARY KEY CHECK (version > 0),
    hash BLOB NOT NULL,
    body TEXT NOT NULL,
    published_ms INTEGER NOT NULL,
    published_by TEXT NOT NULL
) STRICT;

-- By how much the clock of a sandbox was moved; no row: not at all.
CREATE TABLE clock (
    no INTEGER PRIMARY KEY CHECK (no = 1),
    shift_ms INTEGER NOT NULL
) STRICT;
-- Moves of it that were asked for under a name, so that a retry moves nothing.
CREATE TABLE clock_move (
    name TEXT PRIMARY KEY CHECK (name <> ''),
    words BLOB NOT NULL CHECK (length(words) = 32),          -- SHA-256 of the request
    to_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
    no INTEGER PRIMARY KEY CHECK (no > 0),
    name TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,                               -- SHA-256 of the key; the key itself is nowhere
    scopes TEXT NOT NULL,                                    -- JSON ["...", ...]
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    expires_ms INTEGER                                       -- NULL: never
) STRICT;

-- What people read. A transaction is a row of `transfers`; it leaves `debit` and enters `credit`.
CREATE VIEW events AS
    SELECT j.pos, coalesce(j.input, w.input, f.input) ->> 'source' AS source, coalesce(j.input, w.input, f.input) ->> 'id' AS id,
        coalesce(j.input, w.input, f.input) ->> 'type' AS type, coalesce(j.input, w.input, f.input) ->> 'time' AS time,
        j.now_ms AS recorded_ms, j.member, j.decided ->> 's' AS status, j.decided -> 'why' ->> 'code' AS reason,
        j.decided ->> 'v' AS version, j.again, coalesce(j.input, w.input, f.input) ->> 'origin' AS origin,
        coalesce(j.input, w.input, f.input) -> 'data' AS data
    FROM journal j LEFT JOIN journal w ON w.pos = j.again LEFT JOIN journal f ON f.pos = w.again;
CREATE VIEW transfers AS
    SELECT j.pos, t.key AS n, j.member, j.now_ms AS recorded_ms, coalesce(t.value ->> 'k', 'earn') AS kind,
        t.value ->> 'w' AS wallet, coalesce(t.value ->> 'd', 'issued') AS debit,
        coalesce(t.value ->> 'c', 'available') AS credit, t.value ->> 'a' AS amount, t.value ->> 'r' AS rule,
        t.value ->> '$.l[0]' AS lot_pos, t.value ->> '$.l[1]' AS lot_n, t.value ->> 'b' AS after,
        t.value ->> 'of' AS household  -- whose wallet it is, where it is not the member's own
    FROM journal j, json_each(j.decided, '$.t') t;
CREATE VIEW effects AS
    SELECT j.pos, e.key AS n, j.member, e.value ->> 'r' AS rule, coalesce(e.value ->> 'k', 'earn') AS kind,
        e.value ->> 'w' AS wallet, e.value ->> 'a' AS wanted, coalesce(e.value ->> 'g', e.value ->> 'a') AS granted, e.value ->> 'cut' AS cut
    FROM journal j, json_each(j.decided, '$.e') e;
CREATE VIEW members AS
    SELECT no AS member, image ->> 'enrolled_at' AS enrolled_at, coalesce(image -> 'identities', '[]') AS identities,
        coalesce(image -> 'fields', '{}') AS fields, image ->> 'last_pos' AS last_pos, image ->> 'changes' AS changes
    FROM member;
CREATE VIEW balances AS
    SELECT m.no AS member, w.value ->> 'id' AS wallet, w.value ->> 'available' AS available,
        coalesce(w.value ->> 'pending', 0) AS pending, coalesce(w.value ->> 'debt', 0) AS debt
    FROM member m, json_each(m.image, '$.wallets') w;
CREATE VIEW lots AS
    SELECT m.no AS member, w.value ->> 'id' AS wallet, l.value ->> 0 AS pos, l.value ->> 1 AS n,
        l.value ->> 2 AS remaining, coalesce(l.value ->> 3, 0) AS joined,
        iif(json_type(l.value, '$[4]') = 'integer', strftime('%Y-%m-%dT%H:%M:%SZ', l.value ->> 4, 'unixepoch'), l.value ->> 4) AS expires_at,
        l.value ->> 5 AS put_in_by  -- in a household: by which member
    FROM member m, json_each(m.image, '$.wallets') w, json_each(w.value, '$.lots') p,
        json_each(CASE p.type WHEN 'object' THEN
            (SELECT lots FROM lot_page WHERE at = m.no << 24 | p.value ->> '$.p[0]')
            ELSE '[' || p.value || ']' END) l;
-- A household is a member of its own, who holds what is available in the wallets that it shares.
CREATE VIEW households AS
    SELECT m.no AS household, r.value ->> 'no' AS member, r.value ->> 'since' AS since
    FROM member m, json_each(m.image, '$.household.residents') r;
-- A member who is not here is on the first level.
CREATE VIEW levels AS
    SELECT m.no AS member, t.value ->> 'ladder' AS ladder, t.value -> 'held' ->> 'level' AS level,
        t.value -> 'held' ->> 'since' AS since, t.value -> 'held' ->> 'until' AS until,
        coalesce(t.value -> 'held' ->> 'placed', 0) AS placed
    FROM member m, json_each(m.image, '$.tiers') t;
CREATE VIEW achievements AS
    SELECT m.no AS member, a.value ->> 'id' AS achievement, a.value ->> 'times' AS times
    FROM member m, json_each(m.image, '$.achieved') a;
CREATE VIEW budgets AS
    SELECT b.id, p.value ->> 0 AS window, p.value ->> 1 AS used FROM budget b, json_each(b.parts) p;
-- A redemption as it now stands; `row` and `n` name it.
CREATE VIEW redemptions AS
    SELECT r.value ->> 'pos' AS row, coalesce(r.value ->> 'n', 0) AS n, max(j.pos) AS pos, j.member,
        r.value ->> 'reward' AS reward, r.value ->> 'quantity' AS quantity, r.value ->> 'stage' AS status,
        r.value ->> 'at' AS at, r.value ->> 'until' AS until, r.value -> 'codes' AS codes, r.value ->> 'value' AS value,
        r.value ->> 'order' AS order_id, r.value ->> 'rule' AS rule, r.value -> 'spent' AS spent
    FROM journal j, json_each(j.decided, '$.rd') r GROUP BY 1, 2;
-- An order as it now stands.
CREATE VIEW orders AS
    SELECT j.decided -> 'o' ->> 'id' AS id, max(j.pos) AS pos, j.decided -> 'o' ->> 'm' AS member,
        j.decided -> 'o' ->> 'at' AS paid_at, coalesce(j.decided -> 'o' ->> 'cur', '') AS currency,
        j.decided -> 'o' ->> 't' AS total, coalesce(j.decided -> 'o' ->> 'b', '0') AS refunded_by_amount,
        coalesce(j.decided -> 'o' ->> 'closed', 0) AS closed, j.decided -> 'o' ->> 'v' AS version,
        j.decided -> 'o' AS document
    FROM journal j WHERE j.decided -> 'o' IS NOT NULL GROUP BY 1;
-- Every change, with the member's own count of changes (0: about no member): that he came, his further names, the transfers of a row, its messages.
CREATE VIEW feed AS
    WITH told AS (
        SELECT pos, member, now_ms, decided, coalesce(decided ->> 'q', 0) AS seq, coalesce(decided ->> 'new', 0) AS came,
            coalesce(decided ->> 'new', 0) = 0
                AND (coalesce(json_array_length(decided, '$.linked'), 0) > 0 OR coalesce(decided ->> 'unnamed', 0)) AS linked
        FROM journal WHERE decided ->> 'q' IS NOT NULL OR decided -> 'msg' IS NOT NULL)
    SELECT pos, member, seq AS member_seq, now_ms AS recorded_ms,
        iif(came, 'member.enrolled', 'member.linked') AS type, '{}' AS data
    FROM told WHERE came OR linked
    UNION ALL
    SELECT j.pos, j.member, seq + came + linked + t.key, j.now_ms,
        'points.' || CASE coalesce(t.value ->> 'k', 'earn') WHEN 'earn' THEN 'earned' WHEN 'repay' THEN 'repaid'
            WHEN 'reverse' THEN 'reversed' WHEN 'adjust' THEN 'adjusted' WHEN 'release' THEN 'released' WHEN 'expire' THEN 'expired'
            WHEN 'spend' THEN 'spent' WHEN 'return' THEN 'returned' WHEN 'transfer' THEN 'transferred' ELSE t.value ->> 'k' END,
        json_object('wallet', t.value ->> 'w', 'amount', t.value ->> 'a', 'rule', t.value ->> 'r',
            'available', t.value ->> 'b')
    FROM told j, json_each(j.decided, '$.t') t
    UNION ALL
    SELECT j.pos, j.member, seq + came + linked + coalesce(json_array_length(j.decided, '$.t'), 0) + e.key, j.now_ms,
        e.value ->> 'type', coalesce(e.value -> 'data', '{}')
    FROM told j, json_each(j.decided, '$.msg') e
    ORDER BY 1, 3;
