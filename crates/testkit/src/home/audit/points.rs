//! Points of a member who may live in a household: where they lie, how they come and go.

use jiff::ToSpan;
use serde_json::Value;

use super::{Book, Grant, Home, Member, Next, Order};
use crate::audit::{fraction, payload};
use crate::club::audit::purse::{Lot, LotId, Purse, Waiting};
use crate::club::ends::local;
use crate::home::terms::Terms;
use crate::sim::marks::Marks;

pub fn month(at: i64) -> i64 {
    let first = local(at).date().first_of_month();
    first.in_tz(crate::club::ends::HOME).expect("every day has a first instant").timestamp().as_second()
}

pub fn cents(value: &Value) -> i64 {
    let amount = payload::number(value).unwrap_or(fraction::ZERO);
    amount.minor(2, "down") as i64
}

/// Less of what was used, and nothing of what is not.
pub fn less(used: &mut std::collections::BTreeMap<i64, i64>, month: i64, amount: i64) {
    if let Some(own) = used.get_mut(&month) {
        *own = (*own - amount).max(0);
    }
}

impl Home {
    /// Whose purse holds what is available of this wallet.
    pub(super) fn holder(&self, no: u64, wallet: usize) -> u64 {
        let home = self.members[&no].home.filter(|_| wallet == 0);
        home.map_or(no, |home| home.0)
    }
    pub(super) fn purse(&mut self, no: u64, wallet: usize) -> &mut Purse {
        let holder = self.holder(no, wallet);
        &mut self.member(holder).purses[wallet]
    }
    /// In whose name lots of this member lie there.
    pub(super) fn by(&self, no: u64, wallet: usize) -> Option<u64> {
        (self.holder(no, wallet) != no).then_some(no)
    }
    pub(super) fn grant(&mut self, book: &mut Book, wallet: usize, amount: i64) -> LotId {
        let (id, at) = (book.lot(), book.at);
        let terms = &self.terms.wallets[wallet];
        let ends = terms.ends.of_lot(at);
        let until = terms.wait.map(|days| (local(at) + days.days()).timestamp().as_second());
        match until.filter(|_| ends.is_none_or(|end| end > at)) {
            Some(until) => {
                let one = Waiting { id, left: amount, until: Some(until), order: None, ends };
                self.member(book.no).purses[wallet].hold(one);
            }
            None => self.enters(book.no, wallet, ("issued", Lot { id, left: amount, ends, by: None }), at),
        }
        id
    }
    fn enters(&mut self, no: u64, wallet: usize, (from, lot): (&'static str, Lot), at: i64) {
        let by = self.by(no, wallet);
        self.purse(no, wallet).enter(from, Lot { by, ..lot }, at);
    }
    /// What waits until now can be spent: by the household, where it shares the wallet.
    pub(super) fn release(&mut self, no: u64, wallet: usize, at: i64) {
        let shared = self.by(no, wallet).is_some();
        for lot in self.member(no).purses[wallet].end_wait(at) {
            if shared {
                self.member(no).purses[wallet].note("pending", "given", lot.left, Some(lot.id));
            }
            self.enters(no, wallet, (if shared { "given" } else { "pending" }, lot), at);
        }
    }
    pub(super) fn receives(&mut self, no: u64, wallet: usize, lots: &[Lot]) {
        let by = self.by(no, wallet);
        let purse = self.purse(no, wallet);
        purse.receive(lots, by);
        purse.take_for_debt();
    }
    pub(super) fn paid(&mut self, book: &mut Book, data: &Value, id: &str, marks: &mut Marks) {
        let cents = cents(&data["total"]);
        let (points, month) = (cents * self.terms.rate / 100, month(book.at));
        let home = self.members[&book.no].home.map(|home| home.0);
        let used = |no: u64| self.members[&no].used.get(&month).copied().unwrap_or(0);
        let granted = match self.terms.cap {
            Some(cap) => points.min(cap - used(home.unwrap_or(book.no))).max(0),
            None => points,
        };
        if home.is_some() && granted < points {
            marks.hit("limit of a household cut a grant");
        }
        let mut grant = None;
        if granted > 0 {
            let lot = self.grant(book, 0, granted);
            grant = Some(Grant { lot, granted, reversed: 0, month });
            for no in home.into_iter().chain([book.no]).filter(|_| self.terms.cap.is_some()) {
                *self.members.get_mut(&no).expect("it was looked at").used.entry(month).or_insert(0) +=
                    granted;
            }
        }
        let (member, back, refunds) = (book.no, 0, Default::default());
        let told = String::new();
        self.orders.insert(id.to_owned(), Order { member, told, cents, back, closed: false, refunds, grant });
    }
    pub(super) fn back(&mut self, book: &Book, data: &Value, id: &str) -> Result<(), &'static str> {
        let order = self.orders.get_mut(id).expect("it was looked at");
        let refund = payload::text(&data["id"]);
        if !refund.is_empty() && !order.refunds.insert(refund) {
            return Err("refund_already_applied");
        }
        match data["amount"].is_null() {
            true => order.closed = true,
            false => order.back += cents(&data["amount"]),
        }
        let whole = order.closed || order.back >= order.cents;
        let (cents, back) = (i128::from(order.cents), i128::from(order.back));
        let Some(grant) = &mut order.grant else { return Ok(()) };
        let share = (i128::from(grant.granted) * back / cents.max(1)) as i64;
        let target = if whole { grant.granted } else { share };
        let wanted = target - grant.reversed;
        grant.reversed = target;
        let (lot, month) = (grant.lot, grant.month);
        if wanted > 0 {
            let waited = self.member(book.no).purses[0].take_waiting(wanted, lot);
            let short = self.terms.wallets[0].short;
            self.purse(book.no, 0).take_available(wanted - waited, lot, short);
            for no in self.members[&book.no].home.map(|home| home.0).into_iter().chain([book.no]) {
                less(&mut self.member(no).used, month, wanted);
            }
        }
        Ok(())
    }
    pub(super) fn visited(&mut self, book: &mut Book, data: &Value) {
        let place = payload::text(&data["place"]);
        let member = self.member(book.no);
        let (first, regular) = (member.places.insert(place), member.visits);
        member.visits += 1;
        if first {
            self.grant(book, 1, self.terms.place);
        }
        if regular >= self.terms.after {
            self.grant(book, 1, self.terms.regular);
        }
        self.grant(book, 1, self.terms.visit);
    }
    pub(super) fn adjusted(&mut self, book: &mut Book, data: &Value) -> Result<(), &'static str> {
        let at = self.terms.wallets.iter().position(|w| data["wallet"] == w.id).expect("a wallet of ours");
        let amount = data["amount"].as_i64().unwrap_or(0);
        if amount == 0 {
            return Err("amount_invalid");
        }
        if amount < 0 && self.purse(book.no, at).available < -amount {
            return Err("points_insufficient");
        }
        if amount < 0 {
            self.purse(book.no, at).take("adjusted", -amount, None);
        } else {
            let ends = self.terms.wallets[at].ends.of_lot(book.at);
            let lot = Lot { id: book.lot(), left: amount, ends, by: None };
            self.enters(book.no, at, ("adjusted", lot), book.at);
        }
        Ok(())
    }
    pub(super) fn gives(&mut self, book: &mut Book, data: &Value) -> Result<(), &'static str> {
        let to = self.other(&data["to"]).ok_or("member_unknown")?;
        if to == book.no {
            return Err("transfer_to_oneself");
        }
        let at = self.terms.wallets.iter().position(|w| data["wallet"] == w.id).expect("a wallet of ours");
        if at == 0 && self.members[&book.no].home.is_some() {
            return Err("transfer_not_allowed");
        }
        let amount = data["amount"].as_i64().unwrap_or(0);
        if amount <= 0 {
            return Err("amount_invalid");
        }
        let purse = self.purse(book.no, at);
        if purse.available - purse.debt < amount {
            return Err("points_insufficient");
        }
        let lots = purse.give(amount, |_| true);
        book.made.push(Next::Received(to, at, lots));
        Ok(())
    }
    /// A member who is named by his number, and who can be dealt with.
    pub(super) fn other(&self, value: &Value) -> Option<u64> {
        let no = self.stands_for(value.as_u64()?);
        let member = self.members.get(&no)?;
        (!member.erased && member.residents.is_none()).then_some(no)
    }
}

impl Member {
    pub(super) fn new(no: u64, terms: &Terms) -> Member {
        let purses = terms.wallets.each_ref().map(|wallet| {
            let mut purse = Purse::new(wallet.id, wallet.ends);
            purse.warn = wallet.warn;
            purse
        });
        Member {
            no,
            names: Default::default(),
            purses,
            enrolled: false,
            visits: 0,
            places: Default::default(),
            used: Default::default(),
            held: Vec::new(),
            clock: None,
            changes: 0,
            home: None,
            residents: None,
            absorbed: Vec::new(),
            into: None,
            erased: false,
        }
    }
}
