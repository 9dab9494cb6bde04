//! A member: one small document that holds all that rules may ask. Its size is bounded: old windows are dropped,
//! old lots with the same dates are joined.

use serde::{Deserialize, Serialize};

use crate::event::MemberNo;
use crate::identity::Identity;
use crate::num::Num;
use crate::value::Text;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub no: MemberNo,
    pub enrolled_at: jiff::Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identity>,
    /// `region`, `birthday`, `tags`, `referred` and what the program declares, as JSON.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub fields: serde_json::Map<String, serde_json::Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wallets: Vec<WalletState>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<CounterState>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitState>,
    /// Position of this member's newest row in the journal; each row names the one before it.
    pub last_pos: u64,
    /// Changes so far: `member_seq` of the next is one more.
    pub changes: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WalletState {
    pub id: Text,
    /// Smallest parts. Sum of what remains in the lots that are available; below 0 only with `when_short = "negative"`.
    pub available: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pending: i64,
    /// Owed, not negative.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub debt: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<Lot>,
}

/// A dated portion of points that is not used up. Stored short, as `[pos, n, remaining]`, and `[…, joined, expires_at]`
/// where there is more to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Lot {
    /// Position of the journal row that made it (the oldest, if lots were joined).
    pub pos: u64,
    /// Which grant of that row.
    pub n: u16,
    pub remaining: i64,
    /// So many younger lots with the same dates were joined into this one.
    pub joined: u32,
    pub expires_at: Option<jiff::Timestamp>,
}

struct LotForm;

impl<'de> serde::de::Visitor<'de> for LotForm {
    type Value = Lot;
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a lot: [pos, n, remaining] or [pos, n, remaining, joined, expires_at]")
    }
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut parts: A) -> Result<Lot, A::Error> {
        let short = |have| serde::de::Error::invalid_length(have, &self);
        Ok(Lot {
            pos: parts.next_element()?.ok_or_else(|| short(0))?,
            n: parts.next_element()?.ok_or_else(|| short(1))?,
            remaining: parts.next_element()?.ok_or_else(|| short(2))?,
            joined: parts.next_element()?.unwrap_or(0),
            expires_at: parts.next_element::<Option<jiff::Timestamp>>()?.flatten(),
        })
    }
}

impl<'de> Deserialize<'de> for Lot {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Lot, D::Error> {
        d.deserialize_seq(LotForm)
    }
}

impl Serialize for Lot {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if self.joined == 0 && self.expires_at.is_none() {
            (self.pos, self.n, self.remaining).serialize(s)
        } else {
            (self.pos, self.n, self.remaining, self.joined, self.expires_at).serialize(s)
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CounterState {
    pub id: Text,
    /// (start of the window, or the instant in a rolling one, as seconds; value), oldest first.
    pub parts: Vec<(i64, Num)>,
    /// For `distinct`: hashes of the values seen; for `streak`: see decide/counters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<u64>,
}

/// What of a limit is used up, by window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimitState {
    pub id: Text,
    pub parts: Vec<(i64, i64)>,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &i64) -> bool {
    *n == 0
}
