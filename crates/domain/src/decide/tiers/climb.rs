//! Climbing: a level is reached as soon as its needs are met, one after the other; renewed when they are met in a later
//! calendar window.

use jiff::Timestamp;

use super::super::case::moment;
use super::super::limits::Moment;
use super::write::{Change, Why, write};
use super::{Way, by_now, end, index, present, state, way};
use crate::decide::Book;
use crate::member::{Member, Rung};
use crate::plan::{Counter, Ladder, LadderNo, Plan, Region};
use crate::time::Window;
use crate::value::Text;

/// Every level whose needs are met by now is reached or renewed. `by`: the order that made it so.
pub fn climb(book: &mut Book<'_>, region: &Region, at: Timestamp, by: Option<&Text>) {
    for no in 0..book.plan.ladders.len() {
        // Each turn lifts or prolongs.
        while step(book, region, no as LadderNo, at, by) {}
    }
}

/// One level up, or the present one anew. False: there is nothing more to do.
fn step(book: &mut Book<'_>, region: &Region, no: LadderNo, at: Timestamp, by: Option<&Text>) -> bool {
    let plan = book.plan;
    let ladder = &plan.ladders[usize::from(no)];
    let fixed = state(ladder, book.member).is_some_and(|state| state.held.fixed);
    if fixed {
        return false;
    }
    let now = present(ladder, book.member);
    let then = by_now(plan, book.member, at);
    let above = (now.level + 1..ladder.levels.len()).find_map(|level| {
        reached(plan, ladder, level, book.member, region, &then).map(|found| (level, found))
    });
    let found = above.or_else(|| {
        let found = reached(plan, ladder, now.level, book.member, region, &then)?;
        renews(plan, ladder, book.member, found.way, &found.moment).then_some((now.level, found))
    });
    let Some((level, found)) = found else { return false };
    let to = &ladder.levels[level];
    let until = end(to, ladder, None, region, &found.moment);
    let over = |until: Timestamp| until <= at || book.member.clock.is_some_and(|clock| until <= clock);
    if until.is_some_and(over) || (level == now.level && !later(until, now.until)) {
        return false;
    }
    let since = found.moment.at.timestamp().max(now.since);
    let rung = Rung { by: by.cloned(), ..Rung::new(&to.id, since, until) };
    let below = rungs(ladder, book.member);
    let change = Change { ladder: no, rung, below, at: since, way: Some(found.way), why: Why::Reached };
    write(book, region, change);
    true
}

/// The present level and those below it, but for the first as everyone holds it from the start.
pub fn rungs(ladder: &Ladder, member: &Member) -> Vec<Rung> {
    let Some(state) = state(ladder, member) else { return Vec::new() };
    let mut rungs = state.below.clone();
    if index(ladder, &state.held.level) > 0 || state.held.since > member.enrolled_at {
        rungs.push(state.held.clone());
    }
    rungs
}

struct Found<'p> {
    way: &'p Way,
    moment: Moment,
}

/// When, as far as is known by an event at `then`, the needs of the level are met: then, or (where the event came late) at
/// the first later instant that a rolling window still joins with it.
fn reached<'p>(
    plan: &'p Plan,
    ladder: &Ladder,
    level: usize,
    member: &Member,
    region: &Region,
    then: &Moment,
) -> Option<Found<'p>> {
    let ladder = plan.ladders.iter().find(|l| l.id == ladder.id)?;
    let level = &ladder.levels[level];
    if level.needs.is_empty() {
        return None;
    }
    if let Some(way) = way(plan, level, member, region, then) {
        return Some(Found { way, moment: then.clone() });
    }
    let counters = level.needs.iter().flatten().map(|(no, _)| &plan.counters[usize::from(*no)]);
    let mut later: Vec<i64> = counters.flat_map(|counter| after(counter, member, then.seconds())).collect();
    later.sort_unstable();
    later.dedup();
    let found = |at: Timestamp| {
        let moment = by_now(plan, member, at);
        way(plan, level, member, region, &moment).map(|way| Found { way, moment })
    };
    later.into_iter().filter_map(|seconds| Timestamp::from_second(seconds).ok()).find_map(found)
}

/// Instants after `at` (as seconds) at which a rolling counter counted something.
fn after(counter: &Counter, member: &Member, at: i64) -> Vec<i64> {
    let Window::Rolling(_) = counter.per else { return Vec::new() };
    let state = super::counters::state(member, &counter.id);
    let keys = state.into_iter().flat_map(|state| state.parts.iter().map(|part| part.0));
    keys.filter(|key| *key > at).collect()
}

/// The present level is set anew: a placed one because its needs are met now, another one because they are met in a
/// later calendar window than the one in which it began.
fn renews(plan: &Plan, ladder: &Ladder, member: &Member, way: &Way, now: &Moment) -> bool {
    let Some(state) = state(ladder, member) else { return false };
    let began = moment(plan, member, state.held.since);
    let mut calendar = false;
    let later = way.iter().all(|(no, _)| match plan.counters[usize::from(*no)].per {
        per @ Window::Unit(_) => {
            calendar = true;
            now.window(per) > began.window(per)
        }
        _ => true,
    });
    state.held.placed || (calendar && later)
}

fn later(new: Option<Timestamp>, old: Option<Timestamp>) -> bool {
    match (new, old) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(new), Some(old)) => new > old,
    }
}

/// The first level, as everyone holds it.
pub fn first(ladder: &Ladder, member: &Member) -> Rung {
    Rung::new(&ladder.levels[0].id, member.enrolled_at, None)
}
