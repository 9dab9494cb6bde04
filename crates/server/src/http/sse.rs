//! Answers that stay open: server-sent events. Who is told what is in `feed/stream` and `members/context/stream`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use futures_util::{Stream, StreamExt, future};

use crate::app::Principal;

/// A line is sent at least so often, so that both ends know that the other is there.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// Frames as they come, until they end or the key does: whose key is revoked is told nothing more.
pub fn answer(by: Arc<Principal>, frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let frames = frames.take_while(move |_| future::ready(by.is_live()));
    let mut response = Response::new(Body::from_stream(frames.map(Ok::<_, Infallible>)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// What the reader saw last, if he says so.
pub fn last_seen(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty())
}
