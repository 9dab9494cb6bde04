//! One batch through the one door: ask for what is needed, decide each input in order, say what is to be written.

use crate::event::{Input, MemberNo};
use crate::identity::Identity;
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

/// What became of one input.
pub struct Answer {
    /// The row that holds it: a new one, or for a duplicate the first.
    pub pos: u64,
    pub duplicate: bool,
    /// Same (source, id) with another body: nothing changed, to be kept in quarantine; `decision` is the first one's.
    pub conflict: bool,
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

/// Decides all inputs. `fetch` loads what is wanted into the snapshot (known absence included) and is called until
/// nothing is missing; if it fails, nothing has been changed but the cache.
#[allow(unused_variables)]
pub fn process<E>(
    plans: &Plans,
    snapshot: &mut Snapshot,
    inputs: &[Input],
    now: jiff::Timestamp,
    fetch: &mut dyn FnMut(&mut Snapshot, &[Want]) -> Result<(), E>,
) -> Result<Batch, E> {
    todo!()
}
