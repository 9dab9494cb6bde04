//! The writer: the one thread and the one connection that change the database. The encoder works before it.
//!
//! Invariant: `done(Ok)` is called after a durable commit and never otherwise; after a failure nothing of the same
//! generation is written; after an I/O error nothing is written at all.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};

use domain::event::MemberNo;
use rusqlite::{Connection, TransactionBehavior, params};

use super::checkpoint::Checkpointer;
use super::store_error;
use super::sweep::{self, Recent, Step, Sweep};
use crate::db::Db;
use crate::flight::Flight;
use crate::flight::encode::{self, Encoded, Ready};
use crate::flight::failures::Failures;
use crate::flight::line::Line;
use crate::keys::Keys;
use crate::keys::run::{Run, Slice, page_at};
use crate::{Done, Options, StoreError, access, redact};

// Nearly all of them are batches, and few wait at a time.
#[allow(clippy::large_enum_variant)]
pub enum Job {
    Batch {
        flight: Arc<Flight>,
        encoded: Encoded,
        generation: u64,
        done: Done,
    },
    /// A small write of its own; answers for itself.
    Admin(AdminWork),
    Barrier(SyncSender<()>),
    Stop,
}

impl From<Ready> for Job {
    fn from(ready: Ready) -> Job {
        let Ready { flight, encoded, generation, done } = ready;
        Job::Batch { flight, encoded, generation, done }
    }
}
impl encode::Job for Job {
    const STOP: Job = Job::Stop;
    fn barrier(reply: SyncSender<()>) -> Job {
        Job::Barrier(reply)
    }
}

/// Gets the connection, or why there is none; answers what must stop the process, if anything.
pub type AdminWork = Box<dyn FnOnce(Result<&mut Connection, StoreError>) -> Option<StoreError> + Send>;

/// What the threads know of each other.
pub struct Shared {
    /// Last position on disk.
    pub committed: AtomicU64,
    /// A merge of key runs is under way.
    pub merging: AtomicBool,
    /// Pages in the write-ahead log.
    pub wal_pages: AtomicUsize,
    pub checkpoints: AtomicU64,
    /// Members' newest states.
    pub recent: Arc<Recent>,
    pub failures: Arc<Failures>,
    merge_error: Mutex<Option<String>>,
}

impl Shared {
    pub fn new(committed: u64, recent: Recent) -> Shared {
        Shared {
            committed: AtomicU64::new(committed),
            merging: AtomicBool::new(false),
            wal_pages: AtomicUsize::new(0),
            checkpoints: AtomicU64::new(0),
            recent: Arc::new(recent),
            failures: Arc::new(Failures::default()),
            merge_error: Mutex::new(None),
        }
    }
    /// The runs stay as they are, which is slower but right; said in `Stats`.
    pub fn merge_failed(&self, why: &StoreError) {
        *self.merge_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_string());
    }
    pub fn merge_error(&self) -> Option<String> {
        self.merge_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub fn start(
    dir: &Path,
    mut conn: Connection,
    options: &Options,
    shared: Arc<Shared>,
    keys: Keys,
    slices: Receiver<Slice>,
    head: [u8; 32],
) -> Result<Line<Job>, StoreError> {
    let counted = shared.clone();
    let hook = move |_: &mut rusqlite::hooks::Wal, pages: i32| {
        counted.wal_pages.store(usize::try_from(pages).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    };
    conn.wal_hook(Some(hook)).map_err(|e| store_error(&e))?;
    let checkpointer = Checkpointer::start(dir, shared.clone(), options.checkpoint_pages)?;
    let next_pos = shared.committed.load(Ordering::Relaxed) + 1;
    let sweep = Sweep::new(shared.recent.clone(), options.sweep_min, next_pos);
    let (failures, erase_rows) = (shared.failures.clone(), options.erase_rows);
    Line::start(failures, head, move |jobs, back| {
        let desk = Desk {
            conn,
            shared,
            keys,
            slices,
            taken: Vec::new(),
            written: 0,
            checkpointer,
            sweep,
            back,
            erasing: true,
            erase_rows,
        };
        desk.run(jobs);
    })
}

/// What the writer's thread owns.
struct Desk {
    conn: Connection,
    shared: Arc<Shared>,
    keys: Keys,
    slices: Receiver<Slice>,
    /// Taken into the present transaction; tried again if that fails.
    taken: Vec<Slice>,
    /// So many of them are in it whole.
    written: usize,
    checkpointer: Checkpointer,
    sweep: Sweep,
    /// Where buffers go to be filled again.
    back: SyncSender<Encoded>,
    /// Something may be left to be erased: so many rows of it at once.
    erasing: bool,
    erase_rows: usize,
}

impl Desk {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Some(job) = self.next(jobs) {
            match job {
                Job::Batch { flight, encoded, generation, done } => {
                    let result = self.write(&flight, &encoded, generation);
                    done(result);
                    let _enough = self.back.try_send(encoded);
                }
                Job::Admin(work) => {
                    let stopped = self.shared.failures.now().filter(StoreError::must_stop);
                    if let Some(why) = work(stopped.map_or(Ok(&mut self.conn), Err)) {
                        self.shared.failures.add(0, &why);
                    }
                }
                Job::Barrier(reply) => {
                    let _gone = reply.send(());
                }
                Job::Stop => break,
            }
            self.checkpointer.after_commit(&self.conn);
        }
    }

    /// What is being erased goes on between jobs, so that nobody waits for the whole of it.
    fn next(&mut self, jobs: &Receiver<Job>) -> Option<Job> {
        while self.erasing {
            self.erase_on();
            self.checkpointer.after_commit(&self.conn);
            match jobs.try_recv() {
                Ok(job) => return Some(job),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
        }
        jobs.recv().ok()
    }

    fn erase_on(&mut self) {
        let slice = |conn: &mut Connection| {
            let begun = conn.transaction_with_behavior(TransactionBehavior::Immediate);
            let transaction = begun.map_err(|e| store_error(&e))?;
            let more = redact::on(Db::Sqlite(&transaction), self.erase_rows)?;
            transaction.commit().map(|()| more).map_err(|e| store_error(&e))
        };
        if self.shared.failures.now().is_some_and(|why| why.must_stop()) {
            self.erasing = false;
            return;
        }
        self.erasing = match slice(&mut self.conn) {
            Ok(more) => more,
            Err(why) => {
                // What is left is found again at the next start, or with the next erasure.
                self.shared.failures.add(0, &why);
                false
            }
        };
    }

    fn write(&mut self, flight: &Flight, encoded: &Encoded, generation: u64) -> Result<(), StoreError> {
        if let Some(why) = self.shared.failures.refusal(generation) {
            return Err(why);
        }
        if flight.is_empty() {
            return Ok(());
        }
        match self.transact(flight, encoded) {
            Ok(step) => {
                self.sweep.committed(&step, flight, encoded);
                self.shared.committed.store(flight.last_pos, Ordering::Release);
                for slice in self.taken.drain(..self.written) {
                    if let Slice::Install { run, replaces } = slice {
                        self.keys.install(&run, &replaces);
                        if !replaces.is_empty() {
                            self.shared.merging.store(false, Ordering::Release);
                        }
                    }
                }
                Ok(())
            }
            Err(why) => {
                self.shared.failures.add(generation, &why);
                Err(why)
            }
        }
    }

    fn transact(&mut self, flight: &Flight, encoded: &Encoded) -> Result<Step, StoreError> {
        let begun = self.conn.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([]));
        begun.map_err(|e| store_error(&e))?;
        let rows = flight.write.batch.rows.len();
        let written = write_batch(&self.conn, flight, encoded)
            .and_then(|()| encoded.pages.write(&self.conn))
            .and_then(|()| self.write_slices(rows))
            .and_then(|()| self.sweep.write(&self.conn, flight, encoded))
            .map_err(|e| store_error(&e))
            .and_then(|step| {
                access::put_conflicts(Db::Sqlite(&self.conn), flight)?;
                self.erase(flight, encoded)?;
                Ok(step)
            });
        let result = match written {
            Ok(step) => {
                let committed = self.conn.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
                committed.map(|_| step).map_err(|e| commit_error(&e))
            }
            Err(e) => Err(e),
        };
        // Some errors have rolled back already; then a ROLLBACK would itself be an error.
        if result.is_err() && !self.conn.is_autocommit() {
            let _rolled_back = self.conn.execute_batch("ROLLBACK");
        }
        result
    }

    /// Members whose personal data go with this batch.
    fn erase(&mut self, flight: &Flight, encoded: &Encoded) -> Result<(), StoreError> {
        for erasure in &flight.write.batch.erased {
            redact::erase(Db::Sqlite(&self.conn), erasure)?;
            self.erasing |= redact::on(Db::Sqlite(&self.conn), self.erase_rows)?;
            let numbers: Vec<_> = erasure.histories.iter().map(|history| history.0).collect();
            let newest = |no| self.newest(flight, encoded, no);
            sweep::forget_states(&self.conn, &numbers, newest).map_err(|e| store_error(&e))?;
        }
        Ok(())
    }

    /// A member's state after this batch, unless it is in its row only.
    fn newest(&self, flight: &Flight, encoded: &Encoded, no: MemberNo) -> Option<String> {
        let at = flight.write.members.binary_search_by_key(&no, |member| member.no);
        match at {
            Ok(at) => Some(encoded.images()[encoded.image_parts()[at].clone()].to_owned()),
            Err(_) => Some(self.shared.recent.get(no)?.as_str().to_owned()),
        }
    }

    /// A share of the work on key runs that fits the batch, up to an installation.
    fn write_slices(&mut self, rows: usize) -> rusqlite::Result<()> {
        self.written = 0;
        let mut left = (rows / 2).clamp(64, 512);
        while left > 0 {
            if self.written == self.taken.len() {
                let Ok(slice) = self.slices.try_recv() else { break };
                self.taken.push(slice);
            }
            let slice = &self.taken[self.written];
            let used = write_slice(&self.conn, slice, left)?;
            if matches!(slice, Slice::DropRun(_) | Slice::DropTail { .. }) && used == left {
                break; // there may be more to delete: it stays at the head
            }
            self.written += 1;
            if matches!(slice, Slice::Install { .. }) {
                break; // nothing may be dropped before everyone looks elsewhere
            }
            left = left.saturating_sub(used.max(1));
        }
        Ok(())
    }
}

/// Whether it happened is not known, unless the disk was merely full.
fn commit_error(e: &rusqlite::Error) -> StoreError {
    match store_error(e) {
        StoreError::Unavailable(why) => StoreError::Unavailable(why),
        StoreError::Busy => StoreError::Unavailable("the database is held by someone else".into()),
        _ => StoreError::Unknown(format!("the commit failed: {e}")),
    }
}

fn write_batch(conn: &Connection, flight: &Flight, encoded: &Encoded) -> rusqlite::Result<()> {
    let write = &flight.write;
    let mut insert =
        conn.prepare_cached("INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    for (row, text) in write.batch.rows.iter().zip(encoded.rows()) {
        let body_hash = row.input.map(|n| &write.batch.input(&write.inputs, n).body_hash[..]);
        insert.execute(params![
            row.pos,
            row.member,
            row.prev_pos,
            write.now_ms,
            row.again,
            text.input,
            body_hash,
            text.decided,
            &text.hash[..]
        ])?;
        if let Some(raw) = row.input.and_then(|n| write.raws.get(n)).and_then(Option::as_ref) {
            let mut insert = conn.prepare_cached("INSERT INTO raw VALUES (?1, ?2, ?3, ?4)")?;
            insert.execute(params![row.pos, raw.source, headers_json(&raw.headers), raw.body])?;
        }
    }
    let mut free = conn.prepare_cached("DELETE FROM identity WHERE name = ?1")?;
    for name in write.batch.erased.iter().flat_map(|erasure| &erasure.names) {
        free.execute([name.as_str()])?;
    }
    let mut names: Vec<_> = write.batch.identities.iter().map(|(name, no)| (name.as_str(), *no)).collect();
    names.sort_unstable();
    let mut insert = conn.prepare_cached(
        "INSERT INTO identity VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET member = excluded.member",
    )?;
    for (name, no) in names {
        insert.execute(params![name, no])?;
    }
    let mut put = conn.prepare_cached("INSERT OR REPLACE INTO budget VALUES (?1, ?2)")?;
    for (id, parts) in &write.budgets {
        put.execute(params![id, serde_json::to_string(parts).expect("numbers are JSON")])?;
    }
    if !encoded.keys.is_empty() {
        let mut insert = conn.prepare_cached("INSERT INTO tail_keys VALUES (?1, ?2)")?;
        insert.execute(params![flight.first_pos, encoded.keys])?;
    }
    Ok(())
}

pub fn headers_json(headers: &[(String, String)]) -> String {
    serde_json::to_string(headers).expect("texts are JSON")
}

/// Writes a piece of work, or as much of a deletion as `left` allows; says how many rows that were.
pub fn write_slice(conn: &Connection, slice: &Slice, left: usize) -> rusqlite::Result<usize> {
    match slice {
        Slice::Pages(pages) => {
            let mut insert = conn.prepare_cached("INSERT INTO run_page VALUES (?1, ?2)")?;
            for (at, entries) in pages {
                insert.execute(params![at, entries])?;
            }
            Ok(pages.len())
        }
        Slice::FilterPart(at, part) => {
            conn.prepare_cached("INSERT INTO run_filter VALUES (?1, ?2)")?.execute(params![at, part])?;
            Ok(8) // 32 KiB are 8 pages
        }
        Slice::Install { run, replaces } => install(conn, run, replaces),
        Slice::DropRun(no) => {
            let delete = "DELETE FROM run_page WHERE at IN (SELECT at FROM run_page WHERE at >= ?1 AND at < ?2 LIMIT ?3)";
            let range = params![page_at(*no, 0), page_at(*no + 1, 0), left];
            let dropped = conn.prepare_cached(delete)?.execute(range)?;
            if dropped < left {
                let delete = "DELETE FROM run_filter WHERE at >= ?1 AND at < ?2";
                conn.prepare_cached(delete)?.execute([page_at(*no, 0), page_at(*no + 1, 0)])?;
            }
            Ok(dropped)
        }
        Slice::DropTail { last_pos } => {
            let delete = "DELETE FROM tail_keys WHERE pos IN (SELECT pos FROM tail_keys WHERE pos <= ?1 ORDER BY pos LIMIT ?2)";
            conn.prepare_cached(delete)?.execute(params![last_pos, left])
        }
    }
}

fn install(conn: &Connection, run: &Run, replaces: &[i64]) -> rusqlite::Result<usize> {
    for no in replaces {
        conn.execute("DELETE FROM run WHERE no = ?1", [no])?;
    }
    let row = params![run.no, run.level, run.last_pos, run.count, run.bits];
    conn.execute("INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5)", row)
}
