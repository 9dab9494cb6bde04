//! Who belongs to whom: households that are founded, entered and left; members who become one; members who go for ever.

use serde_json::Value;

use super::points::less;
use super::{Book, Home, Member, Next};
use crate::club::ends::local;
use crate::sim::marks::Marks;
use jiff::ToSpan;

impl Home {
    pub(super) fn joins(
        &mut self,
        book: &mut Book,
        data: &Value,
        marks: &mut Marks,
    ) -> Result<(), &'static str> {
        if self.members[&book.no].home.is_some() {
            return Err("household_already");
        }
        let other = self.other(&data["with"]).ok_or("member_unknown")?;
        if other == book.no {
            return Err("household_with_oneself");
        }
        let home = self.members[&other].home.map(|home| home.0);
        if home.map_or(1, |home| self.residents(home).len()) >= self.terms.most {
            marks.hit("household full");
            return Err("household_full");
        }
        if self.owes(book.no) || self.owes(other) {
            marks.hit("nobody joins or leaves while points are owed");
            return Err("household_owes");
        }
        match home {
            Some(home) => self.moves_in(book, home),
            None => book.made.push(Next::Founds(other, book.no)),
        }
        Ok(())
    }
    pub(super) fn residents(&self, home: u64) -> &[u64] {
        self.members[&home].residents.as_deref().unwrap_or_default()
    }
    fn owes(&self, no: u64) -> bool {
        let purse = &self.members[&self.holder(no, 0)].purses[0];
        purse.debt > 0 || purse.available < 0
    }
    pub(super) fn founds(&mut self, book: &mut Book, other: u64, marks: &mut Marks) {
        marks.hit("household founded");
        let home = self.members.len() as u64 + 1;
        let mut household = Member::new(home, &self.terms);
        household.residents = Some(Vec::new());
        self.members.insert(home, household);
        self.moves_in(book, home);
        book.made.push(Next::MovesIn(other, home));
    }
    pub(super) fn moves_in(&mut self, book: &mut Book, home: u64) {
        let no = book.no;
        self.member(home).purses[0].expire(book.at);
        let lots = self.member(no).purses[0].give(i64::MAX, |_| true);
        let used = self.members[&no].used.clone();
        let household = self.member(home);
        household.purses[0].receive(&lots, Some(no));
        household.residents.get_or_insert_default().push(no);
        for (month, amount) in used {
            *household.used.entry(month).or_insert(0) += amount;
        }
        self.member(no).home = Some((home, book.at));
        book.household = Some(home);
        book.said.push("household.joined".to_owned());
    }
    pub(super) fn leaves(&mut self, book: &mut Book, marks: &mut Marks) -> Result<(), &'static str> {
        let Some((_, since)) = self.members[&book.no].home else { return Err("household_not_in") };
        if book.at < (local(since) + self.terms.stay.days()).timestamp().as_second() {
            return Err("household_stay");
        }
        if self.owes(book.no) {
            marks.hit("nobody joins or leaves while points are owed");
            return Err("household_owes");
        }
        self.moves_out(book, marks);
        Ok(())
    }
    /// His own lots go with him, the last one takes all.
    fn moves_out(&mut self, book: &mut Book, marks: &mut Marks) {
        let no = book.no;
        let Some((home, _)) = self.member(no).home.take() else { return };
        let last = self.residents(home).len() == 1;
        marks.hit(if last { "last one left a household" } else { "household left" });
        let used = self.members[&no].used.clone();
        let household = self.member(home);
        household.residents.get_or_insert_default().retain(|resident| *resident != no);
        let lots = household.purses[0].give(i64::MAX, |lot| last || lot.by == Some(no));
        for (month, amount) in used {
            less(&mut household.used, month, amount);
        }
        self.member(no).purses[0].receive(&lots, None);
        book.household = Some(home);
        book.said.push("household.left".to_owned());
    }
    pub(super) fn merges(
        &mut self,
        book: &mut Book,
        data: &Value,
        marks: &mut Marks,
    ) -> Result<(), &'static str> {
        let other = self.other(&data["absorb"]).ok_or("member_unknown")?;
        if other == book.no {
            return Err("merge_with_oneself");
        }
        let theirs = &self.members[&other];
        if theirs.home.is_some() || !theirs.held.is_empty() {
            marks.hit("merge that has to wait");
            return Err("merge_not_now");
        }
        book.made.push(Next::HandsOver(other, book.no));
        Ok(())
    }
    /// Everything leaves him who is absorbed; his number stands for the other from now on.
    pub(super) fn hands_over(&mut self, book: &mut Book, to: u64) {
        let terms = self.terms.clone();
        let member = self.member(book.no);
        let before = member.clone();
        for purse in &mut member.purses {
            purse.give(i64::MAX, |_| true);
            for one in std::mem::take(&mut purse.waiting) {
                purse.note("pending", "given", one.left, Some(one.id));
            }
            if purse.available < 0 {
                purse.note("given", "available", -purse.available, None);
            }
            if purse.debt > 0 {
                purse.note("given", "debt", purse.debt, None);
            }
            book.moves.extend(purse.close(book.at));
        }
        let (clock, changes) = (before.clock, before.changes);
        *member = Member { clock, changes, into: Some(to), ..Member::new(before.no, &terms) };
        book.said.push("member.merged".to_owned());
        book.made.push(Next::TakesOver(to, Box::new(before)));
    }
    pub(super) fn takes_over(&mut self, book: &mut Book, from: &Member) {
        let no = book.no;
        self.note_merge(book, from);
        for (wallet, theirs) in from.purses.iter().enumerate() {
            let by = self.by(no, wallet);
            self.purse(no, wallet).receive(&theirs.lots, by);
            let own = &mut self.member(no).purses[wallet];
            for one in &theirs.waiting {
                own.note("given", "pending", one.left, Some(one.id));
                own.waiting.push(one.clone());
            }
            let purse = self.purse(no, wallet);
            if theirs.debt > 0 {
                purse.debt += theirs.debt;
                purse.note("debt", "given", theirs.debt, None);
            }
            if theirs.available < 0 {
                let hole = -theirs.available;
                let left = hole - purse.take("given", hole, None).iter().map(|part| part.1).sum::<i64>();
                if left > 0 {
                    purse.available -= left;
                    purse.note("available", "given", left, None);
                }
            }
            purse.take_for_debt();
        }
        let home = self.members[&no].home.map(|home| home.0);
        for own in home.into_iter().chain([no]) {
            for (month, amount) in &from.used {
                *self.member(own).used.entry(*month).or_insert(0) += amount;
            }
        }
        book.named = !from.names.is_empty();
        for name in &from.names {
            self.names.insert(name.clone(), no);
        }
        let member = self.member(no);
        member.names.extend(from.names.iter().cloned());
        member.enrolled |= from.enrolled;
        member.visits += from.visits;
        member.places.extend(from.places.iter().cloned());
        member.absorbed.extend(from.absorbed.iter().copied().chain([from.no]));
        book.said.push("member.absorbed".to_owned());
    }
    /// His names are free, and nothing is heard of him any more.
    pub(super) fn goes_for_ever(&mut self, book: &mut Book, marks: &mut Marks) {
        if self.members[&book.no].home.is_some() {
            marks.hit("erased out of a household");
            self.moves_out(book, marks);
        }
        let member = self.member(book.no);
        member.erased = true;
        for name in std::mem::take(&mut member.names) {
            self.names.remove(&name);
            self.freed.insert(name);
        }
        let own = book.no;
        let ours: Vec<String> = self.orders.keys().cloned().collect();
        for id in ours {
            if self.stands_for(self.orders[&id].member) == own {
                self.orders.get_mut(&id).expect("it is there").told.clear();
            }
        }
        // Also what waited for an order of his.
        let his: Vec<u64> = self.members.keys().copied().filter(|no| self.stands_for(*no) == own).collect();
        self.waiting.forget(|no| his.contains(&no));
        book.said.push("member.erased".to_owned());
    }
}
