//! Shopify's webhooks (REST shapes): orders, refunds, customers.
//! <https://shopify.dev/docs/api/webhooks>, <https://shopify.dev/docs/api/admin-rest/latest/resources/order>
//!
//! The topic stands in an unsigned header, so it only chooses the shape; the body must have it, and what became of
//! an order is read from the order itself. An order is paid when `financial_status` says so, whatever the topic: each
//! topic that finds it paid says `order.paid`, and the core counts an order once.
//! `orders/edited` and fulfilment topics of other resources are thin: what they change comes as `orders/updated`.

mod order;
mod refund;

use jiff::Timestamp;
use serde::Deserialize;

use super::canon::{Delivery, Hand, Member, Name, Part};
use super::field::{Dec, Id, Person, lax, tags};
use super::{Bad, Decoded, parse, unreadable};
use crate::headers::Headers;
use crate::problem::Fault;
use order::Order;

pub(super) fn decode(hand: &Hand<'_>, text: &str, headers: &Headers) -> Result<Vec<Decoded>, Bad> {
    let named = |name| headers.one(name).ok().flatten();
    let topic = named("shopify-topic").or_else(|| named("x-shopify-topic")).unwrap_or("");
    match topic {
        "orders/create"
        | "orders/paid"
        | "orders/updated"
        | "orders/fulfilled"
        | "orders/partially_fulfilled"
        | "orders/cancelled" => orders(hand, topic, text),
        "refunds/create" => Ok(refund::decode(hand, text)?),
        "customers/create" | "customers/update" => Ok(vec![customer(hand, topic, text)?]),
        _ => Ok(vec![unknown(hand, topic, text)?]),
    }
}

/// `gid://shopify/Order/1`: where it is given, the signed body itself says what it is.
fn is_a(gid: Option<&str>, kind: &str) -> Result<(), Fault> {
    let other = gid.is_some_and(|gid| !gid.starts_with(&format!("gid://shopify/{kind}/")));
    if other { Err(unreadable("the body is another resource than the topic says")) } else { Ok(()) }
}

#[derive(Deserialize)]
struct Anything {
    #[serde(default, deserialize_with = "lax")]
    id: Option<Id>,
    #[serde(default, deserialize_with = "lax")]
    updated_at: Option<Timestamp>,
}

fn unknown(hand: &Hand<'_>, topic: &str, text: &str) -> Result<Decoded, Fault> {
    // A body without a usable id is kept too.
    let any: Anything = serde_json::from_str(text).unwrap_or(Anything { id: None, updated_at: None });
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| unreadable(&e.to_string()))?;
    let id = any.id.map_or_else(
        || hex::encode(&crate::cloudevents::body_hash(topic, "", "", text.as_bytes())[..8]),
        |id| id.0,
    );
    let (code, message) = match topic {
        "orders/edited" => ("webhook_thin", "the edited order comes as orders/updated"),
        "customers/redact" | "customers/data_request" | "shop/redact" => {
            ("privacy_request", "somebody asks for his data or their erasure: a person has to answer")
        }
        _ => ("topic_unknown", "this topic means nothing here"),
    };
    Ok(hand.ignored(topic, &version(&id, any.updated_at), any.updated_at, code, message))
}

fn version(id: &str, at: Option<Timestamp>) -> String {
    at.map_or_else(|| id.to_owned(), |at| format!("{id}:{at}"))
}

fn orders(hand: &Hand<'_>, topic: &str, text: &str) -> Result<Vec<Decoded>, Bad> {
    let order: Order = parse(text)?;
    is_a(order.gid.as_deref(), "Order")?;
    let who = order.person();
    let ignored = |code, message| {
        let version = version(&order.id.0, order.updated_at);
        Ok(vec![hand.ignored(topic, &version, order.updated_at, code, message)])
    };
    if !order.is_paid() {
        return ignored("order_not_paid", "its financial_status is not paid");
    }
    if who.0.is_empty() {
        return ignored("customer_missing", "the order names no customer, e-mail or phone");
    }
    let placed = order.processed_at.unwrap_or(order.created_at);
    let data = order.canonical(hand)?;
    let id = order.id.0.as_str();
    let mut events = vec![hand.event("order.paid", Name::Content(id.to_owned()), who.clone(), placed, &data)];
    if let Some(at) = order.cancelled_at {
        let data = Delivery { order: data.id, items: Vec::new() };
        events.push(hand.event(
            "order.cancelled",
            Name::Content(id.to_owned()),
            Person::default(),
            at,
            &data,
        ));
        return Ok(events);
    }
    if topic == "orders/updated" {
        let at = order.updated_at.unwrap_or(placed);
        events.push(hand.event("order.updated", Name::ContentAt(id.to_owned()), who, at, &data));
    }
    if matches!(topic, "orders/fulfilled" | "orders/partially_fulfilled") {
        events.extend(fulfilments(hand, &order, &data.id));
    }
    Ok(events)
}

#[derive(Deserialize)]
struct Fulfilment {
    id: Id,
    #[serde(default)]
    status: Option<String>,
    created_at: Timestamp,
    #[serde(default, deserialize_with = "lax")]
    line_items: Vec<Fulfilled>,
}

#[derive(Deserialize)]
struct Fulfilled {
    id: Id,
    quantity: Dec,
}

/// One event for each parcel that went out; one without items when everything has.
fn fulfilments(hand: &Hand<'_>, order: &Order, order_id: &str) -> Vec<Decoded> {
    let gone: Vec<&Fulfilment> =
        order.fulfillments.iter().filter(|f| f.status.as_deref() == Some("success")).collect();
    let all = order.fulfillment_status.as_deref() == Some("fulfilled");
    let event = |name: String, at, items| {
        let data = Delivery { order: order_id.to_owned(), items };
        hand.event(
            "order.fulfilled",
            Name::Fixed(format!("order.fulfilled:{name}")),
            Person::default(),
            at,
            &data,
        )
    };
    let last = gone.iter().map(|f| f.created_at).max().or(order.updated_at).unwrap_or(order.created_at);
    if all {
        return vec![event(order.id.0.clone(), last, Vec::new())];
    }
    let parts = |f: &Fulfilment| {
        f.line_items.iter().map(|l| Part { id: l.id.0.clone(), quantity: l.quantity.0 }).collect()
    };
    gone.iter().map(|f| event(format!("{}:{}", order.id.0, f.id.0), f.created_at, parts(f))).collect()
}

#[derive(Deserialize)]
struct Customer {
    id: Id,
    #[serde(default, rename = "admin_graphql_api_id")]
    gid: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    tags: Option<String>,
    created_at: Timestamp,
    #[serde(default)]
    updated_at: Option<Timestamp>,
    // What only an order or a refund has.
    #[serde(default)]
    line_items: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    financial_status: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    refund_line_items: Option<serde::de::IgnoredAny>,
}

fn customer(hand: &Hand<'_>, topic: &str, text: &str) -> Result<Decoded, Fault> {
    let customer: Customer = parse(text)?;
    is_a(customer.gid.as_deref(), "Customer")?;
    let other = [&customer.line_items, &customer.financial_status, &customer.refund_line_items];
    if other.iter().any(|o| o.is_some()) {
        return Err(unreadable("the body is no customer"));
    }
    let who = Person::default()
        .named("shopify:customer", &customer.id.0)
        .maybe("email", customer.email.as_deref())
        .maybe("phone", customer.phone.as_deref());
    let member = Member { tags: customer.tags.as_deref().map(tags) };
    let id = customer.id.0;
    Ok(if topic == "customers/create" {
        hand.event("member.enrolled", Name::Content(id), who, customer.created_at, &member)
    } else {
        let at = customer.updated_at.unwrap_or(customer.created_at);
        hand.event("member.updated", Name::ContentAt(id), who, at, &member)
    })
}
