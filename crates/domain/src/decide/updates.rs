//! `order.updated`: the order is judged again as of when it was paid, under the program version that earned and with the
//! state that was recorded then, and the member gets or gives back the difference. What was refunded stays refunded.

use super::Judged;
use super::book::{self, Book};
use super::counters;
use super::grants::Since;
use super::refunds;
use super::rules::{Offer, OfferAmount};
use crate::lots::AMOUNT_MAX;
use crate::num::Num;
use crate::order::{Count, Grant, Order, OrderItem};
use crate::outcome::Effect;
use crate::plan::{Earn, Limit, Plan, Region, RuleNo, WalletNo};
use crate::value::Text;
use crate::value::Value;

/// Items of which more came back than the order holds: so many are remembered.
const ITEMS_MAX: usize = 1_000;

/// What the order holds in each wallet by rules that judge it anew.
pub fn held(plan: &Plan, rules: &[RuleNo], order: &Order) -> Vec<(WalletNo, i64)> {
    let wallet = |id: &str| plan.wallets.iter().position(|w| *w.id == *id);
    let anew = order.grants.iter().filter(|g| is_of(plan, rules, &g.rule));
    anew.filter_map(|g| Some((wallet(&g.wallet)? as WalletNo, g.granted - g.reversed))).collect()
}

pub fn is_of(plan: &Plan, rules: &[RuleNo], id: &str) -> bool {
    rules.iter().any(|no| *plan.rules[usize::from(*no)].id == *id)
}

/// The order with its new items. What came back of an item is kept by quantity, also where the order holds less of it
/// for a while.
pub fn edited(order: &Order, payload: &Value, at: jiff::Timestamp) -> Order {
    let mut items = refunds::order_items(payload);
    let mut less: Vec<OrderItem> = Vec::new();
    for old in order.less.iter().chain(&order.items).filter(|old| !old.id.is_empty() && !old.back.is_zero()) {
        let new = items.iter_mut().find(|item| item.id == old.id);
        if let Some(new) = new {
            new.back = new.back.max(kept(old, new));
            if pieces(new) >= pieces(old) {
                continue;
            }
        }
        less.retain(|one| one.id != old.id || pieces(one) > pieces(old));
        if less.len() < ITEMS_MAX && !less.iter().any(|one| one.id == old.id) {
            less.push(old.clone());
        }
    }
    Order { items, less, total: refunds::order_total(payload), edited_at: Some(at), ..order.clone() }
}

/// How many of it came back.
fn pieces(item: &OrderItem) -> Num {
    item.back.mul(item.quantity).unwrap_or(item.back)
}

fn kept(old: &OrderItem, new: &OrderItem) -> Num {
    pieces(old).div(new.quantity).unwrap_or(old.back).min(Num::ONE)
}

/// Brings the ledger from what the order gave before to what it gives now.
pub fn settle(book: &mut Book<'_>, old_plan: &Plan, rules: &[RuleNo], order: &mut Order, judged: Judged) {
    let before: Vec<Grant> = order.grants.extract_if(.., |g| is_of(old_plan, rules, &g.rule)).collect();
    for grant in &before {
        free_all(book, grant);
    }
    free_times(book, &before);
    let mut left = before;
    let mut times: Vec<Text> = Vec::new();
    for offer in &judged.offers {
        let rule = &old_plan.rules[usize::from(offer.rule)];
        let limits = book::limits_of(old_plan, rule);
        for amount in &offer.amounts {
            let wallet = &old_plan.wallets[usize::from(amount.wallet)].id;
            let at = left.iter().position(|g| g.rule == rule.id && g.wallet == *wallet);
            let old = at.map(|at| left.remove(at));
            if old.is_none() && amount.granted == 0 {
                continue;
            }
            let lot = old.as_ref().map_or((book.pos, book.n), |g| (g.pos, g.n));
            let mut new = book::grant(rule, wallet, lot, amount, &limits, &judged.moment);
            new.reversed = refunds::target(order, new.granted, &new.shares);
            use_all(book, &limits, offer, amount, &new, &judged, &mut times);
            adjust(book, old_plan, order, old.as_ref(), &new, amount, &judged);
            order.grants.push(new);
        }
    }
    // Rules that no longer apply: nothing is left of what they gave.
    for old in left {
        let none = Grant { granted: 0, reversed: 0, shares: Vec::new(), limits: Vec::new(), ..old.clone() };
        let nothing = OfferAmount::nothing();
        adjust(book, old_plan, order, Some(&old), &none, &nothing, &judged);
    }
    book.decision.effects.extend(judged.failed.iter().cloned());
    recount(book, old_plan, order, &judged);
}

fn adjust(
    book: &mut Book<'_>,
    old_plan: &Plan,
    order: &Order,
    old: Option<&Grant>,
    new: &Grant,
    amount: &OfferAmount,
    judged: &Judged,
) {
    let net = |g: &Grant| g.granted - g.reversed;
    let difference = net(new) - old.map_or(0, net);
    assert!(difference.abs() <= AMOUNT_MAX, "a difference stays within 9e15");
    if difference > 0 {
        // It is as old as the order.
        let named = |region: &&Region| region.id == book.region.id;
        let region = old_plan.regions.iter().find(named).unwrap_or(&old_plan.regions[0]);
        let since = Since { plan: old_plan, region, at: order.at, order: Some(order) };
        let rule = old_plan.rules.iter().find(|rule| rule.id == new.rule);
        let wallet = |earn: &&Earn| old_plan.wallets[usize::from(earn.wallet)].id == new.wallet;
        let dates = book.dates(since, &new.wallet, rule.and_then(|rule| rule.earn.iter().find(wallet)));
        let how = (difference, dates.stage());
        book.grant(&new.rule, &new.wallet, difference, dates, old.map(|old| old.lot(order)));
        counters::earned(book.member, book.plan, &new.rule, &new.wallet, how, &judged.moment);
        book.decision.effects.push(Effect {
            rule: new.rule.clone(),
            kind: "earn".into(),
            wallet: new.wallet.clone(),
            wanted: difference + (amount.wanted - amount.granted),
            granted: difference,
            cut: amount.cut.clone(),
        });
    }
    if difference < 0 {
        book.take_back(new, new.lot(order), -difference, &judged.moment);
    }
}

/// Frees what a grant still uses, before it is judged again.
fn free_all(book: &mut Book<'_>, grant: &Grant) {
    for used in grant.limits.iter().filter(|used| !used.times) {
        book.free_limit(used, grant.granted - grant.reversed);
    }
}

fn free_times(book: &mut Book<'_>, grants: &[Grant]) {
    for used in times_in_use(grants) {
        book.free_limit(&used, 1);
    }
}

/// Limits that count times and are held by any of these grants, each once.
pub fn times_in_use(grants: &[Grant]) -> Vec<crate::order::Use> {
    let mut found: Vec<crate::order::Use> = Vec::new();
    for grant in grants.iter().filter(|g| g.reversed < g.granted) {
        for used in grant.limits.iter().filter(|used| used.times) {
            if !found.contains(used) {
                found.push(used.clone());
            }
        }
    }
    found
}

fn use_all(
    book: &mut Book<'_>,
    limits: &[&Limit],
    offer: &Offer,
    amount: &OfferAmount,
    new: &Grant,
    judged: &Judged,
    times: &mut Vec<Text>,
) {
    let left = new.granted - new.reversed;
    for limit in limits {
        match limit.what {
            crate::plan::LimitWhat::Wallet(wallet) if wallet == amount.wallet => {
                book.use_limit(limit, &judged.moment, left);
            }
            crate::plan::LimitWhat::Times if offer.pays() && left > 0 && !times.contains(&limit.id) => {
                times.push(limit.id.clone());
                book.use_limit(limit, &judged.moment, 1);
            }
            _ => {}
        }
    }
}

/// Counters of the paid order count the edited one instead.
fn recount(book: &mut Book<'_>, old_plan: &Plan, order: &mut Order, judged: &Judged) {
    for counted in &judged.counted {
        let counters::Counting::Add(_) = &counted.what else { continue };
        let id = &old_plan.counters[usize::from(counted.counter)].id;
        let Some(counter) = book.plan.counters.iter().find(|c| c.id == *id) else { continue };
        let at = order.counts.iter().position(|c| c.counter == *id && c.window == counted.window);
        let before = at.map(|at| order.counts.remove(at));
        let net = |count: &Count| counters::sum(&count.parts).and_then(|sum| sum.sub(count.reversed));
        let mut now = counted.remembered(old_plan);
        now.reversed = refunds::count_target(order, &now);
        let less = before.as_ref().map_or(Ok(Num::ZERO), net).and_then(|before| before.sub(net(&now)?));
        if let Ok(less) = less
            && !less.is_zero()
            && counters::change(book.member, counter, counted.window, less.neg()).is_err()
        {
            continue;
        }
        order.counts.push(now);
    }
}
