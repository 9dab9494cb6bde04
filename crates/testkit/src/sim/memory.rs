//! A store in memory that keeps the contract of the store seam and can be stopped between any two steps.
//! What was handed over is answered at once; what is durable is a prefix of it; a crash loses the rest.
//! Decisions and members are kept as JSON, so that what cannot be written and read back is found here.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use domain::batch::Erasure;
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
    handed: Vec<Handed>,
    durable: usize,
    state: State,
}

/// A batch as it was written, so that it can be written again after a crash without being encoded again.
struct Handed {
    rows: Vec<(Rc<Kept>, Vec<Key>)>,
    members: Vec<(MemberNo, Rc<Vec<u8>>)>,
    identities: Vec<(Identity, MemberNo)>,
    budgets: Vec<(Box<str>, Vec<(i64, i64)>)>,
    erased: Vec<Erasure>,
    now_ms: i64,
}

#[derive(Default)]
struct State {
    rows: Vec<Rc<Kept>>,
    members: HashMap<MemberNo, Rc<Vec<u8>>>,
    identities: HashMap<Identity, MemberNo>,
    budgets: HashMap<Box<str>, Vec<(i64, i64)>>,
    keys: HashMap<Key, Vec<u64>>,
    now_ms: i64,
}

/// A row as it lies there.
pub struct Kept {
    pub pos: u64,
    pub member: Option<MemberNo>,
    pub event: Arc<Event>,
    pub body_hash: [u8; 32],
    pub free: bool,
    pub again: Option<u64>,
    pub now_ms: i64,
    pub decided: Vec<u8>,
}

impl Kept {
    fn without_him(&self) -> Kept {
        let Event { source, id, kind, time, .. } = &*self.event;
        let (source, id, kind, data) = (source.clone(), id.clone(), kind.clone(), b"{}".as_slice().into());
        let event = Event { source, id, kind, subject: None, also: Vec::new(), time: *time, data };
        let mut decision: Decision = serde_json::from_slice(&self.decided).expect("a decision reads back");
        decision.names_gone |= !decision.linked.is_empty();
        decision.linked.clear();
        decision.taken.clear();
        decision.seen.clear();
        decision.once.clear();
        decision.before = None;
        decision.emitted.iter_mut().for_each(|message| message.data.clear());
        let decided = serde_json::to_vec(&decision).expect("a decision is JSON");
        let Kept { pos, member, body_hash, free, again, now_ms, .. } = *self;
        Kept { pos, member, event: event.into(), body_hash, free, again, now_ms, decided }
    }
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
                    let member = image
                        .map(|json| serde_json::from_slice::<Member>(json).expect("a member reads back"));
                    snapshot.members.entry(*no).or_insert(member.map(Arc::new));
                }
                Want::Page(..) => unreachable!("members are read with all their pages"),
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
        let handed = self.encode(write);
        self.state.apply(&handed);
        self.handed.push(handed);
    }
    fn encode(&self, write: Write) -> Handed {
        let mut rows: Vec<(Rc<Kept>, Vec<Key>)> = Vec::new();
        for row in &write.batch.rows {
            let (event, body_hash) = match (row.input, row.again) {
                (Some(at), _) => {
                    let input = write.batch.input(&write.inputs, at);
                    (input.event.clone(), input.body_hash)
                }
                (None, Some(again)) => {
                    let before = self.state.rows.get(again as usize - 1);
                    let here = || rows.iter().map(|(kept, _)| kept).find(|kept| kept.pos == again);
                    let waited = before.or_else(here).expect("what waited is there");
                    (waited.event.clone(), waited.body_hash)
                }
                (None, None) => panic!("a row is an input or one that waited"),
            };
            let decided = serde_json::to_vec(&*row.decision).expect("a decision is JSON");
            let (pos, free, again, now_ms) = (row.pos, row.input.is_none(), row.again, write.now_ms);
            rows.push((
                Rc::new(Kept { pos, member: row.member, event, body_hash, free, again, now_ms, decided }),
                row.keys.clone(),
            ));
        }
        let members = write.members.iter().map(|member| {
            let image = serde_json::to_vec(&member.whole()).expect("a member is JSON");
            (member.no, Rc::new(image))
        });
        let members = members.collect();
        let (identities, budgets) = (write.batch.identities, write.budgets);
        let erased = write.batch.erased;
        Handed { rows, members, identities, budgets, erased, now_ms: write.now_ms }
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
        let lost = self.handed.split_off(self.durable);
        self.state = State::default();
        for handed in &self.handed {
            self.state.apply(handed);
        }
        if let (Some(half), true) = (lost.first(), planted::is("half_a_batch")) {
            self.state.append(&half.rows);
        }
    }
    pub fn rows(&self) -> &[Rc<Kept>] {
        &self.state.rows
    }
}

impl State {
    fn past_row(&self, pos: u64) -> PastRow {
        let kept = &self.rows[pos as usize - 1];
        let decision: Decision = serde_json::from_slice(&kept.decided).expect("a decision reads back");
        PastRow { pos, event: kept.event.clone(), body_hash: kept.body_hash, decision: Arc::new(decision) }
    }
    fn apply(&mut self, handed: &Handed) {
        self.append(&handed.rows);
        handed.erased.iter().for_each(|erasure| self.erase(erasure));
        self.identities.extend(handed.identities.iter().cloned());
        self.members.extend(handed.members.iter().cloned());
        self.budgets.extend(handed.budgets.iter().cloned());
        self.now_ms = handed.now_ms;
    }
    /// As the real store does it: rows of the member say what moved, and nothing of him.
    fn erase(&mut self, erasure: &Erasure) {
        for name in &erasure.names {
            self.identities.remove(name);
        }
        let is_his = |no: Option<MemberNo>| erasure.histories.iter().any(|one| Some(one.0) == no);
        let before = &self.rows[..erasure.pos as usize - 1];
        let mut own: Vec<u64> =
            before.iter().filter(|kept| is_his(kept.member)).map(|kept| kept.pos).collect();
        // And those where his events waited.
        let mut at = 0;
        while let Some(pos) = own.get(at) {
            own.extend(self.rows[*pos as usize - 1].again);
            at += 1;
        }
        for pos in own {
            let kept = &mut self.rows[pos as usize - 1];
            *kept = Rc::new(kept.without_him());
        }
    }
    fn append(&mut self, rows: &[(Rc<Kept>, Vec<Key>)]) {
        for (kept, keys) in rows {
            assert!(kept.pos == self.rows.len() as u64 + 1, "positions are dense");
            for key in keys {
                self.keys.entry(*key).or_default().push(kept.pos);
            }
            self.rows.push(Rc::clone(kept));
        }
    }
}
