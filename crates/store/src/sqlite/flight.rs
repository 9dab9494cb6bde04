//! A batch between the decider and the disk: encoded, chained, and still answering for itself.
//!
//! Invariant: the laws of a row (dense positions, balanced transfers) are asserted here, before it can be written.

use std::collections::HashMap;
use std::sync::Arc;

use domain::event::{Event, MemberNo};
use domain::identity::Identity;
use domain::outcome::Decision;

use super::form::{Hashed, input_to_json};
use crate::keys::run::push_entry;
use crate::{StoreError, Write};

pub struct Flight {
    pub write: Write,
    pub first_pos: u64,
    /// `first_pos - 1` if the batch has no rows.
    pub last_pos: u64,
    /// One for each of `write.batch.rows`.
    pub rows: Vec<Encoded>,
    /// Key and position, as stored in `tail_keys`.
    pub keys: Vec<(u64, u64)>,
    pub key_blob: Vec<u8>,
    /// Inputs whose id came before with other contents.
    pub conflicts: Vec<usize>,
    members_at: HashMap<MemberNo, usize>,
    identities: HashMap<Identity, MemberNo>,
}

pub struct Encoded {
    pub input: Option<String>,
    pub decided: String,
    pub hash: [u8; 32],
}

impl Flight {
    /// Encodes the batch; the journal so far ends with `next_pos - 1` and the hash `head`.
    pub fn new(write: Write, next_pos: u64, head: &[u8; 32]) -> Result<Flight, StoreError> {
        for (no, image) in &write.members {
            std::str::from_utf8(image)
                .map_err(|e| StoreError::Corrupt(format!("member {no} is no text: {e}")))?;
        }
        let mut head = *head;
        let mut rows = Vec::with_capacity(write.batch.rows.len());
        let mut keys = Vec::new();
        for (i, row) in write.batch.rows.iter().enumerate() {
            assert!(row.pos == next_pos + i as u64, "positions are dense");
            assert!(row.prev_pos < row.pos, "the past comes before");
            assert!(
                row.input.is_some() != row.again.is_some(),
                "a row has an input of its own, or the one of a row that waited"
            );
            assert_laws(&row.decision);
            let input = row.input.map(|n| write.batch.input(&write.inputs, n));
            let json = input.map(input_to_json).transpose()?;
            let decided = decision_to_json(&row.decision).map_err(|e| {
                StoreError::Corrupt(format!("the decision of row {} has no form: {e}", row.pos))
            })?;
            let hashed = Hashed {
                pos: row.pos,
                member: row.member,
                prev: row.prev_pos,
                now_ms: write.now_ms,
                again: row.again,
                input: json.as_deref(),
                body_hash: input.map(|input| &input.body_hash[..]),
                decided: &decided,
            };
            head = hashed.chain(&head);
            rows.push(Encoded { input: json, decided, hash: head });
            keys.extend(row.keys.iter().map(|key| (key.0, row.pos)));
        }
        let mut key_blob = Vec::with_capacity(keys.len() * crate::keys::run::ENTRY);
        keys.iter().for_each(|&(key, pos)| push_entry(&mut key_blob, key, pos));
        Ok(Flight {
            first_pos: next_pos,
            last_pos: next_pos + rows.len() as u64 - 1,
            rows,
            keys,
            key_blob,
            conflicts: (0..write.inputs.len()).filter(|&n| write.batch.answers[n].conflict).collect(),
            members_at: write.members.iter().enumerate().map(|(i, (no, _))| (*no, i)).collect(),
            identities: write.batch.identities.iter().cloned().collect(),
            write,
        })
    }
    /// Whether the disk would not change.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.conflicts.is_empty()
            && self.write.members.is_empty()
            && self.write.batch.identities.is_empty()
            && self.write.budgets.is_empty()
    }
    pub fn member(&self, no: MemberNo) -> Option<&[u8]> {
        self.members_at.get(&no).map(|&i| &self.write.members[i].1[..])
    }
    pub fn identity(&self, identity: &Identity) -> Option<MemberNo> {
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
    pub input: Option<(&'a Event, [u8; 32])>,
    pub again: Option<u64>,
    pub decision: &'a Arc<Decision>,
}

/// Most decisions have the size of an order with a few items; growing step by step would cost more than the JSON.
fn decision_to_json(decision: &Decision) -> serde_json::Result<String> {
    let mut json = Vec::with_capacity(768);
    serde_json::to_writer(&mut json, decision)?;
    Ok(String::from_utf8(json).expect("JSON is text"))
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
