//! The feed: every committed change, in the order of the journal. Those at its end are told at once, from memory; those
//! behind read the journal until they are there.
//!
//! Invariants: a reader goes on from the last change that he was told, so he misses none and is told none under two
//! cursors. Nothing is kept for a reader but his place; one who does not read delays nobody.

mod beside;
mod cursor;
mod ear;
mod filter;
mod live;
mod tell;
mod watcher;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::event::MemberNo;
use engine::Versions;
use prometheus_client::metrics::gauge::Gauge;
use store::{Mark, Reader, StoreError};
use tokio::sync::watch;
use wire::member_id::MemberIds;

use crate::lane::Lane;

pub use beside::Beside;
pub use cursor::Cursor;
pub use filter::Filter;
pub use live::{Live, Next};
pub use tell::Told;
pub use watcher::Watcher;

const RETRY: Duration = Duration::from_millis(100);
/// Rows of the journal that are read at once.
const ROWS_AT_ONCE: usize = 64;
/// Rows at the feed's end that are kept as they are told, while somebody listens.
const ROWS_KEPT: u64 = 4_096;

/// A stretch of the journal as it is told.
pub struct Stretch {
    /// Behind this row.
    pub after: u64,
    pub end: Cursor,
    pub told: Vec<Told>,
    /// In which row which member, or household, became another, told or not.
    pub touched: Vec<(u64, MemberNo)>,
}

pub struct Feed {
    lane: Lane,
    pub versions: Versions,
    pub ids: MemberIds,
    /// The newest row of this run that is durable.
    committed: watch::Receiver<u64>,
    /// What is told already, newest last, without gap.
    tail: RwLock<VecDeque<Arc<Stretch>>>,
    /// Up to where `tail` reaches.
    fed: watch::Sender<Cursor>,
    ears: ear::Ears,
    /// Who listens.
    pub readers: Gauge,
    closed: watch::Sender<bool>,
}

impl Feed {
    pub fn new(
        reader: Reader,
        versions: Versions,
        ids: MemberIds,
        committed: watch::Receiver<u64>,
    ) -> io::Result<Arc<Feed>> {
        let (fed, _) = watch::channel(Cursor::START);
        let (closed, _) = watch::channel(false);
        let (tail, ears, readers) = (RwLock::default(), ear::Ears::default(), Gauge::default());
        let lane = Lane::long(reader)?;
        Ok(Arc::new(Feed { lane, versions, ids, committed, tail, fed, ears, readers, closed }))
    }

    /// Follows the journal for those who listen, until the engine is gone.
    pub async fn follow(self: Arc<Feed>) {
        let (mut committed, mut at) = (self.committed.clone(), None);
        loop {
            let head = *committed.borrow_and_update();
            if let Err(error) = self.catch_up(&mut at, head).await {
                tracing::warn!(%error, "the feed cannot be read");
                tokio::time::sleep(RETRY).await;
            } else if committed.changed().await.is_err() {
                return;
            }
        }
    }

    async fn catch_up(&self, at: &mut Option<u64>, head: u64) -> Result<(), StoreError> {
        let Some(at) = at else {
            let end = self.end().await?;
            *at = Some(end.pos);
            self.fed.send_replace(end);
            return Ok(());
        };
        if self.readers.get() == 0 {
            // Whoever comes now finds all of this in the journal.
            self.tail_mut().clear();
            *at = head.max(*at);
        }
        while *at < head {
            let stretch = Arc::new(self.read(*at).await?);
            *at = stretch.end.pos;
            self.ears_and_tail(&stretch);
            self.fed.send_replace(stretch.end);
        }
        Ok(())
    }

    fn ears_and_tail(&self, stretch: &Arc<Stretch>) {
        let mut tail = self.tail_mut();
        if stretch.told.iter().any(|told| &*told.kind == "member.erased") {
            // What was told of him is read again, as it is now.
            tail.clear();
        }
        tail.push_back(stretch.clone());
        let oldest = stretch.end.pos.saturating_sub(ROWS_KEPT);
        while tail.front().is_some_and(|first| first.end.pos <= oldest) {
            tail.pop_front();
        }
        drop(tail);
        self.ears.tell(&stretch.touched);
    }

    /// Behind everything that is committed by now.
    pub async fn end(&self) -> Result<Cursor, StoreError> {
        let (pos, mark) = self.lane.read(|reader| reader.feed_end()).await?;
        Ok(Cursor::whole(pos, mark))
    }

    /// Whether the cursor was given out in this history.
    pub async fn knows(&self, cursor: Cursor) -> Result<bool, StoreError> {
        let mark = self.lane.read(move |reader| reader.feed_mark(cursor.pos)).await?;
        Ok(mark == Some(cursor.mark))
    }

    /// Streams end; the server stops.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Becomes true when the server stops.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    /// What comes behind row `after`, in memory or not.
    pub async fn behind(&self, after: u64) -> Result<Arc<Stretch>, StoreError> {
        let kept = {
            let tail = self.tail.read().unwrap_or_else(PoisonError::into_inner);
            let at = tail.partition_point(|stretch| stretch.end.pos <= after);
            tail.get(at).filter(|stretch| stretch.after <= after).cloned()
        };
        match kept {
            Some(kept) => Ok(kept),
            None => self.read(after).await.map(Arc::new),
        }
    }

    async fn read(&self, after: u64) -> Result<Stretch, StoreError> {
        let (versions, ids) = (self.versions.clone(), self.ids.clone());
        self.lane
            .read(move |reader| {
                let page = reader.feed_list(after, ROWS_AT_ONCE)?;
                let plan = versions.current();
                let told = page.rows.iter().flat_map(|row| tell::tell(&plan, &ids, row)).collect();
                let end =
                    page.end.map_or(Cursor::whole(after, Mark(0)), |(pos, mark)| Cursor::whole(pos, mark));
                Ok(Stretch { after, end, told, touched: page.touched })
            })
            .await
    }

    fn tail_mut(&self) -> std::sync::RwLockWriteGuard<'_, VecDeque<Arc<Stretch>>> {
        self.tail.write().unwrap_or_else(PoisonError::into_inner)
    }
}
