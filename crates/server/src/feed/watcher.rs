//! Who wants to know that somebody changed, and looks himself at what became of him. He sleeps while others change.
//!
//! Invariant: whoever looks after `of` was called misses nothing that comes later; many changes wake him once.

use std::ops::ControlFlow;
use std::sync::Arc;

use domain::event::MemberNo;
use tokio::sync::watch;

use super::Feed;
use super::ear::Ear;

pub struct Watcher {
    feed: Arc<Feed>,
    ear: Arc<Ear>,
    of: Vec<MemberNo>,
    closed: watch::Receiver<bool>,
}

impl Watcher {
    pub fn new(feed: &Arc<Feed>) -> Watcher {
        feed.readers.inc();
        Watcher { feed: feed.clone(), ear: Arc::default(), of: Vec::new(), closed: feed.closed.subscribe() }
    }

    /// Whose changes wake him. True: somebody is new, of whom something may have been missed.
    pub fn of(&mut self, numbers: &[MemberNo]) -> bool {
        let new: Vec<MemberNo> = numbers.iter().filter(|no| !self.of.contains(no)).copied().collect();
        for no in &new {
            self.feed.ears.add(*no, &self.ear);
        }
        self.of.extend(&new);
        !new.is_empty()
    }

    /// Until one of them changed since he last waited, or the server stops. Dropping the future loses nothing.
    pub async fn changed(&mut self) -> ControlFlow<()> {
        tokio::select! {
            // An error is the end of the feed.
            _ = self.closed.wait_for(|closed| *closed) => ControlFlow::Break(()),
            () = self.ear.heard.notified() => {
                self.ear.take();
                ControlFlow::Continue(())
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.feed.readers.dec();
        // Others are told of as gone only once nobody holds the ear.
        self.ear = Arc::default();
        for no in &self.of {
            self.feed.ears.forget(*no);
        }
    }
}
