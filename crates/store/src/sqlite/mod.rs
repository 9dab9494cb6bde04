//! The embedded database: one SQLite file, one writer thread, one decider, any number of readers.
//!
//! The decider adds a batch's keys to memory and hands it over; while the encoder makes bytes of it and the writer
//! writes and syncs, the decider goes on with the next one and is answered from the batches in flight.

mod checkpoint;
mod fetch;
pub mod file;
pub mod form;
pub mod lot_page;
mod migrate;
pub mod sweep;
mod writer;

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};

use domain::snapshot::Snapshot;
use rusqlite::Connection;

use crate::flight::Flight;
pub use crate::flight::Head;
use crate::flight::encode::Task;
use crate::flight::failures::not_done;
use crate::flight::line::Line;
use crate::keys::Keys;
use crate::keys::run::{self, Slice};
use crate::keys::seal::{Merge, seal};
use crate::keys::tail::Tail;
use crate::secret::Secret;
use crate::{Admin, Done, Options, Reader, StoreError, Write};
pub use fetch::identity_get;
pub use file::FILE;
use sweep::Recent;
#[cfg(feature = "postgres")]
pub use writer::write_slice;
pub use writer::{Job, Shared, headers_json};

pub struct Sqlite {
    dir: PathBuf,
    options: Options,
    conn: Connection,
    keys: Keys,
    head: Head,
    flights: VecDeque<Arc<Flight>>,
    /// Batches of this and earlier generations are refused once one of them has failed.
    generation: u64,
    /// Last position in the frozen tail, until it is on disk and sealing can begin.
    freezing: Option<u64>,
    next_run: i64,
    secret: Secret,
    slices: SyncSender<Slice>,
    shared: Arc<Shared>,
    reader: Reader,
    writer: Option<Line<writer::Job>>,
    _lock: file::Lock,
}

impl Sqlite {
    pub fn open(dir: &Path, options: &Options) -> Result<Sqlite, StoreError> {
        let lock = file::lock(dir)?;
        let write_conn = file::open(dir)?;
        if options.loses_on_power_cut {
            write_conn.execute_batch("PRAGMA synchronous=NORMAL").map_err(|e| store_error(&e))?;
        }
        let conn = file::open_reader(dir, 32 * 1024)?;
        let recent = Recent::load(&conn)?;
        let head = Head::load(&conn, &recent)?;
        let (keys, orphans, next_run) = load_keys(&conn, options).map_err(|e| store_error(&e))??;
        let secret: Vec<u8> = conn
            .query_row("SELECT value FROM meta WHERE name = 'secret'", [], |r| r.get(0))
            .map_err(|e| store_error(&e))?;
        let secret = Secret::of(&secret)?;
        let (slices, slices_in) = sync_channel(4);
        let shared = Arc::new(Shared::new(head.next_pos - 1, recent));
        let writer =
            writer::start(dir, write_conn, options, shared.clone(), keys.clone(), slices_in, head.hash)?;
        let reader = Reader::sqlite(dir, keys.clone(), secret.key_maker(), shared.clone());
        drop_left_behind(slices.clone(), orphans, keys.read().runs.iter().map(|run| run.last_pos).max());
        Ok(Sqlite {
            dir: dir.into(),
            options: options.clone(),
            conn,
            keys,
            head,
            flights: VecDeque::new(),
            generation: 1,
            freezing: None,
            next_run,
            secret,
            slices,
            shared,
            reader,
            writer: Some(writer),
            _lock: lock,
        })
    }

    pub fn commit(&mut self, write: Write, done: Done) {
        if let Some(why) = self.shared.failures.now() {
            return done(Err(not_done(&why)));
        }
        let flight = Arc::new(Flight::new(write, self.head.next_pos));
        self.head.advance(&flight);
        {
            let mut keys = self.keys.write();
            flight.keys.iter().for_each(|&(key, pos)| keys.tail.add(key, pos));
        }
        self.prune();
        self.flights.push_back(flight.clone());
        let task = Task::Batch { flight, generation: self.generation, done };
        self.writer.as_ref().expect("open until dropped").send(task);
        self.tend_keys();
    }

    /// Lets go of what is on disk.
    fn prune(&mut self) {
        let committed = self.shared.committed.load(Ordering::Acquire);
        while self.flights.front().is_some_and(|flight| flight.last_pos <= committed) {
            self.flights.pop_front();
        }
    }

    /// Freezes a full tail, seals it once it is on disk, merges runs when there are many.
    fn tend_keys(&mut self) {
        let mut keys = self.keys.write();
        if keys.frozen.is_none() && keys.tail.len() >= self.options.seal_keys {
            self.freezing = Some(keys.freeze(self.options.seal_keys).last_pos);
        }
        if let Some(frozen) = keys.frozen.clone()
            && self.freezing.is_some_and(|pos| pos <= self.shared.committed.load(Ordering::Acquire))
        {
            self.freezing = None;
            let (no, slices) = (self.next_run, self.slices.clone());
            self.next_run += 1;
            std::thread::spawn(move || seal(&frozen, no, &slices));
        }
        if let Some(runs) = keys.mergeable(self.options.merge_runs)
            && !self.shared.merging.swap(true, Ordering::AcqRel)
        {
            let merge = Merge { dir: self.dir.clone(), runs, no: self.next_run };
            let (slices, shared) = (self.slices.clone(), self.shared.clone());
            self.next_run += 1;
            std::thread::spawn(move || match merge.run(&slices) {
                Ok(()) => {}
                Err(e) => shared.merge_failed(&e),
            });
        }
    }

    /// After a failed commit: waits until nothing is in flight and begins again where the disk ends.
    fn reset(&mut self, why: StoreError) -> Result<(), StoreError> {
        if why.must_stop() {
            return Err(why);
        }
        let writer = self.writer.as_ref().expect("open until dropped");
        writer.wait();
        self.head = Head::load(&self.conn, &self.shared.recent)?;
        writer.send(Task::After(self.head.hash));
        self.flights.clear();
        let unfreeze = self.freezing.take().is_some();
        self.keys.write().forget_after(self.head.next_pos - 1, unfreeze, self.options.seal_keys);
        self.generation += 1;
        self.shared.failures.recover();
        Ok(())
    }

    pub fn secret(&self) -> &Secret {
        &self.secret
    }
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }
    pub fn admin(&self) -> Admin {
        Admin::new(self.writer.as_ref().expect("open until dropped").jobs())
    }
}

/// Everything handed over is written before the file is closed.
impl Drop for Sqlite {
    fn drop(&mut self) {
        drop(self.writer.take());
    }
}

impl Head {
    pub fn load(conn: &Connection, recent: &Recent) -> Result<Head, StoreError> {
        let load = || -> rusqlite::Result<(Option<(u64, i64, Vec<u8>)>, u64, Vec<(String, String)>)> {
            let mut last =
                conn.prepare_cached("SELECT pos, now_ms, hash FROM journal ORDER BY pos DESC LIMIT 1")?;
            let last = last.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?.next().transpose()?;
            let member = "SELECT coalesce(max(no), 0) FROM member_swept";
            let member = conn.prepare_cached(member)?.query_row([], |r| r.get(0))?;
            let mut budgets = conn.prepare_cached("SELECT id, parts FROM budget")?;
            let budgets = budgets.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
            Ok((last, member, budgets))
        };
        let (last, member, stored) = load().map_err(|e| store_error(&e))?;
        let mut budgets = HashMap::new();
        for (id, parts) in stored {
            let parts = form::from_json(&parts, || format!("budget {id}"))?;
            budgets.insert(id.into_boxed_str(), parts);
        }
        let member = member.max(recent.highest());
        let (pos, now_ms, hash) = last.unwrap_or((0, 0, vec![0; 32]));
        let hash = hash.try_into().map_err(|_| StoreError::Corrupt(format!("row {pos} has no hash")))?;
        Ok(Head { next_pos: pos + 1, next_member: member + 1, now_ms, hash, budgets })
    }
}

/// The keys of the file: tail, runs; also the runs that are not valid, and the next free number.
#[allow(clippy::type_complexity)]
fn load_keys(
    conn: &Connection,
    options: &Options,
) -> rusqlite::Result<Result<(Keys, Vec<i64>, i64), StoreError>> {
    let runs = match run::load(conn) {
        Ok(runs) => runs,
        Err(e) => return Ok(Err(e)),
    };
    let sealed = runs.iter().map(|run| run.last_pos).max().unwrap_or(0);
    let mut tail = Tail::new(options.seal_keys);
    let mut select = conn.prepare("SELECT entries FROM tail_keys WHERE pos > ?1 ORDER BY pos")?;
    let mut rows = select.query([sealed])?;
    while let Some(row) = rows.next()? {
        run::entries(row.get_ref(0)?.as_blob()?).for_each(|(key, pos)| tail.add(key, pos));
    }
    let orphans = run::orphans(conn, &runs)?;
    let highest = runs.iter().map(|run| run.no).chain(orphans.iter().copied()).max().unwrap_or(0);
    Ok(Ok((Keys::new(tail, runs), orphans, highest + 1)))
}

/// What a crash has left behind goes in slices, like everything else.
fn drop_left_behind(slices: SyncSender<Slice>, orphans: Vec<i64>, sealed: Option<u64>) {
    if orphans.is_empty() && sealed.is_none() {
        return;
    }
    std::thread::spawn(move || {
        let tail = sealed.map(|last_pos| Slice::DropTail { last_pos });
        let _closed =
            orphans.into_iter().map(Slice::DropRun).chain(tail).try_for_each(|slice| slices.send(slice));
    });
}

pub fn trim(snapshot: &mut Snapshot, members_max: usize) {
    snapshot.rows.clear();
    drop_some(&mut snapshot.members, members_max);
    drop_some(&mut snapshot.identities, members_max.saturating_mul(2));
}

/// When there are too many, an even share of all goes, down to three quarters: near enough to random, and nothing
/// has to be kept in order.
fn drop_some<K: std::hash::Hash + Eq, V, S>(map: &mut HashMap<K, V, S>, max: usize) {
    if map.len() > max {
        let (mut n, keep) = (0, max - max / 4);
        let excess = map.len() - keep;
        let every = (map.len() / excess.max(1)).max(1);
        map.retain(|_, _| {
            n += 1;
            n % every != 0
        });
    }
}

/// What an error of SQLite means to the caller when nothing was being committed.
pub fn store_error(e: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode as Code;
    match e.sqlite_error_code() {
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => StoreError::Busy,
        Some(Code::DiskFull) => StoreError::Unavailable("the disk is full".into()),
        Some(Code::SystemIoFailure) => StoreError::Unknown(format!("the disk failed: {e}")),
        Some(Code::OutOfMemory | Code::CannotOpen | Code::PermissionDenied | Code::ReadOnly) => {
            StoreError::Unavailable(e.to_string())
        }
        _ => StoreError::Corrupt(e.to_string()),
    }
}
