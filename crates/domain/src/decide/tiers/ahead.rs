//! What lies ahead of a member on a ladder: what is missing to the next level, and to hold the present one past its end.
//! Reads only, for those who show it.

use jiff::{SignedDuration, Timestamp};

use super::super::limits::Moment;
use super::super::settings::number;
use super::ends::judged_at;
use super::{Held, by_now, count, end, present, state};
use crate::member::Member;
use crate::num::Num;
use crate::plan::{Amount, CounterNo, Ladder, Lapse, Level, Plan, Region};
use crate::time::Window;
use crate::value::Text;

/// How much of each counter is missing, on the way that has least to go.
pub type Missing<'p> = Vec<(&'p Text, Num)>;

/// The next level that can be reached.
pub struct Next<'p> {
    pub level: &'p Level,
    pub missing: Missing<'p>,
    /// When one of the counters that are short begins anew.
    pub by: Option<Timestamp>,
}

/// A level that ends and can be held.
pub struct Keep<'p> {
    /// As far as has been counted by now; empty: it is held.
    pub missing: Missing<'p>,
}

pub fn next<'p>(
    plan: &'p Plan,
    ladder: &'p Ladder,
    member: &Member,
    region: &Region,
    at: Timestamp,
) -> Option<Next<'p>> {
    let moment = by_now(plan, member, at);
    let held = present(ladder, member);
    let level = ladder.levels[held.level + 1..].iter().find(|level| !level.needs.is_empty())?;
    let way = shortest(plan, level, member, region, &moment)?;
    let by = way.short.iter().filter_map(|no| begins_anew(plan, member, *no, &moment)).min();
    Some(Next { level, missing: way.missing, by })
}

/// None: it does not end, or nothing that the member does holds it.
pub fn keep<'p>(plan: &'p Plan, ladder: &'p Ladder, member: &Member, region: &Region) -> Option<Keep<'p>> {
    let Held { level, until: Some(until), .. } = present(ladder, member) else { return None };
    let placed = state(ladder, member).is_some_and(|state| state.held.placed);
    let stays = ladder.lapse == Lapse::Stay && !placed;
    if level == 0 || stays {
        return None;
    }
    // Asked for as it will be judged: as of the last instant of the level, or of its grace, or just after it; where the
    // level would not end at once again.
    let judged = judged_at(plan, ladder, until).unwrap_or(until);
    let before = |end: Timestamp| end.saturating_sub(SignedDuration::from_nanos(1)).unwrap_or(end);
    let level = &ladder.levels[level];
    let moments = [before(until), before(judged), judged].map(|at| by_now(plan, member, at));
    let lasts = |moment: &&Moment| end(level, ladder, None, region, moment).is_none_or(|end| end > judged);
    let ways = moments.iter().filter(lasts).filter_map(|at| shortest(plan, level, member, region, at));
    let way = ways.min_by_key(|way| way.share)?;
    Some(Keep { missing: way.missing })
}

struct Way<'p> {
    /// Of the need that is furthest from being met.
    share: Num,
    missing: Missing<'p>,
    /// The counters of `missing`.
    short: Vec<CounterNo>,
}

fn shortest<'p>(
    plan: &'p Plan,
    level: &Level,
    member: &Member,
    region: &Region,
    moment: &Moment,
) -> Option<Way<'p>> {
    let way = |way: &Vec<(CounterNo, Amount)>| {
        let one = |(no, need): &(CounterNo, Amount)| {
            let need = number(need, region);
            let less = need.sub(count(plan, member, *no, moment)).unwrap_or(need).max(Num::ZERO);
            (less.div(need.max(Num::ONE)).unwrap_or(Num::ONE), *no, less)
        };
        let parts: Vec<_> = way.iter().map(one).collect();
        let share = parts.iter().map(|part| part.0).max().unwrap_or(Num::ONE);
        let short = parts.into_iter().filter(|(_, _, less)| !less.is_zero());
        let (short, missing) =
            short.map(|(_, no, less)| (no, (&plan.counters[usize::from(no)].id, less))).unzip();
        Way { share, missing, short }
    };
    level.needs.iter().map(way).min_by_key(|way| way.share)
}

/// When a counter of calendar periods, or of the time since a level began, is empty again.
fn begins_anew(plan: &Plan, member: &Member, no: CounterNo, moment: &Moment) -> Option<Timestamp> {
    match plan.counters[usize::from(no)].per {
        Window::Unit(unit) => Timestamp::from_second(moment.period(unit, -1)).ok(),
        Window::Level(ladder) => present(plan.ladders.get(usize::from(ladder))?, member).until,
        Window::Life | Window::Rolling(_) => None,
    }
}
