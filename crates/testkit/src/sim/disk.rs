//! The two stores that a simulated server runs on: one in memory that can be stopped anywhere, and the real one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use domain::event::Event;
use domain::key::KeyMaker;
use domain::program::Program;
use domain::snapshot::{Snapshot, Want};
use serde_json::Value;
use store::{Options, Store, StoreError, Write, verify};

use super::memory::{Lost, Memory};
use crate::postgres::Postgres;
use crate::server::folder;

pub enum Disk {
    Memory(Box<Memory>),
    Real(Box<Real>),
}

pub struct Real {
    dir: PathBuf,
    /// A database of PostgreSQL, where it is not the folder.
    url: Option<String>,
    store: Option<Store>,
    done: (Sender<Result<(), StoreError>>, Receiver<Result<(), StoreError>>),
    in_flight: usize,
}

/// A row as read back.
pub struct Read {
    pub pos: u64,
    pub event: Arc<Event>,
    pub body_hash: [u8; 32],
    pub free: bool,
    pub again: Option<u64>,
    pub now_ms: i64,
    pub decision: Value,
}

/// Small, so that every path of the store is walked.
fn options() -> Options {
    Options {
        erase_rows: 4,
        seal_keys: 64,
        merge_runs: 3,
        checkpoint_pages: 40,
        sweep_min: 16,
        ..Options::default()
    }
}

impl Real {
    pub fn new(on_postgres: bool) -> Real {
        let url = on_postgres.then(|| Postgres::shared().database());
        let mut real = Real { dir: folder("sim"), url, store: None, done: channel(), in_flight: 0 };
        real.open();
        real
    }
    fn open(&mut self) {
        let opened = match &self.url {
            None => Store::open(&self.dir, &options()),
            Some(url) => Store::connect(url, &options()),
        };
        self.store = Some(opened.expect("what was durable opens again"));
    }
    fn store(&mut self) -> &mut Store {
        self.store.as_mut().expect("open between crashes")
    }
    fn settle(&mut self) -> Result<(), StoreError> {
        self.in_flight -= 1;
        self.done.1.recv().expect("the sender is ours")
    }
    /// As after kill -9 with nothing in flight: the files as they lie, without a tidy end. On PostgreSQL: another process,
    /// while the one before it still has its connections.
    fn crash(&mut self) {
        while self.in_flight > 0 {
            let _ = self.settle();
        }
        if self.url.is_some() {
            let before = self.store.take();
            self.open();
            return drop(before);
        }
        let copy = folder("sim");
        let log = self.dir.join("fealty.db-wal");
        // What is being erased is still written, and checkpoints go on: the database first, then the log, in which all
        // is that a checkpoint may have moved meanwhile, unless it began anew.
        loop {
            let before = head(&log);
            let mut names: Vec<_> = std::fs::read_dir(&self.dir)
                .expect("our folder")
                .flatten()
                .map(|entry| entry.file_name())
                .collect();
            names.sort();
            for name in names {
                std::fs::copy(self.dir.join(&name), copy.join(&name)).expect("our folder");
            }
            if head(&log) == before {
                break;
            }
        }
        self.store = None;
        let _ = std::fs::remove_dir_all(std::mem::replace(&mut self.dir, copy));
        self.open();
    }
    /// The folder that it can be proved in.
    fn proof(&self) -> Result<PathBuf, String> {
        let Some(url) = &self.url else { return Ok(self.dir.clone()) };
        let copy = self.dir.join("copy");
        to_folder(url, &copy)?;
        Ok(copy)
    }
}

/// The head of a write-ahead log, which is another one whenever it begins anew.
fn head(log: &Path) -> Option<[u8; 32]> {
    use std::io::Read as _;
    let mut head = [0; 32];
    std::fs::File::open(log).ok()?.read_exact(&mut head).ok().map(|()| head)
}

#[cfg(feature = "postgres")]
fn to_folder(url: &str, dir: &Path) -> Result<(), String> {
    store::copy::to_folder(url, dir, &mut |_, _| {}).map(|_| ()).map_err(|e| e.to_string())
}
#[cfg(not(feature = "postgres"))]
fn to_folder(_: &str, _: &Path) -> Result<(), String> {
    Err("built without the feature `postgres`".into())
}

impl Drop for Real {
    fn drop(&mut self) {
        self.store = None;
        let _ = std::fs::remove_dir_all(&self.dir);
        if let Some(name) = self.url.as_ref().and_then(|url| url.rsplit('/').next()) {
            let _ = Postgres::shared().sql("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

impl Disk {
    pub fn new(real: bool, on_postgres: bool) -> Disk {
        if real || on_postgres {
            Disk::Real(Box::new(Real::new(on_postgres)))
        } else {
            Disk::Memory(Box::default())
        }
    }
    /// The versions that will be in force one after the other; a proof needs them.
    pub fn publish(&mut self, programs: &[Program]) {
        let Disk::Real(real) = self else { return };
        for program in programs {
            let put = real.store().admin().program_version_put(program.plan.hash, &program.json, "sim", 0);
            put.expect("the disk is sound");
        }
    }
    /// What `verify` and `verify --replay` say of the file.
    pub fn prove(&mut self) -> Result<(), String> {
        let Disk::Real(real) = self else { return Ok(()) };
        let dir = real.proof()?;
        let mut report = verify::verify(&dir, &mut |_, _| {}).map_err(|e| e.to_string())?;
        verify::replay(&dir, None, &mut report, &mut |_, _| {}).map_err(|e| e.to_string())?;
        match report.breaches.first() {
            None => Ok(()),
            Some(breach) => Err(format!("verify finds {} breaches: {breach:?}", report.breach_count)),
        }
    }
    pub fn keys(&mut self) -> KeyMaker {
        match self {
            Disk::Memory(_) => KeyMaker(*b"sixteen bytes..."),
            Disk::Real(real) => real.store().key_maker(),
        }
    }
    /// Before anything is decided.
    pub fn begin(&mut self, snapshot: &mut Snapshot) {
        if let Disk::Real(real) = self {
            real.store().begin(snapshot).expect("nobody else has the turn");
        }
    }
    pub fn fetch(&mut self, snapshot: &mut Snapshot, wants: &[Want]) -> Result<(), Lost> {
        match self {
            Disk::Memory(memory) => memory.fetch(snapshot, wants),
            Disk::Real(real) => real.store().fetch(snapshot, wants).expect("the disk is sound"),
        }
        Ok(())
    }
    pub fn hand_over(&mut self, write: Write) {
        match self {
            Disk::Memory(memory) => memory.hand_over(write),
            Disk::Real(real) => {
                let done = real.done.0.clone();
                real.in_flight += 1;
                real.store().commit(write, Box::new(move |result| drop(done.send(result))));
            }
        }
    }
    /// Waits until the oldest batch in flight is durable.
    pub fn settle(&mut self) -> Result<(), String> {
        match self {
            Disk::Memory(memory) => memory.settle(),
            Disk::Real(real) => real.settle().map_err(|e| e.to_string())?,
        }
        Ok(())
    }
    pub fn crash(&mut self) {
        match self {
            Disk::Memory(memory) => memory.crash(),
            Disk::Real(real) => real.crash(),
        }
    }
    pub fn is_real(&self) -> bool {
        matches!(self, Disk::Real(_))
    }
    /// All rows, with nothing in flight.
    pub fn rows(&mut self) -> Result<Vec<Read>, String> {
        match self {
            Disk::Memory(memory) => memory
                .rows()
                .iter()
                .map(|kept| {
                    Ok(Read {
                        pos: kept.pos,
                        event: Arc::clone(&kept.event),
                        body_hash: kept.body_hash,
                        free: kept.free,
                        again: kept.again,
                        now_ms: kept.now_ms,
                        decision: serde_json::from_slice(&kept.decided).map_err(|e| e.to_string())?,
                    })
                })
                .collect(),
            Disk::Real(real) => real.rows(),
        }
    }
    fn all(&mut self) -> Result<Snapshot, Lost> {
        let mut snapshot = Snapshot::default();
        self.fetch(&mut snapshot, &[])?;
        let wants: Vec<Want> = (1..snapshot.next_member).map(Want::Member).collect();
        self.fetch(&mut snapshot, &wants)?;
        let pages = snapshot.pages_away();
        self.fetch(&mut snapshot, &pages)?;
        Ok(snapshot)
    }
    /// When the next thing is due, by member, as a new server learns it.
    pub fn due(&mut self) -> BTreeMap<u64, i64> {
        let snapshot = self.all().unwrap_or_default();
        let members = snapshot.members.values().flatten();
        members.filter_map(|member| Some((member.no, member.due?.as_second()))).collect()
    }
    /// Every member's document, and the budgets.
    #[allow(clippy::type_complexity)]
    pub fn state(&mut self) -> Result<(BTreeMap<u64, Value>, BTreeMap<String, Vec<(i64, i64)>>), String> {
        let snapshot = self.all().map_err(|Lost| "lost".to_owned())?;
        let mut members = BTreeMap::new();
        for (no, member) in &snapshot.members {
            let member = member.as_ref().ok_or_else(|| format!("there is no member {no}"))?;
            members.insert(*no, serde_json::to_value(member.whole()).map_err(|e| e.to_string())?);
        }
        let budgets = snapshot.budgets.iter().map(|(id, parts)| (id.to_string(), parts.clone()));
        Ok((members, budgets.collect()))
    }
}

impl Real {
    fn rows(&mut self) -> Result<Vec<Read>, String> {
        let reader = self.store().reader();
        let mut rows = Vec::new();
        loop {
            let pos = rows.len() as u64 + 1;
            let Some(row) = reader.journal_get(pos).map_err(|e| e.to_string())? else { return Ok(rows) };
            rows.push(Read {
                pos: row.pos,
                event: Arc::new(row.event),
                body_hash: row.body_hash,
                free: row.again.is_some(),
                again: row.again,
                now_ms: row.recorded_ms,
                decision: serde_json::to_value(&row.decision).map_err(|e| e.to_string())?,
            });
        }
    }
}
