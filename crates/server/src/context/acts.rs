//! What a member did of late, and what came of it: from his newest rows, newest first.

use std::collections::BTreeMap;

use domain::event::API_SOURCE;
use domain::glance::Bought;
use domain::num::Num;
use domain::outcome::{Status, Transfer};
use domain::own;
use serde::Serialize;
use store::Act;

use crate::http::shape::{Eyes, Points};

#[derive(Serialize)]
pub struct ActShape<'a> {
    r#type: &'a str,
    /// When it happened.
    at: jiff::Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderShape<'a>>,
    /// By wallet: what he got or lost by it, whether he can use it yet or not.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    points: BTreeMap<&'a str, Points>,
    /// Rewards that were reserved, redeemed, given up or returned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rewards: Vec<&'a str>,
    /// Levels that he came to, by ladder.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    levels: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct OrderShape<'a> {
    id: &'a str,
    total: Num,
    /// Where something came back: what did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<Num>,
    #[serde(skip_serializing_if = "str::is_empty")]
    currency: &'a str,
}

pub fn acts<'a>(eyes: Eyes<'_>, acts: &'a [Act], most: usize) -> Vec<ActShape<'a>> {
    let shown = acts.iter().filter(|one| counts(one)).take(most);
    shown.map(|one| act(eyes, one, one.glance.order.as_ref().map(|order| by_now(acts, order)))).collect()
}

/// What nobody did and nothing came of is no act.
fn counts(act: &Act) -> bool {
    let glance = &act.glance;
    let moved =
        || !glance.transfers.is_empty() || !glance.redemptions.is_empty() || !glance.emitted.is_empty();
    let made = own::of_type(&act.kind).is_some() && *act.source != *API_SOURCE;
    glance.status == Status::Applied && (!made || moved())
}

/// The newest that is known of an order: the rows are the newest ones without gap.
fn by_now<'a>(acts: &'a [Act], order: &'a Bought) -> &'a Bought {
    let mut known = acts.iter().filter_map(|act| act.glance.order.as_ref());
    known.find(|one| one.id == order.id).unwrap_or(order)
}

fn act<'a>(eyes: Eyes<'_>, act: &'a Act, order: Option<&'a Bought>) -> ActShape<'a> {
    let glance = &act.glance;
    let mut points: BTreeMap<&str, i64> = BTreeMap::new();
    for transfer in &glance.transfers {
        *points.entry(&transfer.wallet).or_default() += moved(transfer);
    }
    let moved = points.into_iter().filter(|(_, minor)| *minor != 0);
    let levels = glance.emitted.iter().filter(|message| &*message.kind == "tier.changed");
    let level = |data: &'a serde_json::Map<String, serde_json::Value>| {
        Some((data.get("ladder")?.as_str()?, data.get("to")?.as_str()?))
    };
    let mut rewards: Vec<&str> = glance.redemptions.iter().map(|one| &*one.reward).collect();
    rewards.dedup();
    ActShape {
        r#type: &act.kind,
        at: act.time,
        order: order.map(|order| OrderShape {
            id: &order.id,
            total: order.total,
            left: Some(order.left()).filter(|left| *left != order.total),
            currency: &order.currency,
        }),
        points: moved.map(|(wallet, minor)| (wallet, eyes.points(wallet, minor))).collect(),
        rewards,
        levels: levels.filter_map(|message| level(&message.data)).collect(),
    }
}

/// Between his own accounts nothing is got or lost.
fn moved(transfer: &Transfer) -> i64 {
    match (transfer.credit.is_members(), transfer.debit.is_members()) {
        (true, false) => transfer.amount,
        (false, true) => -transfer.amount,
        _ => 0,
    }
}
