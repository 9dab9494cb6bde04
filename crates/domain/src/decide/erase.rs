//! A member's personal data go for ever: his names, his fields, what runs for him. What remains is a number with amounts.
//! The store takes what was told of him out of his rows, in the transaction of this one (`batch::Erasure`).
//!
//! Invariant: whatever an erased member's orders still do to the ledger (returns, dates of lots) goes on; nothing new
//! is heard from or about him.

use super::{Book, Matter, households};
use crate::event::MemberNo;
use crate::outcome::Emitted;
use crate::snapshot::Want;

/// Numbers that stood for him, each with the newest row of its history before this one.
pub type Histories = Vec<(MemberNo, u64)>;

/// Err: this must be loaded first.
pub fn histories(matter: &Matter<'_>) -> Result<Histories, Vec<Want>> {
    let member = matter.member;
    let mut all = vec![(member.no, member.last_pos)];
    for one in &member.absorbed {
        let known = matter.snapshot.members.get(&one.no).ok_or_else(|| vec![Want::Member(one.no)])?;
        all.extend(known.as_ref().map(|absorbed| (absorbed.no, absorbed.last_pos)));
    }
    Ok(all)
}

pub fn erase(book: &mut Book<'_>) {
    // Whatever is owed there: nobody stays in a household without a name.
    if book.home.is_some() {
        households::move_out(book);
    }
    let member = &mut *book.member;
    member.identities.clear();
    member.fields.clear();
    member.near.clear();
    member.runs.clear();
    member.silences.clear();
    member.erased = true;
    let data = serde_json::Map::new();
    book.decision.emitted.push(Emitted::own("member.erased", data));
}
