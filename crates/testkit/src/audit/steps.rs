//! What each kind of message should do, step by step.

use std::collections::BTreeMap;

use super::fraction::{self, Fraction, ZERO};
use super::judge::{self, Case, Judged, Member, Use};
use super::orders::{Count, Grant, Line, Order};
use super::payload::{self, Payload};
use super::{Auditor, Row, Verdict};
use crate::catalog::{Per, Region, Terms, WALLETS};
use crate::world::Message;

fn verdict(status: &'static str, code: &'static str, member: u64) -> Verdict {
    Verdict { status, code, member, effects: BTreeMap::new() }
}

/// The one form of a name.
fn form(name: &str) -> String {
    if name.starts_with("email:") { name.to_lowercase() } else { name.to_owned() }
}

impl Auditor {
    pub(super) fn step(&mut self, message: &Message, row: &Row, version: u32) -> Result<Verdict, String> {
        if message.time > row.now + 300 && row.again.is_none() {
            return Ok(verdict("refused", "event_from_future", 0));
        }
        let known = [
            "order.paid",
            "order.updated",
            "order.refunded",
            "order.cancelled",
            "order.fulfilled",
            "member.enrolled",
            "member.updated",
            "fealty.adjusted",
            "fealty.linked",
            "review.posted",
            "visit.made",
        ];
        if !known.contains(&message.kind.as_str()) {
            self.take_word(message, row)?;
            return Ok(verdict("ignored", "type_unknown", 0));
        }
        let Some(told) = payload::read(&message.data) else { return Ok(verdict("refused", "wrong_type", 0)) };
        let terms = self.terms[&version].clone();
        match message.kind.as_str() {
            "order.paid" => self.paid(message, row, &terms, &told),
            "order.updated" | "order.refunded" | "order.cancelled" | "order.fulfilled" => {
                self.followed(message, row, &told)
            }
            _ => self.personal(message, row, &terms, &told),
        }
    }
    /// Where the rules leave it open whether a person became a member: what is told must fit what is known.
    fn take_word(&mut self, message: &Message, row: &Row) -> Result<(), String> {
        if row.decision["new"].as_bool() == Some(true) {
            self.resolve(message, row)?;
        }
        Ok(())
    }
    /// The member whom the message is about; made if there is none.
    fn resolve(&mut self, message: &Message, row: &Row) -> Result<u64, String> {
        let names: Vec<String> =
            std::iter::once(&message.subject).chain(&message.also).map(|n| form(n)).collect();
        let found = self.names.get(&names[0]).copied();
        let no = found.unwrap_or(self.members.len() as u64 + 1);
        super::same("enrolled", row.decision["new"].as_bool().unwrap_or(false), found.is_none())?;
        if found.is_none() {
            let plan = "basic".to_owned();
            self.members.insert(no, Member { no, enrolled: message.time, plan, ..Member::default() });
        }
        for name in names {
            self.link(no, &name);
        }
        Ok(no)
    }
    fn link(&mut self, no: u64, name: &str) {
        if *self.names.entry(name.to_owned()).or_insert(no) == no {
            self.members.entry(no).or_default().names.insert(name.to_owned());
        }
    }
    fn region<'a>(&self, terms: &'a Terms, told: &Payload, no: u64) -> Option<&'a Region> {
        let by_id = |id: &str| terms.regions.iter().find(|r| r.id == id);
        let own = self.members.get(&no).map_or("", |m| &m.region);
        by_id(&told.region)
            .or_else(|| terms.regions.iter().find(|r| r.currency == told.currency))
            .or_else(|| by_id(own))
    }
    fn paid(
        &mut self,
        message: &Message,
        row: &Row,
        terms: &Terms,
        told: &Payload,
    ) -> Result<Verdict, String> {
        let no = self.names.get(&form(&message.subject)).copied().unwrap_or(0);
        let region = self.region(terms, told, no);
        if told.currency != region.map_or("EUR", |r| r.currency) {
            return Ok(verdict("refused", "currency_mismatch", 0));
        }
        let digits = region.map_or(2, |r| r.exponent);
        let fits = |n: Fraction| n.times(fraction::whole(10_i128.pow(digits)));
        if fits(told.total) != fraction::whole(fits(told.total).floor()) {
            return Ok(verdict("refused", "money_digits", 0));
        }
        if self.orders.contains_key(&told.id) {
            self.take_word(message, row)?;
            return Ok(verdict("ignored", "order_already_paid", 0));
        }
        let no = self.resolve(message, row)?;
        let judged = self.judge(terms, "order.paid", told, no, message.time, region);
        let mut order = Order {
            member: no,
            version: terms.version,
            at: message.time,
            total: told.total,
            items: told
                .items
                .iter()
                .map(|i| Line {
                    id: i.id.clone(),
                    quantity: i.quantity.unwrap_or(fraction::ONE),
                    total: i.total,
                    back: ZERO,
                })
                .collect(),
            back: ZERO,
            closed: false,
            refunds: Default::default(),
            grants: Vec::new(),
            counts: Vec::new(),
        };
        let mut out = verdict("applied", "", no);
        for one in judged {
            self.pay(&one, no, &mut out);
            if one.granted > 0 {
                let shares = self.recorded_shares(row, &one)?;
                order.grants.push(Grant {
                    rule: one.rule,
                    wallet: one.wallet,
                    granted: one.granted,
                    reversed: 0,
                    shares,
                    uses: one.uses,
                });
            }
        }
        order.counts = self.count(
            terms,
            told,
            no,
            message.time,
            region,
            out.effects.iter().filter(|(k, _)| k.1 == "points").map(|(_, v)| v.1).sum(),
        );
        self.orders.insert(told.id.clone(), order);
        Ok(out)
    }
    /// Shares as recorded, once they keep the law: they sum to the grant, and each is its exact part up to one.
    fn recorded_shares(&self, row: &Row, one: &Judged) -> Result<Vec<i128>, String> {
        let grants = row.decision["o"]["g"].as_array().cloned().unwrap_or_default();
        let grant = grants.iter().find(|g| g["r"] == *one.rule && g["w"] == *one.wallet);
        let grant = grant.ok_or_else(|| format!("the order does not remember what {} gave", one.rule))?;
        let shares = grant["s"].as_array().into_iter().flatten().filter_map(|s| s.as_i64()).map(i128::from);
        let shares: Vec<i128> = shares.collect();
        let sum = one.weights.iter().copied().fold(ZERO, Fraction::plus);
        if one.weights.is_empty() {
            return super::same("shares", shares.len(), 0).map(|()| shares);
        }
        super::same("sum of the shares", shares.iter().sum::<i128>(), one.granted)?;
        super::same("number of shares", shares.len(), one.weights.len())?;
        for (share, weight) in shares.iter().zip(&one.weights).filter(|_| !sum.is_zero()) {
            let exact = weight.times(fraction::whole(one.granted)).over(sum).floor();
            if *share != exact && *share != exact + 1 {
                return Err(format!("share {share} of {}, should be {exact} or one more", one.rule));
            }
        }
        Ok(shares)
    }
    fn judge(
        &self,
        terms: &Terms,
        kind: &str,
        told: &Payload,
        no: u64,
        time: i64,
        region: Option<&Region>,
    ) -> Vec<Judged> {
        let member = &self.members[&no];
        Case { terms, kind, payload: told, member, budgets: &self.budgets, time, region }.judge()
    }
    /// Grants what was judged: limits are used, debt is paid first.
    fn pay(&mut self, one: &Judged, no: u64, out: &mut Verdict) {
        out.effects.insert((one.rule.clone(), one.wallet), (one.wanted, one.granted));
        if one.granted == 0 {
            return;
        }
        for used in &one.uses {
            self.use_limit(no, used, if used.times { 1 } else { one.granted });
        }
        self.enter(no, one.wallet, one.granted);
    }
    fn use_limit(&mut self, no: u64, used: &Use, by: i128) {
        let all =
            if used.across { &mut self.budgets } else { &mut self.members.entry(no).or_default().limits };
        let parts = all.entry(used.limit.clone()).or_default();
        *parts.entry(used.start).or_insert(0) += by;
        if parts.len() > judge::WINDOWS {
            parts.pop_first();
        }
    }
    fn enter(&mut self, no: u64, wallet: &'static str, amount: i128) {
        let member = self.members.entry(no).or_default();
        let (available, debt) = member.wallets.entry(wallet).or_default();
        let repaid = amount.min(*debt);
        *debt -= repaid;
        *available += amount - repaid;
    }
    fn leave(&mut self, no: u64, wallet: &'static str, amount: i128) {
        let member = self.members.entry(no).or_default();
        let (available, debt) = member.wallets.entry(wallet).or_default();
        let taken = amount.min((*available).max(0));
        *available -= taken;
        match WALLETS.iter().find(|w| w.0 == wallet).map(|w| w.3) {
            Some("debt") => *debt += amount - taken,
            Some("negative") => *available -= amount - taken,
            _ => {}
        }
    }
    /// Counters hear of an order; what they count is kept with it.
    fn count(
        &mut self,
        terms: &Terms,
        told: &Payload,
        no: u64,
        at: i64,
        region: Option<&Region>,
        earned: i128,
    ) -> Vec<Count> {
        let in_euro = fraction::parse(region.map_or("1", |r| r.in_euro)).unwrap_or(ZERO);
        let cups: Vec<Fraction> = told
            .items
            .iter()
            .map(|i| if i.category == "coffee" { i.quantity.unwrap_or(fraction::ONE) } else { ZERO })
            .collect();
        let all = [
            ("orders", 0, vec![fraction::ONE]),
            ("spend", judge::start(terms, Per::Month, at), vec![told.subtotal.times(in_euro)]),
            ("recent", at, vec![fraction::ONE]),
            ("cups", judge::start(terms, Per::Week, at), cups),
            ("earned", judge::start(terms, Per::Year, at), vec![fraction::whole(earned)]),
        ];
        let member = self.members.entry(no).or_default();
        let counts = all.into_iter().filter(|(_, _, parts)| parts.iter().any(|p| !p.is_zero()));
        counts
            .map(|(counter, start, parts)| {
                let sum = parts.iter().copied().fold(ZERO, Fraction::plus);
                let slot = member.counters.entry(counter).or_default().entry(start).or_insert(ZERO);
                *slot = slot.plus(sum);
                Count { counter, start, parts, reversed: ZERO }
            })
            .collect()
    }
    /// Refunds, cancellations, fulfilments and edits of an order.
    fn followed(&mut self, message: &Message, row: &Row, told: &Payload) -> Result<Verdict, String> {
        let id = if message.kind == "order.updated" { &told.id } else { &told.order };
        let Some(mut order) = self.orders.get(id).cloned() else {
            self.take_word(message, row)?;
            self.waiting.entry(id.clone()).or_default().push((row.pos, message.clone()));
            return Ok(verdict("waiting", "order_unknown", 0));
        };
        let no = order.member;
        if message.kind == "order.fulfilled" {
            return Ok(verdict("applied", "", no));
        }
        if message.kind == "order.refunded" && !order.refunds.insert(told.id.clone()) {
            return Ok(verdict("ignored", "refund_already_applied", no));
        }
        let noted = match message.kind.as_str() {
            "order.refunded" => order.refund(told),
            _ => order.cancel(told),
        };
        if let Err(code) = noted {
            return Ok(verdict("refused", code, no));
        }
        let mut out = verdict("applied", "", no);
        self.take_back(&mut order, &mut out);
        self.orders.insert(id.clone(), order);
        Ok(out)
    }
    /// Takes back what the order's state now demands: points, limits, counters.
    fn take_back(&mut self, order: &mut Order, out: &mut Verdict) {
        let (no, frozen, mut unearned) = (order.member, order.clone(), 0);
        for grant in &mut order.grants {
            let taken = (frozen.target(grant) - grant.reversed).max(0);
            if taken == 0 {
                continue;
            }
            grant.reversed += taken;
            let effect = out.effects.entry((grant.rule.clone(), grant.wallet)).or_default();
            *effect = (effect.0 + taken, effect.1 + taken);
            self.leave(no, grant.wallet, taken);
            if grant.wallet == "points" {
                unearned += taken;
            }
            for used in grant.uses.clone() {
                match used.times {
                    true if grant.reversed == grant.granted => self.use_limit(no, &used, -1),
                    true => {}
                    false => self.use_limit(no, &used, -taken),
                }
            }
        }
        let member = self.members.entry(no).or_default();
        for count in &mut order.counts {
            let target = if count.counter == "earned" {
                count.reversed.plus(fraction::whole(unearned))
            } else {
                frozen.uncounted(count)
            };
            let slot = member.counters.entry(count.counter).or_default().entry(count.start).or_insert(ZERO);
            *slot = slot.minus(target.minus(count.reversed));
            count.reversed = target;
        }
    }
    /// Everything that is about a person and not about an order.
    fn personal(
        &mut self,
        message: &Message,
        row: &Row,
        terms: &Terms,
        told: &Payload,
    ) -> Result<Verdict, String> {
        let data: serde_json::Value = serde_json::from_str(&message.data).map_err(|e| e.to_string())?;
        if message.kind == "fealty.adjusted" || message.kind == "fealty.linked" {
            let Some(no) = self.names.get(&form(&message.subject)).copied() else {
                return Ok(verdict("refused", "member_unknown", 0));
            };
            return if message.kind == "fealty.linked" {
                self.linked(no, &data)
            } else {
                self.adjusted(no, &data)
            };
        }
        let known = self.names.contains_key(&form(&message.subject));
        if message.kind == "member.enrolled" && known {
            self.resolve(message, row)?;
            return Ok(verdict("ignored", "member_already_enrolled", 0));
        }
        let no = self.resolve(message, row)?;
        let mut out = verdict("applied", "", no);
        if message.kind.starts_with("member.") {
            let member = self.members.entry(no).or_default();
            if let Some(plan) = &told.plan {
                member.plan.clone_from(plan);
            }
            if !told.region.is_empty() {
                member.region.clone_from(&told.region);
            }
            return Ok(out);
        }
        let region = self.region(terms, told, no);
        let judged = self.judge(terms, &message.kind, told, no, message.time, region);
        for one in &judged {
            self.pay(one, no, &mut out);
            if message.kind == "review.posted" {
                self.members.entry(no).or_default().once.insert((one.rule.clone(), told.product.clone()));
            }
        }
        let member = self.members.entry(no).or_default();
        if message.kind == "review.posted" {
            member.reviewed.insert(told.product.clone());
        }
        let earned: i128 = judged.iter().filter(|j| j.wallet == "points").map(|j| j.granted).sum();
        if earned > 0 {
            let year = judge::start(terms, Per::Year, message.time);
            let slot = member.counters.entry("earned").or_default().entry(year).or_insert(ZERO);
            *slot = slot.plus(fraction::whole(earned));
        }
        Ok(out)
    }
    fn adjusted(&mut self, no: u64, data: &serde_json::Value) -> Result<Verdict, String> {
        let (wallet, decimals, ..) = judge::wallet(data["wallet"].as_str().unwrap_or(""));
        let amount =
            payload::number(&data["amount"]).ok_or("an adjustment has an amount")?.minor(decimals, "down");
        if amount == 0 {
            return Ok(verdict("refused", "amount_invalid", 0));
        }
        if amount > 0 {
            self.enter(no, wallet, amount);
            return Ok(verdict("applied", "", no));
        }
        let member = self.members.entry(no).or_default();
        let (available, _) = member.wallets.entry(wallet).or_default();
        if *available < -amount {
            return Ok(verdict("refused", "points_insufficient", 0));
        }
        *available += amount;
        Ok(verdict("applied", "", no))
    }
    fn linked(&mut self, no: u64, data: &serde_json::Value) -> Result<Verdict, String> {
        let names: Vec<String> =
            data["identities"].as_array().into_iter().flatten().map(|n| form(&payload::text(n))).collect();
        if names.iter().any(|n| self.names.get(n).is_some_and(|owner| *owner != no)) {
            return Ok(verdict("refused", "identity_taken", 0));
        }
        for name in names {
            self.link(no, &name);
        }
        Ok(verdict("applied", "", no))
    }
}
