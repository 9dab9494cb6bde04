//! Rows of the journal: one by its position or its event's id, all in order, and the transfers of a member.

use domain::event::{Event, MemberNo};
use domain::outcome::{Decision, Status, Transfer};

use super::{Page, Reader};
use crate::db::{self, Db, values};
use crate::sqlite::form;
use crate::{Raw, StoreError};

/// A row of the journal. For a row that waited and was applied later, `event` is the one that waited.
#[derive(Clone, Debug)]
pub struct Row {
    pub pos: u64,
    pub member: Option<MemberNo>,
    /// The member's row before this one; 0 if none.
    pub prev_pos: u64,
    /// When it was decided.
    pub recorded_ms: i64,
    /// Where it waited.
    pub again: Option<u64>,
    pub event: Event,
    pub origin: Box<str>,
    pub body_hash: [u8; 32],
    pub decision: Decision,
}

#[derive(Clone, Debug)]
pub struct TransferRow {
    pub pos: u64,
    /// Its number within the row.
    pub n: u16,
    pub recorded_ms: i64,
    pub source: Box<str>,
    pub event_id: Box<str>,
    pub event_type: Box<str>,
    /// When the event happened.
    pub time: jiff::Timestamp,
    pub transfer: Transfer,
}

/// Rows that one question may visit before it answers with what it has.
const VISITS_MAX: usize = 10_000;
/// Rows that are read at once.
const SLICE: usize = 256;

impl Reader {
    /// Every row of the event: the first, and the one that applied it if it had to wait. Without a source, the
    /// events of all sources that have this id.
    pub fn event_get(&self, source: Option<&str>, id: &str) -> Result<Vec<Row>, StoreError> {
        let key = self.0.maker.event_id(id);
        self.with(|db| {
            let found = self.0.home.locate(db, &[key])?;
            let mut rows = Vec::new();
            for &pos in found.iter().flatten() {
                // What is in flight has a key and no row yet.
                rows.extend(row_get(db, pos)?);
            }
            rows.retain(|row| {
                &*row.event.id == id && source.is_none_or(|source| &*row.event.source == source)
            });
            Ok(rows)
        })
    }

    pub fn journal_get(&self, pos: u64) -> Result<Option<Row>, StoreError> {
        self.with(|db| row_get(db, pos))
    }

    /// What the vendor sent, if this row came as a webhook.
    pub fn raw_get(&self, pos: u64) -> Result<Option<Raw>, StoreError> {
        let select = "SELECT source, headers, body FROM raw WHERE pos = ?1";
        let read = |r: &db::Row<'_>| Ok((r.get(0)?, r.get::<String>(1)?, r.get(2)?));
        let found = self.with(|db| db.one(select, values![pos], read))?;
        let Some((source, headers, body)) = found else { return Ok(None) };
        let headers = form::from_json(&headers, || format!("the headers of row {pos}"))?;
        Ok(Some(Raw { source, headers, body }))
    }

    /// Webhooks of one source as they came, newest first, from before `cursor`. A page may be short although there is
    /// more, as with `event_list`.
    pub fn raw_list(
        &self,
        source: &str,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<(Row, Raw)>, StoreError> {
        let before = cursor.unwrap_or(i64::MAX.cast_unsigned());
        self.at_once(|db| {
            let select =
                "SELECT pos, source, headers, body FROM raw WHERE pos < ?1 ORDER BY pos DESC LIMIT ?2";
            let keep = |r: &db::Row<'_>| {
                let wanted = r.text(1)? == Some(source);
                wanted.then(|| Ok((r.get(0)?, r.get(2)?, r.get(3)?))).transpose()
            };
            let (found, next): (Vec<(u64, String, Vec<u8>)>, _) = backwards(db, select, before, limit, keep)?;
            let mut items = Vec::with_capacity(found.len());
            for (pos, headers, body) in found {
                let row = row_get(db, pos)?
                    .ok_or_else(|| StoreError::Corrupt(format!("row {pos} is not there")))?;
                let headers = form::from_json(&headers, || format!("the headers of row {pos}"))?;
                items.push((row, Raw { source: source.into(), headers, body }));
            }
            Ok(Page { items, next })
        })
    }

    /// Newest first, from before `cursor`. A page may be short although there is more: a rare status is looked for in
    /// so many rows at a time.
    pub fn event_list(
        &self,
        cursor: Option<u64>,
        status: Option<Status>,
        limit: usize,
    ) -> Result<Page<Row>, StoreError> {
        let before = cursor.unwrap_or(i64::MAX.cast_unsigned());
        let wanted =
            status.map(|status| serde_json::to_string(&status).expect("a word is JSON").replace('"', ""));
        self.at_once(|db| {
            let select = format!(
                "SELECT pos, {} FROM journal WHERE pos < ?1 ORDER BY pos DESC LIMIT ?2",
                db.field("decided", "s")
            );
            let keep = |r: &db::Row<'_>| {
                let wanted = wanted.is_none() || r.text(1)? == wanted.as_deref();
                wanted.then(|| r.get(0)).transpose()
            };
            let (found, next): (Vec<u64>, _) = backwards(db, &select, before, limit, keep)?;
            let items =
                found.into_iter().filter_map(|pos| row_get(db, pos).transpose()).collect::<Result<_, _>>()?;
            Ok(Page { items, next })
        })
    }

    /// The member's transfers, newest row first, following the chain of his rows; whole rows until there are `limit`.
    /// The cursor is the position where to go on.
    pub fn transfer_list(
        &self,
        member: MemberNo,
        cursor: Option<u64>,
        limit: usize,
    ) -> Result<Page<TransferRow>, StoreError> {
        let mut pos = match cursor {
            Some(pos) => pos,
            None => self.member_get(member)?.map_or(0, |member| member.last_pos),
        };
        self.at_once(|db| {
            let (mut items, mut visits) = (Vec::new(), 0);
            while pos != 0 && items.len() < limit && visits < VISITS_MAX {
                visits += 1;
                let row = row_get(db, pos)?.filter(|row| row.member == Some(member));
                let Some(row) = row else {
                    // A cursor that was never given out leads nowhere; a broken chain is for `verify` to tell.
                    return Ok(Page { items, next: None });
                };
                pos = row.prev_pos;
                push_transfers(row, &mut items);
            }
            Ok(Page { items, next: (pos != 0).then_some(pos) })
        })
    }
}

/// Rows from before `before`, those that are kept, and where to go on if there may be more. The first column is the position.
fn backwards<T>(
    db: Db<'_>,
    select: &str,
    before: u64,
    limit: usize,
    keep: impl Fn(&db::Row<'_>) -> Result<Option<T>, StoreError>,
) -> Result<(Vec<T>, Option<u64>), StoreError> {
    let (mut found, mut visits, mut last) = (Vec::new(), 0, None);
    loop {
        let from = last.unwrap_or(before);
        let slice = db.all(select, values![from, SLICE], |r| Ok((r.get(0)?, keep(r)?)))?;
        let more = slice.len() == SLICE;
        for (pos, kept) in slice {
            if found.len() == limit || visits == VISITS_MAX {
                return Ok((found, last));
            }
            visits += 1;
            last = Some(pos);
            found.extend(kept);
        }
        if !more {
            return Ok((found, None));
        }
    }
}

fn push_transfers(row: Row, items: &mut Vec<TransferRow>) {
    for (n, transfer) in row.decision.transfers.into_iter().enumerate().rev() {
        items.push(TransferRow {
            pos: row.pos,
            n: u16::try_from(n).unwrap_or(u16::MAX),
            recorded_ms: row.recorded_ms,
            source: row.event.source.clone(),
            event_id: row.event.id.clone(),
            event_type: row.event.kind.clone(),
            time: row.event.time,
            transfer,
        });
    }
}

/// The row at `pos`, whole.
pub fn row_get(db: Db<'_>, pos: u64) -> Result<Option<Row>, StoreError> {
    let Some(stored) = stored_get(db, pos)? else { return Ok(None) };
    // A row may have waited more than once; each names the one before, and the first has the event.
    let (mut waited, mut again) = (None::<Stored>, stored.again);
    while let Some(before) = again.filter(|before| *before < pos) {
        waited = stored_get(db, before)?;
        again = waited.as_ref().and_then(|waited| waited.again).filter(|again| *again < before);
    }
    let from = waited.as_ref().unwrap_or(&stored);
    let (Some(input), Some(hash)) = (&from.input, &from.body_hash) else {
        return Err(StoreError::Corrupt(format!("row {pos} has no event")));
    };
    let (event, origin) = form::input_from_json(input)?;
    let body_hash =
        hash[..].try_into().map_err(|_| StoreError::Corrupt(format!("row {pos} has no body hash")))?;
    let decision = form::from_json(&stored.decided, || format!("the decision of row {pos}"))?;
    Ok(Some(Row {
        pos,
        member: stored.member,
        prev_pos: stored.prev,
        recorded_ms: stored.now_ms,
        again: stored.again,
        event,
        origin,
        body_hash,
        decision,
    }))
}

struct Stored {
    member: Option<u64>,
    prev: u64,
    now_ms: i64,
    again: Option<u64>,
    input: Option<String>,
    body_hash: Option<Vec<u8>>,
    decided: String,
}

fn stored_get(db: Db<'_>, pos: u64) -> Result<Option<Stored>, StoreError> {
    let select = "SELECT member, prev, now_ms, again, input, body_hash, decided FROM journal WHERE pos = ?1";
    db.one(select, values![pos], |r| {
        Ok(Stored {
            member: r.get(0)?,
            prev: r.get(1)?,
            now_ms: r.get(2)?,
            again: r.get(3)?,
            input: r.get(4)?,
            body_hash: r.get(5)?,
            decided: r.get(6)?,
        })
    })
}
