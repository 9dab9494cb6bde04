//! The language as tables: sections, keys, forms, defaults and what they mean. One source for reading, for
//! `unknown_key`, for the JSON Schema and for the reference. What an expression may say is in `compile::scope`.

mod effects;
mod rewards;
mod rules;
mod schema;
mod sections;
mod steps;
mod tiers;

pub use schema::schema;
pub use sections::SECTIONS;

/// One top-level name of the file.
pub struct Section {
    pub name: &'static str,
    pub shape: Shape,
    pub need: Need,
    /// How many there may be; 0 where that means nothing.
    pub most: usize,
    pub doc: &'static str,
}

pub enum Shape {
    /// The section is one value of this form.
    One(Form),
    /// A table of ids, each of this form.
    Named(Form),
    /// `events."noun.verb"`
    Events(Form),
}

pub struct Key {
    pub name: &'static str,
    pub form: Form,
    pub need: Need,
    pub doc: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
    Default(&'static str),
}

/// What may stand as a value.
#[derive(Clone, Copy)]
pub enum Form {
    Any,
    Bool,
    Text,
    Number,
    /// A whole number between these.
    Whole(i64, i64),
    /// A number between these.
    Between(i64, i64),
    /// A number, or a path to one.
    NumberOrPath,
    /// `"never"`, a date, or steps joined by `, `; or a path to one.
    TermOrPath,
    /// A duration or a date, or a path to one.
    WaitOrPath,
    DurationOrPath,
    Id,
    /// As an id, with hyphens.
    ProgramId,
    Currency,
    Zone,
    /// A date or a local date-time.
    DateTime,
    Hours,
    /// `"09:00"`
    TimeOfDay,
    Duration,
    /// Durations joined by ` + `.
    Durations,
    Unit,
    Window,
    Weekday,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A type that is heard; its name is looked up.
    EventType,
    /// A type of one's own that is only said.
    Message,
    /// An expression of any type.
    Expression,
    /// An expression that is true or false, or a list of them.
    Condition,
    /// A number, or an expression that is one.
    Amount,
    /// A type of a field: `"number?"`, `["string"]`, `{ … }`.
    FieldType,
    /// What a param may be.
    Param,
    /// A table with these keys.
    Keys(&'static [Key]),
    /// A table with these keys; every other name is one of the second sort, with a value of that form.
    KeysAnd(&'static [Key], &'static str, &'static Form),
    /// A table of ids with values of this form.
    Names(&'static Form),
    List(&'static Form),
    /// One, or a list of them.
    OneOrMore(&'static Form),
    /// The first that fits by its kind (text, number, table, list).
    Either(&'static [Form]),
}

const fn required(name: &'static str, form: Form, doc: &'static str) -> Key {
    Key { name, form, need: Need::Required, doc }
}
const fn optional(name: &'static str, form: Form, doc: &'static str) -> Key {
    Key { name, form, need: Need::Optional, doc }
}
const fn or(name: &'static str, form: Form, default: &'static str, doc: &'static str) -> Key {
    Key { name, form, need: Need::Default(default), doc }
}

pub fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|s| s.name == name)
}
