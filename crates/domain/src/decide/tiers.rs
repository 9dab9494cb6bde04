//! Levels: climbed, kept, lost.

use jiff::Timestamp;

use super::{Book, Scene};
use crate::member::Member;
use crate::plan::Plan;
use crate::snapshot::Want;

/// When the next level of this member ends; asked after every event, so it only looks.
pub fn next_due(_plan: &Plan, _member: &Member) -> Option<Timestamp> {
    None
}

/// Judges the levels that end at `at` or ended before. Err: this must be loaded first.
pub fn run_due(_book: &mut Book<'_>, _scene: &Scene<'_>, _at: Timestamp) -> Result<(), Vec<Want>> {
    Ok(())
}
