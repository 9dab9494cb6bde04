//! Settings: a value of the file, or the one to which a path leads (`'params.x'`, `'tiers.L.VALUE'`), for this member
//! in this region. The compiler has seen every value that a path may lead to, so all of them can be read.

use std::borrow::Cow;

use jiff::Timestamp;

use super::case::Case;
use super::tiers;
use crate::member::Member;
use crate::num::Num;
use crate::plan::{Plan, Region, Setting, tier_slots};
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

impl Case<'_> {
    /// None: only if the compiler let through what it should not.
    pub fn setting<T: Set>(&self, setting: &Setting<T>) -> Option<T> {
        match setting {
            Setting::Is(value) => Some(value.clone()),
            Setting::Param(no) => self.region.params.get(usize::from(*no)).and_then(T::of),
            Setting::ParamSlot(no, slot) => match self.region.params.get(usize::from(*no))? {
                Value::Record(slots) => slots.get(usize::from(*slot)).and_then(T::of),
                _ => None,
            },
            Setting::Level(ladder, slot) => {
                let base = self.plan.ladders.get(usize::from(*ladder))?.base;
                self.tiers.get(usize::from(base + tier_slots::KEYS + slot)).and_then(T::of)
            }
        }
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
    /// None: only if the compiler let through what it should not.
    pub fn get<'s, T: Set>(&self, setting: &'s Setting<T>) -> Option<Cow<'s, T>> {
        let param = |no: u16| self.region.params.get(usize::from(no));
        let slot_of = |no: u16, slot: u16| match param(no)? {
            Value::Record(slots) => slots.get(usize::from(slot)),
            _ => None,
        };
        match setting {
            Setting::Is(value) => Some(Cow::Borrowed(value)),
            Setting::Param(no) => T::of(param(*no)?).map(Cow::Owned),
            Setting::ParamSlot(no, slot) => T::of(slot_of(*no, *slot)?).map(Cow::Owned),
            Setting::Level(ladder, slot) => {
                let ladder = self.plan.ladders.get(usize::from(*ladder))?;
                let held = match self.at {
                    Some(at) => tiers::held(ladder, self.member, at),
                    None => tiers::present(ladder, self.member),
                };
                let value = match ladder.levels.get(held.level)?.values.get(usize::from(*slot))? {
                    Setting::Is(value) => value,
                    Setting::Param(no) => param(*no)?,
                    Setting::ParamSlot(no, slot) => slot_of(*no, *slot)?,
                    Setting::Level(..) => return None,
                };
                T::of(value).map(Cow::Owned)
            }
        }
    }
}
