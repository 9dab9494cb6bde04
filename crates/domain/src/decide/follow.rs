//! What follows an event, within its own row: achievements, tiers, workflows; and rules that hear what it did
//! (`points.earned`, `tier.changed` …), with the state that it left, at most 8 deep.

use super::case::Case;
use super::region::region;
use super::rules::{Judge, Uses};
use super::{Book, Judged, Present, Scene, apply, count};
use crate::plan::{Canon, TypeNo};
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
        {
            self.heard.push_back(Heard { ty, payload: payload(), depth: self.depth + 1 });
        }
    }
}

/// Err: this must be loaded first.
pub fn follow(book: &mut Book<'_>, scene: &Scene<'_>) -> Result<(), Vec<Want>> {
    after(book, scene, None)?;
    while let Some(heard) = book.heard.pop_front() {
        book.depth = heard.depth;
        let judged = judge(book, scene, &heard)?;
        apply(book, book.plan, judged, None);
        after(book, scene, Some(&heard))?;
    }
    Ok(())
}

/// Achievements, tiers and workflows, after the event itself (None) or after something that followed.
fn after(_book: &mut Book<'_>, _scene: &Scene<'_>, _heard: Option<&Heard>) -> Result<(), Vec<Want>> {
    Ok(())
}

fn judge(book: &Book<'_>, scene: &Scene<'_>, heard: &Heard) -> Result<Judged, Vec<Want>> {
    let plan = book.plan;
    let ty = &plan.types[usize::from(heard.ty)];
    // The event's own payload was checked with its region; what follows is where the event was.
    let region = region(plan, scene.canon(), &scene.bound.record, book.member).unwrap_or(&plan.regions[0]);
    let case = Case::new(plan, ty, scene.event, &heard.payload, book.member, region, scene.event.time);
    let before = Present { plan, member: book.member, moment: &case.moment };
    let mut judge = Judge::new(&case, &before, scene.rows, book.budgets, &scene.plans.keys);
    judge.uses = Uses { member: &book.member.limits, budgets: book.budgets };
    judge.run(&ty.rules);
    if !judge.missing.is_empty() {
        return Err(judge.missing);
    }
    let (offers, mut failed) = (judge.offers, judge.failed);
    let counted = count(&case, &mut failed);
    Ok(Judged { offers, failed, counted, seen: Vec::new(), moment: case.moment })
}

impl Scene<'_> {
    fn canon(&self) -> Canon {
        match self.kind {
            super::Kind::Type(no) => self.plans.current.types[usize::from(no)].canon,
            _ => Canon::Other,
        }
    }
}
