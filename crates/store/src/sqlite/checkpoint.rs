//! Checkpoints: pages go from the write-ahead log into the file on a thread of its own, so that the writer hardly
//! notices. Only when little is left does the writer do the last pass itself, between two commits; without it the
//! log would never start again from its beginning while events come in.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

use super::file;
use super::writer::Shared;
use crate::StoreError;

/// The writer's own pass takes no more than this: 1,000 pages are 4 MB, some milliseconds.
const LAST_PASS_PAGES: i32 = 1000;
/// Passes that may fail to catch up with the writer before he is made to help.
const PASSES_MAX: usize = 8;

pub struct Checkpointer {
    shared: Arc<Shared>,
    start_at: usize,
    wake: Option<SyncSender<()>>,
    /// Pages in the log when the thread was last woken.
    woken_at: usize,
    last_pass: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub fn start(dir: &Path, shared: Arc<Shared>, start_at: usize) -> Result<Checkpointer, StoreError> {
        let conn = file::open_checkpointer(dir)?;
        let (wake, woken) = sync_channel(1);
        let last_pass = Arc::new(AtomicBool::new(false));
        let flag = last_pass.clone();
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || run(&conn, &woken, &flag))
            .map_err(|e| StoreError::Unavailable(format!("cannot start the checkpoint thread: {e}")))?;
        Ok(Checkpointer { shared, start_at, wake: Some(wake), woken_at: 0, last_pass, thread: Some(thread) })
    }
    /// Called by the writer between two transactions.
    pub fn after_commit(&mut self, conn: &Connection) {
        let pages = self.shared.wal_pages.load(Ordering::Relaxed);
        if pages < self.woken_at {
            self.woken_at = 0; // the log began anew
        }
        if self.last_pass.swap(false, Ordering::AcqRel) {
            let _tried_again_later = conn.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE);
            self.shared.checkpoints.fetch_add(1, Ordering::Relaxed);
        } else if pages >= self.start_at.max(self.woken_at + self.start_at / 4)
            && let Some(wake) = &self.wake
        {
            // Where a long look at the data keeps the log from beginning anew, the thread is not woken for every page.
            self.woken_at = pages;
            let _already_awake = wake.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// Each wake: passes until little is left. A pass that fails (disk full) is tried again at the next wake; nothing is
/// lost by it, the log only grows.
fn run(conn: &Connection, woken: &Receiver<()>, last_pass: &AtomicBool) {
    'wakes: while woken.recv().is_ok() {
        let mut before = -1;
        for _ in 0..PASSES_MAX {
            let Ok((log, done)) = conn.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE) else {
                break;
            };
            if log - done <= LAST_PASS_PAGES {
                break;
            }
            if done == before {
                // A long look at the data holds the log: when it ends, all of it is this thread's work, not the writer's.
                continue 'wakes;
            }
            before = done;
        }
        last_pass.store(true, Ordering::Release);
    }
}
