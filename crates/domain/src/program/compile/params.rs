//! Params: their types and values, for the program, the chosen environment and each region. The later wins.

use std::sync::Arc;

use crate::condition::Code;
use crate::num::Num;
use crate::program::check::near::did_you_mean;
use crate::program::check::report::Report;
use crate::program::check::shape::is_id;
use crate::program::read::{Kind, Node, Table};
use crate::value::{Type, Value};

pub struct Param {
    pub name: String,
    pub ty: Type,
    pub value: Value,
    /// 0 in no region and no environment: fit as a divisor.
    pub never_zero: bool,
    /// Regions that say otherwise.
    pub regions: Vec<String>,
    /// What regions and environments say otherwise.
    pub others: Vec<Value>,
}

/// All params, sorted by name: their numbers are `Place::Param`.
#[derive(Default)]
pub struct Params(pub Vec<Param>);

impl Params {
    pub fn read(tree: &Table, report: &mut Report<'_>) -> Params {
        let mut params = Vec::new();
        for (key, node) in tree.get("params").and_then(Node::table).into_iter().flat_map(Table::iter) {
            let path = format!("params.{}", key.text);
            match value(node) {
                Ok((ty, value)) => {
                    let never_zero = !has_zero(&value);
                    let (name, regions, others) = (key.text.clone(), Vec::new(), Vec::new());
                    params.push(Param { name, ty, value, never_zero, regions, others });
                }
                Err(Wrong { code, message, hint }) => report.error(code, &path, &node.at, message, hint),
            }
        }
        params.sort_by(|a, b| a.name.cmp(&b.name));
        Params(params)
    }

    pub fn slot(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|p| p.name == name)
    }

    /// The program's values.
    pub fn values(&self) -> Vec<Value> {
        self.0.iter().map(|p| p.value.clone()).collect()
    }

    /// What a region or an environment says, checked against what is declared.
    pub fn overrides(&mut self, node: &Node, path: &str, report: &mut Report<'_>) -> Vec<(usize, Value)> {
        let mut found = Vec::new();
        let Some(table) = node.table().and_then(|t| t.get("params")).and_then(Node::table) else {
            return found;
        };
        let region = path.strip_prefix("regions.");
        for (key, node) in table.iter() {
            let path = format!("{path}.params.{}", key.text);
            let Some(slot) = self.slot(&key.text) else {
                let message = format!("`{}` is not declared in [params]", key.text);
                let hint = did_you_mean(
                    &key.text,
                    self.0.iter().map(|p| p.name.as_str()),
                    "declare it there with the value that holds elsewhere",
                );
                report.error(Code::UndeclaredParam, &path, &key.at, message, hint);
                continue;
            };
            match value(node) {
                Ok((ty, value)) if ty == self.0[slot].ty => {
                    self.0[slot].never_zero &= !has_zero(&value);
                    self.0[slot].regions.extend(region.map(str::to_owned));
                    self.0[slot].others.push(value.clone());
                    found.push((slot, value));
                }
                Ok((ty, _)) => {
                    let message = format!(
                        "`{}` is {} in [params], and {} here",
                        key.text,
                        describe(&self.0[slot].ty),
                        describe(&ty)
                    );
                    report.error(
                        Code::RegionType,
                        &path,
                        &node.at,
                        message,
                        "the same type and the same keys",
                    );
                }
                Err(Wrong { code, message, hint }) => report.error(code, &path, &node.at, message, hint),
            }
        }
        found
    }
}

pub struct Wrong {
    pub code: Code,
    pub message: String,
    pub hint: &'static str,
}

fn wrong(message: impl Into<String>, hint: &'static str) -> Wrong {
    Wrong { code: Code::WrongType, message: message.into(), hint }
}

/// A text that is a date is one: JSON has no other way to say it.
pub fn value(node: &Node) -> Result<(Type, Value), Wrong> {
    if let (Some(date), Kind::Date(_) | Kind::Text(_)) = (node.date(), &node.kind) {
        return Ok((Type::Date, Value::Date(date)));
    }
    match &node.kind {
        Kind::Number(n) => Ok((Type::Num, Value::Num(*n))),
        Kind::Text(text) => Ok((Type::Text, Value::Text(text.as_str().into()))),
        Kind::Bool(b) => Ok((Type::Bool, Value::Bool(*b))),
        Kind::List(list) if list.iter().any(|n| n.list().is_some()) => bands(list),
        Kind::List(list) => {
            let texts: Option<Vec<Value>> =
                list.iter().map(|n| n.text().map(|t| Value::Text(t.into()))).collect();
            let texts = texts.ok_or_else(|| {
                wrong("expected a list of texts, or bands", "bands: `[[0, 0], [500, 0.02]]`")
            })?;
            if texts.len() > crate::value::LIST_MAX {
                return Err(Wrong {
                    code: Code::TooMany,
                    message: "a list holds at most 1,000".into(),
                    hint: "",
                });
            }
            Ok((Type::List(Arc::new(Type::Text)), Value::List(texts)))
        }
        Kind::Table(entries) => table(entries),
        _ => Err(wrong(
            format!("expected a value of a param, found {}", node.what()),
            "a number, text, bool, date, list of texts, bands, or a table of numbers or texts",
        )),
    }
}

fn bands(list: &[Node]) -> Result<(Type, Value), Wrong> {
    const FORM: &str = "bands are `[[from, value], …]`, ascending, the first from 0";
    let mut found: Vec<Value> = Vec::new();
    let mut last: Option<Num> = None;
    for pair in list {
        let Some([from, value]) = pair.list() else { return Err(wrong("a band is a pair of numbers", FORM)) };
        let (Some(from), Some(value)) = (from.number(), value.number()) else {
            return Err(wrong("a band is a pair of numbers", FORM));
        };
        match last {
            None if !from.is_zero() => return Err(wrong(format!("the first band starts at {from}"), FORM)),
            Some(last) if from <= last => {
                return Err(wrong(format!("a band from {from} after one from {last}"), FORM));
            }
            _ => last = Some(from),
        }
        found.push(Value::List(vec![Value::Num(from), Value::Num(value)]));
    }
    Ok((Type::Bands, Value::List(found)))
}

fn table(entries: &Table) -> Result<(Type, Value), Wrong> {
    let mut sorted: Vec<(&str, &Node)> = entries.iter().map(|(k, n)| (k.text.as_str(), n)).collect();
    sorted.sort_by_key(|(key, _)| *key);
    if let Some((key, _)) = sorted.iter().find(|(key, _)| !is_id(key)) {
        return Err(Wrong {
            code: Code::BadId,
            message: format!("`{key}` is not an id"),
            hint: "keys of a table are names in expressions",
        });
    }
    let keys: Arc<[Box<str>]> = sorted.iter().map(|(key, _)| (*key).into()).collect();
    let numbers: Option<Vec<Value>> = sorted.iter().map(|(_, n)| n.number().map(Value::Num)).collect();
    let texts: Option<Vec<Value>> =
        sorted.iter().map(|(_, n)| n.text().map(|t| Value::Text(t.into()))).collect();
    let (ty, values) = match (numbers, texts) {
        (Some(numbers), _) if !keys.is_empty() => (Type::Num, numbers),
        (None, Some(texts)) => (Type::Text, texts),
        _ => return Err(wrong("a table holds numbers, or texts", "and at least one")),
    };
    Ok((Type::Table(keys, Arc::new(ty)), Value::Record(values)))
}

pub fn has_zero(value: &Value) -> bool {
    match value {
        Value::Num(n) => n.is_zero(),
        Value::Record(values) => values.iter().any(has_zero),
        _ => false,
    }
}

pub fn describe(ty: &Type) -> String {
    match ty {
        Type::Num | Type::Money => "a number".into(),
        Type::Level(_) => "a level".into(),
        Type::Text | Type::Words(_) => "a text".into(),
        Type::Bool => "a bool".into(),
        Type::Date => "a date".into(),
        Type::Time => "a time".into(),
        Type::List(_) => "a list".into(),
        Type::Record(_) => "a record".into(),
        Type::Table(keys, _) => format!("a table of {}", keys.join(", ")),
        Type::Bands => "bands".into(),
    }
}
