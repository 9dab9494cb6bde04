-- Numbers are whole, times are milliseconds since 1970 (UTC). Positions and numbers of members start at 1.
-- The tables are those of the file (../0001_base.sql), but for how members and keys lie.

-- The one row by which processes take turns, and where everything ends. Every batch begins with an update of it that
-- names the fence and the position it was decided from: whoever was overtaken finds no row and commits nothing.
CREATE TABLE head (
    no BIGINT PRIMARY KEY CHECK (no = 1),
    holder BIGINT NOT NULL,                                  -- a process, by a number that it drew
    fence BIGINT NOT NULL,                                   -- one more with every turn
    until_ms BIGINT NOT NULL,                                -- by the server's clock: until then nobody else takes it
    waiting BOOLEAN NOT NULL,                                -- somebody else would like it
    next_pos BIGINT NOT NULL CHECK (next_pos > 0),
    next_member BIGINT NOT NULL CHECK (next_member > 0),
    now_ms BIGINT NOT NULL,                                  -- of the newest row
    hash BYTEA NOT NULL CHECK (length(hash) = 32)            -- of the newest row
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
INSERT INTO head VALUES (1, 0, 0, 0, false, 1, 1, 0, decode(repeat('00', 32), 'hex'));

-- Which members the newest batches changed, so that another process forgets them.
CREATE TABLE touched (
    pos BIGINT PRIMARY KEY,                                  -- last position of the batch
    members BIGINT[] NOT NULL
);

-- What came in and what was decided, in the order of commits. Never changed, never deleted.
CREATE TABLE journal (
    pos BIGINT PRIMARY KEY CHECK (pos > 0),
    member BIGINT CHECK (member > 0),
    prev BIGINT NOT NULL CHECK (prev >= 0 AND prev < pos),   -- the member's row before this one, 0 if none
    now_ms BIGINT NOT NULL,                                  -- when it was decided
    again BIGINT CHECK (again > 0 AND again < pos),          -- a row that waited, applied now: where it waited
    input TEXT,                                              -- the event as JSON, `data` word for word
    body_hash BYTEA,
    decided TEXT NOT NULL,                                   -- JSON of domain::outcome::Decision
    hash BYTEA NOT NULL CHECK (length(hash) = 32),           -- SHA-256(hash of the row before, every field above; of input and decided their SHA-256)
    CHECK ((input IS NULL) = (again IS NOT NULL)),
    CHECK ((input IS NULL) = (body_hash IS NULL))
);
-- Rows of erased members: what was told of them is gone from `input` and `decided`. The chain was built on these digests.
CREATE TABLE redacted (
    pos BIGINT PRIMARY KEY CHECK (pos > 0),
    by BIGINT NOT NULL CHECK (by > pos),                     -- the row that erased the member
    input BYTEA CHECK (length(input) = 32),                  -- SHA-256 of the input that was; NULL: the row has none
    decided BYTEA NOT NULL CHECK (length(decided) = 32),     -- SHA-256 of the decision that was
    kept BYTEA NOT NULL CHECK (length(kept) = 32)            -- SHA-256 of the SHA-256 of both as they stand now
);
-- Members whose erasure is under way. It begins with the row `by` and takes a while if there are many rows.
CREATE TABLE erasing (
    by BIGINT PRIMARY KEY CHECK (by > 0),
    rest TEXT NOT NULL                                       -- JSON: the rows to go on with, and what to look for
);

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE FUNCTION journal_keep() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        IF (NEW.pos, NEW.member, NEW.prev, NEW.now_ms, NEW.again, NEW.body_hash, NEW.hash)
            IS DISTINCT FROM (OLD.pos, OLD.member, OLD.prev, OLD.now_ms, OLD.again, OLD.body_hash, OLD.hash)
            OR NOT EXISTS (SELECT 1 FROM redacted WHERE pos = OLD.pos) THEN
            RAISE EXCEPTION 'the journal is never changed' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;
CREATE TRIGGER redacted_update BEFORE UPDATE OF pos, by, input, decided ON redacted
    FOR EACH ROW EXECUTE FUNCTION refuse('what is erased stays erased');
CREATE TRIGGER redacted_delete BEFORE DELETE ON redacted FOR EACH ROW EXECUTE FUNCTION refuse('what is erased stays erased');
CREATE TRIGGER redacted_truncate BEFORE TRUNCATE ON redacted EXECUTE FUNCTION refuse('what is erased stays erased');
CREATE TRIGGER journal_update BEFORE UPDATE ON journal FOR EACH ROW EXECUTE FUNCTION journal_keep();
CREATE TRIGGER journal_delete BEFORE DELETE ON journal FOR EACH ROW EXECUTE FUNCTION refuse('the journal is never shortened');
CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON journal EXECUTE FUNCTION refuse('the journal is never shortened');

-- A member's newest state, JSON of domain::member::Member.
CREATE TABLE member (
    no BIGINT PRIMARY KEY CHECK (no > 0),
    image TEXT NOT NULL,
    due_ms BIGINT                                            -- when the next thing is due; NULL: nothing is
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- Of a wallet with many lots, those between the first and the last. Where they belong in the member's state stands
-- {"p": [page, count, sum, lowest pos, highest pos, end of the first]} among its lots. A page is never changed: a new one takes its place.
CREATE TABLE lot_page (
    at BIGINT PRIMARY KEY CHECK (at > 16777216),             -- member << 24 | page
    lots TEXT NOT NULL                                       -- JSON [lot, ...] in spending order
);
CREATE TRIGGER lot_page_update BEFORE UPDATE ON lot_page
    FOR EACH ROW EXECUTE FUNCTION refuse('a page of lots is never changed');

CREATE TABLE identity (
    name TEXT COLLATE "C" PRIMARY KEY CHECK (name <> ''),
    member BIGINT NOT NULL CHECK (member > 0)
);

CREATE TABLE budget (
    id TEXT COLLATE "C" PRIMARY KEY CHECK (id <> ''),
    parts TEXT NOT NULL                                      -- JSON [[window, used], ...]
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- The vendor's own words, for replay and for people.
CREATE TABLE raw (
    pos BIGINT PRIMARY KEY CHECK (pos > 0),
    source TEXT NOT NULL,
    headers TEXT NOT NULL,                                   -- JSON [[name, value], ...]
    body BYTEA NOT NULL
);

-- What nobody could apply: an event whose id came before with other contents, a body that was refused at the door.
CREATE TABLE quarantine (
    no BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('conflict', 'refused')),
    source TEXT NOT NULL,
    event_id TEXT,
    pos BIGINT,                                              -- the row that it contradicts
    reason TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BYTEA NOT NULL,
    print BYTEA NOT NULL UNIQUE                              -- the same thing sent again is kept once
);

-- Keys (64-bit hashes, their bits as a signed number) of positions.
CREATE TABLE key (
    key BIGINT NOT NULL,
    pos BIGINT NOT NULL,
    PRIMARY KEY (key, pos)
);

CREATE TABLE program_version (
    version BIGINT PRIMARY KEY CHECK (version > 0),
    hash BYTEA NOT NULL,
    body TEXT NOT NULL,
    published_ms BIGINT NOT NULL,
    published_by TEXT NOT NULL
);

-- By how much the clock of a sandbox was moved; no row: not at all.
CREATE TABLE clock (
    no BIGINT PRIMARY KEY CHECK (no = 1),
    shift_ms BIGINT NOT NULL
);
-- Moves of it that were asked for under a name, so that a retry moves nothing.
CREATE TABLE clock_move (
    name TEXT COLLATE "C" PRIMARY KEY CHECK (name <> ''),
    words BYTEA NOT NULL CHECK (length(words) = 32),         -- SHA-256 of the request
    to_ms BIGINT NOT NULL
);

CREATE TABLE api_key (
    no BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY CHECK (no > 0),
    name TEXT NOT NULL,
    hash BYTEA NOT NULL UNIQUE,                              -- SHA-256 of the key; the key itself is nowhere
    scopes TEXT NOT NULL,                                    -- JSON ["...", ...]
    created_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    expires_ms BIGINT                                        -- NULL: never
);

-- Who is told of changes, and how far each has been told.
CREATE TABLE endpoint (
    no BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY CHECK (no > 0),
    settings TEXT NOT NULL,                                  -- JSON: url, types, ...
    secrets TEXT NOT NULL,                                   -- JSON [[secret, ms until which it counts or null], ...], newest first
    off TEXT,                                                -- why it is switched off; NULL: it is on
    place TEXT NOT NULL,                                     -- a cursor: what is before it was taken, or is in `delivery`
    failing_ms BIGINT,                                       -- since when it has taken nothing; NULL: it takes
    created_ms BIGINT NOT NULL,
    hidden TEXT NOT NULL DEFAULT '{}'                        -- JSON {name: value}: never shown
) WITH (fillfactor = 50);
-- Which process looks after which endpoint, and which processes there are: `endpoint:NO` and `process:HOLDER`.
CREATE TABLE lease (
    name TEXT COLLATE "C" PRIMARY KEY,
    holder BIGINT NOT NULL,                                  -- a process, by a number that it drew
    until_ms BIGINT NOT NULL                                 -- by the server's clock
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- Messages that were not taken at once, until they are.
CREATE TABLE delivery (
    endpoint BIGINT NOT NULL,
    pos BIGINT NOT NULL CHECK (pos > 0),
    n BIGINT NOT NULL CHECK (n >= 0),
    member BIGINT,
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    next_ms BIGINT,                                          -- when it is tried again; NULL: a dead letter
    PRIMARY KEY (endpoint, pos, n)
);
CREATE INDEX delivery_due ON delivery (endpoint, next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX delivery_of ON delivery (endpoint, member, pos, n) WHERE next_ms IS NOT NULL;
-- The newest attempts of each endpoint, for people.
CREATE TABLE attempt (
    no BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    endpoint BIGINT NOT NULL,
    pos BIGINT NOT NULL,
    n BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    took_ms BIGINT NOT NULL,
    status BIGINT,                                           -- NULL: there was no answer
    said TEXT NOT NULL,                                      -- beginning of the answer, or why there was none
    taken BOOLEAN NOT NULL DEFAULT false                     -- whatever the status says
);
CREATE INDEX attempt_of ON attempt (endpoint, no);

-- JSON of a stored text. What JSON may say and PostgreSQL has no character for is shown as U+FFFD; other words that it
-- cannot hold are shown as null, so that no row keeps the others from being read.
CREATE FUNCTION words(stored TEXT) RETURNS JSONB LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
    BEGIN
        RETURN stored::JSONB;
    EXCEPTION WHEN data_exception THEN
        BEGIN
            RETURN regexp_replace(stored, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g')::JSONB;
        EXCEPTION WHEN data_exception THEN
            RETURN 'null'::JSONB;
        END;
    END $$;

-- What people read. A transaction is a row of `transfers`; it leaves `debit` and enters `credit`.
CREATE VIEW events AS
    SELECT j.pos, i ->> 'source' AS source, i ->> 'id' AS id, i ->> 'type' AS type, i ->> 'time' AS time,
        j.now_ms AS recorded_ms, j.member, d ->> 's' AS status, d -> 'why' ->> 'code' AS reason,
        (d ->> 'v')::BIGINT AS version, j.again, i ->> 'origin' AS origin, i -> 'data' AS data
    FROM journal j LEFT JOIN journal w ON w.pos = j.again LEFT JOIN journal f ON f.pos = w.again,
        LATERAL (SELECT words(coalesce(j.input, w.input, f.input)) AS i, words(j.decided) AS d OFFSET 0) x;
CREATE VIEW transfers AS
    SELECT j.pos, t.no - 1 AS n, j.member, j.now_ms AS recorded_ms, coalesce(t.one ->> 'k', 'earn') AS kind,
        t.one ->> 'w' AS wallet, coalesce(t.one ->> 'd', 'issued') AS debit,
        coalesce(t.one ->> 'c', 'available') AS credit, (t.one ->> 'a')::BIGINT AS amount, t.one ->> 'r' AS rule,
        (t.one #>> '{l,0}')::BIGINT AS lot_pos, (t.one #>> '{l,1}')::BIGINT AS lot_n, (t.one ->> 'b')::BIGINT AS after,
        (t.one ->> 'of')::BIGINT AS household  -- whose wallet it is, where it is not the member's own
    FROM journal j, jsonb_array_elements(words(j.decided) -> 't') WITH ORDINALITY t(one, no);
CREATE VIEW effects AS
    SELECT j.pos, e.no - 1 AS n, j.member, e.one ->> 'r' AS rule, coalesce(e.one ->> 'k', 'earn') AS kind,
        e.one ->> 'w' AS wallet, (e.one ->> 'a')::BIGINT AS wanted,
        coalesce(e.one ->> 'g', e.one ->> 'a')::BIGINT AS granted, e.one ->> 'cut' AS cut
    FROM journal j, jsonb_array_elements(words(j.decided) -> 'e') WITH ORDINALITY e(one, no);
CREATE VIEW members AS
    SELECT no AS member, m ->> 'enrolled_at' AS enrolled_at, coalesce(m -> 'identities', '[]') AS identities,
        coalesce(m -> 'fields', '{}') AS fields, (m ->> 'last_pos')::BIGINT AS last_pos, (m ->> 'changes')::BIGINT AS changes
    FROM member, LATERAL (SELECT words(image) AS m OFFSET 0) x;
CREATE VIEW balances AS
    SELECT m.no AS member, w.one ->> 'id' AS wallet, (w.one ->> 'available')::BIGINT AS available,
        coalesce((w.one ->> 'pending')::BIGINT, 0) AS pending, coalesce((w.one ->> 'debt')::BIGINT, 0) AS debt
    FROM member m, jsonb_array_elements(words(m.image) -> 'wallets') w(one);
CREATE VIEW lots AS
    SELECT m.no AS member, w.one ->> 'id' AS wallet, (l.one ->> 0)::BIGINT AS pos, (l.one ->> 1)::BIGINT AS n,
        (l.one ->> 2)::BIGINT AS remaining, coalesce((l.one ->> 3)::BIGINT, 0) AS joined,
        CASE jsonb_typeof(l.one -> 4) WHEN 'number'
            THEN to_char(to_timestamp((l.one ->> 4)::BIGINT) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            ELSE l.one ->> 4 END AS expires_at,
        (l.one ->> 5)::BIGINT AS put_in_by  -- in a household: by which member
    FROM member m, jsonb_array_elements(words(m.image) -> 'wallets') w(one), jsonb_array_elements(w.one -> 'lots') p(one),
        jsonb_array_elements(CASE jsonb_typeof(p.one) WHEN 'object' THEN
            (SELECT words(lots) FROM lot_page WHERE at = (m.no << 24 | (p.one #>> '{p,0}')::BIGINT))
            ELSE jsonb_build_array(p.one) END) l(one);
-- A household is a member of its own, who holds what is available in the wallets that it shares.
CREATE VIEW households AS
    SELECT m.no AS household, (r.one ->> 'no')::BIGINT AS member, r.one ->> 'since' AS since
    FROM member m, jsonb_array_elements(words(m.image) #> '{household,residents}') r(one);
-- A member who is not here is on the first level.
CREATE VIEW levels AS
    SELECT m.no AS member, t.one ->> 'ladder' AS ladder, t.one -> 'held' ->> 'level' AS level,
        t.one -> 'held' ->> 'since' AS since, t.one -> 'held' ->> 'until' AS until,
        coalesce((t.one -> 'held' ->> 'placed')::BOOLEAN, false) AS placed
    FROM member m, jsonb_array_elements(words(m.image) -> 'tiers') t(one);
CREATE VIEW achievements AS
    SELECT m.no AS member, a.one ->> 'id' AS achievement, (a.one ->> 'times')::BIGINT AS times
    FROM member m, jsonb_array_elements(words(m.image) -> 'achieved') a(one);
CREATE VIEW budgets AS
    SELECT b.id, (p.one ->> 0)::BIGINT AS window, (p.one ->> 1)::BIGINT AS used
    FROM budget b, jsonb_array_elements(words(b.parts)) p(one);
-- A redemption as it now stands; `row` and `n` name it.
CREATE VIEW redemptions AS
    SELECT DISTINCT ON (1, 2) (r.one ->> 'pos')::BIGINT AS row, coalesce((r.one ->> 'n')::BIGINT, 0) AS n, j.pos, j.member,
        r.one ->> 'reward' AS reward, (r.one ->> 'quantity')::BIGINT AS quantity, r.one ->> 'stage' AS status,
        r.one ->> 'at' AS at, r.one ->> 'until' AS until, r.one -> 'codes' AS codes, r.one ->> 'value' AS value,
        r.one ->> 'order' AS order_id, r.one ->> 'rule' AS rule, r.one -> 'spent' AS spent
    FROM journal j, jsonb_array_elements(words(j.decided) -> 'rd') r(one) ORDER BY 1, 2, 3 DESC;
-- An order as it now stands.
CREATE VIEW orders AS
    SELECT DISTINCT ON (1) o ->> 'id' AS id, pos, (o ->> 'm')::BIGINT AS member, o ->> 'at' AS paid_at,
        coalesce(o ->> 'cur', '') AS currency, o ->> 't' AS total, coalesce(o ->> 'b', '0') AS refunded_by_amount,
        coalesce((o ->> 'closed')::BOOLEAN, false) AS closed, (o ->> 'v')::BIGINT AS version, o AS document
    FROM (SELECT pos, words(decided) -> 'o' AS o FROM journal OFFSET 0) x WHERE o IS NOT NULL ORDER BY 1, 2 DESC;
-- Every change, with the member's own count of changes (0: about no member): that he came, his further names, the transfers of a row, its messages.
CREATE VIEW feed AS
    WITH told AS (
        SELECT pos, member, now_ms, d, seq, came,
            CASE WHEN came = 0 AND (linked > 0 OR unnamed) THEN 1 ELSE 0 END AS linked
        FROM (
            SELECT pos, member, now_ms, d, coalesce((d ->> 'q')::BIGINT, 0) AS seq,
                coalesce((d ->> 'new')::BOOLEAN, false)::INT AS came,
                coalesce(jsonb_array_length(d -> 'linked'), 0) AS linked,
                coalesce((d ->> 'unnamed')::BOOLEAN, false) AS unnamed
            FROM (SELECT pos, member, now_ms, words(decided) AS d FROM journal OFFSET 0) x
            WHERE d ->> 'q' IS NOT NULL OR d -> 'msg' IS NOT NULL) y)
    SELECT pos, member, seq AS member_seq, now_ms AS recorded_ms,
        CASE came WHEN 1 THEN 'member.enrolled' ELSE 'member.linked' END AS type, '{}'::JSONB AS data
    FROM told WHERE came + linked > 0
    UNION ALL
    SELECT j.pos, j.member, seq + came + linked + t.no - 1, j.now_ms,
        'points.' || CASE coalesce(t.one ->> 'k', 'earn') WHEN 'earn' THEN 'earned' WHEN 'repay' THEN 'repaid'
            WHEN 'reverse' THEN 'reversed' WHEN 'adjust' THEN 'adjusted' WHEN 'release' THEN 'released' WHEN 'expire' THEN 'expired'
            WHEN 'spend' THEN 'spent' WHEN 'return' THEN 'returned' WHEN 'transfer' THEN 'transferred' ELSE t.one ->> 'k' END,
        jsonb_build_object('wallet', t.one -> 'w', 'amount', t.one -> 'a', 'rule', t.one -> 'r', 'available', t.one -> 'b')
    FROM told j, jsonb_array_elements(d -> 't') WITH ORDINALITY t(one, no)
    UNION ALL
    SELECT j.pos, j.member, seq + came + linked + coalesce(jsonb_array_length(d -> 't'), 0) + e.no - 1, j.now_ms,
        e.one ->> 'type', coalesce(e.one -> 'data', '{}')
    FROM told j, jsonb_array_elements(d -> 'msg') WITH ORDINALITY e(one, no)
    ORDER BY 1, 3;
