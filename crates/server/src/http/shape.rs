//! What people and programs see of outcomes and members. Points are JSON numbers in whole units of their wallet,
//! written exactly, never through a float.

use std::collections::BTreeMap;

use domain::codes;
use domain::event::{API_SOURCE, MemberNo};
use domain::household::{Balance, Who};
use domain::key::KeyMaker;
use domain::outcome::{Account, Decision, Effect, Reason, Status, Transfer, TransferKind};
use domain::plan::Plan;
use domain::program::nearest;
use domain::standing::{self, End};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use store::TransferRow;
use wire::member_id::MemberIds;

use super::standing::StandingShape;
use super::ties::TiesShape;

/// Smallest parts and the wallet's decimals: 1250 and 2 are 12.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Points(pub i64, pub u8);

impl Points {
    /// A wallet that the program no longer has is shown in smallest parts.
    pub fn of(plan: &Plan, wallet: &str, minor: i64) -> Points {
        let wallet = plan.wallets.iter().find(|w| *w.id == *wallet);
        Points(minor, wallet.map_or(0, |w| w.decimals))
    }
}

impl std::fmt::Display for Points {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Points(minor, decimals) = *self;
        let unit = 10_u64.pow(u32::from(decimals));
        let (whole, part) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
        if minor < 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        if part == 0 {
            return Ok(());
        }
        let part = format!("{part:0width$}", width = usize::from(decimals));
        write!(f, ".{}", part.trim_end_matches('0'))
    }
}

impl Serialize for Points {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Points(minor, decimals) = *self;
        let unit = 10_i64.pow(u32::from(decimals));
        if minor % unit == 0 {
            return serializer.serialize_i64(minor / unit);
        }
        let raw = RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// Turns what the core knows into what is shown: numbers to public ids, smallest parts to points.
#[derive(Clone, Copy)]
pub struct Eyes<'a> {
    pub plan: &'a Plan,
    pub ids: &'a MemberIds,
    /// Makes the codes by which members bring others.
    pub codes: &'a KeyMaker,
    /// What time it is here.
    pub now: jiff::Timestamp,
}

impl Eyes<'_> {
    pub fn points(&self, wallet: &str, minor: i64) -> Points {
        Points::of(self.plan, wallet, minor)
    }
    pub fn member(&self, no: MemberNo) -> String {
        self.ids.encode(no)
    }
}

#[derive(Serialize)]
pub struct OutcomeShape<'a> {
    pub source: &'a str,
    pub id: &'a str,
    pub status: Status,
    pub duplicate: bool,
    pub member: Option<String>,
    pub program_version: u32,
    pub effects: Vec<EffectShape<'a>>,
    pub refusal: Option<&'a Reason>,
    /// Why it was ignored or waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a Reason>,
    #[serde(skip_serializing_if = "<[EmittedShape]>::is_empty")]
    pub emitted: Vec<EmittedShape<'a>>,
    /// Of what was done by hand, where no rule tells it: what it moved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<MovedShape<'a>>,
    /// Which type was perhaps meant by one that the program does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

#[derive(Serialize)]
pub struct EffectShape<'a> {
    pub rule: &'a str,
    pub kind: &'a str,
    pub wallet: &'a str,
    pub wanted: Points,
    pub granted: Points,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<&'a str>,
    /// Null where points wait.
    pub available_at: Option<jiff::Timestamp>,
}

#[derive(Serialize)]
pub struct EmittedShape<'a> {
    pub rule: &'a str,
    pub r#type: &'a str,
    pub data: &'a serde_json::Map<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
}

impl<'a> OutcomeShape<'a> {
    /// `at`: the event's own time, from which points without a pending period are usable.
    pub fn new(
        eyes: Eyes<'_>,
        name: (&'a str, &'a str),
        at: jiff::Timestamp,
        decision: &'a Decision,
        duplicate: bool,
    ) -> Self {
        let refused = decision.status == Status::Refused;
        let reason = decision.reason.as_ref();
        OutcomeShape {
            source: name.0,
            id: name.1,
            status: decision.status,
            duplicate,
            member: decision.member.map(|no| eyes.member(no)),
            program_version: decision.version,
            effects: decision
                .effects
                .iter()
                .map(|effect| EffectShape::new(eyes, decision, effect, at))
                .collect(),
            refusal: reason.filter(|_| refused),
            reason: reason.filter(|_| !refused),
            transfers: if name.0 == API_SOURCE { moved(eyes, decision) } else { Vec::new() },
            hint: reason.and_then(|reason| hint(eyes, reason)),
            emitted: decision
                .emitted
                .iter()
                .map(|e| EmittedShape {
                    rule: &e.rule,
                    r#type: &e.kind,
                    data: &e.data,
                    other: e.other.map(|no| eyes.member(no)),
                })
                .collect(),
        }
    }
}

#[derive(Serialize)]
pub struct MovedShape<'a> {
    pub kind: TransferKind,
    pub wallet: &'a str,
    pub debit: Account,
    pub credit: Account,
    pub amount: Points,
    pub balance_after: Points,
    /// Whose wallet it is, where it is not the member's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub household: Option<String>,
}

fn moved<'a>(eyes: Eyes<'_>, decision: &'a Decision) -> Vec<MovedShape<'a>> {
    decision.transfers.iter().map(|transfer| MovedShape::new(eyes, transfer)).collect()
}

impl<'a> MovedShape<'a> {
    fn new(eyes: Eyes<'_>, transfer: &'a Transfer) -> Self {
        MovedShape {
            kind: transfer.kind,
            wallet: &transfer.wallet,
            debit: transfer.debit,
            credit: transfer.credit,
            amount: eyes.points(&transfer.wallet, transfer.amount),
            balance_after: eyes.points(&transfer.wallet, transfer.after),
            household: transfer.of.map(|home| eyes.member(home)),
        }
    }
}

/// The type stands in the sentence that is recorded.
fn hint(eyes: Eyes<'_>, reason: &Reason) -> Option<String> {
    let name = reason.message.split('`').nth(1).filter(|_| *reason.code == *codes::TYPE_UNKNOWN)?;
    let known = eyes.plan.types.iter().filter(|ty| ty.canon.comes_in()).map(|ty| &*ty.name);
    nearest(name, known).map(|meant| format!("did you mean `{meant}`?"))
}

impl<'a> EffectShape<'a> {
    fn new(eyes: Eyes<'_>, decision: &Decision, effect: &'a Effect, at: jiff::Timestamp) -> Self {
        let earned = &*effect.kind == "earn" && effect.granted > 0;
        let waits = decision.transfers.iter().any(|t| {
            t.credit == Account::Pending && t.wallet == effect.wallet && t.rule.as_ref() == Some(&effect.rule)
        });
        EffectShape {
            rule: &effect.rule,
            kind: &effect.kind,
            wallet: &effect.wallet,
            wanted: eyes.points(&effect.wallet, effect.wanted),
            granted: eyes.points(&effect.wallet, effect.granted),
            cut: effect.cut.as_deref(),
            available_at: (earned && !waits).then_some(at),
        }
    }
}

#[derive(Serialize)]
pub struct MemberShape<'a> {
    pub id: String,
    pub enrolled_at: jiff::Timestamp,
    pub identities: Vec<&'a str>,
    pub fields: &'a serde_json::Map<String, serde_json::Value>,
    #[serde(flatten)]
    pub standing: StandingShape<'a>,
    pub wallets: BTreeMap<&'a str, WalletShape>,
    #[serde(flatten)]
    pub ties: TiesShape<'a>,
}

#[derive(Serialize)]
pub struct WalletShape {
    pub available: Points,
    pub pending: Points,
    pub debt: Points,
    pub expiring: Vec<Expiring>,
}

#[derive(Serialize)]
pub struct Expiring {
    pub amount: Points,
    pub at: jiff::Timestamp,
    /// Only if nothing happens before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub idle: bool,
}

impl<'a> MemberShape<'a> {
    /// Every wallet of the program is shown, also those in which nothing has happened; a shared one as the household has it.
    pub fn new(eyes: Eyes<'a>, who: Who<'a>) -> Self {
        let member = who.member;
        let mut wallets: BTreeMap<&str, WalletShape> = BTreeMap::new();
        for wallet in &member.wallets {
            let balance = Balance { available: wallet.available, pending: wallet.pending, debt: wallet.debt };
            let ends = standing::ends(&wallet.lots, None);
            wallets.insert(&wallet.id, WalletShape::new(eyes, &wallet.id, balance, ends));
        }
        for wallet in &eyes.plan.wallets {
            let ends = standing::ends_of(eyes.plan, who, wallet);
            wallets.insert(&wallet.id, WalletShape::new(eyes, &wallet.id, who.balance(wallet), ends));
        }
        MemberShape {
            id: eyes.member(member.no),
            enrolled_at: member.enrolled_at,
            identities: member.identities.iter().map(|i| i.as_str()).collect(),
            fields: &member.fields,
            standing: StandingShape::new(eyes, who),
            wallets,
            ties: TiesShape::new(eyes, member),
        }
    }
}

impl WalletShape {
    fn new(eyes: Eyes<'_>, id: &str, balance: Balance, ends: Vec<End>) -> WalletShape {
        let points = |minor| eyes.points(id, minor);
        let expiring =
            ends.into_iter().map(|end| Expiring { amount: points(end.amount), at: end.at, idle: end.idle });
        WalletShape {
            available: points(balance.available),
            pending: points(balance.pending),
            debt: points(balance.debt),
            expiring: expiring.collect(),
        }
    }
}

#[derive(Serialize)]
pub struct TransferShape<'a> {
    #[serde(flatten)]
    pub moved: MovedShape<'a>,
    pub rule: Option<&'a str>,
    pub event: EventName<'a>,
    /// When the event happened.
    pub at: jiff::Timestamp,
}

#[derive(Serialize)]
pub struct EventName<'a> {
    pub source: &'a str,
    pub id: &'a str,
    pub r#type: &'a str,
}

impl<'a> TransferShape<'a> {
    pub fn new(eyes: Eyes<'_>, row: &'a TransferRow) -> Self {
        let transfer = &row.transfer;
        TransferShape {
            moved: MovedShape::new(eyes, transfer),
            rule: transfer.rule.as_deref(),
            event: EventName { source: &row.source, id: &row.event_id, r#type: &row.event_type },
            at: row.time,
        }
    }
}

#[test]
fn points_are_exact_numbers_in_whole_units() {
    for (points, text) in [
        (Points(1999, 0), "1999"),
        (Points(1999, 2), "19.99"),
        (Points(1250, 2), "12.5"),
        (Points(-5, 2), "-0.05"),
        (Points(9_007_199_254_740_993, 0), "9007199254740993"),
        (Points(i64::MIN, 4), "-922337203685477.5808"),
        (Points(300, 2), "3"),
    ] {
        assert_eq!(points.to_string(), text);
        assert_eq!(serde_json::to_string(&points).unwrap_or_default(), text);
    }
}
