//! A merge that is undone. Of two who are parted before anything else happened to them, each must be as he was before
//! the merge; how that is written down is left to the rows, as long as nothing is made or lost.

use serde_json::Value;

use super::{Book, Home, Member, Next};
use crate::audit::{Row, same};
use crate::club::audit::purse::APART;
use crate::club::audit::told;
use crate::home::terms::WALLETS;

const DAYS: i64 = 30;

/// Everybody as he was before it.
#[derive(Clone, Debug)]
pub struct Merge {
    /// The row in which what was handed over was taken.
    pos: u64,
    at: i64,
    own: Member,
    home: Option<Member>,
    from: Member,
}

/// By wallet, what went to someone else less what came.
fn given(told: &Value) -> [i64; 2] {
    let mut sums = [0; 2];
    for one in told::moves(told, &WALLETS) {
        let sum = &mut sums[usize::from(one.wallet == WALLETS[1])];
        *sum += if one.to == "given" { one.amount } else { 0 };
        *sum -= if one.from == "given" { one.amount } else { 0 };
    }
    sums
}

impl Home {
    pub(super) fn note_merge(&mut self, book: &Book, from: &Member) {
        let own = self.members[&book.no].clone();
        let home = own.home.map(|home| self.members[&home.0].clone());
        let merge = Merge { pos: book.pos, at: book.at, own, home, from: from.clone() };
        self.merges.insert(from.no, merge);
    }
    pub(super) fn lets_go(&mut self, book: &mut Book, data: &Value, row: &Row) -> Result<(), &'static str> {
        let other = data["absorbed"].as_u64().unwrap_or(0);
        let member = &self.members[&book.no];
        if !member.absorbed.contains(&other) {
            return Err("unmerge_not_absorbed");
        }
        if member.absorbed.last() != Some(&other) {
            return Err("unmerge_not_now");
        }
        let merge = self.merges[&other].clone();
        if book.at - merge.at > DAYS * 86_400 {
            return Err("unmerge_too_late");
        }
        if !member.held.is_empty() {
            return Err("unmerge_not_now");
        }
        let home = member.home.map(|home| home.0);
        let touched = |no: u64| self.touched.get(&no).is_some_and(|pos| *pos > merge.pos);
        let moved = home != merge.own.home.map(|home| home.0);
        if touched(book.no) || home.is_some_and(touched) || moved || self.joined(book.no, &merge) {
            self.lost = true;
            return Ok(());
        }
        if let Some(before) = merge.home {
            let home = self.member(before.no);
            home.used = before.used;
            home.purses = before.purses.map(|purse| purse.warned_as(&home.purses));
        }
        let member = self.member(book.no);
        let purses = merge.own.purses.clone().map(|purse| purse.warned_as(&member.purses));
        let (clock, changes, names) = (member.clock, member.changes, merge.own.names.clone());
        *member = Member { clock, changes, names, purses, ..merge.own };
        book.moves = told::moves(&row.decision, &WALLETS);
        book.said.push("member.parted".to_owned());
        self.parted = given(&row.decision);
        book.made.push(Next::Parts(other, Box::new(merge.from)));
        Ok(())
    }
    /// Lots of the two with the same dates have become one, whose name one of them keeps.
    fn joined(&self, no: u64, merge: &Merge) -> bool {
        [0, 1].into_iter().any(|wallet| {
            let now = &self.members[&self.holder(no, wallet)].purses[wallet].lots;
            let before = merge.home.as_ref().filter(|_| wallet == 0).unwrap_or(&merge.own);
            let mut all = before.purses[wallet].lots.iter().chain(&merge.from.purses[wallet].lots);
            now.len() >= APART && all.any(|lot| !now.iter().any(|one| one.id == lot.id))
        })
    }
    pub(super) fn parts(&mut self, book: &mut Book, himself: Member, row: &Row) -> Result<(), String> {
        let came = given(&row.decision);
        same(
            "what the one gives and the other gets",
            [self.parted[0] + came[0], self.parted[1] + came[1]],
            [0, 0],
        )?;
        for name in &himself.names {
            self.names.insert(name.clone(), book.no);
        }
        book.named = !himself.names.is_empty();
        let member = self.member(book.no);
        let (clock, changes) = (himself.clock.unwrap_or(book.at).max(book.at), member.changes);
        *member = Member { clock: Some(clock), changes, ..himself };
        book.moves = told::moves(&row.decision, &WALLETS);
        book.said.push("member.parted".to_owned());
        Ok(())
    }
}
