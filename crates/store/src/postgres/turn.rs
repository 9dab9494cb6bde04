//! Whose turn it is, as far as this process knows: between the decider, who takes it, the writer, whose batches need it,
//! and the listener, who hears that others want it.
//!
//! Invariant: a turn is given up only while nothing of it is in flight. That it is held is a belief: the fence, which
//! every batch names, decides.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Turn {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    fence: Option<i64>,
    taken: Option<Instant>,
    /// Batches handed over and not settled.
    flying: usize,
    /// Somebody else waits for it.
    wanted: bool,
    /// The decider has nothing to do.
    resting: bool,
    /// To be given up as soon as nothing flies.
    ending: bool,
    /// Somebody is about to give up this one in the database.
    leaving: Option<i64>,
    /// It was given up because others wait: they are to be let through.
    yielded: bool,
    /// Counts what was heard of others.
    heard: u64,
}

impl State {
    /// To be given up by whoever is told so.
    fn due(&mut self) -> Option<i64> {
        let due = self.wanted && (self.resting || self.ending) && self.flying == 0 && self.leaving.is_none();
        let fence = self.fence.filter(|_| due)?;
        self.leaving = Some(fence);
        Some(fence)
    }
}

impl Turn {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The decider has something to do: waits while the turn is being given up. Answers what is to be given up now; if
    /// nothing is, the turn stays until the decider rests.
    pub fn go_on(&self) -> Option<i64> {
        let mut state = self.lock();
        state.resting = false;
        while state.leaving.is_some() || state.ending && state.flying > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.due()
    }
    pub fn took(&self, fence: i64) {
        let mut state = self.lock();
        // That somebody wants it may have been heard already.
        (state.fence, state.taken, state.resting) = (Some(fence), Some(Instant::now()), false);
    }
    /// The writer has made sure that it still is ours, under a new fence.
    pub fn renewed(&self, fence: i64) {
        let mut state = self.lock();
        if state.fence.is_some() {
            state.fence = Some(fence);
        }
    }
    pub fn lost(&self) {
        let mut state = self.lock();
        (state.fence, state.wanted, state.ending, state.leaving) = (None, false, false, None);
        self.changed.notify_all();
    }
    pub fn fence(&self) -> Option<i64> {
        self.lock().fence
    }

    pub fn take_off(&self) {
        self.lock().flying += 1;
    }
    /// A batch is settled.
    pub fn land(&self) {
        let mut state = self.lock();
        state.flying -= 1;
        if state.flying == 0 {
            self.changed.notify_all();
        }
    }
    /// What is to be given up now.
    pub fn due(&self) -> Option<i64> {
        self.lock().due()
    }
    /// Others wait. Answers what is to be given up now.
    pub fn want(&self) -> Option<i64> {
        let mut state = self.lock();
        state.wanted = true;
        state.due()
    }
    /// Between two batches; `idle`: nothing waits here. Answers what is to be given up now.
    pub fn rest(&self, idle: bool, turn: Duration) -> Option<i64> {
        let mut state = self.lock();
        state.fence?;
        state.resting = idle;
        let over = state.taken.is_none_or(|taken| taken.elapsed() >= turn);
        state.ending |= state.wanted && over;
        state.due()
    }
    /// It was given up in the database, or could not be, which comes to the same when the lease ends.
    pub fn left(&self, fence: i64) {
        let mut state = self.lock();
        if state.leaving != Some(fence) {
            // It was lost meanwhile, and what is held now is another one.
            return;
        }
        state.yielded = state.wanted;
        (state.fence, state.wanted, state.ending, state.leaving) = (None, false, false, None);
        self.changed.notify_all();
    }

    /// They are to be let through.
    pub fn let_others(&self) {
        self.lock().yielded = true;
    }
    /// Whether it was just given up for others' sake.
    pub fn yielded(&self) -> bool {
        std::mem::take(&mut self.lock().yielded)
    }
    pub fn heard(&self) -> u64 {
        self.lock().heard
    }
    pub fn hear(&self) {
        self.lock().heard += 1;
        self.changed.notify_all();
    }
    /// Until something was heard since, or so long.
    pub fn wait(&self, heard: u64, most: Duration) {
        let state = self.lock();
        let nothing = |state: &mut State| state.heard == heard;
        drop(self.changed.wait_timeout_while(state, most, nothing).unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_given_up_when_others_want_it_and_nothing_flies() {
        let turn = Turn::default();
        turn.took(7);
        assert_eq!(turn.want(), None, "busy");
        turn.take_off();
        assert_eq!(turn.rest(true, Duration::ZERO), None, "in flight");
        turn.land();
        assert_eq!((turn.due(), turn.due()), (Some(7), None), "once");
        turn.left(7);
        assert!(turn.yielded() && !turn.yielded());
        turn.go_on();
        assert_eq!(turn.fence(), None);
    }

    #[test]
    fn who_is_late_to_give_up_a_turn_gives_up_no_later_one() {
        let turn = Turn::default();
        turn.took(7);
        assert_eq!((turn.want(), turn.rest(true, Duration::ZERO)), (None, Some(7)));
        turn.lost();
        turn.took(8);
        turn.left(7);
        assert_eq!(turn.fence(), Some(8));
        assert_eq!((turn.want(), turn.rest(true, Duration::ZERO)), (None, Some(8)));
        turn.left(7);
        assert_eq!(turn.fence(), Some(8));
        turn.left(8);
        assert_eq!(turn.fence(), None);
    }

    #[test]
    fn who_works_keeps_it_for_a_while() {
        let turn = Turn::default();
        turn.took(7);
        assert_eq!(turn.rest(false, Duration::ZERO), None, "nobody wants it");
        assert_eq!(turn.want(), None);
        assert_eq!(turn.rest(false, Duration::from_secs(60)), None, "not so long yet");
        assert_eq!(turn.go_on(), None);
        assert_eq!(turn.rest(false, Duration::ZERO), Some(7));
    }

    #[test]
    fn what_flew_when_the_turn_ended_has_landed_before_anybody_goes_on() {
        let turn = Turn::default();
        turn.took(7);
        turn.take_off();
        assert_eq!(turn.want(), None);
        assert_eq!(turn.rest(false, Duration::ZERO), None, "in flight");
        turn.land();
        // Either the decider gives it up or the writer, and not while the other goes on with it.
        assert_eq!((turn.go_on(), turn.due()), (Some(7), None));
    }

    #[test]
    fn who_rests_gives_it_up_when_it_is_wanted() {
        let turn = Turn::default();
        turn.took(7);
        assert_eq!(turn.rest(true, Duration::from_secs(60)), None);
        assert_eq!(turn.want(), Some(7));
    }
}
