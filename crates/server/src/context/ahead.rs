//! What a member had best do next, derived from the rest of the document. The order: what is lost soon, then what can be
//! had, then what is near. Of each kind one, but of levels one a ladder.

use std::collections::BTreeMap;

use domain::household::Who;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::document::{EndShape, RewardShape};
use crate::http::shape::{Eyes, Points};
use crate::http::standing::{Missing, StandingShape};

/// Points that end so soon are worth a word.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A level that ends so soon.
const LEVEL_ENDS_SOON: SignedDuration = SignedDuration::from_hours(60 * 24);

#[derive(Serialize)]
pub struct Step<'a> {
    #[serde(flatten)]
    what: What<'a>,
    /// The same for people, in English.
    say: String,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum What<'a> {
    PointsEnd {
        wallet: &'a str,
        amount: Points,
        at: Timestamp,
        /// The last day on which they can be used.
        on: Date,
        /// What they can be spent on now.
        #[serde(skip_serializing_if = "Option::is_none")]
        reward: Option<&'a str>,
    },
    KeepLevel {
        ladder: &'a str,
        level: &'a str,
        missing: &'a Missing<'a>,
        until: Timestamp,
        on: Date,
    },
    TakeReward {
        reward: &'a str,
        cost: &'a BTreeMap<&'a str, Points>,
    },
    ReachLevel {
        ladder: &'a str,
        level: &'a str,
        missing: &'a Missing<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Timestamp>,
    },
    CompleteAchievement {
        achievement: &'a str,
        missing: Missing<'a>,
    },
    SaveForReward {
        reward: &'a str,
        missing: &'a BTreeMap<&'a str, Points>,
    },
}

pub fn steps<'a>(
    eyes: Eyes<'a>,
    who: Who<'_>,
    standing: &'a StandingShape<'a>,
    ends: &[EndShape<'a>],
    rewards: &'a [RewardShape<'a>],
) -> Vec<Step<'a>> {
    let soon = |by| move |at: Timestamp| eyes.now.checked_add(by).is_ok_and(|edge| at <= edge);
    let mut all: Vec<What<'a>> = Vec::new();
    let end = ends.iter().find(|end| end.amount.0 > 0).filter(|end| soon(ENDS_SOON)(end.at));
    all.extend(end.map(|end| What::PointsEnd {
        wallet: end.wallet,
        amount: end.amount,
        at: end.at,
        on: last_day(eyes, end.at),
        reward: dearest(rewards, Some(end.wallet)).map(|(reward, _)| reward.id),
    }));
    for (ladder, tier) in &standing.tiers {
        let (Some(keep), Some(until)) = (&tier.keep, tier.until) else { continue };
        if !keep.missing.is_empty() && soon(LEVEL_ENDS_SOON)(until) {
            let on = last_day(eyes, until);
            all.push(What::KeepLevel { ladder, level: tier.level, missing: &keep.missing, until, on });
        }
    }
    all.extend(dearest(rewards, None).map(|(reward, cost)| What::TakeReward { reward: reward.id, cost }));
    for (ladder, tier) in &standing.tiers {
        let Some(next) = tier.next.as_ref().filter(|_| !is_fixed(who, ladder)) else { continue };
        all.push(What::ReachLevel { ladder, level: next.level, missing: &next.missing, by: next.by });
    }
    all.extend(nearest(standing));
    let short = |one: &&RewardShape<'_>| one.refusal.as_ref().is_some_and(|no| !no.missing.is_empty());
    let short = rewards.iter().find(short);
    all.extend(short.and_then(|one| {
        Some(What::SaveForReward { reward: one.id, missing: &one.refusal.as_ref()?.missing })
    }));
    all.into_iter().map(|what| Step { say: say(eyes, rewards, &what), what }).collect()
}

/// The dearest reward within reach, of this wallet if one is named.
fn dearest<'a>(
    rewards: &'a [RewardShape<'a>],
    wallet: Option<&str>,
) -> Option<(&'a RewardShape<'a>, &'a BTreeMap<&'a str, Points>)> {
    let near = rewards.iter().filter(|one| one.within_reach);
    let priced = near.filter_map(|one| Some((one, one.cost.as_ref()?)));
    let fits = priced.filter(|(_, cost)| wallet.is_none_or(|wallet| cost.contains_key(wallet)));
    // Of equals the first.
    fits.rev().max_by_key(|(_, cost)| cost.values().map(|points| points.0).sum::<i64>())
}

/// The achievement that has least to go, as a share.
fn nearest<'a>(standing: &'a StandingShape<'a>) -> Option<What<'a>> {
    let of = |(id, one): (&&'a str, &'a crate::http::standing::AchievementShape<'a>)| {
        let (share, missing) = one.missing()?;
        Some((share, *id, missing))
    };
    let all = standing.achievements.iter().filter_map(of);
    let (_, achievement, missing) = all.min_by_key(|(share, ..)| *share)?;
    Some(What::CompleteAchievement { achievement, missing })
}

/// Lowered by hand: it is not climbed from before its end.
fn is_fixed(who: Who<'_>, ladder: &str) -> bool {
    who.member.tiers.iter().any(|state| *state.ladder == *ladder && state.held.fixed)
}

fn last_day(eyes: Eyes<'_>, end: Timestamp) -> Date {
    let before = end.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(end);
    before.to_zoned(eyes.plan.regions[0].zone.clone()).date()
}

fn say(eyes: Eyes<'_>, rewards: &[RewardShape<'_>], what: &What<'_>) -> String {
    let named = |id: &str| {
        let reward = rewards.iter().find(|one| one.id == id);
        reward.and_then(|one| one.name).unwrap_or(id).to_owned()
    };
    match what {
        What::PointsEnd { wallet, amount, on, reward, .. } => {
            let spend = reward.map_or_else(String::new, |id| format!("; they can be spent on {}", named(id)));
            format!("{amount} {wallet} end on {on}{spend}")
        }
        What::KeepLevel { level, missing, on, .. } => {
            format!("{} by {on} to keep {level}", texts(missing, " more"))
        }
        What::TakeReward { reward, cost } if cost.is_empty() => format!("take {} now", named(reward)),
        What::TakeReward { reward, cost } => format!("take {} now for {}", named(reward), texts(cost, "")),
        What::ReachLevel { level, missing, by, .. } => {
            let by = by.map_or_else(String::new, |by| format!(" by {}", last_day(eyes, by)));
            format!("{} to reach {level}{by}", texts(missing, " more"))
        }
        What::CompleteAchievement { achievement, missing } => {
            format!("{} to complete {achievement}", texts(missing, " more"))
        }
        What::SaveForReward { reward, missing } => {
            format!("{} for {}", texts(missing, " more"), named(reward))
        }
    }
}

/// `12.5 more spend and 2 more orders`
fn texts<T: std::fmt::Display>(all: &BTreeMap<&str, T>, more: &str) -> String {
    let one = |(name, amount): (&&str, &T)| format!("{amount}{more} {name}");
    all.iter().map(one).collect::<Vec<_>>().join(" and ")
}
