//! A wallet's lots: added, taken from in spending order, joined when there are many. Amounts are smallest parts.
//! Not here: why points move (`decide`). The law, asserted in release builds after each change: what remains in the lots
//! is what is available; below 0 there are no lots.

mod waiting;

use crate::event::MemberNo;
use crate::member::{Lot, Member, WalletState};
use crate::planted;

/// |amount| of anything; exact in JSON numbers.
pub const AMOUNT_MAX: i64 = 9_000_000_000_000_000;
/// Open lots with the same dates that are kept apart; beyond, the oldest two are joined.
const LOTS_APART_MAX: usize = 8;

pub type LotId = (u64, u16);

/// The member's wallet, made when it is first needed.
pub fn wallet_mut<'a>(member: &'a mut Member, id: &str) -> &'a mut WalletState {
    let at = member.wallets.iter().position(|w| &*w.id == id).unwrap_or_else(|| {
        member.wallets.push(WalletState::new(id));
        member.wallets.len() - 1
    });
    &mut member.wallets[at]
}

pub fn wallet<'a>(member: &'a Member, id: &str) -> Option<&'a WalletState> {
    member.wallets.iter().find(|w| &*w.id == id)
}

impl WalletState {
    /// Pays off debt by as much as there is of it; returns how much.
    pub fn repay(&mut self, amount: i64) -> i64 {
        let paid = amount.min(self.debt);
        self.debt -= paid;
        self.check();
        paid
    }

    /// A new lot of `amount` > 0. Where the balance is below 0 (`when_short = "negative"`), it fills the hole first.
    /// `by`: who puts it into a household.
    pub fn add(
        &mut self,
        lot: LotId,
        amount: i64,
        expires_at: Option<jiff::Timestamp>,
        by: Option<MemberNo>,
    ) {
        assert!(amount > 0, "a lot holds something");
        let hole = self.available.min(0).saturating_neg();
        self.available = add(self.available, amount);
        let remaining = amount - hole.min(amount);
        if remaining > 0 {
            let new = Lot { pos: lot.0, n: lot.1, remaining, joined: 0, expires_at, by };
            let at = self.lots.partition_point(|l| order(l) <= order(&new));
            self.lots.insert(at, new);
            self.join();
        }
        self.check();
    }

    /// `amount` > 0 comes back to the lot from which it was taken, or to a new one of that name and date.
    pub fn give_back(
        &mut self,
        lot: LotId,
        amount: i64,
        expires_at: Option<jiff::Timestamp>,
        by: Option<MemberNo>,
    ) {
        let same = |l: &&mut Lot| (l.pos, l.n) == lot && l.expires_at == expires_at;
        match self.lots.iter_mut().find(same) {
            Some(own) if self.available >= 0 => {
                assert!(amount > 0, "a lot holds something");
                own.remaining = add(own.remaining, amount);
                self.available = add(self.available, amount);
                self.check();
            }
            _ => self.add(lot, amount, expires_at, by),
        }
    }

    /// Takes up to `amount` from the lot `own` first, then in spending order: earliest expiry, oldest, undated last.
    /// Returns what was taken from each; the rest is not there.
    pub fn take(&mut self, amount: i64, own: Option<LotId>, at: jiff::Timestamp) -> Vec<(LotId, i64)> {
        assert!(amount >= 0, "what is taken is not negative");
        let ended = self.lots.first().is_some_and(|lot| lot.expires_at.is_some_and(|end| end <= at));
        assert!(!ended, "what has ended is never taken: it expires first");
        let mut left = amount;
        let mut taken = Vec::new();
        if let Some(lot) = own.and_then(|own| self.lots.iter_mut().find(|l| (l.pos, l.n) == own)) {
            take_from(lot, &mut left, &mut taken);
        }
        for lot in &mut self.lots {
            if left == 0 {
                break;
            }
            take_from(lot, &mut left, &mut taken);
        }
        self.lots.retain(|lot| lot.remaining > 0);
        self.available -= amount - left;
        self.check();
        taken
    }

    /// Takes all of the lots that `ends` picks; returns what was taken from each.
    pub fn drop_lots(&mut self, ends: impl Fn(&Lot) -> bool) -> Vec<(LotId, i64)> {
        let gone = self.lots.extract_if(.., |lot| ends(lot));
        let gone: Vec<(LotId, i64)> = gone.map(|lot| ((lot.pos, lot.n), lot.remaining)).collect();
        self.available -= gone.iter().map(|one| one.1).sum::<i64>();
        self.check();
        gone
    }

    /// Goes below 0 by `amount`: there are no lots left.
    pub fn overdraw(&mut self, amount: i64) {
        assert!(
            amount > 0 && self.lots.is_empty() && self.available <= 0,
            "only an empty wallet is overdrawn"
        );
        self.available = add(self.available, -amount);
        self.check();
    }

    pub fn owe(&mut self, amount: i64) {
        assert!(amount > 0, "a debt is of something");
        self.debt = add(self.debt, amount);
        self.check();
    }

    /// The oldest two lots with the same dates (and, in a household, of the same member) become one, under the older
    /// one's name, until few enough are left.
    fn join(&mut self) {
        while self.lots.len() > LOTS_APART_MAX {
            let Some((at, younger)) = self.oldest_alike() else { return };
            let mut younger = self.lots.remove(younger);
            if planted::is("lots_joined_wrongly") {
                younger.remaining -= 1;
                self.available -= 1;
            }
            let older = &mut self.lots[at];
            older.remaining = add(older.remaining, younger.remaining);
            older.joined = older.joined.saturating_add(younger.joined).saturating_add(1);
        }
    }

    /// The first two lots with the same date, and of the same member: in spending order one date stands together.
    fn oldest_alike(&self) -> Option<(usize, usize)> {
        let alike = |at: usize| {
            let older = &self.lots[at];
            let mut run = self.lots[at + 1..].iter().take_while(|lot| lot.expires_at == older.expires_at);
            Some((at, at + 1 + run.position(|lot| lot.by == older.by)?))
        };
        (0..self.lots.len()).find_map(alike)
    }

    /// The law of this file.
    pub fn check(&self) {
        let sum: i128 = self
            .lots
            .iter()
            .map(|lot| {
                assert!(lot.remaining > 0, "an open lot holds something");
                i128::from(lot.remaining)
            })
            .sum();
        let waits: i128 = self.waiting.iter().map(|one| i128::from(one.remaining)).sum();
        assert!(waits == i128::from(self.pending), "what waits sums to what is pending");
        assert!(sum == i128::from(self.available.max(0)), "the lots sum to what is available");
        assert!(self.debt >= 0, "a debt is not negative");
        assert!(
            self.available.abs() <= AMOUNT_MAX && self.debt <= AMOUNT_MAX && self.pending <= AMOUNT_MAX,
            "an account stays within 9e15"
        );
    }
}

fn take_from(lot: &mut Lot, left: &mut i64, taken: &mut Vec<(LotId, i64)>) {
    let part = lot.remaining.min(*left);
    if part > 0 {
        lot.remaining -= part;
        *left -= part;
        taken.push(((lot.pos, lot.n), part));
    }
}

/// Spending order.
fn order(lot: &Lot) -> (bool, Option<jiff::Timestamp>, u64, u16) {
    (lot.expires_at.is_none(), lot.expires_at, lot.pos, lot.n)
}

/// Checked: an account that would pass 9e15 is a bug in a limit before it.
fn add(a: i64, b: i64) -> i64 {
    a.checked_add(b).expect("a sum of points fits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

    fn empty() -> WalletState {
        WalletState::new("points")
    }

    #[test]
    fn its_own_lot_first_then_the_oldest() {
        let mut wallet = empty();
        for pos in 1..=3 {
            wallet.add((pos, 0), 10, None, None);
        }
        assert_eq!(wallet.take(15, Some((2, 0)), NOW), [((2, 0), 10), ((1, 0), 5)]);
        assert_eq!(wallet.available, 15);
        assert_eq!(wallet.take(99, None, NOW), [((1, 0), 5), ((3, 0), 10)]);
    }

    #[test]
    fn what_expires_first_is_spent_first_and_undated_last() {
        let at = |s: &str| Some(s.parse().unwrap());
        let mut wallet = empty();
        wallet.add((1, 0), 1, None, None);
        wallet.add((2, 0), 1, at("2027-05-01T00:00:00Z"), None);
        wallet.add((3, 0), 1, at("2027-01-01T00:00:00Z"), None);
        let order: Vec<u64> = wallet.take(3, None, NOW).iter().map(|t| t.0.0).collect();
        assert_eq!(order, [3, 2, 1]);
    }

    #[test]
    fn a_balance_below_zero_is_filled_first() {
        let mut wallet = empty();
        wallet.overdraw(50);
        wallet.add((1, 0), 30, None, None);
        assert_eq!((wallet.available, wallet.lots.len()), (-20, 0));
        wallet.add((2, 0), 30, None, None);
        assert_eq!((wallet.available, wallet.lots[0].remaining), (10, 10));
    }

    #[test]
    fn lots_are_bounded() {
        let mut wallet = empty();
        for pos in 1..=100 {
            wallet.add((pos, 0), 1, None, None);
        }
        assert_eq!(wallet.lots.len(), LOTS_APART_MAX);
        assert_eq!((wallet.lots[0].pos, wallet.lots[0].remaining, wallet.lots[0].joined), (1, 93, 92));
    }

    proptest! {
        /// Whatever is done, nothing is made or lost.
        #[test]
        fn what_goes_in_comes_out(steps in prop::collection::vec((any::<bool>(), 1..1000_i64, 0..40_u64), 1..80)) {
            let mut wallet = empty();
            let mut sum = 0;
            for (pos, (add, amount, own)) in (1..).zip(steps) {
                if add {
                    wallet.add((pos, 0), amount, None, None);
                    sum += amount;
                } else {
                    let taken: i64 = wallet.take(amount, Some((own, 0)), NOW).iter().map(|t| t.1).sum();
                    prop_assert_eq!(taken, amount.min(sum));
                    sum -= taken;
                }
                prop_assert_eq!(wallet.available, sum);
            }
        }
    }
}
