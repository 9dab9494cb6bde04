//! Time: what of a member is due at an instant, and when the next thing is.
//! The law: after `run` at an instant, `next` is later than it. Not here: what each of them does.

use jiff::Timestamp;

use super::{Book, Scene, clocks, expiry, gaps, households, referrals, rewards, tiers, workflows};
use crate::member::Member;
use crate::plan::Plan;
use crate::snapshot::Want;

/// When the next thing is due for this member; None: nothing ever is. Asked after every event, so it only looks.
pub fn next(plan: &Plan, member: &Member) -> Option<Timestamp> {
    let all = [
        rewards::next_due(plan, member),
        expiry::next_due(plan, member),
        gaps::next_due(plan, member),
        tiers::next_due(plan, member),
        clocks::next_due(plan, member),
        referrals::next_due(plan, member),
        workflows::next_due(plan, member),
        households::next_due(plan, member),
    ];
    all.into_iter().flatten().min()
}

/// Does everything that is due at the event's instant, in the order that is published: reservations lapse, points are
/// released, lots expire, levels end, clock rules run, referrals qualify, workflows go on.
pub fn run(book: &mut Book<'_>, scene: &Scene<'_>) -> Result<(), Vec<Want>> {
    let at = scene.event.time;
    rewards::run_due(book, scene, at)?;
    expiry::run_due(book, at);
    gaps::run_due(book, scene, at)?;
    tiers::run_due(book, scene, at)?;
    clocks::run_due(book, scene, at)?;
    referrals::run_due(book, scene, at)?;
    workflows::run_due(book, scene, at)?;
    households::run_due(book, at);
    Ok(())
}
