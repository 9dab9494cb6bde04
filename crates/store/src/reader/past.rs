//! What the core asks of the past, for those who only ask: quotes and redemptions. Only what is durable.

use std::sync::Arc;

use domain::event::MemberNo;
use domain::key::KeyMaker;
use domain::redemption::Redemption;
use domain::snapshot::{PastRow, Snapshot, Want};

use super::{Page, Reader};
use crate::StoreError;
use crate::reader::row_get;
use crate::sqlite::identity_get;

/// Rows that one question may visit before it answers with what it has.
const VISITS_MAX: usize = 10_000;

impl Reader {
    pub fn key_maker(&self) -> KeyMaker {
        self.0.maker.clone()
    }

    /// As `Store::fetch`, without what is on its way to the disk.
    pub fn fetch(&self, snapshot: &mut Snapshot, wants: &[Want]) -> Result<(), StoreError> {
        if snapshot.next_pos == 0 {
            self.at_once(|db| self.0.home.head(db))?.begin(snapshot)?;
        }
        for want in wants {
            match want {
                Want::Identity(name) => {
                    let no = self.with(|db| identity_get(db, name.as_str()))?;
                    snapshot.identities.insert(name.clone(), no);
                }
                Want::Member(no) => {
                    let member = self.member_get(*no)?.map(|member| Arc::new(*member));
                    snapshot.members.insert(*no, member);
                }
                Want::Page(..) => unreachable!("members are read with all their pages"),
                Want::Rows(key) => {
                    let rows = self.with(|db| {
                        let found = self.0.home.locate(db, &[*key])?;
                        let mut rows = Vec::new();
                        for &pos in found.iter().flatten() {
                            // What is in flight has a key and no row yet.
                            let Some(row) = row_get(db, pos)? else { continue };
                            let (event, decision) = (Arc::new(row.event), Arc::new(row.decision));
                            rows.push(Arc::new(PastRow { pos, event, body_hash: row.body_hash, decision }));
                        }
                        Ok(rows)
                    })?;
                    snapshot.rows.insert(*key, rows);
                }
            }
        }
        Ok(())
    }

    /// A redemption as it now stands, and whose it is: his who made it.
    pub fn redemption_get(&self, pos: u64, n: u16) -> Result<Option<(MemberNo, Redemption)>, StoreError> {
        let key = self.0.maker.redemption(pos, n);
        self.with(|db| {
            let found = self.0.home.locate(db, &[key])?;
            let mut positions: Vec<u64> = found.into_iter().flatten().collect();
            positions.sort_unstable();
            for pos_of_row in positions.into_iter().rev() {
                let Some(row) = row_get(db, pos_of_row)? else { continue };
                let member = row_get(db, pos)?.and_then(|row| row.decision.member);
                let one = row.decision.redemptions.into_iter().rev().find(|one| (one.pos, one.n) == (pos, n));
                if let (Some(member), Some(one)) = (member, one) {
                    return Ok(Some((member, one)));
                }
            }
            Ok(None)
        })
    }

    /// The member's redemptions as they now stand, newest first, following the chain of his rows, then those of whom he
    /// absorbed; whole rows until there are `limit`.
    pub fn redemption_list(
        &self,
        member: MemberNo,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<Redemption>, StoreError> {
        let Some(member) = self.member_get(member)? else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let mut pos = cursor.unwrap_or(member.last_pos);
        let (mut items, mut visits) = (Vec::new(), 0);
        while pos != 0 && items.len() < limit && visits < VISITS_MAX {
            visits += 1;
            let row = self.journal_get(pos)?;
            let Some((row, at)) = row.and_then(|row| {
                let at = member.numbers().position(|no| row.member == Some(no))?;
                Some((row, at))
            }) else {
                return Ok(Page { items, next: None });
            };
            // Each is told once, where it was made.
            for one in row.decision.redemptions.iter().rev().filter(|one| one.pos == row.pos) {
                items.extend(self.redemption_get(one.pos, one.n)?.map(|(_, one)| one));
            }
            pos = row.prev_pos;
            let mut others = member.numbers().skip(at + 1);
            while pos == 0
                && let Some(other) = others.next()
            {
                pos = self.member_get(other)?.map_or(0, |other| other.last_pos);
            }
        }
        Ok(Page { items, next: (pos != 0).then_some(pos) })
    }
}
