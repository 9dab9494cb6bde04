//! What each kind of message should do.

use jiff::ToSpan;
use serde_json::Value;

use super::ladder::Standing;
use super::purse::{Lot, Purse};
use super::{Book, Club, Member, Next, Order};
use crate::audit::{Row, fraction, payload, same};
use crate::club::ends::local;
use crate::club::terms::{Terms, Wait, Wallet};
use crate::world::Message;

/// About a person who must be known.
const BY_API: [&str; 5] =
    ["fealty.redeemed", "fealty.redemption", "fealty.transferred", "fealty.adjusted", "fealty.linked"];
const OF_ORDER: [&str; 3] = ["order.refunded", "order.cancelled", "order.fulfilled"];

impl Club {
    /// `claimed`: it waited, and became this member's.
    pub(super) fn step(
        &mut self,
        message: &Message,
        row: &Row,
        claimed: Option<u64>,
    ) -> Result<Book, String> {
        let book = Book::new(row.pos, message.time);
        if message.time > row.now + 300 && claimed.is_none() {
            return Ok(book.aside("refused", "event_from_future"));
        }
        let data: Value = serde_json::from_str(&message.data).map_err(|e| e.to_string())?;
        let owner = self.names.get(&message.subject).copied();
        let kind = message.kind.as_str();
        let order = payload::text(if kind == "order.paid" { &data["id"] } else { &data["order"] });
        let mut about = claimed.or(owner);
        if OF_ORDER.contains(&kind) {
            let Some(of) = self.orders.get(&order) else {
                self.waiting.add(row.pos, message, Some(order), owner);
                return Ok(book.aside("waiting", "order_unknown"));
            };
            if owner.is_some_and(|owner| owner != of.member) {
                return Ok(book.aside("refused", "order_of_another_member"));
            }
            about = Some(of.member);
        }
        if kind == "order.paid" && self.orders.contains_key(&order) {
            return Ok(book.aside("ignored", "order_already_paid"));
        }
        let about = about.or_else(|| message.also.iter().find_map(|name| self.names.get(name)).copied());
        let Some(no) = about else {
            if BY_API.contains(&kind) {
                return Ok(book.aside("refused", "member_unknown"));
            }
            if self.terms.guests.is_some() && kind != "member.enrolled" {
                self.waiting.add(row.pos, message, None, None);
                return Ok(book.aside("waiting", "member_unknown"));
            }
            return self.decide(message, row, (None, &data, &order));
        };
        self.ready(no, message.time)?;
        self.decide(message, row, (Some(no), &data, &order))
    }
    fn decide(
        &mut self,
        message: &Message,
        row: &Row,
        (known, data, order): (Option<u64>, &Value, &str),
    ) -> Result<Book, String> {
        let mut book = Book::new(row.pos, message.time);
        let kind = message.kind.as_str();
        book.no = known.unwrap_or(self.members.len() as u64 + 1);
        book.new = known.is_none();
        if book.new {
            self.members.insert(book.no, Member::new(&self.terms, message.time));
        }
        let mut names: Vec<String> =
            std::iter::once(&message.subject).chain(&message.also).cloned().collect();
        names.retain(|name| !name.is_empty());
        if kind == "fealty.linked" {
            names.extend(data["identities"].as_array().into_iter().flatten().map(payload::text));
        }
        names.retain(|name| !OF_ORDER.contains(&kind) && !self.names.contains_key(name));
        let frees = self.frees(&book, &names, (kind == "order.paid").then_some(order));
        let done = match kind {
            "order.paid" => self.paid(&mut book, data, order),
            "order.refunded" | "order.cancelled" => self.back(&mut book, data, order),
            "order.fulfilled" => self.delivered(&mut book, order),
            "member.enrolled" => {
                let member = self.members.get_mut(&book.no).expect("made above");
                if std::mem::replace(&mut member.enrolled, true) {
                    (book.status, book.code) = ("ignored", "member_already_enrolled");
                }
                Ok(())
            }
            "visit.made" => self.visited(&mut book),
            "game.won" | "swap.asked" => self.rule_takes(&mut book, kind == "game.won"),
            "fealty.linked" => {
                let mut all = data["identities"].as_array().into_iter().flatten().map(payload::text);
                let free = |name: String| self.names.get(&name).is_none_or(|owner| *owner == book.no);
                if all.all(free) { Ok(()) } else { Err("identity_taken") }
            }
            "fealty.adjusted" => self.adjusted(&mut book, data),
            "fealty.redeemed" => self.redeemed(&mut book, data),
            "fealty.redemption" => {
                self.act(&mut book, &payload::text(&data["redemption"]), &payload::text(&data["act"]))
            }
            "fealty.transferred" => self.gives(&mut book, data),
            other => return Err(format!("{other} is not of this world")),
        };
        if let Err(code) = done {
            return Ok(book.aside(if code == "refund_already_applied" { "ignored" } else { "refused" }, code));
        }
        for name in names {
            self.names.insert(name.clone(), book.no);
            self.members.get_mut(&book.no).expect("made above").names.insert(name);
        }
        let lifts = !["order.refunded", "order.cancelled"].contains(&kind);
        self.close(&mut book, Some(order).filter(|order| !order.is_empty()), lifts);
        // Told again, an enrolment does nothing, unless a new version lifts the member now.
        if !(book.moves.is_empty() && book.said.is_empty()) {
            book.status = "applied";
        }
        let no = book.no;
        let frees_next = frees.iter().map(|pos| Next::Free(*pos, no));
        let next = book.gift.clone().into_iter().chain(frees_next);
        for next in next.collect::<Vec<_>>().into_iter().rev() {
            self.next.push_front(next);
        }
        book.frees = frees;
        Ok(book)
    }
    /// Rows that wait for this order, or for one of these names within the time in which they can be claimed.
    fn frees(&self, book: &Book, names: &[String], order: Option<&str>) -> Vec<u64> {
        let gone = |pos| self.next.iter().any(|next| matches!(next, Next::Free(at, _) if *at == pos));
        self.waiting.frees(names, order, (book.at, self.terms.guests.unwrap_or(0)), gone)
    }
    fn paid(&mut self, book: &mut Book, data: &Value, id: &str) -> Result<(), &'static str> {
        let cents = cents(&data["total"]);
        let points = cents * self.terms.rate / 100;
        let grant = (points > 0).then(|| (self.grant(book, 0, points, book.at, Some(id)), points, 0));
        let (member, back, refunds) = (book.no, 0, Default::default());
        let order = Order { member, cents, back, closed: false, refunds, delivered: false, grant };
        self.orders.insert(id.to_owned(), order);
        Ok(())
    }
    fn back(&mut self, book: &mut Book, data: &Value, id: &str) -> Result<(), &'static str> {
        let order = self.orders.get_mut(id).expect("it was looked at");
        let refund = payload::text(&data["id"]);
        if !refund.is_empty() && !order.refunds.insert(refund) {
            return Err("refund_already_applied");
        }
        match data["amount"].is_null() {
            true => order.closed = true,
            false => order.back += cents(&data["amount"]),
        }
        // What was spent on it comes back first, so that less is owed.
        let order = order.clone();
        self.spent_comes_back(book, id, &order);
        let grant = self.orders.get_mut(id).and_then(|order| order.grant.as_mut());
        if let Some((lot, granted, reversed)) = grant {
            let target = order.share_back(*granted);
            let wanted = target - *reversed;
            *reversed = target;
            let purse = &mut self.members.get_mut(&book.no).expect("it was looked at").purses[0];
            if wanted > 0 {
                purse.take_back(wanted, *lot, self.terms.wallets[0].short);
            }
        }
        Ok(())
    }
    fn delivered(&mut self, book: &mut Book, id: &str) -> Result<(), &'static str> {
        let order = self.orders.get_mut(id).expect("it was looked at");
        if std::mem::replace(&mut order.delivered, true) {
            return Ok(());
        }
        let Wait::Delivery { after, .. } = self.terms.wallets[0].wait else { return Ok(()) };
        let end = (local(book.at) + after.days()).timestamp().as_second();
        let purse = &mut self.members.get_mut(&book.no).expect("it was looked at").purses[0];
        for one in purse.waiting.iter_mut().filter(|one| one.order.as_deref() == Some(id)) {
            one.order = None;
            one.until = Some(one.until.map_or(end, |until| until.min(end)));
        }
        purse.release(book.at);
        Ok(())
    }
    fn visited(&mut self, book: &mut Book) -> Result<(), &'static str> {
        let gold = self.members[&book.no].standing.at(book.at) >= 1;
        if gold {
            self.grant(book, 1, self.terms.bonus, book.at, None);
        }
        self.grant(book, 1, self.terms.visit, book.at, None);
        let terms = &self.terms;
        self.members.get_mut(&book.no).expect("it was looked at").standing.visit(terms, book.at);
        Ok(())
    }
    /// A rule gives the first reward, or redeems it.
    fn rule_takes(&mut self, book: &mut Book, given: bool) -> Result<(), &'static str> {
        let reward = self.terms.rewards[0].clone();
        let refused = match given {
            true => !self.in_stock(&reward, 1),
            false => self.refuses(&reward, book.no, 1, book.at).is_some(),
        };
        if !refused {
            self.take(book, (&reward, 1, None), given, true);
        }
        Ok(())
    }
    fn redeemed(&mut self, book: &mut Book, data: &Value) -> Result<(), &'static str> {
        let Some(reward) = self.terms.reward(&payload::text(&data["reward"])).cloned() else {
            return Err("reward_unknown");
        };
        let quantity = data["quantity"].as_i64().unwrap_or(1);
        let order = data["order"].as_str().map(str::to_owned);
        if self.order_of(book.no, order.as_ref()).is_some_and(|order| order.is_back()) {
            return Err("redemption_over");
        }
        if let Some(code) = self.refuses(&reward, book.no, quantity, book.at) {
            return Err(code);
        }
        self.take(book, (&reward, quantity, order), false, data["confirm"] == true);
        Ok(())
    }
    fn adjusted(&mut self, book: &mut Book, data: &Value) -> Result<(), &'static str> {
        let at = self.terms.wallets.iter().position(|w| data["wallet"] == w.id).expect("a wallet of ours");
        let amount = data["amount"].as_i64().unwrap_or(0);
        let purse = &mut self.members.get_mut(&book.no).expect("it was looked at").purses[at];
        if amount == 0 {
            return Err("amount_invalid");
        }
        if amount < 0 && purse.available < -amount {
            return Err("points_insufficient");
        }
        if amount < 0 {
            purse.take("adjusted", -amount, None);
        } else {
            let ends = self.terms.wallets[at].ends.of_lot(book.at);
            purse.enter("adjusted", Lot { id: (book.pos, book.lots), left: amount, ends, by: None }, book.at);
            book.lots += 1;
        }
        Ok(())
    }
    fn gives(&mut self, book: &mut Book, data: &Value) -> Result<(), &'static str> {
        let to = data["to"].as_u64().filter(|no| self.members.contains_key(no)).ok_or("member_unknown")?;
        if to == book.no {
            return Err("transfer_to_oneself");
        }
        let at = self.terms.wallets.iter().position(|w| data["wallet"] == w.id).expect("a wallet of ours");
        let amount = data["amount"].as_i64().unwrap_or(0);
        let purse = &mut self.members.get_mut(&book.no).expect("it was looked at").purses[at];
        if amount <= 0 {
            return Err("amount_invalid");
        }
        if purse.available - purse.debt < amount {
            return Err("points_insufficient");
        }
        let quiet = purse.quiet();
        let parts = purse.take("given", amount, None);
        let parts = parts.into_iter().map(|(lot, left)| Lot { left, ..lot }).collect();
        book.gift = Some(Next::Gift(to, at, parts, quiet));
        Ok(())
    }
}

impl Order {
    pub(super) fn is_back(&self) -> bool {
        self.closed || self.back >= self.cents
    }
    /// So much of an amount is back with the order.
    pub(super) fn share_back(&self, amount: i64) -> i64 {
        if self.is_back() {
            return amount;
        }
        (i128::from(amount) * i128::from(self.back) / i128::from(self.cents)) as i64
    }
}

impl Member {
    fn new(terms: &Terms, at: i64) -> Member {
        let purse = |wallet: &Wallet| {
            let mut purse = Purse::new(wallet.id, wallet.ends);
            purse.warn = wallet.warn;
            purse
        };
        Member {
            names: Default::default(),
            purses: [purse(&terms.wallets[0]), purse(&terms.wallets[1])],
            standing: Standing::new(at),
            enrolled: false,
            held: Vec::new(),
            taken: Default::default(),
            clock: None,
            changes: 0,
        }
    }
}

fn cents(value: &Value) -> i64 {
    let amount = payload::number(value).unwrap_or(fraction::ZERO);
    amount.minor(2, "down") as i64
}

impl Club {
    /// What is said of the member and the redemptions in this row, as the store has it.
    pub(super) fn note_names(&mut self, book: &Book, row: &Row) -> Result<(), String> {
        let told = row.decision["msg"].as_array().into_iter().flatten();
        let told = told.filter_map(|m| m["data"]["redemption"].as_str());
        for (name, id) in told.zip(&book.told) {
            let known = *self.counter.named.entry(name.to_owned()).or_insert(*id);
            same("redemption of that name", known, *id)?;
        }
        Ok(())
    }
}
