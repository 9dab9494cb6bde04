//! The auditor of homes: what should have become of every message, worked out from the messages alone. It shares no code
//! with the core. A household is kept like a member here too, because it has a number and a history as one has.

mod codes;
mod compare;
mod families;
mod parting;
mod points;
mod steps;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::terms::{BY_NAME, Terms};
use crate::audit::{Row, same};
use crate::club::audit::purse::{Lot, LotId, Move, Purse};
use crate::shell::{Past, Waits, at_row, number};
use crate::sim::marks::Marks;
use crate::sim::story::{Audit, State};
use crate::world::Message;
use codes::{Pool, Redemption, RedemptionId};

pub struct Home {
    terms: Terms,
    /// Redemptions by public name, as clients were told.
    named: BTreeMap<String, RedemptionId>,
    past: Past,
    members: BTreeMap<u64, Member>,
    names: BTreeMap<String, u64>,
    /// Names that were an erased member's once.
    freed: BTreeSet<String>,
    orders: BTreeMap<String, Order>,
    redemptions: BTreeMap<RedemptionId, Redemption>,
    stock: [i64; 2],
    pool: Pool,
    /// Every code that was ever brought or given.
    codes: BTreeSet<String>,
    waiting: Waits,
    /// By number of the absorbed: what was before.
    merges: BTreeMap<u64, parting::Merge>,
    /// The newest row of each member and household.
    touched: BTreeMap<u64, u64>,
    /// Two were parted after something had happened to them: what each has then is not worked out here. From there on
    /// rows keep their laws, and `verify` proves the rest.
    lost: bool,
    /// What was given by him who lets go.
    parted: [i64; 2],
    /// What must come next, one after the other; only what is due for its member may come before.
    next: VecDeque<Next>,
}

#[derive(Clone, Debug)]
enum Next {
    Free(u64, u64),
    /// Points come from someone else: for whom, in which wallet.
    Received(u64, usize, Vec<Lot>),
    /// Everything goes to him who absorbs.
    HandsOver(u64, u64),
    TakesOver(u64, Box<Member>),
    /// Founds a household, into which this one moves next.
    Founds(u64, u64),
    MovesIn(u64, u64),
    /// He is himself again.
    Parts(u64, Box<Member>),
}

#[derive(Clone, Debug)]
struct Member {
    no: u64,
    names: BTreeSet<String>,
    /// `points`, `gems`
    purses: [Purse; 2],
    enrolled: bool,
    visits: i64,
    places: BTreeSet<String>,
    /// What is used of the monthly cap: of a household, by all who live there.
    used: BTreeMap<i64, i64>,
    held: Vec<RedemptionId>,
    /// Up to when what was due is done.
    clock: Option<i64>,
    changes: u64,
    /// The household, and since when.
    home: Option<(u64, i64)>,
    /// It is a household; who lives there.
    residents: Option<Vec<u64>>,
    absorbed: Vec<u64>,
    into: Option<u64>,
    erased: bool,
}

#[derive(Clone, Debug)]
struct Order {
    member: u64,
    /// Under which name; nobody knows it any more once its member is erased.
    told: String,
    cents: i64,
    back: i64,
    closed: bool,
    refunds: BTreeSet<String>,
    grant: Option<Grant>,
}

#[derive(Clone, Debug)]
struct Grant {
    lot: LotId,
    granted: i64,
    reversed: i64,
    month: i64,
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
    redemptions: Vec<RedemptionId>,
    frees: Vec<u64>,
    moves: Vec<Move>,
    /// What this does to others.
    made: Vec<Next>,
    /// The household that was entered or left.
    household: Option<u64>,
    brought: Option<(u64, u64)>,
    skipped: Vec<u64>,
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
            named: false,
            said: Vec::new(),
            redemptions: Vec::new(),
            frees: Vec::new(),
            moves: Vec::new(),
            made: Vec::new(),
            household: None,
            brought: None,
            skipped: Vec::new(),
        }
    }
    /// A row without effect.
    fn aside(mut self, status: &'static str, code: &'static str) -> Book {
        (self.status, self.code, self.decided) = (status, code, false);
        self
    }
    fn lot(&mut self) -> LotId {
        self.lots += 1;
        (self.pos, self.lots - 1)
    }
}

impl Next {
    fn of(&self) -> u64 {
        match self {
            Next::Free(_, no)
            | Next::Received(no, ..)
            | Next::HandsOver(no, _)
            | Next::TakesOver(no, _)
            | Next::Founds(no, _)
            | Next::MovesIn(no, _)
            | Next::Parts(no, _) => *no,
        }
    }
}

impl Audit for Home {
    fn row(&mut self, row: &Row, marks: &mut Marks) -> Result<(), String> {
        self.follow(row, marks).map_err(|why| at_row(row, &why))
    }
    fn finish(&mut self, state: &State, clock: i64) -> Result<(), String> {
        if self.lost { Ok(()) } else { self.compare_state(state, clock) }
    }
}

impl Home {
    pub fn new(terms: Terms, named: BTreeMap<String, RedemptionId>) -> Home {
        Home {
            terms,
            named,
            past: Past::default(),
            members: BTreeMap::new(),
            names: BTreeMap::new(),
            freed: BTreeSet::new(),
            orders: BTreeMap::new(),
            redemptions: BTreeMap::new(),
            stock: [0; 2],
            pool: Pool::default(),
            codes: BTreeSet::new(),
            waiting: Waits::default(),
            merges: BTreeMap::new(),
            touched: BTreeMap::new(),
            lost: false,
            parted: [0; 2],
            next: VecDeque::new(),
        }
    }
    fn follow(&mut self, row: &Row, marks: &mut Marks) -> Result<(), String> {
        self.past.goes_on(row)?;
        if self.lost {
            return Ok(());
        }
        let book = self.work(row, marks)?;
        if self.lost {
            marks.hit("two parted after something had happened");
            return Ok(());
        }
        let home = self.members.get(&book.no).and_then(|member| member.home).map(|home| home.0);
        for no in home.into_iter().chain(book.household).chain([book.no]) {
            self.touched.insert(no, row.pos);
        }
        self.compare(&book, row, marks)?;
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
            return self.step(&message, row, Some(no), marks);
        };
        match message.kind.as_str() {
            "fealty.due" => self.due_row(message, row, marks),
            "fealty.follows" | "fealty.parts" => self.made_row(message, row, marks),
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
    /// An absorbed number stands for him who absorbed it.
    fn stands_for(&self, mut no: u64) -> u64 {
        while let Some(into) = self.members.get(&no).and_then(|member| member.into) {
            no = into;
        }
        no
    }
    fn member(&mut self, no: u64) -> &mut Member {
        self.members.get_mut(&no).expect("it was looked at")
    }
    /// When the next thing is due for a member or a household.
    fn due(&self, no: u64) -> Option<i64> {
        let member = self.members.get(&no)?;
        let held = member.held.iter().map(|id| Some(self.redemptions[id].until));
        member.purses.iter().map(Purse::due).chain(held).flatten().min()
    }
    /// Everything that is due by now has happened.
    fn ready(&self, no: u64, at: i64) -> Result<(), String> {
        match self.due(no).filter(|due| *due <= at) {
            Some(due) => {
                Err(format!("of member {no} something was due at {due}, before {at}, and has not happened"))
            }
            None => Ok(()),
        }
    }
    /// Also with his household.
    fn all_ready(&self, no: u64, at: i64) -> Result<(), String> {
        let home = self.members.get(&no).and_then(|member| member.home);
        home.map_or(Ok(()), |(home, _)| self.ready(home, at))?;
        self.ready(no, at)
    }
    fn due_row(&mut self, message: &Message, row: &Row, marks: &mut Marks) -> Result<Book, String> {
        let no = number(&message.subject)?;
        if let Some(next) = self.next.front() {
            let of = self.stands_for(next.of());
            let home = self.members.get(&of).and_then(|member| member.home).map(|home| home.0);
            if no != of && Some(no) != home {
                return Err(format!("before this there had to come {next:?}"));
            }
        }
        same("instant at which something is due", Some(message.time), self.due(no))?;
        // An event may be so far ahead of the clock, and what is due before it comes before it.
        if message.time > row.now + 300 {
            return Err(format!("it happened before its time, at {}", row.now));
        }
        let mut book = Book::new(row.pos, message.time);
        book.no = no;
        if let Some((home, _)) = self.members[&no].home {
            self.ready(home, book.at)?;
        }
        self.lapse(&mut book);
        for wallet in [0, 1] {
            self.release(no, wallet, book.at);
        }
        for purse in &mut self.member(no).purses {
            purse.expire(book.at);
        }
        self.close(&mut book);
        let member = self.member(no);
        member.clock = member.clock.max(Some(message.time));
        if member.residents.is_some() && book.moves.iter().any(|one| one.to == "expired") {
            marks.hit("points of a household ended");
        }
        if member.residents.is_some() && !book.said.is_empty() {
            marks.hit("household warned");
        }
        self.ready(no, message.time)?;
        self.then(&book);
        Ok(book)
    }
    /// What one member's act does to another.
    fn made_row(&mut self, message: &Message, row: &Row, marks: &mut Marks) -> Result<Book, String> {
        let next = self.next.pop_front().ok_or("nobody did anything to him")?;
        let parts = matches!(next, Next::Parts(..));
        let alias = |no: u64| if parts { no } else { self.stands_for(no) };
        let no = alias(next.of());
        same("to whom it happens", alias(number(&message.subject)?), no)?;
        self.all_ready(no, message.time)?;
        let mut book = Book::new(row.pos, message.time);
        book.no = no;
        match next {
            Next::Free(..) => return Err("something was to be set free before".to_owned()),
            Next::Received(_, wallet, lots) => self.receives(no, wallet, &lots),
            Next::HandsOver(_, to) => self.hands_over(&mut book, to),
            Next::TakesOver(_, from) => {
                marks.hit("member absorbed");
                self.takes_over(&mut book, &from);
            }
            Next::Parts(_, himself) => {
                marks.hit("two parted at once");
                self.parts(&mut book, *himself, row)?;
            }
            Next::Founds(_, other) => self.founds(&mut book, other, marks),
            Next::MovesIn(_, home) => self.moves_in(&mut book, home),
        }
        self.close(&mut book);
        self.then(&book);
        Ok(book)
    }
    /// What this did to others comes next, then what was set free.
    fn then(&mut self, book: &Book) {
        let frees = book.frees.iter().map(|pos| Next::Free(*pos, book.no));
        for next in book.made.iter().cloned().chain(frees).collect::<Vec<_>>().into_iter().rev() {
            self.next.push_front(next);
        }
    }
    /// The row is over: what moved is gathered, and the member is warned.
    fn close(&mut self, book: &mut Book) {
        let (no, at) = (book.no, book.at);
        for home in self.members[&no].home.map(|home| home.0).into_iter().chain(book.household) {
            for purse in &mut self.member(home).purses {
                let moves = purse.close(at).into_iter();
                book.moves.extend(moves.map(|one| Move { of: Some(home), ..one }));
            }
        }
        let member = self.member(no);
        for wallet in BY_NAME {
            let purse = &mut member.purses[wallet];
            book.moves.extend(purse.close(at));
            // Of what a household shares, it is warned itself.
            if wallet == 0 && member.home.is_some() {
                continue;
            }
            let warnings = purse.warnings(at).into_iter();
            let said = warnings.map(|(amount, end)| format!("points.expiring {} {amount} {end}", purse.id));
            book.said.extend(said);
        }
        book.moves.sort();
    }
}
