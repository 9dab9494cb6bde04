//! Grants that wait before they can be spent: held, released, taken back.
//! The law, asserted with that of lots: what waits sums to what is pending.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{LotId, add};
use crate::member::{Waiting, WalletState};

/// Grants that wait in one wallet; beyond, two with the same end are joined into the later release.
const WAITING_MAX: usize = 128;

impl WalletState {
    /// Waits, or adds to what waits under the same lot.
    pub fn hold(&mut self, one: Waiting) {
        assert!(one.remaining > 0, "a grant that waits holds something");
        self.pending = add(self.pending, one.remaining);
        match self.waiting.iter_mut().find(|other| (other.pos, other.n) == (one.pos, one.n)) {
            Some(other) => other.remaining = add(other.remaining, one.remaining),
            None => self.waiting.push(one),
        }
        self.join_waiting();
        self.check();
    }

    /// What `picks` picks waits no longer; it is nowhere until it is added as a lot.
    pub fn end_wait(&mut self, picks: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        let ended: Vec<Waiting> = self.waiting.extract_if(.., |one| picks(one)).collect();
        self.pending -= ended.iter().map(|one| one.remaining).sum::<i64>();
        self.check();
        ended
    }

    pub fn waits(&self, lot: LotId) -> bool {
        self.waiting.iter().any(|one| (one.pos, one.n) == lot)
    }

    /// Takes up to `amount` of what waits under this lot; returns how much.
    pub fn take_waiting(&mut self, lot: LotId, amount: i64) -> i64 {
        let Some(at) = self.waiting.iter().position(|one| (one.pos, one.n) == lot) else { return 0 };
        let taken = amount.min(self.waiting[at].remaining);
        self.waiting[at].remaining -= taken;
        self.pending -= taken;
        if self.waiting[at].remaining == 0 {
            self.waiting.remove(at);
        }
        self.check();
        taken
    }

    /// The oldest two that wait for time alone and have the same end become one, which is released when the later was.
    fn join_waiting(&mut self) {
        while self.waiting.len() > WAITING_MAX {
            // Of each end the oldest; of those that have a younger one, the oldest.
            let mut first: HashMap<Option<Timestamp>, usize, foldhash::fast::FixedState> = HashMap::default();
            let mut pair: Option<(usize, usize)> = None;
            for (at, one) in self.waiting.iter().enumerate().filter(|(_, one)| one.order.is_none()) {
                let older = *first.entry(one.expires_at).or_insert(at);
                if older < at && pair.is_none_or(|pair| older < pair.0) {
                    pair = Some((older, at));
                }
            }
            let Some((older, younger)) = pair else { return };
            let younger = self.waiting.remove(younger);
            let older = &mut self.waiting[older];
            older.remaining = add(older.remaining, younger.remaining);
            older.until = older.until.max(younger.until);
        }
    }
}
