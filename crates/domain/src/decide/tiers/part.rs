//! Parting: the level that another member had brought goes with him. What the survivor reached by himself since, or was
//! placed on, stays.

use jiff::Timestamp;

use super::climb::first;
use super::lose::holds;
use super::write::{Why, tell};
use super::{home, present, state};
use crate::decide::Book;
use crate::member::{Member, TierState};
use crate::plan::{LadderNo, Plan};

/// `before`: the survivor before the merge; `merged`: right after it. His counters are his own again.
pub fn part(book: &mut Book<'_>, before: &Member, merged: &Member, at: Timestamp) {
    for no in 0..book.plan.ladders.len() {
        if goes_back(book.plan, no, book.member, before, merged, at) {
            restore(book, no as LadderNo, before, at);
        }
    }
}

fn goes_back(
    plan: &Plan,
    no: usize,
    member: &Member,
    before: &Member,
    merged: &Member,
    at: Timestamp,
) -> bool {
    let ladder = &plan.ladders[no];
    let held = |of: &TierState| of.held.clone();
    let [is, was, came] = [member, before, merged].map(|of| state(ladder, of).map(held));
    if is == was {
        return false;
    }
    match is.filter(|_| present(ladder, member).level > present(ladder, before).level) {
        Some(is) => Some(&is) == came.as_ref() || !holds(plan, ladder, &is, member, home(plan, member), at),
        // His own gave way to the other's, and has not ended.
        None => came != was && was.is_none_or(|rung| rung.until.is_none_or(|until| until > at)),
    }
}

fn restore(book: &mut Book<'_>, no: LadderNo, before: &Member, at: Timestamp) {
    let plan = book.plan;
    let ladder = &plan.ladders[usize::from(no)];
    let from = present(ladder, book.member).level;
    let was = state(ladder, before).cloned().unwrap_or_else(|| TierState {
        ladder: ladder.id.clone(),
        held: first(ladder, before),
        back: None,
        below: Vec::new(),
        past: Vec::new(),
    });
    book.member.tiers.retain(|state| state.ladder != ladder.id);
    book.member.tiers.push(was);
    let now = present(ladder, book.member);
    if now.level != from {
        let region = home(plan, book.member);
        tell(book, region, no, (from, now.level), now.until, at, Why::Parted);
    }
}
