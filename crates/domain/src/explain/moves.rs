//! What moved beside the event's own rules, in words for a person of the shop: what time did, what was spent and came back,
//! what went from one member to another, which level changed. From what was recorded alone.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::ChangeExplanation;
use super::changes::amount;
use crate::outcome::{Account, Decision, Effect, Emitted, Transfer, TransferKind};
use crate::own::{ADJUST, OPEN};
use crate::plan::{Clock, Plan, TypeNo};
use crate::redemption::{Redemption, Stage};
use crate::time::Unit;
use crate::value::Text;

/// In the order in which it happens: redemptions, points, levels, what else was paid, warnings.
pub fn moves(plan: &Plan, kind: &str, decision: &Decision) -> Vec<ChangeExplanation> {
    let mut told: Vec<ChangeExplanation> = decision.redemptions.iter().map(redeemed).collect();
    // What is done by hand is told with its reason.
    if ![ADJUST, OPEN].contains(&kind) {
        told.extend(points(plan, &decision.transfers));
    }
    told.extend(decision.emitted.iter().filter_map(level));
    told.extend(decision.effects.iter().filter_map(|effect| paid(plan, kind, effect)));
    told.extend(decision.effects.iter().filter_map(not_given));
    told.extend(decision.emitted.iter().filter_map(warned));
    told
}

fn change(kind: &'static str, wallet: Option<&Text>, rule: Option<&Text>, said: String) -> ChangeExplanation {
    ChangeExplanation { kind, wallet: wallet.cloned(), rule: rule.cloned(), order: None, said }
}

fn redeemed(one: &Redemption) -> ChangeExplanation {
    let (reward, quantity) = (&one.reward, one.quantity);
    let what = if quantity == crate::num::Num::ONE {
        format!("the reward {reward}")
    } else {
        format!("{quantity} of the reward {reward}")
    };
    let until = one.until.map_or_else(String::new, |until| format!(" until {until}"));
    let by = one.rule.as_ref().map_or_else(String::new, |rule| format!(" by rule {rule}"));
    let said = match one.stage {
        Stage::Reserved => format!("{what} is reserved{until}{by}"),
        Stage::Confirmed if one.spent.iter().any(|spent| spent.returned > 0) => {
            format!("{what} was redeemed; its order, or a part of it, came back")
        }
        Stage::Confirmed => format!("{what} is redeemed{by}; what it gives can be used{}", or_ever(&until)),
        Stage::Cancelled => format!("the reservation of {what} was given up"),
        Stage::Lapsed => format!("the reservation of {what} lapsed: nobody confirmed it in time"),
        Stage::Returned => format!("{what} was taken back"),
    };
    ChangeExplanation { order: one.order.clone(), ..change("redemption", None, one.rule.as_ref(), said) }
}

fn or_ever(until: &str) -> &str {
    if until.is_empty() { " without an end" } else { until }
}

/// One sentence for all transfers of one kind, wallet and rule.
fn points(plan: &Plan, transfers: &[Transfer]) -> Vec<ChangeExplanation> {
    let mut sums: BTreeMap<(&'static str, &Text, Option<&Text>), i64> = BTreeMap::new();
    // What went between a member and his household is told once, as the household sees it.
    let moved = |t: &&Transfer| matches!(t.kind, TransferKind::Transfer | TransferKind::Release);
    let home = transfers.iter().filter(moved).any(|t| t.of.is_some());
    let told = |t: &&Transfer| !home || t.of.is_some() || t.kind != TransferKind::Transfer;
    for transfer in transfers.iter().filter(told) {
        if let Some(kind) = word(transfer) {
            *sums.entry((kind, &transfer.wallet, transfer.rule.as_ref())).or_default() += transfer.amount;
        }
    }
    let tell = |((kind, wallet, rule), minor): ((&'static str, &Text, Option<&Text>), i64)| {
        let much = amount(plan, wallet, minor);
        let by = rule.map_or_else(String::new, |rule| format!(" that rule {rule} gave"));
        let reward = rule.and_then(|rule| rule.strip_prefix("rewards.")).unwrap_or("a reward");
        let said = match kind {
            "release" => format!("{much}{by} have waited long enough and can be spent"),
            "expire" => format!("{much}{by} ended: their time was over"),
            "spend" => format!("{much} were spent on {reward}"),
            "return" => format!("{much} that were spent on {reward} came back"),
            "give" => format!("{much} went to another member"),
            "receive" => format!("{much} came from another member, with their dates"),
            "bring" => format!("{much} went into the household's wallet, with their dates"),
            "take" => format!("{much} left the household's wallet, with their dates"),
            "owe" => format!("a debt of {much} came from another member"),
            _ => format!("{much} paid off what was owed"),
        };
        change(kind, Some(wallet), rule, said)
    };
    sums.into_iter().map(tell).collect()
}

fn word(transfer: &Transfer) -> Option<&'static str> {
    Some(match (transfer.kind, transfer.debit, transfer.credit) {
        (TransferKind::Release, ..) => "release",
        (TransferKind::Expire, ..) => "expire",
        (TransferKind::Spend, ..) => "spend",
        (TransferKind::Return, ..) => "return",
        (TransferKind::Repay, ..) => "repay",
        (TransferKind::Transfer, Account::Debt, _) => "owe",
        (TransferKind::Transfer, _, Account::Given) if transfer.of.is_some() => "take",
        (TransferKind::Transfer, _, Account::Available) if transfer.of.is_some() => "bring",
        (TransferKind::Transfer, _, Account::Given) => "give",
        (TransferKind::Transfer, _, Account::Available | Account::Pending) => "receive",
        _ => return None,
    })
}

fn level(message: &Emitted) -> Option<ChangeExplanation> {
    if &*message.kind != "tier.changed" {
        return None;
    }
    let text = |key: &str| text(&message.data, key);
    let why = match text("why") {
        "reached" => "what it needs was reached".to_owned(),
        "ended" => "the level before had ended".to_owned(),
        "unmerged" => "whom this member had absorbed is himself again".to_owned(),
        "refunded" => "what had reached the level before came back".to_owned(),
        _ if message.data.contains_key("reason") => format!("a person set it: {}", text("reason")),
        _ => format!("rule {} set it", text("rule")),
    };
    let until = message.data.get("until").and_then(Value::as_str);
    let until = until.map_or_else(String::new, |until| format!(", until {until}"));
    let said =
        format!("level {} of {} in place of {}{until}: {why}", text("to"), text("ladder"), text("from"));
    Some(change("level", None, None, said))
}

fn warned(message: &Emitted) -> Option<ChangeExplanation> {
    if &*message.kind != "points.expiring" {
        return None;
    }
    let (wallet, much) = (text(&message.data, "wallet"), message.data.get("amount")?);
    let much = much.as_str().map_or_else(|| much.to_string(), str::to_owned);
    let said = format!("warned that {much} {wallet} end at {}", text(&message.data, "expires_at"));
    Some(change("warn", Some(&wallet.into()), None, said))
}

fn text<'d>(data: &'d Map<String, Value>, key: &str) -> &'d str {
    data.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A reward that a rule would have given or redeemed, and why not.
fn not_given(effect: &Effect) -> Option<ChangeExplanation> {
    let verb = match &*effect.kind {
        "give" => "give",
        "redeem" => "redeem",
        _ => return None,
    };
    let why = effect.cut.as_deref().filter(|_| effect.granted < effect.wanted)?;
    let reward = effect.wallet.strip_prefix("rewards.").unwrap_or(&effect.wallet);
    let said = format!("rule {} could not {verb} the reward {reward}: {why}", effect.rule);
    Some(change("redemption", None, Some(&effect.rule), said))
}

/// What a rule gave that does not hear the event itself: a clock, an achievement, a step, something that followed.
fn paid(plan: &Plan, kind: &str, effect: &Effect) -> Option<ChangeExplanation> {
    if &*effect.kind != "earn" {
        return None;
    }
    let rule = plan.rules.iter().find(|rule| rule.id == effect.rule)?;
    let ty = plan.type_by_name.get(kind).map(|no| &plan.types[usize::from(*no)]);
    if ty.is_some_and(|ty| ty.rules.iter().any(|no| plan.rules[usize::from(*no)].id == rule.id)) {
        return None;
    }
    let why = match (effect.rule.split_once('.'), &rule.clock) {
        (_, Some(clock)) => format!("rule {} rang {}", rule.id, rings(plan, clock)),
        (Some(("achievements", id)), _) => format!("achievement {id} was completed"),
        (Some(("workflows", step)), _) => {
            let (flow, step) = step.split_once('#').unwrap_or((step, "1"));
            format!("workflow {flow} came to its step {step}")
        }
        _ => format!("rule {} heard what followed ({})", rule.id, names(plan, &rule.trigger.on)),
    };
    let mut said = format!("{why}: gave {}", amount(plan, &effect.wallet, effect.granted));
    if let Some(cut) = effect.cut.as_deref().filter(|_| effect.granted < effect.wanted) {
        said += &format!(" of {}, because of {cut}", amount(plan, &effect.wallet, effect.wanted));
    }
    Some(change("earn", Some(&effect.wallet), Some(&effect.rule), said))
}

fn names(plan: &Plan, types: &[TypeNo]) -> String {
    let names: Vec<&str> = types.iter().map(|no| &*plan.types[usize::from(*no)].name).collect();
    names.join(" or ")
}

fn rings(plan: &Plan, clock: &Clock) -> String {
    match clock {
        Clock::Every { unit, after: None } => format!("at the end of the {}", unit_word(*unit)),
        Clock::Every { unit, after: Some(after) } => {
            format!("{} after the end of the {}", after, unit_word(*unit))
        }
        Clock::Yearly { field, before, at } => {
            let day = plan.member_fields.0.get(usize::from(*field)).map_or("date", |field| &*field.name);
            let before = before.map_or_else(String::new, |before| format!("{} before ", before));
            format!("{before}on the day of {day}, at {:02}:{:02}", at.0, at.1)
        }
        Clock::Idle { span, of } => format!("after {} without {}", span, names(plan, of)),
        Clock::Once { at } => format!("at {at}"),
    }
}

fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
        Unit::Quarter => "quarter",
        Unit::HalfYear => "half year",
        Unit::Year => "year",
        Unit::MembershipYear => "membership year",
    }
}
