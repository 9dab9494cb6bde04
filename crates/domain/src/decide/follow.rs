//! What follows an event, within its own row: achievements, tiers, workflows; and rules that hear what it did
//! (`points.earned`, `tier.changed` …), with the state that it left, at most 8 deep.

use super::case::Case;
use super::region::{region, region_of};
use super::rules::{Judge, Offer};
use super::{
    Book, Judged, Kind, Scene, achievements, apply, count, referrals, referrer, rewards, tiers, workflows,
};
use crate::codes;
use crate::condition::State;
use crate::outcome::Effect;
use crate::plan::{Canon, EventType, Payee, Plan, Region, RuleNo, TypeNo};
use crate::snapshot::Want;
use crate::value::Value;

/// What follows from what follows is heard so deep.
const DEPTH_MAX: u8 = 8;

/// Something that happened in this row and that rules may hear.
pub struct Heard {
    pub ty: TypeNo,
    pub payload: Value,
    /// 1: it followed from the event itself.
    pub depth: u8,
}

impl Book<'_> {
    /// Tells of something that happened, if anyone listens.
    pub fn hear(&mut self, canon: Canon, payload: impl FnOnce() -> Value) {
        if let Some(ty) = self.plan.hearing(canon)
            && self.depth < DEPTH_MAX
            && self.member.household.is_none()
        {
            self.heard.push_back(Heard { ty, payload: payload(), depth: self.depth + 1 });
        }
    }
}

/// Err: this must be loaded first.
pub fn follow(book: &mut Book<'_>, scene: &Scene<'_>) -> Result<(), Vec<Want>> {
    referrer::tell(book, scene, None, 0);
    rewards::issue(book, scene)?;
    after(book, scene, None)?;
    more(book, scene)
}

/// What is still to be heard.
pub fn more(book: &mut Book<'_>, scene: &Scene<'_>) -> Result<(), Vec<Want>> {
    while let Some(heard) = book.heard.pop_front() {
        book.depth = heard.depth;
        let judged = judge(book, scene, &heard)?;
        let from = book.decision.effects.len();
        apply(book, book.plan, judged, None);
        referrer::tell(book, scene, Some(&heard), from);
        rewards::issue(book, scene)?;
        after(book, scene, Some(&heard))?;
    }
    Ok(())
}

/// Achievements, tiers and workflows, after the event itself (None) or after something that followed.
fn after(book: &mut Book<'_>, scene: &Scene<'_>, heard: Option<&Heard>) -> Result<(), Vec<Want>> {
    // Rules are for people.
    if book.member.household.is_some() {
        return Ok(());
    }
    referrals::after(book, scene, heard);
    achievements::follow(book, scene)?;
    tiers::follow(book, scene);
    workflows::after(book, scene, heard)?;
    rewards::issue(book, scene)
}

/// The type and payload of what happened; None: nothing that a workflow or a referral could hear.
pub fn told<'s>(
    book: &Book<'_>,
    scene: &'s Scene<'_>,
    heard: Option<&'s Heard>,
) -> Option<(TypeNo, &'s Value)> {
    match (heard, scene.kind) {
        (Some(heard), _) => Some((heard.ty, &heard.payload)),
        // Told once more, an enrolment is none.
        (None, _)
            if book.decision.reason.as_ref().is_some_and(|r| r.code == codes::MEMBER_ALREADY_ENROLLED) =>
        {
            None
        }
        (None, Kind::Type(no)) => Some((no, &scene.bound.record)),
        (None, _) => None,
    }
}

/// Reads what is neither event nor rule (a step, a setting) with the state as it now stands. `extra`: what this place
/// alone can read.
pub fn aside<T>(
    book: &Book<'_>,
    scene: &Scene<'_>,
    extra: Vec<Value>,
    read: impl FnOnce(&Case<'_>, &dyn State) -> T,
) -> T {
    let ty = clock(book.plan, Vec::new());
    let case = case(book, scene, &ty, extra);
    read(&case, &case.present())
}

/// What a rule pays that hears nothing by itself (of a workflow, of an achievement), with the state as it now stands.
pub fn pay_aside(
    book: &mut Book<'_>,
    scene: &Scene<'_>,
    rule: RuleNo,
    extra: Vec<Value>,
) -> Result<(), Vec<Want>> {
    let ty = clock(book.plan, vec![rule]);
    let case = case(book, scene, &ty, extra);
    let (offers, failed) = offers(book, scene, &case)?;
    let judged = Judged { offers, failed, counted: Vec::new(), seen: Vec::new(), moment: case.moment };
    apply(book, book.plan, judged, None);
    Ok(())
}

fn case<'c>(book: &'c Book<'_>, scene: &'c Scene<'_>, ty: &'c EventType, extra: Vec<Value>) -> Case<'c> {
    let (region, at) = (scene.region(book), scene.event.time);
    let mut case = Case::new(book.plan, ty, scene.event, &Value::Absent, book.who(), region, at);
    case.read_member();
    case.extra = extra;
    case
}

/// What the rules of the case's type offer with the state as it now stands, and those that failed. Err: this must be
/// loaded first.
pub fn offers(
    book: &Book<'_>,
    scene: &Scene<'_>,
    case: &Case<'_>,
) -> Result<(Vec<Offer>, Vec<Effect>), Vec<Want>> {
    let before = case.present();
    let mut judge = Judge::new(case, &before, scene.rows, book.budgets, &scene.plans.keys);
    judge.run(&case.ty.rules);
    if judge.missing.is_empty() { Ok((judge.offers, judge.failed)) } else { Err(judge.missing) }
}

/// Time itself, heard by these rules only.
pub fn clock(plan: &Plan, rules: Vec<RuleNo>) -> EventType {
    let known = plan.types.iter().find(|ty| ty.canon == Canon::Clock);
    let known = known.or(plan.types.first()).expect("a program knows types");
    EventType { rules, counters: Vec::new(), canon: Canon::Clock, ..known.clone() }
}

fn judge(book: &Book<'_>, scene: &Scene<'_>, heard: &Heard) -> Result<Judged, Vec<Want>> {
    let plan = book.plan;
    let ty = &plan.types[usize::from(heard.ty)];
    let region = scene.region(book);
    let case = Case::new(plan, ty, scene.event, &heard.payload, book.who(), region, scene.event.time);
    let (offers, mut failed) = offers(book, scene, &case)?;
    let counted = count(Payee::Member, &case, &mut failed);
    Ok(Judged { offers, failed, counted, seen: Vec::new(), moment: case.moment })
}

impl Scene<'_> {
    /// The event's own payload was checked with its region; what follows is where the event was, or its order.
    pub fn region<'p>(&self, book: &Book<'p>) -> &'p Region {
        let plan = book.plan;
        let canon = self.canon();
        match &book.decision.order {
            Some(order) if !matches!(canon, Canon::OrderPaid | Canon::OrderUpdated) => {
                region_of(plan, order, book.member)
            }
            _ => region(plan, canon, &self.bound.record, book.member).unwrap_or(&plan.regions[0]),
        }
    }

    pub fn canon(&self) -> Canon {
        match self.kind {
            super::Kind::Type(no) => self.plans.current.types[usize::from(no)].canon,
            _ => Canon::Other,
        }
    }
}
