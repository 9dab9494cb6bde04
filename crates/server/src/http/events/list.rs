//! `GET /v1/events`: newest first, all or those of one status.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use domain::outcome::{Reason, Status};
use serde::{Deserialize, Serialize};
use store::Row;

use crate::app::App;
use crate::http::page::Paging;
use crate::http::problem::Answer;
use crate::http::query::Params;
use crate::http::shape::Eyes;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    limit: Option<u32>,
    cursor: Option<String>,
    status: Option<Status>,
}

#[derive(Serialize)]
struct Summary<'a> {
    source: &'a str,
    id: &'a str,
    r#type: &'a str,
    time: jiff::Timestamp,
    recorded_at: Option<jiff::Timestamp>,
    status: Status,
    member: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a Reason>,
}

pub async fn handle(State(app): State<Arc<App>>, uri: Uri, Params(query): Params<Query>) -> Answer {
    let paging = Paging::new(uri, query.limit, query.cursor.as_deref())?;
    let (limit, cursor, status) = (paging.limit, paging.cursor, query.status);
    let found = app.read_long(move |reader| reader.event_list(cursor, status, limit)).await?;
    let plan = app.versions.current();
    let eyes = app.eyes(&plan);
    let events: Vec<Summary<'_>> = found.items.iter().map(|row| summary(eyes, row)).collect();
    paging.answer("events", &events, found.next)
}

fn summary<'a>(eyes: Eyes<'_>, row: &'a Row) -> Summary<'a> {
    Summary {
        source: &row.event.source,
        id: &row.event.id,
        r#type: &row.event.kind,
        time: row.event.time,
        recorded_at: jiff::Timestamp::from_millisecond(row.recorded_ms).ok(),
        status: row.decision.status,
        member: row.decision.member.map(|no| eyes.member(no)),
        reason: row.decision.reason.as_ref(),
    }
}
