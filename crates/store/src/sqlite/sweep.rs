//! Members' states on their way to their rows. A commit writes all states that its batch made as one text
//! (`member_tail`), and brings the changed members of the next few numbers to their rows (`member_swept`): neighbours
//! share pages, where a row for each change would cost a page of 4 KiB an event.
//!
//! Invariant: a member's state is in the newest text that names him, or in his row if none does. Texts go oldest first,
//! each after a whole round in which everything it said was brought to rows or said anew.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use domain::event::MemberNo;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;

use super::store_error;
use crate::StoreError;
use crate::flight::Flight;
use crate::flight::encode::Encoded;

/// Changes in one round over all numbers, at most; there are as many as members otherwise. It bounds what is in memory
/// and what a start must read.
const ROUND_MAX: u64 = 1 << 18;
/// Texts that go with one commit, which brings one.
const TEXTS_GO: u32 = 2;

/// The states of the texts, in memory. Whoever asks for a state looks here first and at the row after that: what is
/// gone from here is in the row by then. A read transaction that began before may not see it.
#[derive(Default)]
pub struct Recent(RwLock<BTreeMap<MemberNo, Image>>);

#[derive(Clone)]
pub struct Image {
    text: Arc<str>,
    at: (u32, u32),
}

impl Image {
    pub fn as_str(&self) -> &str {
        &self.text[self.at.0 as usize..self.at.1 as usize]
    }
}

impl Recent {
    pub fn load(conn: &Connection) -> Result<Recent, StoreError> {
        let recent = Recent::default();
        let mut select =
            conn.prepare("SELECT pos, images FROM member_tail ORDER BY pos").map_err(|e| store_error(&e))?;
        let mut rows = select.query([]).map_err(|e| store_error(&e))?;
        while let Some(row) = rows.next().map_err(|e| store_error(&e))? {
            let read = || Ok((row.get(0)?, row.get_ref(1)?.as_str()?));
            let (pos, text): (u64, &str) = read().map_err(|e: rusqlite::Error| store_error(&e))?;
            let at = parts(text).map_err(|e| {
                StoreError::Corrupt(format!("the members of batch {pos} cannot be read: {e}"))
            })?;
            recent.add(text, at);
        }
        Ok(recent)
    }
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<MemberNo, Image>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
    pub fn get(&self, no: MemberNo) -> Option<Image> {
        self.read().get(&no).cloned()
    }
    /// So many from after `no` on.
    pub fn after(&self, no: MemberNo, limit: usize) -> BTreeMap<MemberNo, Image> {
        let from = no.saturating_add(1);
        self.read().range(from..).take(limit).map(|(no, image)| (*no, image.clone())).collect()
    }
    pub fn highest(&self) -> MemberNo {
        self.read().last_key_value().map_or(0, |(no, _)| *no)
    }
    fn add(&self, text: &str, parts: impl IntoIterator<Item = (MemberNo, Range<usize>)>) {
        let text: Arc<str> = text.into();
        let mut images = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (no, at) in parts {
            let at = (u32::try_from(at.start), u32::try_from(at.end));
            let (Ok(start), Ok(end)) = at else { panic!("a batch's members fit 4 GiB") };
            images.insert(no, Image { text: text.clone(), at: (start, end) });
        }
    }
    fn drop_range(&self, range: &Range<MemberNo>) {
        let mut images = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let swept: Vec<MemberNo> = images.range(range.clone()).map(|(no, _)| *no).collect();
        for no in swept {
            images.remove(&no);
        }
    }
}

/// Where in a text each member's state stands.
pub fn parts(text: &str) -> serde_json::Result<BTreeMap<MemberNo, Range<usize>>> {
    let found: BTreeMap<MemberNo, &RawValue> = serde_json::from_str(text)?;
    let begin = text.as_ptr() as usize;
    let at = |image: &str| {
        let start = image.as_ptr() as usize - begin;
        start..start + image.len()
    };
    Ok(found.into_iter().map(|(no, image)| (no, at(image.get()))).collect())
}

/// The state of a member as it is on disk. `conn` is in no transaction that began before.
pub fn state(conn: &Connection, recent: &Recent, no: MemberNo) -> Result<Option<String>, StoreError> {
    match recent.get(no) {
        Some(image) => Ok(Some(image.as_str().to_owned())),
        None => row(conn, no),
    }
}

/// A number that no row can have (a made-up public id stands for any 64 bits) is nobody's.
pub fn row(conn: &Connection, no: MemberNo) -> Result<Option<String>, StoreError> {
    if i64::try_from(no).is_err() {
        return Ok(None);
    }
    row_image(conn, no).map_err(|e| store_error(&e))
}

/// What the member's own row holds.
pub fn row_image(conn: &Connection, no: MemberNo) -> rusqlite::Result<Option<String>> {
    let mut select = conn.prepare_cached("SELECT image FROM member_swept WHERE no = ?1")?;
    select.query_row([no], |r| r.get(0)).optional()
}

/// Texts and rows that still hold an earlier state of these members get the newest. `newest` says which that is, unless
/// it is in the row only.
pub fn forget_states(
    conn: &Connection,
    numbers: &[MemberNo],
    newest: impl Fn(MemberNo) -> Option<String>,
) -> rusqlite::Result<()> {
    for no in numbers {
        let Some(image) = newest(*no).or(row_image(conn, *no)?) else { continue };
        conn.execute("UPDATE member_swept SET image = ?2 WHERE no = ?1", params![no, image])?;
        let mut select =
            conn.prepare_cached("SELECT pos, images FROM member_tail WHERE instr(images, ?1) > 0")?;
        let named = format!("\"{no}\":");
        let texts = select.query_map([named], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let texts: Vec<(u64, String)> = texts.collect::<Result<_, _>>()?;
        for (pos, mut text) in texts {
            let Some(at) = parts(&text).ok().and_then(|mut parts| parts.remove(no)) else { continue };
            text.replace_range(at, &image);
            conn.execute("UPDATE member_tail SET images = ?2 WHERE pos = ?1", params![pos, text])?;
        }
    }
    Ok(())
}

/// The writer's part: where the round stands.
pub struct Sweep {
    recent: Arc<Recent>,
    /// Changes in a round, at least.
    round_min: u64,
    next: MemberNo,
    /// Numbers owed, in parts of a round.
    owed: u64,
    /// Position of the first batch of this round.
    round_from: u64,
    /// Texts before this position say nothing any more.
    said_before: u64,
}

/// What a transaction does to the sweep, once it is committed.
pub struct Step {
    swept: Range<MemberNo>,
    owed: u64,
    ends: bool,
}

impl Sweep {
    pub fn new(recent: Arc<Recent>, round_min: u64, next_pos: u64) -> Sweep {
        Sweep { recent, round_min, next: 1, owed: 0, round_from: next_pos, said_before: 0 }
    }

    /// Within the transaction of the batch.
    pub fn write(&self, conn: &Connection, flight: &Flight, encoded: &Encoded) -> rusqlite::Result<Step> {
        let members = &flight.write.members;
        let Some(newest) = members.last() else {
            return Ok(Step { swept: self.next..self.next, owed: self.owed, ends: false });
        };
        let mut insert = conn.prepare_cached("INSERT INTO member_tail VALUES (?1, ?2)")?;
        insert.execute(params![flight.first_pos, encoded.images()])?;
        let highest = self.recent.highest().max(newest.no);
        let round = highest.min(ROUND_MAX).max(self.round_min);
        let owed = self.owed + members.len() as u64 * highest;
        let swept = self.next..(self.next + owed / round).min(highest + 1);
        let mut put = conn.prepare_cached(
            "INSERT INTO member_swept VALUES (?1, ?2) ON CONFLICT (no) DO UPDATE SET image = excluded.image",
        )?;
        for (no, image) in self.recent.read().range(swept.clone()) {
            put.execute(params![no, image.as_str()])?;
        }
        let go = "DELETE FROM member_tail WHERE pos IN
            (SELECT pos FROM member_tail WHERE pos < ?1 ORDER BY pos LIMIT ?2)";
        conn.prepare_cached(go)?.execute(params![self.said_before, TEXTS_GO])?;
        let ends = swept.end > highest;
        Ok(Step { swept, owed: owed % round, ends })
    }

    /// After the commit and before anyone is told.
    pub fn committed(&mut self, step: &Step, flight: &Flight, encoded: &Encoded) {
        self.recent.drop_range(&step.swept);
        let numbers = flight.write.members.iter().map(|member| member.no);
        self.recent.add(encoded.images(), numbers.zip(encoded.image_parts().iter().cloned()));
        (self.next, self.owed) = (step.swept.end, step.owed);
        if step.ends {
            (self.next, self.owed, self.said_before) = (1, 0, self.round_from);
            self.round_from = flight.last_pos + 1;
        }
    }
}
