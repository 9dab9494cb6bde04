//! What changed beside the rules of the event, in words: what a return or an edit took back and from which grant, what a
//! person gave or took by hand; what else moved is in `moves`. From what was recorded alone.

use serde::Serialize;

use crate::codes;
use crate::event::Event;
use crate::num::Num;
use crate::outcome::{Account, Decision, Effect, TransferKind};
use crate::own::{ADJUST, OPEN};
use crate::plan::Plan;
use crate::value::Text;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangeExplanation {
    /// `reverse`, `adjust`, `redemption`, `release`, `expire`, `spend`, `return`, `give`, `receive`, `bring`, `take`, `owe`,
    /// `repay`, `level`, `earn`, `warn`.
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wallet: Option<Text>,
    /// The rule whose grant was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Text>,
    /// The order that the rule paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Text>,
    pub said: String,
}

pub fn changes(plan: &Plan, event: &Event, decision: &Decision) -> Vec<ChangeExplanation> {
    let reversed = decision.effects.iter().filter(|effect| &*effect.kind == "reverse");
    let mut told: Vec<ChangeExplanation> =
        reversed.map(|effect| taken_back(plan, effect, decision)).collect();
    if [ADJUST, OPEN].contains(&&*event.kind) {
        told.extend(by_hand(plan, event, decision));
    }
    told.extend(super::moves::moves(plan, &event.kind, decision));
    told
}

pub(super) fn amount(plan: &Plan, wallet: &str, minor: i64) -> String {
    let decimals = plan.wallets.iter().find(|w| *w.id == *wallet).map_or(0, |w| w.decimals);
    format!("{} {wallet}", Num::minor(minor, decimals))
}

fn taken_back(plan: &Plan, effect: &Effect, decision: &Decision) -> ChangeExplanation {
    let show = |minor| amount(plan, &effect.wallet, minor);
    let order = decision.order.as_ref();
    let grants = order.iter().flat_map(|order| &order.grants);
    let grants = grants.filter(|grant| grant.rule == effect.rule && grant.wallet == effect.wallet);
    let (given, back) = grants.fold((0, 0), |sum, grant| (sum.0 + grant.granted, sum.1 + grant.reversed));
    let id = order.map_or("", |order| &*order.id);
    let mut said = match given {
        // An edit by which the rule no longer applies leaves nothing of its grant.
        0 => format!("took back {}, all that rule {} gave for order {id}", show(effect.granted), effect.rule),
        _ => format!(
            "took back {} of the {} that rule {} gave for order {id}; {} of it are back in all",
            show(effect.granted),
            show(given),
            effect.rule,
            show(back)
        ),
    };
    let owed = decision.transfers.iter().filter(|t| t.debit == Account::Debt && t.wallet == effect.wallet);
    let owed: i64 = owed.filter(|t| t.rule.as_ref() == Some(&effect.rule)).map(|t| t.amount).sum();
    if owed > 0 {
        said += &format!("; {} of that were spent before and are owed", show(owed));
    }
    if effect.cut.as_deref() == Some(codes::FORGIVEN) {
        said += &format!("; {} were spent before and are forgiven", show(effect.wanted - effect.granted));
    }
    ChangeExplanation {
        kind: "reverse",
        wallet: Some(effect.wallet.clone()),
        rule: Some(effect.rule.clone()),
        order: order.map(|order| order.id.clone()),
        said,
    }
}

fn by_hand(plan: &Plan, event: &Event, decision: &Decision) -> Option<ChangeExplanation> {
    let moved = |t: &&crate::outcome::Transfer| matches!(t.kind, TransferKind::Adjust | TransferKind::Repay);
    let moved: Vec<_> = decision.transfers.iter().filter(moved).collect();
    let first = moved.first()?;
    let sum = moved.iter().map(|t| t.amount).sum();
    let given = first.debit == Account::Adjusted;
    let data: serde_json::Value = serde_json::from_slice(&event.data).unwrap_or_default();
    let reason = data["reason"].as_str().unwrap_or_default();
    let done = if given { "gave" } else { "took" };
    let much = amount(plan, &first.wallet, sum);
    let said = match &*event.kind {
        OPEN => format!("{much} came along from elsewhere: {reason}"),
        _ => format!("a person {done} {much} by hand: {reason}"),
    };
    Some(ChangeExplanation {
        kind: "adjust",
        wallet: Some(first.wallet.clone()),
        rule: None,
        order: None,
        said,
    })
}
