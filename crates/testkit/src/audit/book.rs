//! The auditor's books: points in and out, limits used and freed, counters, and what an order gave and gives back.

use super::fraction::{self, Fraction, ZERO};
use super::judge::{self, Judged, Use};
use super::orders::{Count, Grant, Order};
use super::payload::Payload;
use super::{Auditor, Row, Verdict, same};
use crate::catalog::{Per, Region, Terms, WALLETS};

/// Calendar windows that are kept of a counter.
const COUNTER_WINDOWS: usize = 14;

impl Verdict {
    fn effect(&mut self, rule: &str, wallet: &'static str, wanted: i128, granted: i128) {
        let effect = self.effects.entry((rule.to_owned(), wallet)).or_default();
        *effect = (effect.0 + wanted, effect.1 + granted);
    }
}

impl Auditor {
    /// Grants what was judged: limits are used, debt is paid first.
    pub(super) fn pay(&mut self, one: &Judged, no: u64, out: &mut Verdict) {
        out.effect(&one.rule, one.wallet, one.wanted, one.granted);
        if one.granted > 0 {
            for used in &one.uses {
                self.use_limit(no, used, if used.times { 1 } else { one.granted });
            }
            self.enter(no, one.wallet, one.granted);
        }
    }
    fn parts(&mut self, no: u64, used: &Use) -> &mut judge::Used {
        let all =
            if used.across { &mut self.budgets } else { &mut self.members.entry(no).or_default().limits };
        all.entry(used.limit.clone()).or_default()
    }
    fn use_limit(&mut self, no: u64, used: &Use, by: i128) {
        let parts = self.parts(no, used);
        *parts.entry(used.start).or_insert(0) += by;
        if parts.len() > judge::WINDOWS && !used.rolling {
            parts.pop_first();
        }
    }
    /// In its own window; if that was dropped, there is nothing to free.
    fn free_limit(&mut self, no: u64, used: &Use, by: i128) {
        let parts = self.parts(no, used);
        if let Some(amount) = parts.get_mut(&used.start) {
            *amount -= by;
            if *amount == 0 && parts.len() < judge::WINDOWS {
                parts.remove(&used.start);
            }
        }
    }
    pub(super) fn enter(&mut self, no: u64, wallet: &'static str, amount: i128) {
        let (available, debt) = self.members.entry(no).or_default().wallets.entry(wallet).or_default();
        let repaid = amount.min(*debt);
        *debt -= repaid;
        *available += amount - repaid;
    }
    /// How much of it was taken, or is owed now.
    fn leave(&mut self, no: u64, wallet: &'static str, amount: i128) -> i128 {
        let (available, debt) = self.members.entry(no).or_default().wallets.entry(wallet).or_default();
        let taken = amount.min((*available).max(0));
        *available -= taken;
        match WALLETS.iter().find(|w| w.0 == wallet).map(|w| w.3) {
            Some("debt") => *debt += amount - taken,
            Some("negative") => *available -= amount - taken,
            _ => return taken,
        }
        amount
    }
    /// Adds to a counter; windows older than the oldest kept are forgotten.
    pub(super) fn add_count(&mut self, no: u64, counter: &'static str, start: i64, amount: Fraction) {
        let parts = self.members.entry(no).or_default().counters.entry(counter).or_default();
        let bounded = !["orders", "recent"].contains(&counter);
        let older = parts.keys().next().is_some_and(|first| start < *first);
        if bounded && older && parts.len() >= COUNTER_WINDOWS {
            return;
        }
        let slot = parts.entry(start).or_insert(ZERO);
        *slot = slot.plus(amount);
        if bounded && parts.len() > COUNTER_WINDOWS {
            parts.pop_first();
        }
    }
    fn subtract_count(&mut self, no: u64, counter: &'static str, start: i64, amount: Fraction) {
        let parts = self.members.entry(no).or_default().counters.entry(counter).or_default();
        if let Some(slot) = parts.get_mut(&start) {
            *slot = slot.minus(amount);
        }
    }
    /// Points granted or taken back count in the year of the event.
    pub(super) fn earned(&mut self, terms: &Terms, no: u64, wallet: &str, at: i64, amount: i128) {
        let start = judge::start(terms, Per::Year, at);
        match wallet == "points" {
            true if amount > 0 => self.add_count(no, "earned", start, fraction::whole(amount)),
            true if amount < 0 => self.subtract_count(no, "earned", start, fraction::whole(-amount)),
            _ => {}
        }
    }
    /// What an order adds to counters, by item or in one part.
    pub(super) fn counts(
        &self,
        terms: &Terms,
        told: &Payload,
        at: i64,
        region: Option<&Region>,
    ) -> Vec<Count> {
        let in_euro = fraction::parse(region.map_or("1", |r| r.in_euro)).unwrap_or(ZERO);
        let one = |counter, start, parts| Count { counter, start, parts, reversed: ZERO };
        let mut counts = vec![
            one("orders", 0, vec![fraction::ONE]),
            one("spend", judge::start(terms, Per::Month, at), vec![told.subtotal.times(in_euro)]),
            one("recent", at, vec![fraction::ONE]),
        ];
        if told.items.iter().any(|i| i.category == "coffee") {
            let cups = told.items.iter().map(|i| match i.category == "coffee" {
                true => i.quantity.unwrap_or(fraction::ONE),
                false => ZERO,
            });
            counts.push(one("cups", judge::start(terms, Per::Week, at), cups.collect()));
        }
        counts
    }
    /// Takes back what the order's state now demands: points, limits, counters.
    pub(super) fn take_back(&mut self, terms: &Terms, order: &mut Order, out: &mut Verdict) {
        let (no, frozen) = (order.member, order.clone());
        for grant in &mut order.grants {
            let wanted = (frozen.target(grant) - grant.reversed).max(0);
            if wanted == 0 {
                continue;
            }
            grant.reversed += wanted;
            let gone = self.leave(no, grant.wallet, wanted);
            out.effect(&grant.rule, grant.wallet, wanted, gone);
            self.earned(terms, no, grant.wallet, order.at, -wanted);
            for used in &grant.uses {
                match used.times {
                    true if grant.reversed == grant.granted => self.free_limit(no, used, 1),
                    true => {}
                    false => self.free_limit(no, used, wanted),
                }
            }
        }
        for count in &mut order.counts {
            let target = frozen.uncounted(count);
            self.subtract_count(no, count.counter, count.start, target.minus(count.reversed));
            count.reversed = target;
        }
    }
    /// The order is judged again as of when it was paid; the member gets or gives back the difference.
    pub(super) fn rebook(
        &mut self,
        row: &Row,
        terms: &Terms,
        order: &mut Order,
        (judged, counts): (Vec<Judged>, Vec<Count>),
        out: &mut Verdict,
    ) -> Result<(), String> {
        let no = order.member;
        let mut old = std::mem::take(&mut order.grants);
        for one in judged {
            let before = old.iter().position(|g| g.rule == one.rule && g.wallet == one.wallet);
            let before = before.map(|at| old.remove(at));
            if before.is_none() && one.granted == 0 {
                continue;
            }
            let shares = if one.granted > 0 { self.recorded_shares(row, &one)? } else { Vec::new() };
            let (rule, wallet, granted) = (one.rule.clone(), one.wallet, one.granted);
            let mut new = Grant { rule, wallet, granted, reversed: 0, shares, uses: one.uses.clone() };
            new.reversed = order.target(&new);
            let left = new.granted - new.reversed;
            for used in new.uses.iter().filter(|_| left > 0) {
                self.use_limit(no, used, if used.times { 1 } else { left });
            }
            let difference = left - before.map_or(0, |g| g.granted - g.reversed);
            self.differ(terms, order, (&new.rule, wallet), (difference, one.wanted - one.granted), out);
            order.grants.push(new);
        }
        for gone in old {
            let key = (gone.rule.as_str(), gone.wallet);
            self.differ(terms, order, key, (gone.reversed - gone.granted, 0), out);
        }
        let mut before = std::mem::take(&mut order.counts);
        for mut count in counts {
            count.reversed = order.uncounted(&count);
            let net = |c: &Count| c.parts.iter().copied().fold(ZERO, Fraction::plus).minus(c.reversed);
            let at = before.iter().position(|c| c.counter == count.counter);
            let less = at.map_or(ZERO, |at| net(&before.remove(at)));
            if net(&count) != less {
                self.add_count(no, count.counter, count.start, net(&count).minus(less));
            }
            order.counts.push(count);
        }
        for gone in before {
            let net = gone.parts.iter().copied().fold(ZERO, Fraction::plus).minus(gone.reversed);
            self.subtract_count(no, gone.counter, gone.start, net);
        }
        Ok(())
    }
    fn differ(
        &mut self,
        terms: &Terms,
        order: &Order,
        (rule, wallet): (&str, &'static str),
        (difference, cut): (i128, i128),
        out: &mut Verdict,
    ) {
        if difference > 0 {
            self.enter(order.member, wallet, difference);
            out.effect(rule, wallet, difference + cut, difference);
        }
        if difference < 0 {
            let gone = self.leave(order.member, wallet, -difference);
            out.effect(rule, wallet, -difference, gone);
        }
        self.earned(terms, order.member, wallet, order.at, difference);
    }
    /// What the order holds of its limits, before it is judged again.
    pub(super) fn free_all(&mut self, order: &Order) {
        for grant in order.grants.iter().filter(|g| g.reversed < g.granted) {
            for used in &grant.uses {
                self.free_limit(
                    order.member,
                    used,
                    if used.times { 1 } else { grant.granted - grant.reversed },
                );
            }
        }
    }
    /// Shares as recorded, once they keep the law: they sum to the grant, and each is its exact part up to one.
    pub(super) fn recorded_shares(&self, row: &Row, one: &Judged) -> Result<Vec<i128>, String> {
        let shares_of = |rule: &str| {
            let grants = row.decision["o"]["g"].as_array()?;
            let grant = grants.iter().find(|g| g["r"] == *rule && g["w"] == *one.wallet)?;
            let shares = grant["s"].as_array().into_iter().flatten();
            Some(shares.map(|s| i128::from(s.as_i64().unwrap_or(i64::MIN))).collect::<Vec<_>>())
        };
        let shares = shares_of(&one.rule);
        let shares = shares.ok_or_else(|| format!("the order does not remember what {} gave", one.rule))?;
        let followed = one.follows.as_ref().and_then(|rule| shares_of(rule));
        let followed = followed.filter(|shares| shares.iter().any(|s| *s != 0));
        let weights = match followed {
            Some(shares) => shares.into_iter().map(fraction::whole).collect(),
            None => one.weights.clone(),
        };
        same("number of shares", shares.len(), weights.len())?;
        if weights.is_empty() {
            return Ok(shares);
        }
        same("sum of the shares", shares.iter().sum::<i128>(), one.granted)?;
        let sum = weights.iter().copied().fold(ZERO, Fraction::plus);
        for (share, weight) in shares.iter().zip(&weights).filter(|_| !sum.is_zero()) {
            let exact = weight.times(fraction::whole(one.granted)).over(sum).floor();
            if *share != exact && *share != exact + 1 {
                return Err(format!("share {share} of {}, should be {exact} or one more", one.rule));
            }
        }
        Ok(shares)
    }
}
