//! Placing: a level that is set by a rule or by hand, not reached. It lifts and renews; it lowers only where that is meant.

use jiff::Timestamp;

use super::super::case::{Case, moment, slot_text, slot_time};
use super::climb::rungs;
use super::write::{Change, Why, write};
use super::{end, home, index, plain, present};
use crate::codes::{self, reason, reason_at};
use crate::condition::Env;
use crate::decide::Book;
use crate::member::{Member, Rung};
use crate::num::OutOfRange;
use crate::outcome::{Effect, Reason};
use crate::plan::{LadderNo, LevelOf, PlaceOn, Plan};
use crate::term::To;
use crate::value::{Text, Value};

/// A level to be set, and until when it is held.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub ladder: LadderNo,
    pub level: usize,
    pub until: Option<Timestamp>,
    /// Also lowers.
    pub down: bool,
}

/// What a rule's `place` comes to in this event; None: it would lower, and must not.
pub fn placing(on: &PlaceOn, case: &Case<'_>, env: &Env<'_>) -> Result<Option<Target>, OutOfRange> {
    let ladder = &case.plan.ladders[usize::from(on.ladder)];
    let level = match &on.level {
        LevelOf::Is(level) => Some(usize::from(*level)),
        LevelOf::Path(expr) => match expr.eval(env)? {
            Value::Text(id) => ladder.levels.iter().position(|level| level.id == id),
            Value::Num(n) => n.to_int().and_then(|n| usize::try_from(n).ok()),
            _ => None,
        },
    };
    let held = present(ladder, case.member).level;
    let level = level.filter(|level| *level < ladder.levels.len() && (*level >= held || on.down));
    Ok(level.map(|level| {
        let until = match &on.keep {
            Some(keep) => plain(keep, case.region)
                .and_then(|keep| keep.end(&case.moment.at, &case.moment.calendar, To::Edge)),
            None => end(&ladder.levels[level], ladder, None, case.region, &case.moment),
        };
        // The first level is everyone's and has no end.
        Target { ladder: on.ladder, level, until: until.filter(|_| level > 0), down: on.down }
    }))
}

/// What a rule places, in its effects.
pub fn place_all(book: &mut Book<'_>, rule: &Text, targets: &[Target], at: Timestamp) {
    for target in targets {
        if place(book, target, at, Why::Placed(rule)) {
            book.decision.effects.push(Effect {
                rule: rule.clone(),
                kind: "place".into(),
                wallet: "".into(),
                wanted: 1,
                granted: 1,
                cut: None,
            });
        }
    }
}

/// False: it would lower, and must not; or it is over by now.
fn place(book: &mut Book<'_>, target: &Target, at: Timestamp, why: Why<'_>) -> bool {
    let plan = book.plan;
    let ladder = &plan.ladders[usize::from(target.ladder)];
    let held = present(ladder, book.member);
    let over = target
        .until
        .is_some_and(|until| until <= at || book.member.clock.is_some_and(|clock| until <= clock));
    if over || (target.level < held.level && !target.down) {
        return false;
    }
    let mut rungs = rungs(ladder, book.member);
    let mut until = target.until;
    if target.level == held.level {
        if target.level == 0 {
            return false;
        }
        // What was held longer stays so.
        let longer = |held: Timestamp| until.is_some_and(|until| until < held);
        if !target.down && (held.until.is_none() || held.until.is_some_and(longer)) {
            until = held.until;
        }
        rungs.pop();
    }
    let fixed = target.level < held.level;
    rungs.retain(|rung| index(ladder, &rung.level) < target.level);
    let reached = Rung::new(&ladder.levels[target.level].id, at.max(held.since), until);
    let rung = Rung { placed: true, fixed, ..reached };
    let region = home(plan, book.member);
    let change = Change { ladder: target.ladder, at: rung.since, rung, below: rungs, way: None, why };
    write(book, region, change);
    true
}

/// `fealty.placed`, checked.
#[derive(Debug, PartialEq)]
pub struct Placing {
    target: Target,
    reason: Text,
}

/// Slots of `fealty.placed`.
const LADDER: usize = 0;
const LEVEL: usize = 1;
const UNTIL: usize = 2;
const REASON: usize = 3;

pub fn by_hand(plan: &Plan, member: &Member, payload: &Value, at: Timestamp) -> Result<Placing, Reason> {
    let why = slot_text(payload, REASON).trim();
    if why.is_empty() {
        return Err(reason(codes::REASON_REQUIRED, "placing by hand needs a reason"));
    }
    let wanted = (slot_text(payload, LADDER), slot_text(payload, LEVEL), slot_time(payload, UNTIL));
    let target = target(plan, member, wanted, at)?;
    Ok(Placing { target: Target { down: true, ..target }, reason: why.into() })
}

/// A level by its name, and when it ends: as said, or as the program says.
pub fn target(
    plan: &Plan,
    member: &Member,
    (id, to, until): (&str, &str, Option<Timestamp>),
    at: Timestamp,
) -> Result<Target, Reason> {
    let Some(no) = plan.ladders.iter().position(|ladder| *ladder.id == *id) else {
        return Err(reason_at(codes::TIER_UNKNOWN, "/data/ladder", format!("there is no ladder `{id}`")));
    };
    let ladder = &plan.ladders[no];
    let Some(level) = ladder.levels.iter().position(|level| *level.id == *to) else {
        return Err(reason_at(
            codes::TIER_UNKNOWN,
            "/data/level",
            format!("`{to}` is no level of tiers.{id}"),
        ));
    };
    if until.is_some_and(|until| until <= at) {
        return Err(reason_at(codes::UNTIL_PASSED, "/data/until", "the level would have ended by now"));
    }
    let own = || end(&ladder.levels[level], ladder, None, home(plan, member), &moment(plan, member, at));
    let until = until.or_else(own).filter(|_| level > 0);
    Ok(Target { ladder: no as LadderNo, level, until, down: false })
}

pub fn place_by_hand(book: &mut Book<'_>, placing: &Placing, at: Timestamp) {
    place_for(book, &placing.target, at, &placing.reason);
}

/// For a reason that a person gives.
pub fn place_for(book: &mut Book<'_>, target: &Target, at: Timestamp, reason: &str) {
    place(book, target, at, Why::ByHand(reason));
}
