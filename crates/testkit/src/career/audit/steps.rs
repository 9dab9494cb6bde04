//! What each kind of message should do.

use jiff::civil::Date;
use serde_json::Value;

use super::{Book, Career, Member, Next, Order, history};
use crate::audit::{Row, fraction, payload};
use crate::club::audit::purse::{Lot, Purse};
use crate::club::ends::Ends;
use crate::sim::marks::Marks;
use crate::world::Message;

const OF_ORDER: [&str; 2] = ["order.refunded", "order.cancelled"];

impl Career {
    /// `claimed`: it waited, and became this member's.
    pub(super) fn step(
        &mut self,
        message: &Message,
        row: &Row,
        claimed: Option<u64>,
        marks: &mut Marks,
    ) -> Result<Book, String> {
        let book = Book::new(row.pos, 0, message.time);
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
        if about.is_none() && kind.starts_with("fealty.") {
            return Ok(book.aside("refused", "member_unknown"));
        }
        if let Some(no) = about {
            self.ready(no, message.time)?;
        }
        self.decide((message, row), (about, &data, &order), marks)
    }
    fn decide(
        &mut self,
        (message, row): (&Message, &Row),
        (known, data, order): (Option<u64>, &Value, &str),
        marks: &mut Marks,
    ) -> Result<Book, String> {
        let no = known.unwrap_or(self.members.len() as u64 + 1);
        let mut book = Book::new(row.pos, no, message.time);
        let kind = message.kind.as_str();
        let mut by = None;
        if kind == "referral.claimed" {
            match self.claims(message, (no, self.members.get(&no)), data, marks) {
                Ok(who) => by = Some(who),
                Err(code) => return Ok(book.aside("refused", code)),
            }
        }
        if known.is_none() {
            self.members.insert(no, Member::new(no, message.time, self.terms.ends));
            book.new = true;
        }
        let names = self.names_in(message, data);
        let order = Some(order).filter(|order| !order.is_empty());
        if let (Some(order), "order.paid") = (order, kind) {
            let gone = |pos| self.next.iter().any(|next| matches!(next, Next::Free(at, _) if *at == pos));
            book.frees = self.waiting.frees(&[], Some(order), (book.at, 0), gone);
        }
        if let Err(code) = self.act(&mut book, (kind, data, order), by, marks) {
            return Ok(book.aside(if code == "refund_already_applied" { "ignored" } else { "refused" }, code));
        }
        // Told once more, an enrolment is none.
        let event = (book.code != "member_already_enrolled" && !kind.starts_with("fealty."))
            .then_some((message, order));
        self.follows(&mut book, event, row, marks)?;
        self.hear(&book, kind, marks);
        self.close(&mut book);
        for name in names {
            let owner = *self.names.entry(name.clone()).or_insert(no);
            let member = self.member(no);
            if owner != no {
                if member.near.len() < 8 && !member.near.contains(&owner) {
                    member.near.push(owner);
                }
            } else {
                book.named |= member.names.insert(name);
            }
        }
        Ok(book)
    }
    /// Names that the event gives its member; what follows an order gives none.
    fn names_in(&self, message: &Message, data: &Value) -> Vec<String> {
        if OF_ORDER.contains(&message.kind.as_str()) {
            return Vec::new();
        }
        let names = std::iter::once(&message.subject).chain(&message.also).cloned();
        let given = data["identities"].as_array().into_iter().flatten().map(payload::text);
        names.chain(given).filter(|name| !name.is_empty()).collect()
    }
    /// Err: why it is refused.
    fn act(
        &mut self,
        book: &mut Book,
        (kind, data, order): (&str, &Value, Option<&str>),
        by: Option<u64>,
        marks: &mut Marks,
    ) -> Result<(), &'static str> {
        match kind {
            "order.paid" => self.paid(book, data, order.unwrap_or(""), marks),
            "order.refunded" => return self.back(book, data, ("order.refunded", order.unwrap_or("")), marks),
            "order.cancelled" => {
                return self.back(book, data, ("order.cancelled", order.unwrap_or("")), marks);
            }
            "visit.made" => {
                self.grant(book, 1, 1);
                if self.terms.run.on == "visit.made" {
                    self.came(book, marks);
                }
            }
            "referral.claimed" => self.claimed(book, by.expect("it is known who brought him")),
            "member.enrolled" if std::mem::replace(&mut self.member(book.no).enrolled, true) => {
                (book.status, book.code) = ("ignored", "member_already_enrolled");
            }
            "member.updated" => {
                let birthday: Option<Date> = data["birthday"].as_str().and_then(|day| day.parse().ok());
                let before = std::mem::replace(&mut self.member(book.no).birthday, birthday);
                // The day with which he came belongs to his coming.
                if before != birthday && !book.new {
                    book.said.push("member.updated".to_owned());
                }
                if before.is_some_and(|before| Some(before) != birthday) {
                    marks.hit("birthday moved");
                }
            }
            "fealty.linked" => {
                let mut all = data["identities"].as_array().into_iter().flatten().map(payload::text);
                if !all.all(|name| self.names.get(&name).is_none_or(|owner| *owner == book.no)) {
                    return Err("identity_taken");
                }
            }
            "fealty.adjusted" => return self.adjusted(book, data),
            _ => {}
        }
        Ok(())
    }
    fn paid(&mut self, book: &mut Book, data: &Value, id: &str, marks: &mut Marks) {
        let total = payload::number(&data["total"]).unwrap_or(fraction::ZERO);
        let cents = total.minor(2, "down") as i64;
        let (least, bonus) = self.terms.steady;
        let run = self.present_run(&self.members[&book.no], book.at).0;
        let wanted = [cents * self.terms.rate / 100, if run >= least { bonus } else { 0 }];
        let mut grants = Vec::new();
        for points in wanted {
            grants.extend(self.grant(book, 0, points).map(|lot| (lot, points, 0)));
        }
        let (member, at) = (book.no, book.at);
        let (back, closed, unmarked, told) = (0, false, false, false);
        let refunds = Default::default();
        self.orders.insert(
            id.to_owned(),
            Order { member, at, cents, back, closed, refunds, grants, unmarked, told },
        );
        if self.terms.run.on == "order.paid" {
            self.came(book, marks);
        }
        self.tells(book, "order.paid", id);
    }
    fn back(
        &mut self,
        book: &mut Book,
        data: &Value,
        (kind, id): (&'static str, &str),
        marks: &mut Marks,
    ) -> Result<(), &'static str> {
        let order = self.orders.get_mut(id).expect("it was looked at");
        let refund = payload::text(&data["id"]);
        if !refund.is_empty() && !order.refunds.insert(refund) {
            return Err("refund_already_applied");
        }
        match payload::number(&data["amount"]) {
            Some(amount) => order.back += amount.minor(2, "down") as i64,
            None => order.closed = true,
        }
        let mut order = order.clone();
        self.take_back(book, &mut order);
        self.orders.insert(id.to_owned(), order);
        self.comes_off(id, marks);
        self.tells(book, kind, id);
        Ok(())
    }
    /// What the order gave goes back with it.
    pub(super) fn take_back(&mut self, book: &Book, order: &mut Order) {
        let (shares, short) = (order.clone(), self.terms.short);
        let purse = &mut self.member(book.no).purses[0];
        for (lot, granted, reversed) in &mut order.grants {
            let target = shares.share_back(*granted);
            if target > *reversed {
                purse.take_back(target - *reversed, *lot, short);
            }
            *reversed = target;
        }
    }
    fn adjusted(&mut self, book: &mut Book, data: &Value) -> Result<(), &'static str> {
        let wallet = usize::from(data["wallet"] == "tokens");
        let amount = data["amount"].as_i64().unwrap_or(0);
        let ends = [self.terms.ends, Ends::Never][wallet].of_lot(book.at);
        let purse = &mut self.member(book.no).purses[wallet];
        if amount == 0 {
            return Err("amount_invalid");
        }
        if amount < 0 && purse.available < -amount {
            return Err("points_insufficient");
        }
        if amount < 0 {
            purse.take("adjusted", -amount, None);
        } else {
            purse.enter("adjusted", Lot { id: (book.pos, book.lots), left: amount, ends, by: None }, book.at);
            book.lots += 1;
        }
        Ok(())
    }
}

impl Member {
    pub(super) fn new(no: u64, since: i64, ends: Ends) -> Member {
        Member {
            no,
            names: Default::default(),
            near: Vec::new(),
            since,
            enrolled: false,
            birthday: None,
            purses: [Purse::new("points", ends), Purse::new("tokens", Ends::Never)],
            run: history::Run::default(),
            done: Default::default(),
            silences: Default::default(),
            flows: Vec::new(),
            started: Default::default(),
            brought_by: None,
            brought: 0,
            thanked: Default::default(),
            clock: None,
            changes: 0,
        }
    }
}
