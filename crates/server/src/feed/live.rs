//! A reader who stays: what comes after his place, as soon as it is committed.

use std::ops::ControlFlow;
use std::sync::Arc;

use domain::event::MemberNo;
use store::StoreError;
use tokio::sync::watch;

use super::ear::Ear;
use super::{Cursor, Feed, Stretch};

pub struct Live {
    feed: Arc<Feed>,
    at: Cursor,
    fed: watch::Receiver<Cursor>,
    closed: watch::Receiver<bool>,
    /// He is woken for his member alone.
    ear: Option<Arc<Ear>>,
    /// There was nothing behind this row; what comes later wakes him.
    caught_up: bool,
    row: u64,
    member: Option<MemberNo>,
}

/// A stretch, of which he has not seen what lies behind the cursor.
pub type Next = (Arc<Stretch>, Cursor);

impl Live {
    /// `member`: he wants to be woken for this one's changes alone.
    pub fn new(feed: &Arc<Feed>, at: Cursor, member: Option<MemberNo>) -> Live {
        feed.readers.inc();
        let ear = member.map(|no| {
            let ear = Arc::default();
            feed.ears.add(no, &ear);
            ear
        });
        let (fed, closed) = (feed.fed.subscribe(), feed.closed.subscribe());
        Live { feed: feed.clone(), at, fed, closed, ear, caught_up: false, row: at.row(), member }
    }

    /// Waits until there is something new; None when the server stops. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Option<Next>, StoreError> {
        loop {
            if let Some(next) = self.look().await? {
                return Ok(Some(next));
            }
            if self.wait().await.is_break() {
                return Ok(None);
            }
        }
    }

    /// What there is now.
    pub async fn look(&mut self) -> Result<Option<Next>, StoreError> {
        let stretch = if self.caught_up { None } else { Some(self.feed.behind(self.row).await?) };
        let Some(stretch) = stretch.filter(|stretch| stretch.end.pos > self.row) else {
            self.caught_up = true;
            return Ok(None);
        };
        self.row = stretch.end.pos;
        let before = std::mem::replace(&mut self.at, stretch.end);
        Ok(Some((stretch, before)))
    }

    /// Until there may be something, or the server stops.
    pub async fn wait(&mut self) -> ControlFlow<()> {
        let Live { fed, closed, ear, row, .. } = self;
        let new = async {
            match ear {
                Some(ear) => {
                    ear.heard.notified().await;
                    *row = (*row).max(ear.take().saturating_sub(1));
                }
                // An error is the end of the feed, which closes too.
                None => drop(fed.wait_for(|fed| fed.pos > *row).await),
            }
        };
        tokio::select! {
            // An error is the end of the feed.
            _ = closed.wait_for(|closed| *closed) => ControlFlow::Break(()),
            () = new => {
                self.caught_up = false;
                ControlFlow::Continue(())
            }
        }
    }

    /// Up to where there is nothing more for him: he can go on from there another time.
    pub fn place(&mut self) -> Cursor {
        let end = *self.fed.borrow();
        let nothing = self.ear.as_ref().is_some_and(|ear| ear.heard_nothing());
        if self.caught_up && nothing && end.pos > self.row {
            (self.row, self.at) = (end.pos, end);
        }
        self.at
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.feed.readers.dec();
        if let (Some(no), Some(_)) = (self.member, self.ear.take()) {
            self.feed.ears.forget(no);
        }
    }
}
