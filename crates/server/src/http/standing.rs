//! What is shown of where a member stands: levels, progress, segments. Numbers of counters are exact decimal texts.

use std::collections::BTreeMap;

use domain::household::Who;
use domain::member::Member;
use domain::num::Num;
use domain::standing::{self, Progress, Standing};
use serde::Serialize;
use serde_json::Value;

use super::shape::Eyes;

#[derive(Serialize)]
pub struct TierShape<'a> {
    pub level: &'a str,
    pub since: jiff::Timestamp,
    pub until: Option<jiff::Timestamp>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub benefits: &'a [domain::value::Text],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<&'a str, Value>,
    /// Of a level that ends and can be held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<KeepShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextShape<'a>>,
}

/// By counter; of several ways the one that has least to go.
pub type Missing<'a> = BTreeMap<&'a str, Num>;

#[derive(Serialize)]
pub struct NextShape<'a> {
    pub level: &'a str,
    pub missing: Missing<'a>,
    /// When one of the counters that are short begins anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<jiff::Timestamp>,
}

/// What holds the level past its end, as far as has been counted by now.
#[derive(Serialize)]
pub struct KeepShape<'a> {
    pub missing: Missing<'a>,
}

#[derive(Serialize)]
pub struct AchievementShape<'a> {
    pub times: u32,
    /// By counter: how much of it counts towards the next time.
    pub progress: BTreeMap<&'a str, ProgressShape>,
}

impl<'a> AchievementShape<'a> {
    /// What is short of the next time, and how much of the need that is furthest from being met. None: nothing is short.
    pub fn missing(&self) -> Option<(Num, Missing<'a>)> {
        let mut furthest = Num::ZERO;
        let mut missing = Missing::new();
        for (counter, one) in &self.progress {
            let less = one.need.sub(one.had).unwrap_or(one.need);
            if less > Num::ZERO {
                furthest = furthest.max(less.div(one.need).unwrap_or(Num::ONE));
                missing.insert(counter, less);
            }
        }
        (!missing.is_empty()).then_some((furthest, missing))
    }
}

#[derive(Serialize)]
pub struct ProgressShape {
    #[serde(rename = "value")]
    pub had: Num,
    #[serde(rename = "of")]
    pub need: Num,
}

#[derive(Serialize)]
pub struct StandingShape<'a> {
    pub tiers: BTreeMap<&'a str, TierShape<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub achievements: BTreeMap<&'a str, AchievementShape<'a>>,
    pub segments: Vec<&'a str>,
}

impl<'a> StandingShape<'a> {
    pub fn new(eyes: Eyes<'a>, who: Who<'_>) -> Self {
        let (plan, member) = (eyes.plan, who.member);
        let at = standing::now(member, eyes.now);
        let achievements = standing::progress(plan, member, at);
        StandingShape {
            tiers: tiers(eyes, member),
            achievements: achievements.into_iter().map(achievement).collect(),
            segments: standing::segments(plan, who, at).iter().map(|segment| &*segment.id).collect(),
        }
    }
}

/// By ladder.
pub fn tiers<'a>(eyes: Eyes<'a>, member: &Member) -> BTreeMap<&'a str, TierShape<'a>> {
    let tiers = standing::tiers(eyes.plan, member, standing::now(member, eyes.now));
    tiers.into_iter().map(|tier| (&*tier.ladder.id, TierShape::new(tier))).collect()
}

impl<'a> TierShape<'a> {
    fn new(tier: Standing<'a>) -> Self {
        let missing = |all: Vec<(&'a domain::value::Text, Num)>| {
            all.into_iter().map(|(counter, less)| (&**counter, less)).collect()
        };
        TierShape {
            level: &tier.level.id,
            since: tier.since,
            until: tier.until,
            benefits: &tier.level.benefits,
            values: tier.values.into_iter().map(|(name, value)| (&**name, value)).collect(),
            keep: tier.keep.map(|keep| KeepShape { missing: missing(keep.missing) }),
            next: tier.next.map(|next| NextShape {
                level: &next.level.id,
                missing: missing(next.missing),
                by: next.by,
            }),
        }
    }
}

fn achievement(progress: Progress<'_>) -> (&str, AchievementShape<'_>) {
    let needs = progress.needs.into_iter();
    let needs = needs.map(|(counter, value, need)| (counter.as_str(), ProgressShape { had: value, need }));
    (&progress.achievement.id, AchievementShape { times: progress.times, progress: needs.collect() })
}
