//! Members who bring members: who may claim, when it counts, and what the one who brought gets for it.

use jiff::ToSpan;
use serde_json::Value;

use super::history::begin;
use super::{Book, Career, Member, Next, Order};
use crate::audit::{Row, payload, same};
use crate::career::terms::Unit;
use crate::club::ends::local;
use crate::shell::number;
use crate::sim::marks::Marks;
use crate::world::Message;

/// By whom a member was brought.
#[derive(Clone, Debug)]
pub struct Brought {
    pub by: u64,
    pub at: i64,
    /// When it counts, and by which order.
    pub due: Option<i64>,
    pub order: Option<String>,
    pub qualified: bool,
    pub void: bool,
    /// An order that counted came back.
    back: bool,
}

impl Brought {
    pub fn is_due(&self, at: i64) -> bool {
        !self.qualified && self.due.is_some_and(|due| due <= at)
    }
}

impl Career {
    /// Whom the claim names, or why it is refused.
    pub(super) fn claims(
        &self,
        message: &Message,
        (no, member): (u64, Option<&Member>),
        data: &Value,
        marks: &mut Marks,
    ) -> Result<u64, &'static str> {
        let by = match payload::text(&data["by"]) {
            name if !name.is_empty() => self.names.get(&name),
            _ => self.codes.get(&payload::text(&data["code"]).to_uppercase()),
        };
        let Some(by) = by.copied() else {
            marks.hit("claim of a code that is nobody's");
            return Err("referral_code_unknown");
        };
        if by == no {
            marks.hit("claim of oneself");
            return Err("referral_of_oneself");
        }
        if member.is_some_and(|member| member.brought_by.is_some()) {
            marks.hit("claim of one who was brought before");
            return Err("referral_already_claimed");
        }
        let since = member.map_or(message.time, |member| member.since);
        if message.time > (local(since) + self.terms.bring.claim.days()).timestamp().as_second() {
            marks.hit("claim too late");
            return Err("referral_too_late");
        }
        let named = message.also.iter().any(|name| self.names.get(name) == Some(&by));
        let near =
            self.members[&by].near.contains(&no) || member.is_some_and(|member| member.near.contains(&by));
        if named || near {
            marks.hit("claim of one who has a name in common");
            return Err("referral_of_oneself");
        }
        let mut above = self.members[&by].brought_by.as_ref();
        while let Some(brought) = above {
            if brought.by == no {
                marks.hit("claim in a circle");
                return Err("referral_circle");
            }
            above = self.members[&brought.by].brought_by.as_ref();
        }
        if data["by"].is_null() {
            marks.hit("claim by a code");
        }
        Ok(by)
    }
    pub(super) fn claimed(&mut self, book: &mut Book, by: u64) {
        let at = book.at;
        self.member(book.no).brought_by =
            Some(Brought { by, at, due: None, order: None, qualified: false, void: false, back: false });
        self.grant(book, 0, self.terms.bring.hello);
        book.made.push(Next::Told(by, "referral.claimed", None));
    }
    /// An order that is enough, or what takes it away.
    pub(super) fn may_qualify(
        &mut self,
        book: &mut Book,
        (message, order): (&Message, Option<&str>),
        row: &Row,
        marks: &mut Marks,
    ) -> Result<(), String> {
        let about = order.and_then(|id| self.orders.get(id));
        let (is_back, cents) = (about.is_some_and(Order::is_back), about.map_or(0, |order| order.cents));
        let bring = self.terms.bring.clone();
        let Some(by) = self.member(book.no).brought_by.as_mut() else { return Ok(()) };
        if by.qualified || by.void {
            return Ok(());
        }
        if is_back {
            if by.order.as_deref() == order {
                marks.hit("order of a referral came back in time");
                (by.due, by.order, by.back) = (None, None, true);
            }
            return Ok(());
        }
        if by.due.is_some() || book.at < by.at || message.kind != "order.paid" || cents < bring.least * 100 {
            return Ok(());
        }
        if by.back {
            marks.hit("referral counts by a later order");
        }
        by.due = Some((local(book.at) + bring.after.days()).timestamp().as_second());
        by.order = order.map(str::to_owned);
        if bring.after == 0 {
            return self.qualify(book, row, marks);
        }
        Ok(())
    }
    pub(super) fn qualify(&mut self, book: &mut Book, row: &Row, marks: &mut Marks) -> Result<(), String> {
        let member = self.member(book.no);
        let near = member.near.clone();
        let by = member.brought_by.as_mut().expect("he was brought");
        by.due = None;
        if near.contains(&by.by) {
            by.void = true;
            marks.hit("referral void: both share a name");
            return Ok(());
        }
        by.qualified = true;
        marks.hit("referral counts, and both are paid");
        let by = by.by;
        let told = row.decision["msg"].as_array().into_iter().flatten();
        let code = told.filter_map(|m| m["data"]["code"].as_str()).next().unwrap_or("");
        let known = *self.codes.entry(code.to_owned()).or_insert(by);
        same("whose code is told", known, by)?;
        book.said.push(format!("referral.qualified {code}"));
        book.heard.push_back(super::Heard::Qualified);
        Ok(())
    }
    /// Of the order of one who was brought, its referrer is told, if he has a share.
    pub(super) fn tells(&mut self, book: &mut Book, kind: &'static str, order: &str) {
        let by = self.members[&book.no].brought_by.as_ref().filter(|by| !by.void).map(|by| by.by);
        let Some(by) = by.filter(|_| self.terms.bring.share.is_some()) else { return };
        let known = self.orders.get_mut(order).expect("it was looked at");
        if kind == "order.paid" {
            known.told = true;
        }
        if known.told {
            book.made.push(Next::Told(by, kind, Some(order.to_owned())));
        }
    }
    /// The row of the referrer.
    pub(super) fn told_row(
        &mut self,
        message: &Message,
        row: &Row,
        marks: &mut Marks,
    ) -> Result<Book, String> {
        let Some(Next::Told(no, kind, order)) = self.next.pop_front() else {
            return Err("nobody did anything to him".to_owned());
        };
        same("to whom it happens", number(&message.subject)?, no)?;
        let data: Value = serde_json::from_str(&message.data).map_err(|e| e.to_string())?;
        same("what is told", payload::text(&data["type"]), kind.to_owned())?;
        self.ready(no, message.time)?;
        let mut book = Book::new(row.pos, no, message.time);
        match (kind, order) {
            ("referral.claimed", _) => self.member(no).brought += 1,
            ("referral.qualified", _) => {
                let month = begin(Unit::Month.start(local(book.at).date()));
                let cap = self.terms.bring.cap;
                let thanked = self.member(no).thanked.entry(month).or_insert(0);
                if *thanked < cap {
                    *thanked += 1;
                    self.grant(&mut book, 0, self.terms.bring.thanks);
                } else {
                    marks.hit("referrer was thanked often enough");
                }
            }
            (kind, Some(id)) => self.shares_in(&mut book, kind, &id, marks)?,
            (kind, None) => return Err(format!("{kind} is about no order")),
        }
        self.follows(&mut book, None, row, marks)?;
        self.close(&mut book);
        Ok(book)
    }
    fn shares_in(&mut self, book: &mut Book, kind: &str, id: &str, marks: &mut Marks) -> Result<(), String> {
        let order = self.orders[id].clone();
        if kind == "order.paid" {
            let points = order.cents * self.terms.bring.share.unwrap_or(0) / 100;
            let lot = self.grant(book, 0, points);
            let grants = lot.into_iter().map(|lot| (lot, points, 0)).collect();
            marks.hit("referrer has a share in an order");
            self.shares.insert(id.to_owned(), Order { member: book.no, grants, ..order });
            return Ok(());
        }
        marks.hit("referrer's share came back with the order");
        let share = self.shares.get_mut(id).ok_or("he has no share")?;
        (share.back, share.closed) = (order.back, order.closed);
        let mut share = share.clone();
        self.take_back(book, &mut share);
        self.shares.insert(id.to_owned(), share);
        Ok(())
    }
}
