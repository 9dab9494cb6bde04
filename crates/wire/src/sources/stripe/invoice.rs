//! A paid Stripe invoice as an order. Its lines become items where they add up to what was sold, and none otherwise:
//! half a picture would give wrong shares to a return.
//!
//! Since API version 2025-03-31 an invoice names its payment intent only under `payments`, which is not sent unless
//! expanded; then the order has the invoice's own id, and a refund that names the intent waits for an order that
//! does not come. A webhook endpoint pinned to an earlier version has the intent.

use serde::Deserialize;

use super::{Event, Reference, Shipping, amount, currency};
use crate::problem::Fault;
use crate::sources::Decoded;
use crate::sources::canon::{Hand, Item, Order};
use crate::sources::field::{Dec, Id, Person, lax};
use crate::sources::money::{less, not_negative, sum};

#[derive(Deserialize)]
pub(super) struct Invoice {
    id: Id,
    currency: String,
    total: i64,
    #[serde(default)]
    total_excluding_tax: Option<i64>,
    /// Before 2025-03-31.
    #[serde(default)]
    tax: Option<i64>,
    #[serde(default, deserialize_with = "lax")]
    total_taxes: Vec<Part>,
    #[serde(default, deserialize_with = "lax")]
    total_discount_amounts: Vec<Part>,
    #[serde(default)]
    shipping_cost: Option<Shipping>,
    #[serde(default)]
    payment_intent: Option<Reference>,
    #[serde(default, deserialize_with = "lax")]
    payments: List<Payment>,
    #[serde(default)]
    customer: Option<Reference>,
    #[serde(default)]
    customer_email: Option<String>,
    #[serde(default)]
    customer_phone: Option<String>,
    #[serde(default, deserialize_with = "lax")]
    lines: List<Line>,
}

#[derive(Deserialize)]
struct Part {
    amount: i64,
}

#[derive(Deserialize)]
struct List<T> {
    data: Vec<T>,
    #[serde(default)]
    has_more: bool,
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List { data: Vec::new(), has_more: false }
    }
}

#[derive(Deserialize)]
struct Payment {
    #[serde(default)]
    payment: Option<Payer>,
}

#[derive(Deserialize)]
struct Payer {
    #[serde(default)]
    payment_intent: Option<Reference>,
}

#[derive(Deserialize)]
struct Line {
    id: Id,
    amount: i64,
    #[serde(default)]
    quantity: Option<Dec>,
    #[serde(default, deserialize_with = "lax")]
    discount_amounts: Vec<Part>,
    #[serde(default, deserialize_with = "lax")]
    tax_amounts: Vec<Tax>,
    #[serde(default, deserialize_with = "lax")]
    taxes: Vec<Tax>,
    #[serde(default)]
    price: Option<Price>,
    #[serde(default)]
    pricing: Option<Pricing>,
}

#[derive(Deserialize)]
struct Tax {
    amount: i64,
    #[serde(default)]
    inclusive: bool,
    #[serde(default, deserialize_with = "lax")]
    tax_behavior: String,
}

#[derive(Deserialize)]
struct Price {
    #[serde(default)]
    product: Option<Reference>,
}

#[derive(Deserialize)]
struct Pricing {
    #[serde(default)]
    price_details: Option<Price>,
}

impl Invoice {
    fn order_id(&self) -> &str {
        let listed = self.payments.data.iter().find_map(|p| p.payment.as_ref()?.payment_intent.as_ref());
        self.payment_intent.as_ref().or(listed).map_or(self.id.0.as_str(), Reference::id)
    }

    fn tax_units(&self) -> i64 {
        match (self.total_excluding_tax, self.tax) {
            (Some(net), _) => self.total.saturating_sub(net),
            (None, Some(tax)) => tax,
            (None, None) => self.total_taxes.iter().fold(0, |n: i64, t| n.saturating_add(t.amount)),
        }
    }

    fn items(&self, code: &str) -> Result<Vec<Item>, Fault> {
        if self.lines.has_more {
            return Ok(Vec::new());
        }
        self.lines.data.iter().map(|line| line.item(code)).collect()
    }
}

impl Line {
    fn item(&self, code: &str) -> Result<Item, Fault> {
        let inside = |t: &&Tax| t.inclusive || t.tax_behavior == "inclusive";
        let taxes = self.tax_amounts.iter().chain(&self.taxes).filter(inside).map(|t| t.amount);
        let off = self.discount_amounts.iter().map(|d| d.amount).chain(taxes);
        let units = off.fold(self.amount, i64::saturating_sub);
        let product = self.price.as_ref().or(self.pricing.as_ref().and_then(|p| p.price_details.as_ref()));
        let product = product.and_then(|p| p.product.as_ref()).map_or("", Reference::id);
        let quantity = self.quantity.map_or(domain::num::Num::ONE, |q| q.0);
        let total = amount(units, code)?;
        Ok(Item { id: self.id.0.clone(), product: product.to_owned(), quantity, total, ..Item::default() }
            .priced())
    }
}

pub(super) fn paid(hand: &Hand<'_>, event: &Event<'_>, invoice: Invoice) -> Result<Decoded, Fault> {
    let who = Person::default()
        .maybe("stripe:customer", invoice.customer.as_ref().map(Reference::id))
        .maybe("email", invoice.customer_email.as_deref())
        .maybe("phone", invoice.customer_phone.as_deref());
    if who.0.is_empty() {
        return event.ignored(hand, "customer_missing", "the invoice names no customer or e-mail");
    }
    let code = currency(&invoice.currency);
    let total = amount(invoice.total, &code)?;
    if total.is_negative() {
        return event.ignored(hand, "order_negative", "the invoice gives money back");
    }
    let tax = amount(invoice.tax_units(), &code)?;
    let shipping = amount(invoice.shipping_cost.as_ref().map_or(0, Shipping::net), &code)?;
    let discounts = invoice.total_discount_amounts.iter().fold(0, |n: i64, d| n.saturating_add(d.amount));
    let subtotal = not_negative(less(less(total, tax)?, shipping)?);
    let mut items = invoice.items(&code)?;
    let whole = sum(items.iter().map(|i| i.total))? == subtotal;
    if !whole || items.iter().any(|i| i.total.is_negative() || i.quantity.is_zero()) {
        items.clear();
    }
    let order = Order {
        id: hand.order_id(invoice.order_id()),
        region: hand.settings.region.clone(),
        total,
        subtotal,
        discount: not_negative(amount(discounts, &code)?),
        tax: not_negative(tax),
        shipping: not_negative(shipping),
        currency: code,
        items,
        ..Order::default()
    };
    Ok(hand.event("order.paid", event.name(), who, event.at()?, &order))
}
