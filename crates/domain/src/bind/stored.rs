//! Values as they are stored with a member or shown in a message: JSON, with fractions as decimal texts.

use serde_json::Value as Json;

use crate::canonical;
use crate::member::Member;
use crate::num::Num;
use crate::value::{Fields, Presence, Type, Value};

/// Whole numbers beyond it are not exact in every reader of JSON.
const JSON_INT_MAX: i64 = 9_007_199_254_740_991;

pub(super) fn date(text: &str) -> Option<Value> {
    (text.len() == 10).then(|| text.parse().ok()).flatten().map(Value::Date)
}

pub(super) fn time(text: &str) -> Option<Value> {
    text.contains(['T', 't']).then(|| text.parse().ok()).flatten().map(Value::Time)
}

pub fn number(n: Num) -> Json {
    match n.to_int() {
        Some(whole) if whole.abs() <= JSON_INT_MAX => Json::from(whole),
        _ => Json::String(n.to_string()),
    }
}

/// `Absent` is null.
pub fn to_json(value: &Value, ty: &Type) -> Json {
    match (value, ty) {
        (Value::Absent, _) => Json::Null,
        (Value::Num(n), _) => number(*n),
        (Value::Text(t), _) => Json::String(t.to_string()),
        (Value::Bool(b), _) => Json::Bool(*b),
        (Value::Date(d), _) => Json::String(d.to_string()),
        (Value::Time(t), _) => Json::String(t.to_string()),
        (Value::List(list), Type::List(ty)) => list.iter().map(|v| to_json(v, ty)).collect(),
        (Value::Record(slots), Type::Record(fields)) => {
            fields.0.iter().zip(slots).map(|(f, v)| (f.name.to_string(), to_json(v, &f.ty))).collect()
        }
        (Value::Record(slots), Type::Table(keys, ty)) => {
            keys.iter().zip(slots).map(|(k, v)| (k.to_string(), to_json(v, ty))).collect()
        }
        (Value::List(list) | Value::Record(list), _) => {
            list.iter().map(|v| to_json(v, &Type::Text)).collect()
        }
    }
}

/// What was stored, as the type that the program gives it now; None if it is not of that type.
pub fn from_json(json: &Json, ty: &Type) -> Option<Value> {
    match (ty, json) {
        (Type::Num | Type::Money, Json::String(t)) => Num::parse(t)?.ok().map(Value::Num),
        (Type::Num | Type::Money, Json::Number(n)) => Num::parse(&n.to_string())?.ok().map(Value::Num),
        (Type::Text, Json::String(t)) => Some(Value::Text(t.as_str().into())),
        (Type::Words(words), Json::String(t)) => {
            words.iter().any(|w| **w == **t).then(|| Value::Text(t.as_str().into()))
        }
        (Type::Bool, Json::Bool(b)) => Some(Value::Bool(*b)),
        (Type::Date, Json::String(t)) => date(t),
        (Type::Time, Json::String(t)) => time(t),
        (Type::List(ty), Json::Array(list)) => {
            list.iter().map(|v| from_json(v, ty)).collect::<Option<_>>().map(Value::List)
        }
        (Type::Record(fields), Json::Object(map)) => {
            let slot = |f: &crate::value::Field| map.get(&*f.name).and_then(|v| from_json(v, &f.ty));
            Some(Value::Record(
                fields.0.iter().map(|f| slot(f).unwrap_or_else(|| left_out(&f.presence, &f.ty))).collect(),
            ))
        }
        _ => None,
    }
}

/// A field that is not there. What a program requires of members may be missing with those who came before it.
pub fn left_out(presence: &Presence, ty: &Type) -> Value {
    match presence {
        Presence::Default(value) => value.clone(),
        Presence::Optional => Value::Absent,
        Presence::Required | Presence::Follows => match ty {
            Type::Num | Type::Money | Type::Level(_) => Value::Num(Num::ZERO),
            Type::Text | Type::Words(_) => Value::Text("".into()),
            Type::Bool => Value::Bool(false),
            Type::Date => Value::Date(jiff::civil::Date::ZERO),
            Type::Time => Value::Time(jiff::Timestamp::UNIX_EPOCH),
            Type::List(_) => Value::List(Vec::new()),
            Type::Record(fields) => {
                Value::Record(fields.0.iter().map(|f| left_out(&f.presence, &f.ty)).collect())
            }
            Type::Table(..) | Type::Bands => Value::Absent,
        },
    }
}

/// A member's fields in their slots, as expressions read them.
pub fn member_values(fields: &Fields, member: &Member, zone: &jiff::tz::TimeZone) -> Vec<Value> {
    let slot = |(slot, field): (usize, &crate::value::Field)| match slot {
        canonical::member::ID => Value::Text(member.no.to_string().into()),
        canonical::member::ENROLLED_ON => Value::Date(member.enrolled_at.to_zoned(zone.clone()).date()),
        canonical::member::REFERRED => Value::Bool(member.referral.is_some()),
        _ => member
            .fields
            .get(&*field.name)
            .and_then(|v| from_json(v, &field.ty))
            .unwrap_or_else(|| left_out(&field.presence, &field.ty)),
    };
    fields.0.iter().enumerate().map(slot).collect()
}
