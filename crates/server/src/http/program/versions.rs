//! `GET /v1/program/versions`, newest first.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};
use store::ProgramVersion;

use super::get::hex;
use crate::app::App;
use crate::http::body::answer;
use crate::http::problem::Answer;

pub async fn handle(State(app): State<Arc<App>>) -> Answer {
    let versions = app.read(store::Reader::program_version_list).await?;
    let versions: Vec<Value> = versions.iter().rev().map(shape).collect();
    Ok(answer(200, &json!({ "versions": versions })))
}

pub fn shape(version: &ProgramVersion) -> Value {
    json!({
        "version": version.version,
        "hash": hex(&version.hash),
        "published_at": jiff::Timestamp::from_millisecond(version.published_ms).ok(),
        "published_by": version.published_by,
    })
}
