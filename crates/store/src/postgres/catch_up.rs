//! Taking the turn, and catching up with what others did before.
//!
//! Invariant: whoever has just taken the turn knows where the journal ends, and no snapshot keeps what others touched.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::snapshot::Snapshot;

use super::Postgres;
use super::head::{self, Seen};
use crate::flight::encode::Task;
use crate::{News, StoreError};

/// After so long the turn is given up if others wait.
const TURN: Duration = Duration::from_millis(25);
/// So long others are let through after that.
const COURTESY: Duration = Duration::from_millis(10);
/// So long it believes what it saw of its turn and of the settings: whoever changes them takes the turn for it, or has
/// just been started.
const SURE: Duration = Duration::from_millis(25);
/// While it waits, it looks by itself this often.
const LOOK: Duration = Duration::from_millis(20);
/// So long it waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

impl Postgres {
    /// Before anything is decided.
    pub fn begin(&mut self, snapshot: &mut Snapshot) -> Result<News, StoreError> {
        self.mend(snapshot.next_pos == 0)?;
        if let Some(fence) = self.shared.turn.rest(false, TURN) {
            self.shared.give_up(&self.conn, fence);
        }
        if let Some(fence) = self.shared.turn.go_on() {
            self.shared.give_up(&self.conn, fence);
        }
        if let Some(fence) = self.shared.turn.fence() {
            let asked = Instant::now();
            if self.sure.is_some_and(|(of, until)| of == fence && asked < until) {
                if snapshot.next_pos == 0 {
                    self.head.begin(snapshot)?;
                }
                return Ok(News::default());
            }
            let seen = self.ask(head::look)?;
            let is_ours = seen.holder == self.shared.me;
            // A lease that is over is renewed by the batches in flight, unless somebody takes the turn before.
            if is_ours && (seen.held() || self.flights_are_out()) {
                let left = Duration::from_millis(seen.left_ms.max(0).cast_unsigned());
                self.sure = Some((fence, asked + left.min(SURE)));
                self.shared.erasing.fetch_or(seen.erasing, Ordering::AcqRel);
                return self.news(&seen, snapshot, false);
            }
            if !is_ours {
                // What is in flight fails, and then the snapshot is no good either.
                self.writer().wait();
                self.mend(snapshot.next_pos == 0)?;
                self.shared.turn.lost();
            }
        }
        let seen = self.take()?;
        // Whoever has the turn and has not caught up has not got it.
        let news = self.news(&seen, snapshot, true).inspect_err(|_| self.shared.turn.lost())?;
        self.writer().send(Task::After(seen.hash));
        self.shared.erasing.fetch_or(seen.erasing, Ordering::AcqRel);
        Ok(news)
    }

    /// Without taking the turn.
    pub fn look(&mut self, snapshot: &mut Snapshot) -> Result<News, StoreError> {
        self.mend(snapshot.next_pos == 0)?;
        let seen = self.ask(head::look)?;
        let believed = self.shared.turn.fence().is_some();
        let is_ours = believed && seen.holder == self.shared.me;
        if believed && !is_ours {
            if self.flights_are_out() {
                // They fail, and then the snapshot is no good either: `begin` sees to it.
                return Ok(News::default());
            }
            self.shared.turn.lost();
        }
        let mut news = self.news(&seen, snapshot, !is_ours)?;
        // What nobody goes on with.
        news.work = seen.erasing && !seen.held();
        Ok(news)
    }

    /// Nothing waits here: others may have the turn.
    pub fn rest(&mut self) {
        if let Some(fence) = self.shared.turn.rest(true, TURN) {
            self.shared.give_up(&self.conn, fence);
        }
    }

    fn flights_are_out(&mut self) -> bool {
        self.prune();
        !self.flights.is_empty()
    }

    /// Waits for its turn. Nothing of ours is in flight.
    fn take(&mut self) -> Result<Seen, StoreError> {
        let begun = Instant::now();
        let lease_ms = self.options.lease_ms;
        let lease = Duration::from_millis(lease_ms.max(0).cast_unsigned());
        let mut asked = None;
        if self.shared.turn.yielded() {
            self.shared.turn.wait(self.shared.turn.heard(), COURTESY);
        }
        loop {
            let (me, heard, began) = (self.shared.me, self.shared.turn.heard(), Instant::now());
            match self.ask(|conn| head::take(conn, me, lease_ms)) {
                Ok(Some((seen, settled))) => {
                    // Whoever had it may have committed what nobody was told of: now others will be.
                    self.confirmed &= settled;
                    // It waited for the row for as long as the lease that it asked for: that is over.
                    if began.elapsed() >= lease && begun.elapsed() < PATIENCE {
                        continue;
                    }
                    if !self.confirmed {
                        head::confirm(&self.conn)?;
                        self.confirmed = true;
                    }
                    self.shared.turn.took(seen.fence);
                    return Ok(seen);
                }
                Ok(None) => {}
                // Its lease is over and it stands still in the middle of a transaction.
                Err(StoreError::Busy) => self.ask(head::break_up)?,
                Err(why) => return Err(why),
            }
            let seen = self.ask(head::look)?;
            if asked != Some(seen.fence) {
                let channel = self.shared.channel.clone();
                match self.ask(|conn| head::ask(conn, &channel, seen.fence)) {
                    Ok(()) => asked = Some(seen.fence),
                    Err(StoreError::Busy) => {}
                    Err(why) => return Err(why),
                }
            }
            if begun.elapsed() > PATIENCE {
                let why = format!("another process has not given up its turn for {} s", PATIENCE.as_secs());
                return Err(StoreError::Unavailable(why));
            }
            self.shared.turn.wait(heard, LOOK);
        }
    }

    /// `others`: they may have written since.
    fn news(&mut self, seen: &Seen, snapshot: &mut Snapshot, others: bool) -> Result<News, StoreError> {
        let mut news = News { settings: Some((seen.version, seen.shift_ms)), ..News::default() };
        if others && (seen.next_pos - 1, seen.hash) != self.shared.end() {
            self.forget_what_they_touched(seen, snapshot, &mut news)?;
            news.pos = Some(seen.next_pos - 1);
            self.head = self.ask(|conn| seen.head(conn))?;
            self.shared.end_at(seen.next_pos - 1, seen.hash);
            self.shared.fall_back(seen.next_pos - 1);
            self.shared.advance(seen.next_pos - 1);
            self.flights.clear();
            self.head.begin(snapshot)?;
        } else if snapshot.next_pos == 0 {
            self.head.begin(snapshot)?;
        }
        Ok(news)
    }

    /// And says who, and when something is due of them.
    fn forget_what_they_touched(
        &mut self,
        seen: &Seen,
        snapshot: &mut Snapshot,
        news: &mut News,
    ) -> Result<(), StoreError> {
        snapshot.rows.clear();
        snapshot.identities.clear();
        let (mine, theirs) = (super::rows::int(self.shared.end().0), super::rows::int(seen.next_pos));
        // If the batch is still known with which it ended here, all later ones are.
        let known = "SELECT $1::BIGINT = 0 OR EXISTS (SELECT 1 FROM touched WHERE pos = $1)";
        let all = self.ask(|conn| conn.query(known, &[&mine]))?;
        let is_known = all.first().is_some_and(|row| row.get(0)) && mine < theirs;
        if !is_known {
            snapshot.members.clear();
            news.everybody = true;
            return Ok(());
        }
        let select = "SELECT no, due_ms FROM member WHERE no IN
            (SELECT unnest(members) FROM touched WHERE pos > $1 AND pos < $2)";
        let touched = self.ask(|conn| conn.query(select, &[&mine, &theirs]))?;
        for row in &touched {
            let no = row.get::<_, i64>(0).cast_unsigned();
            snapshot.members.remove(&no);
            news.members.push((no, row.get(1)));
        }
        Ok(())
    }
}
