//! Values and their types. A payload is a record whose fields lie in slots, in the order of its `Fields`.

use std::sync::Arc;

use crate::num::Num;

/// A text that lies inline up to 24 bytes: ids, names and most fields need no allocation.
pub type Text = compact_str::CompactString;

/// One value. `Absent` is never seen by an operator: the checker demands a guard before.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Absent,
    Num(Num),
    Text(Text),
    Bool(bool),
    Date(jiff::civil::Date),
    Time(jiff::Timestamp),
    List(Vec<Value>),
    /// Slots in the order of the type's fields (or, for a table of params, of its sorted keys).
    Record(Vec<Value>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    Num,
    /// Not negative, at most the currency's digits when read from an event; a number in expressions.
    Money,
    Text,
    /// A text that is one of these.
    Words(Arc<[Box<str>]>),
    /// A level of a ladder, lowest first. Its value is the level's index, a `Num`.
    Level(Arc<[Box<str>]>),
    Bool,
    Date,
    Time,
    /// What is read from an event holds at most `LIST_MAX` elements.
    List(Arc<Type>),
    Record(Arc<Fields>),
    /// A table of params: sorted keys, one type of value.
    Table(Arc<[Box<str>]>, Arc<Type>),
    /// `[[from, value], …]`, ascending, the first from 0. Its value is a `List` of `List`s of two numbers.
    Bands,
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct Fields(pub Vec<Field>);

#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: Box<str>,
    pub ty: Type,
    pub presence: Presence,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Presence {
    /// An event without it is refused.
    Required,
    /// May be absent: expressions need a guard.
    Optional,
    /// Reads as this when left out.
    Default(Value),
    /// When left out it follows from other fields (`complete`), so it is never absent.
    Follows,
}

/// No amount of money in an event is as large: points for it stay within what a wallet holds.
pub const MONEY_BELOW: i64 = 10_000_000_000_000;
/// Elements of one list in an event.
pub const LIST_MAX: usize = 1_000;
/// Elements of `tags` and `coupons`.
pub const TAGS_MAX: usize = 50;
/// Bytes of one text in an event.
pub const TEXT_BYTES_MAX: usize = 1_024;

impl Fields {
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|f| &*f.name == name)
    }
}
