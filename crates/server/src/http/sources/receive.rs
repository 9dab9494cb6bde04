//! `POST /v1/sources/{name}`: a vendor's signed webhook. The signature is proved over the raw bytes before anything
//! reads them; what is not proved is counted and logged by its reason, never kept.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::json;
use wire::headers::Headers;
use wire::signature::{self, Refused};

use crate::app::App;
use crate::http::body::{self, answer};
use crate::http::problem::{Answer, Problem};

pub async fn handle(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    request: Body,
) -> Answer {
    let source = app.sources.get(&name).ok_or_else(|| Problem::not_found("source"))?;
    let bytes = body::read_raw(&headers, request, app.bounds.body_bytes_max, &app.bounds).await?;
    let given = Headers::new(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let now = jiff::Timestamp::now();
    match signature::verify(&source.scheme, &given, bytes.to_vec().into(), &source.secrets, now) {
        Ok(_verified) => Err(Problem::internal()),
        Err(Refused::Ping) => Ok(answer(200, &json!({"outcomes": [], "note": "ping"}))),
        Err(refused) => {
            app.metrics.webhook(&name, refused.code());
            tracing::warn!(source = name, code = refused.code(), bytes = bytes.len(), "a webhook was refused");
            Err(Problem::new(401, refused.code(), "This sender is not proved", "the signature is missing, malformed or wrong"))
        }
    }
}
