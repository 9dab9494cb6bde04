//! Rewards as the auditor gives them: checked in the published order, held, confirmed, given up, taken back.

use std::collections::BTreeMap;

use jiff::ToSpan;

use super::purse::{Lot, LotId};
use super::{Book, Club, Order};
use crate::club::ends::local;
use crate::club::terms::{QUANTITY_MAX, Reward};

/// Row and number there.
pub type RedemptionId = (u64, u64);

#[derive(Clone, Debug)]
pub struct Redemption {
    pub member: u64,
    pub reward: String,
    pub quantity: i64,
    pub stage: &'static str,
    pub at: i64,
    /// Open: when it lapses.
    pub until: i64,
    pub spent: Vec<Spent>,
    /// Gems that it gave, once confirmed.
    pub gave: Option<(LotId, i64)>,
    /// The month in which a limit counts it.
    pub month: Option<i64>,
    pub stock: bool,
    /// The order on which it is spent.
    pub order: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Spent {
    pub lot: LotId,
    pub amount: i64,
    pub ends: Option<i64>,
    pub returned: i64,
}

impl Spent {
    fn part(&self, left: i64) -> Lot {
        Lot { id: self.lot, left, ends: self.ends, by: None }
    }
}

/// Of rewards, what is used up, and what became of each.
#[derive(Default)]
pub struct Counter {
    pub stock: BTreeMap<String, i64>,
    pub all: BTreeMap<RedemptionId, Redemption>,
    /// By public name.
    pub named: BTreeMap<String, RedemptionId>,
}

fn month(at: i64) -> i64 {
    let first = local(at).date().first_of_month();
    first.in_tz(crate::club::ends::HOME).expect("every day has a first instant").timestamp().as_second()
}

impl Club {
    /// Why the member cannot have it.
    pub(super) fn refuses(&self, reward: &Reward, no: u64, quantity: i64, at: i64) -> Option<&'static str> {
        let member = &self.members[&no];
        if !(1..=QUANTITY_MAX).contains(&quantity) {
            return Some("quantity_invalid");
        }
        if reward.gold && member.standing.at(at) == 0 {
            return Some("condition_unmet");
        }
        let used = |month| member.taken.get(&(reward.id, month)).copied().unwrap_or(0);
        if reward.monthly.is_some_and(|most| used(month(at)) >= most) {
            return Some("limit_reached");
        }
        if !self.in_stock(reward, quantity) {
            return Some("reward_out_of_stock");
        }
        (member.purses[0].available < reward.cost * quantity).then_some("points_insufficient")
    }
    pub(super) fn in_stock(&self, reward: &Reward, quantity: i64) -> bool {
        let used = self.counter.stock.get(reward.id).copied().unwrap_or(0);
        reward.stock.is_none_or(|stock| used + quantity <= stock)
    }
    /// Takes points, limit and stock. `given`: by a rule, for nothing.
    pub(super) fn take(
        &mut self,
        book: &mut Book,
        (reward, quantity, order): (&Reward, i64, Option<String>),
        given: bool,
        confirm: bool,
    ) {
        let (no, at) = (book.no, book.at);
        let member = self.members.get_mut(&no).expect("it was looked at");
        let cost = if given { 0 } else { reward.cost * quantity };
        let parts = member.purses[0].take("redeemed", cost, None);
        let spent =
            parts.into_iter().map(|(lot, amount)| Spent { lot: lot.id, amount, ends: lot.ends, returned: 0 });
        let month = (reward.monthly.is_some() && !given).then(|| month(at));
        if let Some(month) = month {
            *member.taken.entry((reward.id, month)).or_insert(0) += 1;
        }
        if reward.stock.is_some() {
            *self.counter.stock.entry(reward.id.to_owned()).or_insert(0) += quantity;
        }
        let until = (local(at) + reward.hold_hours.hours()).timestamp().as_second();
        let one = Redemption {
            member: no,
            reward: reward.id.to_owned(),
            quantity,
            stage: "reserved",
            at,
            until,
            spent: spent.collect(),
            gave: None,
            month,
            stock: reward.stock.is_some(),
            order,
        };
        let id = (book.pos, book.redemptions.len() as u64);
        self.counter.all.insert(id, one);
        if confirm {
            self.settle(book, id, reward);
            let order = self.order_of(no, self.counter.all[&id].order.as_ref());
            if let Some(order) = order {
                self.share_comes_back(book, id, &order);
            }
        } else {
            self.members.get_mut(&no).expect("as above").held.push(id);
        }
        self.tell(book, id);
    }
    /// The member's own order, if it was paid.
    pub(super) fn order_of(&self, no: u64, order: Option<&String>) -> Option<Order> {
        let order = order.and_then(|order| self.orders.get(order));
        order.filter(|order| order.member == no).cloned()
    }
    fn tell(&mut self, book: &mut Book, id: RedemptionId) {
        let one = &self.counter.all[&id];
        book.said.push(format!("redemption.{} {}", one.stage, one.reward));
        book.redemptions.push(id);
        book.told.push(id);
    }
    /// The same share of what was spent on an order is back as of the order: of each lot its part, the rest in turn.
    pub(super) fn spent_comes_back(&mut self, book: &mut Book, id: &str, order: &Order) {
        let on = |one: &Redemption| {
            one.member == book.no && one.stage == "confirmed" && one.order.as_deref() == Some(id)
        };
        let all: Vec<RedemptionId> =
            self.counter.all.iter().filter(|(_, one)| on(one)).map(|(id, _)| *id).collect();
        for id in all {
            let Some(whole) = self.share_comes_back(book, id, order) else { continue };
            if whole {
                self.undo(book, id, "returned");
                self.tell(book, id);
            } else {
                book.redemptions.push(id);
            }
        }
    }
    /// None: nothing more came back; else whether all is back.
    fn share_comes_back(&mut self, book: &Book, id: RedemptionId, order: &Order) -> Option<bool> {
        let one = self.counter.all.get_mut(&id).expect("it was found");
        let sum = |of: fn(&Spent) -> i64| one.spent.iter().map(of).sum::<i64>();
        let (total, was) = (sum(|s| s.amount), sum(|s| s.returned));
        let target = order.share_back(total).max(was);
        let mut left = target - was;
        if left == 0 {
            return None;
        }
        let exact = |s: &Spent| (i128::from(s.amount) * i128::from(target) / i128::from(total)) as i64;
        let purse = &mut self.members.get_mut(&book.no).expect("it was looked at").purses[0];
        for by_share in [true, false] {
            for spent in &mut one.spent {
                let most = if by_share { exact(spent) } else { spent.amount };
                let part = (most - spent.returned).clamp(0, left);
                spent.returned += part;
                left -= part;
                purse.give_back(spent.part(part), book.at);
            }
        }
        Some(target == total)
    }
    fn settle(&mut self, book: &mut Book, id: RedemptionId, reward: &Reward) {
        let one = self.counter.all.get_mut(&id).expect("it was found");
        one.stage = "confirmed";
        let purse = &mut self.members.get_mut(&book.no).expect("it was looked at").purses[0];
        purse.spends |= !one.spent.is_empty();
        let (at, gems) = (one.at, reward.gems.map(|gems| gems * one.quantity));
        if let Some(gems) = gems {
            let lot = self.grant(book, 1, gems, at, None);
            self.counter.all.get_mut(&id).expect("as above").gave = Some((lot, gems));
        }
    }
    /// `confirm`, `cancel`, `return`; Err: why not.
    pub(super) fn act(&mut self, book: &mut Book, name: &str, act: &str) -> Result<(), &'static str> {
        let id = self.counter.named.get(name).copied().ok_or("redemption_unknown")?;
        let one = &self.counter.all[&id];
        if one.member != book.no {
            return Err("redemption_unknown");
        }
        let lapsed = one.stage == "reserved" && one.until <= book.at;
        let needs = if act == "return" { "confirmed" } else { "reserved" };
        if lapsed || one.stage != needs {
            return Err("redemption_over");
        }
        let reward = self.terms.reward(&one.reward).expect("a reward of the catalogue").clone();
        // Of its order something may have come back since.
        let order = self.order_of(book.no, one.order.as_ref());
        match act {
            "confirm" if order.as_ref().is_some_and(Order::is_back) => return Err("redemption_over"),
            "confirm" => {
                self.let_go(book.no, id);
                self.settle(book, id, &reward);
                if let Some(order) = order {
                    self.share_comes_back(book, id, &order);
                }
            }
            "cancel" => self.undo(book, id, "cancelled"),
            _ => {
                self.undo(book, id, "returned");
                if let Some((lot, gems)) = self.counter.all[&id].gave {
                    let short = self.terms.wallets[1].short;
                    self.members.get_mut(&book.no).expect("as above").purses[1].take_back(gems, lot, short);
                }
            }
        }
        self.tell(book, id);
        Ok(())
    }
    fn let_go(&mut self, no: u64, id: RedemptionId) {
        self.members.get_mut(&no).expect("it was looked at").held.retain(|held| *held != id);
    }
    /// Everything is as it was before it.
    fn undo(&mut self, book: &Book, id: RedemptionId, stage: &'static str) {
        self.let_go(book.no, id);
        let one = self.counter.all.get_mut(&id).expect("it was found");
        let member = self.members.get_mut(&book.no).expect("it was looked at");
        for spent in &mut one.spent {
            let left = spent.amount - spent.returned;
            spent.returned = spent.amount;
            member.purses[0].give_back(spent.part(left), book.at);
        }
        let reward = self.terms.reward(&one.reward).expect("a reward of the catalogue");
        if let Some(month) = one.month {
            *member.taken.entry((reward.id, month)).or_insert(0) -= 1;
        }
        if one.stock {
            *self.counter.stock.entry(one.reward.clone()).or_insert(0) -= one.quantity;
        }
        one.stage = stage;
    }
    pub(super) fn lapse(&mut self, book: &mut Book) {
        let mut over = self.members[&book.no].held.clone();
        over.retain(|id| self.counter.all[id].until <= book.at);
        for id in over {
            self.undo(book, id, "lapsed");
            self.tell(book, id);
        }
    }
}
