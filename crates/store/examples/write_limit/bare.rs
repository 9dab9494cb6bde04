//! The least that could be called the same work: the same rows, made beforehand on another thread, in one connection.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use crate::{Form, Job, events};

pub struct Bare {
    conn: Connection,
    naive: bool,
    images: Vec<u64>,
}

/// One batch, encoded.
struct Rows {
    first: u64,
    /// (member, event, decision, keys)
    rows: Vec<(u64, String, String, [[u8; 16]; 2])>,
    /// Image by member.
    members: BTreeMap<u64, String>,
}

impl Bare {
    pub fn open(folder: &Path, naive: bool) -> Bare {
        let conn = Connection::open(folder.join("bare.db")).expect("opens");
        conn.execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=16000; PRAGMA cache_size=-65536;
             CREATE TABLE IF NOT EXISTS journal (pos INTEGER PRIMARY KEY, member INTEGER, prev INTEGER, now_ms INTEGER,
                again INTEGER, input TEXT, body_hash BLOB, decided TEXT, hash BLOB) STRICT;
             CREATE TABLE IF NOT EXISTS member (no INTEGER PRIMARY KEY, image TEXT) STRICT;
             CREATE TABLE IF NOT EXISTS keys (first INTEGER PRIMARY KEY, entries BLOB) STRICT;
             CREATE TABLE IF NOT EXISTS once (key BLOB PRIMARY KEY, pos INTEGER) STRICT, WITHOUT ROWID;",
        )
        .expect("set up");
        conn.set_prepared_statement_cache_capacity(16);
        Bare { conn, naive, images: Vec::new() }
    }

    fn insert(&self, batch: &Rows) -> rusqlite::Result<()> {
        let conn = &self.conn;
        conn.execute_batch("BEGIN IMMEDIATE")?;
        let mut insert =
            conn.prepare_cached("INSERT INTO journal VALUES (?1, ?2, ?3, ?4, NULL, ?5, ?6, ?7, ?8)")?;
        let mut once = conn.prepare_cached("INSERT INTO once VALUES (?1, ?2)")?;
        let mut blob = Vec::new();
        for (pos, (member, input, decided, keys)) in (batch.first + 1..).zip(&batch.rows) {
            let (hash, now_ms) = ([pos as u8; 32], 1_800_000_000_000_i64);
            insert.execute(params![pos, member, pos / 2, now_ms, input, &hash[..], decided, &hash[..]])?;
            for key in keys {
                if self.naive {
                    once.execute(params![&key[..], pos])?;
                } else {
                    blob.extend_from_slice(&key[..13]);
                }
            }
        }
        if !self.naive {
            conn.prepare_cached("INSERT INTO keys VALUES (?1, ?2)")?.execute(params![batch.first, blob])?;
        }
        let put = "INSERT INTO member VALUES (?1, ?2) ON CONFLICT (no) DO UPDATE SET image = excluded.image";
        let mut put = conn.prepare_cached(put)?;
        for (no, image) in &batch.members {
            put.execute(params![no, image])?;
        }
        conn.execute_batch("COMMIT")
    }
}

impl Form for Bare {
    fn write(&mut self, job: &Job, from: u64, to: u64) -> Vec<Duration> {
        let mut commits = Vec::new();
        let mut images = std::mem::take(&mut self.images);
        images.resize(job.members as usize + 1, 0);
        std::thread::scope(|scope| {
            let (made, batches) = sync_channel(2);
            let images = &mut images;
            scope.spawn(move || {
                for first in (from..to).step_by(job.batch as usize) {
                    if made.send(rows(first, (first + job.batch).min(to), job, images)).is_err() {
                        return;
                    }
                }
            });
            for batch in batches {
                let begun = Instant::now();
                self.insert(&batch).expect("committed");
                commits.push(begun.elapsed());
            }
        });
        self.images = images;
        commits
    }
}

/// The same bytes as the store's, with as little work as possible: documents are made once and numbers put in.
fn rows(first: u64, end: u64, job: &Job, seen: &mut [u64]) -> Rows {
    let mut sample = events::new_member(1);
    let mut batch = Rows { first, rows: Vec::new(), members: BTreeMap::new() };
    for n in first..end {
        let member = events::member(n, job);
        let input = events::input(n, job);
        let event = &input.event;
        let json = format!(
            r#"{{"source":"bench","id":"{}","type":"order.paid","subject":"customer:{member}","time":"{}","origin":"import","data":{}}}"#,
            event.id,
            event.time,
            std::str::from_utf8(&event.data).expect("text")
        );
        sample.no = member;
        let decided = serde_json::to_string(&events::decide(&mut sample, n + 1, n)).expect("JSON");
        seen[member as usize] += 1;
        let (a, b) = if job.random_ids { (events::mix(n), events::mix(!n)) } else { (n, n) };
        let key = |salt: u64| {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&a.wrapping_add(salt << 60).to_be_bytes());
            key[8..].copy_from_slice(&b.to_be_bytes());
            key
        };
        batch.rows.push((member, json, decided, [key(0), key(7)]));
        batch.members.entry(member).or_insert_with(|| serde_json::to_string(&sample).expect("JSON"));
    }
    batch
}
