//! One wallet of one member as the auditor keeps it: lots with their dates, what waits, what is owed.

use jiff::ToSpan;

use crate::club::ends::{Ends, local};

/// Row and number of the grant that made it.
pub type LotId = (u64, u64);
/// Lots with the same dates that are kept apart; beyond, the oldest two are one.
pub const APART: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    pub id: LotId,
    pub left: i64,
    pub ends: Option<i64>,
    /// Who put it into the household whose purse this is.
    pub by: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub id: LotId,
    pub left: i64,
    pub until: Option<i64>,
    /// For the delivery of this order.
    pub order: Option<String>,
    pub ends: Option<i64>,
}

/// From an account to an account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    pub wallet: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub amount: i64,
    pub lot: Option<LotId>,
    /// The household whose purse it is, where the row is a member's.
    pub of: Option<u64>,
}

/// Newest activity, and when a silence may have begun.
pub type Quiet = (Option<i64>, Option<i64>);

#[derive(Clone, Debug)]
pub struct Purse {
    pub id: &'static str,
    pub rule: Ends,
    pub available: i64,
    pub debt: i64,
    /// In the order in which they are spent.
    pub lots: Vec<Lot>,
    pub waiting: Vec<Waiting>,
    /// Since when a silence may have begun; none before the wallet was first used.
    began: Option<i64>,
    active: Option<i64>,
    /// Points were spent for good in this row; what is held is not spent yet.
    pub spends: bool,
    /// So many days before their end, points are warned of; and ends up to here were.
    pub warn: Option<i64>,
    warned: Option<i64>,
    /// What moved in this row.
    pub moves: Vec<Move>,
}

impl Purse {
    pub fn new(id: &'static str, rule: Ends) -> Purse {
        Purse {
            id,
            rule,
            available: 0,
            debt: 0,
            lots: Vec::new(),
            waiting: Vec::new(),
            began: None,
            active: None,
            spends: false,
            warn: None,
            warned: None,
            moves: Vec::new(),
        }
    }
    /// As it is, but for what was warned of meanwhile.
    pub fn warned_as(mut self, now: &[Purse]) -> Purse {
        let now = now.iter().find(|purse| purse.id == self.id);
        self.warned = now.map_or(self.warned, |now| now.warned);
        self
    }
    pub fn pending(&self) -> i64 {
        self.waiting.iter().map(|w| w.left).sum()
    }
    pub fn note(&mut self, from: &'static str, to: &'static str, amount: i64, lot: Option<LotId>) {
        self.moves.push(Move { wallet: self.id, from, to, amount, lot, of: None });
    }
    /// The row is over: whether it was activity, and what moved.
    pub fn close(&mut self, at: i64) -> Vec<Move> {
        let acts = |m: &Move| {
            ["issued", "adjusted"].contains(&m.from)
                || (m.to == "debt" && ["pending", "adjusted", "available"].contains(&m.from))
        };
        if std::mem::take(&mut self.spends) || self.moves.iter().any(acts) {
            self.active = self.active.max(Some(at));
        }
        if !self.moves.is_empty() && self.began.is_none() {
            self.began = Some(at);
        }
        std::mem::take(&mut self.moves)
    }
    fn idle_end(&self) -> Option<i64> {
        let undated = self.lots.iter().any(|lot| lot.ends.is_none());
        self.silence_end().filter(|_| undated)
    }
    fn silence_end(&self) -> Option<i64> {
        let from = self.active.max(self.began)?;
        self.rule.of_silence(from)
    }
    pub fn due(&self) -> Option<i64> {
        let waits = self.waiting.iter().flat_map(|w| [w.until, w.ends]);
        let lots = self.lots.iter().map(|lot| lot.ends);
        let warning = self.unwarned().map(|end| self.warning(end)).min();
        waits.chain(lots).chain([self.idle_end(), warning]).flatten().min()
    }
    fn warning(&self, end: i64) -> i64 {
        let days = self.warn.expect("asked only where points are warned of");
        (local(end) - days.days()).timestamp().as_second()
    }
    /// Ends of which nothing was said yet.
    fn unwarned(&self) -> impl Iterator<Item = i64> {
        let ends = self.lots.iter().filter_map(|lot| lot.ends).chain(self.idle_end());
        let new = |end: &i64| self.warn.is_some() && self.warned.is_none_or(|warned| *end > warned);
        ends.filter(new)
    }
    /// Says once of each end that is near enough what will end then: (amount, when).
    pub fn warnings(&mut self, at: i64) -> Vec<(i64, i64)> {
        let near = self.unwarned().filter(|end| self.warning(*end) <= at);
        let ends: std::collections::BTreeSet<i64> = near.collect();
        self.warned = self.warned.max(ends.last().copied());
        let idle = self.idle_end();
        let ending = |end: i64| {
            let lots = self.lots.iter().filter(|lot| lot.ends.or(idle) == Some(end));
            (lots.map(|lot| lot.left).sum(), end)
        };
        ends.iter().map(|end| ending(*end)).collect()
    }
    /// All that is released together waits no longer, also where the first of it ends as it comes.
    pub fn release(&mut self, at: i64) {
        for one in self.end_wait(at) {
            self.enter("pending", one, at);
        }
    }
    /// What waits until now: it is nowhere until it enters somewhere.
    pub fn end_wait(&mut self, at: i64) -> Vec<Lot> {
        let free = |w: &mut Waiting| w.until.is_some_and(|until| until <= at);
        let lot = |one: Waiting| Lot { id: one.id, left: one.left, ends: one.ends, by: None };
        self.waiting.extract_if(.., free).map(lot).collect()
    }
    pub fn expire(&mut self, at: i64) {
        let over = |ends: Option<i64>| ends.is_some_and(|end| end <= at);
        for lot in self.lots.extract_if(.., |lot| over(lot.ends)).collect::<Vec<_>>() {
            self.available -= lot.left;
            self.note("available", "expired", lot.left, Some(lot.id));
        }
        for one in self.waiting.extract_if(.., |one| over(one.ends)).collect::<Vec<_>>() {
            self.note("pending", "expired", one.left, Some(one.id));
        }
    }
    pub fn fall_silent(&mut self, at: i64) {
        if self.idle_end().is_some_and(|end| end <= at) {
            for lot in self.lots.extract_if(.., |lot| lot.ends.is_none()).collect::<Vec<_>>() {
                self.available -= lot.left;
                self.note("available", "expired", lot.left, Some(lot.id));
            }
        }
    }
    /// Points come in and can be spent: what is owed is paid first.
    pub fn enter(&mut self, from: &'static str, lot: Lot, at: i64) {
        let repaid = self.repay(from, lot.left);
        let (id, ends, left) = (lot.id, lot.ends, lot.left - repaid);
        if left > 0 {
            self.silence_begins(at);
            self.add(Lot { left, ..lot });
            self.note(from, "available", left, Some(id));
        }
        if ends.is_some_and(|end| end <= at) {
            self.expire(at);
        }
    }
    pub fn repay(&mut self, from: &'static str, amount: i64) -> i64 {
        let repaid = amount.min(self.debt);
        self.debt -= repaid;
        if repaid > 0 {
            self.note(from, "debt", repaid, None);
        }
        repaid
    }
    /// With the first lot that has no date.
    fn silence_begins(&mut self, at: i64) {
        if self.began.is_some() && self.lots.iter().all(|lot| lot.ends.is_some()) {
            self.began = self.began.max(Some(at));
        }
    }
    /// A hole below 0 is filled first.
    fn add(&mut self, lot: Lot) {
        let hole = (-self.available).max(0).min(lot.left);
        self.available += lot.left;
        if lot.left == hole {
            return;
        }
        self.lots.push(Lot { left: lot.left - hole, ..lot });
        // Earliest end first, without end last, then the oldest.
        self.lots.sort_by_key(|lot| (lot.ends.unwrap_or(i64::MAX), lot.id));
        while self.lots.len() > APART {
            let alike = |one: usize, two: usize| {
                let (one, two) = (&self.lots[one], &self.lots[two]);
                (one.ends, one.by) == (two.ends, two.by)
            };
            let all = self.lots.len();
            let pair = (0..all).find_map(|one| Some((one, (one + 1..all).find(|two| alike(one, *two))?)));
            let Some((one, two)) = pair else { return };
            self.lots[one].left += self.lots.remove(two).left;
        }
    }
    pub fn hold(&mut self, one: Waiting) {
        self.note("issued", "pending", one.left, Some(one.id));
        self.waiting.push(one);
    }
    /// So much of what is available, from its own lot first.
    pub fn take(&mut self, to: &'static str, amount: i64, own: Option<LotId>) -> Vec<(Lot, i64)> {
        let (mut left, mut taken) = (amount, Vec::new());
        let first = self.lots.iter().position(|lot| Some(lot.id) == own);
        for no in first.into_iter().chain(0..self.lots.len()).collect::<Vec<_>>() {
            let part = self.lots[no].left.min(left);
            if part > 0 {
                self.lots[no].left -= part;
                self.available -= part;
                left -= part;
                taken.push((self.lots[no].clone(), part));
                self.note("available", to, part, Some(self.lots[no].id));
            }
        }
        self.lots.retain(|lot| lot.left > 0);
        taken
    }
    /// A grant goes back: from what waits of it, then from what is there; how much was neither.
    pub fn take_back(&mut self, amount: i64, id: LotId, short: &str) {
        let left = amount - self.take_waiting(amount, id);
        self.take_available(left, id, short);
    }
    pub fn take_waiting(&mut self, amount: i64, id: LotId) -> i64 {
        let Some(no) = self.waiting.iter().position(|one| one.id == id) else { return 0 };
        let part = self.waiting[no].left.min(amount);
        self.waiting[no].left -= part;
        self.waiting.retain(|one| one.left > 0);
        self.note("pending", "reversed", part, Some(id));
        part
    }
    pub fn take_available(&mut self, amount: i64, id: LotId, short: &str) {
        let left = amount - self.take("reversed", amount, Some(id)).iter().map(|part| part.1).sum::<i64>();
        match short {
            "debt" if left > 0 => {
                self.debt += left;
                self.note("debt", "reversed", left, None);
            }
            "negative" if left > 0 => {
                self.available -= left;
                self.note("available", "reversed", left, None);
            }
            _ => {}
        }
    }
    /// What was spent of a lot comes back to it, with its date.
    pub fn give_back(&mut self, lot: Lot, at: i64) {
        let (id, amount) = (lot.id, lot.left);
        if amount == 0 {
            return;
        }
        if lot.ends.or_else(|| self.silence_end()).is_some_and(|end| end <= at) {
            self.note("redeemed", "available", amount, Some(id));
            self.note("available", "expired", amount, Some(id));
            return;
        }
        let repaid = self.repay("redeemed", amount);
        if amount > repaid {
            self.put(Lot { left: amount - repaid, ..lot });
            self.note("redeemed", "available", amount - repaid, Some(id));
        }
    }
    /// Into the lot of that name, if it is there.
    pub fn put(&mut self, lot: Lot) {
        let same = |own: &&mut Lot| (own.id, own.ends, own.by) == (lot.id, lot.ends, lot.by);
        match self.lots.iter_mut().find(same) {
            Some(own) => {
                own.left += lot.left;
                self.available += lot.left;
            }
            None => self.add(lot),
        }
    }
    /// These go to another member or household, up to so much.
    pub fn give(&mut self, most: i64, picks: impl Fn(&Lot) -> bool) -> Vec<Lot> {
        let (mut left, mut given) = (most, Vec::new());
        for lot in self.lots.iter_mut().filter(|lot| picks(lot)) {
            let part = lot.left.min(left);
            (lot.left, left) = (lot.left - part, left - part);
            given.extend((part > 0).then(|| Lot { left: part, ..lot.clone() }));
        }
        self.lots.retain(|lot| lot.left > 0);
        for lot in &given {
            self.available -= lot.left;
            self.note("available", "given", lot.left, Some(lot.id));
        }
        given
    }
    /// Since when nothing happened, and since when that may be silence: it goes with what is given.
    pub fn quiet(&self) -> Quiet {
        (self.active, self.began)
    }
    /// Before points come from where it was so long quiet.
    pub fn takes_quiet(&mut self, lots: &[Lot], (active, began): Quiet) {
        if lots.iter().all(|lot| lot.ends.is_some()) {
            return;
        }
        let since = active.max(began);
        let first = self.lots.iter().all(|lot| lot.ends.is_some());
        if self.began.is_none() {
            self.began = began;
        } else if first && since.is_some() {
            self.began = since;
        }
        self.active = self.active.max(since);
    }
    /// From another member: dates and names stay.
    pub fn receive(&mut self, lots: &[Lot], by: Option<u64>) {
        for lot in lots {
            self.put(Lot { by, ..lot.clone() });
            self.note("given", "available", lot.left, Some(lot.id));
        }
    }
    /// What is owed is paid from what is there.
    pub fn take_for_debt(&mut self) {
        let owed = self.debt.min(self.available.max(0));
        if owed > 0 {
            self.debt -= owed;
            self.take("debt", owed, None);
        }
    }
}
