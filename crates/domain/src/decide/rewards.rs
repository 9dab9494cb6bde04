//! Rewards: reserved, confirmed, given up.

use jiff::Timestamp;

use super::{Book, Scene};
use crate::member::Member;
use crate::plan::Plan;
use crate::snapshot::Want;

/// When the next reservation of this member lapses; asked after every event, so it only looks.
pub fn next_due(_plan: &Plan, _member: &Member) -> Option<Timestamp> {
    None
}

/// Gives back what was reserved and lapses at `at` or before. Err: this must be loaded first.
pub fn run_due(_book: &mut Book<'_>, _scene: &Scene<'_>, _at: Timestamp) -> Result<(), Vec<Want>> {
    Ok(())
}
