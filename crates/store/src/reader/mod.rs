//! Those who only look: any number of threads, each with a connection of its own for as long as one question takes.
//!
//! Invariant: a reader never waits for the writer and sees only what is durable.

mod access;
mod acts;
mod endpoints;
mod feed;
mod journal;
mod member;
mod past;
mod stats;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use domain::key::KeyMaker;
use rusqlite::Connection;

pub use access::{ApiKeyRow, ProgramVersion, QuarantineRow};
pub use acts::Act;
pub use endpoints::{EndpointCounts, EndpointRow};
pub use feed::{EventName, FeedPage, FeedRow, Mark};
pub use journal::{Row, TransferRow, row_get};
pub use member::MemberRow;
pub use stats::Stats;

use crate::StoreError;
use crate::keys::Keys;
use crate::keys::tail::Tail;
use crate::sqlite::sweep::Recent;
use crate::sqlite::{Shared, file, store_error};

/// Connections that are kept when nobody uses them.
const IDLE_MAX: usize = 8;

#[derive(Clone)]
pub struct Reader(Arc<Inner>);

struct Inner {
    dir: PathBuf,
    keys: Keys,
    maker: KeyMaker,
    shared: Arc<Shared>,
    idle: Mutex<Vec<Connection>>,
}

/// Some of a list; `next` is where to go on, if there is more.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<u64>,
}

impl Reader {
    pub(crate) fn new(dir: &Path, keys: Keys, maker: KeyMaker, shared: Arc<Shared>) -> Reader {
        Reader(Arc::new(Inner { dir: dir.into(), keys, maker, shared, idle: Mutex::new(Vec::new()) }))
    }

    /// For API keys, beside the process that holds the data: it knows nothing of where events are.
    pub fn beside(dir: &Path) -> Reader {
        let keys = Keys::new(Tail::default(), Vec::new());
        Reader::new(dir, keys, KeyMaker([0; 16]), Arc::new(Shared::new(0, Recent::default())))
    }

    fn with<T>(&self, ask: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = || self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let conn = match kept {
            Some(conn) => conn,
            None => file::open_reader(&self.0.dir, 4096)?,
        };
        let answer = ask(&conn);
        // A connection in an odd state is not used again.
        let ended = conn.is_autocommit() || run(&conn, "ROLLBACK").is_ok();
        let mut idle = idle();
        if ended && idle.len() < IDLE_MAX {
            idle.push(conn);
        }
        answer
    }

    /// All from one moment.
    fn at_once<T>(&self, ask: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with(|conn| {
            run(conn, "BEGIN").map_err(|e| store_error(&e))?;
            ask(conn)
        })
    }
}

/// Kept prepared: each question needs both.
fn run(conn: &Connection, what: &str) -> rusqlite::Result<usize> {
    conn.prepare_cached(what)?.execute([])
}
