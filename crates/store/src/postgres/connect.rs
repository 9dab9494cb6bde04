//! Connections: how each is made, set up and asked. A server whose commits would not be durable is refused.
//!
//! Invariant: every connection has bounds of its own for how long it waits, whatever the server's settings are; one that
//! writes has seen that the server is a primary and syncs what it commits.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::Cursor;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures_util::SinkExt;
use postgres::types::ToSql;
use postgres::{Notification, Row, Statement};

use super::address::Address;
use super::line::Line;
use super::tls::Tls;
use crate::StoreError;

/// The oldest server that is tested.
const VERSION_MIN: i32 = 150_000;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Tables are made, which may take as long as it takes.
    Migrate,
    /// The decider, the writer, the listener and small writes.
    Write,
    /// Those who only look.
    Read,
}

/// Bytes of a COPY in one message.
const COPIED_AT_ONCE: usize = 1 << 20;

/// How to connect: kept, for it is done again whenever a connection is lost.
#[derive(Clone)]
pub struct Door {
    pub address: Arc<Address>,
    pub(super) tls: Tls,
    /// Which of several hosts answered last.
    pub(super) answered: Arc<AtomicUsize>,
}

impl Door {
    pub fn new(address: Address) -> Result<Door, StoreError> {
        let tls = Tls::new(&address.trust)?;
        Ok(Door { address: Arc::new(address), tls, answered: Arc::default() })
    }

    pub fn connect(&self, what_for: Use) -> Result<Conn, StoreError> {
        let conn = Conn::new(Line::dial(self, what_for)?);
        let set_up = || -> Result<(), StoreError> {
            conn.run(&settings(what_for, self.address.schema.as_deref()))?;
            if what_for != Use::Read { refuse_what_is_not_durable(&conn) } else { Ok(()) }
        };
        set_up().map_err(|e| match e {
            StoreError::Busy => StoreError::Unavailable(format!(
                "{}: data are being copied into it: start again when that is done",
                self.address
            )),
            StoreError::Unavailable(why) => StoreError::Unavailable(format!("{}: {why}", self.address)),
            other => other,
        })?;
        Ok(conn)
    }
}

/// Of the session. Indexes are used even before the server has counted the rows of a table.
fn settings(what_for: Use, schema: Option<&str>) -> String {
    // A server that ends a COMMIT which waits for its standby says that it is done. So where anything is written, only the
    // one who asks ends the waiting, and the server what he has hung up on.
    let statement = if what_for == Use::Read { "30s" } else { "0" };
    let lock = if what_for == Use::Migrate { "60s" } else { "3s" };
    let mut set = format!(
        "SET statement_timeout = '{statement}'; SET lock_timeout = '{lock}';
         SET idle_in_transaction_session_timeout = '4s'; SET client_min_messages = 'warning';
         SET default_transaction_isolation = 'read committed'; SET jit = off; SET bytea_output = 'hex';
         SELECT set_config('synchronous_commit', current_setting('synchronous_commit'), false);
         DO $$ BEGIN PERFORM set_config('client_connection_check_interval', '2s', false);
         EXCEPTION WHEN invalid_parameter_value THEN NULL; END $$;
         SELECT set_config(name, '0', false) FROM pg_settings
             WHERE name IN ('transaction_timeout', 'idle_session_timeout');"
    );
    if what_for == Use::Read {
        set.push_str("SET default_transaction_read_only = on;");
    } else {
        set.push_str("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan;");
    }
    if let Some(schema) = schema {
        let name = format!("\"{}\"", schema.replace('"', "\"\""));
        if what_for == Use::Migrate {
            set.push_str(&format!("CREATE SCHEMA IF NOT EXISTS {name};"));
        }
        set.push_str(&format!("SET search_path = {name};"));
    }
    if what_for == Use::Write {
        set.push_str(&format!("SELECT pg_advisory_lock_shared({IN_USE});"));
    }
    set
}

/// Whoever writes says so as long as he is connected, so that nobody puts other data in his place. He waits for a copy
/// into an empty database, but not for long.
pub const IN_USE: &str = "hashtextextended('fealty in use ' || current_schema(), 0)";

fn refuse_what_is_not_durable(conn: &Conn) -> Result<(), StoreError> {
    let ask = "SELECT current_setting('server_version_num')::INT, current_setting('server_version'), current_setting('fsync'),
        current_setting('full_page_writes'), current_setting('synchronous_commit'), pg_is_in_recovery(), current_schema()";
    let row = conn.query(ask, &[])?.pop().ok_or_else(|| StoreError::Unavailable("it says nothing".into()))?;
    let no = |why: String| Err(StoreError::Unavailable(why));
    if row.get::<_, i32>(0) < VERSION_MIN {
        return no(format!("the server is PostgreSQL {}; 15 is the least", row.get::<_, &str>(1)));
    }
    for (at, setting) in [(2, "fsync"), (3, "full_page_writes"), (4, "synchronous_commit")] {
        if row.get::<_, &str>(at) == "off" {
            return no(format!(
                "{setting} is off, so a crash of the server would lose what was confirmed: set {setting} = on in \
                 postgresql.conf (or ALTER DATABASE, ALTER ROLE) and reload"
            ));
        }
    }
    if row.get(5) {
        return no("the server is a standby and takes no writes: name the primary, or all hosts".into());
    }
    if row.get::<_, Option<&str>>(6).is_none() {
        return no("no schema of the search path exists: add schema=NAME to the url, or CREATE SCHEMA".into());
    }
    Ok(())
}

/// A connection and what was prepared on it. Used by one thread at a time.
pub struct Conn {
    line: Line,
    prepared: RefCell<HashMap<Box<str>, Statement>>,
    begun: Cell<bool>,
}

impl Conn {
    fn new(line: Line) -> Conn {
        Conn { line, prepared: RefCell::default(), begun: Cell::new(false) }
    }

    /// Kept prepared. Parameters are `$1`, or `?1` where a statement is said for both databases.
    fn prepare(&self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let text = sql.replace('?', "$");
        let statement = self.line.wait(self.line.client().prepare(&text))?;
        self.prepared.borrow_mut().insert(sql.into(), statement.clone());
        Ok(statement)
    }

    pub fn query(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepare(sql)?;
        self.line.wait(self.line.client().query(&statement, values))
    }
    pub fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let statement = self.prepare(sql)?;
        self.line.wait(self.line.client().execute(&statement, values))
    }
    /// Statements without values, all at once.
    pub fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.line.wait(self.line.client().batch_execute(sql))
    }
    /// `bytes` as the binary form of COPY.
    pub fn copy(&self, sql: &str, bytes: &[u8]) -> Result<u64, StoreError> {
        let statement = self.prepare(sql)?;
        self.line.wait(async {
            let mut copy = pin!(self.line.client().copy_in(&statement).await?);
            for part in bytes.chunks(COPIED_AT_ONCE) {
                // What goes wrong here is told by `finish` too, in the server's words.
                if copy.feed(Cursor::new(part.to_vec())).await.is_err() {
                    break;
                }
            }
            copy.finish().await
        })
    }

    /// `begin` says how a transaction begins.
    pub fn begin(&self, begin: &str) -> Result<(), StoreError> {
        self.begun.set(true);
        self.run(begin)
    }
    pub fn commit(&self) -> Result<(), StoreError> {
        self.begun.set(false);
        self.run("COMMIT")?;
        self.is_kept()
    }
    /// Of the commit that was just answered. Whoever cancels the waiting for a standby has the server warn and say that it is
    /// done: then this is not known.
    pub fn is_kept(&self) -> Result<(), StoreError> {
        let warned = |why| StoreError::Unavailable(format!("the server warned while it committed: {why}"));
        self.line.warned().map_or(Ok(()), |why| Err(warned(why)))
    }
    /// Out of a transaction, if it is in one. False: the connection cannot be used on.
    pub fn rest(&self) -> bool {
        (!self.begun.replace(false) || self.run("ROLLBACK").is_ok()) && self.is_open()
    }
    /// Whether the server has not hung up meanwhile.
    pub fn is_open(&self) -> bool {
        self.line.is_open()
    }
    /// What others told on the channels that it listens to, within so long.
    pub fn heard(&self, within: Duration) -> Result<Option<Notification>, StoreError> {
        self.line.heard(within)
    }
}
