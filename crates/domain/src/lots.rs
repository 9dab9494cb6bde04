//! What is available in a wallet, and its lots: added, taken from in spending order. Amounts are smallest parts.
//! Not here: why points move (`decide`), how lots are kept (`lots/list`). The law, asserted in release builds after each
//! change: what remains in the lots is what is available; below 0 there are no lots.

mod form;
mod list;
mod page;
mod stored;
#[cfg(test)]
mod tests;
mod waiting;

pub use list::Lots;
pub use page::watch;
pub use stored::Paging;

use crate::event::MemberNo;
use crate::member::{Lot, Member, WalletState};
use crate::planted;

/// |amount| of anything; exact in JSON numbers.
pub const AMOUNT_MAX: i64 = 9_000_000_000_000_000;

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

impl Lot {
    pub fn id(&self) -> LotId {
        (self.pos, self.n)
    }
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
            self.lots.add(Lot { pos: lot.0, n: lot.1, remaining, joined: 0, expires_at, by });
            if planted::is("lots_joined_wrongly") {
                self.available = self.lots.sum() as i64;
            }
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
        assert!(amount > 0, "a lot holds something");
        let same = |own: &Lot| (own.expires_at, own.by) == (expires_at, by);
        if self.available >= 0 && self.lots.add_to(lot, same, amount) {
            self.available = add(self.available, amount);
            self.check();
        } else {
            self.add(lot, amount, expires_at, by);
        }
    }

    /// Takes up to `amount` from the lot `own` first, then in spending order: earliest expiry, oldest, undated last.
    /// Returns what was taken of each; the rest is not there.
    pub fn take(&mut self, amount: i64, own: Option<LotId>, at: jiff::Timestamp) -> Vec<Lot> {
        assert!(amount >= 0, "what is taken is not negative");
        let ended = self.lots.first().is_some_and(|lot| lot.expires_at.is_some_and(|end| end <= at));
        assert!(!ended, "what has ended is never taken: it expires first");
        let mut taken = Vec::new();
        taken.extend(own.and_then(|own| self.lots.take_of(own, amount)));
        let left = amount - taken.iter().map(|part| part.remaining).sum::<i64>();
        taken.append(&mut self.lots.take(left, |_| true));
        self.taken(taken)
    }

    /// Takes all that end up to then.
    pub fn end(&mut self, at: jiff::Timestamp) -> Vec<Lot> {
        let gone = self.lots.take_ended(at);
        self.taken(gone)
    }

    /// Takes all that have no date.
    pub fn end_undated(&mut self) -> Vec<Lot> {
        let gone = self.lots.take_undated();
        self.taken(gone)
    }

    fn taken(&mut self, parts: Vec<Lot>) -> Vec<Lot> {
        self.available -= parts.iter().map(|part| part.remaining).sum::<i64>();
        self.check();
        parts
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

    /// The law of this file.
    pub fn check(&self) {
        let waits: i128 = self.waiting.iter().map(|one| i128::from(one.remaining)).sum();
        assert!(waits == i128::from(self.pending), "what waits sums to what is pending");
        assert!(self.lots.sum() == i128::from(self.available.max(0)), "the lots sum to what is available");
        assert!(self.debt >= 0, "a debt is not negative");
        assert!(
            self.available.abs() <= AMOUNT_MAX && self.debt <= AMOUNT_MAX && self.pending <= AMOUNT_MAX,
            "an account stays within 9e15"
        );
    }
}

/// Checked: an account that would pass 9e15 is a bug in a limit before it.
fn add(a: i64, b: i64) -> i64 {
    a.checked_add(b).expect("a sum of points fits")
}
