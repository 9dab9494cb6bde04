//! Settings: a value of the file, or the one to which a path leads (`'params.x'`, `'tiers.L.VALUE'`), for this member
//! in this region. The compiler has seen every value that a path may lead to, so all of them can be read.

use super::case::Case;
use crate::num::Num;
use crate::plan::{Setting, tier_slots};
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
