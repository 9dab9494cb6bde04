//! What one input did. `Decision` is stored with the input, word for word, and is all that anyone is told later.

use serde::{Deserialize, Serialize};

use crate::event::MemberNo;
use crate::order::Order;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Applied,
    Ignored,
    Refused,
    Waiting,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberNo>,
    /// Made by this input.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub enrolled: bool,
    pub version: u32,
    /// Why it was ignored, refused or waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<Transfer>,
    /// First `member_seq` of the changes that this row makes (transfers, then messages, in order); 0 if none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seq: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emitted: Vec<Emitted>,
    /// The order as it now stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// State that the rules read, as it was just before: name as written in a program, value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<(Box<str>, serde_json::Value)>,
    /// Positions of waiting rows that this one set free, applied right after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frees: Vec<u64>,
}

/// A stable code and a sentence for a person. Codes are append-only and listed in docs/codes.md.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    pub code: Box<str>,
    pub message: Box<str>,
    /// JSON pointer into the event, where one field is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    pub rule: Box<str>,
    /// `earn`, `reverse`, `failed`
    pub kind: Box<str>,
    pub wallet: Box<str>,
    /// Smallest parts.
    pub wanted: i64,
    pub granted: i64,
    /// Why less was granted than wanted: the id of the limit, `balance_max`, a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Box<str>>,
}

/// Double entry: `amount` leaves one account and enters another, so an unbalanced entry cannot be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    pub kind: TransferKind,
    pub wallet: Box<str>,
    pub debit: Account,
    pub credit: Account,
    /// Smallest parts, above 0.
    pub amount: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Box<str>>,
    /// The lot that it made or took from: (journal row, number).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<(u64, u16)>,
    /// The member's available balance after it.
    pub after: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    Earn,
    /// An earning pays off debt.
    Repay,
    Reverse,
    Adjust,
}

/// The member's accounts, and the program's that stand against them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    Available,
    Pending,
    Debt,
    Issued,
    Reversed,
    Adjusted,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Emitted {
    pub rule: Box<str>,
    #[serde(rename = "type")]
    pub kind: Box<str>,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub data: serde_json::Map<String, serde_json::Value>,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}
