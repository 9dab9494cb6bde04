//! Endpoints, and what each of them has taken: written in small transactions, some changes at a time.
//!
//! Invariant: an endpoint's place moves past a change only in the transaction that keeps the change in `delivery`, or
//! after the endpoint took it.

use super::{Admin, Way, made};
use crate::StoreError;
use crate::db::{Db, values};

/// Attempts that are kept of each endpoint.
const ATTEMPTS_KEPT: i64 = 1_000;

/// A change, by row and number.
pub type ChangeId = (u64, u16);

/// A message that was not taken at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    pub change: ChangeId,
    pub member: Option<u64>,
    pub attempts: u32,
    /// When it is tried again; none: a dead letter.
    pub next_ms: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    pub change: ChangeId,
    pub at_ms: i64,
    pub took_ms: i64,
    /// None: there was no answer.
    pub status: Option<u16>,
    pub said: Box<str>,
    pub taken: bool,
}

/// What an owner sets of an endpoint.
#[derive(Clone, Default)]
pub struct EndpointWords {
    /// JSON.
    pub settings: String,
    /// JSON {name: value}: secrets of its connector.
    pub hidden: String,
}

/// What came of some attempts.
#[derive(Debug, Default)]
pub struct Progress {
    pub place: Option<String>,
    /// Since when it has taken nothing.
    pub failing_ms: Option<i64>,
    pub taken: Vec<ChangeId>,
    pub later: Vec<DeliveryRow>,
    pub attempts: Vec<AttemptRow>,
    /// Why it is switched off from now on.
    pub off: Option<&'static str>,
}

impl Progress {
    /// There is nothing to save.
    pub fn is_empty(&self) -> bool {
        let Progress { place, failing_ms: _, taken, later, attempts, off } = self;
        place.is_none() && off.is_none() && taken.is_empty() && later.is_empty() && attempts.is_empty()
    }
}

impl Admin {
    /// Answers its number.
    pub fn endpoint_create(
        &self,
        words: EndpointWords,
        secrets: String,
        place: String,
        now_ms: i64,
    ) -> Result<u64, StoreError> {
        self.run(move |db| {
            let insert = "INSERT INTO endpoint (settings, hidden, secrets, place, created_ms)
                VALUES (?1, ?2, ?3, ?4, ?5) RETURNING no";
            let row = values![words.settings, words.hidden, secrets, place, now_ms];
            made(db.one(insert, row, |r| r.get(0))?)
        })
    }

    /// False if there is no such endpoint. Switched on, it begins afresh: what is dead stays so until it is retried.
    pub fn endpoint_change(
        &self,
        no: u64,
        words: EndpointWords,
        off: Option<&'static str>,
    ) -> Result<bool, StoreError> {
        self.run(move |db| {
            let update = "UPDATE endpoint SET settings = ?2, hidden = ?3, off = ?4,
                failing_ms = CASE WHEN off IS NULL THEN failing_ms END WHERE no = ?1";
            Ok(db.execute(update, values![no, words.settings, words.hidden, off])? == 1)
        })
    }

    pub fn endpoint_secrets(&self, no: u64, secrets: String) -> Result<bool, StoreError> {
        self.run(move |db| {
            Ok(db.execute("UPDATE endpoint SET secrets = ?2 WHERE no = ?1", values![no, secrets])? == 1)
        })
    }

    /// With all that is kept of it. False if there is no such endpoint.
    pub fn endpoint_delete(&self, no: u64) -> Result<bool, StoreError> {
        self.run(move |db| {
            db.execute("DELETE FROM delivery WHERE endpoint = ?1", values![no])?;
            db.execute("DELETE FROM attempt WHERE endpoint = ?1", values![no])?;
            Ok(db.execute("DELETE FROM endpoint WHERE no = ?1", values![no])? == 1)
        })
    }

    /// From this place on everything is sent again; what waits or is dead is forgotten, for it comes again.
    pub fn endpoint_rewind(&self, no: u64, place: String, from: ChangeId) -> Result<bool, StoreError> {
        self.run(move |db| {
            let rest = "DELETE FROM delivery WHERE endpoint = ?1 AND (pos, n) > (?2, ?3)";
            db.execute(rest, values![no, from.0, from.1])?;
            Ok(db.execute("UPDATE endpoint SET place = ?2 WHERE no = ?1", values![no, place])? == 1)
        })
    }

    /// Dead letters are tried again, now: one, or all. Answers how many.
    pub fn delivery_retry(&self, no: u64, only: Option<ChangeId>, now_ms: i64) -> Result<usize, StoreError> {
        self.run(move |db| {
            let (pos, n) = only.map_or((None, None), |(pos, n)| (Some(pos), Some(n)));
            let update = "UPDATE delivery SET attempts = 0, next_ms = ?2 WHERE endpoint = ?1
                AND (pos = ?3 AND n = ?4 OR ?3 IS NULL AND next_ms IS NULL)";
            db.execute(update, values![no, now_ms, pos, n]).map(|rows| rows as usize)
        })
    }

    /// What came of attempts, all or nothing. An endpoint that was taken away meanwhile stays away; one that another
    /// process looks after by now is left to it.
    pub fn delivery_save(&self, no: u64, progress: Progress) -> Result<(), StoreError> {
        #[cfg(feature = "postgres")]
        if let Way::Postgres(desk) = &self.0 {
            let me = desk.me();
            return self.run(move |db| {
                crate::postgres::leases::check(db, me, no)?;
                save(db, no, &progress)
            });
        }
        self.run(move |db| save(db, no, &progress))
    }

    /// Of all endpoints those that this process looks after for so long, where several share the database, and how many of
    /// them are its share: those beyond it are to be released.
    #[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
    pub fn endpoint_share(&self, all: &[u64], hold_ms: i64) -> Result<(Vec<u64>, usize), StoreError> {
        match &self.0 {
            Way::Sqlite(_) => Ok((all.to_vec(), all.len())),
            #[cfg(feature = "postgres")]
            Way::Postgres(desk) => desk.share(all, hold_ms),
        }
    }

    /// Others may look after them.
    #[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
    pub fn endpoint_release(&self, all: &[u64]) -> Result<(), StoreError> {
        match &self.0 {
            Way::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Way::Postgres(desk) => desk.release(all),
        }
    }

    /// This process looks after none any more.
    pub fn endpoint_leave(&self) -> Result<(), StoreError> {
        match &self.0 {
            Way::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Way::Postgres(desk) => desk.leave(),
        }
    }

    /// This process looks after it from now on, whoever did before.
    #[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
    pub fn endpoint_seize(&self, no: u64, hold_ms: i64) -> Result<(), StoreError> {
        match &self.0 {
            Way::Sqlite(_) => Ok(()),
            #[cfg(feature = "postgres")]
            Way::Postgres(desk) => desk.seize(no, hold_ms),
        }
    }
}

fn save(db: Db<'_>, no: u64, progress: &Progress) -> Result<(), StoreError> {
    let update = "UPDATE endpoint SET place = coalesce(?2, place), failing_ms = ?3, off = coalesce(?4, off)
        WHERE no = ?1";
    let row = values![no, progress.place, progress.failing_ms, progress.off];
    if db.execute(update, row)? == 0 {
        return Ok(());
    }
    let take = "DELETE FROM delivery WHERE endpoint = ?1 AND pos = ?2 AND n = ?3";
    for (pos, n) in &progress.taken {
        db.execute(take, values![no, *pos, *n])?;
    }
    let keep = "INSERT INTO delivery VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (endpoint, pos, n)
        DO UPDATE SET member = excluded.member, attempts = excluded.attempts, next_ms = excluded.next_ms";
    for one in &progress.later {
        let (pos, n) = one.change;
        db.execute(keep, values![no, pos, n, one.member, one.attempts, one.next_ms])?;
    }
    let log = "INSERT INTO attempt (endpoint, pos, n, at_ms, took_ms, status, said, taken)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    for one in &progress.attempts {
        let (pos, n) = one.change;
        db.execute(log, values![no, pos, n, one.at_ms, one.took_ms, one.status, one.said, one.taken])?;
    }
    let oldest = "DELETE FROM attempt WHERE endpoint = ?1 AND no <=
        (SELECT no FROM attempt WHERE endpoint = ?1 ORDER BY no DESC LIMIT 1 OFFSET ?2)";
    db.execute(oldest, values![no, ATTEMPTS_KEPT])?;
    Ok(())
}
