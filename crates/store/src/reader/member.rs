//! Members: by number, by name, in order.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::event::MemberNo;
use domain::identity::Identity;
use domain::member::Member;

use super::{Page, Reader};
use crate::StoreError;
use crate::sqlite::{form, identity_get, lot_page, store_error, sweep};

pub type MemberRow = Box<Member>;

/// A millisecond each. Just after a commit, his state in memory is still the one before, for a moment.
const ASKED_AGAIN_MAX: u32 = 5000;

impl Reader {
    /// His state, and then the pages of lots that it speaks of: if they are gone by then, his state is another by then.
    pub fn member_get(&self, no: MemberNo) -> Result<Option<MemberRow>, StoreError> {
        for again in 0.. {
            let Some(image) = self.with(|conn| sweep::state(conn, &self.0.shared.recent, no))? else {
                return Ok(None);
            };
            match self.parse(no, &image)? {
                Ok(member) => return Ok(Some(member)),
                Err(why) if again == ASKED_AGAIN_MAX => return Err(StoreError::Corrupt(why)),
                Err(_) => std::thread::sleep(Duration::from_millis(u64::from(again.min(1)))),
            }
        }
        unreachable!("it is answered or given up")
    }

    pub fn member_by_identity(&self, identity: &Identity) -> Result<Option<MemberRow>, StoreError> {
        match self.with(|conn| identity_get(conn, identity.as_str()))? {
            Some(no) => self.member_get(no),
            None => Ok(None),
        }
    }

    /// In the order in which they came, from after `cursor`.
    pub fn member_list(&self, cursor: Option<u64>, limit: usize) -> Result<Page<MemberRow>, StoreError> {
        let recent = self.0.shared.recent.after(cursor.unwrap_or(0), limit + 1);
        let rows = self.with(|conn| {
            let read = || -> rusqlite::Result<Vec<(u64, String)>> {
                let select = "SELECT no, image FROM member_swept WHERE no > ?1 ORDER BY no LIMIT ?2";
                let mut select = conn.prepare_cached(select)?;
                let rows = select
                    .query_map([cursor.unwrap_or(0), limit as u64 + 1], |r| Ok((r.get(0)?, r.get(1)?)))?;
                rows.collect()
            };
            read().map_err(|e| store_error(&e))
        })?;
        let mut images: BTreeMap<u64, String> = rows.into_iter().collect();
        images.extend(recent.iter().map(|(no, image)| (*no, image.as_str().to_owned())));
        let more = images.len() > limit;
        let mut items: Vec<MemberRow> = Vec::with_capacity(limit.min(images.len()));
        for (no, image) in images.iter().take(limit) {
            match self.parse(*no, image)? {
                Ok(member) => items.push(member),
                Err(_) => items.extend(self.member_get(*no)?),
            }
        }
        let next = items.last().filter(|_| more).map(|member| member.no);
        Ok(Page { items, next })
    }

    /// Err within: a page of lots is not there.
    fn parse(&self, no: MemberNo, image: &str) -> Result<Result<MemberRow, String>, StoreError> {
        let mut member: MemberRow = form::from_json(image, || format!("member {no}"))?;
        if member.has_pages()
            && let Some(page) = self.with(|conn| lot_page::put(conn, no, &mut member))?
        {
            return Ok(Err(format!("member {no} has no page {page} of lots")));
        }
        member.read_pages().map_err(|why| StoreError::Corrupt(format!("member {no}: {why}")))?;
        Ok(Ok(member))
    }
}
