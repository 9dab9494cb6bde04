//! The tables of the language as a JSON Schema (2020-12) for editors.

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
        Form::EventType | Form::Message => text(EVENT_TYPE),
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
