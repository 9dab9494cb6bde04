//! `GET /v1/program`: the present version as JSON; its hash is the ETag.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderValue;

use crate::app::App;
use crate::http::body::bytes;
use crate::http::problem::{Answer, Problem};

pub async fn handle(State(app): State<Arc<App>>) -> Answer {
    let version = app.versions.current().version;
    let found = app.read(move |reader| reader.program_version_get(version)).await?;
    let program = found.ok_or_else(Problem::internal)?;
    let mut response = bytes(200, "application/json", program.body.to_string());
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&etag(&program.hash)) {
        headers.insert("etag", etag);
    }
    headers.insert("fealty-program-version", version.into());
    Ok(response)
}

pub fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|b| format!("{b:02x}")).collect()
}

pub fn etag(hash: &[u8; 32]) -> String {
    format!("\"{}\"", hex(hash))
}
