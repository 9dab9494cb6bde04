//! The auditor of the club: what should have become of every message and of the time between them, worked out from the
//! messages alone. It shares no code with the core. Each failure names the row, the member and the law.

mod compare;
mod ladder;
pub(crate) mod purse;
mod rewards;
mod steps;
pub(crate) mod told;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::ToSpan;

use super::ends::local;
use super::terms::{Terms, Wait};
use crate::audit::{Row, same};
use crate::shell::{Past, Waits, at_row, number};
use crate::sim::marks::Marks;
use crate::sim::story::{Audit, State};
use crate::world::Message;
use ladder::{Change, Standing};
pub use purse::Move;
use purse::{Lot, LotId, Purse, Quiet, Waiting};
use rewards::{Counter, RedemptionId};

pub struct Club {
    /// Of the version that judges the present row.
    terms: Terms,
    version: usize,
    /// Oldest first.
    versions: Vec<Terms>,
    past: Past,
    members: BTreeMap<u64, Member>,
    names: BTreeMap<String, u64>,
    orders: BTreeMap<String, Order>,
    counter: Counter,
    waiting: Waits,
    /// What must come next, one after the other; only what is due for its member may come before.
    next: VecDeque<Next>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    Free(u64, u64),
    /// A gift arrives: for whom, in which wallet, of which lots.
    Gift(u64, usize, Vec<Lot>, Quiet),
}

#[derive(Clone, Debug)]
struct Member {
    names: BTreeSet<String>,
    /// `points`, `gems`
    purses: [Purse; 2],
    standing: Standing,
    enrolled: bool,
    held: Vec<RedemptionId>,
    /// Rewards by month.
    taken: BTreeMap<(&'static str, i64), i64>,
    /// Up to when what was due is done.
    clock: Option<i64>,
    changes: u64,
}

#[derive(Clone, Debug)]
struct Order {
    member: u64,
    cents: i64,
    back: i64,
    closed: bool,
    refunds: BTreeSet<String>,
    delivered: bool,
    /// Lot, granted, taken back.
    grant: Option<(LotId, i64, i64)>,
}

/// One row as it is worked out.
struct Book {
    pos: u64,
    no: u64,
    at: i64,
    /// Lots made in it.
    lots: u64,
    status: &'static str,
    code: &'static str,
    /// None: it does not say (what is set aside).
    decided: bool,
    new: bool,
    said: Vec<String>,
    redemptions: Vec<RedemptionId>,
    /// Those of which it is said.
    told: Vec<RedemptionId>,
    frees: Vec<u64>,
    moves: Vec<Move>,
    gift: Option<Next>,
}

impl Book {
    fn new(pos: u64, at: i64) -> Book {
        Book {
            pos,
            no: 0,
            at,
            lots: 0,
            status: "applied",
            code: "",
            decided: true,
            new: false,
            said: Vec::new(),
            redemptions: Vec::new(),
            told: Vec::new(),
            frees: Vec::new(),
            moves: Vec::new(),
            gift: None,
        }
    }
    /// A row without effect.
    fn aside(mut self, status: &'static str, code: &'static str) -> Book {
        (self.status, self.code, self.decided) = (status, code, false);
        self
    }
    fn changed(&mut self, changes: impl IntoIterator<Item = Change>) {
        use super::terms::LEVELS;
        let said = changes.into_iter().map(|(a, b)| format!("tier.changed {} {}", LEVELS[a], LEVELS[b]));
        self.said.extend(said);
    }
}

impl Audit for Club {
    fn row(&mut self, row: &Row, marks: &mut Marks) -> Result<(), String> {
        self.follow(row, marks).map_err(|why| at_row(row, &why))
    }
    fn finish(&mut self, state: &State, clock: i64) -> Result<(), String> {
        self.compare_state(state, clock)
    }
}

impl Club {
    pub fn new(versions: Vec<Terms>) -> Club {
        Club {
            terms: versions[0].clone(),
            version: 1,
            versions,
            past: Past::default(),
            members: BTreeMap::new(),
            names: BTreeMap::new(),
            orders: BTreeMap::new(),
            counter: Counter::default(),
            waiting: Waits::default(),
            next: VecDeque::new(),
        }
    }
    fn follow(&mut self, row: &Row, marks: &mut Marks) -> Result<(), String> {
        self.past.goes_on(row)?;
        let version = row.decision["v"].as_u64().unwrap_or(0) as usize;
        if version < self.version || version > self.versions.len() {
            return Err(format!("judged by version {version} after {}", self.version));
        }
        if version > self.version {
            (self.version, self.terms) = (version, self.versions[version - 1].clone());
        }
        let book = self.work(row, marks)?;
        self.compare(&book, row)?;
        super::marks::of_row(marks, &book.said, &book.moves, row);
        Ok(())
    }
    /// Works out what the row should be.
    fn work(&mut self, row: &Row, marks: &mut Marks) -> Result<Book, String> {
        let Some(message) = &row.message else {
            let pos = row.again.ok_or("a row is either an input or set free")?;
            let Some(Next::Free(next, no)) = self.next.pop_front() else {
                return Err(format!("row {pos} was set free by nothing"));
            };
            same("what is set free", pos, next)?;
            let message = self.waiting.take(pos)?;
            return self.step(&message, row, Some(no));
        };
        match message.kind.as_str() {
            "fealty.due" => self.due_row(message, row, marks),
            "fealty.follows" => self.gift_row(message, row),
            _ => {
                if let Some(next) = self.next.front() {
                    return Err(format!("before this there had to come {next:?}"));
                }
                self.past.is_new(message)?;
                let book = self.step(message, row, None)?;
                self.past.keep(message, book.code);
                Ok(book)
            }
        }
    }
    /// When the next thing is due for a member.
    fn due(&self, no: u64) -> Option<i64> {
        let member = self.members.get(&no)?;
        let purses = member.purses.iter().map(Purse::due);
        let held = member.held.iter().map(|id| Some(self.counter.all[id].until));
        purses.chain(held).chain([member.standing.due(&self.terms.ladder)]).flatten().min()
    }
    /// Everything that is due for the member by now has happened.
    fn ready(&self, no: u64, at: i64) -> Result<(), String> {
        match self.due(no).filter(|due| *due <= at) {
            Some(due) => {
                Err(format!("of member {no} something was due at {due}, before {at}, and has not happened"))
            }
            None => Ok(()),
        }
    }
    fn due_row(&mut self, message: &Message, row: &Row, marks: &mut Marks) -> Result<Book, String> {
        let no = number(&message.subject)?;
        if let Some(Next::Free(_, of) | Next::Gift(of, ..)) = self.next.front() {
            same("whose time is first", no, *of)?;
        }
        same("instant at which something is due", Some(message.time), self.due(no))?;
        // An event may be so far ahead of the clock, and what is due before it comes before it.
        if message.time > row.now + 300 {
            return Err(format!("it happened before its time, at {}", row.now));
        }
        if message.time < row.now - 30 * 86_400 {
            marks.hit("due while the server was down for a month");
        }
        let mut book = Book::new(row.pos, message.time);
        book.no = no;
        self.lapse(&mut book);
        let member = self.members.get_mut(&no).ok_or("nobody")?;
        for purse in &mut member.purses {
            purse.release(book.at);
        }
        for purse in &mut member.purses {
            purse.expire(book.at);
            purse.fall_silent(book.at);
        }
        book.changed(member.standing.run_due(&self.terms, book.at));
        self.close(&mut book, None, false);
        let member = self.members.get_mut(&no).ok_or("nobody")?;
        member.clock = member.clock.max(Some(message.time));
        self.ready(no, message.time)?;
        Ok(book)
    }
    fn gift_row(&mut self, message: &Message, row: &Row) -> Result<Book, String> {
        let Some(Next::Gift(no, wallet, parts, quiet)) = self.next.pop_front() else {
            return Err("nobody gave anything".to_owned());
        };
        same("who receives", number(&message.subject)?, no)?;
        self.ready(no, message.time)?;
        let mut book = Book::new(row.pos, message.time);
        book.no = no;
        let purse = &mut self.members.get_mut(&no).ok_or("nobody")?.purses[wallet];
        purse.takes_quiet(&parts, quiet);
        purse.receive(&parts, None);
        purse.take_for_debt();
        self.close(&mut book, None, false);
        Ok(book)
    }
    /// What comes after what a message did: levels, and what moved is gathered.
    fn close(&mut self, book: &mut Book, order: Option<&str>, lifts: bool) {
        let member = self.members.get_mut(&book.no).expect("it was looked at");
        let by = order.filter(|_| lifts);
        if let Some(order) = order.filter(|_| !lifts) {
            book.changed(member.standing.lose(&self.terms, order, book.at));
        }
        book.changed(member.standing.climb(&self.terms, book.at, member.clock, by));
        // Wallets are warned of in the order of their names.
        for purse in member.purses.iter_mut().rev() {
            book.moves.extend(purse.close(book.at));
            let warnings = purse.warnings(book.at).into_iter();
            book.said
                .extend(warnings.map(|(amount, end)| format!("points.expiring {} {amount} {end}", purse.id)));
        }
        book.moves.sort();
    }
    /// Points for this member, dated from `since`. `order`: they may wait for its delivery.
    fn grant(
        &mut self,
        book: &mut Book,
        wallet: usize,
        amount: i64,
        since: i64,
        order: Option<&str>,
    ) -> LotId {
        let terms = &self.terms.wallets[wallet];
        let ends = terms.ends.of_lot(since);
        let days = |n: i64| (local(since) + n.days()).timestamp().as_second();
        let (until, order) = match (terms.wait, order) {
            (Wait::None, _) | (Wait::Delivery { .. }, None) => (None, None),
            (Wait::Days(n), _) => (Some(days(n)), None),
            (Wait::Delivery { most, .. }, Some(order)) => (Some(days(most)), Some(order.to_owned())),
        };
        let id = (book.pos, book.lots);
        book.lots += 1;
        let purse = &mut self.members.get_mut(&book.no).expect("it was looked at").purses[wallet];
        let waits = until.is_some_and(|until| until > book.at) && ends.is_none_or(|end| end > book.at);
        match waits {
            true => purse.hold(Waiting { id, left: amount, until, order, ends }),
            false => purse.enter("issued", Lot { id, left: amount, ends, by: None }, book.at),
        }
        id
    }
}
