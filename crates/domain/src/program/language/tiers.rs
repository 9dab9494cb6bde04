//! Keys of ladders of levels.

use super::sections::{NAME, NOTE};
use super::{Form, Key, optional, or, required};

pub const LEVEL_KEYS: &[Key] = &[
    required("id", Form::Id, "its name in expressions"),
    optional(
        "needs",
        Form::OneOrMore(&Form::Names(&Form::NumberOrPath)),
        "counters and numbers: all of a table; any of a list of tables",
    ),
    optional("keep", Form::TermOrPath, "how long it is held, in place of the ladder's"),
    optional("benefits", Form::List(&Form::Text), "read as `tiers.L.benefits`"),
    NAME,
    NOTE,
];
const LEVEL: Form = Form::KeysAnd(LEVEL_KEYS, "value", &Form::Param);

pub const LADDER: &[Key] = &[
    required(
        "levels",
        Form::List(&LEVEL),
        "`[{ id = \"basic\" }, { id = \"gold\" }]`: lowest first; the first is everyone's",
    ),
    or("keep", Form::TermOrPath, "\"never\"", "how long a level is held once reached"),
    or(
        "lapse",
        Form::Words(&["requalify", "one_down", "stay"]),
        "\"requalify\"",
        "at the end: the highest level whose needs are met; one lower; nothing",
    ),
    or("grace", Form::Duration, "\"0 days\"", "the end is judged so much later"),
    NAME,
    NOTE,
];
