//! What one input did. `Decision` is stored with the input, word for word, and is all that anyone is told later.
//! Stored names are short, and what is usual is left out, because the bytes of the journal bound its speed.

use serde::{Deserialize, Serialize};

use crate::event::MemberNo;
use crate::identity::Identity;
use crate::member::Member;
use crate::order::Order;
use crate::redemption::Redemption;
use crate::value::Text;

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
    #[serde(rename = "s")]
    pub status: Status,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberNo>,
    /// Made by this input.
    #[serde(rename = "new", default, skip_serializing_if = "std::ops::Not::not")]
    pub enrolled: bool,
    /// Program version that judged it.
    #[serde(rename = "v")]
    pub version: u32,
    /// Why it was ignored, refused or waits.
    #[serde(rename = "why", default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<Transfer>,
    /// First `member_seq` of the changes that this row makes (transfers, then messages, in order); 0 if none.
    #[serde(rename = "q", default, skip_serializing_if = "is_zero")]
    pub seq: u64,
    #[serde(rename = "msg", default, skip_serializing_if = "Vec::is_empty")]
    pub emitted: Vec<Emitted>,
    /// Redemptions as they now stand.
    #[serde(rename = "rd", default, skip_serializing_if = "Vec::is_empty")]
    pub redemptions: Vec<Redemption>,
    /// The order as it now stands.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// State that the rules read, as it was just before: name as written in a program, value.
    #[serde(rename = "was", default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<(Text, serde_json::Value)>,
    /// Positions of waiting rows that this one set free, applied right after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frees: Vec<u64>,
    /// The row where this one waited before it was set free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<u64>,
    /// Business keys that it used up: rule, value of `once_per`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub once: Vec<(Text, Text)>,
    /// It brought codes for a pool: as which row of the pool, from 1, and how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought: Option<(i64, i64)>,
    /// Of codes that were brought, those that were there before, by index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<u16>,
    /// Identities that it gave to the member.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub linked: Vec<Identity>,
    /// It gave names that are erased: that it did is still one of its changes.
    #[serde(rename = "unnamed", default, skip_serializing_if = "std::ops::Not::not")]
    pub names_gone: bool,
    /// The household into which the member moved, or that he left.
    #[serde(rename = "hh", default, skip_serializing_if = "Option::is_none")]
    pub household: Option<MemberNo>,
    /// Of a merge: the survivor as he was just before, so that it can be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<Member>>,
    /// Identities that it named and that stay with another member.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<Identity>,
}

impl Decision {
    /// An answer without any change yet.
    pub fn new(status: Status, version: u32) -> Decision {
        Decision {
            status,
            member: None,
            enrolled: false,
            version,
            reason: None,
            effects: Vec::new(),
            transfers: Vec::new(),
            seq: 0,
            emitted: Vec::new(),
            redemptions: Vec::new(),
            order: None,
            seen: Vec::new(),
            frees: Vec::new(),
            again: None,
            once: Vec::new(),
            brought: None,
            skipped: Vec::new(),
            linked: Vec::new(),
            names_gone: false,
            household: None,
            before: None,
            taken: Vec::new(),
        }
    }
}

/// A stable code and a sentence for a person. Codes are append-only and listed in docs/codes.md.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    pub code: Text,
    pub message: Text,
    /// JSON pointer into the event, where one field is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<Text>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "EffectRead")]
pub struct Effect {
    pub rule: Text,
    /// `earn`, `reverse`, `failed`, `give_back`
    pub kind: Text,
    pub wallet: Text,
    /// Smallest parts.
    pub wanted: i64,
    pub granted: i64,
    /// Why less was granted than wanted: the id of the limit, of the campaign that chose another, `balance_max`, a code.
    pub cut: Option<Text>,
}

/// As stored: without what is usual (an earning of what was wanted).
#[derive(Serialize)]
struct EffectWritten<'a> {
    r: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    w: &'a str,
    a: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    g: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<&'a str>,
}

#[derive(Deserialize)]
struct EffectRead {
    r: Text,
    k: Option<Text>,
    #[serde(default)]
    w: Text,
    a: i64,
    g: Option<i64>,
    cut: Option<Text>,
}

impl Serialize for Effect {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let k = (&*self.kind != "earn").then_some(&*self.kind);
        let g = (self.granted != self.wanted).then_some(self.granted);
        EffectWritten { r: &self.rule, k, w: &self.wallet, a: self.wanted, g, cut: self.cut.as_deref() }
            .serialize(s)
    }
}

impl From<EffectRead> for Effect {
    fn from(e: EffectRead) -> Effect {
        let kind = e.k.unwrap_or_else(|| "earn".into());
        Effect { rule: e.r, kind, wallet: e.w, wanted: e.a, granted: e.g.unwrap_or(e.a), cut: e.cut }
    }
}

/// Double entry: `amount` leaves one account and enters another, so an unbalanced entry cannot be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    #[serde(rename = "k", default, skip_serializing_if = "TransferKind::is_usual")]
    pub kind: TransferKind,
    #[serde(rename = "w")]
    pub wallet: Text,
    #[serde(rename = "d", default = "Account::issued", skip_serializing_if = "Account::is_issued")]
    pub debit: Account,
    #[serde(rename = "c", default = "Account::available", skip_serializing_if = "Account::is_available")]
    pub credit: Account,
    /// Smallest parts, above 0.
    #[serde(rename = "a")]
    pub amount: i64,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Text>,
    /// The lot that it made or took from: (journal row, number).
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<(u64, u16)>,
    /// The member's available balance after it.
    #[serde(rename = "b")]
    pub after: i64,
    /// Whose wallet it is, where it is not the row's member: his household's.
    #[serde(rename = "of", default, skip_serializing_if = "Option::is_none")]
    pub of: Option<MemberNo>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferKind {
    #[default]
    Earn,
    /// An earning pays off debt.
    Repay,
    Reverse,
    Adjust,
    /// Pending points become available.
    Release,
    Expire,
    /// Spent on a reward.
    Spend,
    /// Spent points come back.
    Return,
    /// To or from another member.
    Transfer,
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
    Redeemed,
    Expired,
    /// Between members: what one gives, another gets.
    Given,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Emitted {
    pub rule: Text,
    #[serde(rename = "type")]
    pub kind: Text,
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub data: serde_json::Map<String, serde_json::Value>,
    /// Another member whom it is about, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<MemberNo>,
}

impl Emitted {
    /// A message of Fealty's own: no rule emits it.
    pub fn own(kind: &str, data: serde_json::Map<String, serde_json::Value>) -> Emitted {
        Emitted { rule: Text::default(), kind: kind.into(), data, other: None }
    }
    pub fn about(kind: &str, other: MemberNo) -> Emitted {
        Emitted { other: Some(other), ..Emitted::own(kind, serde_json::Map::new()) }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)]
impl TransferKind {
    fn is_usual(&self) -> bool {
        *self == TransferKind::Earn
    }
}

impl Account {
    /// The member's own, not the program's that stand against them.
    pub fn is_members(self) -> bool {
        matches!(self, Account::Available | Account::Pending | Account::Debt)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)]
impl Account {
    fn issued() -> Account {
        Account::Issued
    }
    fn available() -> Account {
        Account::Available
    }
    fn is_issued(&self) -> bool {
        *self == Account::Issued
    }
    fn is_available(&self) -> bool {
        *self == Account::Available
    }
}
