//! What one event does to a member, in the order that is published: rules as of just before it, campaigns, limits; then
//! the ledger, counters, messages.
//!
//! Two halves. `weigh` reads: it may find that something must be loaded first, and it alone can refuse. `carry_out`
//! writes and cannot fail. Not here: who the member is, duplicates, waiting (`batch`).

mod achievements;
pub mod amounts;
mod apart;
mod book;
mod campaigns;
mod cart;
mod case;
mod clocks;
mod counters;
mod cuts;
mod discounts;
mod distinct;
pub mod due;
mod edit;
mod erase;
pub mod expiry;
mod follow;
mod gaps;
mod giving;
mod grants;
pub mod households;
pub mod join;
pub mod limits;
pub(crate) mod members;
mod merge;
mod opening;
pub mod own;
pub mod quote;
mod referrals;
mod referrer;
mod refunds;
mod region;
pub mod rewards;
mod rules;
mod settings;
mod streak;
mod tiers;
mod unjoin;
mod unmerge;
mod updates;
mod work;
mod workflows;

pub use achievements::{Progress, progress};
pub use book::{Book, Made};
pub use campaigns::held_out;
pub use case::{Case, Present, Recorded, moment, read_name};
pub use counters::DISTINCT_MAX;
pub use members::names;
pub use region::place;
pub use rules::{list_at, text as once_value};
pub use tiers::{
    Keep, Next, by_now, home as home_region, keep as keep_level, next as next_level,
    present as present_level, values as tier_values,
};

pub use work::{Verdict, Work};

use crate::batch::Plans;
use crate::bind::{self, Bound};
use crate::canonical;
use crate::codes::{self, reason, reason_at};
use crate::condition::State;
use crate::event::Event;
use crate::household::Who;
use crate::member::Member;
use crate::order::Order;
use crate::outcome::{Effect, Emitted};
use crate::own::Own;
use crate::plan::{Canon, EventType, Payee, Plan, Region, RuleNo, TypeNo};
use crate::snapshot::{Rows, Snapshot, Want};
use crate::value::Text;
use case::slot_text;
use counters::Counted;
use limits::Moment;
use region::{region, region_of};
use rules::{Judge, Offer};

/// What an event is, as far as its type tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Type(TypeNo),
    Own(Own),
    /// Not in the program.
    Unknown,
    /// `fealty.…` from elsewhere, or one that there is not.
    Reserved,
}

/// One event before its member.
pub struct Matter<'a> {
    pub plans: &'a Plans,
    pub event: &'a Event,
    pub kind: Kind,
    pub bound: &'a Bound,
    pub member: &'a Member,
    /// The order as it stands, and what rules saw when it was paid.
    pub order: Option<(&'a Order, &'a [(Text, serde_json::Value)])>,
    pub snapshot: &'a Snapshot,
    /// Whose rules are judged: this member's, or those that pay him for what he brought.
    pub payee: Payee,
    /// What the event granted to the member whom he brought.
    pub granted: &'a [referrer::Granted],
}

impl<'a> Matter<'a> {
    /// The door has looked at the household.
    pub fn who(&self) -> Who<'a> {
        self.snapshot.who(self.member)
    }
}

/// What the rules say of one event.
pub struct Judged {
    pub offers: Vec<Offer>,
    pub failed: Vec<Effect>,
    pub counted: Vec<Counted>,
    pub seen: Vec<(Text, serde_json::Value)>,
    pub moment: Moment,
}

/// Reads only. Err: this must be loaded first.
pub fn weigh(matter: &Matter<'_>) -> Result<Verdict, Vec<Want>> {
    let plan = &*matter.plans.current;
    let payload = &matter.bound.record;
    let no = match matter.kind {
        Kind::Type(no) => no,
        Kind::Own(own) => return own::weigh(matter, own),
        Kind::Unknown | Kind::Reserved => unreachable!("the door turns them away"),
    };
    let ty = &plan.types[usize::from(no)];
    // Rules of these hear nothing but the member, so they see him as he is told to be.
    let mut told = None;
    let own = matter.payee == Payee::Member;
    if own && matches!(ty.canon, Canon::MemberEnrolled | Canon::MemberUpdated) {
        let member = told.insert(matter.member.clone());
        members::set_fields(member, &ty.fields, payload, &matter.event.data);
    }
    let matter = &Matter { member: told.as_ref().unwrap_or(matter.member), ..*matter };
    let followed = matter.order.filter(|_| ty.canon != Canon::OrderUpdated);
    let region = match followed {
        Some((order, _)) => Ok(region_of(plan, order, matter.member)),
        None => region(plan, ty.canon, payload, matter.member),
    };
    let region = match region {
        Ok(region) => region,
        Err(reason) => return Ok(reason.into()),
    };
    if let Err(reason) = matter.bound.check_money(&ty.fields, region.exponent, &region.currency) {
        return Ok(reason.into());
    }
    let work = match (ty.canon, matter.order) {
        (Canon::OrderPaid, _) => {
            let judged = judge(matter, plan, ty, region, &ty.rules)?;
            let order = new_order(plan, region, matter);
            Work::Paid { judged, order }
        }
        (Canon::OrderRefunded | Canon::OrderCancelled, Some((order, _))) => {
            let back = match refunds::read(ty.canon, payload, order) {
                Ok(back) => back,
                Err(reason) => return Ok(reason.into()),
            };
            let moment = case::moment(plan, matter.member, order.at);
            let judged = judge(matter, plan, ty, region, &ty.rules)?;
            let spent = rewards::spent_on(matter, order)?;
            Work::Return { judged, order: order.clone(), back, moment, spent }
        }
        (Canon::OrderUpdated, Some((order, _))) if order.edited_at > Some(matter.event.time) => {
            return Ok(reason(codes::ORDER_UPDATE_STALE, "a newer state of the order came before").into());
        }
        (Canon::OrderUpdated, Some((order, seen))) => return edit::edit(matter, ty, region, order, seen),
        (Canon::ReferralClaimed, _) if own => match referrals::claimed(matter)? {
            Ok(by) => Work::Claim { judged: judge(matter, plan, ty, region, &ty.rules)?, by },
            Err(reason) => return Ok(reason.into()),
        },
        (Canon::ReferralClaimed, _) => Work::Bring(judge(matter, plan, ty, region, &ty.rules)?),
        (Canon::MemberEnrolled, _) if own && enrolled_before(matter)? => Work::Fields { judged: None },
        (Canon::MemberEnrolled | Canon::MemberUpdated, _) if own => {
            Work::Fields { judged: Some(judge(matter, plan, ty, region, &ty.rules)?) }
        }
        (_, order) => {
            let order = order.map(|(order, _)| order.clone());
            Work::Rules { judged: judge(matter, plan, ty, region, &ty.rules)?, order }
        }
    };
    Ok(Verdict::Do(Box::new(work)))
}

/// The rules of a type, and its counters, with the member as now.
fn judge(
    matter: &Matter<'_>,
    plan: &Plan,
    ty: &EventType,
    region: &Region,
    rules: &[RuleNo],
) -> Result<Judged, Vec<Want>> {
    let order = matter.order.map(|(order, _)| order);
    let mut case =
        Case::new(plan, ty, matter.event, &matter.bound.record, matter.who(), region, matter.event.time);
    if let (Some(order), true) = (order, case.totals.is_empty()) {
        case.totals = order.items.iter().map(|item| item.total).collect();
    }
    let before = case.known();
    let mut judge =
        Judge::new(&case, &before, &matter.snapshot.rows, &matter.snapshot.budgets, &matter.plans.keys);
    judge.order = order;
    (judge.to, judge.granted) = (matter.payee, referrer::seeds(plan, matter.granted));
    judge.run(rules);
    if !judge.missing.is_empty() {
        return Err(judge.missing);
    }
    let (offers, mut failed) = (judge.offers, judge.failed);
    let counted = count(matter.payee, &case, &mut failed);
    let mut seen = case.seen(&before);
    if !region.id.is_empty() {
        seen.push((REGION.into(), region.id.to_string().into()));
    }
    Ok(Judged { offers, failed, counted, seen, moment: case.moment })
}

/// What the member's counters count; what someone else did is not counted with him whom it pays.
fn count(payee: Payee, case: &Case<'_>, failed: &mut Vec<Effect>) -> Vec<Counted> {
    let mut counted = Vec::new();
    for no in case.ty.counters.iter().filter(|_| payee == Payee::Member) {
        match counters::count(case, *no) {
            Ok(Some(one)) => counted.push(one),
            Ok(None) => {}
            Err(_) => failed.push(counter_failed(&case.plan.counters[usize::from(*no)].id)),
        }
    }
    counted
}

fn counter_failed(id: &str) -> Effect {
    Effect {
        rule: format!("counters.{id}").into(),
        kind: "failed".into(),
        wallet: "".into(),
        wanted: 0,
        granted: 0,
        cut: Some(codes::NUMBER_OUT_OF_RANGE.into()),
    }
}

fn new_order(plan: &Plan, region: &Region, matter: &Matter<'_>) -> Order {
    let payload = &matter.bound.record;
    Order {
        id: slot_text(payload, canonical::order::ID).into(),
        member: matter.member.no,
        version: plan.version,
        pos: matter.snapshot.next_pos,
        at: matter.event.time,
        edited_at: None,
        currency: region.currency.clone(),
        total: refunds::order_total(payload),
        items: refunds::order_items(payload),
        back: crate::num::Num::ZERO,
        closed: false,
        refunds: Vec::new(),
        applied: Vec::new(),
        came: Vec::new(),
        sent: Vec::new(),
        less: Vec::new(),
        grants: Vec::new(),
        counts: Vec::new(),
    }
}

/// Under this name the event's region is recorded with what was seen.
pub const REGION: &str = "region";

/// Rules of `member.enrolled` pay a member once, under whatever event id it is told again.
pub const ENROLLED: &str = "member.enrolled";

fn enrolled_before(matter: &Matter<'_>) -> Result<bool, Vec<Want>> {
    let mut before = false;
    for no in matter.member.numbers() {
        let key = matter.plans.keys.once(ENROLLED, no, "");
        let rows = matter.snapshot.rows.get(&key).ok_or_else(|| vec![Want::Rows(key)])?;
        before |= rows.iter().any(|row| {
            row.decision.member == Some(no) && row.decision.once.iter().any(|(rule, _)| **rule == *ENROLLED)
        });
    }
    Ok(before)
}

/// Writes. Everything has been checked, so nothing here is refused. Err: this must be loaded first, and what was written
/// is thrown away.
pub fn carry_out(work: Work, book: &mut Book<'_>, scene: &Scene<'_>) -> Result<(), Vec<Want>> {
    expiry::before(book);
    let apart = apart::before(&work, book);
    do_work(work, book, scene)?;
    grants::came(book, scene);
    if let Some(before) = apart {
        apart::note(book, before);
    }
    if scene.kind != Kind::Own(Own::Open) {
        follow::follow(book, scene)?;
    }
    let ty = if let Kind::Type(ty) = scene.kind { Some(ty) } else { None };
    clocks::hear(book, ty);
    while expiry::after(book, ty) {
        follow::more(book, scene)?;
    }
    // An enrolment that is told again may be what a new version of the program waits for to lift a member.
    let changed = !(book.decision.transfers.is_empty() && book.decision.emitted.is_empty());
    if changed && book.decision.status == crate::outcome::Status::Ignored {
        book.decision.status = crate::outcome::Status::Applied;
    }
    Ok(())
}

fn do_work(work: Work, book: &mut Book<'_>, scene: &Scene<'_>) -> Result<(), Vec<Want>> {
    let (plan, event) = (book.plan, scene.event);
    match work {
        Work::Paid { judged, mut order } => {
            apply(book, plan, judged, Some(&mut order));
            book.decision.order = Some(order);
        }
        Work::Rules { judged, order: Some(mut order) } => {
            apply(book, plan, judged, Some(&mut order));
            let moment = case::moment(plan, book.member, order.at);
            // What comes after a return gives only what is left of the order.
            refunds::settle(book, &mut order, &moment);
            book.decision.order = Some(order);
        }
        Work::Rules { judged, order: None } => apply(book, plan, judged, None),
        Work::Return { judged, mut order, back, moment, spent } => {
            refunds::note(&mut order, &back);
            // What was spent comes back first, so that less is owed.
            rewards::refund(book, &scene.plans.keys, &order, spent);
            refunds::settle(book, &mut order, &moment);
            order.applied.extend(paying(plan, &judged));
            apply(book, plan, judged, None);
            book.decision.order = Some(order);
        }
        Work::Edit { edit, plan: old_plan, rules, mut order, judged } => {
            updates::settle(book, &old_plan, &rules, &mut order, edit);
            order.applied.extend(paying(plan, &judged));
            apply(book, plan, judged, None);
            book.decision.order = Some(order);
        }
        Work::Fields { judged } => fields(book, scene, judged),
        Work::Claim { judged, by } => {
            referrals::claim(book, by, event.time);
            apply(book, plan, judged, None);
        }
        Work::Bring(judged) => {
            referrer::bring(book);
            apply(book, plan, judged, None);
        }
        Work::Adjust(adjustment) => members::adjust(book, &adjustment),
        Work::Link(_) => {}
        Work::Give(gift) => giving::give(book, &gift, event.time),
        Work::Receive(received) => giving::receive(book, &received),
        Work::Merge(absorb) => merge::ask(book, absorb),
        Work::HandOver(to) => merge::hand_over(book, to),
        Work::TakeOver(from) => merge::take_over(book, &from, event),
        Work::Unmerge(parting) => unmerge::let_go(book, scene, *parting),
        Work::Part(himself) => unmerge::part(book, &himself),
        Work::Household(step) => households::go(book, step),
        Work::Erase(_) => erase::erase(book),
        Work::Place(placing) => tiers::place_by_hand(book, &placing, event.time),
        Work::Open(opening) => opening::open(book, scene, *opening),
        Work::Redeem(taking) => rewards::take(book, scene, *taking),
        Work::Redemption(step) => rewards::step(book, scene, *step),
        Work::Due => due::run(book, scene)?,
    }
    Ok(())
}

/// `member.enrolled` and `member.updated`; without rules if he was enrolled before.
fn fields(book: &mut Book<'_>, scene: &Scene<'_>, judged: Option<Judged>) {
    let (plan, event) = (book.plan, scene.event);
    let changed = members::set_fields(book.member, scene.fields, &scene.bound.record, &event.data);
    let enrolls = &*event.kind == ENROLLED;
    // The fields with which he came belong to his coming.
    if !changed.is_empty() && !book.decision.enrolled {
        let names = serde_json::Map::from_iter([("fields".into(), changed.clone().into())]);
        book.decision.emitted.push(Emitted::own("member.updated", names));
    }
    match judged {
        Some(judged) => {
            if enrolls {
                book.decision.once.push((ENROLLED.into(), "".into()));
            }
            apply(book, plan, judged, None);
        }
        None => {
            if changed.is_empty() {
                book.decision.status = crate::outcome::Status::Ignored;
            }
            let said = "the member was enrolled before; rules of member.enrolled pay once";
            book.decision.reason = Some(reason(codes::MEMBER_ALREADY_ENROLLED, said));
        }
    }
}

/// What carrying out may look at, beside the book that it writes.
pub struct Scene<'a> {
    pub plans: &'a Plans,
    pub event: &'a Event,
    pub kind: Kind,
    pub bound: &'a Bound,
    pub fields: &'a crate::value::Fields,
    pub rows: &'a Rows,
}

fn paying(plan: &Plan, judged: &Judged) -> Vec<Text> {
    judged.offers.iter().filter(|o| o.pays()).map(|o| plan.rules[usize::from(o.rule)].id.clone()).collect()
}

fn apply(book: &mut Book<'_>, plan: &Plan, judged: Judged, mut order: Option<&mut Order>) {
    if book.depth == 0 && !judged.seen.is_empty() {
        book.decision.seen.extend(judged.seen);
    }
    book.pay(plan, judged.offers, &judged.moment, order.as_deref_mut());
    book.decision.effects.extend(judged.failed);
    if let Some(order) = &mut order {
        order.counts.reserve_exact(judged.counted.len());
    }
    for counted in judged.counted {
        if counters::apply(book.member, plan, &counted, &judged.moment).is_err() {
            let id = &plan.counters[usize::from(counted.counter)].id;
            book.decision.effects.push(counter_failed(id));
            continue;
        }
        if let Some(order) = &mut order {
            order.counts.push(counted.remembered(plan));
        }
    }
}

/// What a rule may read, for those who judge a recorded event once more.
pub fn env_state<'a>(
    before: &'a dyn State,
    plan: &'a Plan,
    granted: &'a [(RuleNo, crate::plan::WalletNo, i64)],
) -> impl State + 'a {
    case::WithGrants { before, plan, granted }
}
