//! A run: sorted entries in pages that are found by the top bits of the key, and a filter in memory.
//!
//! A page is one row of about 64 entries of 13 bytes; the page's number is the key's top bits, so no index is read.
//! A run counts only once its row in `run` exists; that row is written last.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use rusqlite::{Connection, OptionalExtension};

use super::filter::Filter;

/// Bytes of an entry: key (8), position (5; 10^12 rows).
pub const ENTRY: usize = 13;
const ENTRIES_PER_PAGE: usize = 64;
/// Bits of `at` below the run's number.
pub const RUN_SHIFT: u32 = 24;
/// Rows that travel together.
const SLICE: usize = 64;

pub struct Run {
    pub no: i64,
    pub level: i64,
    pub last_pos: u64,
    pub count: usize,
    pub bits: u32,
    pub filter: Filter,
}

/// A piece of work for the writer, small enough to ride along with a batch.
pub enum Slice {
    Pages(Vec<(i64, Vec<u8>)>),
    FilterPart(i64, Vec<u8>),
    /// The run is complete and takes the place of these. Everything in the tail up to its last position is in runs,
    /// if it was sealed from there.
    Install {
        run: Arc<Run>,
        replaces: Vec<i64>,
    },
    /// Rows of `run_page` and `run_filter` that nothing refers to any more.
    DropRun(i64),
    DropTail {
        last_pos: u64,
    },
}

pub fn push_entry(bytes: &mut Vec<u8>, key: u64, pos: u64) {
    assert!(pos < 1 << 40, "positions have 40 bits");
    bytes.extend_from_slice(&key.to_le_bytes());
    bytes.extend_from_slice(&pos.to_le_bytes()[..5]);
}

/// The entries of a blob; a remainder that is no entry is left out (and reported by `verify`).
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = (u64, u64)> + '_ {
    bytes.as_chunks::<ENTRY>().0.iter().map(|entry| {
        let (mut key, mut pos) = ([0; 8], [0; 8]);
        key.copy_from_slice(&entry[..8]);
        pos[..5].copy_from_slice(&entry[8..]);
        (u64::from_le_bytes(key), u64::from_le_bytes(pos))
    })
}

pub fn page_bits(count: usize) -> u32 {
    count.div_ceil(ENTRIES_PER_PAGE).next_power_of_two().trailing_zeros().min(RUN_SHIFT)
}
pub fn page_of(key: u64, bits: u32) -> u64 {
    key.checked_shr(64 - bits).unwrap_or(0)
}
pub fn page_at(run: i64, page: u64) -> i64 {
    (run << RUN_SHIFT) | page.cast_signed()
}

impl Run {
    pub fn at(&self, key: u64) -> i64 {
        page_at(self.no, page_of(key, self.bits))
    }
}

/// Adds the key's positions in this page.
pub fn find_in_page(conn: &Connection, at: i64, key: u64, found: &mut Vec<u64>) -> rusqlite::Result<()> {
    let mut select = conn.prepare_cached("SELECT entries FROM run_page WHERE at = ?1")?;
    let mut rows = select.query([at])?;
    if let Some(row) = rows.next()? {
        let bytes = row.get_ref(0)?.as_blob()?;
        found.extend(entries(bytes).filter(|entry| entry.0 == key).map(|entry| entry.1));
    }
    Ok(())
}

/// The receiver has gone: the store is closing.
pub struct Closed;

/// Makes a run of entries that come in order, and sends it piece by piece.
pub struct RunMaker<'a> {
    run: Run,
    page: u64,
    bytes: Vec<u8>,
    rows: Vec<(i64, Vec<u8>)>,
    send: &'a SyncSender<Slice>,
}

impl<'a> RunMaker<'a> {
    pub fn new(
        no: i64,
        level: i64,
        last_pos: u64,
        count: usize,
        send: &'a SyncSender<Slice>,
    ) -> RunMaker<'a> {
        let run = Run { no, level, last_pos, count, bits: page_bits(count), filter: Filter::new(count) };
        RunMaker { run, page: 0, bytes: Vec::new(), rows: Vec::new(), send }
    }
    pub fn push(&mut self, key: u64, pos: u64) -> Result<(), Closed> {
        let page = page_of(key, self.run.bits);
        assert!(page >= self.page, "entries come in order");
        if page != self.page {
            self.end_page()?;
            self.page = page;
        }
        push_entry(&mut self.bytes, key, pos);
        self.run.filter.add(key);
        Ok(())
    }
    fn end_page(&mut self) -> Result<(), Closed> {
        if !self.bytes.is_empty() {
            self.rows.push((page_at(self.run.no, self.page), std::mem::take(&mut self.bytes)));
        }
        if self.rows.len() >= SLICE { self.send_rows() } else { Ok(()) }
    }
    fn send_rows(&mut self) -> Result<(), Closed> {
        self.send.send(Slice::Pages(std::mem::take(&mut self.rows))).map_err(|_| Closed)
    }
    pub fn finish(mut self, replaces: Vec<i64>) -> Result<(), Closed> {
        self.end_page()?;
        self.send_rows()?;
        for (n, part) in self.run.filter.parts().enumerate() {
            let at = page_at(self.run.no, n as u64);
            self.send.send(Slice::FilterPart(at, part)).map_err(|_| Closed)?;
        }
        self.send.send(Slice::Install { run: Arc::new(self.run), replaces }).map_err(|_| Closed)
    }
}

/// All runs of the file, with their filters.
pub fn load(conn: &Connection) -> Result<Vec<Arc<Run>>, crate::StoreError> {
    let read = || -> rusqlite::Result<Vec<(i64, i64, u64, usize, u32)>> {
        let mut select = conn.prepare("SELECT no, level, last_pos, count, bits FROM run ORDER BY no")?;
        select.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)))?.collect()
    };
    let mut runs = Vec::new();
    for (no, level, last_pos, count, bits) in read().map_err(|e| crate::sqlite::store_error(&e))? {
        let parts = filter_parts(conn, no).map_err(|e| crate::sqlite::store_error(&e))?;
        let filter = Filter::from_parts(count, &parts)
            .ok_or_else(|| crate::StoreError::Corrupt(format!("the filter of key run {no} is damaged")))?;
        runs.push(Arc::new(Run { no, level, last_pos, count, bits, filter }));
    }
    Ok(runs)
}

fn filter_parts(conn: &Connection, no: i64) -> rusqlite::Result<Vec<Vec<u8>>> {
    let mut select =
        conn.prepare_cached("SELECT part FROM run_filter WHERE at >= ?1 AND at < ?2 ORDER BY at")?;
    select.query_map([page_at(no, 0), page_at(no + 1, 0)], |r| r.get(0))?.collect()
}

/// Numbers of runs of which there are pages or filters but no row: left behind by a crash, or not yet dropped.
pub fn orphans(conn: &Connection, runs: &[Arc<Run>]) -> rusqlite::Result<Vec<i64>> {
    let mut found = Vec::new();
    for table in ["run_page", "run_filter"] {
        let mut next = conn.prepare(&format!("SELECT at FROM {table} WHERE at >= ?1 ORDER BY at LIMIT 1"))?;
        let mut from = 0;
        while let Some(at) = next.query_row([from], |r| r.get::<_, i64>(0)).optional()? {
            let no = at >> RUN_SHIFT;
            if runs.iter().all(|run| run.no != no) && !found.contains(&no) {
                found.push(no);
            }
            from = page_at(no + 1, 0);
        }
    }
    Ok(found)
}
