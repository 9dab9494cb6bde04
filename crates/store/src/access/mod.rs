//! The few writes that are no events: program versions, API keys, what is set aside for people.
//! They take their turn at the writer, each in a transaction of its own, and are durable when they return.

mod endpoints;

use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

use rusqlite::{Connection, TransactionBehavior};
use sha2::{Digest, Sha256};

pub use endpoints::{AttemptRow, ChangeId, DeliveryRow, EndpointWords, Progress};

use crate::StoreError;
use crate::db::{Db, values};
use crate::flight::Flight;
use crate::sqlite::{Job, file, headers_json, store_error};

#[derive(Clone)]
pub struct Admin(Way);

/// Where small writes go.
#[derive(Clone)]
enum Way {
    /// To the writer, in its turn.
    Sqlite(SyncSender<Job>),
    /// To the database at once.
    #[cfg(feature = "postgres")]
    Postgres(std::sync::Arc<crate::postgres::Desk>),
}

pub struct NewApiKey<'a> {
    pub name: &'a str,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    pub scopes: &'a [Box<str>],
    pub now_ms: i64,
    /// From then on it does not count.
    pub expires_ms: Option<i64>,
}

pub struct NewQuarantine<'a> {
    pub at_ms: i64,
    /// An id that came before with other contents; otherwise a body that was refused.
    pub conflict: bool,
    pub source: &'a str,
    pub event_id: Option<&'a str>,
    /// The row that it contradicts.
    pub pos: Option<u64>,
    pub reason: &'a str,
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

impl Admin {
    pub(crate) fn new(jobs: SyncSender<Job>) -> Admin {
        Admin(Way::Sqlite(jobs))
    }
    #[cfg(feature = "postgres")]
    pub(crate) fn postgres(desk: std::sync::Arc<crate::postgres::Desk>) -> Admin {
        Admin(Way::Postgres(desk))
    }

    /// Beside the process that holds the data (or without any): for API keys, which no batch reads or writes.
    /// It has a connection of its own, and the database makes the two take turns.
    pub fn beside(dir: &Path) -> Result<Admin, StoreError> {
        let mut conn = file::open(dir)?;
        let (jobs, jobs_in) = sync_channel(1);
        std::thread::spawn(move || {
            for job in jobs_in {
                if let Job::Admin(work) = job {
                    work(Ok(&mut conn));
                }
            }
        });
        Ok(Admin::new(jobs))
    }

    /// Whether other processes may write to the same database.
    pub fn is_shared(&self) -> bool {
        match &self.0 {
            Way::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Way::Postgres(_) => true,
        }
    }

    /// Publishes the next version of the program and answers its number; publishing the newest one again (same
    /// hash) changes nothing.
    pub fn program_version_put(
        &self,
        hash: [u8; 32],
        body: &str,
        by: &str,
        now_ms: i64,
    ) -> Result<u32, StoreError> {
        self.put_version(None, hash, body, by, now_ms)
    }

    /// The same, if it is to be this version; otherwise the newest one's number is answered and nothing is published.
    pub fn program_version_add(
        &self,
        version: u32,
        hash: [u8; 32],
        body: &str,
        by: &str,
        now_ms: i64,
    ) -> Result<u32, StoreError> {
        self.put_version(Some(version), hash, body, by, now_ms)
    }

    fn put_version(
        &self,
        only: Option<u32>,
        hash: [u8; 32],
        body: &str,
        by: &str,
        now_ms: i64,
    ) -> Result<u32, StoreError> {
        let (body, by) = (body.to_owned(), by.to_owned());
        self.run(move |db| {
            let newest = "SELECT version, hash FROM program_version ORDER BY version DESC LIMIT 1";
            let newest = db.one(newest, &[], |r| Ok((r.get::<u32>(0)?, r.get::<[u8; 32]>(1)?)))?;
            let (newest, same) = newest.map_or((0, false), |(version, stored)| (version, stored == hash));
            let version = newest + 1;
            if same || only.is_some_and(|only| only != version) {
                return Ok(newest);
            }
            let put = "INSERT INTO program_version VALUES (?1, ?2, ?3, ?4, ?5)";
            db.execute(put, values![version, hash, body, now_ms, by])?;
            Ok(version)
        })
    }

    /// By how much the clock of a sandbox is ahead of the machine's; and under which name and with which words it was
    /// moved to when, if it was named.
    pub fn clock_put(&self, shift_ms: i64, named: Option<(&str, [u8; 32], i64)>) -> Result<(), StoreError> {
        let named = named.map(|(name, words, to_ms)| (name.to_owned(), words, to_ms));
        self.run(move |db| {
            if let Some((name, words, to_ms)) = &named {
                db.execute("INSERT INTO clock_move VALUES (?1, ?2, ?3)", values![*name, *words, *to_ms])?;
            }
            // It is moved forward only, whoever moves it.
            let put = "INSERT INTO clock VALUES (1, ?1) ON CONFLICT (no) DO UPDATE SET shift_ms =
                CASE WHEN excluded.shift_ms > clock.shift_ms THEN excluded.shift_ms ELSE clock.shift_ms END";
            db.execute(put, values![shift_ms]).map(|_| ())
        })
    }

    /// The move of this name: its words, and where it went.
    pub fn clock_move_get(&self, name: &str) -> Result<Option<(Vec<u8>, i64)>, StoreError> {
        let name = name.to_owned();
        self.run(move |db| {
            let select = "SELECT words, to_ms FROM clock_move WHERE name = ?1";
            db.one(select, values![name], |r| Ok((r.get(0)?, r.get(1)?)))
        })
    }

    /// Answers the key's number.
    pub fn api_key_create(&self, key: &NewApiKey<'_>) -> Result<u64, StoreError> {
        made(self.put_key(key, false)?)
    }

    /// The same, unless somebody else has made a key with the first of these scopes: then nothing is made.
    pub fn api_key_first(&self, key: &NewApiKey<'_>) -> Result<Option<u64>, StoreError> {
        self.put_key(key, true)
    }

    fn put_key(&self, key: &NewApiKey<'_>, first: bool) -> Result<Option<u64>, StoreError> {
        let scopes = serde_json::to_string(key.scopes).expect("texts are JSON");
        let may = serde_json::to_string(&key.scopes.first()).expect("a text is JSON");
        let (name, hash, now_ms, expires_ms) = (key.name.to_owned(), key.hash, key.now_ms, key.expires_ms);
        self.run(move |db| {
            let known = db.all("SELECT scopes FROM api_key", &[], |r| r.get::<String>(0))?;
            if first && known.iter().any(|scopes| scopes.contains(&may)) {
                return Ok(None);
            }
            let insert = "INSERT INTO api_key (name, hash, scopes, created_ms, expires_ms)
                VALUES (?1, ?2, ?3, ?4, ?5) RETURNING no";
            db.one(insert, values![name, hash, scopes, now_ms, expires_ms], |r| r.get(0))
        })
    }

    /// False if there is no such key; a key that was revoked before keeps its moment.
    pub fn api_key_revoke(&self, no: u64, now_ms: i64) -> Result<bool, StoreError> {
        self.run(move |db| {
            let update = "UPDATE api_key SET revoked_ms = coalesce(revoked_ms, ?2) WHERE no = ?1";
            Ok(db.execute(update, values![no, now_ms])? == 1)
        })
    }

    pub fn quarantine_put(&self, new: &NewQuarantine<'_>) -> Result<(), StoreError> {
        let (source, reason) = (new.source.to_owned(), new.reason.to_owned());
        let (event_id, headers, body) =
            (new.event_id.map(str::to_owned), new.headers.to_vec(), new.body.to_vec());
        let (at_ms, conflict, pos) = (new.at_ms, new.conflict, new.pos);
        self.run(move |db| {
            let new = NewQuarantine {
                at_ms,
                conflict,
                source: &source,
                event_id: event_id.as_deref(),
                pos,
                reason: &reason,
                headers: &headers,
                body: &body,
            };
            put_quarantine(db, &new)
        })
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(Db<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let jobs = match &self.0 {
            Way::Sqlite(jobs) => jobs,
            #[cfg(feature = "postgres")]
            Way::Postgres(desk) => return desk.transact(work),
        };
        let (send, receive) = sync_channel(1);
        let job = Box::new(move |conn: Result<&mut Connection, StoreError>| {
            let result = conn.and_then(|conn| transact(conn, work));
            let stop = result.as_ref().err().filter(|e| matches!(e, StoreError::Unknown(_))).cloned();
            let _caller_gone = send.send(result);
            stop
        });
        let closed = || StoreError::Unavailable("the store is closed".into());
        jobs.send(Job::Admin(job)).map_err(|_| closed())?;
        receive.recv().map_err(|_| closed())?
    }
}

fn transact<T>(
    conn: &mut Connection,
    work: impl FnOnce(Db<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let failed = |e: rusqlite::Error| store_error(&e);
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let answer = work(Db::Sqlite(&tx))?;
    tx.commit().map_err(failed)?;
    Ok(answer)
}

/// The number of a row that was just made.
fn made(no: Option<u64>) -> Result<u64, StoreError> {
    no.ok_or_else(|| StoreError::Corrupt("a row was made and has no number".into()))
}

/// The same thing sent again is kept once, or a sender who retries for ever would fill the disk.
pub fn put_quarantine(db: Db<'_>, new: &NewQuarantine<'_>) -> Result<(), StoreError> {
    let mut print = Sha256::new();
    for part in
        [new.source.as_bytes(), new.event_id.unwrap_or_default().as_bytes(), new.reason.as_bytes(), new.body]
    {
        print.update((part.len() as u64).to_le_bytes());
        print.update(part);
    }
    let print: [u8; 32] = print.finalize().into();
    let kind = if new.conflict { "conflict" } else { "refused" };
    let headers = headers_json(new.headers);
    let insert = "INSERT INTO quarantine (at_ms, kind, source, event_id, pos, reason, headers, body, print)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (print) DO NOTHING";
    let row =
        values![new.at_ms, kind, new.source, new.event_id, new.pos, new.reason, headers, new.body, print];
    db.execute(insert, row).map(|_| ())
}

/// The inputs of a batch whose id came before with other contents.
pub fn put_conflicts(db: Db<'_>, flight: &Flight) -> Result<(), StoreError> {
    for &n in &flight.conflicts {
        let (input, answer) = (&flight.write.inputs[n], &flight.write.batch.answers[n]);
        let raw = flight.write.raws.get(n).and_then(Option::as_ref);
        let new = NewQuarantine {
            at_ms: flight.write.now_ms,
            conflict: true,
            source: &input.event.source,
            event_id: Some(&input.event.id),
            pos: Some(answer.pos),
            reason: "the same id came before with other contents",
            headers: raw.map_or(&[], |raw| &raw.headers[..]),
            body: raw.map_or(&input.event.data[..], |raw| &raw.body[..]),
        };
        put_quarantine(db, &new)?;
    }
    Ok(())
}
