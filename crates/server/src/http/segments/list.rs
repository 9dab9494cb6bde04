//! `GET /v1/segments`: the segments of the program.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use crate::app::App;
use crate::http::body;

pub async fn handle(State(app): State<Arc<App>>) -> Response {
    let plan = app.versions.current();
    let segment =
        |segment: &domain::plan::Segment| json!({"id": &*segment.id, "when": &*segment.when.source});
    let segments: Vec<Value> = plan.segments.iter().map(segment).collect();
    body::answer(200, &json!({"segments": segments}))
}
