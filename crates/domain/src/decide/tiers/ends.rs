//! Ends: a level whose time is over is judged by its ladder's `lapse`, `grace` later.
//! Needs are asked as of the last instant of the level, or of its grace, whichever gives more: a year's counter is full
//! on its last day and empty on the next.

use jiff::{SignedDuration, Timestamp};

use super::super::limits::Moment;
use super::climb::{first, rungs};
use super::write::{Change, Why, write};
use super::{Way, by_now, end, home, index, present, way};
use crate::decide::{Book, Scene};
use crate::member::{Member, Rung, TierState};
use crate::plan::{Ladder, LadderNo, Lapse, Plan, Region};
use crate::planted;
use crate::snapshot::Want;

/// When the next level of this member ends; asked after every event, so it only looks.
pub fn next_due(plan: &Plan, member: &Member) -> Option<Timestamp> {
    let of = |state: &TierState| {
        let ladder = plan.ladders.iter().find(|ladder| ladder.id == state.ladder)?;
        judged_at(plan, ladder, state.held.until?)
    };
    member.tiers.iter().filter_map(of).min()
}

/// `grace` after its end.
pub fn judged_at(plan: &Plan, ladder: &Ladder, until: Timestamp) -> Option<Timestamp> {
    let Some(grace) = ladder.grace else { return Some(until) };
    Some(grace.after(&until.to_zoned(plan.regions[0].zone.clone())).timestamp())
}

/// Judges the levels that end at `at` or ended before. Err: this must be loaded first.
pub fn run_due(book: &mut Book<'_>, _scene: &Scene<'_>, at: Timestamp) -> Result<(), Vec<Want>> {
    for no in 0..book.plan.ladders.len() {
        let ladder = &book.plan.ladders[no];
        let over = |member: &Member| {
            let until = super::state(ladder, member).and_then(|state| state.held.until);
            until.filter(|until| judged_at(book.plan, ladder, *until).is_some_and(|due| due <= at))
        };
        // One level down may be over too, where it is held to a day that has passed.
        while let Some(until) = over(book.member) {
            judge(book, no as LadderNo, until, at);
        }
    }
    Ok(())
}

fn judge(book: &mut Book<'_>, no: LadderNo, until: Timestamp, at: Timestamp) {
    let plan = book.plan;
    let ladder = &plan.ladders[usize::from(no)];
    let region = home(plan, book.member);
    let held = present(ladder, book.member).level;
    let older = |rung: &Rung| index(ladder, &rung.level) < held && rung.until.is_none_or(|until| until > at);
    let mut below = rungs(ladder, book.member);
    below.retain(older);
    let placed = super::state(ladder, book.member).is_some_and(|state| state.held.placed);
    let lapse = if placed { Lapse::Requalify } else { ladder.lapse };
    let earned = earned(plan, ladder, book.member, region, until, at);
    let level = earned.as_ref().map_or(0, |earned| earned.level);
    let target = match lapse {
        Lapse::Stay if level < held => {
            // Nothing happens, now or later.
            let state = book.member.tiers.iter_mut().find(|state| state.ladder == ladder.id);
            state.into_iter().for_each(|state| state.held.until = None);
            return;
        }
        Lapse::OneDown => level.max(held.saturating_sub(1)),
        Lapse::Stay | Lapse::Requalify => level,
    };
    // What was reached before and has not ended is not lost with what came after it.
    let older = below.pop_if(|rung| {
        let older = index(ladder, &rung.level);
        older > target || (older == target && level < target)
    });
    let (rung, way) = match (older, earned) {
        (Some(rung), _) => (Rung { since: at, by: None, loose: false, ..rung }, None),
        (None, Some(earned)) if earned.level == target => {
            (Rung::new(&ladder.levels[target].id, at, earned.until), Some(earned.way))
        }
        (None, _) if target == 0 => (Rung { since: at, ..first(ladder, book.member) }, None),
        (None, _) => {
            let until = end(&ladder.levels[target], ladder, None, region, &by_now(plan, book.member, at));
            (Rung::new(&ladder.levels[target].id, at, until), None)
        }
    };
    below.retain(|other| index(ladder, &other.level) < index(ladder, &rung.level));
    write(book, region, Change { ladder: no, rung, below, at, way, why: Why::Ended });
}

struct Earned<'p> {
    level: usize,
    until: Option<Timestamp>,
    way: &'p Way,
}

/// The highest level whose needs are met at the end, and that would not end at once again.
fn earned<'p>(
    plan: &'p Plan,
    ladder: &'p Ladder,
    member: &Member,
    region: &Region,
    until: Timestamp,
    at: Timestamp,
) -> Option<Earned<'p>> {
    let last = |end: Timestamp| {
        by_now(plan, member, end.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(end))
    };
    let moments = [last(until), last(at), by_now(plan, member, at)];
    (1..ladder.levels.len()).rev().find_map(|level| {
        let to = &ladder.levels[level];
        let of = |moment: &Moment| {
            let way = way(plan, to, member, region, moment)?;
            let until = end(to, ladder, None, region, moment);
            until.is_none_or(|until| until > at).then_some(Earned { level, until, way })
        };
        let from = if planted::is("level_of_next_day") { 2 } else { 0 };
        moments[from..].iter().find_map(of)
    })
}
