//! Levels: which one a member holds at an instant, what it shows, what is missing to the next, when it ends.
//! A late event is judged by the level of its time. Changing them is in the files beside: `climb`, `ends`, `place`.

mod ahead;
mod climb;
mod ends;
mod lose;
mod part;
mod place;
mod write;

pub use ahead::{Keep, Next, keep, next};
use climb::climb;
pub use ends::{next_due, run_due};
use lose::lose;
pub use part::part;
pub use place::{Placing, Target, by_hand, place_all, place_by_hand, place_for, placing, target};

use std::borrow::Cow;

use jiff::Timestamp;

use super::case::moment;
use super::counters;
use super::limits::Moment;
use super::region::region;
use super::settings::{Settings, number, plain};
use super::{Book, Scene};
use crate::member::{Member, Rung, TierState};
use crate::num::Num;
use crate::plan::{Amount, Canon, CounterNo, Ladder, Level, Plan, Region, Setting, tier_slots};
use crate::planted;
use crate::term::{Term, To};
use crate::value::{Text, Value};

/// What an event does to levels, once counters have counted it.
pub fn follow(book: &mut Book<'_>, scene: &Scene<'_>) {
    if book.plan.ladders.is_empty() {
        return;
    }
    let (region, at) = (scene.region(book), scene.event.time);
    let order = book.decision.order.as_ref().map(|order| order.id.clone());
    let back = matches!(scene.canon(), Canon::OrderRefunded | Canon::OrderCancelled | Canon::OrderUpdated);
    if let (true, Some(order)) = (back, &order) {
        lose(book, region, order, at);
    }
    let lifts = matches!(scene.canon(), Canon::OrderPaid | Canon::OrderUpdated | Canon::OrderFulfilled);
    climb(book, region, at, order.as_ref().filter(|_| lifts));
}

/// A level as held at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub level: usize,
    pub since: Timestamp,
    pub until: Option<Timestamp>,
    /// Where counters since it began are kept.
    pub window: i64,
}

impl Held {
    fn past(ladder: &Ladder, level: &str, since: Timestamp) -> Held {
        Held { level: index(ladder, level), since, until: None, window: since.as_second() }
    }

    /// The first level, as everyone holds it from the start.
    fn first(ladder: &Ladder, member: &Member) -> Held {
        Held::past(ladder, &ladder.levels[0].id, member.enrolled_at)
    }
}

pub fn state<'m>(ladder: &Ladder, member: &'m Member) -> Option<&'m TierState> {
    member.tiers.iter().find(|state| state.ladder == ladder.id)
}

/// A level that the program no longer has counts as the first.
pub fn index(ladder: &Ladder, level: &str) -> usize {
    ladder.levels.iter().position(|l| *l.id == *level).unwrap_or(0)
}

/// What the member held at `at`, as far as it is remembered.
pub fn held(ladder: &Ladder, member: &Member, at: Timestamp) -> Held {
    let Some(state) = state(ladder, member) else { return Held::first(ladder, member) };
    if at >= state.back.unwrap_or(state.held.since) || planted::is("level_of_now") {
        return of(ladder, &state.held);
    }
    let past = state.past.iter().rev().find(|(_, from)| *from <= at).or(state.past.first());
    past.map_or_else(|| Held::first(ladder, member), |(level, since)| Held::past(ladder, level, *since))
}

/// What the member holds by now, whatever the time of an event.
pub fn present(ladder: &Ladder, member: &Member) -> Held {
    state(ladder, member).map_or_else(|| Held::first(ladder, member), |state| of(ladder, &state.held))
}

fn of(ladder: &Ladder, rung: &Rung) -> Held {
    let window = rung.windows.as_ref().map_or(rung.since.as_second(), |windows| windows.own);
    Held { level: index(ladder, &rung.level), since: rung.since, until: rung.until, window }
}

/// What all ladders show at `at`: the slots of `Place::Tier`.
pub fn values(plan: &Plan, member: &Member, region: &Region, at: Timestamp) -> Vec<Value> {
    let mut values = Vec::new();
    for ladder in &plan.ladders {
        values.resize(usize::from(ladder.base), Value::Absent);
        values.extend(shown(ladder, &held(ladder, member, at), region));
    }
    values
}

fn shown(ladder: &Ladder, held: &Held, region: &Region) -> Vec<Value> {
    let level = &ladder.levels[held.level];
    let number = Num::int(held.level as i64).unwrap_or(Num::ZERO);
    let mut values = vec![Value::Absent; usize::from(tier_slots::KEYS)];
    values[usize::from(tier_slots::LEVEL)] = Value::Num(number);
    values[usize::from(tier_slots::SINCE)] = Value::Time(held.since);
    values[usize::from(tier_slots::UNTIL)] = held.until.map_or(Value::Absent, Value::Time);
    let benefits = level.benefits.iter().cloned().map(Value::Text).collect();
    values[usize::from(tier_slots::BENEFITS)] = Value::List(benefits);
    values
        .extend(level.values.iter().map(|value| plain(value, region).map_or(Value::Absent, Cow::into_owned)));
    values
}

/// Puts what ladders show back to what a row recorded: `tiers.L` and the id of the level.
pub fn recall(plan: &Plan, region: &Region, values: &mut [Value], seen: &[(Text, serde_json::Value)]) {
    for ladder in &plan.ladders {
        let name = format!("tiers.{}", ladder.id);
        let told = seen.iter().find(|(n, _)| **n == *name).and_then(|(_, json)| json.as_str());
        let Some(level) = told.and_then(|id| ladder.levels.iter().position(|l| *l.id == *id)) else {
            continue;
        };
        let base = usize::from(ladder.base);
        let time = |slot: u16| match values.get(base + usize::from(slot)) {
            Some(Value::Time(at)) => Some(*at),
            _ => None,
        };
        let since = time(tier_slots::SINCE).unwrap_or_default();
        let held = Held { level, since, until: time(tier_slots::UNTIL), window: since.as_second() };
        let shown = shown(ladder, &held, region);
        if let Some(place) = values.get_mut(base..base + shown.len()) {
            place.clone_from_slice(&shown);
        }
    }
}

/// As recorded with an event: the level of each ladder.
pub fn seen(plan: &Plan, values: &[Value]) -> Vec<(Text, serde_json::Value)> {
    let level = |ladder: &Ladder| {
        let Some(Value::Num(n)) = values.get(usize::from(ladder.base + tier_slots::LEVEL)) else {
            return None;
        };
        let level = ladder.levels.get(usize::try_from(n.to_int()?).ok()?)?;
        Some((format!("tiers.{}", ladder.id).into(), level.id.to_string().into()))
    };
    plan.ladders.iter().filter_map(level).collect()
}

/// The region in which a member is judged when no order says where.
pub fn home<'p>(plan: &'p Plan, member: &Member) -> &'p Region {
    region(plan, Canon::Other, &Value::Absent, member).unwrap_or(&plan.regions[0])
}

/// What a counter must reach.
pub fn need(plan: &Plan, need: &Amount, member: &Member, region: &Region, moment: &Moment) -> Num {
    let settings = Settings { plan, region, member, at: Some(moment.at.timestamp()) };
    settings.get(need).map_or(Num::ZERO, |need| *need)
}

/// When a level ends that is reached at `from`: `keep` in place of its own.
fn end(
    level: &Level,
    ladder: &Ladder,
    keep: Option<&Setting<Term>>,
    region: &Region,
    from: &Moment,
) -> Option<Timestamp> {
    let keep = keep.or(level.keep.as_ref()).unwrap_or(&ladder.keep);
    plain(keep, region)?.end(&from.at, &from.calendar, To::Edge)
}

/// An instant at which windows of `tiers.L` are those of the levels held by now.
pub fn by_now(plan: &Plan, member: &Member, at: Timestamp) -> Moment {
    let mut moment = moment(plan, member, at);
    moment.levels = plan.ladders.iter().map(|ladder| present(ladder, member).window).collect();
    moment
}

/// Needs of one way to a level.
type Way = [(CounterNo, Amount)];

/// The first way to this level whose needs all hold at `moment`.
fn way<'p>(
    plan: &'p Plan,
    level: &'p Level,
    member: &Member,
    region: &Region,
    moment: &Moment,
) -> Option<&'p Way> {
    let holds = |(no, need): &(CounterNo, Amount)| count(plan, member, *no, moment) >= number(need, region);
    level.needs.iter().map(Vec::as_slice).find(|way| !way.is_empty() && way.iter().all(holds))
}

fn count(plan: &Plan, member: &Member, no: CounterNo, moment: &Moment) -> Num {
    let counter = &plan.counters[usize::from(no)];
    counters::value(counter, counters::state(member, &counter.id), moment, 0)
}
