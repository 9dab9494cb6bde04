//! Keys to positions, for ever, at a cost that does not grow with history: the newest in memory (also on disk, by
//! batch), older ones in sorted runs with filters.
//!
//! One set serves dedupe, guards and orders; a key may have many positions. A position that is found may belong to
//! another text with the same hash: whoever asked compares the row.
//! The decider adds and freezes, the writer installs runs; readers see either the state before or after, and a
//! database snapshot that fits it (`locate`).

pub mod filter;
pub mod run;
pub mod seal;
pub mod tail;

use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use domain::key::Key;
use rusqlite::Connection;

use run::Run;
use tail::Tail;

#[derive(Clone)]
pub struct Keys(Arc<RwLock<State>>);

pub struct State {
    /// Grows with every installed run.
    epoch: u64,
    pub tail: Tail,
    /// On its way to become a run.
    pub frozen: Option<Arc<Tail>>,
    pub runs: Vec<Arc<Run>>,
}

impl Keys {
    pub fn new(tail: Tail, runs: Vec<Arc<Run>>) -> Keys {
        Keys(Arc::new(RwLock::new(State { epoch: 0, tail, frozen: None, runs })))
    }
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    pub fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    /// Called by the writer right after the commit that made the run valid, and before any page is dropped.
    pub fn install(&self, run: &Arc<Run>, replaces: &[i64]) {
        let mut state = self.write();
        state.epoch += 1;
        state.runs.retain(|old| !replaces.contains(&old.no));
        state.runs.push(run.clone());
        if replaces.is_empty() {
            state.frozen = None;
        }
    }
    /// The positions of each key, oldest first. Opens a read transaction in which every position that was committed
    /// by then can be read; the caller ends it.
    pub fn locate(&self, conn: &Connection, keys: &[Key]) -> rusqlite::Result<Vec<Vec<u64>>> {
        loop {
            let epoch = self.read().epoch;
            conn.prepare_cached("BEGIN")?.execute([])?;
            // A transaction sees the file as it is at its first read.
            conn.prepare_cached("SELECT count(*) FROM meta")?.query_row([], |_| Ok(()))?;
            let mut found = vec![Vec::new(); keys.len()];
            let mut pages = Vec::new();
            if self.read().look_up(epoch, keys, &mut found, &mut pages) {
                for (n, at) in pages {
                    run::find_in_page(conn, at, keys[n].0, &mut found[n])?;
                }
                for positions in &mut found {
                    positions.sort_unstable();
                    positions.dedup();
                }
                return Ok(found);
            }
            conn.prepare_cached("ROLLBACK")?.execute([])?;
        }
    }
}

impl State {
    /// Fills in what memory knows, and which pages may know more. False if runs have changed since `epoch`.
    fn look_up(
        &self,
        epoch: u64,
        keys: &[Key],
        found: &mut [Vec<u64>],
        pages: &mut Vec<(usize, i64)>,
    ) -> bool {
        if self.epoch != epoch {
            return false;
        }
        for (key, found) in keys.iter().zip(found) {
            self.tail.find(key.0, found);
            if let Some(frozen) = &self.frozen {
                frozen.find(key.0, found);
            }
        }
        // Run by run, so that one filter at a time is warm.
        for run in &self.runs {
            let hits = keys.iter().enumerate().filter(|(_, key)| run.filter.has(key.0));
            pages.extend(hits.map(|(n, key)| (n, run.at(key.0))));
        }
        true
    }
    /// Takes the full tail away to be sealed.
    pub fn freeze(&mut self, capacity: usize) -> Arc<Tail> {
        assert!(self.frozen.is_none(), "one tail is sealed at a time");
        let frozen = Arc::new(std::mem::replace(&mut self.tail, Tail::new(capacity)));
        self.frozen = Some(frozen.clone());
        frozen
    }
    /// Forgets what came after `pos`: it was never committed. A frozen tail that is not yet being sealed comes back.
    pub fn forget_after(&mut self, pos: u64, unfreeze: bool, capacity: usize) {
        let mut tail = self.tail.up_to(pos, capacity);
        if let Some(frozen) = self.frozen.take_if(|_| unfreeze) {
            frozen
                .sorted()
                .into_iter()
                .filter(|entry| entry.1 <= pos)
                .for_each(|(key, pos)| tail.add(key, pos));
        }
        self.tail = tail;
    }
    /// Runs of one level, when there are enough to be merged.
    pub fn mergeable(&self, enough: usize) -> Option<Vec<Arc<Run>>> {
        let highest = self.runs.iter().map(|run| run.level).max()?;
        (0..=highest).find_map(|level| {
            let same: Vec<_> = self.runs.iter().filter(|run| run.level == level).cloned().collect();
            (same.len() >= enough).then_some(same)
        })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Spread like a hash.
    pub fn mix(n: u64) -> u64 {
        let n = (n ^ (n >> 31)).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(29);
        (n ^ (n >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93)
    }

    #[test]
    fn a_tail_keeps_every_position_and_forgets_what_failed() {
        let mut state = State { epoch: 0, tail: Tail::default(), frozen: None, runs: Vec::new() };
        state.tail.add(7, 1);
        state.tail.add(7, 2);
        state.tail.add(8, 3);
        state.freeze(4);
        state.tail.add(7, 4);
        let mut found = Vec::new();
        state.tail.find(7, &mut found);
        state.frozen.as_ref().unwrap().find(7, &mut found);
        assert_eq!(found, [4, 1, 2]);
        state.forget_after(2, true, 4);
        assert_eq!(state.tail.sorted(), [(7, 1), (7, 2)]);
        assert!(state.frozen.is_none());
    }
}
