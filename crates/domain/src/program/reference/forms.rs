//! What may stand as a value: the word for each form, and the grammar of the small ones.

use super::super::language::Form;
use super::{head, row};
use crate::time::{UNITS, WEEKDAYS};

pub fn word(form: &Form) -> String {
    match form {
        Form::Whole(low, high) => format!("{low} to {high}"),
        Form::Between(low, high) => format!("number from {low} to {high}"),
        Form::NumberOrPath => "number †".into(),
        Form::TermOrPath => "term †".into(),
        Form::WaitOrPath => "duration or date †".into(),
        Form::DurationOrPath => "duration †".into(),
        Form::Any => "any".into(),
        Form::Bool => "bool".into(),
        Form::Text => "text".into(),
        Form::Number => "number".into(),
        Form::Id | Form::ProgramId => "id".into(),
        Form::Currency => "currency".into(),
        Form::Zone => "time zone".into(),
        Form::DateTime => "date or local time".into(),
        Form::Hours => "hours".into(),
        Form::Duration => "duration".into(),
        Form::TimeOfDay => "hour".into(),
        Form::Durations => "durations".into(),
        Form::Unit => "unit".into(),
        Form::Window => "window".into(),
        Form::Weekday => quoted(&WEEKDAYS),
        Form::Words(words) => quoted(words),
        Form::EventType | Form::Message => "event type".into(),
        Form::Expression => "expression".into(),
        Form::Condition => "condition".into(),
        Form::Amount => "amount".into(),
        Form::FieldType => "type of a field".into(),
        Form::Param => "value of a param".into(),
        Form::Keys(_) => "table".into(),
        Form::KeysAnd(_, other, form) => format!("table; any other key is a {other}: {}", word(form)),
        Form::Names(form) => format!("by ID: {}", word(form)),
        Form::List(form) => format!("list of {}", word(form)),
        Form::OneOrMore(form) => format!("{}, or a list", word(form)),
        Form::Either(forms) => forms.iter().map(word).collect::<Vec<_>>().join(", or "),
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|w| format!("`\"{w}\"`")).collect::<Vec<_>>().join(", ")
}

pub fn grammars(out: &mut String) {
    head(
        "Types of values",
        "How what stands in the tables above is written.",
        &["type", "written", "unit or meaning"],
        out,
    );
    let units = UNITS.map(|(name, _)| format!("`{name}`")).join(", ");
    for (name, form, meaning) in [
        ("number", "`12`, `0.05`, `1_000`", "exact; no exponent, no quotes"),
        ("amount", "a number, or an expression that is one", "points, money or pieces, as the key says"),
        ("money", "a number", "of the region's currency, not negative"),
        ("bool", "`true`, `false`", ""),
        ("text", "`\"…\"`", "at most 1,024 bytes"),
        ("id", "`[a-z][a-z0-9_]{0,39}`", "also a name in expressions; `program.id` may hold hyphens"),
        (
            "event type",
            "`\"noun.verb\"`",
            "two words or more joined by dots, each as an id; at most 120 bytes",
        ),
        ("unit", &*units, "a calendar period in the region's time zone"),
        (
            "duration",
            "`\"14 days\"`",
            "a whole number and `second`, `minute`, `hour`, `day`, `week`, `month`, `quarter` or `year`; days and longer are steps of the calendar",
        ),
        ("durations", "`\"1 month + 2 days\"`", "one after the other"),
        (
            "term",
            "`\"never\"`, a date, `\"12 months\"`, `\"12 months idle\"`, `\"end of UNIT\"`, `\"end of next UNIT\"`, `\"end of 03-31\"`, joined by `, `",
            "from one instant to a later one, from left to right",
        ),
        (
            "window",
            "a unit, a duration, `\"life\"`, `\"tiers.LADDER\"`",
            "the calendar period; so long up to now; always; since the level began or was renewed",
        ),
        ("date or local time", "`2026-12-01`, `\"2026-12-01 10:00\"`", "local to the region"),
        ("hours", "`\"14:00-17:00\"`", "the end is excluded; may pass midnight"),
        ("hour", "`\"09:00\"`", ""),
        ("currency", "`\"EUR\"`", "ISO 4217"),
        ("time zone", "`\"Europe/Berlin\"`", "IANA"),
        ("expression", "`'…'`", "see below"),
        (
            "condition",
            "an expression that is true or false, or a list of them",
            "all must hold; each is explained by itself",
        ),
        (
            "type of a field",
            "`\"string\"`, `\"number\"`, `\"money\"`, `\"bool\"`, `\"date\"`, `\"timestamp\"`, `\"app | web\"`, `[\"string\"]`, `{ city = \"string\" }`, `[{ … }]`",
            "`?` behind it: may be absent; `= value`: a default",
        ),
        (
            "value of a param",
            "number, text, bool, date, list of texts, bands `[[0, 0], [500, 0.02]]`, table of numbers or texts",
            "of one type everywhere",
        ),
    ] {
        row(&[name, form, meaning], out);
    }
}
