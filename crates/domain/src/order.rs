//! What is remembered of an order: enough to take back exactly what it gave, whatever the program says by then.
//! Every row that changes an order carries the whole of it, so the newest row alone is read.

use serde::{Deserialize, Serialize};

use crate::event::MemberNo;
use crate::num::Num;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub id: Box<str>,
    pub member: MemberNo,
    /// Program version under which it earned.
    pub version: u32,
    /// When it was paid.
    pub at: jiff::Timestamp,
    pub total: Num,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<OrderItem>,
    /// Refunded by amount, beside what was refunded by item.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub back: Num,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<Count>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderItem {
    pub id: Box<str>,
    pub quantity: Num,
    pub total: Num,
    /// Share of it that came back, 0 to 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub back: Num,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    pub rule: Box<str>,
    pub wallet: Box<str>,
    /// Journal row and number of the lot.
    pub pos: u64,
    pub n: u16,
    pub granted: i64,
    #[serde(default)]
    pub reversed: i64,
    /// What each item contributed; sums to `granted`. Empty if the order had no items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<i64>,
    /// Limits that it used: (limit, window).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<(Box<str>, i64)>,
}

/// What a counter counted for it, by item (or one part for the whole), and in which window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Count {
    pub counter: Box<str>,
    pub window: i64,
    pub parts: Vec<Num>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reversed: Num,
}

fn is_zero(n: &Num) -> bool {
    n.is_zero()
}
