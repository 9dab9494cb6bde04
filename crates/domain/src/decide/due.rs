//! Time: what of a member is due at an instant, and when the next thing is.
//! The law: after `run` at an instant, `next` is later than it.

use jiff::Timestamp;

use super::{Book, Scene};
use crate::member::Member;
use crate::plan::Plan;
use crate::snapshot::Want;

/// When the next thing is due for this member; None: nothing ever is.
pub fn next(_plan: &Plan, _member: &Member) -> Option<Timestamp> {
    None
}

/// Does everything that is due at the event's instant: releases, expiries, ends of tiers, clock rules, steps of
/// workflows, in this order.
pub fn run(_book: &mut Book<'_>, _scene: &Scene<'_>) -> Result<(), Vec<Want>> {
    Ok(())
}
