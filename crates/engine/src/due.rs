//! The decider does what is due: a bounded number of members in each batch, beside its events, the earliest first.
//! What was missed while nobody ran is caught up in the same way, in order.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::batch::Batch;
use domain::decide;
use domain::event::MemberNo;
use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::clock::{self, Moved};
use crate::decider::{Decider, failure, stop_if_it_must};
use crate::intake::Failure;
use crate::others;
use crate::waker::SLICE;

/// The clock may be set, or run a little fast: it is looked at this often while anything is due at all.
pub(crate) const REST_MAX: Duration = Duration::from_secs(1);
/// While somebody waits for a moved clock, commits are looked at this often.
const LOOK: Duration = Duration::from_millis(1);
/// A backlog is counted up to here.
const BACKLOG_MAX: usize = 100_000;

/// Who moved the clock, and waits.
pub(crate) struct Moving {
    to: Timestamp,
    /// Rows before.
    woken: u64,
    reply: oneshot::Sender<Result<Moved, Failure>>,
}

/// Times are recorded in milliseconds.
pub(crate) fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

impl Decider {
    /// How long to wait for a message; None: for ever.
    pub(crate) fn rest(&mut self) -> Option<Duration> {
        let left = self.rest_alone();
        if self.store.is_shared() {
            return Some(left.map_or(others::LOOK, |left| left.min(others::LOOK)));
        }
        left
    }

    fn rest_alone(&mut self) -> Option<Duration> {
        let wakes = self.wakes.as_ref()?;
        if let Some(until) = self.rest_until {
            let left = until.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                return Some(left);
            }
            self.rest_until = None;
        }
        if wakes.looked().is_some() {
            return Some(Duration::ZERO);
        }
        let left = wakes.first().map(|first| first.saturating_sub(self.clock.now().as_millisecond()));
        let left = left.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)).min(REST_MAX));
        if self.moves.is_empty() { left } else { Some(left.map_or(LOOK, |left| left.min(LOOK))) }
    }

    /// Looks at the next slice of the stored members, if not all were looked at.
    pub(crate) fn look_on(&mut self) {
        let Some(wakes) = &mut self.wakes else { return };
        let Some(last) = wakes.looked().filter(|_| self.rest_until.is_none()) else { return };
        match self.store.reader().member_list(Some(last), SLICE) {
            Ok(slice) => {
                let next = slice.items.last().map(|member| member.no);
                for member in slice.items {
                    // What was decided since is newer than what is stored.
                    let newer = self.snapshot.members.get(&member.no).and_then(Option::as_deref);
                    let due = decide::due::next(&self.plans.current, newer.unwrap_or(&member));
                    wakes.offer(member.no, due);
                }
                wakes.look_on(next);
            }
            Err(error) => {
                self.rest_until = Some(Instant::now() + REST_MAX);
                stop_if_it_must(&error, &self.fatal);
            }
        }
    }

    pub(crate) fn take_wakes(&mut self, now: Timestamp) -> Vec<MemberNo> {
        let Some(wakes) = self.wakes.as_mut().filter(|_| self.rest_until.is_none()) else {
            return Vec::new();
        };
        let metrics = &self.queue.metrics;
        let late = wakes.first().map_or(0, |first| now.as_millisecond().saturating_sub(first).max(0));
        metrics.wake_lag_seconds.set(late / 1_000);
        metrics.wake_backlog.set(wakes.backlog(now, BACKLOG_MAX) as i64);
        wakes.take(now)
    }

    /// When those whom the batch changed, and those who were woken, are due again.
    pub(crate) fn note_wakes(&mut self, batch: &Batch, woken: &[MemberNo]) {
        self.queue.metrics.wakes.inc_by(woken.len() as u64);
        self.woken += batch.made.len() as u64;
        let Some(wakes) = &mut self.wakes else { return };
        for no in batch.members.iter().chain(woken) {
            let member = self.snapshot.members.get(no).and_then(Option::as_deref);
            wakes.set(*no, member.and_then(|member| decide::due::next(&self.plans.current, member)));
        }
    }

    /// What was decided is lost: all members are looked at again, after a while.
    pub(crate) fn wake_later(&mut self) {
        if let Some(wakes) = &mut self.wakes {
            wakes.look_again();
            self.rest_until = Some(Instant::now() + REST_MAX);
        }
    }

    pub(crate) fn move_clock(&mut self, ask: clock::Ask) {
        let clock::Ask { by, once, reply } = ask;
        if let Err(error) = self.begin(true) {
            let _ = reply.send(Err(failure(&error)));
            return stop_if_it_must(&error, &self.fatal);
        }
        let now = whole(self.clock.now().max(self.snapshot.now));
        if !self.plans.current.sandbox {
            let _ = reply.send(Ok(Moved::Real));
            return;
        }
        let before = once.as_ref().map_or(Ok(None), |once| self.store.admin().clock_move_get(&once.name));
        match before {
            Ok(None) => {}
            Ok(Some((words, to_ms))) => {
                let same = once.is_some_and(|once| words == once.words);
                match Timestamp::from_millisecond(to_ms) {
                    Ok(to) if same => self.moves.push(Moving { to, woken: self.woken, reply }),
                    _ => drop(reply.send(Ok(Moved::Another))),
                }
                return;
            }
            Err(error) => {
                let _ = reply.send(Err(failure(&error)));
                return stop_if_it_must(&error, &self.fatal);
            }
        }
        let zone = clock::zone(&self.plans.current);
        let to = by.end(now, zone).map(whole);
        let to = match to.filter(|to| to.to_zoned(zone.clone()).year() <= clock::YEAR_MAX) {
            None => Err(Moved::Beyond),
            Some(to) if to < now => Err(Moved::Back { now }),
            Some(to) => Ok(to),
        };
        let to = match to {
            Ok(to) => to,
            Err(refused) => {
                let _ = reply.send(Ok(refused));
                return;
            }
        };
        let shift = self.clock.shift_for(to);
        let named = once.as_ref().map(|once| (&*once.name, once.words, to.as_millisecond()));
        match self.store.admin().clock_put(shift, named) {
            Ok(()) => {
                self.clock.shift(shift);
                self.moves.push(Moving { to, woken: self.woken, reply });
            }
            Err(error) => {
                let _ = reply.send(Err(failure(&error)));
                stop_if_it_must(&error, &self.fatal);
            }
        }
    }

    /// Tells those who moved the clock that everything has happened.
    pub(crate) fn answer_moves(&mut self) {
        let Some(wakes) = &self.wakes else { return };
        // An answer is given when all that it tells of is on disk.
        let flying = self.flying.load(Ordering::Acquire) > 0 || self.failed.load(Ordering::Acquire);
        if self.moves.is_empty() || wakes.looked().is_some() || flying {
            return;
        }
        let first = wakes.first();
        let woken = self.woken;
        let done = |moving: &mut Moving| first.is_none_or(|first| first > moving.to.as_millisecond());
        for moving in self.moves.extract_if(.., done) {
            let rows = woken - moving.woken;
            // Nobody may be waiting any more; time has passed all the same.
            let _ = moving.reply.send(Ok(Moved::To { now: moving.to, rows }));
        }
    }
}
