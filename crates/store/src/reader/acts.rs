//! The newest rows of a member, as far as they are told of: by the chain of his rows, and what is stored passed over
//! where nobody asks for it.

use std::borrow::Cow;

use domain::glance::Glance;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Reader;
use crate::StoreError;
use crate::sqlite::{form, store_error};

/// A row of a member: which event, and what is shown of its outcome.
#[derive(Debug)]
pub struct Act {
    pub pos: u64,
    pub source: Box<str>,
    pub kind: Box<str>,
    /// When it happened.
    pub time: Timestamp,
    pub data: Box<RawValue>,
    pub glance: Glance,
}

#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    time: Timestamp,
    data: Box<RawValue>,
}

impl Reader {
    /// The newest rows of the chains that these rows end, newest first, and whether there are no more than `most`.
    pub fn act_list(&self, newest: Vec<u64>, most: usize) -> Result<(Vec<Act>, bool), StoreError> {
        self.at_once(|conn| {
            let (mut ends, mut acts) = (newest, Vec::new());
            loop {
                ends.sort_unstable();
                ends.dedup();
                let Some(pos) = ends.pop().filter(|pos| *pos != 0) else { return Ok((acts, true)) };
                if acts.len() == most {
                    return Ok((acts, false));
                }
                let (act, prev) = act_get(conn, pos)?;
                ends.push(prev);
                acts.push(act);
            }
        })
    }
}

/// And the member's row before it.
fn act_get(conn: &Connection, pos: u64) -> Result<(Act, u64), StoreError> {
    let failed = |e: rusqlite::Error| store_error(&e);
    let gone = || StoreError::Corrupt(format!("row {pos} is not there"));
    let select = "SELECT prev, again, input, decided FROM journal WHERE pos = ?1";
    let mut select = conn.prepare_cached(select).map_err(failed)?;
    let mut rows = select.query([pos]).map_err(failed)?;
    let row = rows.next().map_err(failed)?.ok_or_else(gone)?;
    let text = |at| row.get_ref(at).and_then(|value| Ok(value.as_str_or_null()?)).map_err(failed);
    let prev: u64 = row.get(0).map_err(failed)?;
    let what = || format!("the decision of row {pos}");
    let glance = form::from_json(text(3)?.ok_or_else(gone)?, what)?;
    let told = match (text(2)?, row.get::<_, Option<u64>>(1).map_err(failed)?) {
        (Some(input), _) => told(input, pos)?,
        (None, Some(again)) => waited(conn, again, pos)?,
        (None, None) => return Err(StoreError::Corrupt(format!("row {pos} has no event"))),
    };
    let (source, kind, time, data) = told;
    Ok((Act { pos, source, kind, time, data, glance }, prev))
}

type Event = (Box<str>, Box<str>, Timestamp, Box<RawValue>);

fn told(input: &str, pos: u64) -> Result<Event, StoreError> {
    let told: Told = form::from_json(input, || format!("the event of row {pos}"))?;
    Ok((told.source.into(), told.r#type.into(), told.time, told.data))
}

/// A row may have waited more than once; each names the one before, and the first has the event.
fn waited(conn: &Connection, first: u64, pos: u64) -> Result<Event, StoreError> {
    let select = "SELECT again, input FROM journal WHERE pos = ?1";
    let mut select = conn.prepare_cached(select).map_err(|e| store_error(&e))?;
    let mut at = Some(first);
    while let Some(before) = at {
        let of = |r: &rusqlite::Row<'_>| Ok((r.get(0)?, r.get(1)?));
        let found: Option<(Option<u64>, Option<String>)> =
            select.query_row([before], of).optional().map_err(|e| store_error(&e))?;
        match found {
            Some((_, Some(input))) => return told(&input, before),
            Some((again, None)) => at = again.filter(|again| *again < before),
            None => break,
        }
    }
    Err(StoreError::Corrupt(format!("row {pos} has no event")))
}
