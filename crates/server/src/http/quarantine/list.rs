//! `GET /v1/quarantine`: events that contradicted themselves and bodies that were refused, newest first.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;

use crate::app::App;
use crate::http::page::Paging;
use crate::http::problem::Answer;

#[derive(Serialize)]
struct Item {
    at: Option<jiff::Timestamp>,
    kind: Box<str>,
    source: Box<str>,
    event_id: Option<Box<str>>,
    reason: Box<str>,
    headers: Vec<(String, String)>,
    body: String,
}

pub async fn handle(State(app): State<Arc<App>>, paging: Paging) -> Answer {
    let (limit, cursor) = (paging.limit, paging.cursor);
    let found = app.read_long(move |reader| reader.quarantine_list(cursor, limit)).await?;
    let items: Vec<Item> = found
        .items
        .into_iter()
        .map(|row| Item {
            at: jiff::Timestamp::from_millisecond(row.at_ms).ok(),
            kind: row.kind,
            source: row.source,
            event_id: row.event_id,
            reason: row.reason,
            headers: row.headers,
            body: String::from_utf8_lossy(&row.body).into_owned(),
        })
        .collect();
    paging.answer("quarantine", &items, found.next)
}
