//! Settings: a value of the file, or the one to which a path leads (`'params.x'`, `'tiers.L.VALUE'`), for this member
//! in this region. The compiler has seen every value that a path may lead to, so all of them can be read.

use std::borrow::Cow;

use jiff::Timestamp;

use super::case::Case;
use super::tiers;
use crate::member::Member;
use crate::num::Num;
use crate::plan::{Amount, Plan, Region, Setting, tier_slots};
use crate::term::{Term, Wait};
use crate::time::Span;
use crate::value::Value;

/// What a setting may be.
pub trait Set: Clone {
    fn of(value: &Value) -> Option<Self>;
}

impl Set for Num {
    fn of(value: &Value) -> Option<Num> {
        match value {
            Value::Num(n) => Some(*n),
            _ => None,
        }
    }
}

impl Set for Span {
    fn of(value: &Value) -> Option<Span> {
        match value {
            Value::Text(text) => Span::parse(text),
            _ => None,
        }
    }
}

impl Set for Wait {
    fn of(value: &Value) -> Option<Wait> {
        match value {
            Value::Text(text) => Wait::parse(text),
            Value::Date(date) => Some(Wait::Day(*date)),
            _ => None,
        }
    }
}

impl Set for Term {
    fn of(value: &Value) -> Option<Term> {
        match value {
            Value::Text(text) => Term::parse(text),
            Value::Date(date) => Term::parse(&date.to_string()),
            _ => None,
        }
    }
}

impl Set for Value {
    fn of(value: &Value) -> Option<Value> {
        Some(value.clone())
    }
}

/// The one place where a path is followed. `level` reads a value of a level: (ladder, slot of its keys).
/// None: only if the compiler let through what it should not.
fn read<'s, T: Set>(
    setting: &'s Setting<T>,
    region: &Region,
    level: impl FnOnce(u16, u16) -> Option<T>,
) -> Option<Cow<'s, T>> {
    let value = match setting {
        Setting::Is(value) => return Some(Cow::Borrowed(value)),
        Setting::Level(ladder, slot) => return level(*ladder, *slot).map(Cow::Owned),
        Setting::Param(no) => region.params.get(usize::from(*no))?,
        Setting::ParamSlot(no, slot) => match region.params.get(usize::from(*no))? {
            Value::Record(slots) => slots.get(usize::from(*slot))?,
            _ => return None,
        },
    };
    T::of(value).map(Cow::Owned)
}

/// A setting that no level gives.
pub fn plain<'s, T: Set>(setting: &'s Setting<T>, region: &Region) -> Option<Cow<'s, T>> {
    read(setting, region, |_, _| None)
}

/// A number that no level gives.
pub fn number(amount: &Amount, region: &Region) -> Num {
    plain(amount, region).map_or(Num::ZERO, Cow::into_owned)
}

impl Case<'_> {
    /// With the levels that the event shows.
    pub fn setting<T: Set>(&self, setting: &Setting<T>) -> Option<T> {
        let level = |ladder: u16, slot: u16| {
            let base = self.plan.ladders.get(usize::from(ladder))?.base;
            self.tiers.get(usize::from(base + tier_slots::KEYS + slot)).and_then(T::of)
        };
        read(setting, self.region, level).map(Cow::into_owned)
    }

    pub fn amount(&self, amount: Amount) -> Num {
        self.setting(&amount).unwrap_or(Num::ZERO)
    }
}

/// Whose levels, and where, without an event: for what time does, and for dates of grants.
pub struct Settings<'a> {
    pub plan: &'a Plan,
    pub region: &'a Region,
    pub member: &'a Member,
    /// None: the level that is held now.
    pub at: Option<Timestamp>,
}

impl Settings<'_> {
    pub fn get<'s, T: Set>(&self, setting: &'s Setting<T>) -> Option<Cow<'s, T>> {
        let level = |ladder: u16, slot: u16| {
            let ladder = self.plan.ladders.get(usize::from(ladder))?;
            let held = match self.at {
                Some(at) => tiers::held(ladder, self.member, at),
                None => tiers::present(ladder, self.member),
            };
            let value = ladder.levels.get(held.level)?.values.get(usize::from(slot))?;
            T::of(&*plain(value, self.region)?)
        };
        read(setting, self.region, level)
    }
}
