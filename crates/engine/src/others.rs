//! Other processes on the same database: before anything is decided the decider takes the turn and hears what they did.
//! Where there are none, all of this answers at once.

use std::sync::Arc;
use std::time::Duration;

use domain::batch::Batch;
use domain::decide;
use jiff::Timestamp;
use store::{News, StoreError};

use crate::decider::{Decider, tell};
use crate::waker::ceil;

/// Others are looked at this often while nothing happens here.
pub const LOOK: Duration = Duration::from_millis(250);

impl Decider {
    /// Catches up with the others; takes the turn where there is work. False: nothing may be decided.
    pub(crate) fn begin(&mut self, work: bool) -> Result<bool, StoreError> {
        if !self.store.is_shared() {
            return Ok(true);
        }
        if !work && !self.is_due() {
            if self.rest_until.is_some() {
                return Ok(false);
            }
            let news = self.store.look(&mut self.snapshot)?;
            let work = news.work;
            self.hear(news)?;
            // What was heard may be due at once.
            if !work && !self.is_due() {
                return Ok(false);
            }
        }
        let news = self.store.begin(&mut self.snapshot)?;
        self.hear(news)?;
        Ok(true)
    }

    pub(crate) fn is_due(&self) -> bool {
        let now = self.clock.now().as_millisecond();
        let first = self.wakes.as_ref().filter(|_| self.rest_until.is_none()).and_then(|wakes| wakes.first());
        first.is_some_and(|first| first <= now)
    }

    /// Of what others say is due only the earlier counts: it may have been said under an older version of the program.
    /// Who is woken too early has nothing done.
    fn hear(&mut self, news: News) -> Result<(), StoreError> {
        if let Some(wakes) = &mut self.wakes {
            for (no, due) in news.members {
                wakes.offer(no, due.and_then(|ms| Timestamp::from_millisecond(ms).ok()));
            }
            if news.everybody {
                wakes.look_again();
            }
        }
        if let Some((version, shift_ms)) = news.settings {
            self.clock.shift(shift_ms);
            self.catch_up(version)?;
        }
        if let Some(pos) = news.pos {
            tell(&self.committed, pos);
        }
        Ok(())
    }

    /// Versions of the program that others have published.
    fn catch_up(&mut self, newest: u32) -> Result<(), StoreError> {
        for version in self.plans.current.version + 1..=newest {
            let stored = self.store.reader().program_version_get(version)?;
            let stored =
                stored.ok_or_else(|| StoreError::Corrupt(format!("version {version} is missing")))?;
            let plan = (self.compile)(&stored, &self.plans.current).map_err(|why| {
                StoreError::Unavailable(format!(
                    "version {version} of the program is not for this process: {why}"
                ))
            })?;
            self.take_plan(Arc::new(plan));
        }
        Ok(())
    }

    /// When something is due of each member of a batch.
    pub(crate) fn due_for_others(&self, batch: &Batch) -> Vec<Option<i64>> {
        if !self.store.is_shared() {
            return Vec::new();
        }
        let due = |no| {
            let member = self.snapshot.members.get(no).and_then(Option::as_deref)?;
            decide::due::next(&self.plans.current, member).map(ceil)
        };
        batch.members.iter().map(due).collect()
    }
}
