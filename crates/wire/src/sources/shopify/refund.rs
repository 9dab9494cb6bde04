//! A Shopify refund: returned items by quantity, and money beside them.
//!
//! They are two events: the core takes items back by their recorded share and money by its share of the order, and
//! the line subtotals of a refund contain tax in a shop with taxes included, so they are no measure of what is beside.
//! Money beside is a discrepancy that is more than the items (Shopify writes it below zero); shipping is none.

use domain::num::Num;
use jiff::Timestamp;
use serde::Deserialize;

use super::is_a;
use super::order::Transaction;
use crate::problem::Fault;
use crate::sources::canon::{Hand, Name, Part, Refund as Canonical};
use crate::sources::field::{Dec, Id, Person, lax};
use crate::sources::money::{not_negative, sum};
use crate::sources::{Decoded, parse};

#[derive(Deserialize)]
struct Refund {
    id: Id,
    #[serde(default, rename = "admin_graphql_api_id")]
    gid: Option<String>,
    order_id: Id,
    created_at: Timestamp,
    #[serde(default)]
    processed_at: Option<Timestamp>,
    /// What shows that this is a refund.
    refund_line_items: Vec<Line>,
    #[serde(default, deserialize_with = "lax")]
    order_adjustments: Vec<Adjustment>,
    #[serde(default, deserialize_with = "lax")]
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Line {
    line_item_id: Id,
    quantity: Dec,
}

#[derive(Deserialize)]
struct Adjustment {
    amount: Dec,
    #[serde(default, deserialize_with = "lax")]
    kind: String,
}

impl Refund {
    fn beside(&self) -> Result<Num, Fault> {
        if self.refund_line_items.is_empty() && self.order_adjustments.is_empty() {
            return sum(self.transactions.iter().map(Transaction::refunded));
        }
        let goods = self.order_adjustments.iter().filter(|a| a.kind != "shipping_refund");
        Ok(not_negative(sum(goods.map(|a| a.amount.0.neg()))?))
    }
}

pub(super) fn decode(hand: &Hand<'_>, text: &str) -> Result<Vec<Decoded>, Fault> {
    let refund: Refund = parse(text)?;
    is_a(refund.gid.as_deref(), "Refund")?;
    let at = refund.processed_at.unwrap_or(refund.created_at);
    let order = hand.order_id(&refund.order_id.0);
    let event = |id: String, amount, items| {
        let data = Canonical { id: id.clone(), order: order.clone(), currency: String::new(), amount, items };
        hand.event(
            "order.refunded",
            Name::Fixed(format!("order.refunded:{id}")),
            Person::default(),
            at,
            &data,
        )
    };
    let mut events = Vec::new();
    let mut items: Vec<Part> = Vec::new();
    for line in refund.refund_line_items.iter().filter(|l| !l.quantity.0.is_zero()) {
        match items.iter_mut().find(|part| part.id == line.line_item_id.0) {
            Some(part) => part.quantity = sum([part.quantity, line.quantity.0])?,
            None => items.push(Part { id: line.line_item_id.0.clone(), quantity: line.quantity.0 }),
        }
    }
    if !items.is_empty() {
        events.push(event(refund.id.0.clone(), None, items));
    }
    let beside = refund.beside()?;
    if !beside.is_zero() {
        events.push(event(format!("{}:money", refund.id.0), Some(beside), Vec::new()));
    }
    if events.is_empty() {
        let message = "nothing of the goods came back (shipping, or no money yet)";
        events.push(hand.ignored("refunds/create", &refund.id.0, Some(at), "refund_without_goods", message));
    }
    Ok(events)
}
