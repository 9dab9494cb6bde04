//! Where an event happens: which region's params, currency and time zone hold.

use super::case::slot_text;
use super::{Kind, Matter};
use crate::canonical;
use crate::codes::{self, reason_at};
use crate::member::Member;
use crate::order::Order;
use crate::outcome::Reason;
use crate::plan::{Canon, Plan, Region};
use crate::value::Value;

/// `order.region`; else the only region with its currency; else `member.region`; else none.
pub fn region<'p>(
    plan: &'p Plan,
    canon: Canon,
    payload: &Value,
    member: &Member,
) -> Result<&'p Region, Reason> {
    let order = matches!(canon, Canon::OrderPaid | Canon::OrderUpdated);
    let text = |slot| if order { slot_text(payload, slot) } else { "" };
    let (named, currency) = (text(canonical::order::REGION), text(canonical::order::CURRENCY));
    let by_id = |id: &str| plan.regions[1..].iter().find(|r| *r.id == *id);
    let member_region = || match member.fields.get("region") {
        Some(serde_json::Value::String(id)) => by_id(id),
        _ => None,
    };
    let mut same_currency = plan.regions[1..].iter().filter(|r| *r.currency == *currency);
    let region = if !named.is_empty() && plan.regions.len() > 1 {
        by_id(named).ok_or_else(|| {
            reason_at(codes::REGION_UNKNOWN, "/data/region", format!("the program has no region `{named}`"))
        })?
    } else if let (Some(only), None) = (same_currency.next(), same_currency.next()) {
        only
    } else {
        member_region().unwrap_or(&plan.regions[0])
    };
    if !currency.is_empty() && *region.currency != *currency {
        let place =
            if region.id.is_empty() { "the program".to_owned() } else { format!("region `{}`", region.id) };
        let said = format!("the currency of {place} is {}, not {currency}", region.currency);
        return Err(reason_at(codes::CURRENCY_MISMATCH, "/data/currency", said));
    }
    Ok(region)
}

/// What follows an order happens where the order was paid, as far as its currency tells.
pub fn region_of<'p>(plan: &'p Plan, order: &Order, member: &Member) -> &'p Region {
    let mut same = plan.regions.iter().rev().filter(|r| r.currency == order.currency);
    let own = member.fields.get("region").and_then(serde_json::Value::as_str);
    let members = plan.regions[1..].iter().find(|r| Some(&*r.id) == own && r.currency == order.currency);
    match (same.next(), same.next()) {
        (Some(only), None) => only,
        (Some(first), Some(_)) => members.unwrap_or(first),
        (None, _) => &plan.regions[0],
    }
}

/// Where an event that was weighed is: whose params count. What has no place of its own is where the member is.
pub fn place<'p>(plan: &'p Plan, matter: &Matter<'_>) -> &'p Region {
    let canon = match matter.kind {
        Kind::Type(no) => plan.types[usize::from(no)].canon,
        _ => Canon::Other,
    };
    match matter.order {
        Some((order, _)) if canon != Canon::OrderUpdated => region_of(plan, order, matter.member),
        _ => region(plan, canon, &matter.bound.record, matter.member).unwrap_or(&plan.regions[0]),
    }
}
