//! Who an event is about, and what it says of the member: identities linked when free, fields set, adjustments by hand.
//! A taken identity is never moved; that it was named is recorded.

use super::book::Book;
use super::grants::Since;
use crate::bind;
use crate::codes::{self, reason, reason_at};
use crate::event::{Event, MemberNo, Subject};
use crate::household::{Balance, Who};
use crate::identity::Identity;
use crate::lots::AMOUNT_MAX;
use crate::member::Member;
use crate::num::Num;
use crate::outcome::{Account, Decision, Reason};
use crate::plan::{Canon, Plan, Wallet};
use crate::snapshot::Snapshot;
use crate::value::Text;
use crate::value::{Fields, Value};

/// Others with a name in common that a member remembers.
const NEAR_MAX: usize = 8;

/// Every name that the event gives: the subject first.
pub fn names(event: &Event) -> impl Iterator<Item = &Identity> {
    let subject = match &event.subject {
        Some(Subject::Identity(identity)) => Some(identity),
        _ => None,
    };
    subject.into_iter().chain(&event.also)
}

/// What follows an order is about the order: a wrong name in it must not join two people, nor claim a guest's events.
pub fn is_about_order(canon: Canon) -> bool {
    matches!(
        canon,
        Canon::OrderUpdated | Canon::OrderFulfilled | Canon::OrderRefunded | Canon::OrderCancelled
    )
}

/// Links the names that are free to the member, and records those that are another's.
pub fn link<'i>(
    member: &mut Member,
    names: impl Iterator<Item = &'i Identity>,
    snapshot: &mut Snapshot,
    decision: &mut Decision,
) {
    for name in names {
        match snapshot.identities.get(name) {
            Some(Some(owner)) if *owner == member.no => {}
            Some(Some(owner)) => {
                if member.near.len() < NEAR_MAX && !member.near.contains(owner) {
                    member.near.push(*owner);
                }
                if !decision.taken.contains(name) {
                    decision.taken.push(name.clone());
                }
            }
            _ => {
                snapshot.identities.insert(name.clone(), Some(member.no));
                member.identities.push(name.clone());
                decision.linked.push(name.clone());
            }
        }
    }
}

/// Reads `fealty.linked`. Taken names refuse the whole: nothing is half linked by hand.
pub fn linked(payload: &Value, member: MemberNo, snapshot: &Snapshot) -> Result<Vec<Identity>, Reason> {
    let names = linked_names(payload)?;
    for (at, name) in names.iter().enumerate() {
        if snapshot.identities.get(name).is_some_and(|owner| owner.is_some_and(|owner| owner != member)) {
            let pointer = format!("/data/identities/{at}");
            return Err(reason_at(
                codes::IDENTITY_TAKEN,
                &pointer,
                "this identity belongs to another member",
            ));
        }
    }
    Ok(names)
}

pub fn linked_names(payload: &Value) -> Result<Vec<Identity>, Reason> {
    let list = super::rules::list_at(payload, &[0]);
    let read = |(at, value): (usize, &Value)| match value {
        Value::Text(text) => Identity::parse(text)
            .map_err(|why| reason_at(codes::IDENTITY_INVALID, &format!("/data/identities/{at}"), why)),
        _ => Err(reason(codes::WRONG_TYPE, "expected a text")),
    };
    list.iter().enumerate().map(read).collect()
}

/// Sets the fields that the payload tells; `null` takes a field away. Those that changed.
pub fn set_fields(member: &mut Member, fields: &Fields, payload: &Value, data: &[u8]) -> Vec<String> {
    let Value::Record(slots) = payload else { return Vec::new() };
    let told: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(data).unwrap_or_default();
    let mut changed = Vec::new();
    for (field, value) in fields.0.iter().zip(slots) {
        if told.get(&*field.name).is_some_and(serde_json::Value::is_null) {
            changed.extend(member.fields.remove(&*field.name).map(|_| field.name.to_string()));
        } else if told.contains_key(&*field.name) && *value != Value::Absent {
            let json = bind::to_json(value, &field.ty);
            if member.fields.insert(field.name.to_string(), json.clone()).as_ref() != Some(&json) {
                changed.push(field.name.to_string());
            }
        }
    }
    changed
}

/// `fealty.adjusted`, checked against the member: what is to be moved.
pub struct Adjustment {
    wallet: Text,
    minor: i64,
}

pub fn adjusted(plan: &Plan, who: Who<'_>, payload: &Value) -> Result<Adjustment, Reason> {
    let id = super::case::slot_text(payload, 0);
    let Some(wallet) = plan.wallets.iter().find(|w| *w.id == *id) else {
        return Err(reason_at(codes::WALLET_UNKNOWN, "/data/wallet", format!("there is no wallet `{id}`")));
    };
    if super::case::slot_text(payload, 2).trim().is_empty() {
        return Err(reason_at(
            codes::REASON_REQUIRED,
            "/data/reason",
            "an adjustment by hand needs a reason",
        ));
    }
    let amount = super::case::slot_num(payload, 1);
    let said = format!("an amount of {id} is not 0, {}", form(wallet));
    let Balance { available, debt, .. } = who.balance(wallet);
    let minor = amount.exact_minor(wallet.decimals).filter(|minor| *minor != 0 && minor.abs() <= AMOUNT_MAX);
    let minor = minor.filter(|minor| *minor <= 0 || available - debt <= AMOUNT_MAX - minor);
    let Some(minor) = minor else { return Err(reason_at(codes::AMOUNT_INVALID, "/data/amount", said)) };
    if minor < 0 && available < -minor {
        let missing = Num::minor(-minor - available, wallet.decimals);
        let said = format!("missing: {missing} {id}");
        return Err(reason_at(codes::POINTS_INSUFFICIENT, "/data/amount", said));
    }
    Ok(Adjustment { wallet: wallet.id.clone(), minor })
}

/// How an amount of points is written, and how much there may be.
pub fn form(wallet: &Wallet) -> String {
    let digits = match wallet.decimals {
        0 => "a whole number".to_owned(),
        n => format!("has at most {n} decimals"),
    };
    format!("{digits}, and the balance stays within {}", Num::minor(AMOUNT_MAX, wallet.decimals))
}

pub fn adjust(book: &mut Book<'_>, adjustment: &Adjustment) {
    if adjustment.minor > 0 {
        let since = Since { plan: book.plan, region: book.region, at: book.at, order: None };
        let expires_at = book.dates(since, &adjustment.wallet, None).expires_at;
        book.add(Account::Adjusted, None, &adjustment.wallet, adjustment.minor, expires_at);
    } else {
        let taken = book.take(Account::Adjusted, None, &adjustment.wallet, -adjustment.minor, None);
        assert!(taken == -adjustment.minor, "an adjustment was checked against the balance");
    }
}
