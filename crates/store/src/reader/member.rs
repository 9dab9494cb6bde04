//! Members: by number, by name, in order.

use std::time::Duration;

use domain::event::MemberNo;
use domain::identity::Identity;
use domain::member::Member;

use super::{Page, Reader};
use crate::StoreError;
use crate::sqlite::{form, identity_get, lot_page};

pub type MemberRow = Box<Member>;

/// A millisecond each. Just after a commit, his state in memory is still the one before, for a moment.
const ASKED_AGAIN_MAX: u32 = 5000;

impl Reader {
    /// His state, and then the pages of lots that it speaks of: if they are gone by then, his state is another by then.
    pub fn member_get(&self, no: MemberNo) -> Result<Option<MemberRow>, StoreError> {
        for again in 0.. {
            let Some(image) = self.with(|db| self.0.home.state(db, no))? else {
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
        match self.with(|db| identity_get(db, identity.as_str()))? {
            Some(no) => self.member_get(no),
            None => Ok(None),
        }
    }

    /// In the order in which they came, from after `cursor`.
    pub fn member_list(&self, cursor: Option<u64>, limit: usize) -> Result<Page<MemberRow>, StoreError> {
        let images = self.0.home.states(cursor.unwrap_or(0), limit + 1)?;
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
            && let Some(page) = self.with(|db| lot_page::put(db, no, &mut member))?
        {
            return Ok(Err(format!("member {no} has no page {page} of lots")));
        }
        member.read_pages().map_err(|why| StoreError::Corrupt(format!("member {no}: {why}")))?;
        Ok(Ok(member))
    }
}
