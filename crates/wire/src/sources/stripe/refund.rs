//! Stripe's refunds, each counted once.
//!
//! `charge.refunded` tells the sum refunded so far; what this refund adds is the difference to
//! `previous_attributes.amount_refunded`. It is named by the charge and the sum that it led to, so the same step told
//! twice is one event, and the steps of a charge add up to its sum in whatever order they come. Where the charge
//! lists its refunds (older API versions), each is named by its own id.
//! `refund.…` tell the same refunds once more, so one of the two is counted: `refund_objects` in the settings.

use serde::Deserialize;

use super::{Event, Reference, amount, currency};
use crate::problem::Fault;
use crate::sources::canon::{Hand, Name, Refund as Canonical};
use crate::sources::field::{Id, Person, lax};
use crate::sources::{Decoded, parse};

#[derive(Deserialize)]
pub(super) struct Charge {
    id: Id,
    amount: i64,
    amount_refunded: i64,
    currency: String,
    #[serde(default)]
    payment_intent: Option<Reference>,
    #[serde(default)]
    invoice: Option<Reference>,
    #[serde(default)]
    refunds: Option<Refunds>,
}

#[derive(Deserialize)]
struct Refunds {
    #[serde(default, deserialize_with = "lax")]
    data: Vec<Refund>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
pub(super) struct Refund {
    id: Id,
    amount: i64,
    currency: String,
    #[serde(default, deserialize_with = "lax")]
    status: String,
    #[serde(default)]
    payment_intent: Option<Reference>,
    #[serde(default)]
    charge: Option<Reference>,
}

#[derive(Default, Deserialize)]
struct Before {
    #[serde(default)]
    amount_refunded: Option<i64>,
}

fn refunded(
    hand: &Hand<'_>,
    event: &Event<'_>,
    id: String,
    order: &str,
    money: Option<(i64, &str)>,
) -> Result<Decoded, Fault> {
    let (amount, currency) = match money {
        Some((units, code)) => (Some(amount(units, code)?), currency(code)),
        None => (None, String::new()),
    };
    let name = Name::Fixed(format!("order.refunded:{id}"));
    let data = Canonical { id, order: hand.order_id(order), currency, amount, items: Vec::new() };
    Ok(hand.event("order.refunded", name, Person::default(), event.at()?, &data))
}

pub(super) fn charge(hand: &Hand<'_>, event: &Event<'_>, charge: Charge) -> Result<Vec<Decoded>, Fault> {
    if hand.settings.refund_objects {
        let message = "refunds of this source are counted from refund.created and refund.updated";
        return Ok(vec![event.ignored(hand, "refund_counted_elsewhere", message)?]);
    }
    let order = charge
        .payment_intent
        .as_ref()
        .or(charge.invoice.as_ref())
        .map_or(charge.id.0.as_str(), Reference::id);
    let code = charge.currency.as_str();
    if let Some(list) = charge.refunds.as_ref().filter(|list| !list.has_more && !list.data.is_empty()) {
        let good = list.data.iter().filter(|r| !matches!(r.status.as_str(), "failed" | "canceled"));
        let one = |r: &Refund| refunded(hand, event, r.id.0.clone(), order, Some((r.amount, code)));
        let sum = good.clone().fold(0i64, |n, r| n.saturating_add(r.amount));
        if sum == charge.amount_refunded {
            return good.map(one).collect();
        }
    }
    let before: Before = match event.data.previous_attributes {
        Some(raw) => parse(raw.get())?,
        None => Before::default(),
    };
    let (step, so_far) = match before.amount_refunded {
        Some(before) => (charge.amount_refunded.saturating_sub(before), charge.amount_refunded),
        // The step is not told. All of it needs none; the first part is one, and a second part under this same
        // name is a conflict that a person sees, never a wrong sum.
        None if charge.amount_refunded >= charge.amount => {
            return Ok(vec![refunded(hand, event, format!("{}:all", charge.id.0), order, None)?]);
        }
        None => (charge.amount_refunded, 0),
    };
    if step <= 0 {
        return Ok(vec![event.ignored(
            hand,
            "refund_without_amount",
            "the charge has no more refunded than before",
        )?]);
    }
    Ok(vec![refunded(hand, event, format!("{}:{so_far}", charge.id.0), order, Some((step, code)))?])
}

pub(super) fn object(hand: &Hand<'_>, event: &Event<'_>, refund: Refund) -> Result<Decoded, Fault> {
    if !hand.settings.refund_objects {
        let message = "refunds of this source are counted from charge.refunded";
        return event.ignored(hand, "refund_counted_elsewhere", message);
    }
    if refund.status != "succeeded" {
        return event.ignored(hand, "refund_not_done", "the refund has not succeeded");
    }
    let Some(order) = refund.payment_intent.as_ref().or(refund.charge.as_ref()) else {
        return event.ignored(hand, "order_missing", "the refund names no payment");
    };
    refunded(hand, event, refund.id.0.clone(), order.id(), Some((refund.amount, &refund.currency)))
}
