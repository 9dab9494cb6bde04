//! What a row tells the world: its changes, in order, each with the member's own number. Not here: how they are shown
//! (`server`), or kept (they are not: the journal is the feed).
//!
//! Invariant: `count` is how many `each` gives, so that a member's numbers have no gap.

use crate::identity::Identity;
use crate::outcome::{Decision, Emitted, Transfer, TransferKind};

/// One committed fact that others may want to know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change<'a> {
    /// Which of its row, from 0.
    pub n: usize,
    /// The member's own number of it, from 1; without a member 0.
    pub seq: u64,
    pub what: What<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What<'a> {
    Enrolled,
    Linked(&'a [Identity]),
    Points(&'a Transfer),
    Message(&'a Emitted),
}

impl What<'_> {
    /// Its type in the feed.
    pub fn kind(&self) -> &str {
        match self {
            What::Enrolled => "member.enrolled",
            What::Linked(_) => "member.linked",
            What::Points(transfer) => moved(transfer.kind),
            What::Message(message) => &message.kind,
        }
    }
}

fn moved(kind: TransferKind) -> &'static str {
    match kind {
        TransferKind::Earn => "points.earned",
        TransferKind::Repay => "points.repaid",
        TransferKind::Reverse => "points.reversed",
        TransferKind::Adjust => "points.adjusted",
        TransferKind::Release => "points.released",
        TransferKind::Expire => "points.expired",
        TransferKind::Spend => "points.spent",
        TransferKind::Return => "points.returned",
        TransferKind::Transfer => "points.transferred",
    }
}

/// The member came, then his names, what moved, and what is said.
pub fn each(decision: &Decision) -> impl Iterator<Item = Change<'_>> {
    let came = decision.enrolled.then_some(What::Enrolled);
    let linked = linked(decision).then_some(What::Linked(&decision.linked));
    let moved = decision.transfers.iter().map(What::Points);
    let said = decision.emitted.iter().map(What::Message);
    let all = came.into_iter().chain(linked).chain(moved).chain(said);
    all.enumerate().map(|(n, what)| Change {
        n,
        seq: if decision.seq == 0 { 0 } else { decision.seq + n as u64 },
        what,
    })
}

pub fn count(decision: &Decision) -> u64 {
    let told = usize::from(decision.enrolled) + usize::from(linked(decision));
    (told + decision.transfers.len() + decision.emitted.len()) as u64
}

/// The names with which he came belong to his coming.
fn linked(decision: &Decision) -> bool {
    !decision.enrolled && (decision.names_gone || !decision.linked.is_empty())
}
