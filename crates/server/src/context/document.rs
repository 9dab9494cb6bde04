//! The document: what it says, in which order, and how long it may be.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use domain::decide::home_region;
use domain::decide::quote::Offered;
use domain::household::Who;
use domain::standing::{self, End};
use serde::Serialize;

use super::Found;
use super::acts::{self, ActShape};
use super::ahead::{self, Step};
use super::orders::{FavouriteShape, Orders, RfmShape};
use crate::http::redemptions::shape::points;
use crate::http::shape::{Eyes, Points};
use crate::http::standing::{AchievementShape, StandingShape, TierShape};

/// Bytes without personal data: beyond it lists are cut, and `more` says of which how many elements were left out.
const BYTES_MAX: usize = 8_192;
const MESSAGE_CHARS_MAX: usize = 200;

#[derive(Serialize)]
struct Document<'a> {
    member: String,
    program_version: u32,
    enrolled_at: jiff::Timestamp,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
    wallets: BTreeMap<&'a str, BalanceShape>,
    tiers: &'a BTreeMap<&'a str, TierShape<'a>>,
    next_best: &'a [Step<'a>],
    expiring: &'a [EndShape<'a>],
    rewards: &'a [RewardShape<'a>],
    achievements: BTreeMap<&'a str, &'a AchievementShape<'a>>,
    segments: &'a [&'a str],
    rfm: &'a RfmShape,
    favourites: &'a [FavouriteShape<'a>],
    recent: &'a [ActShape<'a>],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    more: BTreeMap<&'static str, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    personal: Option<Personal<'a>>,
}

#[derive(Serialize)]
struct BalanceShape {
    available: Points,
    pending: Points,
    debt: Points,
}

#[derive(Serialize)]
pub struct EndShape<'a> {
    pub wallet: &'a str,
    pub amount: Points,
    pub at: jiff::Timestamp,
    /// Only if nothing happens before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub idle: bool,
}

#[derive(Serialize)]
pub struct RewardShape<'a> {
    pub id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Of one; null: it depends on a cart.
    pub cost: Option<BTreeMap<&'a str, Points>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<i64>,
    pub within_reach: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<RefusalShape<'a>>,
}

#[derive(Serialize)]
pub struct RefusalShape<'a> {
    code: &'a str,
    message: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<&'a str, Points>,
}

#[derive(Serialize)]
struct Personal<'a> {
    identities: Vec<&'a str>,
    fields: &'a serde_json::Map<String, serde_json::Value>,
}

/// How many elements of each list there is room for.
#[derive(Clone, Copy)]
struct Room {
    next_best: usize,
    expiring: usize,
    rewards: usize,
    achievements: usize,
    segments: usize,
    favourites: usize,
    recent: usize,
}

const ROOM: Room =
    Room { next_best: 8, expiring: 8, rewards: 20, achievements: 20, segments: 50, favourites: 5, recent: 5 };
const IDENTITIES_MAX: usize = 20;

impl Room {
    fn half(self) -> Room {
        Room {
            next_best: self.next_best / 2,
            expiring: self.expiring / 2,
            rewards: self.rewards / 2,
            achievements: self.achievements / 2,
            segments: self.segments / 2,
            favourites: self.favourites / 2,
            recent: self.recent / 2,
        }
    }
    fn is_empty(self) -> bool {
        self.segments == 0
    }
}

/// Everything, before it is cut to its room.
struct All<'a> {
    who: Who<'a>,
    eyes: Eyes<'a>,
    standing: &'a StandingShape<'a>,
    steps: Vec<Step<'a>>,
    ends: Vec<EndShape<'a>>,
    rewards: &'a [RewardShape<'a>],
    rfm: RfmShape,
    favourites: Vec<FavouriteShape<'a>>,
    recent: Vec<ActShape<'a>>,
}

pub fn document(eyes: Eyes<'_>, who: Who<'_>, found: &Found, personal: bool) -> String {
    let (plan, member) = (eyes.plan, who.member);
    let standing = StandingShape::new(eyes, who);
    let orders = Orders::new(&found.acts, found.all_acts, home_region(plan, member));
    let rewards = rewards(eyes, &found.offered);
    let ends = ends(eyes, who);
    // Who is erased does nothing more.
    let steps = if member.erased { Vec::new() } else { ahead::steps(eyes, who, &standing, &ends, &rewards) };
    let all = All {
        who,
        eyes,
        standing: &standing,
        steps,
        ends,
        rewards: &rewards,
        rfm: orders.rfm(standing::now(member, eyes.now)),
        favourites: orders.favourites(ROOM.favourites),
        recent: acts::acts(eyes, &found.acts, ROOM.recent),
    };
    let mut room = ROOM;
    loop {
        let json = serde_json::to_string(&all.within(room, None)).expect("a document is JSON");
        if json.len() > BYTES_MAX && !room.is_empty() {
            room = room.half();
            continue;
        }
        if !personal {
            return json;
        }
        let identities = member.identities.iter().take(IDENTITIES_MAX).map(|name| name.as_str()).collect();
        let personal = Personal { identities, fields: &member.fields };
        return serde_json::to_string(&all.within(room, Some(personal))).expect("a document is JSON");
    }
}

impl All<'_> {
    fn within<'d>(&'d self, room: Room, personal: Option<Personal<'d>>) -> Document<'d> {
        let (eyes, member, standing) = (self.eyes, self.who.member, self.standing);
        let mut more = BTreeMap::new();
        let mut left_out = |name, all: usize, room: usize| {
            if all > room {
                more.insert(name, all - room);
            }
        };
        left_out("next_best", self.steps.len(), room.next_best);
        left_out("expiring", self.ends.len(), room.expiring);
        left_out("rewards", self.rewards.len(), room.rewards);
        left_out("achievements", standing.achievements.len(), room.achievements);
        left_out("segments", standing.segments.len(), room.segments);
        let achievements = standing.achievements.iter().take(room.achievements);
        let wallets = eyes.plan.wallets.iter().map(|wallet| {
            let (balance, points) = (self.who.balance(wallet), |minor| eyes.points(&wallet.id, minor));
            let shape = BalanceShape {
                available: points(balance.available),
                pending: points(balance.pending),
                debt: points(balance.debt),
            };
            (&*wallet.id, shape)
        });
        Document {
            member: eyes.member(member.no),
            program_version: eyes.plan.version,
            enrolled_at: member.enrolled_at,
            erased: member.erased,
            wallets: wallets.collect(),
            tiers: &standing.tiers,
            next_best: first(&self.steps, room.next_best),
            expiring: first(&self.ends, room.expiring),
            rewards: first(self.rewards, room.rewards),
            achievements: achievements.map(|(id, one)| (*id, one)).collect(),
            segments: first(&standing.segments, room.segments),
            rfm: &self.rfm,
            favourites: first(&self.favourites, room.favourites),
            recent: first(&self.recent, room.recent),
            more,
            personal,
        }
    }
}

fn first<T>(all: &[T], most: usize) -> &[T] {
    all.get(..most).unwrap_or(all)
}

/// Points that end, the soonest first.
fn ends<'a>(eyes: Eyes<'a>, who: Who<'_>) -> Vec<EndShape<'a>> {
    let of = |wallet: &'a domain::plan::Wallet| {
        let shape = move |end: End| EndShape {
            wallet: &wallet.id,
            amount: eyes.points(&wallet.id, end.amount),
            at: end.at,
            idle: end.idle,
        };
        standing::ends_of(eyes.plan, who, wallet).into_iter().map(shape)
    };
    let mut ends: Vec<_> = eyes.plan.wallets.iter().flat_map(of).collect();
    ends.sort_by_key(|end| end.at);
    ends
}

/// Those within reach first, in the order of the program; then those for which fewest points are missing; then the rest.
fn rewards<'a>(eyes: Eyes<'a>, offered: &'a [Offered]) -> Vec<RewardShape<'a>> {
    let known = |one: &&Offered| usize::from(one.reward) < eyes.plan.rewards.len();
    let mut offered: Vec<&Offered> = offered.iter().filter(known).collect();
    offered.sort_by_key(|one| {
        let missing = one.refusal.as_ref().map_or(0, |refusal| refusal.missing.iter().map(|m| m.1).sum());
        (one.refusal.is_some(), Reverse(missing > 0), missing)
    });
    offered.into_iter().map(|one| reward(eyes, one)).collect()
}

fn reward<'a>(eyes: Eyes<'a>, one: &'a Offered) -> RewardShape<'a> {
    let reward = &eyes.plan.rewards[usize::from(one.reward)];
    let by_no =
        |(no, minor): &(domain::plan::WalletNo, i64)| (&*eyes.plan.wallets[usize::from(*no)].id, *minor);
    let refusal = one.refusal.as_ref().map(|refusal| RefusalShape {
        code: &refusal.reason.code,
        message: refusal.reason.message.chars().take(MESSAGE_CHARS_MAX).collect(),
        missing: points(eyes, refusal.missing.iter().map(by_no)),
    });
    RewardShape {
        id: &reward.id,
        name: reward.name.as_deref(),
        cost: one.terms.as_ref().map(|terms| points(eyes, terms.cost.iter().map(by_no))),
        value: one.terms.as_ref().and_then(|terms| terms.value).map(|value| value.to_string()),
        left: one.left,
        within_reach: refusal.is_none(),
        refusal,
    }
}
