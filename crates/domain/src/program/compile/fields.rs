//! Types of declared fields: `"number?"`, `"app | web"`, `"bool = false"`, `["string"]`, `{ city = "string" }`.

use std::sync::Arc;

use crate::condition::Code;
use crate::num::Num;
use crate::program::check::near::did_you_mean;
use crate::program::check::report::Report;
use crate::program::check::shape::is_id;
use crate::program::read::{Kind, Node, Table, parse_date};
use crate::value::{Field, Fields, Presence, Type, Value};

const SCALARS: [(&str, Type); 6] = [
    ("string", Type::Text),
    ("number", Type::Num),
    ("money", Type::Money),
    ("bool", Type::Bool),
    ("date", Type::Date),
    ("timestamp", Type::Time),
];

/// Fields of a table, sorted by name.
pub fn fields(table: &Table, path: &str, report: &mut Report<'_>) -> Fields {
    let mut fields = Vec::new();
    for (key, node) in table.iter() {
        let below = format!("{path}.{}", key.text);
        if !is_id(&key.text) {
            let message = format!("`{}` is not an id", key.text);
            report.error(Code::BadId, &below, &key.at, message, "fields are names in expressions");
        }
        if let Some((ty, presence)) = field(node, &below, report) {
            fields.push(Field { name: key.text.as_str().into(), ty, presence });
        }
    }
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    Fields(fields)
}

/// Canonical fields, and behind them the declared ones. A canonical text may be narrowed to words.
pub fn extend(
    mut canonical: Fields,
    declared: Option<&Node>,
    section: &str,
    report: &mut Report<'_>,
) -> Fields {
    let Some(table) = declared.and_then(Node::table) else { return canonical };
    for field in fields(table, section, report).0 {
        let Some(slot) = canonical.slot(&field.name) else {
            canonical.0.push(field);
            continue;
        };
        match (&canonical.0[slot].ty, &field.ty) {
            (Type::Text, Type::Words(_)) => canonical.0[slot] = field,
            _ => {
                let Some((key, _)) = table.entry(&field.name) else { continue };
                let message = format!("`{section}.{}` is there already", field.name);
                let hint = "canonical fields are not declared again; a text may be narrowed to words: `\"app | store\"`";
                report.error(Code::Duplicate, &format!("{section}.{}", field.name), &key.at, message, hint);
            }
        }
    }
    canonical
}

fn field(node: &Node, path: &str, report: &mut Report<'_>) -> Option<(Type, Presence)> {
    match &node.kind {
        Kind::Text(text) => match scalar(text) {
            Ok(found) => return Some(found),
            Err((message, hint)) => report.error(Code::BadType, path, &node.at, message, hint),
        },
        Kind::List(list) => {
            if let [element] = list.as_slice() {
                let (ty, _) = field(element, path, report)?;
                return Some((Type::List(Arc::new(ty)), Presence::Required));
            }
            report.error(
                Code::BadType,
                path,
                &node.at,
                "a list names the type of its elements once",
                "`[\"string\"]`",
            );
        }
        Kind::Table(table) => {
            let record = fields(table, path, report);
            return Some((Type::Record(Arc::new(record)), Presence::Required));
        }
        _ => {
            let message = format!("expected a type, found {}", node.what());
            report.error(Code::BadType, path, &node.at, message, "a type stands in quotes: `\"number?\"`");
        }
    }
    None
}

fn scalar(text: &str) -> Result<(Type, Presence), (String, String)> {
    let (name, default) = match text.split_once('=') {
        Some((name, default)) => (name.trim(), Some(default.trim())),
        None => (text.trim(), None),
    };
    let (name, optional) = match name.strip_suffix('?') {
        Some(name) => (name.trim(), true),
        None => (name, false),
    };
    let ty = named(name)?;
    let presence = match (default, optional) {
        (Some(_), true) => {
            return Err((
                format!("`{text}` has a default, so it is never absent"),
                "leave out the `?`".into(),
            ));
        }
        (Some(default), false) => Presence::Default(literal(default, &ty).ok_or_else(|| {
            (
                format!("`{default}` is not a default for {name}"),
                "`\"bool = false\"`, `\"string = ''\"`, `\"number = 0\"`".into(),
            )
        })?),
        (None, true) => Presence::Optional,
        (None, false) => Presence::Required,
    };
    Ok((ty, presence))
}

fn named(name: &str) -> Result<Type, (String, String)> {
    if let Some((_, ty)) = SCALARS.iter().find(|(n, _)| *n == name) {
        return Ok(ty.clone());
    }
    if !name.contains('|') {
        let known = "string, number, money, bool, date, timestamp, or words: `\"app | web\"`";
        let hint = did_you_mean(name, SCALARS.iter().map(|(n, _)| *n), known);
        return Err((format!("`{name}` is not a type"), hint));
    }
    let mut words: Vec<Box<str>> = Vec::new();
    for word in name.split('|').map(str::trim) {
        if word.is_empty() || words.iter().any(|w| **w == *word) {
            return Err((format!("`{name}`: words are different, and none is empty"), String::new()));
        }
        words.push(word.into());
    }
    Ok(Type::Words(words.into()))
}

fn literal(text: &str, ty: &Type) -> Option<Value> {
    let quoted = || {
        let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
        (!inner.contains('\'')).then_some(inner)
    };
    match ty {
        Type::Num => Num::parse(text)?.ok().map(Value::Num),
        Type::Money => Num::parse(text)?.ok().filter(|n| !n.is_negative()).map(Value::Num),
        Type::Bool => text.parse().ok().map(Value::Bool),
        Type::Date => parse_date(text).map(Value::Date),
        Type::Time => text.parse().ok().map(Value::Time),
        Type::Text => quoted().map(|t| Value::Text(t.into())),
        Type::Words(words) => {
            let word = quoted().unwrap_or(text);
            words.iter().any(|w| **w == *word).then(|| Value::Text(word.into()))
        }
        _ => None,
    }
}
