//! The core alone over the store in memory: a program's text and messages in, decisions out. For tests of laws.

use std::rc::Rc;
use std::sync::Arc;

use domain::batch::{self, Plans};
use domain::key::KeyMaker;
use domain::member::Member;
use domain::outcome::Decision;
use domain::plan::Plan;
use domain::program::{self, Program, Source};
use domain::snapshot::{Snapshot, Want};
use store::Write;

use crate::sim::input;
use crate::sim::memory::{Kept, Lost, Memory};
use crate::world::Message;

pub struct Core {
    memory: Memory,
    plans: Plans,
    snapshot: Snapshot,
}

/// Reads a program that must check.
pub fn plan(text: &str, version: u32) -> Arc<Plan> {
    Arc::new(program(text, version).plan)
}

pub fn program(text: &str, version: u32) -> Program {
    let source = Source { name: "program.toml".into(), text: text.into() };
    match program::read(source, &mut |_| Ok(Vec::new()), None, version) {
        Ok(program) => program,
        Err(no) => panic!("{}\n{text}", program::diag::render(&no.diagnostics, &no.sources, false)),
    }
}

impl Core {
    pub fn new(program: &str) -> Core {
        let plans =
            Plans { current: plan(program, 1), older: Vec::new(), keys: KeyMaker(*b"sixteen bytes...") };
        Core { memory: Memory::default(), plans, snapshot: Snapshot::default() }
    }
    /// A later version; the versions before stay known.
    pub fn publish(&mut self, program: &str) {
        let next = plan(program, self.plans.current.version + 1);
        self.plans.older.push(std::mem::replace(&mut self.plans.current, next));
    }
    /// One batch, decided and stored; what each sender is told, and whether it was a duplicate.
    pub fn send(&mut self, messages: &[Message]) -> Vec<(bool, Arc<Decision>)> {
        let latest = messages.iter().map(|m| m.arrives).max().unwrap_or(0);
        let now = jiff::Timestamp::from_second(latest).expect("a time").max(self.snapshot.now);
        let inputs: Vec<_> = messages.iter().map(input::of).collect();
        let memory = &self.memory;
        let decided =
            batch::process(&self.plans, &mut self.snapshot, &inputs, &[], now, &mut |snapshot, wants| {
                memory.fetch(snapshot, wants);
                Ok::<(), Lost>(())
            });
        let batch = decided.expect("memory answers");
        let answers = batch.answers.iter().map(|a| (a.duplicate, Arc::clone(&a.decision))).collect();
        self.memory.hand_over(Write::of(&self.snapshot, batch, inputs, now.as_millisecond()));
        self.memory.settle();
        answers
    }
    /// As stored, not as cached.
    pub fn members(&self) -> Vec<Member> {
        let mut snapshot = Snapshot::default();
        self.memory.fetch(&mut snapshot, &[]);
        let wants: Vec<Want> = (1..snapshot.next_member).map(Want::Member).collect();
        self.memory.fetch(&mut snapshot, &wants);
        let mut members: Vec<Member> =
            snapshot.members.into_values().flatten().map(Arc::unwrap_or_clone).collect();
        members.sort_by_key(|m| m.no);
        members
    }
    /// Every stored decision, oldest first.
    pub fn decisions(&self) -> Vec<Decision> {
        let read = |row: &Rc<Kept>| serde_json::from_slice(&row.decided).expect("it reads back");
        self.memory.rows().iter().map(read).collect()
    }
    pub fn budgets(&self) -> Vec<(String, Vec<(i64, i64)>)> {
        let mut snapshot = Snapshot::default();
        self.memory.fetch(&mut snapshot, &[]);
        let mut all: Vec<_> = snapshot.budgets.into_iter().map(|(id, parts)| (id.into(), parts)).collect();
        all.sort();
        all
    }
}
