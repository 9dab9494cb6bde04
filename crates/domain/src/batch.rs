//! One batch through the one door: ask for what is needed, decide each input in order, say what is to be written.
//! Not here: what an event does (`decide`), how an input finds its way (`door`).

use crate::door::Door;
use crate::event::{Input, MemberNo};
use crate::identity::Identity;
use crate::job::Job;
use crate::key::{Key, KeyMaker};
use crate::outcome::Decision;
use crate::plan::Plan;
use crate::snapshot::{Snapshot, Want};
use std::collections::VecDeque;
use std::sync::Arc;

/// The programs that may be needed: the present version, and older ones for orders that earned under them.
pub struct Plans {
    pub current: Arc<Plan>,
    pub older: Vec<Arc<Plan>>,
    pub keys: KeyMaker,
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
    /// Index of the input; None for a row that was set free.
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

#[derive(Default)]
pub struct Batch {
    /// One for each input, in order.
    pub answers: Vec<Answer>,
    pub rows: Vec<NewRow>,
    pub identities: Vec<(Identity, MemberNo)>,
    /// Members that changed; their new state is in the snapshot.
    pub members: Vec<MemberNo>,
    /// Budgets that changed; their new state is in the snapshot.
    pub budgets: Vec<Box<str>>,
}

/// Rounds of asking for all inputs at once: keys and names; then members, and what waits for new ones. What shows only
/// while deciding (a business key) is asked for then.
const ROUNDS: usize = 2;

/// Decides all inputs. `fetch` loads what is wanted into the snapshot (known absence included) and is called until
/// nothing is missing; if it fails, nothing has been changed but the cache.
pub fn process<E>(
    plans: &Plans,
    snapshot: &mut Snapshot,
    inputs: &[Input],
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
    let mut door = Door::new(plans, snapshot);
    let jobs: Vec<Job> =
        inputs.iter().enumerate().map(|(at, input)| Job::of_input(plans, at, input)).collect();
    let mut result = Ok(());
    let mut unsure: Vec<&Job> = jobs.iter().collect();
    for _ in 0..ROUNDS {
        // The same may be asked twice: that costs less than finding it out.
        let mut wants = Vec::new();
        unsure.retain(|job| match door.look(job) {
            Ok(_) => false,
            Err(missing) => {
                wants.extend(missing);
                true
            }
        });
        if wants.is_empty() {
            break;
        }
        result = fetch(door.snapshot, &wants);
        if result.is_err() {
            break;
        }
    }
    if result.is_ok() {
        result = decide_all(&mut door, jobs, fetch);
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

fn decide_all<E>(
    door: &mut Door<'_>,
    jobs: Vec<Job<'_>>,
    fetch: &mut dyn FnMut(&mut Snapshot, &[Want]) -> Result<(), E>,
) -> Result<(), E> {
    for job in jobs {
        let mut queue = VecDeque::from([job]);
        while let Some(job) = queue.pop_front() {
            loop {
                match door.step(&job) {
                    Ok(freed) => {
                        // What was set free comes right after what freed it.
                        for job in freed.into_iter().rev() {
                            queue.push_front(job);
                        }
                        break;
                    }
                    Err(wants) => fetch(door.snapshot, &wants)?,
                }
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
        for (identity, _) in &batch.identities {
            snapshot.identities.remove(identity);
        }
        for key in batch.rows.iter().flat_map(|row| &row.keys) {
            snapshot.rows.remove(key);
        }
        snapshot.budgets.extend(budgets);
        (snapshot.next_member, snapshot.next_pos, snapshot.now) = (self.next_member, self.next_pos, self.now);
    }
}
