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

/// A dated portion of points that is not used up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lot {
    /// Position of the journal row that made it (the oldest, if lots were joined).
    pub pos: u64,
    /// Which grant of that row.
    pub n: u16,
    pub remaining: i64,
    /// So many younger lots with the same dates were joined into this one.
    #[serde(default, skip_serializing_if = "is_zero32")]
    pub joined: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<jiff::Timestamp>,
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
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero32(n: &u32) -> bool {
    *n == 0
}
