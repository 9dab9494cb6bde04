//! Where a member stands: levels, what is missing to the next, progress of achievements, segments. Reads only, for those
//! who show it; it is the same that rules see.

use jiff::Timestamp;

use crate::condition::{Env, EventAttributes};
use crate::decide::{Present, by_now, home_region, next_level, present_level, tier_values};
use crate::household::Who;
use crate::member::Member;
use crate::num::Num;
use crate::plan::{Ladder, Level, Plan, Segment};
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
    pub next: Option<(&'p Level, Vec<(&'p Text, Num)>)>,
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
            next: next_level(plan, ladder, member, region, at).map(|next| (next.level, next.missing)),
        }
    };
    plan.ladders.iter().map(of).collect()
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
