//! `GET /v1/events/{event_id}/explanation`: why it came out as it did, from what was recorded with it.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::{Map, Value, json};

use super::get::{Query, find, record};
use crate::app::App;
use crate::http::body::answer;
use crate::http::problem::Answer;
use crate::http::query::Params;
use crate::http::shape::Eyes;

pub async fn handle(State(app): State<Arc<App>>, Path(id): Path<String>, Params(query): Params<Query>) -> Answer {
    let row = find(&app, id, query).await?;
    let plan = app.current.get();
    let eyes = Eyes { plan: &plan, ids: &app.ids };
    let seen: Map<String, Value> = row.decision.seen.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    Ok(answer(200, &json!({"event": record(eyes, &row), "rules": [], "seen": seen})))
}
