//! Losing: an order went back, in whole or in part, and what it gave goes with it if its needs no longer hold. Older
//! levels stay to their end. What was carried on into the window of a level shrinks with what it was carried from.

use jiff::Timestamp;

use super::super::case::moment;
use super::super::counters;
use super::climb::{first, rungs};
use super::write::{Change, Why, write};
use super::{by_now, index, number, way};
use crate::decide::Book;
use crate::member::{Member, Rung};
use crate::num::Num;
use crate::plan::{Ladder, LadderNo, Plan, Region};
use crate::planted;

/// Levels that this order gave are lost, unless their needs are met all the same, as of when they were reached or now.
pub fn lose(book: &mut Book<'_>, region: &Region, order: &str, at: Timestamp) {
    for no in 0..book.plan.ladders.len() {
        let plan = book.plan;
        let ladder = &plan.ladders[no];
        let given = |rung: &Rung| rung.loose || rung.by.as_ref().is_some_and(|by| **by == *order);
        let carried = |rung: &Rung| rung.windows.as_ref().is_some_and(|windows| !windows.carried.is_empty());
        let before = rungs(ladder, book.member);
        if !before.iter().any(|rung| given(rung) || carried(rung)) || planted::is("level_after_return") {
            continue;
        }
        let (mut kept, mut lost) = (Vec::new(), false);
        // From below: what a level stands on comes before it.
        for mut rung in before {
            lost = given(&rung) && {
                rung.loose = holds(plan, ladder, &rung, book.member, region, at);
                !rung.loose
            };
            carry_less(plan, ladder, book.member, region, &mut rung, lost);
            if !lost {
                kept.push(rung);
            }
        }
        if !lost && let Some(held) = kept.pop() {
            if let Some(state) = book.member.tiers.iter_mut().find(|state| state.ladder == ladder.id) {
                (state.held, state.below) = (held, kept);
            }
            continue;
        }
        kept.retain(|rung| rung.until.is_none_or(|until| until > at));
        let rung = kept.pop().unwrap_or_else(|| first(ladder, book.member));
        let change = Change { ladder: no as LadderNo, rung, below: kept, at, way: None, why: Why::Refunded };
        write(book, region, change);
    }
}

/// Its needs are met, as of when it was reached or now.
pub fn holds(
    plan: &Plan,
    ladder: &Ladder,
    rung: &Rung,
    member: &Member,
    region: &Region,
    at: Timestamp,
) -> bool {
    let level = &ladder.levels[index(ladder, &rung.level)];
    let no = plan.ladders.iter().position(|l| l.id == ladder.id).unwrap_or(0);
    let mut moments = [moment(plan, member, rung.since), by_now(plan, member, at)];
    // What led to it was counted since the level before.
    for moment in &mut moments {
        if let Some(windows) = &rung.windows {
            moment.levels[no] = windows.led;
        }
    }
    rung.placed || moments.iter().any(|moment| way(plan, level, member, region, moment).is_some())
}

/// No more is carried on than still exceeds the needs; nothing, if the level is lost.
fn carry_less(
    plan: &Plan,
    ladder: &Ladder,
    member: &mut Member,
    region: &Region,
    rung: &mut Rung,
    lost: bool,
) {
    let needs = &ladder.levels[index(ladder, &rung.level)].needs;
    let no = plan.ladders.iter().position(|l| l.id == ladder.id).unwrap_or(0);
    let mut then = moment(plan, member, rung.since);
    let Some(windows) = &mut rung.windows else { return };
    then.levels[no] = windows.led;
    for (id, carried) in &mut windows.carried {
        let Some(at) = plan.counters.iter().position(|counter| counter.id == *id) else { continue };
        let counter = &plan.counters[at];
        let need = needs.iter().flatten().find(|(of, _)| usize::from(*of) == at);
        let need = need.map_or(Num::ZERO, |(_, need)| number(need, region));
        let value = counters::value(counter, counters::state(member, id), &then, 0);
        let more = if lost { Num::ZERO } else { value.sub(need).unwrap_or(Num::ZERO).max(Num::ZERO) };
        let less = carried.sub(more).unwrap_or(Num::ZERO).max(Num::ZERO);
        if !less.is_zero() && counters::subtract(member, counter, windows.own, less).is_ok() {
            *carried = more;
        }
    }
    windows.carried.retain(|(_, carried)| !carried.is_zero());
}
