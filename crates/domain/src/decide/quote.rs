//! Quotes: what a cart would earn, what is taken off it, which rewards are within reach. The same code as the real thing
//! on a snapshot of its own, which is thrown away: nothing is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::case::Case;
use super::discounts::{self, Cart, Cut};
use super::rewards::terms::{Asking, Refusal, Terms, left};
use super::rewards::{newest, quoted};
use super::rules::Judge;
use super::{cart, region::region};
use crate::batch::{self, Plans};
use crate::codes::{self, reason_at};
use crate::event::{Event, Input, MemberNo, Subject};
use crate::household::Who;
use crate::member::Member;
use crate::num::Num;
use crate::outcome::{Decision, Effect, Reason, Status};
use crate::plan::{Canon, RewardNo};
use crate::snapshot::{Snapshot, Want};
use crate::value::{Text, Value};

pub struct Quote {
    /// As just before the order, with what was due.
    pub member: Arc<Member>,
    pub home: Option<Arc<Member>>,
    pub currency: Text,
    /// Digits of it, for what is taken off.
    pub exponent: u8,
    /// What paying the cart would do.
    pub paid: Arc<Decision>,
    /// By rule.
    pub discounts: Vec<(Text, Cut)>,
    pub rewards: Vec<Offered>,
}

/// A reward before this member.
pub struct Offered {
    pub reward: RewardNo,
    /// What one costs and gives; None: that depends on a cart, or on numbers that are too large.
    pub terms: Option<Terms>,
    pub refusal: Option<Refusal>,
    /// So many are left for all members, where there is a stock or a pool.
    pub left: Option<i64>,
}

impl Quote {
    pub fn who(&self) -> Who<'_> {
        Who { member: &self.member, home: self.home.as_deref() }
    }

    /// Money taken off in all.
    pub fn discount(&self) -> Num {
        Num::minor(self.discounts.iter().map(|(_, cut)| cut.sum()).sum(), self.exponent)
    }

    pub fn earns(&self) -> impl Iterator<Item = &Effect> {
        self.paid.effects.iter().filter(|effect| &*effect.kind == "earn")
    }
}

/// Its id and name.
const NAME: &str = "fealty:quote";

type Fetch<'f, E> = dyn FnMut(&mut Snapshot, &[Want]) -> Result<(), E> + 'f;

/// `who`: None is somebody who has never been here. `fetch` fills the snapshot, which is new.
pub fn quote<E>(
    plans: &Plans,
    snapshot: &mut Snapshot,
    who: Option<MemberNo>,
    data: &[u8],
    now: jiff::Timestamp,
    fetch: &mut Fetch<'_, E>,
) -> Result<Result<Quote, Reason>, E> {
    let member = match arrive(plans, snapshot, who, now, fetch)? {
        Ok(member) => member,
        Err(reason) => return Ok(Err(reason)),
    };
    let plan = &*plans.current;
    let told = match cart::read(plan, data, &member) {
        Ok(told) => told,
        Err(reason) => return Ok(Err(reason)),
    };
    // A shop may have an order of this id: it is not the one that is asked about.
    for key in [plans.keys.order(NAME), plans.keys.order_waiting(NAME), plans.keys.order_spent(NAME)] {
        snapshot.rows.insert(key, Vec::new());
    }
    let event = event(&member, now, data);
    let home = member.home.as_ref().and_then(|home| snapshot.members.get(&home.no).cloned().flatten());
    let who = Who { member: &member, home: home.as_deref() };
    let mut case = Case::new(plan, quoted(plan), &event, &told.cart, who, told.region, now);
    case.read_member();
    let before = case.present();
    let mut offers = loop {
        let mut judge = Judge::new(&case, &before, &snapshot.rows, &snapshot.budgets, &plans.keys);
        judge.run(&case.ty.rules);
        if judge.missing.is_empty() {
            break judge.offers;
        }
        let missing = judge.missing;
        fetch(snapshot, &missing)?;
    };
    let rules: Vec<Text> =
        offers.iter().map(|offer| plan.rules[usize::from(offer.rule)].id.clone()).collect();
    let cuts = offers.iter_mut().map(|offer| offer.off.take().unwrap_or_default()).collect();
    let cuts = discounts::together(&Cart::of(&case), cuts);
    let discounts = rules.into_iter().zip(cuts).filter(|(_, cut)| cut.sum() > 0).collect();
    let rewards = offered(&case, snapshot);
    let (currency, exponent) = (told.region.currency.clone(), told.region.exponent);
    let input = Input { event: Arc::new(event.clone()), body_hash: [0; 32], origin: NAME.into() };
    let batch = batch::process(plans, snapshot, &[input], &[], now, fetch)?;
    let paid = batch.answers[0].decision.clone();
    if let (true, Some(reason)) = (paid.status == Status::Refused, &paid.reason) {
        return Ok(Err(reason.clone()));
    }
    Ok(Ok(Quote { member, home, currency, exponent, paid, discounts, rewards }))
}

/// Rewards as they stand for a member, without a cart.
pub fn rewards<E>(
    plans: &Plans,
    snapshot: &mut Snapshot,
    who: Option<MemberNo>,
    now: jiff::Timestamp,
    fetch: &mut Fetch<'_, E>,
) -> Result<Result<Vec<Offered>, Reason>, E> {
    let member = match arrive(plans, snapshot, who, now, fetch)? {
        Ok(member) => member,
        Err(reason) => return Ok(Err(reason)),
    };
    let plan = &*plans.current;
    let event = event(&member, now, b"{}");
    let region = match region(plan, Canon::Other, &Value::Absent, &member) {
        Ok(region) => region,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut case = Case::new(plan, quoted(plan), &event, &Value::Absent, snapshot.who(&member), region, now);
    case.read_member();
    Ok(Ok(offered(&case, snapshot)))
}

/// The member as of now: what was due is done, on the snapshot.
fn arrive<E>(
    plans: &Plans,
    snapshot: &mut Snapshot,
    who: Option<MemberNo>,
    now: jiff::Timestamp,
    fetch: &mut Fetch<'_, E>,
) -> Result<Result<Arc<Member>, Reason>, E> {
    if snapshot.next_pos == 0 {
        fetch(snapshot, &[])?;
    }
    let Some(no) = who else {
        let no = snapshot.next_member;
        snapshot.next_member += 1;
        let new = Arc::new(Member::new(no, now));
        snapshot.members.insert(no, Some(new.clone()));
        return Ok(Ok(new));
    };
    fetch(snapshot, &[Want::Member(no)])?;
    let unknown = || Ok(Err(reason_at(codes::MEMBER_UNKNOWN, "/member", "there is no such member")));
    let Some(Some(member)) = snapshot.members.get(&no) else { return unknown() };
    let (home, held) = (member.home.as_ref().map(|home| home.no), member.held.clone());
    if let Some(home) = home {
        fetch(snapshot, &[Want::Member(home)])?;
    }
    // The rows are read a moment after the member: what was confirmed in between is no longer held.
    for held in held.iter().filter(|held| held.until <= now) {
        let key = plans.keys.redemption(held.pos, held.n);
        fetch(snapshot, &[Want::Rows(key)])?;
        let newest = newest(&snapshot.rows, &plans.keys, held.pos, held.n);
        if !newest.is_ok_and(|found| found.is_some_and(|(_, one)| one.is_open()))
            && let Some(Some(member)) = snapshot.members.get_mut(&no)
        {
            Arc::make_mut(member).held.retain(|one| one != held);
        }
    }
    batch::process(plans, snapshot, &[], &[no], now, fetch)?;
    match snapshot.members.get(&no) {
        Some(Some(member)) => Ok(Ok(member.clone())),
        _ => unknown(),
    }
}

/// What members may ask for; what is only given is not on offer.
fn offered(case: &Case<'_>, snapshot: &Snapshot) -> Vec<Offered> {
    let asking = Asking { case, budgets: &snapshot.budgets };
    let one = |no: usize| {
        let (reward, step) = (no as RewardNo, case.amount(case.plan.rewards[no].quantity_step));
        let quantity = Num::ONE.max(step);
        let needs = case.plan.rewards[no].needs_order && *case.payload == Value::Absent;
        let terms = if needs { None } else { asking.price(reward, quantity, false).ok() };
        let left = left(&snapshot.budgets, &case.plan.rewards[no]);
        Offered { reward, terms, refusal: asking.terms(reward, quantity).err(), left }
    };
    (0..case.plan.rewards.len()).filter(|no| !case.plan.rewards[*no].only_given()).map(one).collect()
}

/// The cart, paid now, under a name that no order has.
fn event(member: &Member, now: jiff::Timestamp, data: &[u8]) -> Event {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_slice(data).unwrap_or_default();
    let mut json = format!("{{\"id\":\"{NAME}\"");
    for (name, value) in fields.iter().filter(|(name, _)| *name != "id") {
        json.push(',');
        json.push_str(&serde_json::to_string(name).unwrap_or_default());
        json.push(':');
        json.push_str(value.get());
    }
    json.push('}');
    Event {
        source: NAME.into(),
        id: NAME.into(),
        kind: "order.paid".into(),
        subject: Some(Subject::Member(member.no)),
        also: Vec::new(),
        time: now,
        data: json.into_bytes().into(),
    }
}
