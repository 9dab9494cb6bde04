//! Those who only look: any number of threads, each with a connection of its own for as long as one question takes.
//!
//! Invariant: a reader never waits for the writer and sees only what is durable. What differs between databases is in
//! `home`.

mod access;
mod acts;
mod endpoints;
mod feed;
mod home;
mod journal;
mod member;
mod past;
mod stats;

use std::path::Path;
use std::sync::Arc;

use domain::key::KeyMaker;

pub use access::{ApiKeyRow, ProgramVersion, QuarantineRow};
pub use acts::Act;
pub use endpoints::{EndpointCounts, EndpointRow};
pub use feed::{EventName, FeedPage, FeedRow, Mark};
pub use journal::{Row, TransferRow, row_get};
pub use member::MemberRow;
pub use stats::Stats;

use crate::StoreError;
use crate::db::Db;
use crate::keys::Keys;
use crate::keys::tail::Tail;
use crate::sqlite::Shared;
use crate::sqlite::sweep::Recent;
use home::Home;

#[derive(Clone)]
pub struct Reader(Arc<Inner>);

struct Inner {
    home: Home,
    maker: KeyMaker,
}

/// Some of a list; `next` is where to go on, if there is more.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<u64>,
}

impl Reader {
    pub(crate) fn sqlite(dir: &Path, keys: Keys, maker: KeyMaker, shared: Arc<Shared>) -> Reader {
        Reader(Arc::new(Inner { home: Home::sqlite(dir, keys, shared), maker }))
    }

    #[cfg(feature = "postgres")]
    pub(crate) fn postgres(shared: Arc<crate::postgres::Shared>, maker: KeyMaker) -> Reader {
        Reader(Arc::new(Inner { home: Home::postgres(shared), maker }))
    }

    /// For API keys, beside the process that holds the data: it knows nothing of where events are.
    pub fn beside(dir: &Path) -> Reader {
        let keys = Keys::new(Tail::default(), Vec::new());
        Reader::sqlite(dir, keys, KeyMaker([0; 16]), Arc::new(Shared::new(0, Recent::default())))
    }

    /// The data lie on this machine: a short read waits for nobody, and at worst for the disk.
    pub fn is_here(&self) -> bool {
        matches!(self.0.home, Home::Sqlite { .. })
    }

    fn with<T>(&self, ask: impl FnOnce(Db<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.0.home.with(ask)
    }

    /// All from one moment.
    fn at_once<T>(&self, ask: impl FnOnce(Db<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.with(|db| {
            db.begin_reading()?;
            ask(db)
        })
    }
}
