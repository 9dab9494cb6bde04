//! What is shown of a stored decision, and of what was told, at a glance: read from the same text, and the rest passed
//! over. For those who look at many rows and tell little of each.

use jiff::Timestamp;
use serde::Deserialize;

use crate::num::Num;
use crate::order::OrderItem;
use crate::outcome::{Emitted, Status, Transfer};
use crate::value::Text;

/// Of a `Decision`; the names are those under which it is stored.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Glance {
    #[serde(rename = "s")]
    pub status: Status,
    #[serde(rename = "t", default)]
    pub transfers: Vec<Transfer>,
    #[serde(rename = "msg", default)]
    pub emitted: Vec<Emitted>,
    #[serde(rename = "rd", default)]
    pub redemptions: Vec<Taken>,
    #[serde(rename = "o", default)]
    pub order: Option<Bought>,
}

/// Of a `Redemption`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Taken {
    pub reward: Text,
}

/// Of an `Order`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Bought {
    pub id: Text,
    pub at: Timestamp,
    #[serde(rename = "cur", default)]
    pub currency: Text,
    #[serde(rename = "t")]
    pub total: Num,
    #[serde(rename = "i", default)]
    pub items: Vec<OrderItem>,
    #[serde(rename = "b", default)]
    pub back: Num,
    #[serde(default)]
    pub closed: bool,
}

/// Of the data of an order event.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Told {
    #[serde(default)]
    pub items: Vec<Item>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Item {
    #[serde(default)]
    pub category: Option<Text>,
}

impl Bought {
    /// What was not given back.
    pub fn left(&self) -> Num {
        let back = self.items.iter().try_fold(self.back, |sum, item| item.total.mul(item.back)?.add(sum));
        let left = back.and_then(|back| self.total.sub(back)).unwrap_or(self.total);
        if self.closed { Num::ZERO } else { left.max(Num::ZERO) }
    }
}
