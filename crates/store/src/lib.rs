//! The store: SQL and nothing else.
//!
//! The contract, which every database behind this seam keeps and one test suite checks:
//! - All changes of a batch or none. `done(Ok)` is called only after a durable commit.
//! - Batches are committed in the order in which they were handed over.
//! - What `fetch` answers holds everything handed over before, committed or not.
//! - A commit that fails has an unknown outcome: the caller throws his snapshot away and asks anew.
//! - Reads never wait for writes.

use domain::batch::Batch;
use domain::event::Input;
use domain::key::KeyMaker;
use domain::snapshot::{Snapshot, Want};

/// What the caller can do about it.
#[derive(Debug)]
pub enum StoreError {
    /// Try again.
    Busy,
    /// The database cannot be reached or is full: answer 503, try again later.
    Unavailable(String),
    /// The commit may or may not have happened: answer 503, settle by the same id.
    Unknown(String),
    /// Something is there that cannot be: stop.
    Corrupt(String),
}

/// A decided batch on its way to disk.
pub struct Write {
    pub inputs: Vec<Input>,
    /// For each input, the vendor's raw body and headers, if it came as a webhook; kept for replay.
    pub raws: Vec<Option<Raw>>,
    pub batch: Batch,
    /// New state of `batch.members`, as JSON (`domain::member::Member`), in the same order.
    pub members: Vec<(u64, Vec<u8>)>,
    /// New state of `batch.budgets`.
    pub budgets: Vec<(Box<str>, Vec<(i64, i64)>)>,
    /// The moment of decision, for all rows of the batch.
    pub now_ms: i64,
}

pub struct Raw {
    pub source: Box<str>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The deciding side: one owner, on the decider's thread.
pub enum Store {
    // Sqlite(sqlite::Sqlite)
}

#[allow(unused_variables)]
impl Store {
    /// Loads what is wanted into the snapshot, known absence included.
    pub fn fetch(&mut self, snapshot: &mut Snapshot, wants: &[Want]) -> Result<(), StoreError> {
        todo!()
    }
    /// Hands a batch over to the writer. Waits while too many are in flight. `done` is called by the writer's thread.
    pub fn commit(&mut self, write: Write, done: Box<dyn FnOnce(Result<(), StoreError>) + Send>) {
        todo!()
    }
    pub fn key_maker(&self) -> KeyMaker {
        todo!()
    }
}
