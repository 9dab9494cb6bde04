//! An order as the auditor remembers it, and what a return takes back of it.

use std::collections::BTreeSet;

use super::fraction::{self, Fraction, ONE, ZERO};
use super::judge::{Member, Use};
use super::payload::Payload;

#[derive(Clone, Debug)]
pub struct Order {
    /// The member as he was just before.
    pub before: Member,
    pub member: u64,
    pub version: u32,
    pub at: i64,
    /// Time of the newest edit.
    pub edited: Option<i64>,
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
        let mut backs: Vec<Fraction> = self.items.iter().map(|i| i.back).collect();
        let (mut by_item, mut loose) = (ZERO, ZERO);
        for part in &told.items {
            let Some(at) = self.items.iter().position(|i| i.id == part.id) else {
                if told.amount.is_none() && part.amount.is_none() {
                    return Err("item_unknown");
                }
                loose = loose.plus(part.amount.unwrap_or(ZERO));
                continue;
            };
            let line = &self.items[at];
            let share = match (part.quantity, part.amount) {
                (Some(quantity), _) if !quantity.is_zero() => quantity.over(line.quantity),
                (_, Some(amount)) if !line.total.is_zero() => amount.over(line.total),
                (_, Some(_)) | (None, None) => ONE,
                (Some(_), None) => ZERO,
            };
            let share = share.least(ONE);
            let worth = share.times(line.total).times(self.gross());
            by_item = by_item.plus(worth.most(part.amount.unwrap_or(ZERO)));
            backs[at] = backs[at].plus(share).least(ONE);
        }
        for (line, back) in self.items.iter_mut().zip(backs) {
            line.back = back;
        }
        let amount = told.amount.map_or(loose, |amount| amount.minus(by_item).most(ZERO));
        self.back = self.back.plus(amount);
        Ok(())
    }
    /// Items are told before tax and shipping, the total after: what an item is worth of what was paid.
    fn gross(&self) -> Fraction {
        let items = self.items.iter().fold(ZERO, |sum, i| sum.plus(i.total));
        if items.is_zero() { ONE } else { self.total.over(items).most(ONE) }
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
        let rest = self.total.minus(by_item.times(self.gross()));
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
    /// What of a count is back by now; a part of it in millionths.
    pub fn uncounted(&self, count: &Count) -> Fraction {
        let all = count.parts.iter().copied().fold(ZERO, Fraction::plus);
        if self.all_back() {
            return all;
        }
        let each = count.parts.iter().enumerate();
        let back = if count.parts.len() == self.items.len() {
            each.fold(ZERO, |sum, (at, part)| sum.plus(part.times(self.share_back(at))))
        } else {
            all.times(self.value_back())
        };
        fraction::of(back.minor(6, "nearest"), 1_000_000)
    }
    /// What came back, as a share of the whole: by the items' totals if there are any.
    fn value_back(&self) -> Fraction {
        let shares = || (0..self.items.len()).map(|at| self.share_back(at));
        let items = self.items.iter().fold(ZERO, |sum, i| sum.plus(i.total));
        if items.is_zero() {
            return shares()
                .fold(None, |least: Option<Fraction>, s| Some(least.map_or(s, |l| l.least(s))))
                .unwrap_or(self.rest_back());
        }
        let back =
            shares().zip(&self.items).fold(ZERO, |sum, (share, item)| sum.plus(item.total.times(share)));
        back.over(items)
    }
    /// The same order as told anew; what came back of an item is kept by quantity.
    pub fn edited(&self, told: &Payload) -> Order {
        let mut items = lines(told);
        for item in &mut items {
            if let Some(old) = self.items.iter().find(|old| old.id == item.id) {
                item.back = old.back.times(old.quantity).over(item.quantity).least(ONE);
            }
        }
        Order { items, total: told.total, ..self.clone() }
    }
}

pub fn lines(told: &Payload) -> Vec<Line> {
    let line = |item: &super::payload::Item| Line {
        id: item.id.clone(),
        quantity: item.quantity.unwrap_or(ONE),
        total: item.total,
        back: ZERO,
    };
    told.items.iter().map(line).collect()
}
