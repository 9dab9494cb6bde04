//! The newest rows of a member, as far as they are told of: by the chain of his rows, and what is stored passed over
//! where nobody asks for it.

use std::borrow::Cow;

use domain::glance::{Glance, Told};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Reader;
use crate::StoreError;
use crate::db::{Db, Row, values};
use crate::sqlite::form;

/// A row of a member: which event, and what is shown of its outcome.
#[derive(Debug)]
pub struct Act {
    pub pos: u64,
    pub source: Box<str>,
    pub kind: Box<str>,
    /// When it happened.
    pub time: Timestamp,
    pub glance: Glance,
    /// Of an event that tells what an order holds: that.
    pub told: Told,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    time: Timestamp,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Reader {
    /// The newest rows of the chains that these rows end, newest first, and whether there are no more than `most`.
    pub fn act_list(&self, newest: &[u64], most: usize) -> Result<(Vec<Act>, bool), StoreError> {
        self.at_once(|db| {
            let (mut ends, mut acts) = (newest.to_vec(), Vec::new());
            loop {
                ends.sort_unstable();
                ends.dedup();
                let Some(pos) = ends.pop().filter(|pos| *pos != 0) else { return Ok((acts, true)) };
                if acts.len() == most {
                    return Ok((acts, false));
                }
                let (act, prev) = act_get(db, pos)?;
                ends.push(prev);
                acts.push(act);
            }
        })
    }
}

/// And the member's row before it.
fn act_get(db: Db<'_>, pos: u64) -> Result<(Act, u64), StoreError> {
    let gone = || StoreError::Corrupt(format!("row {pos} is not there"));
    let select = "SELECT prev, again, input, decided FROM journal WHERE pos = ?1";
    let act = db.one(select, values![pos], |r| {
        let what = || format!("the decision of row {pos}");
        let glance = form::from_json(r.text(3)?.ok_or_else(gone)?, what)?;
        let act = match (r.text(2)?, r.get::<Option<u64>>(1)?) {
            (Some(input), _) => act(pos, input, glance)?,
            (None, Some(again)) => act(pos, &waited(db, again, pos)?, glance)?,
            (None, None) => return Err(StoreError::Corrupt(format!("row {pos} has no event"))),
        };
        Ok((act, r.get(0)?))
    })?;
    act.ok_or_else(gone)
}

fn act(pos: u64, input: &str, glance: Glance) -> Result<Act, StoreError> {
    let Event { source, r#type, time, data } = form::from_json(input, || format!("the event of row {pos}"))?;
    let tells = matches!(&*r#type, "order.paid" | "order.updated") && glance.order.is_some();
    let told = tells.then(|| serde_json::from_str(data.get()).ok()).flatten().unwrap_or_default();
    Ok(Act { pos, source: source.into(), kind: r#type.into(), time, glance, told })
}

/// A row may have waited more than once; each names the one before, and the first has the event.
fn waited(db: Db<'_>, first: u64, pos: u64) -> Result<String, StoreError> {
    let select = "SELECT again, input FROM journal WHERE pos = ?1";
    let mut at = Some(first);
    while let Some(before) = at {
        let read = |r: &Row<'_>| Ok((r.get::<Option<u64>>(0)?, r.get::<Option<String>>(1)?));
        match db.one(select, values![before], read)? {
            Some((_, Some(input))) => return Ok(input),
            Some((again, None)) => at = again.filter(|again| *again < before),
            None => break,
        }
    }
    Err(StoreError::Corrupt(format!("row {pos} has no event")))
}
