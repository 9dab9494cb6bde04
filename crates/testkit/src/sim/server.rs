//! The server of a simulated world: the steps of the real one (ask, decide, hand over, settle) with a way to stop
//! between them. It keeps nothing but its snapshot and the batches in flight.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::batch::{self, Batch, Plans};
use domain::event::Input;
use domain::outcome::Decision;
use domain::plan::Plan;
use domain::program::Program;
use domain::snapshot::Snapshot;
use store::Write;

use super::disk::Disk;
use super::memory::Lost;
use crate::core::program;
use crate::rng::Rng;

pub struct Server {
    pub disk: Disk,
    pub flights: Vec<Flight>,
    plans: Plans,
    next: Vec<Arc<Plan>>,
    snapshot: Snapshot,
    /// When the next thing is due, by member.
    due: BTreeMap<u64, i64>,
}

/// A batch that was handed over and is not yet known to be durable.
pub struct Flight {
    pub answers: Vec<(usize, Answered)>,
}

pub struct Answered {
    pub pos: u64,
    pub duplicate: bool,
    pub conflict: bool,
    pub decision: Arc<Decision>,
    /// The row it repeats was in flight itself.
    pub of_flight: bool,
}

pub struct Decided {
    pub batch: Batch,
    inputs: Vec<Input>,
    now: jiff::Timestamp,
    first_pos: u64,
}

impl Server {
    /// The programs are its versions, oldest first.
    pub fn new(mut disk: Disk, programs: &[String]) -> Server {
        let programs: Vec<Program> = (1..).zip(programs).map(|(no, text)| program(text, no)).collect();
        disk.publish(&programs);
        let mut next: Vec<Arc<Plan>> = programs.into_iter().map(|program| Arc::new(program.plan)).collect();
        next.reverse();
        let current = next.pop().expect("there is a first version");
        let plans = Plans { current, older: Vec::new(), keys: disk.keys() };
        let (flights, snapshot, due) = (Vec::new(), Snapshot::default(), BTreeMap::new());
        Server { disk, flights, plans, next, snapshot, due }
    }
    /// Whether there was a further version.
    pub fn publish(&mut self) -> bool {
        let Some(next) = self.next.pop() else { return false };
        self.plans.older.push(std::mem::replace(&mut self.plans.current, next));
        true
    }
    /// None: the past could not be read (`lose_read`: after so many questions).
    pub fn decide(
        &mut self,
        inputs: Vec<Input>,
        wakes: &[u64],
        now: i64,
        mut lose_read: Option<u32>,
    ) -> Option<Decided> {
        let now = jiff::Timestamp::from_second(now).expect("times of a world are in range");
        self.disk.begin(&mut self.snapshot);
        let now = now.max(self.snapshot.now);
        let disk = &mut self.disk;
        let mut fetch = |snapshot: &mut Snapshot, wants: &[domain::snapshot::Want]| match &mut lose_read {
            Some(0) => Err(Lost),
            left => {
                if let Some(left) = left {
                    *left -= 1;
                }
                disk.fetch(snapshot, wants)
            }
        };
        let first = self.snapshot.next_pos;
        let batch = batch::process(&self.plans, &mut self.snapshot, &inputs, wakes, now, &mut fetch).ok()?;
        let first_pos = batch.rows.first().map_or(first, |row| row.pos);
        for no in &batch.members {
            let due = self.snapshot.members.get(no).and_then(Option::as_ref).and_then(|member| member.due);
            match due {
                Some(due) => drop(self.due.insert(*no, due.as_second())),
                None => drop(self.due.remove(no)),
            }
        }
        // The clock of a new process may be behind what is stored; the core says what it took.
        let now = now.max(self.snapshot.now);
        Some(Decided { batch, inputs, now, first_pos })
    }
    pub fn hand_over(&mut self, decided: Decided, messages: &[usize]) {
        let Decided { batch, inputs, now, first_pos } = decided;
        let flying =
            self.flights.iter().flat_map(|f| &f.answers).map(|(_, a)| a.pos).min().unwrap_or(first_pos);
        let answers = batch.answers.iter().zip(messages).map(|(answer, at)| {
            let of_flight = answer.duplicate && answer.pos >= flying;
            let decision = Arc::clone(&answer.decision);
            (
                *at,
                Answered {
                    pos: answer.pos,
                    duplicate: answer.duplicate,
                    conflict: answer.conflict,
                    decision,
                    of_flight,
                },
            )
        });
        let answers = answers.collect();
        self.disk.hand_over(Write::of(&self.snapshot, batch, inputs, now.as_millisecond()));
        self.flights.push(Flight { answers });
    }
    /// Members for whom something is due, the longest first, at most so many.
    pub fn overdue(&self, now: i64, most: usize) -> Vec<u64> {
        let mut due: Vec<(i64, u64)> = self.due.iter().map(|(no, at)| (*at, *no)).collect();
        due.retain(|(at, _)| *at <= now);
        due.sort_unstable();
        due.truncate(most);
        due.into_iter().map(|(_, no)| no).collect()
    }
    /// A new process: it knows what is durable.
    pub fn restart(&mut self) {
        self.disk.crash();
        self.flights.clear();
        self.snapshot = Snapshot::default();
        self.due = self.disk.due();
    }
    /// The cache is bounded: some or all of it goes.
    pub fn forget(&mut self, rng: &mut Rng) {
        match rng.index(3) {
            0 => self.snapshot.rows.clear(),
            1 => {
                self.snapshot.members.clear();
                self.snapshot.identities.clear();
            }
            _ => self.snapshot = Snapshot { now: self.snapshot.now, ..Snapshot::default() },
        }
    }
}
