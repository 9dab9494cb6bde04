//! Pages of lots: written with the batch that made them, read when they are asked for; all of a member's together for those
//! who show or check him.
//!
//! Invariant: a state and its pages are committed together, a page that no newest state speaks of goes in that same
//! transaction, and no page is ever changed. A state that is not the newest any more may find its pages gone, never other.

use std::collections::BTreeMap;
use std::ops::Range;

use domain::event::MemberNo;
use domain::member::Member;
use rusqlite::{Connection, params};

use crate::StoreError;
use crate::db::{Db, values};

/// Numbers of a member's pages have so many bits.
const PAGE_BITS: u32 = 24;

/// What a batch does to pages.
#[derive(Default)]
pub struct Changes {
    text: Vec<u8>,
    new: Vec<(i64, Range<usize>)>,
    gone: Vec<i64>,
}

impl Changes {
    pub fn clear(&mut self) {
        self.text.clear();
        self.new.clear();
        self.gone.clear();
    }

    pub fn add(&mut self, member: &Member) -> Result<(), StoreError> {
        for (page, lots) in member.new_pages() {
            let start = self.text.len();
            domain::json::write(&mut self.text, lots).map_err(|e| {
                StoreError::Corrupt(format!("lots of member {} have no form: {e}", member.no))
            })?;
            self.new.push((at(member.no, page), start..self.text.len()));
        }
        self.gone.extend(member.gone_pages().iter().map(|page| at(member.no, *page)));
        Ok(())
    }

    /// Where each new one lies, and what is on it.
    pub fn added(&self) -> impl Iterator<Item = (i64, &str)> {
        let lots = |text: &Range<usize>| std::str::from_utf8(&self.text[text.clone()]).expect("JSON is text");
        self.new.iter().map(move |(at, text)| (*at, lots(text)))
    }
    pub fn gone(&self) -> &[i64] {
        &self.gone
    }

    pub fn write(&self, conn: &Connection) -> rusqlite::Result<()> {
        for (at, lots) in self.added() {
            conn.prepare_cached("INSERT INTO lot_page VALUES (?1, ?2)")?.execute(params![at, lots])?;
        }
        for at in self.gone() {
            conn.prepare_cached("DELETE FROM lot_page WHERE at = ?1")?.execute([at])?;
        }
        Ok(())
    }
}

/// Gives a member his pages; a page that is not there is answered.
pub fn put(db: Db<'_>, no: MemberNo, member: &mut Member) -> Result<Option<u32>, StoreError> {
    if !member.has_pages() {
        return Ok(None);
    }
    Ok(member.put_pages(texts(db, no)?).err())
}

/// One page.
pub fn text(db: Db<'_>, no: MemberNo, page: u32) -> Result<Option<String>, StoreError> {
    db.one("SELECT lots FROM lot_page WHERE at = ?1", values![at(no, page)], |r| r.get(0))
}

/// All pages of a member.
pub fn texts(db: Db<'_>, no: MemberNo) -> Result<BTreeMap<u32, String>, StoreError> {
    let select = "SELECT at, lots FROM lot_page WHERE at >= ?1 AND at < ?2";
    let texts = db.all(select, values![at(no, 0), at(no + 1, 0)], |r| Ok((page(r.get(0)?), r.get(1)?)))?;
    Ok(texts.into_iter().collect())
}

/// Where it lies.
pub fn at(no: MemberNo, page: u32) -> i64 {
    let high = i64::try_from(no).ok().and_then(|no| no.checked_mul(1 << PAGE_BITS));
    high.expect("a member's number has less than 39 bits") | i64::from(page)
}

pub fn page(at: i64) -> u32 {
    (at & ((1 << PAGE_BITS) - 1)) as u32
}

/// Whose it is.
pub fn owner(at: i64) -> MemberNo {
    (at >> PAGE_BITS) as MemberNo
}
