//! What each kind of message should do, step by step.

use std::collections::BTreeMap;

use super::fraction::{self, Fraction, ZERO};
use super::judge::{self, Case, Judged, Member};
use super::orders::{self, Grant, Order};
use super::payload::{self, Payload};
use super::{Auditor, Row, Verdict};
use crate::catalog::{Region, Terms};
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
        let found = names.iter().find_map(|name| self.names.get(name)).copied();
        let no = found.unwrap_or(self.members.len() as u64 + 1);
        super::same("enrolled", row.decision["new"].as_bool().unwrap_or(false), found.is_none())?;
        if found.is_none() {
            let member = self.members.entry(no).or_default();
            member.ladder.begun = message.time;
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
            edited: None,
            before: self.members[&no].clone(),
            member: no,
            version: terms.version,
            at: message.time,
            total: told.total,
            items: orders::lines(told),
            back: ZERO,
            closed: false,
            refunds: Default::default(),
            grants: Vec::new(),
            counts: Vec::new(),
        };
        let mut out = verdict("applied", "", no);
        for one in judged {
            self.pay(&one, no, &mut out);
            self.earned(terms, no, one.wallet, message.time, one.granted);
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
        order.counts = self.counts(terms, told, message.time, region);
        for count in &order.counts {
            let sum = count.parts.iter().copied().fold(ZERO, Fraction::plus);
            self.add_count(no, count.counter, count.start, sum);
        }
        self.orders.insert(told.id.clone(), order);
        Ok(out)
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
        Case { terms, kind, payload: told, member, budgets: &self.budgets, held: 0, time, region }.judge()
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
        if self.names.get(&form(&message.subject)).is_some_and(|other| *other != no) {
            return Ok(verdict("refused", "order_of_another_member", 0));
        }
        if message.kind == "order.fulfilled" {
            return Ok(verdict("applied", "", no));
        }
        if message.kind == "order.refunded" && !order.refunds.insert(told.id.clone()) {
            return Ok(verdict("ignored", "refund_already_applied", no));
        }
        let mut out = verdict("applied", "", no);
        let terms = self.terms[&order.version].clone();
        if message.kind == "order.updated" {
            if order.edited > Some(message.time) {
                return Ok(verdict("ignored", "order_update_stale", no));
            }
            order = Order { edited: Some(message.time), ..order.edited(told) };
            self.free_all(&order);
            let region = self.region(&terms, told, no);
            let judged = self.judge_again(&terms, &order, told, region);
            let counts = self.counts(&terms, told, order.at, region);
            self.rebook(row, &terms, &mut order, (judged, counts), &mut out)?;
            self.orders.insert(id.clone(), order);
            return Ok(out);
        }
        let noted = match message.kind.as_str() {
            "order.refunded" => order.refund(told),
            _ => order.cancel(told),
        };
        if let Err(code) = noted {
            return Ok(verdict("refused", code, no));
        }
        self.take_back(&terms, &mut order, &mut out);
        self.orders.insert(id.clone(), order);
        Ok(out)
    }
    /// With the member as he was just before the order, and limits and balances as they are now.
    fn judge_again(
        &self,
        terms: &Terms,
        order: &Order,
        told: &Payload,
        region: Option<&Region>,
    ) -> Vec<Judged> {
        let now = &self.members[&order.member];
        let (limits, wallets) = (now.limits.clone(), now.wallets.clone());
        let member = &Member { limits, wallets, ..order.before.clone() };
        let stars = order.grants.iter().filter(|g| g.wallet == "stars");
        let held = stars.map(|g| g.granted - g.reversed).sum();
        let (budgets, time) = (&self.budgets, order.at);
        Case { terms, kind: "order.paid", payload: told, member, budgets, held, time, region }.judge()
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
        let no = self.resolve(message, row)?;
        let mut out = verdict("applied", "", no);
        if message.kind.starts_with("member.") {
            return Ok(self.told_of(no, message, told));
        }
        let region = self.region(terms, told, no);
        let judged = self.judge(terms, &message.kind, told, no, message.time, region);
        for one in &judged {
            self.pay(one, no, &mut out);
            if message.kind == "review.posted" && one.granted > 0 {
                self.members.entry(no).or_default().once.insert((one.rule.clone(), told.product.clone()));
            }
        }
        let member = self.members.entry(no).or_default();
        if message.kind == "review.posted" {
            member.reviewed.insert(told.product.clone());
        }
        for one in &judged {
            self.earned(terms, no, one.wallet, message.time, one.granted);
        }
        Ok(out)
    }
    /// Fields are set; being enrolled a second time is nothing by itself.
    fn told_of(&mut self, no: u64, message: &Message, told: &Payload) -> Verdict {
        let member = self.members.entry(no).or_default();
        let before = (member.plan.clone(), member.region.clone());
        if told.plan.is_some() {
            member.plan.clone_from(&told.plan);
        }
        if !told.region.is_empty() {
            member.region.clone_from(&told.region);
        }
        let changed = before != (member.plan.clone(), member.region.clone());
        let again = message.kind == "member.enrolled" && std::mem::replace(&mut member.enrolled, true);
        match again {
            true if !changed => verdict("ignored", "member_already_enrolled", no),
            _ => verdict("applied", "", no),
        }
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
