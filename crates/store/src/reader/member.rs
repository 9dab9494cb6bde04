//! Members: by number, by name, in order.

use std::collections::BTreeMap;

use domain::event::MemberNo;
use domain::identity::Identity;
use domain::member::Member;

use super::{Page, Reader};
use crate::StoreError;
use crate::sqlite::{form, identity_get, store_error, sweep};

pub type MemberRow = Box<Member>;

impl Reader {
    pub fn member_get(&self, no: MemberNo) -> Result<Option<MemberRow>, StoreError> {
        let image = self.with(|conn| sweep::state(conn, &self.0.shared.recent, no))?;
        image.map(|image| parse(no, &image)).transpose()
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
        let items: Vec<MemberRow> =
            images.iter().take(limit).map(|(no, image)| parse(*no, image)).collect::<Result<_, _>>()?;
        let next = items.last().filter(|_| more).map(|member| member.no);
        Ok(Page { items, next })
    }
}

fn parse(no: MemberNo, image: &str) -> Result<MemberRow, StoreError> {
    form::from_json(image, || format!("member {no}"))
}
