//! The store itself, with a decider that asks for everything a real one would: the event's key, the order's key, the
//! name and the member.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{channel, sync_channel};
use std::time::{Duration, Instant};

use domain::batch::{Answer, Batch, NewRow};
use domain::event::{Input, Subject};
use domain::snapshot::{Snapshot, Want};
use store::{Options, Store, Write};

use crate::{Form, Job, events};

/// Members kept in memory.
const MEMBERS_MAX: usize = 250_000;

pub struct Full {
    store: Store,
    snapshot: Snapshot,
}

impl Full {
    pub fn open(folder: &Path) -> Full {
        let store = Store::open(folder, &Options::default()).expect("the store opens");
        Full { store, snapshot: Snapshot::default() }
    }

    fn fetch(&mut self, inputs: &[Input]) {
        let maker = self.store.key_maker();
        self.store.fetch(&mut self.snapshot, &[]).expect("fetch");
        let mut wants = Vec::with_capacity(inputs.len() * 3);
        for input in inputs {
            wants.push(Want::Rows(maker.event(&input.event.source, &input.event.id)));
            wants.push(Want::Rows(maker.order(order_id(&input.event.data))));
            wants.extend(subject(input).map(|name| Want::Identity(name.clone())));
        }
        wants.retain(
            |want| !matches!(want, Want::Identity(name) if self.snapshot.identities.contains_key(name)),
        );
        self.store.fetch(&mut self.snapshot, &wants).expect("fetch");
        let known = inputs.iter().filter_map(|input| self.snapshot.identities[subject(input)?]);
        let members: Vec<_> =
            known.filter(|no| !self.snapshot.members.contains_key(no)).map(Want::Member).collect();
        self.store.fetch(&mut self.snapshot, &members).expect("fetch");
    }

    fn decide(&mut self, inputs: Vec<Input>, first: u64) -> Write {
        let maker = self.store.key_maker();
        let mut batch = Batch::default();
        for (i, input) in inputs.iter().enumerate() {
            let event_key = maker.event(&input.event.source, &input.event.id);
            let order_key = maker.order(order_id(&input.event.data));
            assert!(self.snapshot.rows[&event_key].is_empty(), "each event is new");
            let no = self.member(&mut batch, input);
            let member = self.snapshot.members.get_mut(&no).and_then(Option::as_mut).expect("fetched");
            let member = Arc::make_mut(member);
            let (pos, prev_pos) = (self.snapshot.next_pos, member.last_pos);
            self.snapshot.next_pos += 1;
            let decision = Arc::new(events::decide(member, pos, first + i as u64));
            batch.members.push(no);
            let keys = vec![event_key, order_key];
            batch.answers.push(Answer { pos, duplicate: false, conflict: false, decision: decision.clone() });
            batch.rows.push(NewRow {
                pos,
                input: Some(i),
                again: None,
                member: Some(no),
                prev_pos,
                decision,
                keys,
            });
        }
        batch.members.sort_unstable();
        batch.members.dedup();
        let state = |no: &u64| self.snapshot.members[no].clone().expect("fetched");
        let members = batch.members.iter().map(state).collect();
        Write {
            raws: Vec::new(),
            inputs,
            batch,
            members,
            due_ms: Vec::new(),
            budgets: Vec::new(),
            now_ms: 1_800_000_000_000,
        }
    }

    fn member(&mut self, batch: &mut Batch, input: &Input) -> u64 {
        let name = subject(input).expect("all have one");
        if let Some(no) = self.snapshot.identities[name] {
            return no;
        }
        let no = self.snapshot.next_member;
        self.snapshot.next_member += 1;
        let mut member = events::new_member(no);
        member.identities = vec![name.clone()];
        self.snapshot.members.insert(no, Some(Arc::new(member)));
        self.snapshot.identities.insert(name.clone(), Some(no));
        batch.identities.push((name.clone(), no));
        no
    }
}

impl Form for Full {
    fn write(&mut self, job: &Job, from: u64, to: u64) -> Vec<Duration> {
        let (send, done) = channel();
        let mut commits = 0;
        std::thread::scope(|scope| {
            let (made, batches) = sync_channel(2);
            scope.spawn(move || {
                for first in (from..to).step_by(job.batch as usize) {
                    let inputs: Vec<_> =
                        (first..(first + job.batch).min(to)).map(|n| events::input(n, job)).collect();
                    if made.send((first, inputs)).is_err() {
                        return;
                    }
                }
            });
            for (first, inputs) in batches {
                self.fetch(&inputs);
                let write = self.decide(inputs, first);
                let (begun, send) = (Instant::now(), send.clone());
                self.store.commit(
                    write,
                    Box::new(move |result| {
                        result.expect("committed");
                        send.send(begun.elapsed()).expect("heard");
                    }),
                );
                self.store.trim(&mut self.snapshot, MEMBERS_MAX);
                commits += 1;
            }
        });
        (0..commits).map(|_| done.recv().expect("each batch is settled")).collect()
    }
}

fn subject(input: &Input) -> Option<&domain::identity::Identity> {
    match &input.event.subject {
        Some(Subject::Identity(name)) => Some(name),
        _ => None,
    }
}

/// `{"id":"o123",...`
fn order_id(data: &[u8]) -> &str {
    let text = std::str::from_utf8(data).expect("text");
    text.split('"').nth(3).expect("an id")
}
