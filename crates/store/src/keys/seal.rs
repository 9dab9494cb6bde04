//! The work behind the keys, on threads of its own: sorting a full tail into a run, merging runs into one.
//! The threads only read; what they make goes to the writer in slices.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use rusqlite::Connection;

use super::run::{Closed, Run, RunMaker, Slice, entries, page_at};
use super::tail::Tail;
use crate::StoreError;
use crate::sqlite::{file, store_error};

/// Sorts what is frozen into the run `no`.
pub fn seal(tail: &Tail, no: i64, send: &SyncSender<Slice>) -> Result<(), Closed> {
    let mut entries = tail.sorted();
    if domain::planted::is("key_lost_at_seal") {
        entries.retain(|(key, _)| key % 8 != 0);
    }
    let mut maker = RunMaker::new(no, 0, tail.last_pos, entries.len(), send);
    for (key, pos) in entries {
        maker.push(key, pos)?;
    }
    maker.finish(Vec::new())?;
    send.send(Slice::DropTail { last_pos: tail.last_pos }).map_err(|_| Closed)
}

/// Merges runs into the run `no` of the next level, and drops them.
pub struct Merge {
    pub dir: PathBuf,
    pub runs: Vec<Arc<Run>>,
    pub no: i64,
}

impl Merge {
    /// An error of reading leaves everything as it was.
    pub fn run(&self, send: &SyncSender<Slice>) -> Result<(), StoreError> {
        let conn = file::open_reader(&self.dir, 2048)?;
        let count = self.runs.iter().map(|run| run.count).sum();
        let last_pos = self.runs.iter().map(|run| run.last_pos).max().unwrap_or(0);
        let level = self.runs.iter().map(|run| run.level).max().unwrap_or(0) + 1;
        let mut maker = RunMaker::new(self.no, level, last_pos, count, send);
        // The key space is walked in equal pieces that hold whole pages of every run. Each read is a transaction
        // of its own, so that the write-ahead log is not held up for long.
        let bits = self.runs.iter().map(|run| run.bits).min().unwrap_or(0).min(11);
        let mut merged = 0;
        for piece in 0..1u64 << bits {
            let mut sorted = Vec::new();
            for run in &self.runs {
                read_piece(&conn, run, piece, bits, &mut sorted).map_err(|e| store_error(&e))?;
            }
            sorted.sort_unstable();
            merged += sorted.len();
            for (key, pos) in sorted {
                if maker.push(key, pos).is_err() {
                    return Ok(());
                }
            }
        }
        if merged != count {
            return Err(StoreError::Corrupt(format!("key runs hold {merged} entries in place of {count}")));
        }
        let replaces: Vec<i64> = self.runs.iter().map(|run| run.no).collect();
        if maker.finish(replaces.clone()).is_ok() {
            let _closed = replaces.into_iter().try_for_each(|no| send.send(Slice::DropRun(no)));
        }
        Ok(())
    }
}

fn read_piece(
    conn: &Connection,
    run: &Run,
    piece: u64,
    bits: u32,
    into: &mut Vec<(u64, u64)>,
) -> rusqlite::Result<()> {
    let shift = run.bits - bits;
    let mut select = conn.prepare_cached("SELECT entries FROM run_page WHERE at >= ?1 AND at < ?2")?;
    let mut rows = select.query([page_at(run.no, piece << shift), page_at(run.no, (piece + 1) << shift)])?;
    while let Some(row) = rows.next()? {
        into.extend(entries(row.get_ref(0)?.as_blob()?));
    }
    Ok(())
}
