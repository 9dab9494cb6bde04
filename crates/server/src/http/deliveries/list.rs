//! `GET /v1/deliveries`: what waits for an endpoint, or what it would not take; and its newest attempts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use store::{ChangeId, DeliveryRow, Reader, StoreError};

use crate::app::App;
use crate::feed::Cursor;
use crate::http::endpoints::shape::{find, id};
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::query::{Params, query_invalid};

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    Waiting,
    Dead,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    endpoint: Option<String>,
    state: Option<Stage>,
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct DeliveryShape {
    id: String,
    endpoint: String,
    /// The change's cursor.
    change: String,
    state: &'static str,
    attempts: u32,
    next_at: Option<jiff::Timestamp>,
}

#[derive(Serialize)]
struct AttemptShape {
    change: String,
    at: jiff::Timestamp,
    took_ms: i64,
    status: Option<u16>,
    taken: bool,
    said: Box<str>,
}

pub async fn handle(State(app): State<Arc<App>>, uri: Uri, Params(query): Params<Query>) -> Answer {
    let Some(name) = &query.endpoint else {
        return Err(query_invalid("`endpoint` says of which one".into()));
    };
    let no = find(&app, name).await?.row.no;
    let dead = query.state.unwrap_or(Stage::Dead) == Stage::Dead;
    let paging = Paging::new(uri, query.limit, query.cursor.as_deref())?;
    // A page ends with a row's last message, so that a position says where to go on.
    let (after, limit) = ((paging.cursor.unwrap_or(0), u16::MAX), paging.limit);
    let rows = app.read_long(move |reader| rows(reader, no, dead, after, limit)).await?;
    let next = (rows.len() >= limit).then(|| rows.last().map(|(row, _)| row.change.0)).flatten();
    let shown: Vec<DeliveryShape> = rows.iter().map(|(row, cursor)| shown(no, row, cursor)).collect();
    paging.answer("deliveries", &shown, next)
}

/// With their cursors.
fn rows(
    reader: &Reader,
    no: u64,
    dead: bool,
    after: ChangeId,
    limit: usize,
) -> Result<Vec<(DeliveryRow, String)>, StoreError> {
    let mut rows = reader.delivery_list(no, dead, after, limit)?;
    if let Some(last) = rows.last().map(|row| row.change).filter(|_| rows.len() == limit) {
        rows.extend(
            reader
                .delivery_list(no, dead, last, usize::from(u16::MAX))?
                .into_iter()
                .take_while(|row| row.change.0 == last.0),
        );
    }
    rows.into_iter().map(|row| Ok((row.clone(), cursor(reader, row.change)?))).collect()
}

fn cursor(reader: &Reader, (pos, n): ChangeId) -> Result<String, StoreError> {
    let mark =
        reader.feed_mark(pos)?.ok_or_else(|| StoreError::Corrupt(format!("row {pos} is not there")))?;
    Ok(Cursor { pos, n, mark }.to_string())
}

fn shown(no: u64, row: &DeliveryRow, change: &str) -> DeliveryShape {
    DeliveryShape {
        id: format!("del_{no}_{change}"),
        endpoint: id(no),
        change: change.to_owned(),
        state: if row.next_ms.is_some() { "waiting" } else { "dead" },
        attempts: row.attempts,
        next_at: row.next_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()),
    }
}

pub async fn attempts(
    State(app): State<Arc<App>>,
    crate::http::query::Name(name): crate::http::query::Name,
    paging: Paging,
) -> Answer {
    let no = find(&app, &name).await?.row.no;
    let (before, limit) = (paging.cursor, paging.limit);
    let found = app
        .read_long(move |reader| {
            let page = reader.attempt_list(no, before, limit)?;
            let with_cursor = |row: store::AttemptRow| Ok((cursor(reader, row.change)?, row));
            Ok((page.items.into_iter().map(with_cursor).collect::<Result<Vec<_>, StoreError>>()?, page.next))
        })
        .await?;
    let shown: Vec<AttemptShape> = found
        .0
        .into_iter()
        .map(|(change, row)| AttemptShape {
            change,
            at: jiff::Timestamp::from_millisecond(row.at_ms).unwrap_or_default(),
            took_ms: row.took_ms,
            status: row.status,
            taken: row.taken,
            said: row.said,
        })
        .collect();
    paging.answer("attempts", &shown, found.1)
}
