//! A redemption: one use of a reward, from its reservation to its end. Every row that changes it carries the whole of it,
//! so the newest row alone is read, and what it took can be given back years later.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::key::{Key, KeyMaker};
use crate::num::Num;
use crate::order::Use;
use crate::value::Text;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Reserved,
    Confirmed,
    /// Given up by the member or the shop before it was confirmed.
    Cancelled,
    /// Its hold ended.
    Lapsed,
    /// Confirmed, and taken back.
    Returned,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Redemption {
    /// Its name: the row that made it, and its number there.
    pub pos: u64,
    #[serde(default)]
    pub n: u16,
    pub reward: Text,
    pub quantity: Num,
    pub stage: Stage,
    pub at: Timestamp,
    /// Reserved: when it lapses. Confirmed: how long what was given can be used; for ever if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spent: Vec<Spent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Text>,
    /// Money: what it is worth, where the reward gives money or a discount of a known amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Num>,
    /// The order on which it was spent: refunded, the points come back in the same share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Text>,
    /// The rule that gave it; absent: the member asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Text>,
    /// Limits that it used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Use>,
    /// Share of the points that came back already, 0 to 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub back: Num,
}

/// Points that it took from one lot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    pub wallet: Text,
    pub lot: (u64, u16),
    pub amount: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Given back so far.
    #[serde(default)]
    pub returned: i64,
}

impl Redemption {
    /// Keys under which its row is found.
    pub fn keys(&self, keys: &KeyMaker) -> Vec<Key> {
        let mut all = vec![keys.redemption(self.pos, self.n)];
        all.extend(self.order.as_ref().map(|order| keys.order_spent(order)));
        all
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &Num) -> bool {
    n.is_zero()
}
