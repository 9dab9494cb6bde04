//! Figures for `/metrics`: cheap, and true of one moment each.

use std::sync::atomic::Ordering;

use super::Reader;
use crate::StoreError;
use crate::sqlite::{FILE, store_error};

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

impl Reader {
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let count = "SELECT (SELECT coalesce(max(no), 0) FROM member_swept), (SELECT coalesce(max(no), 0) FROM quarantine)";
        let (members, quarantined) = self.with(|conn| {
            let select = conn.prepare_cached(count);
            select
                .and_then(|mut s| s.query_row([], |r| Ok((r.get::<_, u64>(0)?, r.get(1)?))))
                .map_err(|e| store_error(&e))
        })?;
        let bytes = |name: String| std::fs::metadata(self.0.dir.join(name)).map_or(0, |meta| meta.len());
        let shared = &self.0.shared;
        let keys = self.0.keys.read();
        Ok(Stats {
            rows: shared.committed.load(Ordering::Acquire),
            members: members.max(shared.recent.highest()),
            quarantined,
            file_bytes: bytes(FILE.into()),
            wal_bytes: bytes(format!("{FILE}-wal")),
            wal_pages: shared.wal_pages.load(Ordering::Relaxed) as u64,
            checkpoints: shared.checkpoints.load(Ordering::Relaxed),
            tail_keys: (keys.tail.len() + keys.frozen.as_ref().map_or(0, |frozen| frozen.len())) as u64,
            runs: keys.runs.len() as u64,
            filter_bytes: keys.runs.iter().map(|run| run.filter.len_bytes() as u64).sum(),
            merge_error: shared.merge_error(),
        })
    }
}
