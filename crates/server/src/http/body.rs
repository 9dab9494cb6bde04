//! Request bodies: bounded in bytes and in time, read whole, as they came. JSON answers.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
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
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    bounds: &Bounds,
) -> Result<Bytes, Problem> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|v| v != "identity") {
        return Err(Problem::media_type("a body without Content-Encoding"));
    }
    read_raw(body, bytes_max, bounds).await
}

/// The same for signed bodies, whose encoding is the signature's business.
pub async fn read_raw(body: Body, bytes_max: usize, bounds: &Bounds) -> Result<Bytes, Problem> {
    let whole = collect(body, bytes_max);
    match tokio::time::timeout(Duration::from_secs(bounds.body_seconds_max), whole).await {
        Ok(Some(Ok(whole))) => Ok(whole),
        Ok(Some(Err(_))) => Err(Problem::malformed("the body ended before its end")),
        Ok(None) => Err(Problem::too_large(bytes_max)),
        Err(_) => {
            let detail = format!("the body must come within {} seconds", bounds.body_seconds_max);
            Err(Problem::new(408, "body_too_slow", "The body came too slowly", detail))
        }
    }
}

/// So much of a body that is too large is read and thrown away: a sender that is still sending would not see the answer.
const DRAIN_BYTES_MAX: usize = 16 << 20;

/// None if it is larger than allowed.
async fn collect(mut body: Body, bytes_max: usize) -> Option<Result<Bytes, axum::Error>> {
    let mut parts: Vec<Bytes> = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Some(Err(error)),
        };
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= bytes_max {
            parts.push(data);
        } else if length > bytes_max + DRAIN_BYTES_MAX {
            return None;
        } else {
            parts.clear();
        }
    }
    match parts.len() {
        _ if length > bytes_max => None,
        1 => parts.pop().map(Ok),
        _ => Some(Ok(parts.concat().into())),
    }
}

/// Reads a small JSON object of our own API. Unknown fields are errors, so that nobody believes to have set one.
pub async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    bounds: &Bounds,
) -> Result<(T, Bytes), Problem> {
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
