//! Which process looks after which endpoint: leases that are renewed while it runs, shared evenly among those that are
//! heard of.
//!
//! Invariant: what came of attempts is saved only by whoever holds the endpoint. A process that was away too long finds
//! it held by another and saves nothing; what it had sent is sent again.

use std::collections::HashMap;

use super::desk::Desk;
use super::head::server_ms;
use crate::StoreError;
use crate::db::{Db, values};

/// Names are a JSON array.
const PUT: &str = concat!(
    "INSERT INTO lease SELECT name, ?2, ?3 + ",
    server_ms!(),
    " FROM jsonb_array_elements_text(?1::TEXT::JSONB) name
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms"
);

const RENEW: &str = concat!("UPDATE lease SET until_ms = ?2 + ", server_ms!(), " WHERE holder = ?1");

impl Desk {
    /// Of all endpoints those that are this process's for so long: its own, and free ones up to its share. Those beyond
    /// its share come last; they are held until they are released.
    pub fn share(&self, all: &[u64], hold_ms: i64) -> Result<(Vec<u64>, usize), StoreError> {
        let (me, mut all) = (self.me(), all.to_vec());
        all.sort_unstable();
        self.transact(move |db| {
            db.execute(concat!("DELETE FROM lease WHERE until_ms <= ", server_ms!()), &[])?;
            db.execute(PUT, values![names([format!("process:{me}")]), me, hold_ms])?;
            let held = db.all("SELECT name, holder FROM lease", &[], |r| {
                Ok((r.get::<String>(0)?, r.get::<i64>(1)?))
            })?;
            let processes = held.iter().filter(|(name, _)| name.starts_with("process:")).count();
            let fair = all.len().div_ceil(processes.max(1));
            let held: HashMap<String, i64> = held.into_iter().collect();
            let holder = |no: &u64| held.get(&endpoint(no)).copied();
            let mut mine: Vec<u64> = all.iter().filter(|no| holder(no) == Some(me)).copied().collect();
            db.execute(RENEW, values![me, hold_ms])?;
            let free = all.iter().filter(|no| holder(no).is_none()).take(fair.saturating_sub(mine.len()));
            let free: Vec<u64> = free.copied().collect();
            if !free.is_empty() {
                db.execute(PUT, values![names(free.iter().map(endpoint)), me, hold_ms])?;
            }
            mine.extend(free);
            Ok((mine, fair))
        })
    }

    /// They are free for others.
    pub fn release(&self, all: &[u64]) -> Result<(), StoreError> {
        let (me, all) = (self.me(), names(all.iter().map(endpoint)));
        let free = "DELETE FROM lease WHERE holder = ?2
            AND name IN (SELECT name FROM jsonb_array_elements_text(?1::TEXT::JSONB) name)";
        self.transact(move |db| db.execute(free, values![all, me]).map(|_| ()))
    }

    /// All of them, and the process itself is not heard of any more.
    pub fn leave(&self) -> Result<(), StoreError> {
        let me = self.me();
        self.transact(move |db| db.execute("DELETE FROM lease WHERE holder = ?1", values![me]).map(|_| ()))
    }

    /// From now on it is this process's, whoever had it.
    pub fn seize(&self, no: u64, hold_ms: i64) -> Result<(), StoreError> {
        let me = self.me();
        self.transact(move |db| db.execute(PUT, values![names([endpoint(&no)]), me, hold_ms]).map(|_| ()))
    }
}

/// Within a transaction: an error unless it is this process's.
pub fn check(db: Db<'_>, me: i64, no: u64) -> Result<(), StoreError> {
    let select = "SELECT holder FROM lease WHERE name = ?1";
    match db.one(select, values![endpoint(&no)], |r| r.get::<i64>(0))? {
        Some(holder) if holder == me => Ok(()),
        _ => Err(StoreError::Unavailable(format!("another process looks after endpoint {no}"))),
    }
}

fn endpoint(no: &u64) -> String {
    format!("endpoint:{no}")
}

fn names(all: impl IntoIterator<Item = String>) -> String {
    serde_json::Value::from_iter(all).to_string()
}
