//! Figures for `/metrics`: cheap, and true of one moment each.

use std::path::Path;
use std::sync::atomic::Ordering;

use super::Reader;
use crate::StoreError;
use crate::keys::Keys;
use crate::sqlite::{FILE, Shared};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Rows of the journal on disk.
    pub rows: u64,
    pub members: u64,
    pub quarantined: u64,
    pub file_bytes: u64,
    pub wal_bytes: u64,
    /// Pages in the write-ahead log since it last began anew.
    pub wal_pages: u64,
    pub checkpoints: u64,
    /// Keys in memory, waiting to be sealed.
    pub tail_keys: u64,
    pub runs: u64,
    pub filter_bytes: u64,
    /// Why the last merge of runs did not happen.
    pub merge_error: Option<String>,
}

impl Stats {
    pub fn sqlite(dir: &Path, keys: &Keys, shared: &Shared) -> Stats {
        let bytes = |name: String| std::fs::metadata(dir.join(name)).map_or(0, |meta| meta.len());
        let keys = keys.read();
        Stats {
            rows: shared.committed.load(Ordering::Acquire),
            members: shared.recent.highest(),
            file_bytes: bytes(FILE.into()),
            wal_bytes: bytes(format!("{FILE}-wal")),
            wal_pages: shared.wal_pages.load(Ordering::Relaxed) as u64,
            checkpoints: shared.checkpoints.load(Ordering::Relaxed),
            tail_keys: (keys.tail.len() + keys.frozen.as_ref().map_or(0, |frozen| frozen.len())) as u64,
            runs: keys.runs.len() as u64,
            filter_bytes: keys.runs.iter().map(|run| run.filter.len_bytes() as u64).sum(),
            merge_error: shared.merge_error(),
            quarantined: 0,
        }
    }
}

impl Reader {
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let stats = self.0.home.stats();
        let members = self.0.home.states_highest()?;
        let count = "SELECT coalesce(max(no), 0) FROM quarantine";
        let quarantined = self.with(|db| db.one(count, &[], |r| r.get(0)))?.unwrap_or(0);
        Ok(Stats { members: stats.members.max(members), quarantined, ..stats })
    }
}
