//! What others are told, as they wish it: conditions and values over a change and the member whom it is about.
//! Not here: what a change says (`change`), and how it is sent.
//!
//! Invariant: what checks against a plan can be evaluated for every change; `OutOfRange` is all that is left.

mod template;
#[cfg(test)]
mod tests;
mod told;

use std::sync::Arc;

use jiff::{Timestamp, Zoned};

use crate::bind;
use crate::canonical::member as canon;
use crate::condition::{Entry, Env, EventAttributes, Expr, Place, Read, Scope, State};
use crate::decide::limits::Moment;
use crate::decide::{Present, by_now, home_region, tier_values};
use crate::household::Who;
use crate::identity::Identity;
use crate::num::Num;
use crate::plan::{Plan, Region};
use crate::value::{Fields, Text, Type, Value};

pub use template::{Draft, Misfit, Template};

/// What expressions may mention: everything that rules read of a member, his `identities`, and the `change`.
pub struct Outlook {
    pub scope: Scope,
    change: Arc<Fields>,
    /// Kinds of identities that are read; their values lie behind the member's fields.
    kinds: Vec<Text>,
}

impl Outlook {
    /// `sources`: all expressions, for the kinds of identities that they name.
    pub fn new<'s>(plan: &Plan, sources: impl Iterator<Item = &'s str>) -> Outlook {
        let mut kinds: Vec<Text> = sources.flat_map(kinds).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut scope = Scope::clone(&plan.audience);
        let change = told::fields(plan);
        let record = value(Type::Record(change.clone()), Place::Payload, false);
        let first = plan.member_fields.0.len() as u16;
        let slot = |(at, kind): (usize, &Text)| {
            (kind.to_string(), value(Type::Text, Place::Member(first + at as u16), true))
        };
        let names = kinds.iter().enumerate().map(slot).collect();
        let identities = Entry::Namespace { kind: "kind of identity".into(), names };
        for (name, entry) in [("change", record), ("identities", identities)] {
            scope.not_here.remove(name);
            scope.roots.insert(name.into(), entry);
        }
        Outlook { scope, change, kinds }
    }

    /// Further names, which are read from the view's `extra`.
    pub fn add(&mut self, name: &str, entry: Entry) {
        self.scope.not_here.remove(name);
        self.scope.roots.insert(name.into(), entry);
    }
}

pub fn value(ty: Type, place: Place, may_be_absent: bool) -> Entry {
    Entry::Value { ty, place, may_be_absent, never_zero: false, declared: None }
}

/// `identities.shopify_customer` is an identity of the kind `shopify:customer`.
fn kinds(source: &str) -> impl Iterator<Item = Text> {
    source.split("identities.").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        (end > 0).then(|| rest[..end].into())
    })
}

fn is_of_kind(identity: &Identity, kind: &str) -> bool {
    let own = identity.parts().0;
    own.len() == kind.len()
        && own.bytes().zip(kind.bytes()).all(|(a, b)| a == b || (b == b'_' && matches!(a, b':' | b'-')))
}

/// Whether a member must be known to evaluate it.
pub fn reads_member(plan: &Plan, expr: &Expr) -> bool {
    let of_region = plan.regions.len() > 1 && (expr.uses.params || expr.uses.now);
    !expr.reads.is_empty() || !expr.member_reads.is_empty() || !expr.tier_reads.is_empty() || of_region
}

/// Whether it shows personal data: identities, and whatever the program keeps of a person in his fields.
pub fn is_personal(expr: &Expr) -> bool {
    let open = [canon::ID, canon::REGION, canon::ENROLLED_ON, canon::REFERRED];
    expr.member_reads.iter().any(|slot| !open.contains(&usize::from(*slot)))
}

/// A change beside the member as he stands now.
pub struct View<'a> {
    plan: &'a Plan,
    who: Option<Who<'a>>,
    change: Value,
    member: Vec<Value>,
    tiers: Vec<Value>,
    region: &'a Region,
    moment: Option<Moment>,
    now: Zoned,
    pub extra: Vec<Value>,
}

impl<'a> View<'a> {
    /// `told`: the change as the feed tells it. `who`: with the public id under which he is known.
    pub fn new(
        plan: &'a Plan,
        outlook: &Outlook,
        told: &str,
        who: Option<(Who<'a>, &str)>,
        now: Timestamp,
        extra: Vec<Value>,
    ) -> View<'a> {
        let change = told::read(told, &outlook.change);
        let Some((who, id)) = who else {
            let region = &plan.regions[0];
            let now = now.to_zoned(region.zone.clone());
            let (member, tiers) = (Vec::new(), Vec::new());
            return View { plan, who: None, change, member, tiers, region, moment: None, now, extra };
        };
        let at = crate::standing::now(who.member, now);
        let region = home_region(plan, who.member);
        let mut member = bind::member_values(&plan.member_fields, who.member, &plan.regions[0].zone);
        member[canon::ID] = Value::Text(id.into());
        member.extend(outlook.kinds.iter().map(|kind| {
            let found = who.member.identities.iter().find(|identity| is_of_kind(identity, kind));
            found.map_or(Value::Absent, |identity| Value::Text(identity.parts().1.into()))
        }));
        let tiers = tier_values(plan, who.member, region, at);
        let moment = Some(by_now(plan, who.member, at));
        let now = at.to_zoned(region.zone.clone());
        View { plan, who: Some(who), change, member, tiers, region, moment, now, extra }
    }

    /// Hands the environment to `run`.
    pub fn with<T>(&self, run: impl FnOnce(&Env<'_>) -> T) -> T {
        let present = self.who.zip(self.moment.as_ref());
        let present = present.map(|(who, moment)| Present { plan: self.plan, who, moment });
        let state: &dyn State = match &present {
            Some(present) => present,
            None => &Nobody,
        };
        run(&Env {
            payload: &self.change,
            item: None,
            member: &self.member,
            params: &self.region.params,
            tiers: &self.tiers,
            extra: &self.extra,
            state,
            event: EventAttributes::default(),
            now: &self.now,
        })
    }
}

/// Where there are values alone, and no member.
pub fn with_values<T>(extra: &[Value], run: impl FnOnce(&Env<'_>) -> T) -> T {
    run(&Env {
        payload: &Value::Absent,
        item: None,
        member: &[],
        params: &[],
        tiers: &[],
        extra,
        state: &Nobody,
        event: EventAttributes::default(),
        now: &Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC),
    })
}

struct Nobody;

impl State for Nobody {
    fn read(&self, _: Read) -> Num {
        Num::ZERO
    }
}
