//! Events that came before: what is answered to them. Not here: orders that are told again (`door`).

use std::sync::Arc;

use crate::batch::Answer;
use crate::codes;
use crate::event::Event;
use crate::outcome::Reason;
use crate::snapshot::PastRow;

/// What was answered to this event before: to the very same, the same again; to another body, that the name is taken.
/// What was refused for its form, or not known, did not take it, and is looked at again once the program is another or
/// its time has come.
pub fn answered(
    rows: &[Arc<PastRow>],
    event: &Event,
    body_hash: &[u8; 32],
    version: u32,
    early: bool,
) -> Option<Answer> {
    let named = |row: &&Arc<PastRow>| row.event.source == event.source && row.event.id == event.id;
    let answer = |row: &Arc<PastRow>, duplicate, decision| {
        Some(Answer { pos: row.pos, duplicate, conflict: !duplicate, decision: Arc::clone(decision) })
    };
    let taken = rows.iter().find(|row| named(row) && left(row).is_none());
    let mut same = rows.iter().filter(|row| named(row) && row.body_hash == *body_hash);
    let Some(last) = same.clone().next_back() else {
        return taken.and_then(|row| answer(row, false, &row.decision));
    };
    // What waited keeps the number that it was given when it came.
    let first = same.find(|row| left(row).is_none()).unwrap_or(last);
    let again = left(last).is_some_and(|reason| {
        last.decision.version != version || (*reason.code == *codes::EVENT_FROM_FUTURE && !early)
    });
    if again && taken.is_none() { None } else { answer(first, true, &last.decision) }
}

/// Why a row did not take its name.
fn left(row: &PastRow) -> Option<&Reason> {
    row.decision.reason.as_ref().filter(|reason| codes::leaves_name(reason))
}
