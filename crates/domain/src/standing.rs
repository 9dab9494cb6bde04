//! Where a member stands: levels, what is missing to the next, progress of achievements, segments. Reads only, for those
//! who show it; it is the same that rules see.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::condition::{Env, EventAttributes};
use crate::decide::expiry::idle_end;
use crate::decide::{
    Keep, Next, Present, by_now, home_region, keep_level, next_level, present_level, tier_values,
};
use crate::household::Who;
use crate::lots::Lots;
use crate::member::Member;
use crate::plan::{Ladder, Level, Plan, Segment, Wallet};
use crate::value::{Text, Value};
use crate::{bind, plan::tier_slots};

pub use crate::decide::{Progress, progress};

/// A level held, and the next one.
pub struct Standing<'p> {
    pub ladder: &'p Ladder,
    pub level: &'p Level,
    pub since: Timestamp,
    pub until: Option<Timestamp>,
    /// What the level gives, by name.
    pub values: Vec<(&'p Text, serde_json::Value)>,
    /// What holds the level past its end.
    pub keep: Option<Keep<'p>>,
    pub next: Option<Next<'p>>,
}

/// The instant as of which a member is shown: not before what time has done to him already.
pub fn now(member: &Member, now: Timestamp) -> Timestamp {
    member.clock.map_or(now, |clock| clock.max(now))
}

pub fn tiers<'p>(plan: &'p Plan, member: &Member, at: Timestamp) -> Vec<Standing<'p>> {
    let region = home_region(plan, member);
    let values = tier_values(plan, member, region, at);
    let of = |ladder: &'p Ladder| {
        let held = present_level(ladder, member);
        let first = usize::from(ladder.base + tier_slots::KEYS);
        let value = |(at, (name, ty)): (usize, &'p (Text, _))| {
            (name, values.get(first + at).map_or(serde_json::Value::Null, |value| bind::to_json(value, ty)))
        };
        Standing {
            ladder,
            level: &ladder.levels[held.level],
            since: held.since,
            until: held.until,
            values: ladder.keys.iter().enumerate().map(value).collect(),
            keep: keep_level(plan, ladder, member, region),
            next: next_level(plan, ladder, member, region, at),
        }
    };
    plan.ladders.iter().map(of).collect()
}

/// Points of a wallet that end at one instant, however many grants they came from.
pub struct End {
    pub at: Timestamp,
    /// Smallest parts.
    pub amount: i64,
    /// They have no date: they end because nothing happens, and activity puts it off.
    pub idle: bool,
}

/// In the order of time. `idle`: when those without a date end.
pub fn ends(lots: &Lots, idle: Option<Timestamp>) -> Vec<End> {
    let mut dated: BTreeMap<Timestamp, i64> = BTreeMap::new();
    let mut undated = 0;
    for lot in lots.iter() {
        match lot.expires_at {
            Some(at) => *dated.entry(at).or_default() += lot.remaining,
            None => undated += lot.remaining,
        }
    }
    let mut ends: Vec<End> = dated.into_iter().map(|(at, amount)| End { at, amount, idle: false }).collect();
    ends.extend(idle.map(|at| End { at, amount: undated, idle: true }));
    ends.sort_by_key(|end| end.at);
    ends
}

pub fn ends_of(plan: &Plan, who: Who<'_>, wallet: &Wallet) -> Vec<End> {
    let Some(state) = who.wallet(wallet) else { return Vec::new() };
    ends(&state.lots, idle_end(plan, wallet, who.holder(wallet), state))
}

/// Segments to which the member belongs.
pub fn segments<'p>(plan: &'p Plan, who: Who<'_>, at: Timestamp) -> Vec<&'p Segment> {
    if plan.segments.is_empty() {
        return Vec::new();
    }
    let member = who.member;
    let region = home_region(plan, member);
    let values = bind::member_values(&plan.member_fields, member, &plan.regions[0].zone);
    let tiers = tier_values(plan, member, region, at);
    let moment = by_now(plan, member, at);
    let env = Env {
        payload: &Value::Absent,
        item: None,
        member: &values,
        params: &region.params,
        tiers: &tiers,
        extra: &[],
        state: &Present { plan, who, moment: &moment },
        event: EventAttributes::default(),
        now: &at.to_zoned(region.zone.clone()),
    };
    // A number out of range is no yes.
    plan.segments.iter().filter(|segment| segment.when.holds(&env) == Ok(true)).collect()
}
