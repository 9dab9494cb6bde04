//! One wallet of one member as the auditor keeps it: lots with their dates, what waits, what is owed.

use crate::club::ends::{Ends, local};

/// Row and number of the grant that made it.
pub type LotId = (u64, u64);
/// Lots with the same dates that are kept apart; beyond, the oldest two are one.
const APART: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    pub id: LotId,
    pub left: i64,
    pub ends: Option<i64>,
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
}

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
            moves: Vec::new(),
        }
    }
    pub fn pending(&self) -> i64 {
        self.waiting.iter().map(|w| w.left).sum()
    }
    fn note(&mut self, from: &'static str, to: &'static str, amount: i64, lot: Option<LotId>) {
        self.moves.push(Move { wallet: self.id, from, to, amount, lot });
    }
    /// The row is over: whether it was activity, and what moved.
    pub fn close(&mut self, at: i64) -> Vec<Move> {
        let acts = |m: &Move| {
            m.from == "issued" || (m.to == "debt" && ["pending", "adjusted", "available"].contains(&m.from))
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
        if matches!(self.rule, Ends::Idle(_)) { self.rule.end(&local(from)) } else { None }
    }
    pub fn due(&self) -> Option<i64> {
        let waits = self.waiting.iter().flat_map(|w| [w.until, w.ends]);
        let lots = self.lots.iter().map(|lot| lot.ends);
        waits.chain(lots).chain([self.idle_end()]).flatten().min()
    }
    /// All that is released together waits no longer, also where the first of it ends as it comes.
    pub fn release(&mut self, at: i64) {
        let free = |w: &mut Waiting| w.until.is_some_and(|until| until <= at);
        for one in self.waiting.extract_if(.., free).collect::<Vec<_>>() {
            self.enter("pending", one.left, one.id, one.ends, at);
        }
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
    pub fn enter(&mut self, from: &'static str, amount: i64, id: LotId, ends: Option<i64>, at: i64) {
        let repaid = self.repay(from, amount);
        if amount > repaid {
            self.silence_begins(at);
            self.add(amount - repaid, id, ends);
            self.note(from, "available", amount - repaid, Some(id));
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
    fn add(&mut self, amount: i64, id: LotId, ends: Option<i64>) {
        let hole = (-self.available).max(0).min(amount);
        self.available += amount;
        if amount == hole {
            return;
        }
        self.lots.push(Lot { id, left: amount - hole, ends });
        // Earliest end first, without end last, then the oldest.
        self.lots.sort_by_key(|lot| (lot.ends.unwrap_or(i64::MAX), lot.id));
        while self.lots.len() > APART {
            let Some(at) = self.lots.windows(2).position(|two| two[0].ends == two[1].ends) else { return };
            self.lots[at].left += self.lots.remove(at + 1).left;
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
        let mut left = amount;
        if let Some(no) = self.waiting.iter().position(|one| one.id == id) {
            let part = self.waiting[no].left.min(left);
            self.waiting[no].left -= part;
            self.waiting.retain(|one| one.left > 0);
            left -= part;
            self.note("pending", "reversed", part, Some(id));
        }
        left -= self.take("reversed", left, Some(id)).iter().map(|part| part.1).sum::<i64>();
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
    pub fn give_back(&mut self, amount: i64, id: LotId, ends: Option<i64>, at: i64) {
        if amount == 0 {
            return;
        }
        if ends.or_else(|| self.silence_end()).is_some_and(|end| end <= at) {
            self.note("redeemed", "available", amount, Some(id));
            self.note("available", "expired", amount, Some(id));
            return;
        }
        let repaid = self.repay("redeemed", amount);
        if amount > repaid {
            self.put(amount - repaid, id, ends);
            self.note("redeemed", "available", amount - repaid, Some(id));
        }
    }
    /// Into the lot of that name, if it is there.
    fn put(&mut self, amount: i64, id: LotId, ends: Option<i64>) {
        match self.lots.iter_mut().find(|lot| lot.id == id && lot.ends == ends) {
            Some(own) => {
                own.left += amount;
                self.available += amount;
            }
            None => self.add(amount, id, ends),
        }
    }
    /// From another member: dates and names stay, what is owed is paid from it.
    pub fn receive(&mut self, parts: &[(LotId, i64, Option<i64>)]) {
        for (id, amount, ends) in parts {
            self.put(*amount, *id, *ends);
            self.note("given", "available", *amount, Some(*id));
        }
        self.take_for_debt();
    }
    fn take_for_debt(&mut self) {
        let owed = self.debt.min(self.available.max(0));
        if owed > 0 {
            self.debt -= owed;
            self.take("debt", owed, None);
        }
    }
}
