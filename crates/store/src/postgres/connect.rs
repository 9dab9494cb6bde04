//! Connections: how each is made, set up and asked. A server whose commits would not be durable is refused.
//!
//! Invariant: every connection has bounds of its own for how long it waits, whatever the server's settings are; one that
//! writes has seen that the server is a primary and syncs what it commits.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::Write;

use postgres::types::ToSql;
use postgres::{Client, Row, Statement};

use super::address::Address;
use super::error::store_error;
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

/// How to connect: kept, for it is done again whenever a connection is lost.
#[derive(Clone)]
pub struct Door {
    pub address: Address,
    tls: Tls,
}

impl Door {
    pub fn new(address: Address) -> Result<Door, StoreError> {
        let tls = Tls::new(&address.trust)?;
        Ok(Door { address, tls })
    }

    pub fn connect(&self, what_for: Use) -> Result<Conn, StoreError> {
        let failed = |e: postgres::Error| {
            let why =
                std::error::Error::source(&e).map_or_else(|| e.to_string(), |why| format!("{e}: {why}"));
            StoreError::Unavailable(format!("cannot connect to {}: {why}", self.address))
        };
        let client = self.address.config.connect(self.tls.clone()).map_err(failed)?;
        let conn = Conn::new(client);
        let set_up = || -> Result<(), StoreError> {
            conn.run(&settings(what_for, self.address.schema.as_deref()))?;
            if what_for != Use::Read { refuse_what_is_not_durable(&conn) } else { Ok(()) }
        };
        set_up().map_err(|e| match e {
            StoreError::Unavailable(why) => StoreError::Unavailable(format!("{}: {why}", self.address)),
            other => other,
        })?;
        Ok(conn)
    }
}

/// Of the session. Indexes are used even before the server has counted the rows of a table.
fn settings(what_for: Use, schema: Option<&str>) -> String {
    let (statement, lock) = if what_for == Use::Migrate { ("0", "60s") } else { ("30s", "3s") };
    let mut set = format!(
        "SET statement_timeout = '{statement}'; SET lock_timeout = '{lock}';
         SET idle_in_transaction_session_timeout = '4s'; SET client_min_messages = 'warning';
         SET default_transaction_isolation = 'read committed'; SET jit = off; SET bytea_output = 'hex';
         SELECT set_config('synchronous_commit', current_setting('synchronous_commit'), false);"
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
    set
}

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
    client: RefCell<Client>,
    prepared: RefCell<HashMap<Box<str>, Statement>>,
    begun: Cell<bool>,
}

impl Conn {
    fn new(client: Client) -> Conn {
        Conn { client: RefCell::new(client), prepared: RefCell::default(), begun: Cell::new(false) }
    }

    /// Kept prepared. Parameters are `$1`, or `?1` where a statement is said for both databases.
    fn prepare(&self, sql: &str) -> Result<Statement, StoreError> {
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let text = sql.replace('?', "$");
        let statement = self.client.borrow_mut().prepare(&text).map_err(|e| store_error(&e))?;
        self.prepared.borrow_mut().insert(sql.into(), statement.clone());
        Ok(statement)
    }

    pub fn query(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        let statement = self.prepare(sql)?;
        self.client.borrow_mut().query(&statement, values).map_err(|e| store_error(&e))
    }
    pub fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let statement = self.prepare(sql)?;
        self.client.borrow_mut().execute(&statement, values).map_err(|e| store_error(&e))
    }
    /// Statements without values, all at once.
    pub fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.client.borrow_mut().batch_execute(sql).map_err(|e| store_error(&e))
    }
    /// `bytes` as the binary form of COPY.
    pub fn copy(&self, sql: &str, bytes: &[u8]) -> Result<u64, StoreError> {
        let statement = self.prepare(sql)?;
        let mut client = self.client.borrow_mut();
        let mut copy = client.copy_in(&statement).map_err(|e| store_error(&e))?;
        // What goes wrong here is told by `finish` too, in the server's words.
        let _told_below = copy.write_all(bytes);
        copy.finish().map_err(|e| store_error(&e))
    }

    /// `begin` says how a transaction begins.
    pub fn begin(&self, begin: &str) -> Result<(), StoreError> {
        self.begun.set(true);
        self.run(begin)
    }
    pub fn commit(&self) -> Result<(), StoreError> {
        self.begun.set(false);
        self.run("COMMIT")
    }
    /// Out of a transaction, if it is in one. False: the connection cannot be used on.
    pub fn rest(&self) -> bool {
        (!self.begun.replace(false) || self.run("ROLLBACK").is_ok()) && self.is_open()
    }
    /// Whether the server has not hung up meanwhile.
    pub fn is_open(&self) -> bool {
        let mut client = self.client.borrow_mut();
        client.check_connection().is_ok() && !client.is_closed()
    }
    pub fn client(&self) -> std::cell::RefMut<'_, Client> {
        self.client.borrow_mut()
    }
}
