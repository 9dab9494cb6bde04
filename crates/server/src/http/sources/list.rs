//! `GET /v1/sources`: which may send. Secrets are counted, never shown.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use crate::app::App;
use crate::http::body::answer;

pub async fn handle(State(app): State<Arc<App>>) -> Response {
    let program = app.versions.current().id.clone();
    let sources: Vec<Value> = app
        .sources
        .iter()
        .map(|(name, source)| {
            json!({"name": name, "kind": source.kind, "program": program, "path": format!("/v1/sources/{name}"), "secrets": source.secret_count})
        })
        .collect();
    answer(200, &json!({ "sources": sources }))
}
