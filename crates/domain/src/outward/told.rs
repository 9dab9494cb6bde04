//! `change` in an endpoint's expressions: a change as the feed tells it, with types. What a change does not say reads
//! `""`, 0, false or `[]`, so that one condition fits changes of all types.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::bind;
use crate::num::Num;
use crate::plan::Plan;
use crate::value::{Field, Fields, Presence, Type, Value};

/// What the core itself says in `data`.
const SAID: [(&str, Type); 23] = [
    ("wallet", Type::Text),
    ("amount", Type::Num),
    ("balance", Type::Num),
    ("account", Type::Text),
    ("rule", Type::Text),
    ("household", Type::Text),
    ("expires_at", Type::Time),
    ("ladder", Type::Text),
    ("from", Type::Text),
    ("to", Type::Text),
    ("up", Type::Bool),
    ("why", Type::Text),
    ("reason", Type::Text),
    ("until", Type::Time),
    ("next", Type::Text),
    ("achievement", Type::Text),
    ("count", Type::Num),
    ("code", Type::Text),
    ("redemption", Type::Text),
    ("reward", Type::Text),
    ("quantity", Type::Num),
    ("other", Type::Text),
    ("version", Type::Num),
];

/// The slots of a change.
pub fn fields(plan: &Plan) -> Arc<Fields> {
    let field = |(name, ty): (&str, Type)| Field { name: name.into(), ty, presence: Presence::Follows };
    let event = ["source", "id", "type"].map(|name| field((name, Type::Text)));
    let fields = [
        ("cursor", Type::Text),
        ("type", Type::Text),
        ("member", Type::Text),
        ("member_seq", Type::Num),
        ("time", Type::Time),
        ("data", Type::Record(data(plan).into())),
        ("event", Type::Record(Fields(event.into()).into())),
    ];
    Arc::new(Fields(fields.map(field).into()))
}

/// What the core says, and what rules emit. A name to which rules give different types is not known.
fn data(plan: &Plan) -> Fields {
    let mut emitted: BTreeMap<&str, Option<Type>> = BTreeMap::new();
    for (name, value) in plan.rules.iter().flat_map(|rule| &rule.emit).flat_map(|emit| &emit.data) {
        let ty = plain(&value.ty);
        let known = emitted.entry(name).or_insert_with(|| ty.clone());
        if *known != ty {
            *known = None;
        }
    }
    let more = emitted.into_iter().filter_map(|(name, ty)| Some((name, ty?)));
    let said: Vec<(&str, Type)> =
        SAID.into_iter().chain([("fields", Type::List(Type::Text.into()))]).collect();
    let more: Vec<(&str, Type)> =
        more.filter(|(name, _)| said.iter().all(|(known, _)| known != name)).collect();
    let all = more.into_iter().chain(said);
    let field = |(name, ty): (&str, Type)| {
        // There is no empty date.
        let dated = matches!(ty, Type::Date | Type::Time);
        Field { name: name.into(), ty, presence: if dated { Presence::Optional } else { Presence::Follows } }
    };
    Fields(all.map(field).collect())
}

/// As it lies in the feed, where words may be those of an earlier program.
fn plain(ty: &Type) -> Option<Type> {
    match ty {
        Type::Num | Type::Money => Some(Type::Num),
        Type::Text | Type::Words(_) | Type::Level(_) => Some(Type::Text),
        Type::Bool | Type::Date | Type::Time => Some(ty.clone()),
        Type::List(of) => plain(of).map(|of| Type::List(of.into())),
        Type::Record(_) | Type::Table(..) | Type::Bands => None,
    }
}

/// Reads what the feed told; what is not of its type is as if it were not there.
pub fn read(json: &str, fields: &Fields) -> Value {
    Value::Record(slots(json, fields))
}

fn slots(json: &str, fields: &Fields) -> Vec<Value> {
    let told: HashMap<String, &RawValue> = serde_json::from_str(json).unwrap_or_default();
    let slot = |field: &Field| {
        let raw = told.get(&*field.name).map(|raw| raw.get());
        let found = match &field.ty {
            Type::Record(inner) => Some(Value::Record(slots(raw.unwrap_or("{}"), inner))),
            Type::Num => raw.and_then(number),
            ty => raw.and_then(|raw| bind::from_json(&serde_json::from_str(raw).ok()?, ty)),
        };
        found.unwrap_or_else(|| bind::left_out(&field.presence, &field.ty))
    };
    fields.0.iter().map(slot).collect()
}

/// A number, or a text that is one; exact.
fn number(raw: &str) -> Option<Value> {
    Num::parse(raw.trim_matches('"'))?.ok().map(Value::Num)
}
