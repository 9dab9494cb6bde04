//! The tables of the language as a JSON Schema (2020-12) for editors, and as a reference for people.

use serde_json::{Map, Value as Json, json};

use super::{Form, Key, Need, SECTIONS, Shape};
use crate::time::{UNITS, WEEKDAYS};

const ID: &str = "^[a-z][a-z0-9_]{0,39}$";
const EVENT_TYPE: &str = "^[a-z][a-z0-9_]*([.][a-z][a-z0-9_]*)+$";
const DURATION: &str = "^[0-9]+ (second|minute|hour|day|week|month|quarter|year)s?$";

/// JSON Schema of a program in its JSON form.
pub fn schema() -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for section in SECTIONS {
        let mut one = match &section.shape {
            Shape::One(form) => of(form),
            Shape::Named(form) => named(form, ID),
            Shape::Events(form) => named(form, EVENT_TYPE),
        };
        one["description"] = section.doc.into();
        if section.most > 0 {
            one["maxProperties"] = section.most.into();
        }
        properties.insert(section.name.into(), one);
        if section.need == Need::Required {
            required.push(section.name);
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Fealty program",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn named(form: &Form, pattern: &str) -> Json {
    json!({ "type": "object", "propertyNames": { "pattern": pattern }, "additionalProperties": of(form) })
}

fn of(form: &Form) -> Json {
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match form {
        Form::Any => json!({}),
        Form::Bool => json!({ "type": "boolean" }),
        Form::Text => json!({ "type": "string", "maxLength": 1024 }),
        Form::Number => number(json!({ "type": "number" })),
        Form::Whole(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Form::Between(low, high) => json!({ "type": "number", "minimum": low, "maximum": high }),
        Form::NumberOrPath => number(json!({ "type": "number" })),
        Form::Id => text(ID),
        Form::ProgramId => text("^[a-z][a-z0-9_-]{0,39}$"),
        Form::Currency => text("^[A-Z]{3}$"),
        Form::DateTime => text("^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+)?$"),
        Form::Hours => text("^[0-9]{2}:[0-9]{2} *- *[0-9]{2}:[0-9]{2}$"),
        Form::Duration => text(DURATION),
        Form::Unit => json!({ "enum": UNITS.map(|(name, _)| name) }),
        Form::Window => {
            let mut words = vec!["life"];
            words.extend(UNITS.map(|(name, _)| name));
            json!({ "anyOf": [{ "enum": words }, text(DURATION), text("^tiers[.][a-z][a-z0-9_]{0,39}$")] })
        }
        Form::TermOrPath | Form::WaitOrPath | Form::DurationOrPath => json!({ "type": "string" }),
        Form::TimeOfDay => text("^[0-9]{2}:[0-9]{2}$"),
        Form::Weekday => json!({ "enum": WEEKDAYS }),
        Form::Words(words) => json!({ "enum": words }),
        Form::EventType => text(EVENT_TYPE),
        Form::Zone | Form::Durations | Form::Expression => json!({ "type": "string" }),
        Form::Condition => json!({ "type": ["string", "array"], "items": { "type": "string" } }),
        Form::Amount => json!({ "type": ["number", "string"] }),
        Form::FieldType => json!({ "type": ["string", "array", "object"] }),
        Form::Param => json!({ "type": ["number", "string", "boolean", "array", "object"] }),
        Form::Keys(keys) => table(keys, json!(false)),
        Form::KeysAnd(keys, _, other) => table(keys, of(other)),
        Form::Names(form) => named(form, ID),
        Form::List(form) => json!({ "type": "array", "items": of(form) }),
        Form::OneOrMore(form) => json!({ "anyOf": [of(form), { "type": "array", "items": of(form) }] }),
        Form::Either(forms) => json!({ "anyOf": forms.iter().map(of).collect::<Vec<_>>() }),
    }
}

/// JSON may say an exact number as a decimal text.
fn number(n: Json) -> Json {
    json!({ "anyOf": [n, { "type": "string" }] })
}

fn table(keys: &[Key], others: Json) -> Json {
    let mut properties = Map::new();
    for key in keys {
        let mut one = of(&key.form);
        let default = match key.need {
            Need::Default(default) => format!("; default {default}"),
            _ => String::new(),
        };
        one["description"] = format!("{}{default}", key.doc).into();
        properties.insert(key.name.into(), one);
    }
    let required: Vec<&str> = keys.iter().filter(|k| k.need == Need::Required).map(|k| k.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": others })
}

/// The keys of all sections as Markdown tables.
pub fn reference() -> String {
    let mut out = String::from("# Sections and keys of a program\n");
    for section in SECTIONS {
        out.push_str(&format!("\n## `{}`\n\n{}.\n", section.name, capital(section.doc)));
        if let Shape::One(Form::Keys(keys)) | Shape::Named(Form::Keys(keys)) = &section.shape {
            out.push_str("\n| key | type | default | meaning |\n|---|---|---|---|\n");
            rows(keys, "", &mut out);
        }
    }
    out
}

fn rows(keys: &[Key], above: &str, out: &mut String) {
    for key in keys {
        let default = match key.need {
            Need::Required => "required",
            Need::Optional => "",
            Need::Default(default) => default,
        };
        let default = if default.is_empty() || key.need == Need::Required {
            default.to_owned()
        } else {
            format!("`{default}`")
        };
        let form = word(&key.form).replace('|', "\\|");
        out.push_str(&format!(
            "| `{above}{}` | {form} | {default} | {} |\n",
            key.name,
            key.doc.replace('|', "\\|")
        ));
        if let Form::Keys(inner) | Form::OneOrMore(Form::KeysAnd(inner, ..)) = &key.form {
            rows(inner, &format!("{above}{}.", key.name), out);
        }
    }
}

fn word(form: &Form) -> String {
    let quoted = |words: &[&str]| words.iter().map(|w| format!("`\"{w}\"`")).collect::<Vec<_>>().join(", ");
    match form {
        Form::Any => "any".into(),
        Form::Bool => "bool".into(),
        Form::Text => "text".into(),
        Form::Number => "number".into(),
        Form::Whole(low, high) => format!("{low} to {high}"),
        Form::Between(low, high) => format!("number from {low} to {high}"),
        Form::NumberOrPath => "number †".into(),
        Form::Id | Form::ProgramId => "id".into(),
        Form::Currency => "currency".into(),
        Form::Zone => "time zone".into(),
        Form::DateTime => "date or local date-time".into(),
        Form::Hours => "hours".into(),
        Form::Duration => "duration".into(),
        Form::TermOrPath => "term †".into(),
        Form::WaitOrPath => "duration or date †".into(),
        Form::DurationOrPath => "duration †".into(),
        Form::TimeOfDay => "hour".into(),
        Form::Durations => "durations".into(),
        Form::Unit => "unit".into(),
        Form::Window => "window".into(),
        Form::Weekday => quoted(&WEEKDAYS),
        Form::Words(words) => quoted(words),
        Form::EventType => "event type".into(),
        Form::Expression => "expression".into(),
        Form::Condition => "condition".into(),
        Form::Amount => "amount".into(),
        Form::FieldType => "type of a field".into(),
        Form::Param => "value".into(),
        Form::Keys(_) | Form::KeysAnd(..) => "table".into(),
        Form::Names(form) => format!("names, each {}", word(form)),
        Form::List(form) => format!("list of {}", word(form)),
        Form::OneOrMore(form) => format!("{}, or a list", word(form)),
        Form::Either(forms) => forms.iter().map(word).collect::<Vec<_>>().join(", or "),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}
