//! Request bodies: bounded in bytes and in time, read whole, as they came. JSON answers.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::settings::Bounds;

/// The media type without parameters, in lower case.
pub fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads the whole body. Encoded bodies are refused: a bomb cannot go off that is never unpacked.
pub async fn read(headers: &HeaderMap, body: Body, bytes_max: usize, bounds: &Bounds) -> Result<Bytes, Problem> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|v| v != "identity") {
        return Err(Problem::media_type("a body without Content-Encoding"));
    }
    read_raw(headers, body, bytes_max, bounds).await
}

/// The same for signed bodies, whose encoding is the signature's business.
pub async fn read_raw(headers: &HeaderMap, body: Body, bytes_max: usize, bounds: &Bounds) -> Result<Bytes, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max) {
        return Err(Problem::too_large(bytes_max));
    }
    let whole = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(Duration::from_secs(bounds.body_seconds_max), whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::too_large(bytes_max)),
        Ok(Err(_)) => Err(Problem::malformed("the body ended before its end")),
        Err(_) => {
            let detail = format!("the body must come within {} seconds", bounds.body_seconds_max);
            Err(Problem::new(408, "body_too_slow", "The body came too slowly", detail))
        }
    }
}

/// Reads a small JSON object of our own API. Unknown fields are errors, so that nobody believes to have set one.
pub async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body, bounds: &Bounds) -> Result<(T, Bytes), Problem> {
    let kind = media_type(headers);
    if kind != "application/json" {
        return Err(Problem::media_type("application/json"));
    }
    let bytes = read(headers, body, bounds.body_bytes_max, bounds).await?;
    match serde_json::from_slice(&bytes) {
        Ok(value) => Ok((value, bytes)),
        Err(error) if error.is_data() => Err(Problem::invalid(error.to_string())),
        Err(error) => Err(Problem::malformed(error.to_string())),
    }
}

pub fn answer(status: u16, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    bytes(status, "application/json", body)
}

pub fn bytes(status: u16, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
