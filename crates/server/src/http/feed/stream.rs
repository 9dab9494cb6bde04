//! `GET /v1/feed/stream`: the same changes as server-sent events, as they are committed.
//!
//! The stream is drawn by whoever sends it: nothing is prepared for a reader who does not read.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;

use super::asked::{self, Sieve};
use crate::app::{App, Principal};
use crate::feed::{Cursor, Live};
use crate::http::problem::{Answer, Problem};
use crate::http::query::Params;
use crate::http::sse::{self, HEARTBEAT};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    after: Option<String>,
    types: Option<String>,
    member: Option<String>,
    segment: Option<String>,
}

struct Stream {
    app: Arc<App>,
    live: Live,
    sieve: Sieve,
    /// To be sent first.
    first: Option<String>,
}

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(by): Extension<Arc<Principal>>,
    headers: HeaderMap,
    Params(query): Params<Query>,
) -> Answer {
    let sieve = Sieve::asked(&app, query.types.as_deref(), query.member.as_deref(), query.segment).await?;
    let last = sse::last_seen(&headers);
    let mut first = "retry: 1000\n".to_owned();
    let from = match asked::place(&app, last.or(query.after.as_deref()).unwrap_or("end")).await {
        Ok(from) => {
            let _ = write!(first, "id: {from}\n\n");
            from
        }
        // A browser would ask again and again with the same id: it is told, and goes on from here.
        Err(problem) if problem.code == "feed_reset" => {
            let end = app.feed.end().await?;
            let _ = write!(
                first,
                "event: reset\nid: {end}\ndata: {{\"cursor\":\"{end}\",\"reason\":\"{}\"}}\n\n",
                problem.detail
            );
            end
        }
        Err(problem) => return Err(problem),
    };
    let live = Live::new(&app.feed, from, sieve.filter.member);
    let stream = Stream { app, live, sieve, first: Some(first) };
    let frames = futures_util::stream::unfold(stream, |mut stream| async {
        let frame = stream.frame().await?;
        Some((frame, stream))
    });
    Ok(sse::answer(by, frames))
}

impl Stream {
    /// None ends the stream: the reader comes again with the id of what he saw last.
    async fn frame(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first.into());
        }
        let silence = tokio::time::Instant::now() + HEARTBEAT;
        loop {
            let next = match tokio::time::timeout_at(silence, self.live.next()).await {
                // An id alone: he need not look through what was not for him again.
                Err(_) => return Some(format!("id: {}\n\n", self.live.place()).into()),
                Ok(Ok(next)) => next?,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a stream of the feed ends");
                    return None;
                }
            };
            let (stretch, before): (_, Cursor) = next;
            let passing =
                self.sieve.passing(&self.app, &stretch, before).await.map_err(|problem: Problem| {
                    tracing::warn!(code = problem.code, "a stream of the feed ends");
                });
            let mut frame = String::new();
            for told in passing.ok()? {
                let _ = write!(frame, "id: {}\nevent: {}\ndata: {}\n\n", told.cursor, told.kind, told.json);
            }
            if !frame.is_empty() {
                return Some(frame.into());
            }
            // Far behind, with little for him: the line is kept open, and he need not begin again.
            if tokio::time::Instant::now() >= silence {
                return Some(format!("id: {}\n\n", self.live.place()).into());
            }
        }
    }
}
