//! The journal as a feed: rows that changed something, oldest first, from behind a position.
//!
//! Invariant: positions are dense and seen only when they are durable, so whoever goes on from the last position that
//! he saw misses nothing. A row's mark is of its hash: a history that was restored and went on otherwise is told apart.

use domain::event::MemberNo;
use domain::outcome::Decision;
use serde::Deserialize;

use super::Reader;
use crate::StoreError;
use crate::db::{Db, Row, values};
use crate::sqlite::form;

/// A row that changed something.
#[derive(Clone, Debug)]
pub struct FeedRow {
    pub pos: u64,
    pub mark: Mark,
    pub member: Option<MemberNo>,
    pub recorded_ms: i64,
    pub event: EventName,
    pub decision: Decision,
}

/// Of what event, without its data.
#[derive(Clone, Debug, Deserialize)]
pub struct EventName {
    pub source: Box<str>,
    pub id: Box<str>,
    #[serde(rename = "type")]
    pub kind: Box<str>,
    pub time: jiff::Timestamp,
}

/// The beginning of a row's hash, which is chained to all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(pub u32);

fn mark(hash: Option<&[u8]>) -> Result<Mark, StoreError> {
    let begin = hash
        .and_then(|hash| hash.first_chunk())
        .ok_or_else(|| StoreError::Corrupt("a row has no hash".into()))?;
    Ok(Mark(u32::from_be_bytes(*begin)))
}

/// Some rows of the feed, and the last row that was looked at, behind which to go on; none where there was no more.
pub struct FeedPage {
    pub rows: Vec<FeedRow>,
    /// In which row which member, or household, became another, told or not.
    pub touched: Vec<(u64, MemberNo)>,
    pub end: Option<(u64, Mark)>,
}

impl Reader {
    /// At most `rows_max` rows of the journal behind `after` are looked at; fewer only at its end.
    pub fn feed_list(&self, after: u64, rows_max: usize) -> Result<FeedPage, StoreError> {
        self.at_once(|db| {
            let mut page = FeedPage { rows: Vec::new(), touched: Vec::new(), end: None };
            let select = "SELECT pos, member, now_ms, again, input, decided, hash FROM journal
                WHERE pos > ?1 ORDER BY pos LIMIT ?2";
            db.each(select, values![after, rows_max], |r| {
                let pos = r.get(0)?;
                page.end = Some((pos, mark(r.bytes(6)?)?));
                let member: Option<MemberNo> = r.get(1)?;
                page.touched.extend(member.map(|no| (pos, no)));
                let Some(row) = feed_row(db, r)? else { return Ok(()) };
                let homes = row.decision.transfers.iter().filter_map(|transfer| transfer.of);
                page.touched.extend(homes.map(|home| (pos, home)));
                page.rows.push(row);
                Ok(())
            })?;
            Ok(page)
        })
    }

    /// The newest position and its mark, 0 where nothing has come yet.
    pub fn feed_end(&self) -> Result<(u64, Mark), StoreError> {
        self.with(|db| {
            let select = "SELECT pos, hash FROM journal ORDER BY pos DESC LIMIT 1";
            Ok(db.one(select, &[], marked)?.unwrap_or((0, Mark(0))))
        })
    }

    /// The mark of the row at `pos`; of 0, where the feed begins, it is 0.
    pub fn feed_mark(&self, pos: u64) -> Result<Option<Mark>, StoreError> {
        if pos == 0 {
            return Ok(Some(Mark(0)));
        }
        self.with(|db| {
            let select = "SELECT pos, hash FROM journal WHERE pos = ?1";
            Ok(db.one(select, values![pos], marked)?.map(|(_, mark)| mark))
        })
    }
}

fn marked(r: &Row<'_>) -> Result<(u64, Mark), StoreError> {
    Ok((r.get(0)?, mark(r.bytes(1)?)?))
}

fn feed_row(db: Db<'_>, r: &Row<'_>) -> Result<Option<FeedRow>, StoreError> {
    let pos: u64 = r.get(0)?;
    let gone = || StoreError::Corrupt(format!("row {pos} has no event"));
    let decided = r.text(5)?.ok_or_else(gone)?;
    let decision: Decision = form::from_json(decided, || format!("the decision of row {pos}"))?;
    if domain::change::count(&decision) == 0 {
        return Ok(None);
    }
    let mut again: Option<u64> = r.get(3)?;
    let what = || format!("the event of row {pos}");
    let mut event = None;
    if again.is_none() {
        event = Some(form::from_json(r.text(4)?.ok_or_else(gone)?, what)?);
    }
    // It waited, perhaps more than once; the first of these rows has the event.
    while let Some(before) = again {
        let select = "SELECT again, input FROM journal WHERE pos = ?1";
        let read = |r: &Row<'_>| Ok((r.get::<Option<u64>>(0)?, r.get::<Option<String>>(1)?));
        let (earlier, input) = db.one(select, values![before], read)?.ok_or_else(gone)?;
        if let Some(input) = input {
            event = Some(form::from_json(&input, what)?);
        }
        again = earlier.filter(|earlier| *earlier < before);
    }
    let (mark, event) = (mark(r.bytes(6)?)?, event.ok_or_else(gone)?);
    let (member, recorded_ms) = (r.get(1)?, r.get(2)?);
    Ok(Some(FeedRow { pos, mark, member, recorded_ms, event, decision }))
}
