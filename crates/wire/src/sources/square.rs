//! Square's events: payments, refunds, customers. <https://developer.squareup.com/reference/square/webhooks>
//!
//! A completed payment is an order and has the payment's id: an order may be paid in several parts, and a refund
//! names the payment. `order.…` and `loyalty.…` are thin or another scheme's and are ignored. The id of an event is
//! Square's `event_id` (signed), that of a refund its own, so several states of one refund are counted once.

use std::sync::Arc;

use domain::num::Num;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::canon::{Hand, Member, Name, Order, Refund as Canonical};
use super::field::{Id, Person, lax, short};
use super::money::{digits, less, minor, not_negative};
use super::{Bad, Decoded, parse, unreadable};
use crate::problem::Fault;

#[derive(Deserialize)]
struct Event<'a> {
    event_id: Id,
    #[serde(rename = "type")]
    kind: String,
    created_at: Timestamp,
    #[serde(borrow, default)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Object<T> {
    #[serde(alias = "payment", alias = "refund", alias = "customer")]
    inner: T,
}

#[derive(Deserialize)]
struct Money {
    amount: i64,
    currency: String,
}

impl Money {
    fn value(&self) -> Num {
        minor(self.amount, digits(&self.currency))
    }
}

#[derive(Deserialize)]
struct Payment {
    id: Id,
    status: String,
    created_at: Timestamp,
    #[serde(default)]
    updated_at: Option<Timestamp>,
    amount_money: Money,
    #[serde(default)]
    total_money: Option<Money>,
    #[serde(default)]
    customer_id: Option<Id>,
    #[serde(default)]
    buyer_email_address: Option<String>,
    #[serde(default, deserialize_with = "lax")]
    location_id: String,
    #[serde(default, deserialize_with = "lax")]
    source_type: String,
}

#[derive(Deserialize)]
struct Refund {
    id: Id,
    status: String,
    amount_money: Money,
    #[serde(default)]
    payment_id: Option<Id>,
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct Customer {
    id: Id,
    #[serde(default)]
    email_address: Option<String>,
    #[serde(default)]
    phone_number: Option<String>,
}

impl Event<'_> {
    fn object<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Fault> {
        let object = self.data.as_ref().and_then(|d| d.object);
        let object = object.ok_or_else(|| unreadable("the event has no data.object"))?;
        parse::<Object<T>>(object.get()).map(|o| o.inner)
    }
    fn name(&self) -> Name {
        Name::Fixed(self.event_id.0.clone())
    }
    fn ignored(&self, hand: &Hand<'_>, code: &'static str, message: &str) -> Decoded {
        let mut decoded = hand.ignored(&self.kind, &self.event_id.0, Some(self.created_at), code, message);
        Arc::make_mut(&mut decoded.input.event).id = self.event_id.0.as_str().into();
        decoded
    }
}

pub(super) fn decode(hand: &Hand<'_>, text: &str) -> Result<Vec<Decoded>, Bad> {
    let event: Event<'_> = parse(text)?;
    let decoded = match event.kind.as_str() {
        "payment.created" | "payment.updated" => payment(hand, &event, event.object()?)?,
        "refund.created" | "refund.updated" => refund(hand, &event, event.object()?),
        "customer.created" | "customer.updated" => customer(hand, &event, event.object()?),
        kind if kind.starts_with("order.") => event.ignored(
            hand,
            "webhook_thin",
            "the event names an order and says nothing of it: payments count",
        ),
        kind if kind.starts_with("loyalty.") => {
            event.ignored(hand, "other_scheme", "events of Square's own loyalty scheme are not counted")
        }
        _ => event.ignored(hand, "topic_unknown", "this type of event means nothing here"),
    };
    Ok(vec![decoded])
}

fn payment(hand: &Hand<'_>, event: &Event<'_>, payment: Payment) -> Result<Decoded, Fault> {
    if payment.status != "COMPLETED" {
        return Ok(event.ignored(hand, "order_not_paid", "the payment is not completed"));
    }
    let who = Person::default()
        .maybe("square:customer", payment.customer_id.as_ref().map(|id| id.0.as_str()))
        .maybe("email", payment.buyer_email_address.as_deref());
    if who.0.is_empty() {
        return Ok(event.ignored(hand, "customer_missing", "the payment names no customer or e-mail"));
    }
    // `amount_money` is without the tip, which `total_money` has; a payment does not tell its tax.
    let subtotal = payment.amount_money.value();
    let total = payment.total_money.as_ref().map_or(subtotal, Money::value);
    less(total, subtotal)?;
    let order = Order {
        id: hand.order_id(&payment.id.0),
        currency: payment.amount_money.currency.clone(),
        channel: short(&payment.source_type.to_ascii_lowercase()),
        store: short(&payment.location_id),
        region: hand.settings.region.clone(),
        total: not_negative(total),
        subtotal: not_negative(subtotal),
        ..Order::default()
    };
    let at = payment.updated_at.unwrap_or(payment.created_at).min(event.created_at);
    Ok(hand.event("order.paid", event.name(), who, at, &order))
}

fn refund(hand: &Hand<'_>, event: &Event<'_>, refund: Refund) -> Decoded {
    if refund.status != "COMPLETED" {
        return event.ignored(hand, "refund_not_done", "the refund is not completed");
    }
    let Some(payment) = &refund.payment_id else {
        return event.ignored(hand, "order_missing", "the refund names no payment");
    };
    let data = Canonical {
        id: refund.id.0.clone(),
        order: hand.order_id(&payment.0),
        currency: refund.amount_money.currency.clone(),
        amount: Some(refund.amount_money.value()),
        items: Vec::new(),
    };
    let name = Name::Fixed(format!("order.refunded:{}", refund.id.0));
    hand.event("order.refunded", name, Person::default(), refund.created_at, &data)
}

fn customer(hand: &Hand<'_>, event: &Event<'_>, customer: Customer) -> Decoded {
    let who = Person::default()
        .named("square:customer", &customer.id.0)
        .maybe("email", customer.email_address.as_deref())
        .maybe("phone", customer.phone_number.as_deref());
    let kind = if event.kind == "customer.created" { "member.enrolled" } else { "member.updated" };
    hand.event(kind, event.name(), who, event.created_at, &Member::default())
}
