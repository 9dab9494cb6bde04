//! A cart beside something that is asked: the order that may come of it. Its id may be left out.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::case::slot_text;
use super::region::region;
use crate::bind;
use crate::canonical::order;
use crate::codes::{self, reason_at};
use crate::member::Member;
use crate::outcome::Reason;
use crate::plan::{Canon, Plan, Region};
use crate::value::{Fields, Presence, Text, Value};

/// What is told of an order.
pub struct Told<'p> {
    /// Absent: nothing, or its id alone.
    pub cart: Value,
    pub id: Option<Text>,
    pub region: &'p Region,
}

#[derive(Deserialize)]
struct Beside<'a> {
    #[serde(borrow, default)]
    order: Option<&'a RawValue>,
}

/// The `order` in an object that was read before: a cart, or the id of an order.
pub fn told<'p>(plan: &'p Plan, data: &[u8], member: &Member) -> Result<Told<'p>, Reason> {
    let beside: Beside<'_> =
        serde_json::from_slice(data).map_err(|e| reason_at(codes::BAD_JSON, "/data", e.to_string()))?;
    let Some(raw) = beside.order.filter(|raw| raw.get() != "null") else {
        let region = region(plan, Canon::Other, &Value::Absent, member)?;
        return Ok(Told { cart: Value::Absent, id: None, region });
    };
    if raw.get().starts_with('"') {
        let id: String = serde_json::from_str(raw.get())
            .map_err(|e| reason_at(codes::BAD_JSON, "/data/order", e.to_string()))?;
        let region = region(plan, Canon::Other, &Value::Absent, member)?;
        let id = Some(Text::from(id)).filter(|id| !id.is_empty());
        return Ok(Told { cart: Value::Absent, id, region });
    }
    read(plan, raw.get().as_bytes(), member).map_err(under_order)
}

/// A cart by itself.
pub fn read<'p>(plan: &'p Plan, data: &[u8], member: &Member) -> Result<Told<'p>, Reason> {
    let ty = super::rewards::quoted(plan);
    let mut fields = Fields::clone(&ty.fields);
    fields.0[order::ID].presence = Presence::Default(Value::Text("".into()));
    let bound = bind::bind(&fields, data)?.whole(Canon::OrderPaid)?;
    let region = region(plan, Canon::OrderPaid, &bound.record, member)?;
    bound.check_money(&fields, region.exponent, &region.currency)?;
    let id = Some(Text::from(slot_text(&bound.record, order::ID))).filter(|id| !id.is_empty());
    Ok(Told { cart: bound.record, id, region })
}

fn under_order(mut reason: Reason) -> Reason {
    if let Some(pointer) = &reason.pointer {
        let rest = pointer.strip_prefix("/data").unwrap_or(pointer);
        reason.pointer = Some(format!("/data/order{rest}").into());
    }
    reason
}
