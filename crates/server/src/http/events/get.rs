//! `GET /v1/events/{event_id}`: what became of it. An event that waited is shown as it stands now.

use std::sync::Arc;

use axum::extract::State;
use domain::event::Subject;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::Row;

use crate::app::App;
use crate::http::body::answer;
use crate::http::problem::{Answer, Problem};
use crate::http::query::{Name, Params};
use crate::http::shape::{Eyes, OutcomeShape};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    source: Option<String>,
}

#[derive(Serialize)]
pub struct Record<'a> {
    #[serde(flatten)]
    outcome: OutcomeShape<'a>,
    r#type: &'a str,
    time: jiff::Timestamp,
    recorded_at: Option<jiff::Timestamp>,
    origin: &'a str,
    /// As it was sent.
    subject: Option<String>,
    data: Option<Box<RawValue>>,
}

pub async fn handle(State(app): State<Arc<App>>, Name(id): Name, Params(query): Params<Query>) -> Answer {
    let row = find(&app, id, query).await?;
    let plan = app.versions.current();
    Ok(answer(200, &record(app.eyes(&plan), &row)))
}

/// The newest row of the one event that is meant.
pub async fn find(app: &Arc<App>, id: String, query: Query) -> Result<Row, Problem> {
    let source = query.source;
    let rows = app.read(move |reader| reader.event_get(source.as_deref(), &id)).await?;
    newest(rows).map_err(|sources| match sources.as_slice() {
        [] => Problem::not_found("event"),
        all => {
            let detail = format!("several sources used this id; add ?source=, one of: {}", all.join(", "));
            Problem::new(409, "event_ambiguous", "Several events have this id", detail)
        }
    })
}

/// The newest of the rows of one event. Err: there is none, or these sources used the id.
pub fn newest(rows: Vec<Row>) -> Result<Row, Vec<String>> {
    let mut sources: Vec<String> = rows.iter().map(|row| row.event.source.to_string()).collect();
    sources.sort_unstable();
    sources.dedup();
    if sources.len() > 1 {
        return Err(sources);
    }
    rows.into_iter().max_by_key(|row| row.pos).ok_or_else(Vec::new)
}

pub fn record<'a>(eyes: Eyes<'_>, row: &'a Row) -> Record<'a> {
    let event = &row.event;
    let subject = event.subject.as_ref().map(|subject| match subject {
        Subject::Member(no) => eyes.member(*no),
        Subject::Identity(identity) => identity.as_str().to_owned(),
    });
    let data =
        std::str::from_utf8(&event.data).ok().and_then(|text| RawValue::from_string(text.to_owned()).ok());
    Record {
        outcome: OutcomeShape::new(eyes, (&event.source, &event.id), event.time, &row.decision, false),
        r#type: &event.kind,
        time: event.time,
        recorded_at: jiff::Timestamp::from_millisecond(row.recorded_ms).ok(),
        origin: &row.origin,
        subject,
        data,
    }
}
