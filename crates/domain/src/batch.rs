//! One batch through the one door: ask for what is needed, decide each input in order, say what is to be written.
//! Not here: what an event does (`decide`), how an input finds its way (`door`).

use crate::door::{Door, Pause};
use crate::event::{Input, MemberNo};
use crate::identity::Identity;
use crate::job::Job;
use crate::key::{Key, KeyMaker};
use crate::outcome::Decision;
use crate::plan::Plan;
use crate::snapshot::{Snapshot, Want};
use std::sync::Arc;

/// The programs that may be needed: the present version, and older ones for orders that earned under them.
pub struct Plans {
    pub current: Arc<Plan>,
    pub older: Vec<Arc<Plan>>,
    pub keys: KeyMaker,
}

impl Batch {
    /// The input of a row: one that was given, or one that was made.
    pub fn input<'i>(&'i self, inputs: &'i [Input], at: usize) -> &'i Input {
        if at < inputs.len() { &inputs[at] } else { &self.made[at - inputs.len()] }
    }
}

impl Plans {
    pub fn version(&self, version: u32) -> Option<&Arc<Plan>> {
        std::iter::once(&self.current).chain(&self.older).find(|plan| plan.version == version)
    }
}

/// What became of one input.
pub struct Answer {
    /// The row that holds it: a new one, or for a duplicate the first.
    pub pos: u64,
    pub duplicate: bool,
    /// Same (source, id) with another body: nothing changed, to be kept in quarantine; `decision` is the first one's.
    pub conflict: bool,
    /// Of a duplicate that waited and was set free: what became of it then.
    pub decision: Arc<Decision>,
}

/// A row to be appended to the journal. Waiting rows that are set free get a row of their own, without input.
pub struct NewRow {
    pub pos: u64,
    /// Index of the input; those made here follow those that were given. None for a row that was set free.
    pub input: Option<usize>,
    /// For a row that was set free: the row where it waited (its body is there).
    pub again: Option<u64>,
    pub member: Option<MemberNo>,
    /// The member's row before this one; 0 if none.
    pub prev_pos: u64,
    pub decision: Arc<Decision>,
    /// Keys under which it is found again.
    pub keys: Vec<Key>,
}

/// What was told of a member is to be taken out of the rows before `pos`.
pub struct Erasure {
    /// The row that says so.
    pub pos: u64,
    /// His numbers, each with the newest row of its history.
    pub histories: Vec<(MemberNo, u64)>,
    /// They are nobody's now, unless this batch gives them to someone.
    pub names: Vec<Identity>,
}

#[derive(Default)]
pub struct Batch {
    /// One for each input, in order.
    pub answers: Vec<Answer>,
    pub rows: Vec<NewRow>,
    /// Inputs made here: what time does, and what follows for other members.
    pub made: Vec<Input>,
    pub identities: Vec<(Identity, MemberNo)>,
    /// Members whose personal data go with this batch.
    pub erased: Vec<Erasure>,
    /// Members that changed; their new state is in the snapshot.
    pub members: Vec<MemberNo>,
    /// Budgets that changed; their new state is in the snapshot.
    pub budgets: Vec<Box<str>>,
}

/// So many inputs are read and asked for at once: enough for the store to answer them together, few enough to stay near
/// the processor until they are decided.
const ASKED_TOGETHER: usize = 256;

/// Decides all inputs, after what is due first, by `now`, for each of the members in `wakes`. `fetch` loads what is wanted into the
/// snapshot (known absence included) and is called until nothing is missing; if it fails, nothing has been changed but
/// the cache.
pub fn process<E>(
    plans: &Plans,
    snapshot: &mut Snapshot,
    inputs: &[Input],
    wakes: &[MemberNo],
    now: jiff::Timestamp,
    fetch: &mut dyn FnMut(&mut Snapshot, &[Want]) -> Result<(), E>,
) -> Result<Batch, E> {
    if snapshot.next_pos == 0 {
        // A new snapshot first learns the next numbers and the newest time.
        fetch(snapshot, &[])?;
    }
    let before = Before { next_member: snapshot.next_member, next_pos: snapshot.next_pos, now: snapshot.now };
    snapshot.now = snapshot.now.max(now);
    // A fetch into a fresh snapshot also tells the newest time that is stored; `now` is not less than either.
    let fetch = &mut |snapshot: &mut Snapshot, wants: &[Want]| {
        let done = fetch(snapshot, wants);
        snapshot.now = snapshot.now.max(now);
        done
    };
    let mut door = Door::new(plans, snapshot, inputs.len());
    let mut jobs = inputs.iter().enumerate().map(|(at, input)| Job::of_input(plans, at, input));
    let mut result = wake_all(&mut door, wakes, fetch);
    while result.is_ok() && jobs.len() > 0 {
        let some: Vec<Job> = jobs.by_ref().take(ASKED_TOGETHER).collect();
        result = ask(&mut door, &some, fetch).and_then(|()| decide_all(&mut door, some, fetch));
    }
    let (batch, budgets) = door.finish();
    match result {
        Ok(()) => Ok(batch),
        Err(error) => {
            before.restore(snapshot, batch, budgets);
            Err(error)
        }
    }
}

type Fetch<'f, E> = dyn FnMut(&mut Snapshot, &[Want]) -> Result<(), E> + 'f;

fn wake_all<E>(door: &mut Door<'_>, wakes: &[MemberNo], fetch: &mut Fetch<'_, E>) -> Result<(), E> {
    let missing = wakes.iter().filter(|no| !door.snapshot.members.contains_key(no));
    let missing: Vec<Want> = missing.map(|no| Want::Member(*no)).collect();
    if !missing.is_empty() {
        fetch(door.snapshot, &missing)?;
    }
    // One instant each, so that a batch is bounded, and all are caught up in the order of time.
    for no in wakes {
        let mut until = door.snapshot.now;
        loop {
            match door.due(*no, until) {
                Ok(None) => break,
                Ok(Some(job)) => {
                    until = job.event().time;
                    decide_all(door, vec![job], fetch)?;
                }
                Err(wants) => fetch(door.snapshot, &wants)?,
            }
        }
    }
    Ok(())
}

/// Loads what the inputs name; then the members whose names or orders had to be loaded first. What shows only while
/// deciding (a business key) is asked for then.
fn ask<E>(door: &mut Door<'_>, jobs: &[Job<'_>], fetch: &mut Fetch<'_, E>) -> Result<(), E> {
    for _ in 0..2 {
        // The same may be asked twice: that costs less than finding it out.
        let mut wants = Vec::with_capacity(jobs.len() * 4);
        jobs.iter().for_each(|job| door.ask(job, &mut wants));
        if wants.is_empty() {
            break;
        }
        fetch(door.snapshot, &wants)?;
    }
    Ok(())
}

fn decide_all<'a, E>(door: &mut Door<'a>, jobs: Vec<Job<'a>>, fetch: &mut Fetch<'_, E>) -> Result<(), E> {
    // The last is the next.
    let mut next = Vec::new();
    for job in jobs {
        next.push(job);
        while let Some(job) = next.pop() {
            match door.step(&job) {
                // What was set free comes right after what freed it.
                Ok(freed) => next.extend(freed.into_iter().rev()),
                Err(Pause::Load(wants)) => {
                    fetch(door.snapshot, &wants)?;
                    next.push(job);
                }
                // What is due waits for a household, and is asked for again after it: it names its own row.
                Err(Pause::First(first)) if job.is_due() => next.push(*first),
                Err(Pause::First(due)) => next.extend([job, *due]),
            }
        }
    }
    Ok(())
}

/// What a batch that cannot be finished gives back.
struct Before {
    next_member: MemberNo,
    next_pos: u64,
    now: jiff::Timestamp,
}

impl Before {
    /// Forgets everything that the batch changed, so that it is loaded anew.
    fn restore(self, snapshot: &mut Snapshot, batch: Batch, budgets: Vec<(Box<str>, Vec<(i64, i64)>)>) {
        for member in &batch.members {
            snapshot.members.remove(member);
        }
        let erased = batch.erased.iter().flat_map(|erasure| &erasure.names);
        for identity in batch.identities.iter().map(|(identity, _)| identity).chain(erased) {
            snapshot.identities.remove(identity);
        }
        for key in batch.rows.iter().flat_map(|row| &row.keys) {
            snapshot.rows.remove(key);
        }
        snapshot.budgets.extend(budgets);
        (snapshot.next_member, snapshot.next_pos, snapshot.now) = (self.next_member, self.next_pos, self.now);
    }
}
