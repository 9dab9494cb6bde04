//! WooCommerce's webhooks (REST v3 shapes): orders with their refunds, customers.
//! <https://woocommerce.github.io/woocommerce-rest-api-docs/#orders>
//!
//! The topic is unsigned and only chooses the shape. `order.updated` is sent for every change, so all that an order
//! says is told each time and counted once: it is paid (`processing`, `completed`), completed is fulfilled, cancelled
//! is cancelled, and each entry of `refunds` is a refund of money (the entries name no items). Line totals are after
//! discounts and before tax, also in shops that show prices with tax.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, de::Error};

use super::canon::{Delivery, Hand, Item, Member, Name, Order as Canonical, Refund as CanonicalRefund};
use super::field::{Dec, Id, Person, lax, short};
use super::money::{not_negative, sum, sum_of};
use super::{Bad, Decoded, parse, unreadable};
use crate::headers::Headers;
use crate::problem::Fault;

pub(super) fn decode(hand: &Hand<'_>, text: &str, headers: &Headers) -> Result<Vec<Decoded>, Bad> {
    let topic = headers.one("x-wc-webhook-topic").ok().flatten().unwrap_or("");
    match topic {
        "order.created" | "order.updated" | "order.restored" => orders(hand, topic, text),
        "customer.created" | "customer.updated" => Ok(vec![customer(hand, topic, text)?]),
        _ => {
            let any: Anything = parse(text)?;
            let id = any.id.map_or_else(String::new, |id| id.0);
            Ok(vec![hand.ignored(topic, &id, None, "topic_unknown", "this topic means nothing here")])
        }
    }
}

#[derive(Deserialize)]
struct Anything {
    #[serde(default, deserialize_with = "lax")]
    id: Option<Id>,
}

/// `2026-11-23T06:31:03` in UTC, as the `…_gmt` fields are written.
#[derive(Clone, Copy)]
struct Gmt(Timestamp);

impl<'de> Deserialize<'de> for Gmt {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Gmt, D::Error> {
        let text = String::deserialize(d)?;
        let civil: DateTime = text.trim_end_matches('Z').parse().map_err(|_| D::Error::custom("a time"))?;
        Offset::UTC.to_timestamp(civil).map(Gmt).map_err(|_| D::Error::custom("a time"))
    }
}

#[derive(Deserialize)]
struct Order {
    id: Id,
    status: String,
    currency: String,
    date_created_gmt: Gmt,
    #[serde(default)]
    date_modified_gmt: Option<Gmt>,
    #[serde(default)]
    date_paid_gmt: Option<Gmt>,
    #[serde(default)]
    date_completed_gmt: Option<Gmt>,
    total: Dec,
    #[serde(default)]
    total_tax: Dec,
    #[serde(default)]
    discount_total: Dec,
    #[serde(default)]
    shipping_total: Dec,
    #[serde(default)]
    customer_id: Option<Id>,
    #[serde(default, deserialize_with = "lax")]
    billing: Billing,
    #[serde(default, deserialize_with = "lax")]
    created_via: String,
    line_items: Vec<Line>,
    #[serde(default, deserialize_with = "lax")]
    coupon_lines: Vec<Coupon>,
    #[serde(default, deserialize_with = "lax")]
    refunds: Vec<Refund>,
}

#[derive(Default, Deserialize)]
struct Billing {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    id: Id,
    #[serde(default)]
    product_id: Option<Id>,
    #[serde(default, deserialize_with = "lax")]
    sku: String,
    quantity: Dec,
    total: Dec,
}

#[derive(Deserialize)]
struct Coupon {
    code: String,
}

#[derive(Deserialize)]
struct Refund {
    id: Id,
    /// Below zero.
    total: Dec,
}

impl Order {
    fn is_paid(&self) -> bool {
        matches!(self.status.as_str(), "processing" | "completed")
            || (matches!(self.status.as_str(), "refunded" | "cancelled") && self.date_paid_gmt.is_some())
    }

    fn person(&self, hand: &Hand<'_>) -> Person {
        // 0 is a guest.
        let customer = self.customer_id.as_ref().filter(|id| id.0 != "0");
        Person::default()
            .maybe("woocommerce:customer", customer.map(|id| hand.order_id(&id.0)).as_deref())
            .maybe("email", self.billing.email.as_deref())
            .maybe("phone", self.billing.phone.as_deref())
    }

    fn canonical(&self, hand: &Hand<'_>) -> Result<Canonical, Fault> {
        let items: Vec<Item> =
            self.line_items.iter().filter(|l| !l.quantity.0.is_zero()).map(Line::item).collect();
        Ok(Canonical {
            id: hand.order_id(&self.id.0),
            currency: self.currency.clone(),
            channel: short(&self.created_via),
            region: hand.settings.region.clone(),
            total: not_negative(self.total.0),
            subtotal: not_negative(sum(items.iter().map(|i| i.total))?),
            discount: not_negative(self.discount_total.0),
            tax: not_negative(self.total_tax.0),
            shipping: not_negative(self.shipping_total.0),
            coupons: self.coupon_lines.iter().take(50).map(|c| short(&c.code)).collect(),
            items,
            ..Canonical::default()
        })
    }
}

impl Line {
    fn item(&self) -> Item {
        let item = Item {
            id: self.id.0.clone(),
            sku: short(&self.sku),
            product: self.product_id.as_ref().map_or_else(String::new, |id| id.0.clone()),
            quantity: self.quantity.0,
            total: not_negative(self.total.0),
            ..Item::default()
        };
        item.priced()
    }
}

fn orders(hand: &Hand<'_>, topic: &str, text: &str) -> Result<Vec<Decoded>, Bad> {
    let order: Order = parse(text)?;
    let changed = order.date_modified_gmt.unwrap_or(order.date_created_gmt).0;
    let who = order.person(hand);
    let ignored = |code, message| {
        let version = format!("{}:{changed}", order.id.0);
        Ok(vec![hand.ignored(topic, &version, Some(changed), code, message)])
    };
    if !order.is_paid() {
        return ignored("order_not_paid", "its status is none of a paid order");
    }
    if who.0.is_empty() {
        return ignored("customer_missing", "the order names no customer, e-mail or phone");
    }
    let id = order.id.0.as_str();
    let named = || Name::Content(id.to_owned());
    let data = order.canonical(hand)?;
    let placed = order.date_paid_gmt.unwrap_or(order.date_created_gmt).0;
    let mut events = vec![hand.event("order.paid", named(), who.clone(), placed, &data)];
    let delivery = Delivery { order: data.id.clone(), items: Vec::new() };
    if order.status == "completed" {
        let at = order.date_completed_gmt.map_or(changed, |at| at.0);
        events.push(hand.event("order.fulfilled", named(), Person::default(), at, &delivery));
    }
    if topic == "order.updated" && matches!(order.status.as_str(), "processing" | "completed") {
        events.push(hand.event("order.updated", Name::ContentAt(id.to_owned()), who, changed, &data));
    }
    for refund in &order.refunds {
        events.push(refunded(hand, &data, &refund.id.0, Some(not_negative(refund.total.0.neg())), changed));
    }
    if order.status == "cancelled" {
        events.push(hand.event("order.cancelled", named(), Person::default(), changed, &delivery));
    }
    let back = sum_of(&order.refunds, |r| r.total)?.neg();
    if order.status == "refunded" && back < order.total.0 {
        // By hand, without a refund for all of it.
        events.push(refunded(hand, &data, &format!("{id}:all"), None, changed));
    }
    Ok(events)
}

fn refunded(
    hand: &Hand<'_>,
    order: &Canonical,
    id: &str,
    amount: Option<domain::num::Num>,
    at: Timestamp,
) -> Decoded {
    let currency = if amount.is_some() { order.currency.clone() } else { String::new() };
    let data = CanonicalRefund {
        id: hand.order_id(id),
        order: order.id.clone(),
        currency,
        amount,
        items: Vec::new(),
    };
    let name = Name::Fixed(format!("order.refunded:{id}"));
    hand.event("order.refunded", name, Person::default(), at, &data)
}

#[derive(Deserialize)]
struct Customer {
    id: Id,
    #[serde(default)]
    email: Option<String>,
    #[serde(default, deserialize_with = "lax")]
    billing: Billing,
    date_created_gmt: Gmt,
    #[serde(default)]
    date_modified_gmt: Option<Gmt>,
    // What only an order has.
    #[serde(default)]
    line_items: Option<serde::de::IgnoredAny>,
}

fn customer(hand: &Hand<'_>, topic: &str, text: &str) -> Result<Decoded, Fault> {
    let customer: Customer = parse(text)?;
    if customer.line_items.is_some() {
        return Err(unreadable("the body is no customer"));
    }
    let who = Person::default()
        .named("woocommerce:customer", &hand.order_id(&customer.id.0))
        .maybe("email", customer.email.as_deref())
        .maybe("phone", customer.billing.phone.as_deref());
    let (created, id) = (customer.date_created_gmt.0, customer.id.0);
    Ok(if topic == "customer.created" {
        hand.event("member.enrolled", Name::Content(id), who, created, &Member::default())
    } else {
        let at = customer.date_modified_gmt.map_or(created, |at| at.0);
        hand.event("member.updated", Name::ContentAt(id), who, at, &Member::default())
    })
}
