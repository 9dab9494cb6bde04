//! Answers to what a batch wants to know: from the batches in flight first, then from the file.
//!
//! Invariant: an answer holds everything handed over before, and what a snapshot already knows is not touched.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::event::{Event, MemberNo};
use domain::identity::Identity;
use domain::key::Key;
use domain::member::Member;
use domain::snapshot::{PastRow, Snapshot, Want};

use super::{Sqlite, form, lot_page, store_error, sweep};
use crate::StoreError;
use crate::db::{Db, values};
use crate::flight::failures::not_done;

impl Sqlite {
    pub fn fetch(&mut self, snapshot: &mut Snapshot, wants: &[Want]) -> Result<(), StoreError> {
        if let Some(why) = self.shared.failures.now() {
            if snapshot.next_pos != 0 {
                return Err(if why.must_stop() { why } else { not_done(&why) });
            }
            self.reset(why)?;
        }
        if snapshot.next_pos == 0 {
            self.head.begin(snapshot)?;
        }
        if wants.is_empty() {
            return Ok(());
        }
        // First let go of what is on disk, then look at memory, then at the disk: nothing falls between.
        self.prune();
        self.remember(snapshot, wants)?;
        debug_assert!(self.shared.committed.load(Ordering::Relaxed) < self.head.next_pos);
        let keys: Vec<Key> = wants
            .iter()
            .filter_map(|want| if let Want::Rows(key) = want { Some(*key) } else { None })
            .filter(|key| !snapshot.rows.contains_key(key))
            .collect();
        let found = self.keys.locate(&self.conn, &keys).map_err(|e| store_error(&e));
        let filled = found.and_then(|found| self.fill(snapshot, wants, &keys, &found));
        if !self.conn.is_autocommit() {
            self.db().execute("COMMIT", &[])?;
        }
        filled
    }

    fn db(&self) -> Db<'_> {
        Db::Sqlite(&self.conn)
    }

    /// The members that are in memory: in flight, or on disk but for their rows.
    fn remember(&self, snapshot: &mut Snapshot, wants: &[Want]) -> Result<(), StoreError> {
        for want in wants {
            let Want::Member(no) = want else { continue };
            let Entry::Vacant(slot) = snapshot.members.entry(*no) else { continue };
            if let Some(member) = self.flights.iter().rev().find_map(|flight| flight.member(*no)) {
                slot.insert(Some(member.clone()));
            } else if let Some(image) = self.shared.recent.get(*no) {
                slot.insert(Some(self.read_member(*no, image.as_str())?));
            }
        }
        Ok(())
    }

    fn fill(
        &self,
        snapshot: &mut Snapshot,
        wants: &[Want],
        keys: &[Key],
        found: &[Vec<u64>],
    ) -> Result<(), StoreError> {
        for want in wants {
            match want {
                Want::Identity(name) => {
                    if let Entry::Vacant(slot) = snapshot.identities.entry(name.clone()) {
                        slot.insert(self.identity(name)?);
                    }
                }
                Want::Member(no) => {
                    if let Entry::Vacant(slot) = snapshot.members.entry(*no) {
                        let image = sweep::row(&self.conn, *no)?;
                        slot.insert(image.map(|image| self.read_member(*no, &image)).transpose()?);
                    }
                }
                Want::Page(no, page) => snapshot.put_page(*no, *page, self.page(*no, *page)?),
                Want::Rows(_) => {}
            }
        }
        // A row that lies under many of the keys (it brought codes) is read once.
        let mut read: HashMap<u64, Arc<PastRow>> = HashMap::new();
        for (key, positions) in keys.iter().zip(found) {
            let mut rows = Vec::with_capacity(positions.len());
            for pos in positions {
                let row = match read.entry(*pos) {
                    Entry::Occupied(row) => row.into_mut(),
                    Entry::Vacant(free) => free.insert(Arc::new(self.past_row(*pos)?)),
                };
                rows.push(row.clone());
            }
            snapshot.rows.insert(*key, rows);
        }
        Ok(())
    }

    /// Its pages of lots are asked for when they are looked at.
    fn read_member(&self, no: MemberNo, image: &str) -> Result<Arc<Member>, StoreError> {
        let mut member: Member = form::from_json(image, || format!("member {no}"))?;
        member.leave_pages();
        Ok(Arc::new(member))
    }

    /// Of the newest state, which was read from disk: so it is there.
    fn page(&self, no: MemberNo, page: u32) -> Result<String, StoreError> {
        let text = lot_page::text(self.db(), no, page)?;
        text.ok_or_else(|| StoreError::Corrupt(format!("member {no} has no page {page} of lots")))
    }

    fn identity(&self, name: &Identity) -> Result<Option<MemberNo>, StoreError> {
        if let Some(owner) = self.flights.iter().rev().find_map(|flight| flight.identity(name)) {
            return Ok(owner);
        }
        identity_get(self.db(), name.as_str())
    }

    fn past_row(&self, pos: u64) -> Result<PastRow, StoreError> {
        let Some(row) = self.flights.iter().find_map(|flight| flight.row(pos)) else {
            let row = crate::reader::row_get(self.db(), pos)?;
            let row =
                row.ok_or_else(|| StoreError::Corrupt(format!("a key names row {pos}, which is not there")))?;
            let (event, decision) = (Arc::new(row.event), Arc::new(row.decision));
            return Ok(PastRow { pos, event, body_hash: row.body_hash, decision });
        };
        let (event, body_hash) = match (row.input, row.again) {
            (Some((event, hash)), _) => (event.clone(), hash),
            (None, Some(again)) => self.waited(again)?,
            (None, None) => unreachable!("asserted when it was encoded"),
        };
        Ok(PastRow { pos, event, body_hash, decision: row.decision.clone() })
    }

    /// The event of a row that waited.
    fn waited(&self, pos: u64) -> Result<(Arc<Event>, [u8; 32]), StoreError> {
        let row = self.past_row(pos)?;
        Ok((row.event, row.body_hash))
    }
}

pub fn identity_get(db: Db<'_>, name: &str) -> Result<Option<MemberNo>, StoreError> {
    db.one("SELECT member FROM identity WHERE name = ?1", values![name], |r| r.get(0))
}
