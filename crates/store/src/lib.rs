//! The store: SQL and nothing else.
//!
//! The contract, which every database behind this seam keeps and one test suite checks:
//! - All changes of a batch or none. `done(Ok)` is called only after a durable commit.
//! - Batches are committed in the order in which they were handed over.
//! - What `fetch` answers holds everything handed over before, committed or not.
//! - A commit that fails takes every later batch in flight with it. The caller throws his snapshot away and asks
//!   anew with an empty one; until he does, nothing is answered and nothing is written.
//! - Reads never wait for writes.

mod access;
pub mod backup;
#[cfg(feature = "postgres")]
pub mod copy;
mod db;
mod flight;
mod keys;
#[cfg(feature = "postgres")]
pub mod postgres;
mod reader;
mod redact;
mod secret;
mod sqlite;
pub mod verify;

use std::path::Path;
use std::sync::Arc;

use domain::batch::Batch;
use domain::event::{Input, MemberNo};
use domain::key::KeyMaker;
use domain::member::Member;
use domain::snapshot::{Snapshot, Want};

pub use access::{
    Admin, AttemptRow, ChangeId, DeliveryRow, EndpointWords, NewApiKey, NewQuarantine, Progress,
};
pub use reader::{
    Act, ApiKeyRow, EndpointCounts, EndpointRow, EventName, FeedPage, FeedRow, Mark, MemberRow, Page,
    ProgramVersion, QuarantineRow, Reader, Row, Stats, TransferRow,
};
pub use sqlite::FILE;

/// What the caller can do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Try again.
    Busy,
    /// It did not happen, and cannot now (disk full, an earlier batch failed): answer 503, try again later.
    Unavailable(String),
    /// It may or may not have happened: answer 503, settle by the same id. Said only after an I/O error; the process
    /// must stop, and the next start finds out.
    Unknown(String),
    /// Something is there that cannot be: stop.
    Corrupt(String),
}

impl StoreError {
    /// Whether going on would be a guess.
    pub fn must_stop(&self) -> bool {
        matches!(self, StoreError::Unknown(_) | StoreError::Corrupt(_))
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreError::Busy => write!(f, "the database is busy"),
            StoreError::Unavailable(why) => write!(f, "the database is unavailable: {why}"),
            StoreError::Unknown(why) => write!(f, "the outcome is unknown: {why}"),
            StoreError::Corrupt(why) => write!(f, "the data is not as it must be: {why}"),
        }
    }
}
impl std::error::Error for StoreError {}

/// A decided batch on its way to disk.
pub struct Write {
    pub inputs: Vec<Input>,
    /// For each input, the vendor's raw body and headers, if it came as a webhook; kept for replay.
    pub raws: Vec<Option<Raw>>,
    pub batch: Batch,
    /// New state of `batch.members`, in the same order.
    pub members: Vec<Arc<Member>>,
    /// When something is due of each of them, in milliseconds; for other processes. May be left empty where there are none.
    pub due_ms: Vec<Option<i64>>,
    /// New state of `batch.budgets`.
    pub budgets: Vec<(Box<str>, Vec<(i64, i64)>)>,
    /// The moment of decision, for all rows of the batch.
    pub now_ms: i64,
}

impl Write {
    /// A batch that was just decided with this snapshot, which holds what it changed. Nothing came as a webhook.
    pub fn of(snapshot: &Snapshot, batch: Batch, inputs: Vec<Input>, now_ms: i64) -> Write {
        let member = |no: &u64| {
            let member = snapshot.members.get(no).and_then(Option::as_ref);
            Arc::clone(member.expect("a member that changed is in the snapshot"))
        };
        let members = batch.members.iter().map(member).collect();
        let used = |id| snapshot.budgets.get(id).cloned().unwrap_or_default();
        let budgets = batch.budgets.iter().map(|id| (id.clone(), used(id))).collect();
        let raws = inputs.iter().map(|_| None).collect();
        Write { inputs, raws, batch, members, due_ms: Vec::new(), budgets, now_ms }
    }
}

/// What other processes on the same database have done since this one last looked. What they touched is gone from the
/// snapshot.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Who is another by now, and when something of his is due, in milliseconds.
    pub members: Vec<(MemberNo, Option<i64>)>,
    /// The newest version of the program, and by how much the clock of a sandbox is ahead.
    pub settings: Option<(u32, i64)>,
    /// It is not known whom they touched: it may be anybody.
    pub everybody: bool,
    /// The newest row of theirs that is durable.
    pub pos: Option<u64>,
    /// Something was left that nobody goes on with: whoever takes the turn does.
    pub work: bool,
}

#[derive(Clone)]
pub struct Raw {
    pub source: Box<str>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Called once by the writer's thread when the fate of a batch is known.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Thresholds. The defaults are measured; tests use small ones to reach every path.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rows that are erased at once, before others' batches have their turn.
    pub erase_rows: usize,
    /// Keys in memory before they are sealed into a sorted run. 900,000 fit a table of 2^20 slots.
    pub seal_keys: usize,
    /// Runs of one size before they are merged into one.
    pub merge_runs: usize,
    /// Pages in the write-ahead log before a checkpoint begins (4 KiB each).
    pub checkpoint_pages: usize,
    /// Changes of members in which all of them are brought to their rows once, at least.
    pub sweep_min: u64,
    /// On PostgreSQL: so long a process that is not heard of keeps its turn.
    pub lease_ms: i64,
    /// For the test that must see a power cut lose commits (synchronous=NORMAL). No setting leads here.
    #[doc(hidden)]
    pub loses_on_power_cut: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            erase_rows: 256,
            seal_keys: 900_000,
            merge_runs: 8,
            checkpoint_pages: 8000,
            sweep_min: 1024,
            lease_ms: 2_000,
            loses_on_power_cut: false,
        }
    }
}

/// The deciding side: one owner, on the decider's thread.
pub enum Store {
    Sqlite(Box<sqlite::Sqlite>),
    #[cfg(feature = "postgres")]
    Postgres(Box<postgres::Postgres>),
}

impl Store {
    /// Opens the database of a data folder, made if missing. Only one process at a time can hold it.
    pub fn open(dir: &Path, options: &Options) -> Result<Store, StoreError> {
        Ok(Store::Sqlite(Box::new(sqlite::Sqlite::open(dir, options)?)))
    }
    /// Opens a PostgreSQL database (`postgres://…`) and brings its tables up to date. Others may have it open too.
    #[cfg(feature = "postgres")]
    pub fn connect(url: &str, options: &Options) -> Result<Store, StoreError> {
        Ok(Store::Postgres(Box::new(postgres::Postgres::open(url, options)?)))
    }
    #[cfg(not(feature = "postgres"))]
    pub fn connect(_url: &str, _options: &Options) -> Result<Store, StoreError> {
        Err(StoreError::Unavailable("this build has no PostgreSQL: build with --features postgres".into()))
    }
    /// Whether other processes may write to the same database.
    pub fn is_shared(&self) -> bool {
        match self {
            Store::Sqlite(_) => false,
            #[cfg(feature = "postgres")]
            Store::Postgres(_) => true,
        }
    }
    /// Before anything is decided: takes the turn, if others may have it, and catches up with them.
    #[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
    pub fn begin(&mut self, snapshot: &mut Snapshot) -> Result<News, StoreError> {
        match self {
            Store::Sqlite(_) => Ok(News::default()),
            #[cfg(feature = "postgres")]
            Store::Postgres(postgres) => postgres.begin(snapshot),
        }
    }
    /// Catches up with others without taking the turn.
    #[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
    pub fn look(&mut self, snapshot: &mut Snapshot) -> Result<News, StoreError> {
        match self {
            Store::Sqlite(_) => Ok(News::default()),
            #[cfg(feature = "postgres")]
            Store::Postgres(postgres) => postgres.look(snapshot),
        }
    }
    /// Nothing waits here: others may have the turn.
    pub fn rest(&mut self) {
        match self {
            Store::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Store::Postgres(postgres) => postgres.rest(),
        }
    }
    /// Tells the newest row that is durable whenever another process has committed.
    #[cfg_attr(not(feature = "postgres"), allow(unused_variables))]
    pub fn hear(&mut self, tell: Box<dyn Fn(u64) + Send>) {
        match self {
            Store::Sqlite(_) => {}
            #[cfg(feature = "postgres")]
            Store::Postgres(postgres) => postgres.hear(tell),
        }
    }
    /// Loads what is wanted into the snapshot, known absence included. A snapshot that is new (`next_pos` 0) also
    /// gets the next numbers, the newest time and the budgets.
    pub fn fetch(&mut self, snapshot: &mut Snapshot, wants: &[Want]) -> Result<(), StoreError> {
        match self {
            Store::Sqlite(sqlite) => sqlite.fetch(snapshot, wants),
            #[cfg(feature = "postgres")]
            Store::Postgres(postgres) => postgres.fetch(snapshot, wants),
        }
    }
    /// Hands a batch over to the writer. Waits while too many are in flight.
    pub fn commit(&mut self, write: Write, done: Done) {
        match self {
            Store::Sqlite(sqlite) => sqlite.commit(write, done),
            #[cfg(feature = "postgres")]
            Store::Postgres(postgres) => postgres.commit(write, done),
        }
    }
    /// Drops what a snapshot need not keep: all rows, and members and names beyond so many. To be called after
    /// `commit`, when nothing in it is newer than what the store was given.
    pub fn trim(&self, snapshot: &mut Snapshot, members_max: usize) {
        sqlite::trim(snapshot, members_max);
    }
    fn own(&self) -> &secret::Secret {
        match self {
            Store::Sqlite(sqlite) => sqlite.secret(),
            #[cfg(feature = "postgres")]
            Store::Postgres(postgres) => postgres.secret(),
        }
    }
    pub fn key_maker(&self) -> KeyMaker {
        self.own().key_maker()
    }
    /// 32 random bytes of this installation, for everything else that needs a secret (public ids of members).
    pub fn secret(&self) -> [u8; 32] {
        self.own().rest()
    }
    /// For those who only look.
    pub fn reader(&self) -> Reader {
        match self {
            Store::Sqlite(sqlite) => sqlite.reader(),
            #[cfg(feature = "postgres")]
            Store::Postgres(postgres) => postgres.reader(),
        }
    }
    /// For the few writes that are no events.
    pub fn admin(&self) -> Admin {
        match self {
            Store::Sqlite(sqlite) => sqlite.admin(),
            #[cfg(feature = "postgres")]
            Store::Postgres(postgres) => postgres.admin(),
        }
    }
}
