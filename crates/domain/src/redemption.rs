//! A redemption: one use of a reward, from its reservation to its end. Every row that changes it carries the whole of it,
//! so the newest row alone is read, and what it took can be given back years later.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::MemberNo;
use crate::key::{Key, KeyMaker};
use crate::num::Num;
use crate::order::Use;
use crate::sealed;
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
    /// Points that it gave.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earned: Vec<Earned>,
    /// Codes that it gave, one for each of the quantity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Text>,
    /// Imported codes that it was promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Text>,
    /// The row that confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<u64>,
    /// Money: what it is worth, where the reward gives money or a discount of a known amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Num>,
    /// The order on which it was spent: refunded, the points come back in the same share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Text>,
    /// The rule that gave it; absent: the member asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Text>,
    /// Limits and stock that it used, and how much.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<(Use, i64)>,
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
    /// Who had put it into the household.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<MemberNo>,
    /// Given back so far.
    #[serde(default)]
    pub returned: i64,
}

/// Points that it gave as one lot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Earned {
    pub wallet: Text,
    pub lot: (u64, u16),
    pub amount: i64,
}

impl Redemption {
    /// Keys under which this row of it is found: always its own; that of its order where it was made, those of its codes
    /// where they were given out.
    pub fn keys(&self, keys: &KeyMaker, row: u64) -> Vec<Key> {
        let mut all = vec![keys.redemption(self.pos, self.n)];
        if row == self.pos {
            all.extend(self.order.as_ref().map(|order| keys.order_spent(order)));
        }
        if Some(row) == self.confirmed {
            all.extend(self.codes.iter().map(|code| keys.code(code)));
        }
        all
    }

    pub fn is_open(&self) -> bool {
        self.stage == Stage::Reserved
    }
}

const PREFIX: &str = "red_";
/// Redemptions of one row: 2^16; rows: 2^48.
const N_BITS: u32 = 16;

/// Its public name: the row and number, sealed.
pub fn id(keys: &KeyMaker, pos: u64, n: u16) -> Text {
    assert!(pos < 1 << (64 - N_BITS), "a journal has fewer than 2^48 rows");
    let number = (pos << N_BITS) | u64::from(n);
    sealed::write(PREFIX, number, |round, half| keys.half(round, half)).into()
}

/// The row and number of a public name; None if the text is no such name.
pub fn parse(keys: &KeyMaker, id: &str) -> Option<(u64, u16)> {
    let number = sealed::read(PREFIX, id, |round, half| keys.half(round, half))?;
    Some((number >> N_BITS, number as u16))
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &Num) -> bool {
    n.is_zero()
}

#[test]
fn a_name_is_read_back_and_says_nothing() {
    let keys = KeyMaker([3; 16]);
    for (pos, n) in [(1, 0), (1, 1), (2, 0), ((1 << 48) - 1, u16::MAX)] {
        let id = id(&keys, pos, n);
        assert_eq!(parse(&keys, &id), Some((pos, n)));
        assert_eq!(parse(&keys, &id.to_uppercase().replace("RED_", "red_")), Some((pos, n)));
        assert_ne!(parse(&KeyMaker([4; 16]), &id), Some((pos, n)));
    }
    assert_eq!(parse(&keys, "red_1"), None);
    assert_eq!(parse(&keys, "mem_0000000000000"), None);
}
