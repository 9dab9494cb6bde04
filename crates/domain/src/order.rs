//! What is remembered of an order: enough to take back exactly what it gave, whatever the program says by then.
//! Every row that changes an order carries the whole of it, so the newest row alone is read. Stored names are short.

use serde::{Deserialize, Serialize};

use crate::event::MemberNo;
use crate::num::Num;
use crate::value::Text;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub id: Text,
    #[serde(rename = "m")]
    pub member: MemberNo,
    /// Program version under which it earned.
    #[serde(rename = "v")]
    pub version: u32,
    /// The row that first told of it: its state as seen by the rules is there.
    #[serde(rename = "p")]
    pub pos: u64,
    /// When it was paid.
    pub at: jiff::Timestamp,
    /// Time of the newest `order.updated` that was applied: an older one tells nothing new.
    #[serde(rename = "ed", default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<jiff::Timestamp>,
    #[serde(rename = "cur", default, skip_serializing_if = "is_empty")]
    pub currency: Text,
    #[serde(rename = "t")]
    pub total: Num,
    #[serde(rename = "i", default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<OrderItem>,
    /// Refunded by amount, beside what was refunded by item.
    #[serde(rename = "b", default, skip_serializing_if = "is_zero")]
    pub back: Num,
    /// Cancelled or refunded as a whole: nothing that follows earns again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
    /// Ids of the refunds that were applied, so that one told twice under two event ids counts once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<Text>,
    /// Rules that applied on later events of the order (`order.fulfilled`); each pays an order once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applied: Vec<Text>,
    /// What became of it as a whole, and when: what its points wait for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub came: Vec<(Text, jiff::Timestamp)>,
    /// Of each item, how much of it was fulfilled so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<Num>,
    /// Items of which more came back than the edited order holds: so many pieces, should they be put in again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub less: Vec<OrderItem>,
    #[serde(rename = "g", default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<Count>,
}

/// Stored as `[id, total, quantity, back]`, without what is usual at the end (a quantity of 1, nothing back).
#[derive(Clone, Debug, PartialEq)]
pub struct OrderItem {
    pub id: Text,
    pub quantity: Num,
    pub total: Num,
    /// Share of it that came back, 0 to 1.
    pub back: Num,
}

impl Serialize for OrderItem {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match (self.quantity == Num::ONE, self.back.is_zero()) {
            (true, true) => (&self.id, self.total).serialize(s),
            (false, true) => (&self.id, self.total, self.quantity).serialize(s),
            (_, false) => (&self.id, self.total, self.quantity, self.back).serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for OrderItem {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<OrderItem, D::Error> {
        let parts: Vec<Text> = Vec::deserialize(d)?;
        let bad = || serde::de::Error::custom("an item is [id, total, quantity, back]");
        let num = |at: usize, usual: Num| match parts.get(at) {
            Some(text) => Num::parse(text).and_then(Result::ok).ok_or_else(bad),
            None => Ok(usual),
        };
        let (total, quantity, back) = (num(1, Num::ZERO)?, num(2, Num::ONE)?, num(3, Num::ZERO)?);
        let id = parts.into_iter().next().ok_or_else(bad)?;
        Ok(OrderItem { id, quantity, total, back })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    #[serde(rename = "r")]
    pub rule: Text,
    #[serde(rename = "w")]
    pub wallet: Text,
    /// Journal row and number of the lot; row 0 stands for the order's own.
    #[serde(rename = "p", default, skip_serializing_if = "is_zero_pos")]
    pub pos: u64,
    #[serde(default, skip_serializing_if = "is_zero16")]
    pub n: u16,
    #[serde(rename = "g")]
    pub granted: i64,
    /// Taken back so far (or forgiven, or owed).
    #[serde(rename = "b", default, skip_serializing_if = "is_zero64")]
    pub reversed: i64,
    /// What each item contributed; sums to `granted`. Empty if the order had no items.
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    pub shares: Vec<i64>,
    /// Limits that it used.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Use>,
}

impl Grant {
    pub fn lot(&self, order: &Order) -> (u64, u16) {
        (if self.pos == 0 { order.pos } else { self.pos }, self.n)
    }
}

/// A limit used by a grant, and in which window, so that a refund frees it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    #[serde(rename = "l")]
    pub limit: Text,
    /// Start of the window, or the instant in a rolling one, as seconds.
    #[serde(rename = "w", default, skip_serializing_if = "is_zero64")]
    pub window: i64,
    /// It counts times, not points.
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub times: bool,
    /// It is a budget of all members.
    #[serde(rename = "all", default, skip_serializing_if = "std::ops::Not::not")]
    pub across: bool,
}

/// What a counter counted for it, by item (or one part for the whole), and in which window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Count {
    #[serde(rename = "c")]
    pub counter: Text,
    #[serde(rename = "w", default, skip_serializing_if = "is_zero64")]
    pub window: i64,
    #[serde(rename = "n")]
    pub parts: Vec<Num>,
    #[serde(rename = "b", default, skip_serializing_if = "is_zero")]
    pub reversed: Num,
    /// Hashes of the values that it showed to a counter of different values, by item (or one); null once taken back.
    #[serde(rename = "v", default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Option<u64>>,
}

fn is_zero(n: &Num) -> bool {
    n.is_zero()
}
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero_pos(n: &u64) -> bool {
    *n == 0
}
#[allow(clippy::borrowed_box)]
fn is_empty(text: &Text) -> bool {
    text.is_empty()
}
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero64(n: &i64) -> bool {
    *n == 0
}
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero16(n: &u16) -> bool {
    *n == 0
}
