//! A batch between the decider and the disk: still answering for itself. What it is as bytes is in `encode`, where the
//! journal then ends in `head`, what became of those before in `failures`. The same for every database.
//!
//! Invariant: the laws of a row (dense positions, balanced transfers) are asserted here, before it can be written.

pub mod encode;
pub mod failures;
mod head;
pub mod line;

use std::collections::HashMap;
use std::sync::Arc;

use domain::event::{Event, MemberNo};
use domain::identity::Identity;
use domain::member::Member;
use domain::outcome::Decision;

use crate::Write;
pub use head::Head;

pub struct Flight {
    pub write: Write,
    pub first_pos: u64,
    /// `first_pos - 1` if the batch has no rows.
    pub last_pos: u64,
    /// Key and position.
    pub keys: Vec<(u64, u64)>,
    /// Inputs whose id came before with other contents.
    pub conflicts: Vec<usize>,
    /// None: nobody's any more.
    identities: HashMap<Identity, Option<MemberNo>>,
}

impl Flight {
    /// The journal so far ends with `next_pos - 1`.
    pub fn new(write: Write, next_pos: u64) -> Flight {
        assert!(write.members.is_sorted_by(|a, b| a.no < b.no), "members come once, in order");
        let mut keys = Vec::with_capacity(write.batch.rows.len() * 2);
        for (row, pos) in write.batch.rows.iter().zip(next_pos..) {
            assert!(row.pos == pos, "positions are dense");
            assert!(row.prev_pos < row.pos, "the past comes before");
            assert!(
                row.input.is_some() != row.again.is_some(),
                "a row has an input of its own, or the one of a row that waited"
            );
            assert_laws(&row.decision);
            keys.extend(row.keys.iter().map(|key| (key.0, row.pos)));
        }
        let freed =
            write.batch.erased.iter().flat_map(|erased| &erased.names).map(|name| (name.clone(), None));
        let given = write.batch.identities.iter().map(|(name, no)| (name.clone(), Some(*no)));
        Flight {
            first_pos: next_pos,
            last_pos: next_pos + write.batch.rows.len() as u64 - 1,
            keys,
            conflicts: (0..write.inputs.len()).filter(|&n| write.batch.answers[n].conflict).collect(),
            identities: freed.chain(given).collect(),
            write,
        }
    }
    /// Whether the disk would not change.
    pub fn is_empty(&self) -> bool {
        self.write.batch.rows.is_empty()
            && self.conflicts.is_empty()
            && self.write.members.is_empty()
            && self.write.batch.identities.is_empty()
            && self.write.budgets.is_empty()
    }
    pub fn member(&self, no: MemberNo) -> Option<&Arc<Member>> {
        let at = self.write.members.binary_search_by_key(&no, |member| member.no);
        at.ok().map(|at| &self.write.members[at])
    }
    /// Whose it is, if this batch says so.
    pub fn identity(&self, identity: &Identity) -> Option<Option<MemberNo>> {
        self.identities.get(identity).copied()
    }
    /// The row at `pos`, if it is of this batch.
    pub fn row(&self, pos: u64) -> Option<FlightRow<'_>> {
        let row = self.write.batch.rows.get(usize::try_from(pos.checked_sub(self.first_pos)?).ok()?)?;
        let input = row.input.map(|n| self.write.batch.input(&self.write.inputs, n));
        Some(FlightRow {
            input: input.map(|input| (&input.event, input.body_hash)),
            again: row.again,
            decision: &row.decision,
        })
    }
}

/// A row that may not be on disk yet.
pub struct FlightRow<'a> {
    pub input: Option<(&'a Arc<Event>, [u8; 32])>,
    pub again: Option<u64>,
    pub decision: &'a Arc<Decision>,
}

/// The laws that a row must keep by itself.
fn assert_laws(decision: &Decision) {
    for transfer in &decision.transfers {
        assert!(
            (1..=9_000_000_000_000_000).contains(&transfer.amount),
            "a transfer moves between 1 and 9e15"
        );
        assert!(transfer.debit != transfer.credit, "a transfer has two ends");
    }
}
