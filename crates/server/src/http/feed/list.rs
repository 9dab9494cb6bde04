//! `GET /v1/feed`: every change in the order in which it was committed, by pages; the last page can be waited at.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::asked::{self, Sieve};
use crate::app::App;
use crate::feed::{Cursor, Live};
use crate::http::body;
use crate::http::problem::{Answer, Problem};
use crate::http::query::{Params, query_invalid};

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
const WAIT_SECONDS_MAX: u64 = 30;
/// Rows of the journal that one answer looks at: where few changes pass the filter a page may be short, or empty.
const LOOK_MAX: u64 = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    after: Option<String>,
    types: Option<String>,
    member: Option<String>,
    segment: Option<String>,
    limit: Option<usize>,
    wait: Option<u64>,
}

#[derive(Serialize)]
struct Page<'a> {
    changes: &'a [Box<RawValue>],
    next: String,
}

pub async fn handle(State(app): State<Arc<App>>, Params(query): Params<Query>) -> Answer {
    let limit = query.limit.unwrap_or(LIMIT);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(query_invalid(format!("`limit` is a whole number from 1 to {LIMIT_MAX}")));
    }
    let wait = query.wait.unwrap_or(0);
    if wait > WAIT_SECONDS_MAX {
        return Err(query_invalid(format!("`wait` is a number of seconds from 0 to {WAIT_SECONDS_MAX}")));
    }
    let sieve = Sieve::asked(&app, query.types.as_deref(), query.member.as_deref(), query.segment).await?;
    let from = match query.after.as_deref() {
        None => Cursor::START,
        Some(after) => asked::place(&app, after).await?,
    };
    let mut live = Live::new(&app.feed, from, sieve.filter.member);
    let until = tokio::time::Instant::now() + Duration::from_secs(wait);
    let (mut changes, mut next) = (Vec::new(), from.to_string());
    while changes.len() < limit {
        let Some((stretch, before)) = live.look().await? else {
            let waits = changes.is_empty() && wait > 0;
            if waits && tokio::time::timeout_at(until, live.wait()).await.is_ok_and(|go| go.is_continue()) {
                continue;
            }
            break;
        };
        next = stretch.end.to_string();
        for told in sieve.passing(&app, &stretch, before).await? {
            if changes.len() == limit {
                break;
            }
            let json = RawValue::from_string(told.json.to_string()).map_err(|_| Problem::internal())?;
            changes.push(json);
            if changes.len() == limit {
                next = told.cursor.to_string();
            }
        }
        if stretch.end.pos - from.pos >= LOOK_MAX {
            break;
        }
    }
    Ok(body::answer(200, &Page { changes: &changes, next }))
}
