//! A store in memory that keeps the contract of the store seam and can be stopped between any two steps.
//! What was handed over is answered at once; what is durable is a prefix of it; a crash loses the rest.
//! Decisions and members are kept as JSON, so that what cannot be written and read back is found here.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use domain::batch::NewRow;
use domain::event::{Event, MemberNo};
use domain::identity::Identity;
use domain::key::Key;
use domain::member::Member;
use domain::outcome::Decision;
use domain::planted;
use domain::snapshot::{PastRow, Snapshot, Want};
use store::Write;

/// The store was stopped, or said no.
#[derive(Debug)]
pub struct Lost;

#[derive(Default)]
pub struct Memory {
    handed: Vec<Rc<Write>>,
    durable: usize,
    state: State,
}

#[derive(Default)]
struct State {
    rows: Vec<Kept>,
    members: HashMap<MemberNo, Vec<u8>>,
    identities: HashMap<Identity, MemberNo>,
    budgets: HashMap<Box<str>, Vec<(i64, i64)>>,
    keys: HashMap<Key, Vec<u64>>,
    now_ms: i64,
}

/// A row as it lies there.
pub struct Kept {
    pub pos: u64,
    pub event: Arc<Event>,
    pub body_hash: [u8; 32],
    pub free: bool,
    pub again: Option<u64>,
    pub now_ms: i64,
    pub decided: Vec<u8>,
}

impl Memory {
    pub fn fetch(&self, snapshot: &mut Snapshot, wants: &[Want]) {
        let state = &self.state;
        if snapshot.next_pos == 0 {
            snapshot.next_pos = state.rows.len() as u64 + 1;
            snapshot.next_member = state.members.keys().max().copied().unwrap_or(0) + 1;
            snapshot.now = snapshot.now.max(jiff::Timestamp::from_millisecond(state.now_ms).expect("a time"));
            snapshot.budgets.clone_from(&state.budgets);
        }
        for want in wants {
            match want {
                Want::Identity(name) => {
                    snapshot
                        .identities
                        .entry(name.clone())
                        .or_insert_with(|| state.identities.get(name).copied());
                }
                Want::Member(no) => {
                    let image = state.members.get(no);
                    let member = image.map(|json| {
                        serde_json::from_slice::<Box<Member>>(json).expect("a member reads back")
                    });
                    snapshot.members.entry(*no).or_insert(member);
                }
                Want::Rows(key) => {
                    let found = state.keys.get(key).map_or(&[][..], |found| found);
                    let rows = || found.iter().map(|pos| Arc::new(state.past_row(*pos))).collect();
                    snapshot.rows.entry(*key).or_insert_with(rows);
                }
            }
        }
    }
    /// Takes a batch over; it is durable after `settle`.
    pub fn hand_over(&mut self, write: Write) {
        let write = Rc::new(write);
        self.state.apply(&write);
        self.handed.push(write);
    }
    /// Makes the oldest batch in flight durable.
    pub fn settle(&mut self) {
        if planted::is("ack_before_commit") && self.durable + 1 == self.handed.len() {
            return;
        }
        self.durable = (self.durable + 1).min(self.handed.len());
    }
    fn in_flight(&self) -> usize {
        self.handed.len() - self.durable
    }
    /// What was not durable is gone.
    pub fn crash(&mut self) {
        if self.in_flight() == 0 {
            return;
        }
        let half = self.handed.get(self.durable).cloned().filter(|_| planted::is("half_a_batch"));
        self.handed.truncate(self.durable);
        self.state = State::default();
        for write in &self.handed {
            self.state.apply(write);
        }
        for row in half.iter().flat_map(|write| &write.batch.rows) {
            self.state.append(half.as_ref().expect("it has rows"), row);
        }
    }
    pub fn rows(&self) -> &[Kept] {
        &self.state.rows
    }
}

impl State {
    fn past_row(&self, pos: u64) -> PastRow {
        let kept = &self.rows[pos as usize - 1];
        let decision: Decision = serde_json::from_slice(&kept.decided).expect("a decision reads back");
        PastRow { pos, event: kept.event.clone(), body_hash: kept.body_hash, decision: Arc::new(decision) }
    }
    fn apply(&mut self, write: &Write) {
        for row in &write.batch.rows {
            self.append(write, row);
        }
        for (name, no) in &write.batch.identities {
            self.identities.insert(name.clone(), *no);
        }
        for (no, image) in &write.members {
            self.members.insert(*no, image.clone());
        }
        for (id, parts) in &write.budgets {
            self.budgets.insert(id.clone(), parts.clone());
        }
        self.now_ms = write.now_ms;
    }
    fn append(&mut self, write: &Write, row: &NewRow) {
        assert!(row.pos == self.rows.len() as u64 + 1, "positions are dense");
        let (event, body_hash) = match (row.input, row.again) {
            (Some(at), _) => (Arc::new(write.inputs[at].event.clone()), write.inputs[at].body_hash),
            (None, Some(again)) => {
                let waited = &self.rows[again as usize - 1];
                (waited.event.clone(), waited.body_hash)
            }
            (None, None) => panic!("a row is an input or one that waited"),
        };
        for key in &row.keys {
            self.keys.entry(*key).or_default().push(row.pos);
        }
        let decided = serde_json::to_vec(&*row.decision).expect("a decision is JSON");
        let (free, again) = (row.input.is_none(), row.again);
        self.rows.push(Kept { pos: row.pos, event, body_hash, free, again, now_ms: write.now_ms, decided });
    }
}
