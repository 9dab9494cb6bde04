//! The referrer's side: rules with `to = "referrer"` are judged in a row of his own, with his state, as if the event were
//! his. The row carries the event's type and payload, what it granted to the member, and the order as it stands.
//!
//! What such rules pay for an order is remembered in an order of the referrer's (`referred:ID`), so that a return or an
//! edit takes it back by the same arithmetic.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::follow::Heard;
use super::{Book, Kind, Made, Matter, Scene, Verdict, Work};
use crate::bind;
use crate::codes::{self, reason};
use crate::event::Event;
use crate::order::Order;
use crate::own;
use crate::plan::{Canon, Payee, Plan, RuleNo, WalletNo};
use crate::snapshot::Want;
use crate::value::{Text, Type};

/// Among the rules that an order was paid by: its referrer was told of it.
const TOLD: &str = "to:referrer";
/// Before the id of an order, it is what the referrer got for it.
const REFERRED: &str = "referred:";

/// Rule, wallet, smallest parts.
pub type Granted = (Text, Text, i64);

/// What a made row says.
#[derive(Deserialize)]
struct Told {
    r#type: Text,
    data: Json,
    #[serde(default)]
    granted: Vec<Granted>,
    #[serde(default)]
    order: Option<Order>,
}

/// Tells the referrer of what happened (None: the event itself), if that may be worth something to him. `from`: the first
/// of the effects that it had.
pub fn tell(book: &mut Book<'_>, scene: &Scene<'_>, heard: Option<&Heard>, from: usize) {
    let Some(referral) = book.member.referral.as_ref().filter(|referral| !referral.void) else { return };
    let (by, plan) = (referral.by, book.plan);
    let (no, payload) = match (heard, scene.kind) {
        (Some(heard), _) => (heard.ty, &heard.payload),
        (None, Kind::Type(no)) => (no, &scene.bound.record),
        (None, _) => return,
    };
    let ty = &plan.types[usize::from(no)];
    let listens = ty.rules.iter().any(|rule| plan.rules[usize::from(*rule)].to == Payee::Referrer);
    let order = book.decision.order.as_mut().filter(|_| heard.is_none());
    let told = order.as_ref().is_some_and(|order| order.applied.iter().any(|rule| *rule == TOLD));
    let changes =
        told && matches!(ty.canon, Canon::OrderUpdated | Canon::OrderRefunded | Canon::OrderCancelled);
    if !listens && !changes && ty.canon != Canon::ReferralClaimed {
        return;
    }
    let order = order.map(|order| {
        if listens && !told {
            order.applied.push(TOLD.into());
        }
        order.clone()
    });
    let of_rules = |rule: &Text| ty.rules.iter().any(|no| plan.rules[usize::from(*no)].id == *rule);
    // An edit shows as differences; the order says what it gives in all.
    let of_order = order.as_ref().filter(|_| ty.canon == Canon::OrderUpdated);
    let in_all = of_order
        .iter()
        .flat_map(|order| &order.grants)
        .map(|g| (g.rule.clone(), g.wallet.clone(), g.granted));
    let in_all: Vec<Granted> = in_all.collect();
    let granted: Vec<Granted> = book.decision.effects[from.min(book.decision.effects.len())..]
        .iter()
        .filter(|e| &*e.kind == "earn" && e.granted > 0 && of_rules(&e.rule))
        .map(|e| (e.rule.clone(), e.wallet.clone(), e.granted))
        .collect();
    let granted = if of_order.is_some() { in_all } else { granted };
    let mut data = json!({
        "type": ty.name,
        "data": bind::to_json(payload, &Type::Record(ty.fields.clone())),
    });
    if !granted.is_empty() {
        data["granted"] = json!(granted);
    }
    if let Some(order) = order {
        data["order"] = json!(bare(order));
    }
    book.made.push(Made { member: by, kind: own::FOLLOW, data });
}

/// What is bought and what came back, without what it gave.
fn bare(order: Order) -> Order {
    Order { applied: Vec::new(), grants: Vec::new(), counts: Vec::new(), refunds: Vec::new(), ..order }
}

/// Reads such a row: the rules for the referrer are judged as if the event were his.
pub fn weigh(matter: &Matter<'_>) -> Result<Verdict, Vec<Want>> {
    let plan = &*matter.plans.current;
    let Ok(told) = serde_json::from_slice::<Told>(&matter.event.data) else {
        return Ok(reason(codes::BAD_JSON, "this was not made by this version").into());
    };
    let Some(no) = plan.type_by_name.get(&*told.r#type).copied() else {
        return Ok(reason(codes::TYPE_UNKNOWN, format!("the program does not know `{}`", told.r#type)).into());
    };
    let ty = &plan.types[usize::from(no)];
    let event = Event {
        kind: ty.name.as_str().into(),
        data: told.data.to_string().into_bytes().into(),
        ..matter.event.clone()
    };
    let bound = match bind::bind(&ty.fields, &event.data).and_then(|bound| bound.whole(ty.canon)) {
        Ok(bound) => bound,
        Err(why) => return Ok(why.into()),
    };
    let past = match &told.order {
        Some(order) => past(matter, order)?,
        None => None,
    };
    let (order, seen) = match past {
        Some((order, seen)) => (Some(order), seen),
        // Rules that hear what follows a payment find the order as it stood.
        None if matches!(ty.canon, Canon::OrderFulfilled) => {
            (told.order.clone().map(|o| of_referrer(matter, o)), Vec::new())
        }
        None => (None, Vec::new()),
    };
    if order.is_none()
        && matches!(ty.canon, Canon::OrderUpdated | Canon::OrderRefunded | Canon::OrderCancelled)
    {
        return Ok(reason(codes::ORDER_UNKNOWN, "this order gave the referrer nothing").into());
    }
    let his = Matter {
        event: &event,
        kind: Kind::Type(no),
        bound: &bound,
        order: order.as_ref().map(|order| (order, &seen[..])),
        payee: Payee::Referrer,
        granted: &told.granted,
        ..*matter
    };
    let verdict = super::weigh(&his)?;
    Ok(match verdict {
        Verdict::Do(work) => Verdict::Do(Box::new(match *work {
            Work::Paid { judged, order } => Work::Paid { judged, order: of_referrer(matter, order) },
            work => work,
        })),
        refused => refused,
    })
}

type Seen = Vec<(Text, Json)>;

/// What the referrer got for this order so far, and what rules saw when it was paid.
fn past(matter: &Matter<'_>, order: &Order) -> Result<Option<(Order, Seen)>, Vec<Want>> {
    let id = name(&order.id);
    let key = matter.plans.keys.order(&id);
    let rows = matter.snapshot.rows.get(&key).ok_or_else(|| vec![Want::Rows(key)])?;
    let of = |row: &&std::sync::Arc<crate::snapshot::PastRow>| {
        row.decision.order.as_ref().is_some_and(|o| *o.id == *id)
    };
    let Some(found) = rows.iter().rev().find(of).and_then(|row| row.decision.order.clone()) else {
        return Ok(None);
    };
    let first = rows.iter().find(|row| row.pos == found.pos);
    let seen = first.map(|row| row.decision.seen.clone()).unwrap_or_default();
    Ok(Some((found, seen)))
}

fn name(order: &str) -> Text {
    format!("{REFERRED}{order}").into()
}

fn of_referrer(matter: &Matter<'_>, order: Order) -> Order {
    let (id, pos) = (name(&order.id), matter.snapshot.next_pos);
    Order { id, member: matter.member.no, pos, ..bare(order) }
}

/// What the event granted to the member: `rules.R.W` for the rules that pay the referrer.
pub fn seeds(plan: &Plan, granted: &[Granted]) -> Vec<(RuleNo, WalletNo, i64)> {
    let number = |(rule, wallet, amount): &Granted| {
        let rule = plan.rules.iter().position(|r| r.id == *rule)?;
        let wallet = plan.wallets.iter().position(|w| w.id == *wallet)?;
        Some((rule as RuleNo, wallet as WalletNo, *amount))
    };
    granted.iter().filter_map(number).collect()
}

/// Someone came by this member's code.
pub fn bring(book: &mut Book<'_>) {
    book.member.brought = book.member.brought.saturating_add(1);
}

/// Only the kinds of rows that are told here.
pub fn is_told(data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Kind {
        r#type: Text,
    }
    serde_json::from_slice::<Kind>(data).is_ok_and(|kind| !kind.r#type.starts_with(crate::event::RESERVED))
}
