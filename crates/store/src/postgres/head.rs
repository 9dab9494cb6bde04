//! The head row: taking it, giving it up, asking for it, and where everything ends.
//!
//! Invariant: the fence grows with every turn, and nothing is written but under the newest. A lease ends by the server's
//! clock and decides only who is next.

use postgres::Row;

use super::connect::Conn;
use crate::StoreError;
use crate::flight::Head;
use crate::sqlite::form;

/// Milliseconds since 1970 by the server's clock, when it was asked. Not of the very moment: an UPDATE of a table that
/// Citus distributes may not ask for that.
macro_rules! server_ms {
    () => {
        "(extract(epoch FROM statement_timestamp()) * 1000)::BIGINT"
    };
}
pub(super) use server_ms;

/// Where processes hear of each other: `SCHEMA:WORD` and `SCHEMA:POSITION`.
pub const CHANNEL: &str = "fealty";
/// Somebody waits for the turn.
pub const WANTED: &str = "wanted";
/// The turn is free.
pub const FREE: &str = "free";

/// The head as it was at one moment.
pub struct Seen {
    pub holder: i64,
    pub fence: i64,
    /// Until its lease is over; it is, if that is not above 0.
    pub left_ms: i64,
    pub waiting: bool,
    pub next_pos: u64,
    pub next_member: u64,
    pub now_ms: i64,
    pub hash: [u8; 32],
    /// The newest program version, 0 if none, and by how much the clock was moved.
    pub version: u32,
    pub shift_ms: i64,
    /// An erasure is under way.
    pub erasing: bool,
}

const COLUMNS: &str = concat!(
    "holder, fence, until_ms - ",
    server_ms!(),
    ", waiting, next_pos, next_member, now_ms, hash,
    (SELECT coalesce(max(version), 0) FROM program_version), coalesce((SELECT shift_ms FROM clock), 0),
    EXISTS (SELECT 1 FROM erasing)"
);

pub fn look(conn: &Conn) -> Result<Seen, StoreError> {
    let row = conn.query(&format!("SELECT {COLUMNS} FROM head"), &[])?.pop();
    seen(&row.ok_or_else(|| StoreError::Corrupt("the head row is not there".into()))?)
}

/// None: somebody else has it. Nothing of an earlier turn of ours can be committed any more. Also answers whether it was
/// given up before, or was ours: then all that was committed is as safe as it was to be.
pub fn take(conn: &Conn, me: i64, lease_ms: i64) -> Result<Option<(Seen, bool)>, StoreError> {
    // Need not be durable: if it is lost in a crash of the server, so is everything that was built on it.
    let update = format!(
        "WITH quick AS (SELECT set_config('synchronous_commit', 'off', true)),
            before AS (SELECT until_ms = 0 OR holder = $1 AS settled FROM head WHERE holder = $1 OR until_ms <= {now} FOR UPDATE)
         UPDATE head SET holder = $1, fence = fence + 1, until_ms = {now} + $2, waiting = false FROM quick, before
         WHERE holder = $1 OR until_ms <= {now} RETURNING {COLUMNS}, settled",
        now = server_ms!()
    );
    let taken = conn.query(&update, &[&me, &lease_ms])?.pop();
    taken.map(|row| Ok((seen(&row)?, row.get(11)))).transpose()
}

/// After this whatever was committed before is kept as commits are to be kept, by a standby too where one is asked for.
pub fn confirm(conn: &Conn) -> Result<(), StoreError> {
    conn.execute("UPDATE head SET waiting = waiting", &[])?;
    conn.is_kept()
}

/// Ends the transaction that keeps the head locked, if the server has waited for more of it for long: its process stands
/// still or is cut off. One that works is waited for.
pub fn break_up(conn: &Conn) -> Result<(), StoreError> {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE relation = 'head'::REGCLASS AND mode = 'RowExclusiveLock' AND granted AND pid <> pg_backend_pid()
        AND wait_event_type = 'Client' AND state_change < now() - INTERVAL '2 seconds'";
    conn.query(end, &[]).map(|_| ())
}

/// Asks who has it to give it up soon.
pub fn ask(conn: &Conn, channel: &str, fence: i64) -> Result<(), StoreError> {
    let update = "WITH quick AS (SELECT set_config('synchronous_commit', 'off', true)),
        asked AS (UPDATE head SET waiting = true FROM quick WHERE fence = $1 AND NOT waiting)
        SELECT pg_notify($2, $3)";
    conn.query(update, &[&fence, &CHANNEL, &format!("{channel}:{WANTED}")]).map(|_| ())
}

/// Nothing of this turn is on its way.
pub fn give_up(conn: &Conn, channel: &str, me: i64, fence: i64) -> Result<(), StoreError> {
    let update = "WITH quick AS (SELECT set_config('synchronous_commit', 'off', true)),
        given AS (UPDATE head SET until_ms = 0 FROM quick WHERE holder = $1 AND fence = $2 RETURNING 1)
        SELECT pg_notify($3, $4) FROM given";
    conn.query(update, &[&me, &fence, &CHANNEL, &format!("{channel}:{FREE}")]).map(|_| ())
}

/// Nothing is on its way, but what became of it may be open: it is free, and whoever takes it begins with a commit.
pub fn leave(conn: &Conn, channel: &str, me: i64) -> Result<(), StoreError> {
    conn.execute("UPDATE head SET until_ms = 1 WHERE holder = $1", &[&me])?;
    conn.query("SELECT pg_notify($1, $2)", &[&CHANNEL, &format!("{channel}:{FREE}")]).map(|_| ())
}

fn seen(row: &Row) -> Result<Seen, StoreError> {
    let whole = |at| row.get::<_, i64>(at).cast_unsigned();
    let hash = <[u8; 32]>::try_from(row.get::<_, &[u8]>(7));
    Ok(Seen {
        holder: row.get(0),
        fence: row.get(1),
        left_ms: row.get(2),
        waiting: row.get(3),
        next_pos: whole(4),
        next_member: whole(5),
        now_ms: row.get(6),
        hash: hash.map_err(|_| StoreError::Corrupt("the head has no hash".into()))?,
        version: u32::try_from(row.get::<_, i64>(8)).unwrap_or(u32::MAX),
        shift_ms: row.get(9),
        erasing: row.get(10),
    })
}

impl Seen {
    /// Its lease is not over.
    pub fn held(&self) -> bool {
        self.left_ms > 0
    }
    /// With the budgets, which are at least as new.
    pub fn head(&self, conn: &Conn) -> Result<Head, StoreError> {
        let mut budgets = std::collections::HashMap::new();
        for row in conn.query("SELECT id, parts FROM budget", &[])? {
            let (id, parts): (&str, &str) = (row.get(0), row.get(1));
            budgets.insert(id.into(), form::from_json(parts, || format!("budget {id}"))?);
        }
        let (next_pos, next_member) = (self.next_pos, self.next_member);
        Ok(Head { next_pos, next_member, now_ms: self.now_ms, hash: self.hash, budgets })
    }
}
