//! The auditor of careers: what should have become of every message and of the time between them, worked out from the
//! messages alone. It shares no code with the core: counters are summed anew from the orders, runs from the set of periods.

mod clocks;
mod compare;
mod flows;
mod goals;
mod history;
mod referrals;
mod steps;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::civil::Date;

use super::terms::Terms;
use crate::audit::{Row, same};
use crate::club::audit::purse::{Lot, LotId, Move, Purse};
use crate::club::ends::Ends;
use crate::shell::{Past, Waits, at_row, number};
use crate::sim::marks::Marks;
use crate::sim::story::{Audit, State};
use crate::world::Message;

pub struct Career {
    /// Of the version that judges the present row.
    terms: Terms,
    version: usize,
    /// Oldest first.
    versions: Vec<Terms>,
    past: Past,
    members: BTreeMap<u64, Member>,
    names: BTreeMap<String, u64>,
    orders: BTreeMap<String, Order>,
    /// What referrers got for orders of others.
    shares: BTreeMap<String, Order>,
    /// Whose code it is, as far as one was told.
    codes: BTreeMap<String, u64>,
    waiting: Waits,
    /// What must come next, one after the other; only what is due for its member may come before.
    next: VecDeque<Next>,
}

#[derive(Clone, Debug)]
enum Next {
    Free(u64, u64),
    /// The referrer is told of something that happened to one whom he brought: which type of event, about which order.
    Told(u64, &'static str, Option<String>),
}

#[derive(Clone, Debug)]
struct Member {
    no: u64,
    names: BTreeSet<String>,
    /// Members whose names came with his events.
    near: Vec<u64>,
    since: i64,
    enrolled: bool,
    birthday: Option<Date>,
    /// `points`, `tokens`
    purses: [Purse; 2],
    run: history::Run,
    /// Completions of each goal, under the window in which they were; and how often ever.
    done: BTreeMap<&'static str, (u32, BTreeMap<i64, u32>)>,
    /// Of each clock that listens or rings by the year: when, and whether it has rung.
    silences: BTreeMap<String, (i64, bool)>,
    flows: Vec<flows::Going>,
    started: BTreeMap<&'static str, i64>,
    brought_by: Option<referrals::Brought>,
    brought: u64,
    /// Thanked so often, by month.
    thanked: BTreeMap<i64, i64>,
    clock: Option<i64>,
    changes: u64,
}

#[derive(Clone, Debug)]
struct Order {
    member: u64,
    at: i64,
    cents: i64,
    back: i64,
    closed: bool,
    refunds: BTreeSet<String>,
    /// Lot, granted, taken back.
    grants: Vec<(LotId, i64, i64)>,
    /// Its mark in the run was taken back.
    unmarked: bool,
    /// His referrer was told of it.
    told: bool,
}

/// Something that follows in the same row and that rules hear.
#[derive(Clone, Copy, Debug)]
enum Heard {
    Completed(i64),
    Qualified,
}

impl Heard {
    fn kind(self) -> &'static str {
        match self {
            Heard::Completed(_) => "achievement.completed",
            Heard::Qualified => "referral.qualified",
        }
    }
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
    /// He has a name more than before.
    named: bool,
    said: Vec<String>,
    frees: Vec<u64>,
    moves: Vec<Move>,
    heard: VecDeque<Heard>,
    /// What this does to others.
    made: Vec<Next>,
}

impl Book {
    fn new(pos: u64, no: u64, at: i64) -> Book {
        Book {
            pos,
            no,
            at,
            lots: 0,
            status: "applied",
            code: "",
            decided: true,
            new: false,
            named: false,
            said: Vec::new(),
            frees: Vec::new(),
            moves: Vec::new(),
            heard: VecDeque::new(),
            made: Vec::new(),
        }
    }
    /// A row without effect.
    fn aside(mut self, status: &'static str, code: &'static str) -> Book {
        (self.status, self.code, self.decided) = (status, code, false);
        self
    }
}

impl Next {
    fn of(&self) -> u64 {
        match self {
            Next::Free(_, no) | Next::Told(no, ..) => *no,
        }
    }
}

impl Audit for Career {
    fn row(&mut self, row: &Row, marks: &mut Marks) -> Result<(), String> {
        self.follow(row, marks).map_err(|why| at_row(row, &why))
    }
    fn finish(&mut self, state: &State, clock: i64) -> Result<(), String> {
        self.compare_state(state, clock)
    }
}

impl Career {
    pub fn new(versions: Vec<Terms>) -> Career {
        Career {
            terms: versions[0].clone(),
            version: 1,
            versions,
            past: Past::default(),
            members: BTreeMap::new(),
            names: BTreeMap::new(),
            orders: BTreeMap::new(),
            shares: BTreeMap::new(),
            codes: BTreeMap::new(),
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
        self.compare(&book, row)
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
            return self.step(&message, row, Some(no), marks);
        };
        match message.kind.as_str() {
            "fealty.due" => self.due_row(message, row, marks),
            "fealty.follows" => self.told_row(message, row, marks),
            _ => {
                if let Some(next) = self.next.front() {
                    return Err(format!("before this there had to come {next:?}"));
                }
                self.past.is_new(message)?;
                let book = self.step(message, row, None, marks)?;
                self.past.keep(message, book.code);
                Ok(book)
            }
        }
    }
    fn member(&mut self, no: u64) -> &mut Member {
        self.members.get_mut(&no).expect("it was looked at")
    }
    /// When the next thing is due for a member.
    fn due(&self, no: u64) -> Option<i64> {
        let member = self.members.get(&no)?;
        let clocks = self.rings(member).into_iter().map(|ring| Some(ring.at));
        let flows = member.flows.iter().map(|going| going.until);
        let brought = member.brought_by.as_ref().and_then(|by| by.due.filter(|_| !by.qualified));
        let gap = self.gap(member).map(|gap| gap.1);
        let purses = member.purses.iter().map(Purse::due);
        purses.chain(clocks).chain(flows).chain([brought, gap]).flatten().min()
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
        if let Some(next) = self.next.front() {
            same("whose time is first", no, next.of())?;
        }
        same("instant at which something is due", Some(message.time), self.due(no))?;
        // An event may be so far ahead of the clock, and what is due before it comes before it.
        if message.time > row.now + 300 {
            return Err(format!("it happened before its time, at {}", row.now));
        }
        let mut book = Book::new(row.pos, no, message.time);
        for purse in &mut self.member(no).purses {
            purse.expire(book.at);
        }
        self.pay_for_gap(&mut book, marks);
        self.ring(&mut book, row.now, marks);
        if self.members[&no].brought_by.as_ref().is_some_and(|by| by.is_due(book.at)) {
            self.qualify(&mut book, row, marks)?;
        }
        self.waits_end(&mut book, marks);
        self.follows(&mut book, None, row, marks)?;
        self.close(&mut book);
        let member = self.member(no);
        member.clock = member.clock.max(Some(message.time));
        self.ready(no, message.time)?;
        Ok(book)
    }
    /// What the event did, and then what that did in turn: referrals, goals, workflows.
    fn follows(
        &mut self,
        book: &mut Book,
        event: Option<(&Message, Option<&str>)>,
        row: &Row,
        marks: &mut Marks,
    ) -> Result<(), String> {
        if let Some((message, order)) = event {
            self.may_qualify(book, (message, order), row, marks)?;
        }
        self.goals(book, marks);
        if let Some((message, order)) = event {
            self.flows(book, &message.kind, order, marks);
        }
        while let Some(heard) = book.heard.pop_front() {
            match heard {
                Heard::Completed(count) => drop(self.grant(book, 0, count * self.terms.praise)),
                Heard::Qualified => {
                    self.grant(book, 0, self.terms.bring.qualified);
                    let by = self.members[&book.no].brought_by.as_ref().expect("he was brought").by;
                    book.made.push(Next::Told(by, heard.kind(), None));
                }
            }
            self.goals(book, marks);
            self.flows(book, heard.kind(), None, marks);
        }
        Ok(())
    }
    /// The row is over: what moved is gathered, and what comes next is known.
    fn close(&mut self, book: &mut Book) {
        let at = book.at;
        for purse in &mut self.member(book.no).purses {
            book.moves.extend(purse.close(at));
        }
        book.moves.sort();
        // Told again, an enrolment does nothing, unless something waited for it.
        if !(book.moves.is_empty() && book.said.is_empty()) {
            book.status = "applied";
        }
        let frees = book.frees.iter().map(|pos| Next::Free(*pos, book.no));
        for next in book.made.iter().cloned().chain(frees).collect::<Vec<_>>().into_iter().rev() {
            self.next.push_front(next);
        }
    }
    fn grant(&mut self, book: &mut Book, wallet: usize, amount: i64) -> Option<LotId> {
        if amount <= 0 {
            return None;
        }
        let id = (book.pos, book.lots);
        book.lots += 1;
        let ends = if wallet == 0 { self.terms.ends.of_lot(book.at) } else { Ends::Never.of_lot(book.at) };
        let at = book.at;
        self.member(book.no).purses[wallet].enter("issued", Lot { id, left: amount, ends, by: None }, at);
        Some(id)
    }
}
