//! `GET /v1/sources/{name}/deliveries`: webhooks as they came, newest first, for a person to see.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::http::page::Paging;
use crate::http::problem::{Answer, Problem};
use crate::http::query::Name;

#[derive(Serialize)]
struct Delivery {
    received_at: Option<jiff::Timestamp>,
    event: serde_json::Value,
    status: domain::outcome::Status,
    headers: Vec<(String, String)>,
    body: String,
}

pub async fn handle(State(app): State<Arc<App>>, Name(name): Name, paging: Paging) -> Answer {
    if !app.sources.contains_key(&name) {
        return Err(Problem::not_found("source"));
    }
    let (limit, cursor) = (paging.limit, paging.cursor);
    let found = app.read_long(move |reader| reader.raw_list(&name, cursor, limit)).await?;
    let deliveries: Vec<Delivery> = found
        .items
        .into_iter()
        .map(|(row, raw)| Delivery {
            received_at: jiff::Timestamp::from_millisecond(row.recorded_ms).ok(),
            event: json!({"source": row.event.source, "id": row.event.id, "type": row.event.kind}),
            status: row.decision.status,
            headers: raw.headers,
            body: String::from_utf8_lossy(&raw.body).into_owned(),
        })
        .collect();
    paging.answer("deliveries", &deliveries, found.next)
}
