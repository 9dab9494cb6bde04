//! An order as the auditor remembers it, and what a return takes back of it.

use std::collections::BTreeSet;

use super::fraction::{self, Fraction, ONE, ZERO};
use super::judge::Use;
use super::payload::Payload;

#[derive(Clone, Debug)]
pub struct Order {
    pub member: u64,
    pub version: u32,
    pub at: i64,
    pub total: Fraction,
    pub items: Vec<Line>,
    /// Refunded by amount, beside what was refunded by item.
    pub back: Fraction,
    /// Cancelled or refunded as a whole.
    pub closed: bool,
    pub refunds: BTreeSet<String>,
    pub grants: Vec<Grant>,
    pub counts: Vec<Count>,
}

#[derive(Clone, Debug)]
pub struct Line {
    pub id: String,
    pub quantity: Fraction,
    pub total: Fraction,
    /// 0 to 1
    pub back: Fraction,
}

#[derive(Clone, Debug)]
pub struct Grant {
    pub rule: String,
    pub wallet: &'static str,
    pub granted: i128,
    pub reversed: i128,
    pub shares: Vec<i128>,
    pub uses: Vec<Use>,
}

#[derive(Clone, Debug)]
pub struct Count {
    pub counter: &'static str,
    pub start: i64,
    pub parts: Vec<Fraction>,
    pub reversed: Fraction,
}

impl Order {
    /// Notes what a refund gives back; nothing has been changed if it is refused.
    pub fn refund(&mut self, told: &Payload) -> Result<(), &'static str> {
        if told.items.is_empty() && told.amount.is_none() {
            self.closed = true;
            return Ok(());
        }
        let (mut backs, mut by_item) = (self.items.iter().map(|i| i.back).collect::<Vec<_>>(), ZERO);
        for part in &told.items {
            let Some(at) = self.items.iter().position(|i| i.id == part.id) else {
                if told.amount.is_none() {
                    return Err("item_unknown");
                }
                continue;
            };
            let line = &self.items[at];
            let share = match (part.quantity, part.amount) {
                (Some(quantity), _) => quantity.over(line.quantity),
                (None, Some(amount)) if !line.total.is_zero() => amount.over(line.total),
                (None, _) => ONE,
            };
            by_item = by_item.plus(part.amount.unwrap_or(share.least(ONE).times(line.total)));
            backs[at] = backs[at].plus(share).least(ONE);
        }
        for (line, back) in self.items.iter_mut().zip(backs) {
            line.back = back;
        }
        if let Some(amount) = told.amount {
            self.back = self.back.plus(amount.minus(by_item).most(ZERO));
        }
        Ok(())
    }
    pub fn cancel(&mut self, told: &Payload) -> Result<(), &'static str> {
        if told.items.is_empty() {
            self.closed = true;
            return Ok(());
        }
        self.refund(told)
    }
    /// The share by amount, of what did not come back by item.
    fn rest_back(&self) -> Fraction {
        let by_item = self.items.iter().fold(ZERO, |sum, i| sum.plus(i.total.times(i.back)));
        let rest = self.total.minus(by_item);
        match (self.back.is_zero(), ZERO.below(rest)) {
            (true, _) => ZERO,
            (false, true) => self.back.over(rest).least(ONE),
            (false, false) => ONE,
        }
    }
    fn all_back(&self) -> bool {
        let lines = !self.items.is_empty() && self.items.iter().all(|i| i.back == ONE);
        self.closed || self.rest_back() == ONE || lines
    }
    /// What of item `at` came back in all.
    fn share_back(&self, at: usize) -> Fraction {
        if self.all_back() {
            return ONE;
        }
        let kept = ONE.minus(self.items[at].back).times(ONE.minus(self.rest_back()));
        ONE.minus(kept)
    }
    pub fn target(&self, grant: &Grant) -> i128 {
        if self.all_back() {
            return grant.granted;
        }
        if grant.shares.is_empty() {
            return fraction::whole(grant.granted).times(self.rest_back()).floor();
        }
        let each = grant.shares.iter().enumerate();
        each.fold(ZERO, |sum, (at, share)| sum.plus(fraction::whole(*share).times(self.share_back(at))))
            .floor()
    }
    pub fn uncounted(&self, count: &Count) -> Fraction {
        let all = count.parts.iter().copied().fold(ZERO, Fraction::plus);
        if self.all_back() {
            return all;
        }
        if count.parts.len() == self.items.len() && !self.items.is_empty() {
            let each = count.parts.iter().enumerate();
            return each.fold(ZERO, |sum, (at, part)| sum.plus(part.times(self.share_back(at))));
        }
        all.times(self.value_back())
    }
    /// What came back, as a share of the whole: by the items' totals if there are any.
    pub fn value_back(&self) -> Fraction {
        let items = self.items.iter().fold(ZERO, |sum, i| sum.plus(i.total));
        if items.is_zero() {
            return self.rest_back();
        }
        let back = (0..self.items.len())
            .fold(ZERO, |sum, at| sum.plus(self.items[at].total.times(self.share_back(at))));
        back.over(items)
    }
}
