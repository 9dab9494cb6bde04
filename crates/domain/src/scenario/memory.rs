//! A program and its past, in memory: the smallest thing that can stand behind the one door.
//! It answers what `batch::process` asks from the rows that it was given, as a store would, and keeps nothing else.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use crate::batch::{Batch, Plans, process};
use crate::decide;
use crate::event::{Event, Input, MemberNo};
use crate::household::Who;
use crate::identity::Identity;
use crate::key::{Key, KeyMaker};
use crate::member::Member;
use crate::plan::Plan;
use crate::snapshot::{PastRow, Snapshot, Want};

pub struct Memory {
    pub plans: Plans,
    snapshot: Snapshot,
    rows: HashMap<u64, Arc<PastRow>>,
    keys: HashMap<Key, Vec<u64>>,
    identities: HashMap<Identity, MemberNo>,
    members: HashMap<MemberNo, Member>,
}

impl Memory {
    pub fn new(plan: Arc<Plan>) -> Memory {
        let plans = Plans { current: plan, older: Vec::new(), keys: KeyMaker([7; 16]) };
        let snapshot = Snapshot { next_member: 1, next_pos: 1, ..Snapshot::default() };
        Memory {
            plans,
            snapshot,
            rows: HashMap::new(),
            keys: HashMap::new(),
            identities: HashMap::new(),
            members: HashMap::new(),
        }
    }

    /// A later version of the program; the present one stays loaded.
    pub fn publish(&mut self, plan: Arc<Plan>) {
        let mut plan = plan;
        let next = Arc::make_mut(&mut plan);
        next.since = self.snapshot.now;
        next.keep_clocks(&self.plans.current);
        let before = std::mem::replace(&mut self.plans.current, plan);
        self.plans.older.push(before);
    }

    /// One batch: decided, and remembered.
    pub fn submit(&mut self, inputs: &[Input], now: jiff::Timestamp) -> Batch {
        self.process(inputs, &[], now)
    }

    /// What is due first by `until`, of all members; None: nothing is.
    pub fn wake(&mut self, until: jiff::Timestamp) -> Option<(MemberNo, Batch)> {
        let due = |member: &Member| decide::due::next(&self.plans.current, member);
        let all = self.members.values().filter_map(|member| Some((due(member)?, member.no)));
        let (at, no) = all.min().filter(|(at, _)| *at <= until)?;
        Some((no, self.process(&[], &[no], at)))
    }

    fn process(&mut self, inputs: &[Input], wakes: &[MemberNo], now: jiff::Timestamp) -> Batch {
        let past =
            Past { rows: &self.rows, keys: &self.keys, identities: &self.identities, members: &self.members };
        let mut fetch = |snapshot: &mut Snapshot, wants: &[Want]| {
            wants.iter().for_each(|want| past.load(want, snapshot));
            Ok::<(), Infallible>(())
        };
        let Ok(batch) = process(&self.plans, &mut self.snapshot, inputs, wakes, now, &mut fetch);
        self.remember(&batch, inputs);
        batch
    }

    /// What a cart would bring. Nothing is remembered.
    pub fn quote(
        &self,
        who: MemberNo,
        cart: &[u8],
        now: jiff::Timestamp,
    ) -> Result<decide::quote::Quote, crate::outcome::Reason> {
        let past =
            Past { rows: &self.rows, keys: &self.keys, identities: &self.identities, members: &self.members };
        let mut snapshot = Snapshot {
            next_member: self.snapshot.next_member,
            next_pos: self.snapshot.next_pos,
            budgets: self.snapshot.budgets.clone(),
            ..Snapshot::default()
        };
        let mut fetch = |snapshot: &mut Snapshot, wants: &[Want]| {
            wants.iter().for_each(|want| past.load(want, snapshot));
            Ok::<(), Infallible>(())
        };
        let Ok(quote) = decide::quote::quote(&self.plans, &mut snapshot, Some(who), cart, now, &mut fetch);
        quote
    }

    /// What the door keeps in memory is forgotten, as after a restart: it must be asked for again.
    pub fn forget(&mut self) {
        self.snapshot.identities.clear();
        self.snapshot.members.clear();
        self.snapshot.rows.clear();
    }

    pub fn member(&self, identity: &Identity) -> Option<&Member> {
        self.members.get(self.identities.get(identity)?)
    }

    pub fn who<'m>(&'m self, member: &'m Member) -> Who<'m> {
        let home = member.home.as_ref().and_then(|home| self.members.get(&home.no));
        Who { member, home }
    }

    pub fn row(&self, pos: u64) -> Option<&PastRow> {
        self.rows.get(&pos).map(|row| &**row)
    }

    fn remember(&mut self, batch: &Batch, inputs: &[Input]) {
        for row in &batch.rows {
            let (event, body_hash) = match (row.input, row.again.and_then(|pos| self.rows.get(&pos))) {
                (Some(at), _) => {
                    let input = batch.input(inputs, at);
                    (Arc::new(Event::clone(&input.event)), input.body_hash)
                }
                (None, Some(waited)) => (waited.event.clone(), waited.body_hash),
                (None, None) => continue,
            };
            let past = PastRow { pos: row.pos, event, body_hash, decision: row.decision.clone() };
            self.rows.insert(row.pos, Arc::new(past));
            for key in &row.keys {
                self.keys.entry(*key).or_default().push(row.pos);
            }
        }
        self.identities.extend(batch.identities.iter().cloned());
        for no in &batch.members {
            if let Some(Some(member)) = self.snapshot.members.get(no) {
                self.members.insert(*no, Member::clone(member));
            }
        }
    }
}

struct Past<'a> {
    rows: &'a HashMap<u64, Arc<PastRow>>,
    keys: &'a HashMap<Key, Vec<u64>>,
    identities: &'a HashMap<Identity, MemberNo>,
    members: &'a HashMap<MemberNo, Member>,
}

impl Past<'_> {
    fn load(&self, want: &Want, snapshot: &mut Snapshot) {
        match want {
            Want::Identity(identity) => {
                snapshot.identities.insert(identity.clone(), self.identities.get(identity).copied());
            }
            Want::Member(no) => {
                snapshot.members.insert(*no, self.members.get(no).cloned().map(std::sync::Arc::new));
            }
            Want::Page(..) => unreachable!("members are read with all their pages"),
            Want::Rows(key) => {
                let rows =
                    self.keys.get(key).into_iter().flatten().filter_map(|pos| self.rows.get(pos).cloned());
                snapshot.rows.insert(*key, rows.collect());
            }
        }
    }
}
