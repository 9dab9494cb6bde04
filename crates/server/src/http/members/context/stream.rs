//! `GET /v1/members/{ref}/context/stream`: the document now, and anew whenever it changed. What comes in a burst is told
//! as one document.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use tokio::time::{Instant, timeout_at};

use super::{Query, asked};
use crate::app::{App, Principal};
use crate::context::{Asked, Context, context};
use crate::feed::Watcher;
use crate::http::problem::{Answer, Problem};
use crate::http::query::{Name, Params};
use crate::http::sse::{self, HEARTBEAT};

/// Between two documents at least.
const REST: Duration = Duration::from_millis(100);
/// What changes with time alone, with the program or with a stock is looked for so often.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

struct Stream {
    app: Arc<App>,
    asked: Asked,
    watch: Watcher,
    /// To be sent first.
    first: Option<Bytes>,
    /// What the reader has.
    tag: String,
    looked: Instant,
}

pub async fn handle(
    State(app): State<Arc<App>>,
    Extension(by): Extension<Arc<Principal>>,
    Name(name): Name,
    Params(query): Params<Query>,
    headers: HeaderMap,
) -> Answer {
    let asked = asked(&app, &by, &name, &query)?;
    let mut watch = Watcher::new(&app.feed);
    let found = look(&app, &asked, &mut watch).await?.ok_or_else(|| Problem::not_found("member"))?;
    let last = sse::last_seen(&headers);
    // Whoever comes again has it, perhaps.
    let begin = if last == Some(&*found.tag) { heartbeat(&found.tag) } else { frame(&found) };
    let first = Some(Bytes::from([b"retry: 1000\n", &*begin].concat()));
    let stream = Stream { app, asked, watch, first, tag: found.tag, looked: Instant::now() };
    let frames = futures_util::stream::unfold(stream, |mut stream| async {
        let frame = stream.next().await?;
        Some((frame, stream))
    });
    Ok(sse::answer(by, frames))
}

/// The document as it is, and nothing that changes it later is missed.
async fn look(app: &Arc<App>, asked: &Asked, watch: &mut Watcher) -> Result<Option<Context>, Problem> {
    loop {
        let Some(found) = context(app, asked.clone()).await? else { return Ok(None) };
        if !watch.of(&found.of) {
            return Ok(Some(found));
        }
    }
}

fn frame(found: &Context) -> Bytes {
    format!("id: {}\nevent: context\ndata: {}\n\n", found.tag, found.json).into()
}

fn heartbeat(tag: &str) -> Bytes {
    format!("id: {tag}\n\n").into()
}

impl Stream {
    /// None ends the stream: the reader comes again with the id of what he saw last.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let silence = Instant::now() + HEARTBEAT;
        loop {
            let look_again = self.looked + LOOK_AGAIN;
            match timeout_at(silence.min(look_again), self.watch.changed()).await {
                Ok(ControlFlow::Break(())) => return None,
                Ok(ControlFlow::Continue(())) => tokio::time::sleep_until(self.looked + REST).await,
                Err(_) if Instant::now() < look_again => return Some(heartbeat(&self.tag)),
                Err(_) => {}
            }
            self.looked = Instant::now();
            let found = look(&self.app, &self.asked, &mut self.watch).await;
            let found = found.map_err(|problem| tracing::warn!(code = problem.code, "a stream ends"));
            let found = found.ok()??;
            if found.tag != self.tag {
                self.tag.clone_from(&found.tag);
                return Some(frame(&found));
            }
        }
    }
}
