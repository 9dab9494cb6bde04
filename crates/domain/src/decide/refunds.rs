//! Returns: how much of an order has come back, and taking back the same share of what it gave.
//! Computed from the recorded grants, never from today's rules. Cumulative, so any number of parts in any order ends the
//! same: reversed = floor(sum of share_i * (1 - (1 - f_i)(1 - r))), f_i what came back of an item, r of the rest by amount.

use super::book::Book;
use super::case::{slot_num, slot_text};
use super::counters;
use super::limits::Moment;
use crate::canonical;
use crate::codes::{self, reason, reason_at};
use crate::num::wide::Wide;
use crate::num::{Num, OutOfRange, Round};
use crate::order::{Count, Order, OrderItem};
use crate::outcome::Reason;
use crate::plan::Canon;
use crate::planted;
use crate::value::Text;
use crate::value::Value;

/// What one message sends back, checked against the order.
#[derive(Debug, PartialEq)]
pub struct Return {
    /// Its own id, if it has one.
    pub id: Text,
    /// (item, share of it that comes back now)
    items: Vec<(usize, Num)>,
    amount: Num,
    all: bool,
}

/// Reads `order.refunded` or `order.cancelled`.
pub fn read(canon: Canon, payload: &Value, order: &Order) -> Result<Return, Reason> {
    let Value::Record(slots) = payload else { return Err(reason(codes::WRONG_TYPE, "expected an object")) };
    let refund = canon == Canon::OrderRefunded;
    let (id, amount, parts) = if refund {
        let currency = slot_text(payload, canonical::refund::CURRENCY);
        if !currency.is_empty() && !order.currency.is_empty() && *currency != *order.currency {
            let said = format!("the order was paid in {}", order.currency);
            return Err(reason_at(codes::CURRENCY_MISMATCH, "/data/currency", said));
        }
        let amount = match &slots[canonical::refund::AMOUNT] {
            Value::Num(n) => Some(*n),
            _ => None,
        };
        (slot_text(payload, canonical::refund::ID), amount, &slots[canonical::refund::ITEMS])
    } else {
        ("", None, &slots[canonical::delivery::ITEMS])
    };
    if !id.is_empty() && !planted::is("refund_twice") && order.refunds.iter().any(|r| **r == *id) {
        return Err(reason(
            codes::REFUND_ALREADY_APPLIED,
            format!("refund {id} of this order was applied before"),
        ));
    }
    let parts: &[Value] = if let Value::List(parts) = parts { parts } else { &[] };
    let all = parts.is_empty() && amount.is_none();
    let mut back = Return { id: id.into(), items: Vec::new(), amount: Num::ZERO, all };
    let (mut value, mut loose) = (Num::ZERO, Num::ZERO);
    let gross = gross(order);
    for (at, part) in parts.iter().enumerate() {
        let own_amount = optional(part, canonical::part::AMOUNT);
        match order
            .items
            .iter()
            .position(|i| !i.id.is_empty() && *i.id == *slot_text(part, canonical::part::ID))
        {
            Some(item) => {
                let share = item_share(order, item, part);
                let whole = order.items[item].total.mul(gross).unwrap_or(order.items[item].total);
                let worth = whole.mul(share).or_else(|_| coarse(whole).mul(coarse(share)));
                let worth = worth.unwrap_or(Num::ZERO).max(own_amount.unwrap_or(Num::ZERO));
                value = sum(value, worth).unwrap_or(value);
                back.items.push((item, share));
            }
            None if amount.is_some() || own_amount.is_some() => {
                loose = sum(loose, own_amount.unwrap_or(Num::ZERO)).unwrap_or(loose);
            }
            None => {
                let id = slot_text(part, canonical::part::ID);
                let pointer = format!("/data/items/{at}/id");
                return Err(reason_at(
                    codes::ITEM_UNKNOWN,
                    &pointer,
                    format!("the order has no item `{id}`"),
                ));
            }
        }
    }
    back.amount = match amount {
        Some(amount) => sum(amount, value.neg()).unwrap_or(Num::ZERO).max(Num::ZERO),
        None => loose,
    };
    Ok(back)
}

fn optional(part: &Value, slot: usize) -> Option<Num> {
    match part {
        Value::Record(slots) => match slots.get(slot) {
            Some(Value::Num(n)) => Some(*n),
            _ => None,
        },
        _ => None,
    }
}

/// By quantity; by amount where only that is told; all of it where neither is.
fn item_share(order: &Order, item: usize, part: &Value) -> Num {
    let item = &order.items[item];
    match (optional(part, canonical::part::QUANTITY), optional(part, canonical::part::AMOUNT)) {
        (Some(quantity), None) => fraction(quantity, item.quantity),
        (Some(quantity), Some(_)) if !quantity.is_zero() => fraction(quantity, item.quantity),
        (_, Some(amount)) => fraction(amount, item.total),
        (None, None) => Num::ONE,
    }
}

/// `n / d` within 0 and 1; of nothing, all of it.
fn fraction(n: Num, d: Num) -> Num {
    if d <= Num::ZERO {
        return Num::ONE;
    }
    let exact = n.div(d).or_else(|_| coarse(n).div(coarse(d)));
    exact.unwrap_or(Num::ZERO).max(Num::ZERO).min(Num::ONE)
}

/// Nine decimals: for fractions that have no exact form within the bounds of numbers.
fn coarse(n: Num) -> Num {
    n.to_minor(9, Round::Nearest).map_or(n, |minor| Num::minor(minor, 9))
}

/// Parts of orders that were edited between may have no common denominator within the bounds of numbers.
fn sum(a: Num, b: Num) -> Result<Num, OutOfRange> {
    a.add(b).or_else(|_| coarse(a).add(coarse(b)))
}

/// An item's total is before tax and shipping, the order's after: what an item is worth of what was paid.
fn gross(order: &Order) -> Num {
    let items = order.items.iter().try_fold(Num::ZERO, |sum, i| sum.add(i.total));
    let gross = items.and_then(|items| if items.is_zero() { Ok(Num::ONE) } else { order.total.div(items) });
    gross.unwrap_or(Num::ONE).max(Num::ONE)
}

/// Notes on the order that this has come back.
pub fn note(order: &mut Order, back: &Return) {
    if !back.id.is_empty() {
        order.refunds.push(back.id.clone());
    }
    order.closed |= back.all;
    for (item, share) in &back.items {
        let item = &mut order.items[*item];
        item.back = sum(item.back, *share).unwrap_or(Num::ONE).min(Num::ONE);
    }
    order.back = sum(order.back, back.amount).unwrap_or(order.total);
}

/// What is exact where it fits 128 bits, and else comes of its parts in twelve decimals.
fn exact<T>(work: impl Fn(fn(Wide) -> Wide) -> Result<T, OutOfRange>) -> Result<T, OutOfRange> {
    work(|n| n).or_else(|_| work(Wide::coarse))
}

/// `n / d` within 0 and 1; of nothing, all of it.
fn share(n: Wide, d: Wide) -> Wide {
    if d <= Wide::ZERO {
        return Wide::ONE;
    }
    exact(|form| form(n).div(form(d))).unwrap_or(Wide::ZERO).clamp(Wide::ZERO, Wide::ONE)
}

/// Share of what did not come back by item that came back by amount: 0 to 1.
fn by_amount(order: &Order) -> Wide {
    if order.back.is_zero() {
        return Wide::ZERO;
    }
    let (total, gross) = (Wide::of(order.total), Wide::of(gross(order)));
    let rest = exact(|form| {
        let worth = |i: &OrderItem| Wide::of(i.total).mul(form(Wide::of(i.back)));
        let by_item = order.items.iter().try_fold(Wide::ZERO, |sum, i| sum.add(form(worth(i)?)))?;
        total.sub(by_item.mul(form(gross))?)
    });
    share(Wide::of(order.back), rest.unwrap_or(total))
}

fn left(n: Wide) -> Wide {
    Wide::ONE.sub(n).unwrap_or(Wide::ZERO)
}

/// Share of each item (of the whole, if it has no items) that has come back, by item and by amount together.
fn fractions(order: &Order) -> Vec<Wide> {
    if order.closed {
        return vec![Wide::ONE; order.items.len().max(1)];
    }
    let r = by_amount(order);
    if order.items.is_empty() {
        return vec![r];
    }
    let kept = |item: &OrderItem| exact(|form| form(left(Wide::of(item.back))).mul(form(left(r))));
    order.items.iter().map(|item| left(kept(item).unwrap_or(Wide::ONE))).collect()
}

/// Nothing is left of it.
pub fn is_back(order: &Order) -> bool {
    fractions(order).iter().all(|share| *share == Wide::ONE)
}

/// How much of a grant must be back by now.
pub fn target(order: &Order, granted: i64, shares: &[i64]) -> i64 {
    let fractions = fractions(order);
    if fractions.iter().all(|f| *f == Wide::ONE) {
        return granted;
    }
    let kept = if shares.len() == order.items.len() && !shares.is_empty() {
        kept(order, shares)
    } else {
        exact(|form| Wide::int(granted).mul(form(left(overall(order, &fractions)))))
    };
    let kept = kept.and_then(|kept| kept.to_minor(0, Round::Up)).unwrap_or(granted);
    assert!((0..=granted).contains(&kept), "no more comes back than was granted");
    granted - kept
}

/// What remains of a grant: sum of share_i (1 - f_i), times (1 - r).
fn kept(order: &Order, shares: &[i64]) -> Result<Wide, OutOfRange> {
    let r = by_amount(order);
    exact(|form| {
        let part = |(share, item): (&i64, &OrderItem)| Wide::int(*share).mul(form(left(Wide::of(item.back))));
        let by_item = shares.iter().zip(&order.items).try_fold(Wide::ZERO, |sum, one| sum.add(part(one)?))?;
        by_item.mul(form(left(r)))
    })
}

/// Share of the whole order that has come back, by the totals of its items.
fn overall(order: &Order, fractions: &[Wide]) -> Wide {
    let total = order.items.iter().try_fold(Wide::ZERO, |sum, i| sum.add(Wide::of(i.total)));
    let back = weighed(order.items.iter().map(|i| i.total), fractions);
    match (back, total) {
        _ if order.items.is_empty() => fractions[0],
        (Ok(back), Ok(total)) if total != Wide::ZERO => share(back, total),
        _ => fractions.iter().copied().min().unwrap_or(Wide::ZERO),
    }
}

/// Sum of parts times fractions.
fn weighed(parts: impl Iterator<Item = Num> + Clone, fractions: &[Wide]) -> Result<Wide, OutOfRange> {
    exact(|form| {
        let mut products = parts.clone().zip(fractions).map(|(n, f)| Wide::of(n).mul(form(*f)));
        products.try_fold(Wide::ZERO, |sum, one| sum.add(one?))
    })
}

/// What of a count must be back by now. A part of it is rounded to a millionth: counters add up the leavings of many
/// orders, whose exact fractions would soon have no common denominator within the bounds of numbers.
pub fn count_target(order: &Order, count: &Count) -> Num {
    let fractions = fractions(order);
    let Ok(all) = counters::sum(&count.parts) else { return count.reversed };
    if fractions.iter().all(|f| *f == Wide::ONE) {
        return all;
    }
    let by_part = count.parts.len() == fractions.len() && count.parts.len() > 1;
    let target = if by_part {
        weighed(count.parts.iter().copied(), &fractions)
    } else {
        let share = overall(order, &fractions);
        exact(|form| Wide::of(all).mul(form(share)))
    };
    let millionths = target
        .and_then(|n| n.to_minor(6, Round::Nearest).or_else(|_| n.coarse().to_minor(6, Round::Nearest)));
    millionths.map_or(count.reversed, |minor| Num::minor(minor, 6))
}

/// Takes back from each grant and count of the order what its returns so far ask for, beyond what was taken before.
pub fn settle(book: &mut Book<'_>, order: &mut Order, moment: &Moment) {
    for at in 0..order.grants.len() {
        let target = target(order, order.grants[at].granted, &order.grants[at].shares);
        let grant = &order.grants[at];
        let wanted = target - grant.reversed;
        let gone = || !book.plan.rules.iter().any(|rule| rule.id == grant.rule);
        if wanted <= 0 || (planted::is("refund_by_todays_rules") && gone()) {
            continue;
        }
        book.take_back(grant, grant.lot(order), wanted, moment);
        for used in grant.limits.iter().filter(|used| !used.times) {
            book.free_limit(used, wanted);
        }
        order.grants[at].reversed = target;
        free_times(book, order, at);
    }
    for at in 0..order.counts.len() {
        let target = count_target(order, &order.counts[at]);
        let back = fractions(order);
        let count = &mut order.counts[at];
        let counter = book.plan.counters.iter().find(|c| c.id == count.counter);
        if let Some(counter) = counter.filter(|counter| !counter.is_sum()) {
            counters::take_back(book.member, counter, count, &back, moment);
            continue;
        }
        let wanted = target.sub(count.reversed).unwrap_or(Num::ZERO);
        if let Some(counter) = counter
            && !wanted.is_zero()
            && counters::subtract(book.member, counter, count.window, wanted).is_ok()
        {
            count.reversed = target;
        }
    }
}

/// A limit that counts times is free again when nothing is left of any grant that used it.
fn free_times(book: &mut Book<'_>, order: &Order, at: usize) {
    let grant = &order.grants[at];
    if grant.reversed != grant.granted {
        return;
    }
    for used in grant.limits.iter().filter(|used| used.times) {
        let all_back = order.grants.iter().all(|g| g.reversed == g.granted || !g.limits.contains(used));
        if all_back {
            book.free_limit(used, 1);
        }
    }
}

/// The order's items as they were told.
pub fn order_items(payload: &Value) -> Vec<crate::order::OrderItem> {
    let item = |item: &Value| {
        let quantity = slot_num(item, canonical::item::QUANTITY);
        crate::order::OrderItem {
            id: slot_text(item, canonical::item::ID).into(),
            quantity: if quantity > Num::ZERO { quantity } else { Num::ONE },
            total: slot_num(item, canonical::item::TOTAL),
            back: Num::ZERO,
        }
    };
    super::case::items(payload).iter().map(item).collect()
}

/// What was paid; where the shop leaves the total out, the subtotal or the sum of the items.
pub fn order_total(payload: &Value) -> Num {
    let told = [canonical::order::TOTAL, canonical::order::SUBTOTAL].map(|slot| slot_num(payload, slot));
    let items = || {
        super::case::items(payload)
            .iter()
            .try_fold(Num::ZERO, |sum, item| sum.add(slot_num(item, canonical::item::TOTAL)))
            .unwrap_or(Num::ZERO)
    };
    told.into_iter().find(|n| !n.is_zero()).unwrap_or_else(items)
}

#[cfg(test)]
#[path = "refunds_tests.rs"]
mod tests;
