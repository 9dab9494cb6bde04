//! The journal as a feed: rows that changed something, oldest first, from behind a position.
//!
//! Invariant: positions are dense and seen only when they are durable, so whoever goes on from the last position that
//! he saw misses nothing. A row's mark is of its hash: a history that was restored and went on otherwise is told apart.

use domain::event::MemberNo;
use domain::outcome::Decision;
use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;

use super::Reader;
use crate::StoreError;
use crate::sqlite::{form, store_error};

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

fn mark(hash: &[u8]) -> Result<Mark, StoreError> {
    let begin = hash.first_chunk().ok_or_else(|| StoreError::Corrupt("a row has no hash".into()))?;
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
        self.at_once(|conn| {
            let mut page = FeedPage { rows: Vec::new(), touched: Vec::new(), end: None };
            let failed = |e: rusqlite::Error| store_error(&e);
            let select = "SELECT pos, member, now_ms, again, input, decided, hash FROM journal
                WHERE pos > ?1 ORDER BY pos LIMIT ?2";
            let mut select = conn.prepare_cached(select).map_err(failed)?;
            let mut rows = select.query((after, rows_max)).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let (pos, hash) = (row.get(0), row.get_ref(6).and_then(|hash| Ok(hash.as_blob()?)));
                let pos = pos.map_err(failed)?;
                page.end = Some((pos, mark(hash.map_err(failed)?)?));
                let member: Option<MemberNo> = row.get(1).map_err(failed)?;
                page.touched.extend(member.map(|no| (pos, no)));
                let Some(row) = feed_row(conn, row)? else { continue };
                let homes = row.decision.transfers.iter().filter_map(|transfer| transfer.of);
                page.touched.extend(homes.map(|home| (pos, home)));
                page.rows.push(row);
            }
            Ok(page)
        })
    }

    /// The newest position and its mark, 0 where nothing has come yet.
    pub fn feed_end(&self) -> Result<(u64, Mark), StoreError> {
        self.with(|conn| {
            let select = "SELECT pos, hash FROM journal ORDER BY pos DESC LIMIT 1";
            Ok(marked(conn, select, None)?.unwrap_or((0, Mark(0))))
        })
    }

    /// The mark of the row at `pos`; of 0, where the feed begins, it is 0.
    pub fn feed_mark(&self, pos: u64) -> Result<Option<Mark>, StoreError> {
        if pos == 0 {
            return Ok(Some(Mark(0)));
        }
        self.with(|conn| {
            let select = "SELECT pos, hash FROM journal WHERE pos = ?1";
            Ok(marked(conn, select, Some(pos))?.map(|(_, mark)| mark))
        })
    }
}

fn marked(conn: &Connection, select: &str, pos: Option<u64>) -> Result<Option<(u64, Mark)>, StoreError> {
    let read = conn.prepare_cached(select).and_then(|mut select| {
        let of = |r: &rusqlite::Row<'_>| Ok((r.get::<_, u64>(0)?, r.get::<_, Vec<u8>>(1)?));
        select.query_row(rusqlite::params_from_iter(pos), of).optional()
    });
    let found = read.map_err(|e| store_error(&e))?;
    found.map(|(pos, hash)| Ok((pos, mark(&hash)?))).transpose()
}

fn feed_row(conn: &Connection, row: &rusqlite::Row<'_>) -> Result<Option<FeedRow>, StoreError> {
    let failed = |e: rusqlite::Error| store_error(&e);
    let text = |at| row.get_ref(at).and_then(|value| Ok(value.as_str()?)).map_err(failed);
    let pos: u64 = row.get(0).map_err(failed)?;
    let decision: Decision = form::from_json(text(5)?, || format!("the decision of row {pos}"))?;
    if domain::change::count(&decision) == 0 {
        return Ok(None);
    }
    let mut again: Option<u64> = row.get(3).map_err(failed)?;
    let what = || format!("the event of row {pos}");
    let mut event = None;
    if again.is_none() {
        event = Some(form::from_json(text(4)?, what)?);
    }
    // It waited, perhaps more than once; the first of these rows has the event.
    while let Some(before) = again {
        let select = "SELECT again, input FROM journal WHERE pos = ?1";
        let read = conn.prepare_cached(select).and_then(|mut select| {
            select.query_row([before], |r| Ok((r.get::<_, Option<u64>>(0)?, r.get::<_, Option<String>>(1)?)))
        });
        let (earlier, input) = read.map_err(failed)?;
        if let Some(input) = input {
            event = Some(form::from_json(&input, what)?);
        }
        again = earlier.filter(|earlier| *earlier < before);
    }
    let hash = row.get_ref(6).and_then(|value| Ok(value.as_blob()?)).map_err(failed)?;
    let (mark, Some(event)) = (mark(hash)?, event) else {
        return Err(StoreError::Corrupt(format!("row {pos} has no event")));
    };
    let (member, recorded_ms) = (row.get(1).map_err(failed)?, row.get(2).map_err(failed)?);
    Ok(Some(FeedRow { pos, mark, member, recorded_ms, event, decision }))
}
