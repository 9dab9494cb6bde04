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

const PUT: &str = concat!(
    "INSERT INTO lease VALUES (?1, ?2, ?3 + ",
    server_ms!(),
    ") ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms"
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
            db.execute(PUT, values![format!("process:{me}"), me, hold_ms])?;
            let held = db.all("SELECT name, holder FROM lease", &[], |r| {
                Ok((r.get::<String>(0)?, r.get::<i64>(1)?))
            })?;
            let processes = held.iter().filter(|(name, _)| name.starts_with("process:")).count();
            let fair = all.len().div_ceil(processes.max(1));
            let held: HashMap<String, i64> = held.into_iter().collect();
            let holder = |no: &u64| held.get(&endpoint(*no)).copied();
            let mut mine: Vec<u64> = all.iter().filter(|no| holder(no) == Some(me)).copied().collect();
            db.execute(RENEW, values![me, hold_ms])?;
            let free = all.iter().filter(|no| holder(no).is_none()).take(fair.saturating_sub(mine.len()));
            for no in free {
                db.execute(PUT, values![endpoint(*no), me, hold_ms])?;
                mine.push(*no);
            }
            Ok((mine, fair))
        })
    }

    /// They are free for others.
    pub fn release(&self, all: &[u64]) -> Result<(), StoreError> {
        let (me, all) = (self.me(), all.to_vec());
        self.transact(move |db| {
            for no in &all {
                let free = "DELETE FROM lease WHERE name = ?1 AND holder = ?2";
                db.execute(free, values![endpoint(*no), me])?;
            }
            Ok(())
        })
    }

    /// All of them, and the process itself is not heard of any more.
    pub fn leave(&self) -> Result<(), StoreError> {
        let me = self.me();
        self.transact(move |db| db.execute("DELETE FROM lease WHERE holder = ?1", values![me]).map(|_| ()))
    }

    /// From now on it is this process's, whoever had it.
    pub fn seize(&self, no: u64, hold_ms: i64) -> Result<(), StoreError> {
        let me = self.me();
        self.transact(move |db| db.execute(PUT, values![endpoint(no), me, hold_ms]).map(|_| ()))
    }
}

/// Within a transaction: an error unless it is this process's.
pub fn check(db: Db<'_>, me: i64, no: u64) -> Result<(), StoreError> {
    let select = "SELECT holder FROM lease WHERE name = ?1";
    match db.one(select, values![endpoint(no)], |r| r.get::<i64>(0))? {
        Some(holder) if holder == me => Ok(()),
        _ => Err(StoreError::Unavailable(format!("another process looks after endpoint {no}"))),
    }
}

fn endpoint(no: u64) -> String {
    format!("endpoint:{no}")
}
