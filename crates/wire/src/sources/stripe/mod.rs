//! Stripe's events: checkout sessions and invoices that are paid, refunds, customers.
//! <https://docs.stripe.com/api/events/types>
//!
//! An order is known by its payment intent where one is named, because that is what a refund names; else by the
//! session or invoice. Where a session makes an invoice, the invoice is the order, so that it is not counted twice.
//! The id of an event is Stripe's own (`evt_…`, signed); those of refunds are in `refund`.

mod invoice;
mod refund;

use std::sync::Arc;

use domain::num::Num;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::canon::{Hand, Member, Name, Order};
use super::field::{Id, Person, lax};
use super::money::{digits, less, minor, not_negative, stripe_digits};
use super::{Bad, Decoded, parse, unreadable};
use crate::problem::Fault;

/// The envelope of every event.
#[derive(Deserialize)]
struct Event<'a> {
    id: Id,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
    #[serde(borrow, default)]
    previous_attributes: Option<&'a RawValue>,
}

impl Event<'_> {
    fn at(&self) -> Result<Timestamp, Fault> {
        Timestamp::from_second(self.created).map_err(|_| unreadable("`created` is out of range"))
    }
    fn name(&self) -> Name {
        Name::Fixed(self.id.0.clone())
    }
    fn ignored(&self, hand: &Hand<'_>, code: &'static str, message: &str) -> Result<Decoded, Fault> {
        let mut decoded = hand.ignored(&self.kind, &self.id.0, Some(self.at()?), code, message);
        Arc::make_mut(&mut decoded.input.event).id = self.id.0.as_str().into();
        Ok(decoded)
    }
}

/// `v2.core.event`: says that something happened to an object, and nothing of the object.
#[derive(Deserialize)]
struct Thin {
    id: Id,
    #[serde(default, deserialize_with = "lax")]
    object: String,
    #[serde(rename = "type")]
    kind: String,
}

pub(super) fn decode(hand: &Hand<'_>, text: &str) -> Result<Vec<Decoded>, Bad> {
    let thin: Thin = parse(text)?;
    if thin.object == "v2.core.event" {
        let message = "a thin event: subscribe to snapshot events";
        return Ok(vec![hand.ignored(&thin.kind, &thin.id.0, None, "webhook_thin", message)]);
    }
    let event: Event<'_> = parse(text)?;
    let object = event.data.object.get();
    Ok(match event.kind.as_str() {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            vec![session(hand, &event, parse(object)?)?]
        }
        "invoice.paid" => vec![invoice::paid(hand, &event, parse(object)?)?],
        "charge.refunded" => refund::charge(hand, &event, parse(object)?)?,
        "refund.created" | "refund.updated" | "charge.refund.updated" => {
            vec![refund::object(hand, &event, parse(object)?)?]
        }
        "customer.created" | "customer.updated" => vec![customer(hand, &event, parse(object)?)?],
        _ => vec![event.ignored(hand, "topic_unknown", "this type of event means nothing here")?],
    })
}

/// An amount in Stripe's minor units, without digits that the currency does not have.
fn amount(units: i64, currency: &str) -> Result<Num, Fault> {
    let amount = minor(units, stripe_digits(currency));
    if amount.exact_minor(digits(currency)).is_none() {
        return Err(unreadable("an amount has more digits than its currency"));
    }
    Ok(amount)
}

fn currency(code: &str) -> String {
    code.to_ascii_uppercase()
}

/// An id, or the object itself where Stripe has expanded it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reference {
    Id(String),
    Object { id: String },
}

impl Reference {
    fn id(&self) -> &str {
        match self {
            Reference::Id(id) | Reference::Object { id } => id,
        }
    }
}

#[derive(Deserialize)]
struct Session {
    id: Id,
    #[serde(default, deserialize_with = "lax")]
    mode: String,
    payment_status: String,
    #[serde(default)]
    payment_intent: Option<Reference>,
    #[serde(default)]
    invoice: Option<Reference>,
    #[serde(default, deserialize_with = "lax")]
    currency: String,
    #[serde(default)]
    amount_total: Option<i64>,
    #[serde(default, deserialize_with = "lax")]
    total_details: Details,
    #[serde(default)]
    shipping_cost: Option<Shipping>,
    #[serde(default)]
    customer: Option<Reference>,
    #[serde(default, deserialize_with = "lax")]
    customer_details: Contact,
    #[serde(default)]
    customer_email: Option<String>,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default, deserialize_with = "lax")]
    amount_discount: i64,
    #[serde(default, deserialize_with = "lax")]
    amount_shipping: i64,
    #[serde(default, deserialize_with = "lax")]
    amount_tax: i64,
}

#[derive(Default, Deserialize)]
struct Contact {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

#[derive(Deserialize)]
struct Shipping {
    #[serde(default, deserialize_with = "lax")]
    amount_tax: i64,
    #[serde(default, deserialize_with = "lax")]
    amount_total: i64,
}

impl Shipping {
    fn net(&self) -> i64 {
        self.amount_total.saturating_sub(self.amount_tax)
    }
}

fn session(hand: &Hand<'_>, event: &Event<'_>, session: Session) -> Result<Decoded, Fault> {
    if session.mode == "setup" {
        return event.ignored(hand, "order_not_paid", "a session of mode setup sells nothing");
    }
    if session.mode == "subscription" || session.invoice.is_some() {
        return event.ignored(
            hand,
            "invoice_follows",
            "the session has an invoice: invoice.paid is its order",
        );
    }
    if !matches!(session.payment_status.as_str(), "paid" | "no_payment_required") {
        let message = "not paid yet: checkout.session.async_payment_succeeded follows";
        return event.ignored(hand, "order_not_paid", message);
    }
    let who = Person::default()
        .maybe("stripe:customer", session.customer.as_ref().map(Reference::id))
        .maybe("email", session.customer_details.email.as_deref())
        .maybe("email", session.customer_email.as_deref())
        .maybe("phone", session.customer_details.phone.as_deref());
    if who.0.is_empty() {
        return event.ignored(hand, "customer_missing", "the session names no customer, e-mail or phone");
    }
    let id = session.payment_intent.as_ref().map_or(session.id.0.as_str(), Reference::id);
    let code = currency(&session.currency);
    let details = &session.total_details;
    let shipping = session.shipping_cost.as_ref().map_or(details.amount_shipping, Shipping::net);
    let [total, tax, shipping] =
        [session.amount_total.unwrap_or(0), details.amount_tax, shipping].map(|units| amount(units, &code));
    let (total, tax, shipping) = (total?, tax?, shipping?);
    let order = Order {
        id: hand.order_id(id),
        // What is left is right whether tax is inside the prices or on top of them.
        subtotal: not_negative(less(less(total, tax)?, shipping)?),
        discount: not_negative(amount(details.amount_discount, &code)?),
        region: hand.settings.region.clone(),
        total,
        tax: not_negative(tax),
        shipping: not_negative(shipping),
        currency: code,
        ..Order::default()
    };
    Ok(hand.event("order.paid", event.name(), who, event.at()?, &order))
}

#[derive(Deserialize)]
struct Customer {
    id: Id,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

fn customer(hand: &Hand<'_>, event: &Event<'_>, customer: Customer) -> Result<Decoded, Fault> {
    let who = Person::default()
        .named("stripe:customer", &customer.id.0)
        .maybe("email", customer.email.as_deref())
        .maybe("phone", customer.phone.as_deref());
    let kind = if event.kind == "customer.created" { "member.enrolled" } else { "member.updated" };
    Ok(hand.event(kind, event.name(), who, event.at()?, &Member::default()))
}
