//! Health, metrics, and the answers for what is not there. No key, no secrets.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::Response;
use serde_json::json;

use super::body::{answer, bytes};
use super::problem::{Answer, Problem};
use crate::app::App;

pub async fn live() -> Response {
    answer(200, &json!({"status": "ok"}))
}

/// Not ready: draining, or the database does not answer.
pub async fn ready(State(app): State<Arc<App>>) -> Answer {
    let not_ready = |detail: &str| Problem::new(503, "not_ready", "Not ready", detail).retry(1);
    if app.draining.load(Ordering::Relaxed) {
        return Err(not_ready("the server is stopping"));
    }
    let stats =
        app.read(|reader| reader.stats()).await.map_err(|_| not_ready("the database does not answer"))?;
    let plan = app.versions.current();
    Ok(answer(
        200,
        &json!({"status": "ok", "program": plan.id, "program_version": plan.version, "events": stats.rows, "waiting": app.intake.waiting()}),
    ))
}

pub async fn metrics(State(app): State<Arc<App>>) -> Answer {
    app.figures.look(&app).await;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &app.registry).map_err(|_| Problem::internal())?;
    Ok(bytes(200, "application/openmetrics-text; version=1.0.0; charset=utf-8", text))
}

pub async fn nowhere() -> Problem {
    Problem::new(404, "route_unknown", "There is no such address", "GET /openapi.json describes all of them")
}

pub async fn wrong_method() -> Problem {
    Problem::new(
        405,
        "method_not_allowed",
        "This address has no such method",
        "GET /openapi.json describes all of them",
    )
}
