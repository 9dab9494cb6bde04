//! A Shopify order as it stands: what was bought and paid, edits included, refunds not.
//!
//! Refunds are events of their own, so a line counts with what is on the order now plus what was refunded of it
//! (`current_quantity` falls with both edits and refunds). Amounts are in the shop's currency.

use domain::num::Num;
use jiff::Timestamp;
use serde::Deserialize;

use super::Fulfilment;
use crate::problem::Fault;
use crate::sources::canon::{Hand, Item, Order as Canonical};
use crate::sources::field::{Dec, Id, Person, lax, short, tags};
use crate::sources::money::{less, not_negative, rounded, share, sum, sum_of};

#[derive(Deserialize)]
pub(super) struct Order {
    pub(super) id: Id,
    #[serde(default, rename = "admin_graphql_api_id")]
    pub(super) gid: Option<String>,
    currency: String,
    /// With `line_items`, what shows that this is an order.
    financial_status: Option<String>,
    #[serde(default)]
    pub(super) fulfillment_status: Option<String>,
    pub(super) created_at: Timestamp,
    #[serde(default)]
    pub(super) processed_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) cancelled_at: Option<Timestamp>,
    total_price: Dec,
    #[serde(default)]
    current_total_price: Option<Dec>,
    #[serde(default, deserialize_with = "lax")]
    total_tax: Dec,
    #[serde(default, deserialize_with = "lax")]
    total_discounts: Dec,
    #[serde(default, deserialize_with = "lax")]
    taxes_included: bool,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    customer: Option<Customer>,
    line_items: Vec<Line>,
    #[serde(default, deserialize_with = "lax")]
    refunds: Vec<Refund>,
    #[serde(default, deserialize_with = "lax")]
    shipping_lines: Vec<Shipping>,
    #[serde(default, deserialize_with = "lax")]
    discount_codes: Vec<Code>,
    #[serde(default, deserialize_with = "lax")]
    tags: String,
    #[serde(default, deserialize_with = "lax")]
    source_name: String,
    #[serde(default)]
    location_id: Option<Id>,
    #[serde(default, deserialize_with = "lax")]
    pub(super) fulfillments: Vec<Fulfilment>,
}

#[derive(Deserialize)]
struct Customer {
    id: Id,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    id: Id,
    #[serde(default, deserialize_with = "lax")]
    sku: String,
    #[serde(default)]
    product_id: Option<Id>,
    #[serde(default, deserialize_with = "lax")]
    vendor: String,
    #[serde(default, deserialize_with = "lax")]
    product_type: String,
    #[serde(default, deserialize_with = "lax")]
    gift_card: bool,
    price: Dec,
    quantity: Dec,
    #[serde(default)]
    current_quantity: Option<Dec>,
    #[serde(default, deserialize_with = "lax")]
    total_discount: Dec,
    #[serde(default)]
    discount_allocations: Option<Vec<Allocation>>,
    #[serde(default, deserialize_with = "lax")]
    tax_lines: Vec<Tax>,
}

#[derive(Deserialize)]
struct Allocation {
    amount: Dec,
}

#[derive(Deserialize)]
struct Tax {
    price: Dec,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Shipping {
    #[serde(default)]
    price: Dec,
    #[serde(default)]
    discounted_price: Option<Dec>,
}

#[derive(Deserialize)]
struct Refund {
    #[serde(default, deserialize_with = "lax")]
    refund_line_items: Vec<Refunded>,
    #[serde(default, deserialize_with = "lax")]
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Refunded {
    line_item_id: Id,
    quantity: Dec,
}

#[derive(Deserialize)]
pub(super) struct Transaction {
    amount: Dec,
    #[serde(default, deserialize_with = "lax")]
    kind: String,
    #[serde(default, deserialize_with = "lax")]
    status: String,
}

impl Transaction {
    pub(super) fn refunded(&self) -> Num {
        if self.kind == "refund" && self.status == "success" { self.amount.0 } else { Num::ZERO }
    }
}

impl Order {
    /// Paid in full at some time; refunds later do not change that it was.
    pub(super) fn is_paid(&self) -> bool {
        matches!(self.financial_status.as_deref(), Some("paid" | "partially_refunded" | "refunded"))
    }

    pub(super) fn person(&self) -> Person {
        let mut who = Person::default();
        if let Some(customer) = &self.customer {
            who = who
                .named("shopify:customer", &customer.id.0)
                .maybe("email", customer.email.as_deref())
                .maybe("phone", customer.phone.as_deref());
        }
        who.maybe("email", self.email.as_deref()).maybe("phone", self.phone.as_deref())
    }

    pub(super) fn canonical(&self, hand: &Hand<'_>) -> Result<Canonical, Fault> {
        let mut edited = false;
        let mut items = Vec::with_capacity(self.line_items.len());
        for line in &self.line_items {
            let quantity = self.quantity(line)?;
            edited |= quantity != line.quantity.0;
            if !quantity.is_zero() {
                items.push(self.item(line, quantity)?);
            }
        }
        let subtotal = sum(items.iter().map(|i| i.total))?;
        let shipping = sum_of(&self.shipping_lines, |s| s.discounted_price.unwrap_or(s.price))?;
        Ok(Canonical {
            id: hand.order_id(&self.id.0),
            currency: self.currency.clone(),
            channel: short(&self.source_name),
            store: self.location_id.as_ref().map_or_else(String::new, |id| id.0.clone()),
            region: hand.settings.region.clone(),
            total: self.total(edited)?,
            subtotal,
            discount: not_negative(self.total_discounts.0),
            tax: not_negative(self.total_tax.0),
            shipping: not_negative(shipping),
            coupons: self.discount_codes.iter().take(50).map(|c| short(&c.code)).collect(),
            tags: tags(&self.tags),
            items,
        })
    }

    /// On the order now, and refunded.
    fn quantity(&self, line: &Line) -> Result<Num, Fault> {
        let Some(now) = line.current_quantity else { return Ok(line.quantity.0) };
        let parts = self.refunds.iter().flat_map(|r| &r.refund_line_items);
        let back = sum(parts.filter(|p| p.line_item_id == line.id).map(|p| p.quantity.0))?;
        Ok(sum([now.0, back])?.min(line.quantity.0))
    }

    fn item(&self, line: &Line, quantity: Num) -> Result<Item, Fault> {
        let gross = share(line.price.0, line.quantity.0, Num::ONE)?;
        let discount = match &line.discount_allocations {
            Some(list) => sum_of(list, |a| a.amount)?,
            None => line.total_discount.0,
        };
        let mut net = less(gross, discount)?;
        if self.taxes_included {
            net = less(net, sum_of(&line.tax_lines, |t| t.price)?)?;
        }
        let total = rounded(share(net, quantity, line.quantity.0)?, &self.currency)?;
        let item = Item {
            id: line.id.0.clone(),
            sku: short(&line.sku),
            product: line.product_id.as_ref().map_or_else(String::new, |id| id.0.clone()),
            category: if line.gift_card { "gift_card".to_owned() } else { short(&line.product_type) },
            brand: short(&line.vendor),
            quantity,
            total: not_negative(total),
            ..Item::default()
        };
        Ok(item.priced())
    }

    /// `current_total_price` has edits and refunds in it; what was refunded is added again.
    fn total(&self, edited: bool) -> Result<Num, Fault> {
        let total = match self.current_total_price {
            Some(now) if edited => {
                let back = self.refunds.iter().flat_map(|r| &r.transactions).map(Transaction::refunded);
                sum([now.0, sum(back)?])?
            }
            _ => self.total_price.0,
        };
        Ok(not_negative(total))
    }
}
